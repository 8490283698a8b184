/*
 * dynamic_backup: gradients of the first k workers, k chosen anew in every round. Xu, Neglia, Sebastianelli, "Dynamic
 * backup workers for parallel machine learning", 2020, arXiv:2004.14696 (from memory).
 *
 *     1. g = mean of the k gradients that came first;   w <- w - lr g
 *     2. V = sum |g_i - g|^2 / (k - 1);   G = max(0, |g|^2 - V / k): the gradient's own part
 *     3. F <- F' <= F - lr G + L lr^2 |g|^2 / 2 gives L, F being the mean of the losses that came with the gradients
 *     4. T(j) = mean time until the j-th gradient is in, never less than T(j - 1); where it was never seen, T(j - 1)
 *     5. the next k is the j in 1 .. n with the largest
 *            [ lr (1 - L lr / 2) G - L lr^2 / 2 V / j ] / T(j)
 *        but n if the loss has just grown, nothing is expected to fall, or nothing is known yet
 *
 * G, V and both sides of 3 are averages that forget by 1 - 1/window in a round, times by 1 - 1/time_window. Where T is
 * not known beyond some j it looks the same, which makes the server wait for more and see.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "federated/server.h"

enum { LR, WINDOW, TIME_WINDOW };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "rate of the server's steps"},
    [WINDOW] = {"window", 5, "integer [1,inf)", "rounds over which norm, spread and curvature are averaged"},
    [TIME_WINDOW] = {"time_window", 50, "integer [1,inf)", "rounds over which times of arrival are"},
    SEED_ROW,
    {0},
};

enum { WAIT, WEIGHT, NORM, SPREAD, RISE, SQUARE, LOSS, SLOPE, MOVED, TIME, SEEN };
static const kept_t KEPT[] = {
    [WAIT] = {"wait", "gradients to wait for in the next round; 0: all", OF_SERVER, true, 0, 0, HUGE_VAL},
    [WEIGHT] = {"weight", "of the averages: 1 after many rounds", OF_SERVER, true, 0, 0, 1},
    [NORM] = {"norm", "average of G", OF_SERVER, true, 0, 0, HUGE_VAL},
    [SPREAD] = {"spread", "average of V", OF_SERVER, true, 0, 0, HUGE_VAL},
    [RISE] = {"rise", "average of what the loss was above the line of its slope", OF_SERVER, true, 0, 0, 0},
    [SQUARE] = {"square", "average of lr^2 |g|^2 / 2", OF_SERVER, true, 0, 0, HUGE_VAL},
    [LOSS] = {"loss", "F of the last round", OF_SERVER, true, 0, 0, 0},
    [SLOPE] = {"slope", "lr G of the last step", OF_SERVER, true, 0, 0, HUGE_VAL},
    [MOVED] = {"moved", "lr^2 |g|^2 / 2 of the last step; -1: there is none, or its loss is not known", OF_SERVER, true,
               -1, -1, HUGE_VAL},
    [TIME] = {"time", "of number j: mean time until j + 1 gradients were in", OF_CLIENT, true, 0, 0, HUGE_VAL},
    [SEEN] = {"seen", "of number j: rounds in which that was seen", OF_CLIENT, true, 0, 0, HUGE_VAL},
    {0},
};

/* Room for the times of arrival. */
static optim_status ready(server_t *s) {
    const optim_status status = server_need_clients(s);
    if (status == OPTIM_OK && s->memory == NULL)
        s->memory = calloc((size_t)s->clients, sizeof(double));
    return status == OPTIM_OK && s->memory == NULL ? error_nomem("making dynamic_backup") : status;
}

