/*
 * Solver files of rules: a server and its clients, each with an optimizer of its own. Every client's gradient is its
 * own function's, with noise from the server's stream.
 */
#include <math.h>
#include <string.h>

#include "element.h"
#include "federated.h"
#include "optim/federated.h"
#include "problem.h"
#include "verdict.h"

static const double F32_TOLERANCE = 2e-4;

/* How a step of the file goes. */
typedef enum manner {
    ROUNDS,       /* who takes part begins, trains and hands in */
    ON_THEIR_OWN, /* everyone begins at first; who hands in begins again behind the commit */
    ALL_THE_TIME, /* likewise, and everyone trains in every step, in front of the draw */
    GRADIENTS     /* what is handed in is the gradient */
} manner_t;
static const struct {
    const char *rule;
    manner_t manner;
} MANNERS[] = {{"fedbuff", ON_THEIR_OWN}, {"fedasync", ON_THEIR_OWN}, {"fedfix", ON_THEIR_OWN},
               {"favano", ALL_THE_TIME},  {"dadao", GRADIENTS},       {"sa_srrw", GRADIENTS}};

typedef struct federated {
    const trajectory_t *f;
    problem_t *problem;
    optim_dtype dtype;
    manner_t manner;
    double sigma;
    size_t clients, d;
    const char *options, *times; /* of the server; how long clients take, and by how much the last one is faster */
    double slow;
    bool is_interrupted; /* the server is saved and loaded into another one in the middle of everything */
    optim_server_t *server;
    void *w;
    void **y, **g;     /* of every client */
    optim_t **inner;   /* likewise */
    int64_t *made;     /* steps since it began */
    double *x, *slope; /* in double */
} federated_t;

/* ---- The server ---- */

/* Samples, probabilities and times of the clients. */
static void tell_numbers(federated_t *run) {
    double *size = file_memory(run->clients, sizeof *size), *p = file_memory(run->clients, sizeof *p);
    double *time = file_memory(run->clients, sizeof *time);
    const int64_t count = (int64_t)run->clients;
    const double last = count > 1 ? (double)count - 1 : 1;
    for (size_t c = 0; c < run->clients; ++c) {
        size[c] = (double)c + 1;
        p[c] = 0.2 + 0.6 * (double)c / last;
        time[c] = run->times != NULL && strcmp(run->times, "scenario") == 0 ? 1 - (double)c * run->slow / 100 / last
                                                                            : size[c];
    }
    expect_ok(optim_server_set_clients(run->server, count), "optim_server_set_clients");
    expect_ok(optim_server_set_numbers(run->server, "size", size, count), "optim_server_set_numbers");
    expect_ok(optim_server_set_numbers(run->server, "probability", p, count), "optim_server_set_numbers");
    expect_ok(optim_server_set_numbers(run->server, "time", time, count), "optim_server_set_numbers");
}

static void tell_inputs(federated_t *run) {
    for (int i = 0; i < run->problem->inputs; ++i) {
        const problem_input_t *input = &run->problem->input[i];
        int64_t c = 0;
        if (strncmp(input->name, "data_", 5) != 0)
            continue;
        for (const char *digit = input->name + 5; *digit != '\0'; ++digit)
            c = 10 * c + (*digit - '0');
        expect_ok(
            optim_server_set_input(run->server, c, "data", OPTIM_F64, input->dims[0], input->dims[1], input->values),
            "optim_server_set_input");
    }
}

static void open_server(federated_t *run) {
    const tensor_t *x = &run->f->param[0];
    expect_ok(optim_server_create(&run->server, run->f->method, run->options), "optim_server_create");
    expect_ok(optim_server_add_param(run->server, x->name, run->dtype, x->ndim, x->dims, run->w),
              "optim_server_add_param");
    tell_numbers(run);
    tell_inputs(run);
}

/* Another server goes on from what this one has saved. */
static void interrupt(federated_t *run) {
    size_t size;
    optim_server_t *before = run->server;
    if (!run->is_interrupted)
        return;
    expect_ok(optim_server_serialize(before, NULL, 0, &size), "optim_server_serialize");
    char *bytes = file_memory(size, 1);
    expect_ok(optim_server_serialize(before, bytes, size, &size), "optim_server_serialize");
    open_server(run);
    expect_ok(optim_server_deserialize(run->server, bytes, size), "optim_server_deserialize");
    optim_server_destroy(before);
}

