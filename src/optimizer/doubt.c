/*
 * Whether the steps of a run contradict its gradients, from evaluations that are made anyway. Behind steps 2, 4, 8, ...
 *
 *     rise = f(x+) - f(x)          expected = (g + g+)'(x+ - x) / 2
 *
 * are compared as verdict.c does. A long step of a curved function may contradict a right gradient, but not one after
 * another: three that do, and none that does not, are reason enough to look closer when a budget ends the run.
 */
#include <math.h>
#include <stdlib.h>

#include "optimizer/minimize.h"

static bool has_memory(const run_t *run) {
    return run->doubt.g != NULL;
}

void doubt_make(run_t *run) {
    const optim_stop *stop = &run->stop;
    const bool too_few = stop->steps > 0 && stop->steps < 1 << DOUBT_LEAST;
    const bool has_budget = stop->steps > 0 || stop->evaluations > 0 || stop->seconds > 0;
    if (too_few || !has_budget || (chain_method(run->opt)->method->flags & (SEARCHES | VALUES_ONLY)) != SEARCHES ||
        !copies_make(&run->doubt.x, run->opt, false))
        return;
    run->doubt.g = calloc(run->opt->engine.element_count + 1, sizeof *run->doubt.g);
    if (run->doubt.g == NULL)
        copies_free(&run->doubt.x);
}

void doubt_free(run_t *run) {
    free(run->doubt.g);
    copies_free(&run->doubt.x);
}

void doubt_before_step(run_t *run) {
    const int64_t number = run->result.steps + 1;
    run->doubt.looks =
        has_memory(run) && number > 1 && (number & (number - 1)) == 0 && run->gradient_at != GRADIENT_UNKNOWN;
    if (!run->doubt.looks)
        return;
    copies_take(&run->doubt.x, run->opt);
    measure_read_gradient(run->opt, run->gradient_at, run->doubt.g);
    run->doubt.loss = run->result.loss;
}

void doubt_after_step(run_t *run) {
    enum { ROUNDINGS = 16 };
    doubt_t *doubt = &run->doubt;
    if (!doubt->looks || run->gradient_at == GRADIENT_UNKNOWN)
        return;
    const double rise = run->result.loss - doubt->loss;
    const double expected = measure_mean_slope(run->opt, doubt->g, run->gradient_at, &doubt->x);
    const double size = fmax(fabs(rise), fabs(expected));
    const double noise =
        (double)ROUNDINGS * measure_rounding(run->opt) * fmax(fabs(run->result.loss), fabs(doubt->loss));
    if (!isfinite(size) || size <= noise)
        return;
    if (fabs(rise - expected) > 0.5 * size + noise)
        ++doubt->contradicted;
    else
        ++doubt->agreed;
}

bool doubt_is_due(const run_t *run) {
    return run->doubt.contradicted >= DOUBT_LEAST && run->doubt.agreed == 0;
}
