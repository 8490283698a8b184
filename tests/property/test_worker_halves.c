/* Methods with workers, taken apart: workers that send messages of optim_compress, and a server that has nothing else,
 * come to the bits of the one process. Each half is written here as the method's page has it. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { PART = 6, PARTS = 2, D = PART * PARTS, WORKERS = 3, STEPS = 7, WARMUP = 2, MESSAGE = 1024 };
static const double LR = 0.05, ETA = 0.3, MU = 0.7, BETA1 = 0.9, BETA2 = 0.8, EPS = 1e-3, DECAY = 0.1;
static const uint64_t SEED = 5;

/* The gradient of worker i. */
static void evaluate(int i, const double x[D], double g[D]) {
    for (int j = 0; j < D; ++j)
        g[j] = (1 + (i + j) % 3) * (x[j] - sin(1.3 * i + 0.7 * j)) + 0.1 * cos(3 * x[j] + i);
}

static void start(double x[D]) {
    for (int j = 0; j < D; ++j)
        x[j] = cos(0.9 * j);
}

/* ---- The halves ---- */

typedef struct wire {
    const char *compressor;
    bool draws, by_tensor;
    int64_t sent; /* messages with draws so far, which all come from one stream here */
} wire_t;

/* What arrives of x at the other end. */
static void transmit(wire_t *wire, int step, const double x[D], double arrived[D]) {
    const int parts = wire->by_tensor ? PARTS : 1;
    const int64_t n = D / parts;
    for (int part = 0; part < parts; ++part) {
        unsigned char message[MESSAGE];
        size_t size;
        const int64_t number = wire->draws ? wire->sent++ : step;
        CHECK_OK(
            optim_compress(wire->compressor, SEED, number, OPTIM_F64, 1, &n, x + part * n, message, MESSAGE, &size));
        CHECK_OK(optim_decompress(message, size, OPTIM_F64, 1, &n, arrived + part * n));
    }
}

typedef struct worker {
    double e[D], h[D], v[D]; /* error, estimate, average */
} worker_t;

typedef struct cluster {
    worker_t worker[WORKERS];
    wire_t wire;
    int step;                                            /* 0, 1, ... */
    double x[D], m[D], v[D], e[D], estimate[WORKERS][D]; /* the server's; x and m are what it sends to all */
} cluster_t;

typedef struct method {
    const char *name, *options;
    bool (*is_whole)(const cluster_t *c); /* messages go as they are; NULL: never */
    void (*send)(const cluster_t *c, worker_t *w, const double g[D], double message[D]);
    void (*sent)(worker_t *w, const double g[D], const double arrived[D]); /* NULL: the worker forgets it */
    void (*serve)(cluster_t *c, double arrived[WORKERS][D]);
} method_t;

static double sum_at(double arrived[WORKERS][D], int j) {
    double sum = 0;
    for (int i = 0; i < WORKERS; ++i)
        sum += arrived[i][j];
    return sum;
}

/* dcgd */
static void send_gradient(const cluster_t *c, worker_t *w, const double g[D], double message[D]) {
    (void)c;
    (void)w;
    memcpy(message, g, D * sizeof *message);
}
static void serve_dcgd(cluster_t *c, double arrived[WORKERS][D]) {
    for (int j = 0; j < D; ++j)
        c->x[j] -= LR * (sum_at(arrived, j) / WORKERS);
}

/* ef14 */
static void send_ef14(const cluster_t *c, worker_t *w, const double g[D], double message[D]) {
    (void)c;
    for (int j = 0; j < D; ++j)
        message[j] = w->e[j] += LR * g[j];
}
static void sent_less(worker_t *w, const double g[D], const double arrived[D]) {
    (void)g;
    for (int j = 0; j < D; ++j)
        w->e[j] -= arrived[j];
}
static void serve_ef14(cluster_t *c, double arrived[WORKERS][D]) {
    for (int j = 0; j < D; ++j)
        c->x[j] -= sum_at(arrived, j) / WORKERS;
}