/* ---- The clients ---- */

static double uniform(federated_t *run) {
    double u;
    expect_ok(optim_server_uniform(run->server, &u), "optim_server_uniform");
    return u;
}

/* The gradient at y of client c, with noise. */
static void evaluate(federated_t *run, size_t c) {
    enum { REACHED = 1 };
    const double turn = 2 * acos(-1);
    element_read_all(run->dtype, run->y[c], run->d, run->x);
    memset(run->slope, 0, run->d * sizeof *run->slope);
    if (run->problem->kind->gradient != NULL)
        problem_gradient(run->problem, &(term_t){.first = (int64_t)c, .count = REACHED}, run->x, run->slope);
    for (size_t i = 0; run->sigma > 0 && i < run->d; ++i) {
        const double radius = sqrt(-2 * log(1 - uniform(run)));
        run->slope[i] += run->sigma * radius * cos(turn * uniform(run));
    }
    element_write_all(run->dtype, run->g[c], run->d, run->slope);
}

static double number(const federated_t *run, size_t c, const char *name) {
    double value;
    expect_ok(optim_server_get(run->server, (int64_t)c, name, &value), "optim_server_get");
    return value;
}

static void begin(federated_t *run, size_t c) {
    expect_ok(optim_server_begin(run->server, (int64_t)c, &run->y[c]), "optim_server_begin");
    run->made[c] = 0;
}

static bool has_gradient(const federated_t *run) {
    return run->problem->kind->gradient != NULL;
}

static void train(federated_t *run, size_t c, int64_t steps) {
    for (int64_t k = 0; k < steps; ++k) {
        evaluate(run, c);
        optim_status status = optim_server_local(run->server, (int64_t)c, &run->y[c], &run->g[c]);
        for (; status == OPTIM_EVAL_GRAD;
             evaluate(run, c), status = optim_server_local(run->server, (int64_t)c, &run->y[c], &run->g[c]))
            ;
        expect_ok(status, "optim_server_local");
        interrupt(run);
        ++run->made[c];
        if (!has_gradient(run))
            continue;
        expect_ok(optim_set(run->inner[c], 0, "lr", number(run, c, "rate")), "optim_set");
        expect_ok(optim_step(run->inner[c]), "optim_step of a client");
    }
}

static void end(federated_t *run, size_t c, const void *data) {
    expect_ok(optim_server_end(run->server, (int64_t)c, &data, run->made[c]), "optim_server_end");
}

/* ---- A step ---- */

static void take_part(federated_t *run, size_t c) {
    if (run->manner == ROUNDS || run->manner == GRADIENTS)
        begin(run, c);
    if (run->manner == GRADIENTS)
        evaluate(run, c);
    else if (run->manner != ALL_THE_TIME)
        train(run, c, (int64_t)number(run, c, "steps"));
    end(run, c, run->manner == GRADIENTS ? run->g[c] : run->y[c]);
    interrupt(run);
}

static void step(federated_t *run, int number_of) {
    enum { PACES = 3 };
    int64_t *who = file_memory(run->clients, sizeof *who);
    size_t count;
    if (number_of == 1)
        for (size_t c = 0; (run->manner == ON_THEIR_OWN || run->manner == ALL_THE_TIME) && c < run->clients; ++c)
            begin(run, c);
    for (size_t c = 0; run->manner == ALL_THE_TIME && c < run->clients; ++c)
        train(run, c, (int64_t)fmin((double)(c % PACES + 1), number(run, c, "steps") - (double)run->made[c]));
    expect_ok(optim_server_select(run->server, who, run->clients, &count), "optim_server_select");
    for (size_t i = 0; i < count; ++i)
        take_part(run, (size_t)who[i]);
    expect_ok(optim_server_commit(run->server), "optim_server_commit");
    for (size_t i = 0; (run->manner == ON_THEIR_OWN || run->manner == ALL_THE_TIME) && i < count; ++i)
        begin(run, (size_t)who[i]);
}

/* ---- Setting up ---- */

