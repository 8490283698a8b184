/*
 * asym_gd: gradient descent on two factors of different size, balanced once on the way.
 *
 * Xiong, Ding, Du, "How Over-Parameterization Slows Down Gradient Descent in Matrix Sensing: The Curses of Symmetry and
 * Initialization", 2024, arXiv:2310.01769, section 5.
 *
 *     1. theta <- theta - lr g
 *     2. behind the update of step switch_step, once: with F = A S B' (F of n1 by k, n1 >= k; G of n2 by k),
 *        F <- beta A B',   G <- G B S B' / beta
 *
 * F and G are the first two matrices. F G' does not change. The paper writes F B / S and G B S, which is the same up to
 * a rotation common to both, and descent turns with it; this form does not depend on the signs of singular vectors. A
 * switch with a singular value below 1e-12 of the largest fails. State: none; with a switch matrices have within a step
 * 4 bytes a parameter in f32, and 8 bytes times the square of their columns.
 */
#include <string.h>

#include "engine/method.h"
#include "linear/linear.h"

enum { LR, BETA, SWITCH_STEP };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [BETA] = {"beta", 1, "(0,inf)", "singular values of F behind the switch; theory: of the order of sqrt(sigma_r)"},
    [SWITCH_STEP] = {"switch_step", 0, "integer [0,inf)", "the step that ends with the switch; 0: none",
                     .zero_apart = true, .decides_memory = true},
    {0},
};

static bool is_matrix(const tensor_t *tensor) {
    return tensor->ndim == 2;
}
static bool switches(const tensor_t *tensor, const double *option) {
    return is_matrix(tensor) && option[SWITCH_STEP] > 0;
}

static int root_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    if (!switches(tensor, option))
        return -1;
    dims[0] = dims[1] = tensor->dims[1];
    return 2;
}

enum { BALANCED, ROOT };
static const state_t STATE[] = {
    [BALANCED] = {"balanced", "F behind the switch", LIKE_PARAM, WITHIN_STEP, .exists = switches},
    [ROOT] = {"root", "B S B' / beta", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = root_dims},
    {0},
};

/* Of a matrix, within a step. */
typedef struct memory {
    double refused; /* F is singular */
    const double *root;
} memory_t;

typedef struct constants {
    real lr;
    double beta;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR], group->option[BETA]};
}

/* ---- Kernels ---- */

static void update(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= lr * g[i];
}

/* F, A, B' with its singular values, and room. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t rows = tensor_rows(tensor), k = tensor_columns(tensor), room = linear_svd_room(rows, k);
    const size_t matrices = (2 * rows * k + k * k + k) * sizeof(double);
    if (!switches(tensor, option))
        return 0;
    return room > SIZE_MAX - matrices ? SIZE_MAX : tensor_reals(tensor, matrices + room);
}

typedef struct pair {
    size_t f, g; /* parameters */
    const double *root;
} pair_t;

/* root <- B S B' / beta */
static void compose(size_t k, const double *values, const double *b, double beta, double *root) {
    memset(root, 0, k * k * sizeof *root);
    for (size_t l = 0; l < k; ++l)
        for (size_t i = 0; i < k; ++i)
            for (size_t j = 0; j < k; ++j)
                root[i * k + j] += values[l] / beta * b[l * k + i] * b[l * k + j];
}

/* balanced <- beta A B' */
static void turn(size_t rows, size_t k, const double *a, const double *b, double beta, real *balanced) {
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < k; ++j) {
            double sum = 0;
            for (size_t l = 0; l < k; ++l)
                sum += a[i * k + l] * b[l * k + j];
            balanced[i * k + j] = (real)(beta * sum);
        }
}

