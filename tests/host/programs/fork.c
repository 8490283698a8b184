/*
 * Children of a host step, in handles of their parent's and in their own, and end up with the parent's bits.
 * usage: fork LIBRARY openmp|alone|late
 * openmp: the host has run a parallel region of its own; the children must not wait for its threads.
 * alone: it has one thread when it forks; the children may have several.
 * late: as openmp, but it is the child that loads the library, and a child of that one.
 */
#include <dlfcn.h>
#include <omp.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COUNT = 1 << 19, STEPS = 3 };

static struct {
    __typeof__(optim_create) *create;
    __typeof__(optim_add_param) *add_param;
    __typeof__(optim_set_threads) *set_threads;
    __typeof__(optim_step) *step;
    __typeof__(optim_destroy) *destroy;
    __typeof__(optim_error) *error;
} api;

static float g[COUNT], wanted[COUNT], inherited[COUNT], own[COUNT];

static int failed(const char *why) {
    fprintf(stderr, "%s\n", why);
    return 1;
}

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL)
        exit(failed(dlerror()));
    memcpy(function, &symbol, sizeof symbol);
}

static void load(const char *file) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        exit(failed(dlerror()));
    find(library, "optim_create", &api.create);
    find(library, "optim_add_param", &api.add_param);
    find(library, "optim_set_threads", &api.set_threads);
    find(library, "optim_step", &api.step);
    find(library, "optim_destroy", &api.destroy);
    find(library, "optim_error", &api.error);
}

static optim_t *open_handle(float *x, int threads) {
    optim_t *opt;
    if (api.create(&opt, "adamw", NULL) != OPTIM_OK || api.set_threads(opt, threads) != OPTIM_OK ||
        api.add_param(opt, 0, "x", OPTIM_F32, 1, (int64_t[]){COUNT}, x, g) != OPTIM_OK)
        exit(failed(api.error()));
    return opt;
}

static void go(optim_t *opt) {
    for (int step = 0; step < STEPS; ++step)
        if (api.step(opt) != OPTIM_OK)
            exit(failed(api.error()));
    api.destroy(opt);
}

static void run_region(void) {
    int members = 0;
#pragma omp parallel num_threads(4) reduction(+ : members)
    members += omp_get_num_threads();
    if (members != 16)
        exit(failed("the host has no four threads"));
}

/* Whether this process has other threads; false where the system does not tell. */
static int has_threads(void) {
    struct stat threads;
    return stat("/proc/self/task", &threads) == 0 && threads.st_nlink > 3;
}

/* What a child does, which a signal ends if it waits for ever. */
static int child(optim_t *opt, int generations, int threads_wanted) {
    (void)alarm(60);
    if (generations > 0) {
        int status;
        const pid_t process = fork();
        if (process == 0)
            _exit(child(opt, generations - 1, threads_wanted));
        if (waitpid(process, &status, 0) != process || status != 0)
            return failed("a grandchild failed");
    }
    go(opt);
    go(open_handle(own, 4));
    if (memcmp(inherited, wanted, sizeof wanted) != 0 || memcmp(own, wanted, sizeof wanted) != 0)
        return failed("a child has other bits");
    return threads_wanted && !has_threads() ? failed("a child of a process without threads has none") : 0;
}

/* A child that loads the library, `generations` forks after the host's regions. */
static int late_child(const char *file, int generations) {
    int status;
    const pid_t process = fork();
    if (process != 0)
        return waitpid(process, &status, 0) == process && status == 0 ? 0 : failed("a child fails, or hangs");
    (void)alarm(60);
    if (generations > 1)
        _exit(late_child(file, generations - 1));
    load(file);
    go(open_handle(wanted, 1));
    go(open_handle(own, 4));
    _exit(memcmp(own, wanted, sizeof wanted) == 0 ? 0 : failed("a child has other bits"));
}

int main(int argc, char **argv) {
    if (argc != 3)
        return failed("usage: fork LIBRARY openmp|alone|late");
    if (strcmp(argv[2], "late") == 0) {
        run_region();
        return late_child(argv[1], 1) || late_child(argv[1], 2);
    }
    const int openmp = strcmp(argv[2], "openmp") == 0;
    for (int i = 0; i < COUNT; ++i)
        g[i] = (float)(i % 13) - 6;
    if (openmp)
        run_region();
    load(argv[1]);
    go(open_handle(wanted, 1));
    int status;
    const int alone = !openmp && !has_threads();
    optim_t *opt = open_handle(inherited, 4);
    const pid_t process = fork();
    if (process == 0)
        _exit(child(opt, openmp, alone));
    if (waitpid(process, &status, 0) != process || status != 0)
        return failed(WIFSIGNALED(status) ? "a child hangs" : "a child failed");
    go(opt); /* the parent has threads as before */
    return memcmp(inherited, wanted, sizeof wanted) == 0 ? 0 : failed("the parent has other bits");
}
