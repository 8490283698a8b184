/*
 * A trajectory in f64 within the file's tolerance and in f32 within 2e-4, each with 1, 2 and 5 threads, which must give
 * the same bits. Where BLAS is called, whose rounding errors differ between processors, f32 may also be off by what
 * such an error grows to. Where a wrapper steps ahead, f32 is compared while it has come as far as f64: whether points
 * are equal, rounding decides. Counts of evaluations must be the file's in f64.
 */
#include <math.h>
#include <string.h>

#include "blas_watch.h"
#include "element.h"
#include "run.h"
#include "verdict.h"

static const double F32_TOLERANCE = 2e-4;
static const int THREADS[] = {1, 2, 5};
enum { THREAD_COUNTS = sizeof THREADS / sizeof *THREADS, NUDGED_RUNS = 4, NUDGE_MARGIN = 8 };

void run_close(run_t *run) {
    file_disowns(run->opt);
    run->opt = NULL;
}

void run_step(run_t *run, int step) {
    const problem_t *p = run->problem;
    run->evaluation = 0;
    if (p != NULL && p->kind != NULL && p->kind->refresh != NULL) {
        read_variables(run);
        p->kind->refresh(run->problem, step, run->x);
    }
    if (optim_wants_gradient(run->opt))
        answer_first(run);
    optim_status status = optim_step(run->opt);
    while (status > 0) {
        answer_request(run, status);
        status = optim_step(run->opt);
    }
    if (status != OPTIM_OK)
        fail_file("%s, step %d ended with %d (%s): %s", element_name(run->dtype), step, status, optim_strerror(status),
                  optim_error());
}

/* ---- Comparing ---- */

/* A count is compared in f64 alone. */
static bool is_count(const tensor_t *output) {
    return strcmp(output->name, "evals") == 0 && output->count == 3;
}

/* A loss that came with a gradient costs nothing, so that fewer values may be asked for than the file counts. */
static void compare_counts(const run_t *run, const want_t *want, const double *got) {
    if (run->dtype != OPTIM_F64)
        return;
    for (int i = 0; i < 3; ++i)
        if (i == 0 ? got[i] > want->values[i] : got[i] != want->values[i])
            fail_file("step %d: %g values, %g gradients and %g gradients of components were asked for, not %g, %g "
                      "and %g",
                      want->step, got[0], got[1], got[2], want->values[0], want->values[1], want->values[2]);
}

static void compare(const run_t *run, const want_t *want, double tolerance, int threads) {
    const tensor_t *output = &run->f->output[want->output];
    double *values = file_memory(output->count, sizeof *values), most = 0;
    size_t worst = 0;
    run_output(run, want->output, want->step, values);
    if (run->f->is_solver && is_count(output)) {
        compare_counts(run, want, values);
        return;
    }
    for (size_t i = 0; i < output->count; ++i) {
        const double ratio = fabs(values[i] - want->values[i]) / (tolerance * fmax(1, fabs(want->values[i])));
        if (!(ratio <= most)) {
            most = isnan(ratio) ? INFINITY : ratio;
            worst = i;
        }
    }
    if (!(most <= 1))
        fail_file("%s, %d threads, step %d: %s[%zu] is %.17g, not %.17g: %g off, %g ulp, %g times the tolerance %g",
                  element_name(run->dtype), threads, want->step, output->name, worst, values[worst],
                  want->values[worst], fabs(values[worst] - want->values[worst]),
                  element_ulps(run->dtype, values[worst], want->values[worst]), most, tolerance);
}

/* Compared to tolerance[step - 1]; NULL: not at all. taken: steps that f64 has completed then, which comes first. */
static run_t *run_file(const trajectory_t *f, optim_dtype dtype, int threads, const double *tolerance, int64_t *taken) {
    run_t *run = run_new(f, dtype, threads);
    for (int step = 1; step <= f->steps; ++step) {
        run_step(run, step);
        if (dtype == OPTIM_F64)
            taken[step - 1] = optim_steps(run->opt);
        for (size_t i = 0; i < f->wants && tolerance != NULL && taken[step - 1] == optim_steps(run->opt); ++i)
            if (f->want[i].step == step)
                compare(run, &f->want[i], tolerance[step - 1], threads);
    }
    if (run->next_evaluation != f->evaluations)
        fail_file("asked for %zu of %zu evaluations", run->next_evaluation, f->evaluations);
    return run;
}

