/*
 * Schedule strings. The input is text:
 *
 *     options of adamw, whose lr, beta1 and weight_decay are the bases
 *     KEY SCHEDULE OPTIONS     any number of these two, in any order
 *     ~METRIC METRIC ...       reported after the first, second, ... step
 *
 * What is refused changes nothing. What is accepted gives numbers, the same from optim_schedule_values in advance as from
 * optim_get when the time has come, finite ones unless the string multiplies beyond what a double holds, and the same
 * after saving and loading in the middle.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MOST_LINES = 5, STEPS = 12, AHEAD = 100, METRICS = STEPS };

static const char *const KEYS[] = {"lr", "beta1", "weight_decay"};
enum { KEY_COUNT = sizeof KEYS / sizeof *KEYS };

static const optim_status OF_SCHEDULE[] = {OPTIM_OK,        OPTIM_ERR_NAME,      OPTIM_ERR_OPTION,
                                           OPTIM_ERR_VALUE, OPTIM_ERR_DUPLICATE, OPTIM_ERR_NOMEM};

typedef struct run {
    optim_t *opt;
    double x, g;
} run_t;

static bool start(run_t *run, const char *options) {
    *run = (run_t){NULL, 1, 0.5};
    if (optim_create(&run->opt, "adamw", options) != OPTIM_OK)
        return false;
    if (optim_add_param(run->opt, 0, "x", OPTIM_F64, 0, NULL, &run->x, &run->g) != OPTIM_OK)
        fuzz_fail("a scalar parameter was refused");
    return true;
}

/* ---- Attaching ---- */

static void set(optim_t *opt, char *line) {
    char *schedule = strchr(line, ' '), *options = NULL;
    if (schedule != NULL) {
        *schedule++ = '\0';
        options = strchr(schedule, ' ');
        if (options != NULL)
            *options++ = '\0';
    }
    saved_t before = saved_make(opt);
    const optim_status status = optim_set_schedule(opt, 0, line, schedule, options);
    fuzz_check_status("optim_set_schedule", status, OF_SCHEDULE, sizeof OF_SCHEDULE / sizeof *OF_SCHEDULE);
    saved_t after = saved_make(opt);
    if (status != OPTIM_OK && !saved_same(&before, &after))
        fuzz_fail("a schedule was refused and the handle changed");
    if (status == OPTIM_ERR_NAME && strstr(optim_error(), "there are") == NULL)
        fuzz_fail("the error does not list the schedules");
    saved_free(&before);
    saved_free(&after);
}

/* ---- Values ---- */

static double value_now(const optim_t *opt, const char *key) {
    double value;
    if (optim_get(opt, 0, key, &value) != OPTIM_OK)
        fuzz_fail("%s cannot be read", key);
    return value;
}

static bool same_number(double a, double b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

/* No NaN; infinity only where large numbers stand in the text. */
static void check_ahead(const optim_t *opt, bool may_overflow) {
    double ahead[AHEAD];
    for (int k = 0; k < KEY_COUNT; ++k) {
        if (optim_schedule_values(opt, 0, KEYS[k], optim_steps(opt), AHEAD, ahead) != OPTIM_OK)
            fuzz_fail("values of %s cannot be foreseen", KEYS[k]);
        for (int i = 0; i < AHEAD; ++i)
            if (isnan(ahead[i]) || (!may_overflow && !isfinite(ahead[i])))
                fuzz_fail("%s is %g after %d steps", KEYS[k], ahead[i], i);
        if (!same_number(ahead[0], value_now(opt, KEYS[k])))
            fuzz_fail("%s is foreseen to be %.17g and is %.17g", KEYS[k], ahead[0], value_now(opt, KEYS[k]));
    }
}

/* Whether the text could take a double beyond its range within the steps looked at: a number of more than six digits
 * before the point, or with an exponent. */
static bool has_large_numbers(const char *text) {
    int digits = 0;
    for (; *text != '\0'; ++text) {
        digits = *text >= '0' && *text <= '9' ? digits + 1 : 0;
        if (digits > 6 ||
            ((*text == 'e' || *text == 'E') && text[1] != '\0' && strchr("+-0123456789", text[1]) != NULL))
            return true;
    }
    return false;
}

static void one_step(run_t *run, const double *metric, int metrics, int step) {
    run->g = 0.5; /* zero_grad=1 clears it */
    const optim_status status = optim_step(run->opt);
    if (status != OPTIM_OK)
        fuzz_fail("step %d returned %d", step, status);
    if (step < metrics && optim_report(run->opt, metric[step]) != OPTIM_OK)
        fuzz_fail("the metric %g was refused", metric[step]);
}

static void check_twins(const run_t *a, const run_t *b, int step) {
    for (int k = 0; k < KEY_COUNT; ++k)
        if (!same_number(value_now(a->opt, KEYS[k]), value_now(b->opt, KEYS[k])))
            fuzz_fail("after %d steps %s is %.17g without loading and %.17g with it", step, KEYS[k],
                      value_now(a->opt, KEYS[k]), value_now(b->opt, KEYS[k]));
    const bool both_nan = isnan(a->x) && isnan(b->x);
    if (!both_nan && !same_number(a->x, b->x))
        fuzz_fail("after %d steps x is %.17g without loading and %.17g with it", step, a->x, b->x);
}

/* Steps; in the middle a twin is made of what has been saved, and goes along. */
static void check_run(run_t *run, const char *options, const double *metric, int metrics, bool may_overflow) {
    run_t twin = {NULL};
    for (int step = 0; step < STEPS; ++step) {
        one_step(run, metric, metrics, step);
        if (twin.opt != NULL) {
            one_step(&twin, metric, metrics, step);
            check_twins(run, &twin, step + 1);
        }
        if (step != STEPS / 2)
            continue;
        saved_t saved = saved_make(run->opt);
        if (saved.status != OPTIM_OK || !start(&twin, options) ||
            optim_deserialize(twin.opt, saved.bytes, saved.size) != OPTIM_OK)
            fuzz_fail("saving and loading after %d steps", step + 1);
        twin.x = run->x;
        saved_t again = saved_make(twin.opt);
        if (!saved_same(&saved, &again))
            fuzz_fail("saved, loaded and saved is not the same");
        saved_free(&saved);
        saved_free(&again);
        check_ahead(run->opt, may_overflow);
    }
    optim_destroy(twin.opt);
}

/* ---- The whole text ---- */

static int read_metrics(char *line, double *metric) {
    int count = 0;
    for (char *word = strtok(line, " "); word != NULL && count < METRICS; word = strtok(NULL, " "))
        metric[count++] = strtod(word, NULL);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes_t bytes = {data, size};
    char *options = bytes_line(&bytes), *line;
    double metric[METRICS];
    int metrics = 0;
    run_t run;
    if (options == NULL || !start(&run, options)) {
        free(options);
        return 0;
    }
    bool may_overflow = has_large_numbers(options);
    for (int i = 0; i < MOST_LINES && (line = bytes_line(&bytes)) != NULL; ++i) {
        if (*line == '~') {
            metrics = read_metrics(line + 1, metric);
        } else {
            may_overflow |= has_large_numbers(line);
            set(run.opt, line);
        }
        free(line);
    }
    check_ahead(run.opt, may_overflow);
    check_run(&run, options, metric, metrics, may_overflow);
    optim_destroy(run.opt);
    free(options);
    return 0;
}
