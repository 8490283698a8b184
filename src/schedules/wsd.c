/*
 * wsd: warmup, a constant stretch, a cooldown (Schaipp, Haegele, Taylor, Simsekli, Bach, "The Surprising Agreement
 * Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training", 2025).
 *
 *     t < warmup:  lr_init + (b - lr_init) R(t / warmup)
 *     else:        lr_min + (b - lr_min) F(q),   q = clip((t - (steps - cooldown)) / cooldown, 0, 1)
 *     R:           linear q,  sqrt 1 - sqrt(1 - q),  cosine (1 - cos(pi q)) / 2
 *     F:           linear 1 - q,  sqrt 1 - sqrt(q),  square 1 - q^2,  cosine (1 + cos(pi q)) / 2
 *
 * The last step, t = steps - 1, still has a positive value. cooldown = steps is linear decay, cooldown = 0 is constant.
 */
#include "schedules/shape.h"

enum { WARMUP, STEPS, COOLDOWN, DECAY, LR_INIT, LR_MIN, RISE };
enum { DECAY_LINEAR, DECAY_SQRT, DECAY_SQUARE, DECAY_COSINE };
enum { RISE_LINEAR, RISE_SQRT, RISE_COSINE };
static const option_t OPTIONS[] = {
    [WARMUP] = {"warmup", 0, "integer [0,inf)", "steps of the rise"},
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps in all, the rise included"},
    [COOLDOWN] = {"cooldown", 20, "integer [0,inf)", "steps of the fall"},
    [DECAY] = {"decay", DECAY_LINEAR, "linear|sqrt|square|cosine", "shape of the fall"},
    [LR_INIT] = {"lr_init", 0, "[0,inf)", "value at t = 0 of a rise"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    [RISE] = {"rise", RISE_LINEAR, "linear|sqrt|cosine", "shape of the rise"},
    {0},
};

static double fall(int decay, double q) {
    switch (decay) {
    case DECAY_SQRT:
        return 1 - sqrt(q);
    case DECAY_SQUARE:
        return 1 - q * q;
    case DECAY_COSINE:
        return shape_cosine(q);
    default:
        return 1 - q;
    }
}

static double rise(int shape, double initial, double base, double t, double warmup) {
    if (shape == RISE_LINEAR)
        return shape_warmup(initial, base, t, warmup);
    return shape_line(initial, base, shape == RISE_SQRT ? 1 - sqrt(1 - t / warmup) : 1 - shape_cosine(t / warmup));
}

static double value(const schedule_run_t *run, double base, double t) {
    const double warmup = run->option[WARMUP], cooldown = run->option[COOLDOWN], lr_min = run->option[LR_MIN];
    if (t < warmup)
        return rise((int)run->option[RISE], run->option[LR_INIT], base, t, warmup);
    if (cooldown == 0)
        return base;
    const double q = fmin(fmax((t - (run->option[STEPS] - cooldown)) / cooldown, 0), 1);
    return lr_min + (base - lr_min) * fall((int)run->option[DECAY], q);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return run->option[WARMUP] + run->option[COOLDOWN] > run->option[STEPS] ? "warmup + cooldown must not exceed steps"
                                                                            : NULL;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    schedule_turn(run, of, base, from, to, run->option[WARMUP], extremes);
    schedule_turn(run, of, base, from, to, run->option[STEPS] - run->option[COOLDOWN], extremes);
    schedule_turn(run, of, base, from, to, run->option[STEPS], extremes);
}

const schedule_t schedule_wsd = {
    .name = "wsd",
    .purpose = "warmup, a constant stretch, a cooldown",
    .citation =
        "Schaipp et al.: The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling "
        "for Large Model Training, 2025, arXiv:2501.18965",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
