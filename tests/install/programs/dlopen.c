/* A program that knows the library by its file alone (its first argument) runs two methods on f(w) = (w - 4)^2 / 2. */
#include <dlfcn.h>
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    optim_status (*create)(optim_t **out, const char *algorithm, const char *options);
    optim_status (*add_param)(optim_t *opt, int group, const char *name, optim_dtype dtype, int ndim,
                              const int64_t *dims, void *data, void *grad);
    optim_status (*step)(optim_t *opt);
    void (*destroy)(optim_t *opt);
    const char *(*error)(void);
} api;

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(function, &symbol, sizeof symbol);
}

static float minimum_by(const char *algorithm, const char *options, int steps) {
    const int64_t dims[] = {1};
    float w = 0, gradient = 0;
    optim_t *opt;
    optim_status status = api.create(&opt, algorithm, options);
    if (status == OPTIM_OK)
        status = api.add_param(opt, 0, NULL, OPTIM_F32, 1, dims, &w, &gradient);
    for (int step = 0; status == OPTIM_OK && step < steps; ++step) {
        gradient = w - 4;
        status = api.step(opt);
    }
    if (status != OPTIM_OK)
        fprintf(stderr, "%s: %s\n", algorithm, api.error());
    api.destroy(opt);
    return w;
}

int main(int argc, char **argv) {
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: dlopen LIBRARY");
        return 1;
    }
    find(library, "optim_create", &api.create);
    find(library, "optim_add_param", &api.add_param);
    find(library, "optim_step", &api.step);
    find(library, "optim_destroy", &api.destroy);
    find(library, "optim_error", &api.error);

    const float exact = minimum_by("sgd", "lr=0.25", 2); /* 4 (1 - (3/4)^2) */
    const float near = minimum_by("rmsprop", "lr=0.01", 2000);
    printf("sgd %.9g, rmsprop %.9g\n", (double)exact, (double)near);
    const int good = exact == 1.75F && fabsf(near - 4) < 0.02F;
    return dlclose(library) == 0 && good ? 0 : 1;
}
