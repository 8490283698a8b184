/*
 * Deep hedging in miniature: a network says how much of a stock to hold on each of 30 days, so that what is gained pays
 * for a call option. Trained by Adam and by K-FAC, which is handed what went into each layer and what came back, all days
 * of a path stacked. Prints the hedging error, in per cent of the option's price, against the number of steps.
 * Usage: hedging [EVERY]    a line for so many steps, a multiple of 5 (50); examples/hedging.sh draws those of `hedging 5`
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/random.h"

enum { PATHS = 128, DAYS = 30, ROWS = PATHS * DAYS, STEPS = 200, TEST_BATCHES = 8, EVERY = 5 };
enum { LAYERS = 3, HIDDEN = 16, WIDEST = HIDDEN + 1 };
static const int IN[LAYERS] = {3, HIDDEN + 1, HIDDEN + 1}, OUT[LAYERS] = {HIDDEN, HIDDEN, 1};
static const double VOLATILITY = 0.3, STRIKE = 1, YEARS = DAYS / 250.0;

static const struct {
    const char *name, *options;
    int has_inputs;
} METHODS[] = {
    {"adam", "lr=2e-2", 0},
    {"kfac", "lr=1,damping=1,time=30,init=first,momentum=0.5,factor_decay=0.9", 1},
};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

/* What K-FAC wants of a layer: A and S, a row for each day of each path. */
typedef struct layer {
    double w[HIDDEN * WIDEST], grad[HIDDEN * WIDEST];
    double in[ROWS * WIDEST];   /* the last column is 1 */
    double back[ROWS * HIDDEN]; /* derivatives of each path's own loss by what comes out, before the tanh */
} layer_t;
typedef struct hedge {
    layer_t layer[LAYERS];
    double price[PATHS][DAYS + 1];
    double held[ROWS];
    uint64_t random;
} hedge_t;

/* ---- The market: a geometric Brownian motion without drift ---- */

