/* The library is loaded by a host that has functions of all its names (decoys.c), and does whatever it does by
   itself. */
#include <dlfcn.h>
#include <math.h>
#include <optim/advice.h>
#include <optim/comm.h>
#include <optim/federated.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME(name) __typeof__(name) *name;
static struct {
#include "names.inc"
} library;
#undef NAME

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void find(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(function, &symbol, sizeof symbol);
}

static void find_all(void *handle) {
#define NAME(name) find(handle, #name, &library.name);
#include "names.inc"
#undef NAME
}

#include "calls.h" /* optim_step now is the library's */

enum { N = 8 };

typedef struct model {
    optim_t *opt;
    double x[N], g[N];
} model_t;

static void good(optim_status status, int line) {
    if (status == OPTIM_OK)
        return;
    fprintf(stderr, "line %d: %d: %s\n", line, (int)status, optim_error());
    exit(1);
}
#define GOOD(call) good(call, __LINE__)

static double evaluate(model_t *m) {
    double loss = 0;
    for (int i = 0; i < N; ++i) {
        m->g[i] = (i + 1) * (m->x[i] - 0.25);
        loss += m->g[i] * (m->x[i] - 0.25) / 2;
    }
    return loss;
}

static int gradient(void *user, const optim_request *request, double *loss) {
    (void)request;
    *loss = evaluate(user);
    return 0;
}

static void open_model(model_t *m, const char *algorithm, const char *wrapper) {
    int group;
    for (int i = 0; i < N; ++i)
        m->x[i] = i;
    GOOD(optim_create(&m->opt, algorithm, NULL));
    GOOD(optim_set_components(m->opt, 3));
    GOOD(optim_add_group(m->opt, NULL, &group));
    if (wrapper != NULL)
        GOOD(optim_wrap(m->opt, wrapper, NULL));
    GOOD(optim_add_param(m->opt, group, "x", OPTIM_F64, 1, (int64_t[]){N}, m->x, m->g));
}

static void step(model_t *m) {
    optim_status status;
    do {
        GOOD(optim_set_loss(m->opt, evaluate(m)));
        status = optim_step(m->opt);
    } while (status > 0);
    GOOD(status);
}

/* Saved in every way and loaded again: the numbers that a checkpoint tells go through the library's own functions. */
static void save_and_load(model_t *m, const char *path) {
    size_t size;
    GOOD(optim_save(m->opt, path));
    GOOD(optim_save_async(m->opt, path));
    step(m);
    GOOD(optim_load(m->opt, path)); /* waits for the save */
    GOOD(optim_serialize(m->opt, NULL, 0, &size));
    char *bytes = malloc(size);
    if (bytes == NULL)
        exit(1);
    GOOD(optim_serialize(m->opt, bytes, size, &size));
    GOOD(optim_deserialize(m->opt, bytes, size));
    if (optim_deserialize(m->opt, bytes, size / 2) != OPTIM_ERR_FORMAT || *optim_error() == '\0')
        exit(1);
    free(bytes);
}

static void use(const char *algorithm, const char *wrapper, const char *path) {
    model_t m;
    open_model(&m, algorithm, wrapper);
    GOOD(optim_set_schedule(m.opt, -1, "lr", "chain", "children=constant;plateau"));
    step(&m);
    step(&m);
    save_and_load(&m, path);
    GOOD(optim_reset(m.opt));
    optim_destroy(m.opt);
}

static void minimize(void) {
    const optim_stop stop = {.size = sizeof stop, .steps = 50, .keep_best = 1};
    optim_result result = {.size = sizeof result};
    model_t m;
    open_model(&m, "lbfgs", NULL);
    const optim_problem problem = {.size = sizeof problem, .user = &m, .gradient = gradient};
    GOOD(optim_minimize(m.opt, &problem, &stop, &result));
    if (result.steps < 2 || fabs(m.x[0] - 0.25) > 1e-4) {
        fprintf(stderr, "lbfgs ended at %g after %d steps\n", m.x[0], (int)result.steps);
        exit(1);
    }
    optim_destroy(m.opt);
}

static void describe_all(void) {
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        optim_description about = {.size = sizeof about};
        GOOD(optim_describe(OPTIM_ALGORITHM, optim_algorithm_name(i), &about));
    }
}

int main(int argc, char **argv) {
    char path[] = "/tmp/names-XXXXXX";
    void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const int descriptor = mkstemp(path);
    if (handle == NULL || descriptor < 0) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: names LIBRARY");
        return 1;
    }
    find_all(handle);
    use("adamw", "ema", path);
    use("muon", "lookahead", path);
    use("lbfgs", NULL, path);
    minimize();
    describe_all();
    (void)close(descriptor);
    return unlink(path);
}
