/*
 * Learning-rate range test on the handwritten digits: SGD with a rate that rises from far too low to far too high, the
 * smoothed loss beside it, and two rates to begin with; then what curvature has to say, from iterates of plain SGD.
 * Usage: lr_range_test          the curve goes to standard error
 */
#include <math.h>
#include <optim/advice.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trainer.h"

enum { STEPS = 400, ESTIMATE_STEPS = 60, ELEMENTS = 64 * 64 + 64 + 64 * 10 + 10 };
static const double SMOOTHING = 0.98;

typedef struct range {
    int count; /* steps taken */
    double rate[STEPS], loss[STEPS];
} range_t;

/* Until the smoothed loss is four times its minimum. */
static int run(small_trainer_t *t, range_t *range) {
    double sum = 0, least = HUGE_VAL;
    if (optim_set_schedule(t->opt, 0, "lr", "lr_range", "lr_max=100,steps=400") < 0 ||
        optim_schedule_values(t->opt, 0, "lr", 0, STEPS, range->rate) < 0)
        return -1;
    for (range->count = 0; range->count < STEPS;) {
        sum = SMOOTHING * sum + (1 - SMOOTHING) * trainer_step(t);
        const double loss = sum / (1 - pow(SMOOTHING, range->count + 1));
        fprintf(stderr, "%.4e %.4f\n", range->rate[range->count], loss);
        range->loss[range->count++] = loss;
        least = fmin(least, loss);
        if (!(loss <= 4 * least))
            break;
    }
    return optim_set_schedule(t->opt, 0, "lr", NULL, NULL) < 0 ? -1 : 0;
}

/* Where the smoothed loss falls fastest against the logarithm of the rate, over a fifth of a decade. */
static double steepest(const range_t *range) {
    enum { SPAN = 11 };
    int best = 0;
    for (int i = 0; i + SPAN < range->count; ++i)
        if (range->loss[i + SPAN] - range->loss[i] < range->loss[best + SPAN] - range->loss[best])
            best = i;
    return sqrt(range->rate[best] * range->rate[best + SPAN]);
}

static double at_minimum(const range_t *range) {
    int best = 0;
    for (int i = 1; i < range->count; ++i)
        best = range->loss[i] < range->loss[best] ? i : best;
    return range->rate[best];
}

static void copy_parameters(const small_trainer_t *t, float *to) {
    for (int i = 0; i < MLP_TENSORS; to += t->net.tensor[i].count, ++i)
        memcpy(to, t->net.tensor[i].value, t->net.tensor[i].count * sizeof *to);
}

/* The simplified Hessian-free estimate over a short run with one rate: sums over all steps. On mini-batches of 64 the
 * differences would be noise and the estimate little more than lr. */
static double estimate(small_trainer_t *t, double lr) {
    static float x[3][ELEMENTS];
    double sums[2] = {0, 0};
    if (trainer_restart(t) < 0 || optim_set(t->opt, 0, "lr", lr) < 0)
        return NAN;
    copy_parameters(t, x[0]);
    for (int k = 1; k <= ESTIMATE_STEPS; ++k) {
        (void)trainer_full_step(t);
        copy_parameters(t, x[k % 3]);
        if (k >= 2)
            (void)optim_lr_from_iterates(OPTIM_F32, ELEMENTS, x[(k + 1) % 3], x[(k + 2) % 3], x[k % 3], sums);
    }
    return sums[1] > 0 ? lr * sums[0] / sums[1] : NAN;
}

/* Test accuracy after ten passes at this rate. */
static double try_rate(small_trainer_t *t, double lr) {
    if (trainer_restart(t) < 0 || optim_set(t->opt, 0, "lr", lr) < 0)
        return NAN;
    for (size_t k = 0; k < 10 * t->digits.train.rows / 64; ++k)
        (void)trainer_step(t);
    return mlp_accuracy(&t->net, &t->digits.test);
}

int main(void) {
    small_trainer_t t;
    range_t range;
    const int failed = trainer_open(&t, "sgd", "lr=1e-3") < 0 || run(&t, &range) < 0;
    if (failed) {
        fprintf(stderr, "%s\n", optim_error());
    } else {
        const double fast = steepest(&range), careful = at_minimum(&range) / 10, curvature = estimate(&t, 0.01);
        fprintf(stderr, "steepest descent at %.3g, a tenth of the minimum's rate %.3g, curvature %.3g\n", fast, careful,
                curvature);
        printf("suggested rates between 0.05 and 2: %s\n",
               fast > 0.05 && fast < 2 && careful > 0.05 && careful < 2 ? "yes" : "no");
        printf("rate that curvature allows above them: %s\n", curvature > fast && curvature > careful ? "yes" : "no");
        printf("test accuracy above 90 %% after ten passes: %s\n",
               try_rate(&t, fast) > 0.9 && try_rate(&t, careful) > 0.9 ? "yes, with both" : "no");
    }
    trainer_close(&t);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
