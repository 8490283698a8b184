#define _GNU_SOURCE
#include "guarded.h"

#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

guarded_t guarded_new(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes + page - 1) / page * page;
    guarded_t g = {NULL, NULL, size, size + 2 * page};
    g.map = mmap(NULL, g.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(g.map + page + g.size, page, PROT_NONE), 0);
    g.begin = g.map + page;
    return g;
}

void guarded_free(guarded_t *g) {
    (void)munmap(g->map, g->map_size);
}

void *guarded_place(const guarded_t *g, size_t bytes, bool at_end) {
    return at_end ? g->begin + g->size - bytes : g->begin;
}
