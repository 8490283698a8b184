/*
 * svgd: Stein variational gradient descent: N particles, driven to high density by their gradients and apart by a
 * kernel. coin_svgd: the same direction with coin betting in place of a step size.
 *
 * Liu, Wang, "Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm", 2016,
 * arXiv:1608.04471; Sharrock, Nemeth, "Coin Sampling: Gradient-Based Bayesian Inference without Learning Rates", 2023,
 * arXiv:2301.11294; field=ksd: Korba, Aubin-Frankowski, Majewski, Ablin, "Kernel Stein Discrepancy Descent", 2021,
 * arXiv:2105.09994.
 *
 *     1. D_ij = |x_i - x_j|^2,   b = bandwidth, or if that is negative b^2 = median(D) / (2 ln(N + 1)), of all N^2
 *        k_ij = exp(-D_ij / (2 b^2))
 *     2. field=stein: phi_i = 1/N sum_j (-k_ij g_j + k_ij (x_i - x_j) / b^2)
 *        field=ksd:   e = x_j - x_i,  A_ij = <g_j, g_i> - <g_j - g_i, e> / b^2 + d / b^2 - |e|^2 / b^4
 *                     u_i = -sum_j k_ij (g_j + e / b^2)
 *                     phi_i = -1/N (sum_j k_ij (A_ij e / b^2 + (g_j - g_i) / b^2 + 2 e / b^4) - Hessian of U at x_i
 *                     u_i)
 *     3. svgd, plain:   x <- x + lr phi
 *              adagrad: H <- alpha H + (1 - alpha) phi^2 (first step: phi^2),   x <- x + lr phi / (eps + sqrt(H))
 *        coin_svgd:     S <- S + phi,  A <- A + |phi|,  L <- max(L, |phi|),  R <- max(R + (x - x_0) phi, 0)
 *                       x <- x_0 + S / (L (A + L)) (L + R),   L = 10^-10 and S = A = R = 0 at first
 *
 * Row i of every tensor belongs to particle i, and g_i is the gradient of U, the negative log density, at particle i.
 * ksd is descent on the squared kernel Stein discrepancy, -N times its gradient over 2; all its products are one
 * request. Distances are over all tensors together and in double, sums over particles in the precision of the
 * parameters. State: none, within a step phi: 4 bytes a parameter in f32, with ksd u and the product, 8 more; adagrad
 * H: 4 bytes more; coin_svgd x_0, S, A, L, R: 20 bytes more; and 2 N^2 numbers, with ksd 3 N^2.
 */
#include <string.h>

#include "blocks/moving.h"
#include "blocks/particles.h"
#include "blocks/select.h"

enum { BANDWIDTH, FIELD_OPTION, COIN_OPTIONS, LR = COIN_OPTIONS, RULE, ALPHA, EPS };
enum { PLAIN, ADAGRAD };
enum { STEIN, KSD };
#define SHARED_ROWS                                                                                                    \
    [BANDWIDTH] = {"bandwidth", -1, "(-inf,inf)", "width b of the kernel; negative: by the median rule",               \
                   .zero_apart = true},                                                                                \
    [FIELD_OPTION] = {"field", STEIN, "stein|ksd", "direction of Stein, or down the kernel Stein discrepancy",         \
                      .decides_memory = true}
static const option_t COIN[] = {SHARED_ROWS, {0}};
static const option_t SVGD[] = {
    SHARED_ROWS,
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [RULE] = {"rule", PLAIN, "plain|adagrad", "phi as it is, or over the root of its mean square"},
    [ALPHA] = {"alpha", 0.9, "[0,1)", "adagrad: decay of that mean"},
    [EPS] = {"eps", 1e-6, "[0,inf)", "adagrad: added to the root"},
    {0},
};

