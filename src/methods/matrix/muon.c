/*
 * muon: momentum, orthogonalised by Newton-Schulz iterations.
 *
 * Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein, "Muon: An optimizer for hidden layers in neural networks",
 * 2024.
 *
 *     1. B <- B + (1 - momentum) (G - B)
 *     2. U = (1 - momentum) G + momentum B if nesterov, else B
 *     3. X = U, transposed if it has more rows than columns;  X <- X / (|X|_F + e);  ns_steps times:
 *        A = X X',  X <- a X + (b A + c A^2) X,  (a, b, c) = (3.4445, -4.7750, 2.0315);  transposed back
 *     4. W <- (1 - lr weight_decay) W,  W <- W - lr scale X
 *
 * newton_schulz.h has the iteration, with other coefficients, another e and in bfloat16 too. bias_correction
 * (optax): U of G / (1 - momentum^t) and B / (1 - momentum^(t+1)). layout=input_first: a tensor is a matrix of all
 * other dimensions by the last one, as JAX and Keras keep weights, and scale has r and c exchanged. scale: original
 * sqrt(max(1, r/c)), match_rms_adamw 0.2 sqrt(max(r, c)), none 1. Vectors and scalars take AdamW with aux_lr, beta1,
 * beta2, eps and the same decay; embeddings and heads belong into a group of their own. State: B, 4 bytes a
 * parameter in f32; vectors m, v, 8 bytes.
 */
#include "blocks/adam_family.h"
#include "methods/matrix/newton_schulz.h"

enum {
    LR,
    WEIGHT_DECAY,
    MOMENTUM,
    NESTEROV,
    NS_STEPS,
    NS_EPS,
    COEFFICIENTS,
    NS_A,
    NS_B,
    NS_C,
    NS_CLAMP,
    ITERATE,
    BIAS_CORRECTION,
    LAYOUT,
    SCALE,
    AUX_LR,
    BETA1,
    BETA2,
    EPS,
    EPS_IN_ROOT
};
enum { ITERATE_REAL, ITERATE_BF16 };
enum { OUTPUT_FIRST, INPUT_FIRST };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.02, "[0,inf)", "step size of matrices"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [MOMENTUM] = MUON_MOMENTUM_ROW,
    [NESTEROV] = {"nesterov", 1, "0|1", "look ahead along the buffer"},
    [NS_STEPS] = NS_STEPS_ROW,
    [NS_EPS] = NS_EPS_ROW,
    [COEFFICIENTS] = {"coefficients", JORDAN, "jordan|you|polar_express|classical|given",
                      "polynomials of the iterations"},
    [NS_A] = {"ns_a", 3.4445, "(-inf,inf)", "coefficients=given: of x"},
    [NS_B] = {"ns_b", -4.7750, "(-inf,inf)", "of x^3"},
    [NS_C] = {"ns_c", 2.0315, "(-inf,inf)", "of x^5"},
    [NS_CLAMP] = {"ns_clamp", 0, "0|1", "ns_eps is the least norm, as in torch (1), or added (0)"},
    [ITERATE] = {"iterate", ITERATE_REAL, "real|bf16", "precision of the iterations: the parameters', or bfloat16"},
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "correct buffer and gradient for the start at 0, as optax"},
    [LAYOUT] = {"layout", OUTPUT_FIRST, "output_first|input_first", "how weights are kept: torch, or JAX and Keras",
                .decides_memory = true},
    [SCALE] = MATRIX_SCALE_ROW,
    [AUX_LR] = {"aux_lr", 3e-4, "[0,inf)", "step size of vectors"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "vectors: decay of the first moment"},
    [BETA2] = {"beta2", 0.95, "[0,1)", "vectors: decay of the second moment"},
    [EPS] = {"eps", 1e-10, "[0,inf)", "vectors: added to the root"},
    [EPS_IN_ROOT] = {"eps_in_root", 0, "0|1", "vectors: add eps inside the root (1) or to the root (0)"},
    {0},
};

static bool matrix_state(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor);
}
static bool vector_state(const tensor_t *tensor, const double *option) {
    (void)option;
    return !is_matrix(tensor);
}