/* The option called `key`, cut out of the options, which must be a copy; NULL if it is not there. */
static char *cut_option(char *options, const char *key) {
    const size_t length = strlen(key);
    for (char *at = options; *at != '\0';) {
        char *end = at + strcspn(at, ",");
        if (strncmp(at, key, length) == 0 && at[length] == '=') {
            char *value = file_text("%.*s", (int)(end - at) - (int)length - 1, at + length + 1);
            memmove(at, *end == ',' ? end + 1 : end, strlen(*end == ',' ? end + 1 : end) + 1);
            if (*at == '\0' && at > options)
                at[-1] = '\0';
            return value;
        }
        at = *end == ',' ? end + 1 : end;
    }
    return NULL;
}

static void add_clients(federated_t *run, const char *inner) {
    const tensor_t *x = &run->f->param[0];
    const size_t size = element_size(run->dtype);
    run->y = file_memory(run->clients, sizeof *run->y);
    run->g = file_memory(run->clients, sizeof *run->g);
    run->inner = file_memory(run->clients, sizeof(optim_t *));
    run->made = file_memory(run->clients, sizeof *run->made);
    for (size_t c = 0; c < run->clients; ++c) {
        run->y[c] = file_memory(run->d, size);
        run->g[c] = file_memory(run->d, size);
        element_write_all(run->dtype, run->y[c], run->d, x->start);
        expect_ok(optim_create(&run->inner[c], inner, strcmp(inner, "adamw") == 0 ? "weight_decay=0" : NULL),
                  "optim_create");
        file_owns(run->inner[c]);
        expect_ok(optim_add_param(run->inner[c], 0, x->name, run->dtype, x->ndim, x->dims, run->y[c], run->g[c]),
                  "optim_add_param");
    }
}

static manner_t manner_of(const char *rule) {
    for (size_t i = 0; i < sizeof MANNERS / sizeof *MANNERS; ++i)
        if (strcmp(MANNERS[i].rule, rule) == 0)
            return MANNERS[i].manner;
    return ROUNDS;
}

static const char *default_inner(const char *rule) {
    return strcmp(rule, "diloco") == 0 || strcmp(rule, "noloco") == 0 ? "adamw" : "sgd";
}

static federated_t *open_run(const trajectory_t *f, optim_dtype dtype, bool is_interrupted) {
    federated_t *run = file_memory(1, sizeof *run);
    char *options = file_text("%s", f->options);
    const char *times = cut_option(options, "times"), *slow = cut_option(options, "slow");
    const char *inner = strcmp(f->method, "pfedme") == 0 ? NULL : cut_option(options, "inner");
    double given;
    if (strcmp(f->method, "diloco") == 0 || strcmp(f->method, "noloco") == 0) /* for which 500 steps are usual */
        if (!golden_option(options, "local_steps", &given))
            options = file_text("local_steps=5%s%s", *options == '\0' ? "" : ",", options);
    double percent = 80;
    (void)golden_option(f->options, "slow", &percent);
    (void)slow;
    if (f->params < 1 || f->problem == NULL)
        fail_file("a rule wants a parameter and a problem");
    *run = (federated_t){.f = f, .dtype = dtype, .manner = manner_of(f->method), .d = f->param[0].count};
    run->problem = problem_open(f->problem, f->problem_options, f->method, 1, &run->d);
    (void)golden_option(f->problem_options, "sigma", &run->sigma);
    double clients = 0;
    (void)golden_option(f->problem_options, "clients", &clients);
    if (run->problem == NULL || !(clients >= 1 && clients <= 1e4))
        fail_file("no problem with clients");
    run->clients = (size_t)clients;
    run->x = file_memory(run->d, sizeof *run->x);
    run->slope = file_memory(run->d, sizeof *run->slope);
    run->w = file_memory(run->d, element_size(dtype));
    element_write_all(dtype, run->w, run->d, f->param[0].start);
    run->options = options;
    run->times = times;
    run->slow = percent;
    run->is_interrupted = is_interrupted;
    open_server(run);
    add_clients(run, inner != NULL ? inner : default_inner(f->method));
    return run;
}

/* ---- Comparing ---- */