static void compare_bits(const run_t *run, const run_t *serial, int threads) {
    const size_t size = element_size(run->dtype);
    for (int i = 0; i < run->params; ++i) {
        const run_param_t *a = &run->param[i], *b = &serial->param[i];
        for (size_t k = 0; k < a->tensor->count; ++k)
            if (memcmp((const char *)a->data + k * size, (const char *)b->data + k * size, size) != 0)
                fail_file("%s, %d threads: %s[%zu] has other bits than with one thread: %.17g, not %.17g",
                          element_name(run->dtype), threads, a->tensor->name, k, element_read(run->dtype, a->data, k),
                          element_read(run->dtype, b->data, k));
    }
}

/* ---- How far a rounding error of BLAS carries ---- */

/* The largest difference between two runs, relative to the larger of 1 and the element. */
static double distance(const run_t *a, const run_t *b, int step) {
    double most = 0;
    for (int output = 0; output < a->f->outputs; ++output) {
        const size_t count = is_count(&a->f->output[output]) ? 0 : a->f->output[output].count;
        double *left = file_memory(count, sizeof *left), *right = file_memory(count, sizeof *right);
        if (count == 0)
            continue;
        run_output(a, output, step, left);
        run_output(b, output, step, right);
        for (size_t i = 0; i < count; ++i)
            most = fmax(most, fabs(left[i] - right[i]) / fmax(1, fabs(left[i])));
    }
    return most;
}

/* Raises the tolerances to what a run leads away from another whose BLAS rounds differently. */
static void allow_nudge(const trajectory_t *f, uint64_t seed, double *tolerance) {
    run_t *plain = run_new(f, OPTIM_F32, 1), *nudged = run_new(f, OPTIM_F32, 1);
    double apart = 0;
    for (int step = 1; step <= f->steps; ++step) {
        run_step(plain, step);
        blas_watch_nudge(seed);
        run_step(nudged, step);
        blas_watch_nudge(0);
        apart = fmax(apart, distance(plain, nudged, step));
        tolerance[step - 1] = fmax(tolerance[step - 1], NUDGE_MARGIN * apart);
    }
    run_close(plain);
    run_close(nudged);
}

/* The tolerance of each step. */
static double *tolerances(const trajectory_t *f, optim_dtype dtype) {
    const int64_t before = blas_watch_calls();
    double *tolerance = file_memory((size_t)f->steps, sizeof *tolerance);
    for (int k = 0; k < f->steps; ++k)
        tolerance[k] = dtype == OPTIM_F64 ? f->tolerance : fmax(F32_TOLERANCE, f->tolerance);
    if (dtype == OPTIM_F64)
        return tolerance;
    run_close(run_file(f, dtype, 1, NULL, NULL));
    for (uint64_t seed = 1; blas_watch_calls() != before && seed <= NUDGED_RUNS; ++seed)
        allow_nudge(f, seed, tolerance);
    return tolerance;
}

void check_trajectory(const trajectory_t *f) {
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32};
    int64_t *taken = file_memory((size_t)f->steps, sizeof *taken);
    blas_watch_nudge(0); /* another file may have ended within a nudged step */
    for (size_t d = 0; d < 2; ++d) {
        const double *tolerance = tolerances(f, dtypes[d]);
        run_t *serial = run_file(f, dtypes[d], THREADS[0], tolerance, taken);
        for (int i = 1; i < THREAD_COUNTS; ++i) {
            run_t *threaded = run_file(f, dtypes[d], THREADS[i], tolerance, taken);
            compare_bits(threaded, serial, THREADS[i]);
            run_close(threaded);
        }
        run_close(serial);
    }
}
