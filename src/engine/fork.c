#include "engine/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__) && defined(_OPENMP)
#include <fcntl.h>
#include <link.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#endif

static atomic_bool had_threads;  /* when this process forked last */
static atomic_bool lost_threads; /* this is the child of one that had some */
static pid_t known;              /* the process that loaded the library, or one that was seen to come of it */

/* Whether there is no other thread, as far as the system says. */
static bool is_alone(void) {
    struct stat threads; /* a folder with one in it for each */
    return stat("/proc/self/task", &threads) == 0 && threads.st_nlink == 3;
}

static void before_fork(void) {
    const int error = errno;
    had_threads = !is_alone();
    errno = error;
}

static void in_child(void) {
    lost_threads = lost_threads || had_threads;
    known = getpid();
}

/* ---- Forks before the library was loaded ---- */

#if defined(__linux__) && defined(_OPENMP)

/* Whether this process has come about by fork and runs the program of its parent. */
static bool came_by_fork(void) {
    enum { FLAGS = 9, FORKED_NO_EXEC = 0x40 }; /* the field; PF_FORKNOEXEC of the kernel */
    char text[512];
    const int descriptor = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    const ssize_t length = read(descriptor, text, sizeof text - 1);
    (void)close(descriptor);
    text[length < 0 ? 0 : length] = '\0';
    const char *at = strrchr(text, ')'); /* of the program's name, field 2, which may hold anything */
    for (int field = 3; at != NULL && field <= FLAGS; ++field)
        at = strchr(at + 1, ' ');
    return at != NULL && (strtoul(at, NULL, 10) & FORKED_NO_EXEC) != 0;
}

/* Ends at the first object, in the order of loading, that is the library's or that of OpenMP's run time; true (1) for
   the latter. */
static int is_run_time(struct dl_phdr_info *object, size_t size, void *context) {
    const uintptr_t own = (uintptr_t)is_run_time, openmp = (uintptr_t)omp_get_max_threads;
    bool has_own = false, has_openmp = false;
    (void)size;
    (void)context;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const uintptr_t begin = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        const uintptr_t bytes = object->dlpi_phdr[i].p_type == PT_LOAD ? object->dlpi_phdr[i].p_memsz : 0;
        has_own |= own - begin < bytes;
        has_openmp |= openmp - begin < bytes;
    }
    return has_own ? -1 : has_openmp;
}

/* In a child of a process that may have run regions before: OpenMP was there when the library came. */
static bool may_have_lost_threads(void) {
    return came_by_fork() && dl_iterate_phdr(is_run_time, NULL) > 0;
}

#else

static bool may_have_lost_threads(void) {
    return false;
}

#endif

/* When the library is loaded: the host may fork before it calls a function. */
__attribute__((constructor)) static void watch_forks(void) {
    known = getpid();
    lost_threads = may_have_lost_threads();
    (void)pthread_atfork(before_fork, NULL, in_child); /* without it, every child is unknown */
}

bool fork_left_threads_usable(void) {
    return !lost_threads && known == getpid();
}
