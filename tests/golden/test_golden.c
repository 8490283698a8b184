/*
 * Every file *.golden but value_*.golden (test_values) of the folder named on the command line, or of data/, is one
 * test: the trajectory in f64 within the file's tolerance and in f32 within 2e-4, each with 1, 2 and 5 threads, which must
 * give the same bits. Where BLAS is called, whose rounding errors differ between processors, f32 may also be off by what such
 * an error grows to.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas_watch.h"
#include "check.h"
#include "element.h"
#include "golden_file.h"
#include "golden_main.h"
#include "rig.h"

static const double F32_TOLERANCE = 2e-4;
static const int THREADS[] = {1, 2, 5};
enum { THREAD_COUNTS = sizeof THREADS / sizeof *THREADS, NUDGED_RUNS = 4, NUDGE_MARGIN = 8 };

/* ---- What ran, for the line at the end ---- */

enum { SUBJECTS = 1024 };
static char *subjects[SUBJECTS];
static size_t subject_count, passed;

static void count_subject(const char *kind, const char *name) {
    char *subject = check_text("%s %s", kind, name);
    for (size_t i = 0; i < subject_count; ++i)
        if (strcmp(subjects[i], subject) == 0) {
            free(subject);
            return;
        }
    assert_in_range(subject_count, 0, SUBJECTS - 1);
    subjects[subject_count++] = subject;
}

static size_t subjects_of(const char *kind) {
    size_t count = 0;
    for (size_t i = 0; i < subject_count; ++i)
        count += strncmp(subjects[i], kind, strlen(kind)) == 0;
    return count;
}

/* ---- Trajectories ---- */

static optim_t *optimizer_new(const golden_file_t *f, int threads) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, f->algorithm, f->options));
    for (int i = 0; i < f->wraps; ++i)
        CHECK_OK(optim_wrap(opt, f->wrap[i].name, f->wrap[i].options));
    if (f->schedule.name != NULL)
        CHECK_OK(optim_set_schedule(opt, -1, "lr", f->schedule.name, f->schedule.options));
    CHECK_OK(optim_set_threads(opt, threads));
    return opt;
}

static rig_t *run_new(golden_file_t *f, optim_dtype dtype, int threads) {
    rig_t *rig = rig_new(&f->layout, dtype, dtype, 0);
    rig_write(rig, f->initial);
    CHECK_OK(rig_lend(rig, optimizer_new(f, threads)));
    f->replay.next = 0;
    rig->replay = strcmp(f->oracle, "fixed") == 0 ? &f->replay : NULL;
    rig->oracle = oracle_find(f->oracle);
    if (rig->replay == NULL && rig->oracle == NULL)
        fail_msg("no oracle is called \"%s\"", f->oracle);
    return rig;
}

/* The parameter, or from swap_step on what optim_output returns; in the parameter's dtype. */
static void *answer(const golden_file_t *f, const rig_t *rig, int tensor, int step) {
    const rig_tensor_t *t = &rig->tensor[tensor];
    void *values = check_memory(t->count, element_size(t->dtype));
    if (f->swap_step != 0 && step >= f->swap_step)
        CHECK_OK(optim_output(rig->opt, tensor, values));
    else
        memcpy(values, t->data, t->count * element_size(t->dtype));
    return values;
}

/* The values wanted, to `tolerance` after each step. */
static void compare(const golden_file_t *f, const rig_t *rig, const golden_want_t *want, double tolerance,
                    int threads) {
    const rig_tensor_t *t = &rig->tensor[want->tensor];
    void *values = answer(f, rig, want->tensor, want->step);
    for (size_t i = 0; i < t->count; ++i) {
        const double got = element_read(t->dtype, values, i), expected = want->values[i];
        if (!(fabs(got - expected) <= tolerance * fmax(1, fabs(expected))))
            fail_msg("case %s, %s, %d threads, step %d: %s[%zu] is %.17g, not %.17g: %g off, %g ulp, tolerance %g",
                     f->name, element_name(t->dtype), threads, want->step, t->name, i, got, expected,
                     fabs(got - expected), element_ulps(t->dtype, got, expected), tolerance);
    }
    free(values);
}

