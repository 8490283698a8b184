/* "gradopt-value 1": a function without an optimizer, called once. */
#include <math.h>
#include <string.h>

#include "formats.h"
#include "loss_fit.h"
#include "optim/advice.h"
#include "verdict.h"

enum { ARRAYS = 8, VALUES = 16 };

typedef struct value_file {
    golden_line_t *line;
    const char *function;
    const char *arguments; /* "k=v,k=v" */
    int arrays, values;
    struct {
        const char *name;
        size_t count;
        double *at;
    } array[ARRAYS];
    struct {
        const char *name;
        double want;
        bool compared;
    } value[VALUES];
} value_file_t;

/* ---- Reading ---- */

static void read_text(void *file, golden_line_t *line) {
    (void)file;
    golden_line_skip(line);
}

static void read_call(void *file, golden_line_t *line) {
    value_file_t *f = file;
    f->function = golden_word(line);
    f->arguments = golden_word_or_empty(line);
}

static void read_array(void *file, golden_line_t *line) {
    value_file_t *f = file;
    if (f->arrays == ARRAYS)
        golden_bad(line, "more arrays than this reader has room for");
    f->array[f->arrays].name = golden_word(line);
    f->array[f->arrays].count = golden_size(line);
    f->array[f->arrays].at = file_memory(f->array[f->arrays].count, sizeof(double));
    golden_numbers(line, f->array[f->arrays].count, f->array[f->arrays].at);
    ++f->arrays;
}

static void read_value(void *file, golden_line_t *line) {
    value_file_t *f = file;
    if (f->values == VALUES)
        golden_bad(line, "more values than this reader has room for");
    f->value[f->values].name = golden_word(line);
    f->value[f->values++].want = golden_number(line);
}

static const golden_directive_t LINES[] = {
    {"case", read_text},   {"source", read_text}, {"call", read_call},
    {"array", read_array}, {"value", read_value}, {NULL, NULL},
};

/* ---- What a call needs ---- */

static double argument(const value_file_t *f, const char *name) {
    double value;
    if (!golden_option(f->arguments, name, &value))
        golden_bad(f->line, file_text("%s= is missing", name));
    return value;
}

static double argument_or(const value_file_t *f, const char *name, double otherwise) {
    double value;
    return golden_option(f->arguments, name, &value) ? value : otherwise;
}

static size_t length(const value_file_t *f, const char *name) {
    for (int i = 0; i < f->arrays; ++i)
        if (strcmp(f->array[i].name, name) == 0)
            return f->array[i].count;
    golden_bad(f->line, file_text("the array %s is missing", name));
}

static const double *array(const value_file_t *f, const char *name, size_t count) {
    for (int i = 0; i < f->arrays; ++i)
        if (strcmp(f->array[i].name, name) == 0) {
            if (f->array[i].count != count)
                golden_bad(f->line, file_text("%s wants %zu elements", name, count));
            return f->array[i].at;
        }
    golden_bad(f->line, file_text("the array %s is missing", name));
}

static void compare(value_file_t *f, const char *name, double got) {
    for (int i = 0; i < f->values; ++i)
        if (strcmp(f->value[i].name, name) == 0) {
            const double want = f->value[i].want;
            f->value[i].compared = true;
            if (!(fabs(got - want) <= 1e-11 * fabs(want)))
                fail_file("%s(%s): %s is %.17g, not %.17g: %g times the tolerance %g", f->function, f->arguments, name,
                          got, want, fabs(got - want) / (1e-11 * fabs(want)), 1e-11);
            return;
        }
    golden_bad(f->line, file_text("the value %s is missing", name));
}

/* ---- Calls ---- */

static void call_schedule_bound(value_file_t *f) {
    const size_t steps = (size_t)argument(f, "steps");
    double *norm = file_memory(steps, sizeof *norm);
    optim_bound bound = {.size = sizeof bound};
    for (size_t i = 0; i < steps; ++i)
        norm[i] = argument(f, "G");
    expect_ok(optim_schedule_bound(array(f, "eta", steps), norm, steps, argument(f, "D"), &bound),
              "optim_schedule_bound");
    compare(f, "distance_term", bound.distance);
    compare(f, "gradient_term", bound.gradients);
    compare(f, "last_iterate_term", bound.last_iterate);
    compare(f, "bound", bound.bound);
    compare(f, "best_base_lr", bound.best_factor);
    compare(f, "best_bound", bound.best_bound);
}

static void call_surge_lr(value_file_t *f) {
    const double *batch = array(f, "batch", (size_t)f->values);
    for (int i = 0; i < f->values; ++i)
        compare(f, f->value[i].name, optim_lr_surge(argument(f, "lr_peak"), argument(f, "b_noise"), batch[i]));
}

static void call_noise_scale(value_file_t *f) {
    double square, trace;
    expect_ok(optim_noise_scale(argument(f, "g2_small"), argument(f, "g2_big"), argument(f, "b_small"),
                                argument(f, "b_big"), &square, &trace),
              "optim_noise_scale");
    compare(f, "g2", square);
    compare(f, "trace", trace);
    compare(f, "noise_scale", trace / square);
}

static void call_power_lines(value_file_t *f) {
    optim_power_line line = {.size = sizeof line};
    expect_ok(optim_power_lines(argument(f, "N"), argument(f, "D"), argument(f, "B"), argument(f, "lr"), &line),
              "optim_power_lines");
    compare(f, "timescale", line.timescale);
    compare(f, "weight_decay", line.weight_decay);
    compare(f, "batch_optimal", line.optimal_batch);
    compare(f, "batch_critical", line.critical_batch);
}

