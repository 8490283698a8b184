/* Every file value_*.golden of data/ is one test: a function without an optimizer, called once. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "golden_main.h"
#include "golden_text.h"
#include "loss_fit.h"
#include "optim/advice.h"

enum { ARRAYS = 8, VALUES = 16 };

typedef struct value_file {
    golden_line_t line;
    const char *function;
    char *arguments; /* "k=v,k=v" */
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

static void read_array(value_file_t *f) {
    assert_in_range(f->arrays, 0, ARRAYS - 1);
    f->array[f->arrays].name = golden_word(&f->line);
    f->array[f->arrays].count = (size_t)golden_whole(&f->line);
    f->array[f->arrays].at = check_memory(f->array[f->arrays].count, sizeof(double));
    for (size_t i = 0; i < f->array[f->arrays].count; ++i)
        f->array[f->arrays].at[i] = golden_number(&f->line);
    ++f->arrays;
}

static void read_value(value_file_t *f) {
    assert_in_range(f->values, 0, VALUES - 1);
    f->value[f->values].name = golden_word(&f->line);
    f->value[f->values++].want = golden_number(&f->line);
}

static void read_line(value_file_t *f) {
    const char *directive = golden_word(&f->line);
    if (strcmp(directive, "format") == 0) {
        golden_keyword(&f->line, "gradopt-value");
        golden_keyword(&f->line, "1");
    } else if (strcmp(directive, "call") == 0) {
        f->function = golden_word(&f->line);
        f->arguments = (char *)(uintptr_t)golden_word_or_empty(&f->line);
    } else if (strcmp(directive, "array") == 0) {
        read_array(f);
    } else if (strcmp(directive, "value") == 0) {
        read_value(f);
    } else if (strcmp(directive, "case") == 0 || strcmp(directive, "source") == 0) {
        return;
    } else {
        golden_bad(&f->line, "an unknown line");
    }
    golden_line_end(&f->line);
}

static void read_lines(value_file_t *f, char *text) {
    for (char *at = text, *end; strncmp(at, "end\n", 4) != 0; at = end + 1) {
        end = strchr(at, '\n');
        ++f->line.number;
        if (end == NULL)
            golden_bad(&f->line, "the file has no line \"end\"");
        *end = '\0';
        f->line.rest = at;
        read_line(f);
    }
}

/* ---- What a call needs ---- */

static double argument(const value_file_t *f, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = f->arguments; at != NULL && *at != '\0'; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return strtod(at + length + 1, NULL);
    golden_bad(&f->line, name);
}

static const double *array(const value_file_t *f, const char *name, size_t count) {
    for (int i = 0; i < f->arrays; ++i)
        if (strcmp(f->array[i].name, name) == 0) {
            assert_int_equal(f->array[i].count, count);
            return f->array[i].at;
        }
    golden_bad(&f->line, name);
}

static void compare(value_file_t *f, const char *name, double got) {
    for (int i = 0; i < f->values; ++i)
        if (strcmp(f->value[i].name, name) == 0) {
            const double want = f->value[i].want;
            f->value[i].compared = true;
            if (!(fabs(got - want) <= 1e-11 * fabs(want)))
                fail_msg("%s(%s): %s is %.17g, not %.17g", f->function, f->arguments, name, got, want);
            return;
        }
    golden_bad(&f->line, name);
}

/* ---- Calls ---- */

static void call_schedule_bound(value_file_t *f) {
    const size_t steps = (size_t)argument(f, "steps");
    double *norm = check_memory(steps, sizeof *norm);
    optim_bound bound = {.size = sizeof bound};
    for (size_t i = 0; i < steps; ++i)
        norm[i] = argument(f, "G");
    CHECK_OK(optim_schedule_bound(array(f, "eta", steps), norm, steps, argument(f, "D"), &bound));
    compare(f, "distance_term", bound.distance);
    compare(f, "gradient_term", bound.gradients);
    compare(f, "last_iterate_term", bound.last_iterate);
    compare(f, "bound", bound.bound);
    compare(f, "best_base_lr", bound.best_factor);
    compare(f, "best_bound", bound.best_bound);
    free(norm);
}

