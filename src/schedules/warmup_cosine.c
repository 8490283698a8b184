/*
 * warmup_cosine: a linear rise, then half a cosine down (Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with
 * Warm Restarts", 2017, without restarts).
 *
 *     t < warmup:  lr_init + (b - lr_init) t / warmup
 *     else:        lr_min + (b - lr_min) ((1 + cos(pi q)) / 2)^exponent,   q = min(t - warmup, n) / n,
 *                  n = steps - warmup
 */
#include "schedules/shape.h"

enum { WARMUP, STEPS, LR_INIT, LR_MIN, EXPONENT };
static const option_t OPTIONS[] = {
    [WARMUP] = {"warmup", 10, "integer [0,inf)", "steps of the rise"},
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps in all, the rise included"},
    [LR_INIT] = {"lr_init", 0, "[0,inf)", "value at t = 0"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    [EXPONENT] = {"exponent", 1, "(0,inf)", "power of the cosine"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double warmup = run->option[WARMUP], lr_init = run->option[LR_INIT], lr_min = run->option[LR_MIN];
    if (t < warmup)
        return shape_warmup(lr_init, base, t, warmup);
    const double n = run->option[STEPS] - warmup, q = fmin(t - warmup, n) / n;
    return lr_min + (base - lr_min) * pow(shape_cosine(q), run->option[EXPONENT]);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return run->option[STEPS] <= run->option[WARMUP] ? "steps must exceed warmup" : NULL;
}

const schedule_t schedule_warmup_cosine = {
    .name = "warmup_cosine",
    .purpose = "a linear rise, then half a cosine down",
    .citation = "Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = shape_between_turns,
};