/* ef21: the server keeps the estimates as the workers do */
static bool is_first(const cluster_t *c) {
    return c->step == 0;
}
static void send_ef21(const cluster_t *c, worker_t *w, const double g[D], double message[D]) {
    for (int j = 0; j < D; ++j) {
        w->v[j] = c->step == 0 ? g[j] : MU * w->v[j] + (1 - MU) * g[j];
        message[j] = w->v[j] - w->h[j];
    }
}
static void sent_estimate(worker_t *w, const double g[D], const double arrived[D]) {
    (void)g;
    for (int j = 0; j < D; ++j)
        w->h[j] += arrived[j];
}
static void serve_ef21(cluster_t *c, double arrived[WORKERS][D]) {
    const double weight = 1.0 / WORKERS;
    for (int j = 0; j < D; ++j) {
        double sum = 0;
        for (int i = 0; i < WORKERS; ++i)
            sum += weight * (c->estimate[i][j] += arrived[i][j]);
        c->x[j] -= LR * sum;
    }
}

/* econtrol: e is 0 in the first step, and stays so if that is sent whole */
static void send_econtrol(const cluster_t *c, worker_t *w, const double g[D], double message[D]) {
    (void)c;
    for (int j = 0; j < D; ++j)
        message[j] = ETA * w->e[j] + g[j] - w->h[j];
}
static void sent_econtrol(worker_t *w, const double g[D], const double arrived[D]) {
    for (int j = 0; j < D; ++j) {
        w->h[j] += arrived[j];
        w->e[j] += g[j] - w->h[j];
    }
}
static void serve_econtrol(cluster_t *c, double arrived[WORKERS][D]) {
    for (int j = 0; j < D; ++j) {
        double sum = 0;
        for (int i = 0; i < WORKERS; ++i)
            sum += c->estimate[i][j] += arrived[i][j];
        c->x[j] -= LR * (sum / WORKERS);
    }
}

/* onebit_adam: the server answers with a compressed momentum, which all have */
static bool is_warmup(const cluster_t *c) {
    return c->step < WARMUP;
}
static void send_onebit(const cluster_t *c, worker_t *w, const double g[D], double message[D]) {
    for (int j = 0; j < D; ++j)
        message[j] = is_warmup(c) ? g[j] : (w->e[j] += BETA1 * c->m[j] + (1 - BETA1) * g[j]);
}
static void answer(cluster_t *c, double arrived[WORKERS][D]) {
    for (int j = 0; j < D; ++j)
        c->e[j] += sum_at(arrived, j) / WORKERS;
    transmit(&c->wire, c->step, c->e, c->m);
    for (int j = 0; j < D; ++j)
        c->e[j] -= c->m[j];
}
static void serve_onebit(cluster_t *c, double arrived[WORKERS][D]) {
    for (int j = 0; is_warmup(c) && j < D; ++j) {
        const double g = sum_at(arrived, j) / WORKERS;
        c->m[j] = BETA1 * c->m[j] + (1 - BETA1) * g;
        c->v[j] = BETA2 * c->v[j] + (1 - BETA2) * g * g;
    }
    if (!is_warmup(c))
        answer(c, arrived);
    for (int j = 0; j < D; ++j)
        c->x[j] -= LR * (c->m[j] / (sqrt(c->v[j]) + EPS) + DECAY * c->x[j]);
}

static const method_t METHODS[] = {
    {"dcgd", "lr=0.05", NULL, send_gradient, NULL, serve_dcgd},
    {"ef14", "lr=0.05", NULL, send_ef14, sent_less, serve_ef14},
    {"ef21", "lr=0.05,momentum=0.7", NULL, send_ef21, sent_estimate, serve_ef21},
    {"ef21", "lr=0.05,momentum=0.7,init=full", is_first, send_ef21, sent_estimate, serve_ef21},
    {"econtrol", "lr=0.05,eta=0.3,init=compressed", NULL, send_econtrol, sent_econtrol, serve_econtrol},
    {"econtrol", "lr=0.05,eta=0.3", is_first, send_econtrol, sent_econtrol, serve_econtrol},
    {"onebit_adam", "lr=0.05,beta1=0.9,beta2=0.8,eps=1e-3,weight_decay=0.1,warmup=2", is_warmup, send_onebit, sent_less,
     serve_onebit},
};

