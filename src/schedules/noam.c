/*
 * noam: the schedule of the Transformer (Vaswani et al., "Attention Is All You Need", 2017, eq. 3).
 *
 *     b d_model^-0.5 min(n^-0.5, n warmup^-1.5),  n = t + 1
 */
#include "schedules/shape.h"

enum { D_MODEL, WARMUP };
static const option_t OPTIONS[] = {
    [D_MODEL] = {"d_model", 512, "(0,inf)", "width of the model"},
    [WARMUP] = {"warmup", 4000, "integer [1,inf)", "steps of the rise"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double n = t + 1;
    return base * pow(run->option[D_MODEL], -0.5) * fmin(pow(n, -0.5), n * pow(run->option[WARMUP], -1.5));
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    schedule_turn(run, of, base, from, to, run->option[WARMUP] - 1, extremes);
}

const schedule_t schedule_noam = {
    .name = "noam",
    .purpose = "the Transformer's: a linear rise, then the inverse square root, scaled by the model's width",
    .citation = "Vaswani et al.: Attention Is All You Need, 2017, arXiv:1706.03762",
    .options = OPTIONS,
    .value = value,
    .between = between,
};