/* Of F: both factors of line 2, from where line 1 takes it. */
static void decompose(const tile_t *t) {
    const constants_t *constants = t->constants;
    const size_t rows = tensor_rows(t->tensor), k = tensor_columns(t->tensor);
    double *f = t->work, *a = f + rows * k, *b = a + rows * k, *values = b + k * k;
    const real *p = t->p, *g = t->g;
    memory_t *memory = t->memory;
    if (t->tensor->id != ((const pair_t *)t->arguments)->f)
        return;
    for (size_t i = 0; i < t->n; ++i)
        f[i] = (double)(p[i] - constants->lr * g[i]);
    const linear_status_t status = linear_svd(rows, k, f, a, values, b, values + k);
    memory->refused = status != LINEAR_OK || !(values[k - 1] >= 1e-12 * values[0]) || values[0] == 0;
    memory->root = t->state[ROOT];
    if (memory->refused != 0)
        return;
    compose(k, values, b, constants->beta, t->state[ROOT]);
    turn(rows, k, a, b, constants->beta, t->state[BALANCED]);
}

/* Line 2. */
static void balance(const tile_t *t) {
    const pair_t *pair = t->arguments;
    const size_t rows = tensor_rows(t->tensor), k = tensor_columns(t->tensor);
    double *row = t->work;
    real *p = t->p;
    if (t->tensor->id == pair->f)
        memcpy(p, t->state[BALANCED], t->n * sizeof(real));
    for (size_t i = 0; t->tensor->id == pair->g && i < rows; ++i) {
        for (size_t j = 0; j < k; ++j)
            row[j] = (double)p[i * k + j];
        for (size_t j = 0; j < k; ++j) {
            double sum = 0;
            for (size_t l = 0; l < k; ++l)
                sum += row[l] * pair->root[l * k + j];
            p[i * k + j] = (real)sum;
        }
    }
}

enum { UPDATE, DECOMPOSE, BALANCE };

/* A sentence on why there are no such factors to be balanced, or NULL. */
static const char *find_pair(const step_t *s, pair_t *pair) {
    const tensor_t *found[2];
    int count = 0;
    for (size_t i = 0; i < step_tensor_count(s) && count < 2; ++i)
        if (step_parameter(s, i) != NULL && is_matrix(step_parameter(s, i)))
            found[count++] = step_parameter(s, i);
    if (count < 2)
        return "switch_step is for two matrices, F and G of F G'";
    *pair = (pair_t){found[0]->id, found[1]->id, NULL};
    if (found[0]->dims[1] != found[1]->dims[1] || found[0]->dims[1] == 0)
        return "F and G, the first two matrices, must have equally many columns";
    if (found[0]->dims[0] < found[0]->dims[1])
        return "F, the first matrix, must not have more columns than rows";
    if (step_tensor(s, pair->f) == NULL || step_tensor(s, pair->g) == NULL)
        return "F and G, the first two matrices, must not be frozen in the step that ends with the switch";
    return NULL;
}

static optim_status advance(step_t *s) {
    pair_t pair;
    if (s->option[SWITCH_STEP] == 0 || s->t != s->option[SWITCH_STEP]) {
        step_update(s, UPDATE, NULL);
        return OPTIM_OK;
    }
    const char *wrong = find_pair(s, &pair);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_SHAPE, wrong);
    step_tensors(s, DECOMPOSE, &pair);
    const memory_t *memory = step_tensor_memory(s, pair.f);
    if (memory->refused != 0)
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "F, the first matrix, is singular at the switch: G would lose a direction");
    pair.root = memory->root;
    step_update(s, UPDATE, NULL);
    step_tensors(s, BALANCE, &pair);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor) && tensor->count > INT32_MAX / 8
               ? "a matrix of more than 2^28 elements is too large for LAPACK"
               : NULL;
}

const method_t METHOD(asym_gd) = {
    .name = "asym_gd",
    .purpose = "gradient descent on two factors of different size, balanced once on the way",
    .citation = "Xiong, Ding, Du: How Over-Parameterization Slows Down Gradient Descent in Matrix Sensing: The Curses "
                "of Symmetry and Initialization, 2024, arXiv:2310.01769",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .tensor_memory = sizeof(memory_t),
    .flags = WHOLE_TENSORS | NEEDS_LAPACK | MAY_FAIL,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .takes_whole = is_matrix,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[UPDATE] = update, [DECOMPOSE] = decompose, [BALANCE] = balance},
    .arguments = {[DECOMPOSE] = sizeof(pair_t), [BALANCE] = sizeof(pair_t)},
};
