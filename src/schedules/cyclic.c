/*
 * cyclic: up and down between two values in straight lines, the momentum the other way (Smith, "Cyclical Learning Rates
 * for Training Neural Networks", 2017).
 *
 *     total = step_up + step_down,  cycle = floor(1 + t / total),  x = 1 + t / total - cycle,  r = step_up / total
 *     scale = x / r if x <= r, else (x - 1) / (r - 1);   times 2^-(cycle - 1) (triangular2) or gamma^t (exp_range)
 *     b + (lr_max - b) scale;   momentum = momentum_max - (momentum_max - momentum_min) scale
 */
#include "schedules/shape.h"

enum { LR_MAX, STEP_UP, STEP_DOWN, MODE, GAMMA, MOMENTUM_MIN, MOMENTUM_MAX, CYCLE_MOMENTUM };
enum { TRIANGULAR, TRIANGULAR2, EXP_RANGE };
static const option_t OPTIONS[] = {
    [LR_MAX] = {"lr_max", 0, "[0,inf)", "value at the top of the first cycle; must be given"},
    [STEP_UP] = {"step_up", 2000, "integer [1,inf)", "steps of the rise"},
    [STEP_DOWN] = {"step_down", 0, "integer [0,inf)", "steps of the fall; 0: as step_up"},
    [MODE] = {"mode", TRIANGULAR, "triangular|triangular2|exp_range",
              "peaks stay, halve from cycle to cycle, or decay by gamma every step"},
    [GAMMA] = {"gamma", 1, "(0,inf)", "of exp_range"},
    [MOMENTUM_MIN] = {"momentum_min", 0.8, "[0,1]", "momentum or beta1 at the top of a cycle"},
    [MOMENTUM_MAX] = {"momentum_max", 0.9, "[0,1]", "momentum or beta1 at its bottom"},
    [CYCLE_MOMENTUM] = {"cycle_momentum", 1, "0|1", "drive momentum or beta1 as well, when set on lr"},
    {0},
};

static double step_down(const double *option) {
    return option[STEP_DOWN] == 0 ? option[STEP_UP] : option[STEP_DOWN];
}

static double scale(const double *option, double t) {
    const double up = option[STEP_UP], total = up + step_down(option);
    const double cycle = floor(1 + t / total), x = 1 + t / total - cycle, r = up / total;
    const double triangle = x <= r ? x / r : (x - 1) / (r - 1);
    if ((int)option[MODE] == TRIANGULAR2)
        return triangle * pow(2, 1 - cycle);
    return (int)option[MODE] == EXP_RANGE ? triangle * pow(option[GAMMA], t) : triangle;
}

static double value(const schedule_run_t *run, double base, double t) {
    return base + (run->option[LR_MAX] - base) * scale(run->option, t);
}

static double momentum(const schedule_run_t *run, double base, double t) {
    const double most = run->option[MOMENTUM_MAX], least = run->option[MOMENTUM_MIN];
    return run->option[CYCLE_MOMENTUM] == 0 ? base : most - (most - least) * scale(run->option, t);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    if (run->option[MOMENTUM_MIN] > run->option[MOMENTUM_MAX])
        return "momentum_min lies above momentum_max";
    if ((int)run->option[MODE] == EXP_RANGE && run->option[GAMMA] > 1)
        return "gamma must not exceed 1";
    return run->option[LR_MAX] == 0 ? "lr_max= is missing" : NULL;
}

/* No later cycle goes farther than the one that follows `from`. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const double *option = run->option, up = option[STEP_UP], total = up + step_down(option);
    const double peak = (int)option[MODE] == EXP_RANGE ? fmin(up, -1 / log(option[GAMMA])) : up;
    for (int i = 0; i < 3; ++i) {
        const double begin = (floor(from / total) + i) * total;
        schedule_turn(run, of, base, from, to, begin, extremes);
        schedule_turn(run, of, base, from, to, begin + peak, extremes);
        schedule_turn(run, of, base, from, to, begin + up, extremes);
    }
}

const schedule_t schedule_cyclic = {
    .name = "cyclic",
    .purpose = "up and down between two values in straight lines, the momentum the other way",
    .citation = "Smith: Cyclical Learning Rates for Training Neural Networks, 2017, arXiv:1506.01186",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
    .momentum = momentum,
};