static void step_cluster(cluster_t *c, const method_t *method) {
    double arrived[WORKERS][D];
    const bool is_whole = method->is_whole != NULL && method->is_whole(c);
    for (int i = 0; i < WORKERS; ++i) {
        double g[D], message[D];
        evaluate(i, c->x, g);
        method->send(c, &c->worker[i], g, message);
        if (is_whole)
            memcpy(arrived[i], message, sizeof message);
        else
            transmit(&c->wire, c->step, message, arrived[i]);
        if (method->sent != NULL && !(is_whole && method->serve == serve_onebit))
            method->sent(&c->worker[i], g, arrived[i]);
    }
    method->serve(c, arrived);
    ++c->step;
}

/* ---- The one process ---- */

typedef struct process {
    optim_t *opt;
    double x[D], g[D];
} process_t;

static void step_process(process_t *p) {
    optim_request request = {.size = sizeof request};
    optim_status status;
    while ((status = optim_step(p->opt)) == OPTIM_EVAL_GRAD) {
        CHECK_OK(optim_request_info(p->opt, &request));
        evaluate((int)request.component, p->x, p->g);
    }
    CHECK_OK(status);
}

static void open_process(process_t *p, const method_t *method, const wire_t *wire) {
    static const int64_t COUNT = PART;
    static const char *const NAMES[PARTS] = {"a", "b"};
    char *options = check_text("%s,workers=%d,compressor=%s,scope=%s,seed=%d", method->options, WORKERS,
                               wire->compressor, wire->by_tensor ? "tensor" : "global", (int)SEED);
    CHECK_OK(optim_create(&p->opt, method->name, options));
    for (int part = 0; part < PARTS; ++part)
        CHECK_OK(optim_add_param(p->opt, 0, NAMES[part], OPTIM_F64, 1, &COUNT, p->x + (size_t)part * PART,
                                 p->g + (size_t)part * PART));
    start(p->x);
    free(options);
}

/* ---- Both ---- */

static void compare(const method_t *method, const wire_t *wire) {
    cluster_t *c = check_memory(1, sizeof *c);
    process_t p;
    c->wire = *wire;
    start(c->x);
    open_process(&p, method, wire);
    for (int t = 0; t < STEPS; ++t) {
        step_process(&p);
        step_cluster(c, method);
        if (memcmp(p.x, c->x, sizeof p.x) != 0)
            print_error("%s with %s, scope=%s, parts in step %d\n", method->name, wire->compressor,
                        wire->by_tensor ? "tensor" : "global", t + 1);
        assert_memory_equal(p.x, c->x, sizeof p.x);
    }
    optim_destroy(p.opt);
    free(c);
}

static void test_halves(void **state) {
    (void)state;
    static const wire_t WIRES[] = {
        {.compressor = "identity"},
        {.compressor = "topk(k=2)"},
        {.compressor = "topk(density=0.5)"},
        {.compressor = "randk(k=2)"},
        {.compressor = "randk(k=2,scaled=0)"},
        {.compressor = "randk(k=2,random=1)", .draws = true},
        {.compressor = "randk(k=2,random=1,scaled=0)", .draws = true},
        {.compressor = "sign"},
        {.compressor = "onebit"},
        {.compressor = "qsgd"},
        {.compressor = "qsgd(levels=3,random=1)", .draws = true},
        {.compressor = "natural"},
        {.compressor = "natural(random=1)", .draws = true},
        {.compressor = "lowrank", .draws = true},
    };
    for (size_t k = 0; k < sizeof WIRES / sizeof *WIRES; ++k)
        for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i)
            for (int by_tensor = 0; by_tensor < 2; ++by_tensor) {
                wire_t wire = WIRES[k];
                wire.by_tensor = by_tensor != 0;
                compare(&METHODS[i], &wire);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_halves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
