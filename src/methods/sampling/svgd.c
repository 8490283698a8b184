/*
 * svgd: Stein variational gradient descent: N particles, driven to high density by their gradients and apart by a
 * kernel. coin_svgd: the same direction with coin betting in place of a step size.
 *
 * Liu, Wang, "Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm", 2016,
 * arXiv:1608.04471; Sharrock, Nemeth, "Coin Sampling: Gradient-Based Bayesian Inference without Learning Rates", 2023,
 * arXiv:2301.11294.
 *
 *     1. D_ij = |x_i - x_j|^2,   b = bandwidth, or if that is negative b^2 = median(D) / (2 ln(N + 1)), of all N^2
 *        k_ij = exp(-D_ij / (2 b^2))
 *     2. phi_i = 1/N sum_j (-k_ij g_j + k_ij (x_i - x_j) / b^2)
 *     3. svgd, plain:   x <- x + lr phi
 *              adagrad: H <- alpha H + (1 - alpha) phi^2 (first step: phi^2),   x <- x + lr phi / (eps + sqrt(H))
 *        coin_svgd:     S <- S + phi,  A <- A + |phi|,  L <- max(L, |phi|),  R <- max(R + (x - x_0) phi, 0)
 *                       x <- x_0 + S / (L (A + L)) (L + R),   L = 10^-10 and S = A = R = 0 at first
 *
 * Row i of every tensor belongs to particle i, and g_i is the gradient of U, the negative log density, at particle i.
 * Distances are over all tensors together and in double, sums over particles in the precision of the parameters. State:
 * none, within a step phi: 4 bytes a parameter in f32; adagrad H: 4 bytes more; coin_svgd x_0, S, A, L, R: 20 bytes
 * more; and 2 N^2 numbers.
 */
#include <string.h>

#include "blocks/particles.h"
#include "blocks/select.h"

enum { BANDWIDTH, COIN_OPTIONS, LR = COIN_OPTIONS, RULE, ALPHA, EPS };
enum { PLAIN, ADAGRAD };
#define BANDWIDTH_ROW                                                                                                  \
    [BANDWIDTH] = {"bandwidth", -1, "(-inf,inf)", "width b of the kernel; negative: by the median rule",               \
                   .zero_apart = true}
static const option_t COIN[] = {BANDWIDTH_ROW, {0}};
static const option_t SVGD[] = {
    BANDWIDTH_ROW,
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [RULE] = {"rule", PLAIN, "plain|adagrad", "phi as it is, or over the root of its mean square"},
    [ALPHA] = {"alpha", 0.9, "[0,1)", "adagrad: decay of that mean"},
    [EPS] = {"eps", 1e-6, "[0,inf)", "adagrad: added to the root"},
    {0},
};

