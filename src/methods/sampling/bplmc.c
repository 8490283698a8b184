/*
 * bplmc: Bregman proximal Langevin Monte Carlo, for U = f + lam |x|_1: the norm is smoothed by an envelope, steps are
 * taken in the coordinates of a mirror map.
 *
 * Lau, Liu, "Bregman Proximal Langevin Monte Carlo via Bregman-Moreau Envelopes", ICML 2022, arXiv:2207.04387.
 *
 *     1. P = argmin_u of the envelope, E its gradient, by element;
 *        eps = envelope, tau = eps lam, m = metric, s = sigma:
 *        euclid  P = sign(x) max(|x| - tau / m, 0),                          E = m (x - P) / eps
 *        left    P = sign(x) s sinh(max(asinh(|x| / s) - tau, 0)),           E = (x - P) / (eps sqrt(x^2 + s^2))
 *        right   P = 0 if |x| <= tau s,  else sign(x) (x^2 - tau^2 s^2) / (|x| + tau sqrt(x^2 + (1 - tau^2) s^2)),
 *                                                                            E = (asinh(x / s) - asinh(P / s)) / eps
 *     2. g <- grad f(x) + E;   z standard normal:
 *        hypentropy  x <- beta sinh(asinh(x / beta) - h g + sqrt(2 h) (x^2 + beta^2)^(-1/4) z)
 *        euclid      x <- x - h g + sqrt(2 h) z
 *        entropy     x <- exp(ln x - h g + sqrt(2 h / x) z),   x > 0
 *
 * left is argmin_u lam |u| + D(u, x) / eps and right argmin_u lam |u| + D(x, u) / eps, of the kernel psi' =
 * asinh(x / s). The authors' code has left and euclid; in the dead zone, where P is 0, it returns another
 * number for left. What sinh and exp are taken of is kept within 700. Computed in double. State: none.
 */
#include "blocks/noise.h"
#include "kernels/elementary.h"

enum { LR, MAP, BETA, LAM, ENVELOPE, KIND, METRIC, SIGMA };
enum { HYPENTROPY, EUCLID, ENTROPY };
enum { KIND_EUCLID, KIND_LEFT, KIND_RIGHT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size h"},
    [MAP] = {"map", HYPENTROPY, "hypentropy|euclid|entropy", "mirror map of the steps"},
    [BETA] = {"beta", 1, "(0,inf)", "hypentropy: where it turns from linear to logarithmic"},
    [LAM] = {"lam", 0.5, "[0,inf)", "weight of the l1 norm"},
    [ENVELOPE] = {"envelope", 0.1, "(0,inf)", "smoothing of it"},
    [KIND] = {"envelope_kind", KIND_EUCLID, "euclid|left|right", "distance of the envelope"},
    [METRIC] = {"metric", 1, "(0,inf)", "euclid: weight of the distance"},
    [SIGMA] = {"sigma", 1, "(0,inf)", "left, right: scale of the kernel"},
    {0},
};

enum { EACH_BETA, EACH_LAM, EACH_METRIC, EACH_SIGMA, INPUTS };
static const input_t INPUT[] = {
    [EACH_BETA] = {"beta", "in place of the option, for each element", INPUT_OF_PARAMETER, true},
    [EACH_LAM] = {"lam", "in place of the option, for each element", INPUT_OF_PARAMETER, true},
    [EACH_METRIC] = {"metric", "in place of the option, for each element", INPUT_OF_PARAMETER, true},
    [EACH_SIGMA] = {"sigma", "in place of the option, for each element", INPUT_OF_PARAMETER, true},
    {0},
};

typedef struct constants {
    double h, envelope, all[INPUTS]; /* the options that the inputs stand for */
    int map, kind;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .h = o[LR],
        .envelope = o[ENVELOPE],
        .all = {[EACH_BETA] = o[BETA], [EACH_LAM] = o[LAM], [EACH_METRIC] = o[METRIC], [EACH_SIGMA] = o[SIGMA]},
        .map = (int)o[MAP],
        .kind = (int)o[KIND],
    };
}

/* Line 1: E. */
static double slope_euclid(double x, double eps, double tau, double m) {
    const double rest = fabs(x) - tau / m;
    return rest > 0 ? copysign(tau, x) / eps : m * x / eps;
}
static double slope_left(double x, double eps, double tau, double s) {
    const double rest = elementary_asinh(fabs(x) / s) - tau;
    const double P = rest > 0 ? copysign(s * elementary_sinh(rest < 700 ? rest : 700), x) : 0;
    return (x - P) / (eps * sqrt(x * x + s * s));
}
static double slope_right(double x, double eps, double tau, double s) {
    const double a = fabs(x), edge = tau * s;
    const double P = a > edge ? (a - edge) * (a + edge) / (a + tau * sqrt(a * a + s * s - edge * edge)) : 0;
    return copysign(elementary_asinh(a / s) - elementary_asinh(P / s), x) / eps;
}