enum { PHI, U, HU, H, X0 = H, S, A, L, R };
#define DIRECTION_ROWS                                                                                                 \
    [PHI] = {"phi", "the direction", LIKE_PARAM, WITHIN_STEP},                                                         \
    [U] = {"u", "what the Hessian multiplies", LIKE_PARAM, DIRECTION, .when = "field"},                                \
    [HU] = {"hu", "the product", LIKE_PARAM, PRODUCT, .when = "field"}
static const state_t SVGD_STATE[] = {
    DIRECTION_ROWS,
    [H] = {"H", "mean of its squares", LIKE_PARAM, KEPT, .when = "rule", .nonnegative = true},
    {0},
};
static const state_t COIN_STATE[] = {
    DIRECTION_ROWS,
    [X0] = {"x0", "where the particles started", LIKE_PARAM, KEPT, .from_param = true},
    [S] = {"S", "sum of directions", LIKE_PARAM, KEPT, .exact = true},
    [A] = {"A", "sum of their magnitudes", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [L] = {"L", "largest magnitude", LIKE_PARAM, KEPT, .initial = 1e-10, .nonnegative = true},
    [R] = {"R", "reward, not below 0", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct memory { /* within a step: N by N */
    double *square, *kernel, *stein;
} memory_t;
static const field_t FIELDS[] = {
    {"D", "squared distances", FIELD(OF_METHOD, memory_t, square), .each = EACH_PAIR, .within_step = true},
    {"k", "the kernel", FIELD(OF_METHOD, memory_t, kernel), .each = EACH_PAIR, .within_step = true},
    {"A", "kernel of the discrepancy over k", FIELD(OF_METHOD, memory_t, stein), .when = "field", .each = EACH_PAIR,
     .within_step = true},
    {0},
};

typedef struct constants {
    real lr, alpha, one_alpha, eps;
} constants_t;

typedef struct pairs { /* what kernels take: the matrices D, A and k */
    double *square, *stein;
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

/* field=ksd: adds to A this tensor's part of <g_j, g_i> - <g_j - g_i, e> / b^2 + d / b^2. */
static void compare(const tile_t *t) {
    const pairs_t *pairs = t->arguments;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    for (size_t i = 0; i < particles; ++i)
        for (size_t j = 0; j <= i; ++j) {
            const real *restrict x = (real *)t->p + i * row, *restrict y = (real *)t->p + j * row,
                                 *restrict g = (real *)t->g + i * row, *restrict h = (real *)t->g + j * row;
            double product = 0, along = 0;
            for (size_t c = 0; c < row; ++c) {
                product += (double)g[c] * (double)h[c];
                along += ((double)h[c] - (double)g[c]) * ((double)y[c] - (double)x[c]);
            }
            const double part = product + pairs->inverse_square * ((double)row - along);
            pairs->stein[i * particles + j] += part;
            pairs->stein[j * particles + i] += j == i ? 0 : part;
        }
}

/* Line 2 of field=ksd up to the product: phi <- the first sum, u. */
static void direct_ksd(const tile_t *t) {
    const pairs_t *pairs = t->arguments;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    const double w = pairs->inverse_square;
    memset(t->state[PHI], 0, t->n * sizeof(real));
    memset(t->state[U], 0, t->n * sizeof(real));
    for (size_t i = 0; i < particles; ++i)
        for (size_t j = 0; j < particles; ++j) {
            const double k = pairs->kernel[i * particles + j];
            const real along = (real)(k * w * (pairs->stein[i * particles + j] + 2 * w)), pull = (real)k,
                       push = (real)(k * w);
            const real *restrict x = (real *)t->p + i * row, *restrict y = (real *)t->p + j * row,
                                 *restrict g = (real *)t->g + i * row, *restrict h = (real *)t->g + j * row;
            real *restrict phi = (real *)t->state[PHI] + i * row, *restrict u = (real *)t->state[U] + i * row;
            for (size_t c = 0; c < row; ++c) {
                phi[c] += along * (y[c] - x[c]) + push * (h[c] - g[c]);
                u[c] -= pull * h[c] + push * (y[c] - x[c]);
            }
        }
}

static void subtract_product(const tile_t *t) {
    const real share = (real)(1 / (double)t->tensor->dims[0]);
    const real *restrict hu = t->state[HU];
    real *restrict phi = t->state[PHI];
    for (size_t i = 0; i < t->n; ++i)
        phi[i] = share * (hu[i] - phi[i]);
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

enum { MEASURE, DIRECT, MOVE, COMPARE, DIRECT_KSD, SUBTRACT_PRODUCT };

#define ARGUMENTS                                                                                                      \
    [MEASURE] = sizeof(pairs_t), [DIRECT] = sizeof(pairs_t), [COMPARE] = sizeof(pairs_t), [DIRECT_KSD] = sizeof(pairs_t)

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

/* Lines 1 and 2; 1 / b^2, not finite where b is 0. */
static double aim(step_t *s) {
    const memory_t *m = s->memory;
    const size_t pairs = (size_t)s->components * (size_t)s->components;
    pairs_t shared = {.square = m->square, .stein = m->stein, .kernel = m->kernel};
    memset(m->square, 0, pairs * sizeof *m->square);
    step_tensors_in_turn(s, MEASURE, &shared);
    shared.inverse_square = widths(s);
    if (isinf(shared.inverse_square))
        return shared.inverse_square;
    if ((int)s->option[FIELD_OPTION] == STEIN) {
        step_tensors(s, DIRECT, &shared);
        return shared.inverse_square;
    }
    for (size_t i = 0; i < pairs; ++i)
        m->stein[i] = -m->square[i] * shared.inverse_square * shared.inverse_square;
    step_tensors_in_turn(s, COMPARE, &shared);
    step_tensors(s, DIRECT_KSD, &shared);
    return shared.inverse_square;
}

static optim_status advance(step_t *s) {
    if (moving_elements(s) == 0) /* all particles are alike, or none is there */
        return OPTIM_OK;
    STEP_BEGIN(s);
    if (isinf(aim(s)))
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "half of the particles or more lie in one point, and the median of their distances is no "
                         "bandwidth: say bandwidth=, or start them apart");
    if ((int)s->option[FIELD_OPTION] == KSD) {
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        step_update(s, SUBTRACT_PRODUCT, NULL);
    }
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

static const char *check(const double *option) {
    if (option[BANDWIDTH] < 0 && (int)option[FIELD_OPTION] == KSD)
        return "field=ksd knows no median rule: say a positive bandwidth=";
    return option[BANDWIDTH] == 0 ? "bandwidth=0 is no width: say a positive one, or -1 for the median rule" : NULL;
}

const method_t METHOD(svgd) = {
    .name = "svgd",
    .purpose = "Stein variational gradient descent: particles that follow their gradients and repel each other",
    .citation = "Liu, Wang: Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm, "
                "NeurIPS 2016, arXiv:1608.04471",
    .evaluations = "1 gradient, of every particle; field=ksd: 1 product besides",
    .options = SVGD,
    .states = SVGD_STATE,
    .fields = FIELDS,
    .flags = REQUESTS | REQUESTS_PRODUCTS | NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {measure, direct, move, compare, direct_ksd, subtract_product},
    .arguments = {ARGUMENTS},
};

const method_t METHOD(coin_svgd) = {
    .name = "coin_svgd",
    .purpose = "Stein variational gradient descent by coin betting, without a step size",
    .citation = "Sharrock, Nemeth: Coin Sampling: Gradient-Based Bayesian Inference without Learning Rates, ICML 2023, "
                "arXiv:2301.11294",
    .evaluations = "1 gradient, of every particle; field=ksd: 1 product besides",
    .options = COIN,
    .states = COIN_STATE,
    .fields = FIELDS,
    .flags = REQUESTS | REQUESTS_PRODUCTS | NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {measure, direct, bet, compare, direct_ksd, subtract_product},
    .arguments = {ARGUMENTS},
};
