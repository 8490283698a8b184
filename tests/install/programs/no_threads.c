/*
 * Loading the library (its first argument) and making a handle start no thread; a step that is long enough, allowed two,
 * starts one. Its BLAS must be told to have no threads of its own: some start theirs when they are loaded.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELEMENTS = 100000 };

static struct {
    optim_status (*create)(optim_t **out, const char *algorithm, const char *options);
    optim_status (*add_param)(optim_t *opt, int group, const char *name, optim_dtype dtype, int ndim,
                              const int64_t *dims, void *data, void *grad);
    optim_status (*set_threads)(optim_t *opt, int threads);
    optim_status (*step)(optim_t *opt);
    void (*destroy)(optim_t *opt);
} api;

static int thread_count(void) {
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (const struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;)
        count += task->d_name[0] != '.';
    if (tasks != NULL)
        (void)closedir(tasks);
    return count;
}

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void expect(const char *after, int want) {
    const int got = thread_count();
    printf("%s: %d threads\n", after, got);
    if (got != want)
        exit(1);
}

int main(int argc, char **argv) {
    static float p[ELEMENTS], g[ELEMENTS];
    const int64_t dims[] = {ELEMENTS};
    optim_t *opt;
    if (thread_count() == 0)
        return 77; /* no /proc: skipped */
    expect("at the start", 1);
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: no_threads LIBRARY");
        return 1;
    }
    expect("after loading", 1);
    find(library, "optim_create", &api.create);
    find(library, "optim_add_param", &api.add_param);
    find(library, "optim_set_threads", &api.set_threads);
    find(library, "optim_step", &api.step);
    find(library, "optim_destroy", &api.destroy);
    if (api.create(&opt, "adamw", NULL) != OPTIM_OK || api.set_threads(opt, 2) != OPTIM_OK ||
        api.add_param(opt, 0, NULL, OPTIM_F32, 1, dims, p, g) != OPTIM_OK)
        return 1;
    expect("with a handle", 1);
    if (api.step(opt) != OPTIM_OK)
        return 1;
    expect("after a step on two", 2);
    api.destroy(opt);
    return 0;
}