static double within_700(double x) {
    return x > 700 ? 700 : x < -700 ? -700 : x;
}

/* Line 2; `move` is -h g, `spread` sqrt(2 h) z. */
static double step_hypentropy(double x, double beta, double move, double spread) {
    const double at = elementary_asinh(x / beta) + move + spread / sqrt(sqrt(x * x + beta * beta));
    return beta * elementary_sinh(within_700(at));
}
static double step_entropy(double x, double move, double spread) {
    return elementary_exp(within_700(elementary_log(x) + move + spread / sqrt(x)));
}

static void move_chunk(const tile_t *t, const constants_t *k, const noise_t *z) {
    real room[INPUTS][CHUNK_ELEMENTS];
    const real *each[INPUTS];
    real *restrict p = t->p;
    const real *restrict g = t->g;
    const double root = sqrt(2 * k->h);
    for (int row = 0; row < INPUTS; ++row)
        each[row] = tile_input(t, row, room[row]);
    for (size_t i = 0; i < t->n; ++i) {
        double value[INPUTS];
        for (int row = 0; row < INPUTS; ++row)
            value[row] = each[row] != NULL ? (double)each[row][i] : k->all[row];
        const double x = (double)p[i], eps = k->envelope, tau = eps * value[EACH_LAM], s = value[EACH_SIGMA];
        const double slope = k->kind == KIND_EUCLID ? slope_euclid(x, eps, tau, value[EACH_METRIC])
                             : k->kind == KIND_LEFT ? slope_left(x, eps, tau, s)
                                                    : slope_right(x, eps, tau, s);
        const double move = -k->h * ((double)g[i] + slope), spread = root * noise_double_at(z, t, i);
        p[i] = (real)(k->map == HYPENTROPY ? step_hypentropy(x, value[EACH_BETA], move, spread)
                      : k->map == EUCLID   ? x + move + spread
                                           : step_entropy(x, move, spread));
    }
}

static void move(const tile_t *t) {
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, 0);
        move_chunk(&chunk, t->constants, t->arguments);
    }
}

static void outside(const tile_t *t) { /* where the entropy has no logarithm */
    const bool entropy = ((const constants_t *)t->constants)->map == ENTROPY;
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = entropy && !(p[i] > 0);
}

enum { MOVE, OUTSIDE };

static optim_status advance(step_t *s) {
    if (step_is_a_first(s) && step_reduce(s, OUTSIDE, NULL, 1)[0] > 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "map=entropy is for parameters above 0: start there");
    const noise_t z = noise_draw(s);
    step_update(s, MOVE, &z);
    return OPTIM_OK;
}

/* Arrays in place of options have the shape of the parameter and the options' range. */
static const char *refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        for (int row = 0; row < INPUTS && step_tensor(s, i) != NULL; ++row) {
            const input_view_t *input = step_tensor_input(s, i, row);
            const size_t n = input == NULL ? 0 : input->count;
            if (input != NULL && n != step_tensor(s, i)->count)
                return "beta, lam, metric and sigma must have an element for each of the parameter";
            double room[CHUNK_ELEMENTS];
            for (size_t first = 0; first < n; first += CHUNK_ELEMENTS) {
                const size_t count = n - first < CHUNK_ELEMENTS ? n - first : CHUNK_ELEMENTS;
                const double *value = input_doubles(input, first, count, room);
                for (size_t k = 0; k < count; ++k)
                    if (!(value[k] > 0 || (row == EACH_LAM && value[k] == 0)))
                        return "beta, metric and sigma must be above 0, lam not below";
            }
        }
    return NULL;
}

const method_t METHOD(bplmc) = {
    .name = "bplmc",
    .purpose = "Bregman proximal Langevin Monte Carlo, for densities with an l1 norm",
    .citation = "Lau, Liu: Bregman Proximal Langevin Monte Carlo via Bregman-Moreau Envelopes, ICML 2022, "
                "arXiv:2207.04387",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .inputs = INPUT,
    .flags = MAY_FAIL,
    .constants = sizeof(constants_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {move, outside},
    .arguments = {[MOVE] = sizeof(noise_t)},
};