enum { PHI, H, X0 = H, S, A, L, R };
static const state_t SVGD_STATE[] = {
    [PHI] = {"phi", "the direction", LIKE_PARAM, WITHIN_STEP},
    [H] = {"H", "mean of its squares", LIKE_PARAM, KEPT, .when = "rule", .nonnegative = true},
    {0},
};
static const state_t COIN_STATE[] = {
    [PHI] = {"phi", "the direction", LIKE_PARAM, WITHIN_STEP},
    [X0] = {"x0", "where the particles started", LIKE_PARAM, KEPT, .from_param = true},
    [S] = {"S", "sum of directions", LIKE_PARAM, KEPT, .exact = true},
    [A] = {"A", "sum of their magnitudes", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [L] = {"L", "largest magnitude", LIKE_PARAM, KEPT, .initial = 1e-10, .nonnegative = true},
    [R] = {"R", "reward, not below 0", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct memory { /* within a step: N by N */
    double *square, *kernel;
} memory_t;
static const field_t FIELDS[] = {
    {"D", "squared distances", FIELD(OF_METHOD, memory_t, square), .each = EACH_PAIR, .within_step = true},
    {"k", "the kernel", FIELD(OF_METHOD, memory_t, kernel), .each = EACH_PAIR, .within_step = true},
    {0},
};

typedef struct constants {
    real lr, alpha, one_alpha, eps;
} constants_t;

typedef struct pairs {
    double *square;
    const double *kernel;
    double inverse_square; /* 1 / b^2 */
} pairs_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, alpha = group->t == 1 ? 0 : o[ALPHA];
    *(constants_t *)constants = (constants_t){(real)o[LR], (real)alpha, (real)(1 - alpha), (real)o[EPS]};
}

static void measure(const tile_t *t) {
    particle_distances(t, ((const pairs_t *)t->arguments)->square);
}

static void direct(const tile_t *t) { /* line 2 */
    const pairs_t *pairs = t->arguments;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    memset(t->state[PHI], 0, t->n * sizeof(real));
    for (size_t first = 0; first < row; first += CHUNK_ELEMENTS) {
        const size_t n = row - first < CHUNK_ELEMENTS ? row - first : CHUNK_ELEMENTS;
        for (size_t i = 0; i < particles; ++i)
            for (size_t j = 0; j < particles; ++j) {
                const double k = pairs->kernel[i * particles + j] / (double)particles;
                const real pull = (real)k, push = (real)(k * pairs->inverse_square);
                const real *restrict x = (real *)t->p + i * row + first, *restrict y = (real *)t->p + j * row + first,
                                     *restrict g = (real *)t->g + j * row + first;
                real *restrict phi = (real *)t->state[PHI] + i * row + first;
                for (size_t c = 0; c < n; ++c)
                    phi[c] += push * (x[c] - y[c]) - pull * g[c];
            }
    }
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict H_ = t->state[H];
    const real *restrict phi = t->state[PHI];
    for (size_t i = 0; H_ == NULL && i < t->n; ++i)
        p[i] += k.lr * phi[i];
    for (size_t i = 0; H_ != NULL && i < t->n; ++i) {
        H_[i] = settled(k.alpha * H_[i] + k.one_alpha * phi[i] * phi[i]);
        p[i] += k.lr * quotient(phi[i], k.eps + sqrt(H_[i]));
    }
}

static void bet(const tile_t *t) {
    real *restrict p = t->p, *restrict sum = t->state[S], *restrict size = t->state[A], *restrict largest = t->state[L],
                   *restrict reward = t->state[R];
    const real *restrict phi = t->state[PHI], *restrict x0 = t->state[X0];
    for (size_t i = 0; i < t->n; ++i) {
        largest[i] = larger(largest[i], fabs(phi[i]));
        sum[i] += phi[i];
        size[i] += fabs(phi[i]);
        reward[i] = larger(reward[i] + (p[i] - x0[i]) * phi[i], 0);
        p[i] = x0[i] + sum[i] / (size[i] + largest[i]) * (1 + reward[i] / largest[i]);
    }
}

enum { MEASURE, DIRECT, MOVE };

/* Line 1; returns 1 / b^2, which is not finite if b is 0. */
static double widths(step_t *s) {
    const memory_t *m = s->memory;
    const size_t pairs = (size_t)s->components * (size_t)s->components;
    double square = s->option[BANDWIDTH] * s->option[BANDWIDTH];
    if (s->option[BANDWIDTH] < 0) {
        memcpy(m->kernel, m->square, pairs * sizeof *m->kernel);
        square = 0.5 * select_median(m->kernel, pairs) / log((double)s->components + 1);
    }
    for (size_t i = 0; i < pairs; ++i)
        m->kernel[i] = exp(-m->square[i] / (2 * square));
    return 1 / square;
}

static optim_status advance(step_t *s) {
    const memory_t *m = s->memory;
    if (!particles_move(s))
        return OPTIM_OK;
    memset(m->square, 0, (size_t)s->components * (size_t)s->components * sizeof *m->square);
    step_tensors_in_turn(s, MEASURE, &(pairs_t){.square = m->square});
    const double inverse_square = widths(s);
    if (isinf(inverse_square))
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "half of the particles or more lie in one point, and the median of their distances is no "
                         "bandwidth: say bandwidth=, or start them apart");
    step_tensors(s, DIRECT, &(pairs_t){.kernel = m->kernel, .inverse_square = inverse_square});
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

static const char *check(const double *option) {
    return option[BANDWIDTH] == 0 ? "bandwidth=0 is no width: say a positive one, or -1 for the median rule" : NULL;
}

const method_t METHOD(svgd) = {
    .name = "svgd",
    .purpose = "Stein variational gradient descent: particles that follow their gradients and repel each other",
    .citation = "Liu, Wang: Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm, "
                "NeurIPS 2016, arXiv:1608.04471",
    .evaluations = "1 gradient, of every particle",
    .options = SVGD,
    .states = SVGD_STATE,
    .fields = FIELDS,
    .flags = NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {measure, direct, move},
    .arguments = {[MEASURE] = sizeof(pairs_t), [DIRECT] = sizeof(pairs_t)},
};

const method_t METHOD(coin_svgd) = {
    .name = "coin_svgd",
    .purpose = "Stein variational gradient descent by coin betting, without a step size",
    .citation = "Sharrock, Nemeth: Coin Sampling: Gradient-Based Bayesian Inference without Learning Rates, ICML 2023, "
                "arXiv:2301.11294",
    .evaluations = "1 gradient, of every particle",
    .options = COIN,
    .states = COIN_STATE,
    .fields = FIELDS,
    .flags = NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS | MAY_FAIL,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {measure, direct, bet},
    .arguments = {[MEASURE] = sizeof(pairs_t), [DIRECT] = sizeof(pairs_t)},
};