static double normal(uint64_t *state) {
    const double u = 1 - random_uniform(state), v = random_uniform(state);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void draw_paths(hedge_t *h) {
    const double day = VOLATILITY * sqrt(1 / 250.0);
    for (int p = 0; p < PATHS; ++p) {
        h->price[p][0] = 1;
        for (int t = 0; t < DAYS; ++t)
            h->price[p][t + 1] = h->price[p][t] * exp(day * normal(&h->random) - day * day / 2);
    }
}

static double option_price(void) { /* Black and Scholes, at the money */
    return erf(VOLATILITY * sqrt(YEARS) / 2 / sqrt(2));
}

/* ---- The network ---- */

static void forward(hedge_t *h) {
    for (int r = 0; r < ROWS; ++r) {
        double *in = h->layer[0].in + r * IN[0];
        const int path = r / DAYS, day = r % DAYS;
        in[0] = log(h->price[path][day] / STRIKE) / (VOLATILITY * sqrt(YEARS));
        in[1] = 1 - (double)day / DAYS;
        in[2] = 1;
        for (int l = 0; l < LAYERS; ++l) {
            const double *x = h->layer[l].in + r * IN[l];
            double *y = l + 1 < LAYERS ? h->layer[l + 1].in + r * IN[l + 1] : &h->held[r];
            for (int o = 0; o < OUT[l]; ++o) {
                double sum = 0;
                for (int i = 0; i < IN[l]; ++i)
                    sum += h->layer[l].w[o * IN[l] + i] * x[i];
                y[o] = tanh(sum);
            }
            if (l + 1 < LAYERS)
                y[HIDDEN] = 1;
        }
    }
}

/* What the last layer says, between -1 and 1, is a share between 0 and 1. */
static double missing(const hedge_t *h, int path) {
    double sum = fmax(h->price[path][DAYS] - STRIKE, 0) - option_price();
    for (int t = 0; t < DAYS; ++t)
        sum -= (1 + h->held[path * DAYS + t]) / 2 * (h->price[path][t + 1] - h->price[path][t]);
    return 100 * sum / option_price();
}

static void backward(hedge_t *h) {
    double missed[PATHS];
    for (int path = 0; path < PATHS; ++path)
        missed[path] = missing(h, path);
    for (int r = 0; r < ROWS; ++r) {
        const int path = r / DAYS, day = r % DAYS;
        const double change = h->price[path][day + 1] - h->price[path][day], y = h->held[r];
        h->layer[LAYERS - 1].back[r] = -missed[path] * 50 / option_price() * change * (1 - y * y);
        for (int l = LAYERS - 1; l > 0; --l)
            for (int i = 0; i < HIDDEN; ++i) {
                const double x = h->layer[l].in[r * IN[l] + i];
                double sum = 0;
                for (int o = 0; o < OUT[l]; ++o)
                    sum += h->layer[l].w[o * IN[l] + i] * h->layer[l].back[r * OUT[l] + o];
                h->layer[l - 1].back[r * HIDDEN + i] = sum * (1 - x * x);
            }
    }
    for (int l = 0; l < LAYERS; ++l)
        for (int o = 0; o < OUT[l]; ++o)
            for (int i = 0; i < IN[l]; ++i) {
                double sum = 0;
                for (int r = 0; r < ROWS; ++r)
                    sum += h->layer[l].back[r * OUT[l] + o] * h->layer[l].in[r * IN[l] + i];
                h->layer[l].grad[o * IN[l] + i] = sum / PATHS;
            }
}

/* Root mean square of what is missing, on paths that no training saw. */
static double test(const hedge_t *trained) {
    static hedge_t h;
    double square = 0;
    h = *trained;
    h.random = 12345;
    for (int k = 0; k < TEST_BATCHES; ++k) {
        draw_paths(&h);
        forward(&h);
        for (int p = 0; p < PATHS; ++p)
            square += missing(&h, p) * missing(&h, p) / (PATHS * TEST_BATCHES);
    }
    return sqrt(square);
}

/* ---- Training ---- */

static int lend(optim_t *opt, hedge_t *h, int has_inputs) {
    static const char *const NAMES[] = {"w1", "w2", "w3"};
    for (int l = 0; l < LAYERS; ++l) {
        layer_t *layer = &h->layer[l];
        if (optim_add_param(opt, 0, NAMES[l], OPTIM_F64, 2, (int64_t[]){OUT[l], IN[l]}, layer->w, layer->grad) < 0)
            return -1;
        if (has_inputs &&
            (optim_set_input(opt, l, "activations", OPTIM_F64, 2, (int64_t[]){ROWS, IN[l]}, layer->in) < 0 ||
             optim_set_input(opt, l, "derivatives", OPTIM_F64, 2, (int64_t[]){ROWS, OUT[l]}, layer->back) < 0))
            return -1;
    }
    return 0;
}

/* error[k]: after k steps */
static int train(int method, hedge_t *h, double error[STEPS + 1]) {
    optim_t *opt;
    h->random = 1;
    for (int l = 0; l < LAYERS; ++l)
        for (int k = 0; k < OUT[l] * IN[l]; ++k)
            h->layer[l].w[k] = normal(&h->random) / sqrt(IN[l]);
    optim_status status = optim_create(&opt, METHODS[method].name, METHODS[method].options);
    if (status == OPTIM_OK && lend(opt, h, METHODS[method].has_inputs) < 0)
        status = OPTIM_ERR_ARGUMENT;
    error[0] = test(h);
    for (int k = 1; k <= STEPS && status == OPTIM_OK; ++k) {
        draw_paths(h);
        forward(h);
        backward(h);
        status = optim_step(opt);
        error[k] = k % EVERY == 0 ? test(h) : 0;
    }
    optim_destroy(opt);
    return status == OPTIM_OK ? 0 : -1;
}

int main(int argc, char **argv) {
    static hedge_t hedge;
    (void)0;
    static double error[METHOD_COUNT][STEPS + 1];
    const long every = argc > 1 ? strtol(argv[1], NULL, 10) : 50;
    printf("%5s", "steps");
    for (int m = 0; m < METHOD_COUNT; ++m) {
        if (train(m, &hedge, error[m]) < 0) {
            fprintf(stderr, "%s\n", optim_error());
            return EXIT_FAILURE;
        }
        printf(" %7s", METHODS[m].name);
    }
    for (long k = 0; k <= STEPS && every > 0; k += every) {
        printf("\n%5ld", k);
        for (int m = 0; m < METHOD_COUNT; ++m)
            printf(" %7.1f", error[m][k]);
    }
    printf("\n");
    return every > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