/* A vector of the server or of every client, into values; false: there is none. */
static bool read_vectors(const federated_t *run, const tensor_t *output, double *values) {
    void *part = file_memory(run->d, element_size(run->dtype));
    const int64_t first = output->count == run->d ? -1 : 0, count = (int64_t)(output->count / run->d);
    const char *client = strncmp(output->name, "U0", 2) == 0 ? "U" : output->name;
    if (strcmp(client, "U") == 0) {
        if (optim_server_state(run->server, 0, "U", 0, part) != OPTIM_OK)
            return false;
        element_read_all(run->dtype, part, run->d, values);
        return true;
    }
    for (int64_t c = first; c < first + count; ++c) {
        if (optim_server_state(run->server, c, output->name, 0, part) != OPTIM_OK)
            return false;
        element_read_all(run->dtype, part, run->d, values + (size_t)(c - first) * run->d);
    }
    return count > 0;
}

static bool read_numbers(const federated_t *run, const tensor_t *output, double *values) {
    for (size_t c = 0; c < output->count; ++c)
        if (optim_server_get(run->server, (int64_t)c, output->name, &values[c]) != OPTIM_OK)
            return false;
    return true;
}

static void read_output(const federated_t *run, const tensor_t *output, double *values) {
    const tensor_t *x = &run->f->param[0];
    const bool all = output->count == run->clients * run->d;
    if (strcmp(output->name, x->name) == 0 && output->count == x->count)
        element_read_all(run->dtype, run->w, run->d, values);
    else if (all && strcmp(output->name, "y") == 0)
        for (size_t c = 0; c < run->clients; ++c)
            element_read_all(run->dtype, run->y[c], run->d, values + c * run->d);
    else if ((output->count != 1 || optim_server_get(run->server, -1, output->name, values) != OPTIM_OK) &&
             (output->count % run->d != 0 || !read_vectors(run, output, values)) &&
             (output->count != run->clients || !read_numbers(run, output, values)))
        fail_file("the rule has nothing called %s", output->name);
}

static void compare(const federated_t *run, const want_t *want) {
    const tensor_t *output = &run->f->output[want->output];
    const double tolerance = run->dtype == OPTIM_F64 ? run->f->tolerance : fmax(F32_TOLERANCE, run->f->tolerance);
    double *values = file_memory(output->count, sizeof *values);
    read_output(run, output, values);
    for (size_t i = 0; i < output->count; ++i)
        if (!(fabs(values[i] - want->values[i]) <= tolerance * fmax(1, fabs(want->values[i]))))
            fail_file("%s, step %d: %s[%zu] is %.17g, not %.17g", element_name(run->dtype), want->step, output->name, i,
                      values[i], want->values[i]);
}

static void run_file(const trajectory_t *f, optim_dtype dtype, bool is_interrupted) {
    federated_t *run = open_run(f, dtype, is_interrupted);
    for (int k = 1; k <= f->steps; ++k) {
        step(run, k);
        for (size_t i = 0; i < f->wants; ++i)
            if (f->want[i].step == k)
                compare(run, &f->want[i]);
    }
    optim_server_destroy(run->server);
}

/* ---- checkfree: the stages between the first and the last are lost in turn ---- */

static void recover(const trajectory_t *f, double *stages, size_t lost) {
    const size_t count = (size_t)f->param[0].dims[0], size = f->param[0].count / count;
    optim_server_t *server;
    expect_ok(optim_server_create(&server, f->method, f->options), "optim_server_create");
    expect_ok(optim_server_add_param(server, "stage", OPTIM_F64, 1, (int64_t[]){(int64_t)size}, stages + lost * size),
              "optim_server_add_param");
    expect_ok(optim_server_set_clients(server, (int64_t)count), "optim_server_set_clients");
    expect_ok(optim_server_set_numbers(server, "norm", f->param[1].start, (int64_t)count), "optim_server_set_numbers");
    for (size_t k = lost - 1; k <= lost + 1; k += 2)
        expect_ok(optim_server_end(server, (int64_t)k, (const void *[]){stages + k * size}, 0), "optim_server_end");
    expect_ok(optim_server_commit(server), "optim_server_commit");
    optim_server_destroy(server);
}

static void check_recovery(const trajectory_t *f) {
    federated_t run = {.f = f, .dtype = OPTIM_F64, .d = f->param[0].count};
    const size_t between = (size_t)f->param[0].dims[0] - 2;
    run.w = file_memory(run.d, sizeof(double));
    memcpy(run.w, f->param[0].start, run.d * sizeof(double));
    for (int k = 1; k <= f->steps; ++k) {
        recover(f, run.w, 1 + (size_t)(k - 1) % between);
        for (size_t i = 0; i < f->wants; ++i)
            if (f->want[i].step == k)
                compare(&run, &f->want[i]);
    }
}

