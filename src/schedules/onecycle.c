/*
 * onecycle: up to a peak and down to almost nothing, the momentum the other way (Smith, Topin, "Super-Convergence: Very
 * Fast Training of Neural Networks Using Large Learning Rates", 2019). b is the peak.
 *
 *     two phases, ends pct_start steps - 1 and steps - 1 (real numbers):    b / div -> b -> b / div / final_div
 *     three, ends pct_start steps - 1, 2 pct_start steps - 2, steps - 1:
 *            b / div -> b -> b / div -> b / div / final_div
 *     in a phase from s to e, q = (t - s) / (e - s):   linear a + (z - a) q,   cos z + (a - z) (1 + cos(pi q)) / 2
 *     momentum: max -> min -> max (-> max) in the same phases
 *
 *     ends_early = 0:  phases end at floor(pct_start steps), floor(2 pct_start steps), steps
 *
 * The form of torch's OneCycleLR, with ends_early = 0 of optax's; past its end it holds. The paper's cycle with
 * annihilation is three_phase=1, anneal_type=linear, pct_start=0.45.
 */
#include "schedules/shape.h"

enum {
    STEPS,
    PCT_START,
    DIV_FACTOR,
    FINAL_DIV_FACTOR,
    THREE_PHASE,
    ANNEAL_TYPE,
    MOMENTUM_MIN,
    MOMENTUM_MAX,
    CYCLE_MOMENTUM,
    ENDS_EARLY
};
enum { ANNEAL_COS, ANNEAL_LINEAR };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 0, "integer [0,inf)", "steps in all; must be given"},
    [PCT_START] = {"pct_start", 0.3, "[0,1]", "share of the steps that the rise takes"},
    [DIV_FACTOR] = {"div_factor", 25, "(0,inf)", "peak over first value"},
    [FINAL_DIV_FACTOR] = {"final_div_factor", 1e4, "(0,inf)", "first value over last"},
    [THREE_PHASE] = {"three_phase", 0, "0|1", "fall to the first value as fast as the rise, then to the last"},
    [ANNEAL_TYPE] = {"anneal_type", ANNEAL_COS, "cos|linear", "shape of rise and fall"},
    [MOMENTUM_MIN] = {"momentum_min", 0.85, "[0,1]", "momentum or beta1 at the peak"},
    [MOMENTUM_MAX] = {"momentum_max", 0.95, "[0,1]", "momentum or beta1 at both ends"},
    [CYCLE_MOMENTUM] = {"cycle_momentum", 1, "0|1", "drive momentum or beta1 as well, when set on lr"},
    [ENDS_EARLY] = {"ends_early", 1, "0|1", "phases end a step earlier, as in torch; 0: as in optax"},
    {0},
};

typedef struct phases {
    int count;
    double end[4]; /* end[0] = 0 is the start of the first */
} phases_t;

static phases_t phases_of(const double *option) {
    const double share = option[PCT_START] * option[STEPS], early = option[ENDS_EARLY];
    const double rise = early != 0 ? share - 1 : floor(share), fall = early != 0 ? 2 * rise : floor(2 * share);
    const double last = option[STEPS] - early;
    return option[THREE_PHASE] != 0 ? (phases_t){3, {0, rise, fall, last}} : (phases_t){2, {0, rise, last}};
}

/* Through the four corners, of which two phases use the first, second and last. */
static double through(const double *option, double t, const double corner[4]) {
    const phases_t phases = phases_of(option);
    const double at = fmin(t, phases.end[phases.count]);
    int phase = 1;
    while (phase < phases.count && at > phases.end[phase])
        ++phase;
    const double q = (at - phases.end[phase - 1]) / (phases.end[phase] - phases.end[phase - 1]);
    const double a = corner[phase - 1], z = corner[phase == phases.count ? 3 : phase];
    return (int)option[ANNEAL_TYPE] == ANNEAL_COS ? shape_wave(a, z, q) : shape_line(a, z, q);
}

static double value(const schedule_run_t *run, double base, double t) {
    const double first = base / run->option[DIV_FACTOR], last = first / run->option[FINAL_DIV_FACTOR];
    return through(run->option, t, (const double[]){first, base, first, last});
}

static double momentum(const schedule_run_t *run, double base, double t) {
    const double most = run->option[MOMENTUM_MAX], least = run->option[MOMENTUM_MIN];
    return run->option[CYCLE_MOMENTUM] == 0 ? base : through(run->option, t, (const double[]){most, least, most, most});
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    const phases_t phases = phases_of(run->option);
    if (run->option[STEPS] == 0)
        return "steps= is missing";
    if (phases.end[1] <= 0)
        return "pct_start times steps is too small: the rise takes no step";
    for (int i = 2; i <= phases.count; ++i)
        if (phases.end[i] <= phases.end[i - 1])
            return "pct_start leaves no step for the last phase";
    return run->option[MOMENTUM_MIN] > run->option[MOMENTUM_MAX] ? "momentum_min lies above momentum_max" : NULL;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const phases_t phases = phases_of(run->option);
    for (int i = 1; i <= phases.count; ++i)
        schedule_turn(run, of, base, from, to, phases.end[i], extremes);
}

const schedule_t schedule_onecycle = {
    .name = "onecycle",
    .purpose = "up to a peak and down to almost nothing, the momentum the other way",
    .citation =
        "Smith, Topin: Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2019, "
        "arXiv:1708.07120",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
    .momentum = momentum,
};