static void take_step(const golden_file_t *f, rig_t *rig, int step) {
    const optim_status status = rig_step(rig);
    if (status != OPTIM_OK)
        fail_msg("case %s, %s: step %d ended with %d (%s): %s", f->name, element_name(rig->tensor[0].dtype), step,
                 status, optim_strerror(status), optim_error());
}

/* Compared to tolerance[step - 1]; NULL: not at all. */
static rig_t *run(golden_file_t *f, optim_dtype dtype, int threads, const double *tolerance) {
    rig_t *rig = run_new(f, dtype, threads);
    for (int step = 1; step <= f->steps; ++step) {
        take_step(f, rig, step);
        for (size_t i = 0; i < f->wants && tolerance != NULL; ++i)
            if (f->want[i].step == step)
                compare(f, rig, &f->want[i], tolerance[step - 1], threads);
    }
    if (rig->replay != NULL && f->replay.next != f->replay.count)
        fail_msg("case %s asked for %zu of %zu evaluations", f->name, f->replay.next, f->replay.count);
    return rig;
}

/* ---- How far a rounding error of BLAS carries ---- */

/* The largest difference between two runs, relative to the larger of 1 and the element. */
static double distance(const golden_file_t *f, const rig_t *a, const rig_t *b, int step) {
    double most = 0;
    for (int k = 0; k < a->count; ++k) {
        const rig_tensor_t *t = &a->tensor[k];
        void *left = answer(f, a, k, step), *right = answer(f, b, k, step);
        for (size_t i = 0; i < t->count; ++i) {
            const double x = element_read(t->dtype, left, i), y = element_read(t->dtype, right, i);
            most = fmax(most, fabs(x - y) / fmax(1, fabs(x)));
        }
        free(left);
        free(right);
    }
    return most;
}

/* Raises the tolerances to what a run leads away from another whose BLAS rounds differently. */
static void allow_nudge(golden_file_t *f, uint64_t seed, double *tolerance) {
    rig_t *plain = run_new(f, OPTIM_F32, 1), *nudged = run_new(f, OPTIM_F32, 1);
    double apart = 0;
    for (int step = 1; step <= f->steps; ++step) {
        const size_t next = f->replay.next; /* both are handed the same evaluations */
        take_step(f, plain, step);
        f->replay.next = next;
        blas_watch_nudge(seed);
        take_step(f, nudged, step);
        blas_watch_nudge(0);
        apart = fmax(apart, distance(f, plain, nudged, step));
        tolerance[step - 1] = fmax(tolerance[step - 1], NUDGE_MARGIN * apart);
    }
    rig_free(plain);
    rig_free(nudged);
}

/* The tolerance of each step; to be freed. */
static double *tolerances(golden_file_t *f, optim_dtype dtype) {
    const int64_t before = blas_watch_calls();
    double *tolerance = check_memory((size_t)f->steps, sizeof *tolerance);
    for (int k = 0; k < f->steps; ++k)
        tolerance[k] = dtype == OPTIM_F64 ? f->tolerance : fmax(F32_TOLERANCE, f->tolerance);
    if (dtype == OPTIM_F64)
        return tolerance;
    rig_free(run(f, dtype, 1, NULL));
    for (uint64_t seed = 1; blas_watch_calls() != before && seed <= NUDGED_RUNS; ++seed)
        allow_nudge(f, seed, tolerance);
    return tolerance;
}

static void check_trajectory(golden_file_t *f) {
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32};
    for (size_t d = 0; d < 2; ++d) {
        double *tolerance = tolerances(f, dtypes[d]);
        rig_t *serial = run(f, dtypes[d], THREADS[0], tolerance);
        for (int i = 1; i < THREAD_COUNTS; ++i) {
            rig_t *threaded = run(f, dtypes[d], THREADS[i], tolerance);
            rig_check_same(threaded, serial, "more threads than one");
            rig_free(threaded);
        }
        rig_free(serial);
        free(tolerance);
    }
    count_subject("method", f->algorithm);
    for (int i = 0; i < f->wraps; ++i)
        count_subject("wrapper", f->wrap[i].name);
    if (f->schedule.name != NULL)
        count_subject("schedule", f->schedule.name);
}

