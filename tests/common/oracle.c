#include "oracle.h"

#include <math.h>
#include <string.h>

/* ---- quadratic: 1/2 sum h_i (x_i - t_i)^2 ---- */

double quadratic_curvature(size_t i) {
    return (double)(1 + i % 7);
}

double quadratic_minimum(size_t i) {
    return (double)((37 * i) % 11) / 11 - 0.5;
}

/* Both for the first PERIOD coordinates, after which they repeat: large problems are worked through in such pieces. */
enum { PERIOD = 77 };

typedef struct quadratic {
    double curvature[PERIOD], minimum[PERIOD];
} quadratic_t;

static quadratic_t quadratic_make(void) {
    quadratic_t q;
    for (size_t i = 0; i < PERIOD; ++i) {
        q.curvature[i] = quadratic_curvature(i);
        q.minimum[i] = quadratic_minimum(i);
    }
    return q;
}

static size_t piece_end(size_t first, size_t d) {
    return d - first < PERIOD ? d : first + PERIOD;
}

static double quadratic_loss(size_t d, size_t m, const double *x) {
    (void)m;
    const quadratic_t q = quadratic_make();
    double sum = 0;
    for (size_t first = 0; first < d; first += PERIOD)
        for (size_t i = first; i < piece_end(first, d); ++i) {
            const double distance = x[i] - q.minimum[i - first];
            sum += q.curvature[i - first] * distance * distance;
        }
    return 0.5 * sum;
}

static void quadratic_gradient(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    const quadratic_t q = quadratic_make();
    for (size_t first = 0; first < d; first += PERIOD)
        for (size_t i = first; i < piece_end(first, d); ++i)
            g[i] = q.curvature[i - first] * (x[i] - q.minimum[i - first]);
}

static void quadratic_product(size_t d, size_t m, const double *x, const double *v, double *hv) {
    (void)m;
    (void)x;
    const quadratic_t q = quadratic_make();
    for (size_t first = 0; first < d; first += PERIOD)
        for (size_t i = first; i < piece_end(first, d); ++i)
            hv[i] = q.curvature[i - first] * v[i];
}

/* ---- coupled: 1/8 (quadratic + 1/8 sum (x_{i+1} - x_i)^2), curvatures between 1/8 and 1 ---- */

static const double COUPLING = 0.25, COUPLED = 0.125;

static double coupled_loss(size_t d, size_t m, const double *x) {
    double sum = quadratic_loss(d, m, x);
    for (size_t i = 0; i + 1 < d; ++i)
        sum += 0.5 * COUPLING * (x[i + 1] - x[i]) * (x[i + 1] - x[i]);
    return COUPLED * sum;
}

static void coupled_add(size_t d, const double *x, double *g) {
    for (size_t i = 0; i + 1 < d; ++i) {
        g[i] -= COUPLING * (x[i + 1] - x[i]);
        g[i + 1] += COUPLING * (x[i + 1] - x[i]);
    }
    for (size_t i = 0; i < d; ++i)
        g[i] *= COUPLED;
}

static void coupled_gradient(size_t d, size_t m, const double *x, double *g) {
    quadratic_gradient(d, m, x, g);
    coupled_add(d, x, g);
}

static void coupled_product(size_t d, size_t m, const double *x, const double *v, double *hv) {
    quadratic_product(d, m, x, v, hv);
    coupled_add(d, v, hv);
}

/* ---- rosenbrock: sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2 ---- */

static double rosenbrock_loss(size_t d, size_t m, const double *x) {
    (void)m;
    double sum = 0;
    for (size_t i = 0; i + 1 < d; ++i) {
        const double valley = x[i + 1] - x[i] * x[i];
        sum += 100 * valley * valley + (1 - x[i]) * (1 - x[i]);
    }
    return sum;
}

static void rosenbrock_gradient(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    memset(g, 0, d * sizeof *g);
    for (size_t i = 0; i + 1 < d; ++i) {
        const double valley = x[i + 1] - x[i] * x[i];
        g[i] += -400 * valley * x[i] - 2 * (1 - x[i]);
        g[i + 1] += 200 * valley;
    }
}

static void rosenbrock_product(size_t d, size_t m, const double *x, const double *v, double *hv) {
    (void)m;
    memset(hv, 0, d * sizeof *hv);
    for (size_t i = 0; i + 1 < d; ++i) {
        hv[i] += (1200 * x[i] * x[i] - 400 * x[i + 1] + 2) * v[i] - 400 * x[i] * v[i + 1];
        hv[i + 1] += 200 * v[i + 1] - 400 * x[i] * v[i];
    }
}

/* ---- logistic: mean log(1 + exp(-y_i a_i.x)) + 0.005 |x|^2 over 32 samples ---- */

enum { SAMPLES = 32 };

static double sample_entry(size_t i, size_t j) {
    return sin(1.7 * (double)i + 2.3 * (double)j * (double)j + 0.5);
}

static double sample_label(size_t i) {
    return cos(0.9 * (double)i) >= 0 ? 1 : -1;
}

static double sample_product(size_t i, size_t d, const double *x) {
    double sum = 0;
    for (size_t j = 0; j < d; ++j)
        sum += sample_entry(i, j) * x[j];
    return sum;
}

static double logistic_loss(size_t d, size_t m, const double *x) {
    (void)m;
    double sum = 0, square = 0;
    for (size_t i = 0; i < SAMPLES; ++i) {
        const double margin = sample_label(i) * sample_product(i, d, x);
        sum += margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
    }
    for (size_t j = 0; j < d; ++j)
        square += x[j] * x[j];
    return sum / SAMPLES + 0.005 * square;
}