/* ---- gradient_coding: the sum of the rows of g, without the workers that subset(n, s) loses in each step ---- */

typedef struct coding_run {
    const trajectory_t *f;
    optim_coding_t *coding;
    optim_server_t *stream; /* of which the lost workers are drawn */
    size_t n, width;
    double *code, *sum;
} coding_run_t;

static size_t kept_workers(coding_run_t *run, int64_t *kept) {
    double s;
    size_t count;
    int64_t *lost = file_memory(run->n, sizeof *lost);
    expect_ok(optim_coding_get(run->coding, "s", &s), "optim_coding_get");
    count = (size_t)s;
    int64_t *order = file_memory(run->n, sizeof *order);
    for (size_t i = 0; i < run->n; ++i)
        order[i] = (int64_t)i;
    for (size_t i = run->n - 1; i > 0; --i) {
        double u;
        expect_ok(optim_server_uniform(run->stream, &u), "optim_server_uniform");
        const size_t j = (size_t)((double)(i + 1) * u);
        const int64_t other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
    memcpy(lost, order, count * sizeof *lost);
    int wait;
    expect_ok(optim_coding_late(run->coding, lost, count, &wait), "optim_coding_late");
    int64_t job;
    expect_ok(optim_coding_decoded(run->coding, 0, &job, kept, run->n, &count), "optim_coding_decoded");
    return count;
}

static void sum_by_code(coding_run_t *run) {
    int64_t *kept = file_memory(run->n, sizeof *kept);
    double *a = file_memory(run->n, sizeof *a);
    const size_t count = kept_workers(run, kept);
    expect_ok(optim_coding_decode(run->coding, kept, count, a), "optim_coding_decode");
    memset(run->sum, 0, run->width * sizeof *run->sum);
    for (size_t i = 0; i < count; ++i)
        for (size_t k = 0; k < run->n; ++k)
            for (size_t j = 0; j < run->width; ++j)
                run->sum[j] +=
                    a[i] * run->code[(size_t)kept[i] * run->n + k] * run->f->param[0].start[k * run->width + j];
}

static void compare_coding(const coding_run_t *run, const want_t *want) {
    const tensor_t *output = &run->f->output[want->output];
    const double *got = strcmp(output->name, "B") == 0 ? run->code : run->sum;
    for (size_t i = 0; i < output->count; ++i)
        if (!(fabs(got[i] - want->values[i]) <= run->f->tolerance * fmax(1, fabs(want->values[i]))))
            fail_file("step %d: %s[%zu] is %.17g, not %.17g", want->step, output->name, i, got[i], want->values[i]);
}

static void check_coding(const trajectory_t *f) {
    char *options = file_text("%s", f->options);
    const char *seed = cut_option(options, "seed");
    coding_run_t run = {.f = f, .n = (size_t)f->param[0].dims[0], .width = (size_t)f->param[0].dims[1]};
    run.code = file_memory(run.n * run.n, sizeof *run.code);
    run.sum = file_memory(run.width, sizeof *run.sum);
    expect_ok(optim_coding_create(&run.coding, f->method,
                                  file_text("n=%zu%s%s", run.n, *options == '\0' ? "" : ",", options)),
              "optim_coding_create");
    expect_ok(optim_server_create(&run.stream, "merge_once", seed == NULL ? NULL : file_text("seed=%s", seed)),
              "optim_server_create");
    for (size_t i = 0; i < run.n; ++i)
        expect_ok(optim_coding_weights(run.coding, (int64_t)i, run.code + i * run.n), "optim_coding_weights");
    for (int k = 1; k <= f->steps; ++k) {
        sum_by_code(&run);
        for (size_t i = 0; i < f->wants; ++i)
            if (f->want[i].step == k)
                compare_coding(&run, &f->want[i]);
    }
    optim_server_destroy(run.stream);
    optim_coding_destroy(run.coding);
}

void check_federated(const trajectory_t *f) {
    if (strcmp(f->method, "gradient_coding") == 0) {
        check_coding(f);
        return;
    }
    if (strcmp(f->method, "checkfree") == 0) {
        check_recovery(f);
        return;
    }
    run_file(f, OPTIM_F64, false);
    run_file(f, OPTIM_F64, true);
    run_file(f, OPTIM_F32, false);
}