static int ascending(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* T, from when those of this round came; everyone is met: number k is client k. */
static void learn_times(server_t *s) {
    double *came = s->memory;
    size_t count = 0;
    for (size_t k = 0; k < s->count && s->told[ARRIVAL_OF] != NULL; ++k)
        if (server_handed_in(s, k) != NULL)
            came[count++] = s->told[ARRIVAL_OF][k];
    qsort(came, count, sizeof *came, ascending);
    for (size_t j = 0; j < count; ++j) {
        double *number = s->client[j]->number;
        number[SEEN] += 1;
        number[TIME] += (came[j] - number[TIME]) / fmin(number[SEEN], s->option[TIME_WINDOW]);
    }
}

/* The mean of the losses that came with the gradients; NaN: they were not told. */
static double mean_loss(const server_t *s) {
    double sum = 0;
    for (size_t k = 0; k < s->count && s->told[LOSS_OF] != NULL; ++k)
        sum += server_handed_in(s, k) != NULL ? s->told[LOSS_OF][k] : 0;
    return s->told[LOSS_OF] == NULL ? (double)NAN : sum / (double)server_handed_in_count(s);
}

/* V of the gradients around their mean. */
static double spread(const server_t *s, const double *g) {
    double sum = 0;
    const size_t count = server_handed_in_count(s);
    for (size_t k = 0; k < s->count; ++k) {
        const client_t *c = server_handed_in(s, k);
        for (size_t i = 0; c != NULL && i < s->d; ++i)
            sum += (c->result[i] - g[i]) * (c->result[i] - g[i]);
    }
    if (count > 1)
        return sum / (double)(count - 1);
    return s->number[WEIGHT] > 0 ? s->number[SPREAD] / s->number[WEIGHT] : 0;
}

static double curvature(const server_t *s) {
    const double *a = s->number;
    return a[SQUARE] > 0 ? fmax(0, a[RISE] / a[SQUARE]) : 0;
}

static double choose_wait(const server_t *s, bool grew) {
    const double *a = s->number, eta = s->option[LR], l = curvature(s);
    double wait = (double)s->clients, best = 0, best_time = 0, time = 0;
    if (grew || !(a[SQUARE] > 0) || s->client[0]->number[SEEN] == 0)
        return wait;
    for (size_t j = 0; j < s->count; ++j) {
        const double *number = s->client[j]->number, k = (double)j + 1;
        const double gain = (eta * (1 - l * eta / 2) * a[NORM] - l * eta * eta / 2 * a[SPREAD] / k) / a[WEIGHT];
        time = number[SEEN] > 0 ? fmax(time, number[TIME]) : time;
        if (gain > 0 && (best == 0 || gain * best_time >= best * time)) { /* at equal worth the larger */
            best = gain;
            best_time = time;
            wait = k;
        }
    }
    return wait;
}

static void forget(double *average, double sample, double window) {
    *average += (sample - *average) / window;
}

static void commit(server_t *s) {
    double *a = s->number, *g = s->sum;
    const double eta = s->option[LR], window = s->option[WINDOW], loss = mean_loss(s);
    server_weigh(s, false);
    server_mean(s, g);
    const double v = spread(s, g), square = vector_dot(s->d, g, g);
    const double own = fmax(0, square - v / (double)server_handed_in_count(s));
    const bool compares = isfinite(loss) && a[MOVED] >= 0, grew = compares && loss > a[LOSS];
    if (compares) {
        forget(&a[RISE], loss - a[LOSS] + a[SLOPE], window);
        forget(&a[SQUARE], a[MOVED], window);
    }
    forget(&a[NORM], own, window);
    forget(&a[SPREAD], v, window);
    forget(&a[WEIGHT], 1, window);
    a[LOSS] = isfinite(loss) ? loss : 0;
    a[SLOPE] = eta * own;
    a[MOVED] = isfinite(loss) ? eta * eta * square / 2 : -1;
    learn_times(s);
    a[WAIT] = choose_wait(s, grew);
    for (size_t i = 0; i < s->d; ++i)
        s->w[i] -= eta * g[i];
}

const rule_t rule_dynamic_backup = {
    .name = "dynamic_backup",
    .purpose = "a step along the gradients that came first; for how many to wait follows from gain and time",
    .citation = "Xu, Neglia, Sebastianelli, \"Dynamic backup workers for parallel machine learning\", 2020, "
                "arXiv:2004.14696",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = MEETS_ALL,
    .ready = ready,
    .commit = commit,
};