enum { B, M, V };
static const state_t STATE[] = {
    [B] = {"B", "momentum of a matrix", LIKE_PARAM, FIRST_MOMENT, .exists = matrix_state},
    [M] = {"m", "first moment of a vector", LIKE_PARAM, FIRST_MOMENT, .exists = vector_state},
    [V] = {"v", "second moment of a vector", LIKE_PARAM, KEPT, .exists = vector_state, .nonnegative = true},
    {0},
};

typedef struct constants {
    double lr; /* of a matrix, whose norm and scale are in double */
    newton_schulz_t ns;
    weights_t momentum, ahead, beta1, beta2; /* ahead: of B and G in U */
    real shrink, aux_step, aux_shrink, inverse_root_c2;
    eps_t eps;
    int scale;
    bool looks_ahead, input_first; /* U is not B */
} constants_t;

/* Of U; without nesterov it has no part of G. */
static weights_t ahead_of(const double *o, double t) {
    const bool corrects = o[BIAS_CORRECTION] != 0;
    const double of_b = corrects ? correction(o[MOMENTUM], t + 1) : 1, of_g = corrects ? correction(o[MOMENTUM], t) : 1;
    if (o[NESTEROV] == 0)
        return (weights_t){(real)(1 / of_g), 0};
    return (weights_t){(real)(o[MOMENTUM] / of_b), (real)((1 - o[MOMENTUM]) / of_g)};
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = 1 - pow(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .ns = {.eps = o[NS_EPS],
               .steps = (int)o[NS_STEPS],
               .coefficients = (int)o[COEFFICIENTS],
               .given = {o[NS_A], o[NS_B], o[NS_C]},
               .clamps = o[NS_CLAMP] != 0,
               .in_bf16 = (int)o[ITERATE] == ITERATE_BF16},
        .momentum = weights(o[MOMENTUM]),
        .ahead = ahead_of(o, group->t),
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .aux_step = (real)(o[AUX_LR] / (1 - pow(o[BETA1], group->t))),
        .aux_shrink = (real)(1 - o[AUX_LR] * o[WEIGHT_DECAY]),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .scale = (int)o[SCALE],
        .looks_ahead = o[NESTEROV] != 0 || o[BIAS_CORRECTION] != 0,
        .input_first = (int)o[LAYOUT] == INPUT_FIRST,
    };
}

/* ---- Vectors ---- */

static void adamw(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; m != NULL && i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = settled(k.beta2.keep * v[i] + k.beta2.take * g[i] * g[i]);
        p[i] = k.aux_shrink * p[i] - k.aux_step * quotient(m[i], damped_root(v[i], k.inverse_root_c2, k.eps));
    }
}

/* ---- Matrices ---- */

static sides_t sides_in(const tensor_t *tensor, bool input_first) {
    const size_t last = tensor_axis(tensor, tensor->ndim - 1);
    return input_first && last > 0 ? sides_by(tensor->count / last, last) : sides_of(tensor);
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const sides_t s = sides_in(tensor, (int)option[LAYOUT] == INPUT_FIRST);
    return 2 * (tensor->count + s.r * s.r);
}

static void orthogonalise(const tile_t *t) {
    const constants_t *k = t->constants;
    const sides_t s = sides_in(t->tensor, k->input_first);
    const sides_t by_output = k->input_first ? sides_by(s.columns, s.rows) : s;
    const weights_t *ahead = k->looks_ahead ? &k->ahead : NULL;
    const double square = matrix_momentum(t, &s, k->momentum, ahead, t->state[B], t->work);
    const real *x = newton_schulz(k->ns, s.r, s.c, square, t->work);
    matrix_move(t, &s, k->shrink, (real)(k->lr * scale_of(k->scale, &by_output)), x);
}

enum { ADAMW, ORTHOGONALISE };

static optim_status advance(step_t *s) {
    step_tensors(s, ORTHOGONALISE, NULL);
    step_update(s, ADAMW, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return matrix_is_too_large(tensor);
}

const method_t METHOD(muon) = {
    .name = "muon",
    .purpose = "momentum orthogonalised by Newton-Schulz iterations; AdamW for vectors",
    .citation = "Jordan et al.: Muon: An optimizer for hidden layers in neural networks, 2024",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .takes_whole = is_matrix,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[ADAMW] = adamw, [ORTHOGONALISE] = orthogonalise},
};
