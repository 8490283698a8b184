/*
 * scaled_gd: gradient descent on low-rank factors, each scaled by the inverse of a factor's Gram matrix.
 *
 * Xu, Shen, Chi, Ma, "The Power of Preconditioning in Overparameterized Low-Rank Matrix Sensing", 2023,
 * arXiv:2302.01186, equation 5: ScaledGD(lambda). Pairs: Tong, Ma, Chi, "Accelerating Ill-Conditioned Low-Rank Matrix
 * Estimation via Scaled Gradient Descent", 2021, arXiv:2005.08898.
 *
 *     1. pairs = 0: every matrix X (n by k):   X <- X - lr G (X'X + damping I)^-1
 *     2. pairs = 1: matrices 0 and 1, 2 and 3, ... in order of declaration are factors L, R of L R', of one width:
 *        L <- L - lr G_L (R'R + damping I)^-1,   R <- R - lr G_R (L'L + damping I)^-1,  both from before the step;
 *        a matrix whose successor has another width, or that has none, as in 1
 *     3. everything that is no matrix: theta <- theta - lr g
 *
 * Gram matrices and their Cholesky factors are taken in double. State: none; within a step the scaled gradient of
 * matrices, 4 bytes a parameter in f32.
 */
#include <string.h>

#include "engine/method.h"
#include "linear/linear.h"

enum { LR, DAMPING, PAIRS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [DAMPING] = {"damping", 1e-3, "(0,inf)", "lambda: added to the Gram matrix"},
    [PAIRS] = {"pairs", 0, "0|1", "matrices 0 and 1, 2 and 3, ... scale each other"},
    {0},
};

static bool is_matrix(const tensor_t *tensor) {
    return tensor->ndim == 2;
}
static bool has_scaled(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor);
}

enum { SCALED };
static const state_t STATE[] = {
    [SCALED] = {"scaled", "the scaled gradient of a matrix", LIKE_PARAM, WITHIN_STEP, .exists = has_scaled},
    {0},
};

typedef struct failure {
    double failed; /* within a step: the Gram matrix is not positive definite */
} failure_t;

typedef struct constants {
    real lr;
    double damping;
    bool pairs;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], o[DAMPING], o[PAIRS] != 0};
}

/* ---- Which matrix scales which ---- */

/* The partner of matrix `id`, or itself: of two matrices that follow each other, where they are of one width. */
static size_t partner_of(const step_t *s, size_t id) {
    size_t single = SIZE_MAX; /* a matrix whose partner has not come yet */
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        if (tensor == NULL || !is_matrix(tensor))
            continue;
        if (single == SIZE_MAX || step_parameter(s, single)->dims[1] != tensor->dims[1]) {
            single = i;
            continue;
        }
        if (i == id || single == id)
            return i == id ? single : i;
        single = SIZE_MAX;
    }
    return id;
}

/* ---- Kernels ---- */

enum { ROWS = 16 }; /* of a matrix, worked on at once */

/* The Gram matrix, and some rows. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t k = tensor_columns(tensor);
    (void)option;
    return tensor_reals(tensor, (k * k + ROWS * k) * sizeof(double));
}

typedef struct in_step {
    const step_t *step;
} in_step_t;

static size_t row_block(size_t rows, size_t from) {
    return rows - from < ROWS ? rows - from : ROWS;
}

/* gram <- X'X + damping I of parameter `id`, which has k columns; its lower triangle. */
static void make_gram(const step_t *s, size_t id, size_t k, double damping, double *gram, double *room) {
    const size_t rows = tensor_rows(step_parameter(s, id));
    memset(gram, 0, k * k * sizeof *gram);
    for (size_t first = 0; first < rows; first += ROWS) {
        const size_t count = row_block(rows, first);
        step_parameter_read(s, id, first * k, count * k, room);
        for (size_t r = 0; r < count; ++r)
            for (size_t i = 0; i < k; ++i)
                for (size_t j = 0; j <= i; ++j)
                    gram[i * k + j] += room[r * k + i] * room[r * k + j];
    }
    for (size_t i = 0; i < k; ++i)
        gram[i * k + i] += damping;
}

/* scaled <- G (X'X + damping I)^-1 */
static void scale(const tile_t *t) {
    const constants_t *constants = t->constants;
    const step_t *s = ((const in_step_t *)t->arguments)->step;
    const size_t rows = tensor_rows(t->tensor), k = tensor_columns(t->tensor), id = t->tensor->id;
    double *gram = t->work, *room = gram + k * k;
    const real *g = t->g;
    real *scaled = t->state[SCALED];
    make_gram(s, constants->pairs ? partner_of(s, id) : id, k, constants->damping, gram, room);
    const linear_status_t status = linear_cholesky(k, gram);
    ((failure_t *)t->memory)->failed = status == LINEAR_SINGULAR;
    for (size_t first = 0; first < rows; first += ROWS) {
        const size_t count = row_block(rows, first) * k;
        for (size_t i = 0; i < count; ++i) /* what is no finite number shows in the parameters */
            room[i] = status == LINEAR_OK ? (double)g[first * k + i] : (double)NAN;
        if (status == LINEAR_OK)
            linear_cholesky_solve_rows(k, gram, count / k, room);
        for (size_t i = 0; i < count; ++i)
            scaled[first * k + i] = (real)room[i];
    }
}

static void update(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict p = t->p;
    const real *restrict d = is_matrix(t->tensor) ? t->state[SCALED] : t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= lr * d[i];
}

enum { SCALE, UPDATE };

static optim_status advance(step_t *s) {
    step_tensors(s, SCALE, &(in_step_t){s});
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL && ((const failure_t *)step_tensor_memory(s, i))->failed != 0)
            return step_fail(s, OPTIM_ERR_DOMAIN, "a Gram matrix is not positive definite to rounding: raise damping");
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor) && tensor->count > INT32_MAX
               ? "a matrix of more than 2^31 - 1 elements is too large for BLAS"
               : NULL;
}

const method_t METHOD(scaled_gd) = {
    .name = "scaled_gd",
    .purpose = "gradient descent on low-rank factors, scaled by inverse Gram matrices",
    .citation = "Xu, Shen, Chi, Ma: The Power of Preconditioning in Overparameterized Low-Rank Matrix Sensing, 2023, "
                "arXiv:2302.01186",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .tensor_memory = sizeof(failure_t),
    .flags = WHOLE_TENSORS | NEEDS_LAPACK | MAY_FAIL | ACROSS_TENSORS,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .takes_whole = is_matrix,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SCALE] = scale, [UPDATE] = update},
    .arguments = {[SCALE] = sizeof(in_step_t)},
};