/* ---- Schedules: the rate that sgd takes, one step after the other ---- */

/* The options of the file, with `child` lines as children=NAME(options);NAME(options), and `table` as norms=. */
static char *schedule_options(const golden_file_t *f) {
    const bool has_table = f->table != NULL;
    char *options = check_text("%s%s%s", f->schedule.options, has_table ? ",norms=" : "", has_table ? f->table : "");
    for (int i = 0; i < f->children; ++i) {
        const char *join = i > 0 ? ";" : *options == '\0' ? "children=" : ",children=";
        const bool plain = *f->child[i].options == '\0';
        char *longer = check_text("%s%s%s%s%s%s", options, join, f->child[i].name, plain ? "" : "(",
                                  f->child[i].options, plain ? "" : ")");
        free(options);
        options = longer;
    }
    return options;
}

static int64_t last_clock(const golden_values_t *values) {
    int64_t last = -1;
    for (size_t i = 0; i < values->count; ++i)
        last = values->at[i].t > last ? values->at[i].t : last;
    return last;
}

static void compare_value(const golden_file_t *f, const optim_t *opt, const char *key, const golden_values_t *values,
                          int64_t t) {
    double got;
    CHECK_OK(optim_get(opt, 0, key, &got));
    for (size_t i = 0; i < values->count; ++i) {
        const double want = values->at[i].value;
        if (values->at[i].t == t && !(fabs(got - want) <= f->tolerance * fmax(1, fabs(want))))
            fail_msg("case %s: %s before step %lld is %.17g, not %.17g: %g off, %g ulp", f->name, key, (long long)t + 1,
                     got, want, fabs(got - want), element_ulps(OPTIM_F64, got, want));
    }
}

static void report(const golden_file_t *f, optim_t *opt, int64_t t) {
    for (size_t i = 0; i < f->metric.count; ++i)
        if (f->metric.at[i].t == t)
            CHECK_OK(optim_report(opt, f->metric.at[i].value));
}

static void check_schedule(const golden_file_t *f) {
    if (f->foreign != NULL)
        fail_msg("case %s: the library has no call for the line \"%s\"", f->name, f->foreign);
    char *base = check_text("lr=%.17g%s", f->base, f->momentum.count > 0 ? ",momentum=0.5" : "");
    char *options = schedule_options(f);
    double parameter = 1, gradient = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", base));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, 1, (int64_t[]){1}, &parameter, &gradient));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", f->schedule.name, options));
    const int64_t rates = last_clock(&f->rate), momenta = last_clock(&f->momentum);
    for (int64_t t = 0; t <= rates || t <= momenta; ++t) {
        compare_value(f, opt, "lr", &f->rate, t);
        if (f->momentum.count > 0)
            compare_value(f, opt, "momentum", &f->momentum, t);
        CHECK_OK(optim_step(opt));
        report(f, opt, t);
    }
    assert_true(parameter == 1);
    optim_destroy(opt);
    free(options);
    free(base);
    count_subject("schedule", f->schedule.name);
}

static void check_file(void **state) {
    golden_file_t *f = golden_read(*state);
    if (f->is_schedule) {
        check_schedule(f);
    } else {
        if (f->foreign != NULL)
            fail_msg("case %s: this test does not know the line \"%s\"", f->name, f->foreign);
        check_trajectory(f);
    }
    golden_free(f);
    ++passed;
}

int main(int argc, char **argv) {
    size_t count;
    const int failed =
        golden_main("golden", argc > 1 ? argv[1] : TEST_SOURCE_DIR "/golden/data", false, check_file, &count);
    (void)printf("%zu of %zu cases passed, for %zu methods, %zu wrappers, %zu schedules\n", passed, count,
                 subjects_of("method"), subjects_of("wrapper"), subjects_of("schedule"));
    for (size_t i = 0; i < subject_count; ++i)
        free(subjects[i]);
    return failed;
}