static void call_lr_from_iterates(value_file_t *f) {
    double sums[2] = {0, 0};
    expect_ok(optim_lr_from_iterates(OPTIM_F64, 3, array(f, "x0", 3), array(f, "x1", 3), array(f, "x2", 3), sums),
              "optim_lr_from_iterates");
    compare(f, "lr", argument(f, "lr") * sums[0] / sums[1]);
}

/* The samples' elements in two tensors, which must not matter. */
static void call_batch_size_tests(value_file_t *f) {
    static const char *const TESTS[] = {"norm", "inner_product", "orthogonality", "coordinate"};
    const size_t n = (size_t)argument(f, "n"), d = (size_t)argument(f, "d");
    const double *sample = array(f, "per_sample", n * d);
    char *options = file_text("test=augmented,max=100000,gradients=%zu,eta=%.17g,theta=%.17g,nu=%.17g", n,
                              argument(f, "eta"), argument(f, "theta"), argument(f, "nu"));
    optim_batch_t *batch;
    expect_ok(optim_batch_create(&batch, options, OPTIM_F64, 2, (int64_t[]){2, (int64_t)d - 2}), "optim_batch_create");
    for (size_t i = 0; i < n; ++i)
        expect_ok(optim_batch_add(batch, (const void *[]){sample + i * d, sample + i * d + 2}), "optim_batch_add");
    for (int i = 0; i < 4; ++i) {
        double size;
        expect_ok(optim_batch_test(batch, TESTS[i], &size), "optim_batch_test");
        compare(f, TESTS[i], size);
    }
    optim_batch_destroy(batch);
}

static void call_chinchilla_objective(value_file_t *f) {
    const size_t n = f->array[1].count;
    const loss_fit_t fit = {n, array(f, "N", n), array(f, "D", n), array(f, "L", n), argument(f, "delta")};
    double gradient[LOSS_FIT_PARAMETERS];
    compare(f, "objective", loss_fit_objective(&fit, array(f, "p", LOSS_FIT_PARAMETERS), gradient));
    for (int i = 0; i < LOSS_FIT_PARAMETERS; ++i) {
        char name[] = "grad_0";
        name[5] = (char)('0' + i);
        compare(f, name, gradient[i]);
    }
}

static void call_batch_relation(value_file_t *f) {
    double steps, examples, least_examples;
    expect_ok(optim_batch_relation(argument(f, "s_min"), argument(f, "b"), argument(f, "b_crit"), &steps, &examples,
                                   &least_examples),
              "optim_batch_relation");
    compare(f, "steps", steps);
    compare(f, "examples", examples);
    compare(f, "e_min", least_examples);
}

static void call_batch_fit(value_file_t *f) {
    const size_t n = length(f, "B");
    double least_steps, least_examples, critical_batch;
    expect_ok(optim_batch_fit(array(f, "B", n), array(f, "S", n), n, &least_steps, &least_examples, &critical_batch),
              "optim_batch_fit");
    compare(f, "s_min", least_steps);
    compare(f, "e_min", least_examples);
    compare(f, "b_crit", critical_batch);
}

static void call_critical_batch(value_file_t *f) {
    compare(f, "b_crit",
            optim_critical_batch(argument(f, "loss"), argument_or(f, "b_star", 2.1e8), argument_or(f, "alpha", 0.21)));
}

static void call_kaplan_loss(value_file_t *f) {
    const double constants[] = {argument_or(f, "n_c", 8.8e13), argument_or(f, "alpha_n", 0.076),
                                argument_or(f, "d_c", 5.4e13), argument_or(f, "alpha_d", 0.095)};
    compare(f, "loss", optim_kaplan_loss(argument(f, "n"), argument(f, "d"), constants));
    compare(f, "lr", optim_kaplan_lr(argument(f, "n")));
}

static void call_mmd_three_sample(value_file_t *f) {
    const size_t dim = (size_t)argument(f, "dim"), count = length(f, "X") / dim, n = count * dim;
    optim_mmd mmd = {.size = sizeof mmd};
    expect_ok(optim_mmd_three_sample(count, dim, array(f, "X", n), array(f, "Y", n), array(f, "Z", n),
                                     argument_or(f, "min_var", 1e-5), &mmd),
              "optim_mmd_three_sample");
    compare(f, "difference", mmd.difference);
    compare(f, "statistic", mmd.statistic);
    compare(f, "p", mmd.p);
}

static const struct {
    const char *name;
    void (*call)(value_file_t *f);
} FUNCTIONS[] = {
    {"schedule_bound", call_schedule_bound},
    {"surge_lr", call_surge_lr},
    {"noise_scale", call_noise_scale},
    {"power_lines", call_power_lines},
    {"lr_from_iterates", call_lr_from_iterates},
    {"batch_size_tests", call_batch_size_tests},
    {"chinchilla_objective", call_chinchilla_objective},
    {"batch_relation", call_batch_relation},
    {"batch_fit", call_batch_fit},
    {"critical_batch", call_critical_batch},
    {"kaplan_loss", call_kaplan_loss},
    {"mmd_three_sample", call_mmd_three_sample},
};

void check_values(golden_line_t *line) {
    value_file_t f = {.line = line};
    size_t i = 0;
    golden_read_lines(line, LINES, &f);
    if (f.function == NULL || f.values == 0)
        golden_bad(line, "what is to be called or compared is missing");
    while (i < sizeof FUNCTIONS / sizeof *FUNCTIONS && strcmp(FUNCTIONS[i].name, f.function) != 0)
        ++i;
    if (i == sizeof FUNCTIONS / sizeof *FUNCTIONS)
        leave_file("no function \"%s\" here", f.function);
    FUNCTIONS[i].call(&f);
    for (int v = 0; v < f.values; ++v)
        if (!f.value[v].compared)
            golden_bad(line, file_text("nothing returns the value %s", f.value[v].name));
}