static void call_surge_lr(value_file_t *f) {
    const double *batch = array(f, "batch", (size_t)f->values);
    for (int i = 0; i < f->values; ++i)
        compare(f, f->value[i].name, optim_lr_surge(argument(f, "lr_peak"), argument(f, "b_noise"), batch[i]));
}

static void call_noise_scale(value_file_t *f) {
    double square, trace;
    CHECK_OK(optim_noise_scale(argument(f, "g2_small"), argument(f, "g2_big"), argument(f, "b_small"),
                               argument(f, "b_big"), &square, &trace));
    compare(f, "g2", square);
    compare(f, "trace", trace);
    compare(f, "noise_scale", trace / square);
}

static void call_power_lines(value_file_t *f) {
    optim_power_line line = {.size = sizeof line};
    CHECK_OK(optim_power_lines(argument(f, "N"), argument(f, "D"), argument(f, "B"), argument(f, "lr"), &line));
    compare(f, "timescale", line.timescale);
    compare(f, "weight_decay", line.weight_decay);
    compare(f, "batch_optimal", line.optimal_batch);
    compare(f, "batch_critical", line.critical_batch);
}

static void call_lr_from_iterates(value_file_t *f) {
    double sums[2] = {0, 0};
    CHECK_OK(optim_lr_from_iterates(OPTIM_F64, 3, array(f, "x0", 3), array(f, "x1", 3), array(f, "x2", 3), sums));
    compare(f, "lr", argument(f, "lr") * sums[0] / sums[1]);
}

/* The samples' elements in two tensors, which must not matter. */
static void call_batch_size_tests(value_file_t *f) {
    static const char *const TESTS[] = {"norm", "inner_product", "orthogonality", "coordinate"};
    const size_t n = (size_t)argument(f, "n"), d = (size_t)argument(f, "d");
    const double *sample = array(f, "per_sample", n * d);
    char *options = check_text("test=augmented,max=100000,gradients=%zu,eta=%.17g,theta=%.17g,nu=%.17g", n,
                               argument(f, "eta"), argument(f, "theta"), argument(f, "nu"));
    optim_batch_t *batch;
    CHECK_OK(optim_batch_create(&batch, options, OPTIM_F64, 2, (int64_t[]){2, (int64_t)d - 2}));
    for (size_t i = 0; i < n; ++i)
        CHECK_OK(optim_batch_add(batch, (const void *[]){sample + i * d, sample + i * d + 2}));
    for (int i = 0; i < 4; ++i) {
        double size;
        CHECK_OK(optim_batch_test(batch, TESTS[i], &size));
        compare(f, TESTS[i], size);
    }
    optim_batch_destroy(batch);
    free(options);
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
};

static void check_file(void **state) {
    value_file_t f = {.line = {*state, 0, NULL}};
    char *text = golden_text(*state);
    size_t i = 0;
    read_lines(&f, text);
    if (f.function == NULL || f.values == 0)
        golden_bad(&f.line, "what is to be called or compared is missing");
    while (i < sizeof FUNCTIONS / sizeof *FUNCTIONS && strcmp(FUNCTIONS[i].name, f.function) != 0)
        ++i;
    if (i == sizeof FUNCTIONS / sizeof *FUNCTIONS)
        golden_bad(&f.line, "no such function");
    FUNCTIONS[i].call(&f);
    for (int v = 0; v < f.values; ++v)
        assert_true(f.value[v].compared);
    for (int a = 0; a < f.arrays; ++a)
        free(f.array[a].at);
    free(text);
}

int main(void) {
    size_t count;
    return golden_main("values", TEST_SOURCE_DIR "/golden/data", true, check_file, &count);
}
