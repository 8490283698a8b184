/* The library is loaded, steps on several threads, saves in the background, and is unloaded while both may go on; again
 * and again. The host survives, and its threads do not grow in number. */
#include <dirent.h>
#include <dlfcn.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 100, COUNT = 1 << 18 };

static struct {
    __typeof__(optim_create) *create;
    __typeof__(optim_add_param) *add_param;
    __typeof__(optim_set_threads) *set_threads;
    __typeof__(optim_step) *step;
    __typeof__(optim_save_async) *save_async;
    __typeof__(optim_destroy) *destroy;
    __typeof__(optim_error) *error;
} api;

static float x[COUNT], g[COUNT];
static optim_t *opt[ROUNDS]; /* some stay */

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

/* Threads of this process; 0 where the system does not tell. */
static int threads(void) {
    DIR *folder = opendir("/proc/self/task");
    int count = folder == NULL ? 0 : -2; /* "." and ".." */
    for (; folder != NULL && readdir(folder) != NULL;)
        ++count;
    if (folder != NULL)
        (void)closedir(folder);
    return count;
}

/* Every third round leaves the save, and the handle with it, to themselves. */
static int go_round(const char *file, const char *path, int round) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return failed(dlerror());
    find(library, "optim_create", &api.create);
    find(library, "optim_add_param", &api.add_param);
    find(library, "optim_set_threads", &api.set_threads);
    find(library, "optim_step", &api.step);
    find(library, "optim_save_async", &api.save_async);
    find(library, "optim_destroy", &api.destroy);
    find(library, "optim_error", &api.error);
    if (api.create(&opt[round], "adamw", NULL) != OPTIM_OK ||
        api.add_param(opt[round], 0, "x", OPTIM_F32, 1, (int64_t[]){COUNT}, x, g) != OPTIM_OK ||
        (round % 2 == 0 && api.set_threads(opt[round], 4) != OPTIM_OK) || api.step(opt[round]) != OPTIM_OK ||
        (round % 10 == 0 && api.save_async(opt[round], path) != OPTIM_OK))
        return failed(api.error());
    if (round % 3 != 0)
        api.destroy(opt[round]);
    return dlclose(library) == 0 ? 0 : failed(dlerror());
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/unload-XXXXXX", path[64];
    if (argc != 2 || mkdtemp(folder) == NULL)
        return failed("usage: unload LIBRARY");
    (void)snprintf(path, sizeof path, "%s/state", folder);
    for (int i = 0; i < COUNT; ++i)
        g[i] = 1;
    int after_first = 0, wrong = 0;
    for (int round = 0; wrong == 0 && round < ROUNDS; ++round) {
        wrong = go_round(argv[1], path, round);
        if (round == 1)
            after_first = threads();
    }
    if (wrong == 0 && threads() > after_first + 2)
        wrong = failed("every round leaves a thread behind");
    (void)unlink(path);
    (void)rmdir(folder);
    return wrong;
}