static void logistic_gradient(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    for (size_t j = 0; j < d; ++j)
        g[j] = 0.01 * x[j];
    for (size_t i = 0; i < SAMPLES; ++i) {
        const double label = sample_label(i);
        const double weight = -label / (1 + exp(label * sample_product(i, d, x))) / SAMPLES;
        for (size_t j = 0; j < d; ++j)
            g[j] += weight * sample_entry(i, j);
    }
}

static void logistic_product(size_t d, size_t m, const double *x, const double *v, double *hv) {
    (void)m;
    for (size_t j = 0; j < d; ++j)
        hv[j] = 0.01 * v[j];
    for (size_t i = 0; i < SAMPLES; ++i) {
        const double probability = 1 / (1 + exp(-sample_product(i, d, x)));
        const double weight = probability * (1 - probability) * sample_product(i, d, v) / SAMPLES;
        for (size_t j = 0; j < d; ++j)
            hv[j] += weight * sample_entry(i, j);
    }
}

/* ---- games: (x - p)' A (y - q) + 1/2 sum h (x - p)^2 - 1/2 sum k (y - q)^2, with and without its parts ---- */

typedef struct game {
    int shifted, curved;
} game_t;

static const game_t BILINEAR = {1, 0}, QUADGAME = {1, 1}, MATRIXGAME = {0, 0};

static double game_entry(size_t i, size_t j) {
    return (i == j ? 2.0 : 0.0) + 0.5 * sin(1.3 * (double)i + 0.7 * (double)j + 0.2);
}

static double game_x(game_t game, const double *x, size_t i) {
    return game.shifted ? x[i] - ((double)((37 * i) % 11) / 11 - 0.5) : x[i];
}

static double game_y(game_t game, const double *y, size_t j) {
    return game.shifted ? y[j] - ((double)((53 * j) % 13) / 13 - 0.5) : y[j];
}

static double game_h(game_t game, size_t i) {
    return game.curved ? 0.5 + 0.1 * (double)(i % 5) : 0;
}

static double game_k(game_t game, size_t j) {
    return game.curved ? 0.4 + 0.1 * (double)(j % 4) : 0;
}

static double game_loss(game_t game, size_t d, size_t m, const double *z) {
    double sum = 0;
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < d - m; ++j)
            sum += game_x(game, z, i) * game_entry(i, j) * game_y(game, z + m, j);
    for (size_t i = 0; i < m; ++i)
        sum += 0.5 * game_h(game, i) * game_x(game, z, i) * game_x(game, z, i);
    for (size_t j = 0; j < d - m; ++j)
        sum -= 0.5 * game_k(game, j) * game_y(game, z + m, j) * game_y(game, z + m, j);
    return sum;
}

static void game_gradient(game_t game, size_t d, size_t m, const double *z, double *g) {
    for (size_t i = 0; i < m; ++i)
        g[i] = game_h(game, i) * game_x(game, z, i);
    for (size_t j = 0; j < d - m; ++j)
        g[m + j] = game_k(game, j) * game_y(game, z + m, j);
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < d - m; ++j) {
            g[i] += game_entry(i, j) * game_y(game, z + m, j);
            g[m + j] -= game_entry(i, j) * game_x(game, z, i);
        }
}

static void game_product(game_t game, size_t d, size_t m, const double *v, double *hv) {
    for (size_t i = 0; i < m; ++i)
        hv[i] = game_h(game, i) * v[i];
    for (size_t j = 0; j < d - m; ++j)
        hv[m + j] = -game_k(game, j) * v[m + j];
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < d - m; ++j) {
            hv[i] += game_entry(i, j) * v[m + j];
            hv[m + j] += game_entry(i, j) * v[i];
        }
}

#define GAME(prefix, GAME_KIND)                                                                                        \
    static double prefix##_loss(size_t d, size_t m, const double *x) {                                                 \
        return game_loss(GAME_KIND, d, m, x);                                                                          \
    }                                                                                                                  \
    static void prefix##_gradient(size_t d, size_t m, const double *x, double *g) {                                    \
        game_gradient(GAME_KIND, d, m, x, g);                                                                          \
    }                                                                                                                  \
    static void prefix##_product(size_t d, size_t m, const double *x, const double *v, double *hv) {                   \
        (void)x;                                                                                                       \
        game_product(GAME_KIND, d, m, v, hv);                                                                          \
    }

GAME(bilinear, BILINEAR)
GAME(quadgame, QUADGAME)
GAME(matrixgame, MATRIXGAME)

const oracle_t *oracle_find(const char *name) {
    static const oracle_t ORACLES[] = {
        {"quadratic", quadratic_loss, quadratic_gradient, quadratic_product},
        {"coupled", coupled_loss, coupled_gradient, coupled_product},
        {"rosenbrock", rosenbrock_loss, rosenbrock_gradient, rosenbrock_product},
        {"logistic", logistic_loss, logistic_gradient, logistic_product},
        {"bilinear", bilinear_loss, bilinear_gradient, bilinear_product},
        {"quadgame", quadgame_loss, quadgame_gradient, quadgame_product},
        {"matrixgame", matrixgame_loss, matrixgame_gradient, matrixgame_product},
    };
    for (size_t i = 0; i < sizeof ORACLES / sizeof *ORACLES; ++i)
        if (strcmp(ORACLES[i].name, name) == 0)
            return &ORACLES[i];
    return NULL;
}
