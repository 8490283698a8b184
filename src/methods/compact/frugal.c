/*
 * frugal: Adam in a part of the space, a rule without state in the rest.
 *
 * Zmushko, Beznosikov, Takac, Horvath, "FRUGAL: Memory-Efficient Optimization by Reducing State Overhead for Scalable
 * Training", 2024, arXiv:2411.07837, algorithms 1 and 4. The part changes when (t - 1) mod update_gap = 0, by the
 * gradient at hand, before that is used.
 *
 *     1. p <- (1 - lr weight_decay) p
 *     2. L = down(g);   m <- beta1 m + (1 - beta1) L,   v <- beta2 v + (1 - beta2) L^2
 *     3. p <- p - up(lr / c1 m / (sqrt(v) / sqrt(c2) + eps))
 *     4. p <- p - lr inactive_lr_scale rule(g - up(L)),   rule sign, identity or 0
 *
 * c1 and c2 count the steps since m and v were last zeroed, which reset_statistics does with each change.
 *
 * block: k = round(n density) of n tensors are active: L = g of these, nothing of the others. ascending: k from the
 *     first on, then the next k, around the end; descending: likewise from the last; mirror: k / 2 of the first half
 *     likewise, and as many from the last; random: any k. All active ones begin anew, unless all tensors are.
 * svd: singular vectors of g, as galore; round(density side) of them. random: an orthonormal basis in their place.
 * columns, rows: floor(density side) of them, (j r + i) mod side at change number j, or any with random=1.
 *
 * Under the latter four, what is not a matrix takes Adam. Where the basis is complete, or has just been made of all
 * singular vectors of g, g - up(L) is 0 and not what rounding leaves of it. State in f32: m and v, 8 bytes for each
 * element of L (block: 8 a parameter, active or not) and the bases, 4 r of a side, or the places of random columns or
 * rows.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/agree.h"
#include "blocks/projection.h"
#include "kernels/random.h"
#include "methods/compact/places.h"

enum {
    LR,
    BETA1,
    BETA2,
    EPS,
    WEIGHT_DECAY,
    BIAS_CORRECTION,
    DENSITY,
    UPDATE_GAP,
    RESET_STATISTICS,
    INACTIVE_RULE,
    INACTIVE_LR_SCALE,
    PROJ,
    BLOCK_ORDER,
    PROJ_SIDE,
    RANDOM
};
enum { SIGN_SGD, SGD, NO_RULE };
enum { BY_BLOCK, BY_SVD, BY_COLUMNS, BY_ROWS, BY_RANDOM };
enum { ASCENDING, DESCENDING, MIRROR, ANY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    [DENSITY] = {"density", 0.25, "[0,1]", "share of the space that has a state", .decides_memory = true},
    [UPDATE_GAP] = {"update_gap", 200, "integer [1,inf)", "steps from one change of it to the next"},
    [RESET_STATISTICS] = {"reset_statistics", 1, "0|1", "zero m and v with each change"},
    [INACTIVE_RULE] = {"inactive_rule", SIGN_SGD, "sign_sgd|sgd|none", "what moves the rest"},
    [INACTIVE_LR_SCALE] = {"inactive_lr_scale", 1, "[0,inf)", "its step size over lr"},
    [PROJ] = {"proj", BY_BLOCK, "block|svd|columns|rows|random", "what a part of the space is", .decides_memory = true},
    [BLOCK_ORDER] = {"block_order", ASCENDING, "ascending|descending|mirror|random", "proj=block: whose turn it is"},
    [PROJ_SIDE] = {"proj_side", SIDE_STD, "std|reverse_std|left|right|full", "svd, random: std is the shorter side",
                   .decides_memory = true},
    [RANDOM] = {"random", 0, "0|1", "columns, rows: draw them (1) or take them in turn (0)", .decides_memory = true},
    {0},
};

/* ---- Sizes ---- */

static bool is_projected(const tensor_t *tensor, const double *option) {
    return (int)option[PROJ] != BY_BLOCK && is_matrix(tensor);
}
static bool has_basis(const tensor_t *tensor, const double *option) {
    return is_projected(tensor, option) && ((int)option[PROJ] == BY_SVD || (int)option[PROJ] == BY_RANDOM);
}
static bool has_places(const tensor_t *tensor, const double *option) {
    return is_projected(tensor, option) && !has_basis(tensor, option);
}

/* Half to even. No more singular vectors than there are. */
static projection_t projection_of(const tensor_t *tensor, const double *option) {
    const projection_t p = projection_sides(tensor, (int)option[PROJ_SIDE]);
    const size_t most = projection_most(p), side = p.left && p.right ? most : p.left ? p.rows : p.columns;
    const size_t rank = (size_t)rint((double)side * option[DENSITY]);
    return projection_rank(p, (int)option[PROJ] == BY_SVD && rank > most ? most : rank);
}

static places_t places(const tensor_t *tensor, const double *option) {
    return places_of(tensor, (int)option[PROJ] == BY_ROWS, option[DENSITY]);
}

static int low_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    if (has_basis(tensor, option))
        return projection_low_dims(projection_of(tensor, option), dims);
    for (int i = 0; i < tensor->ndim; ++i)
        dims[i] = tensor->dims[i];
    if (!has_places(tensor, option))
        return tensor->ndim;
    const places_t c = places(tensor, option);
    dims[0] = (int64_t)c.low_rows;
    dims[1] = (int64_t)c.low_columns;
    return 2;
}
static int left_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return has_basis(tensor, option) ? projection_left_dims(projection_of(tensor, option), dims) : -1;
}
static int right_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return has_basis(tensor, option) ? projection_right_dims(projection_of(tensor, option), dims) : -1;
}
static int place_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    if (!has_places(tensor, option) || option[RANDOM] == 0)
        return -1;
    dims[0] = (int64_t)places(tensor, option).count;
    return 1;
}

enum { M, V, A, B, PLACES };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the part", SHAPED, KEPT, .dims = low_dims},
    [V] = {"v", "second moment of it", SHAPED, KEPT, .dims = low_dims, .nonnegative = true},
    [A] = {"A", "left basis, a column each", SHAPED, KEPT, .dims = left_dims},
    [B] = {"B", "right basis, a row each", SHAPED, KEPT, .dims = right_dims},
    [PLACES] = {"places", "columns or rows that were drawn", SHAPED, KEPT, .type = TYPE_U32, .dims = place_dims},
    {0},
};

typedef struct memory {
    double start;
} memory_t;
typedef struct tensor_memory {
    double active, steps, changes;
    /* of the step */
    double step, inverse_root_c2; /* lr / c1, 1 / sqrt(c2) */
    uint64_t first;               /* of the numbers that a change draws */
    bool is_changed, is_zeroed;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"start", "proj=block: where the next active tensors begin", FIELD(OF_METHOD, memory_t, start)},
    {"active", "proj=block: whether the tensor is", FIELD(OF_TENSOR, tensor_memory_t, active), .whole = true},
    {"steps", "that are in m and v", FIELD(OF_TENSOR, tensor_memory_t, steps), .whole = true},
    {"changes", "of the part of a matrix", FIELD(OF_TENSOR, tensor_memory_t, changes), .whole = true},
    {0},
};

typedef struct constants {
    double option[RANDOM + 1];
    weights_t beta1, beta2;
    real eps, shrink, rest; /* rest: step size of line 4 */
    uint64_t seed;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    *k = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .rest = (real)(o[LR] * o[INACTIVE_LR_SCALE]),
        .seed = group->step->seed,
    };
    memcpy(k->option, o, sizeof k->option);
}

/* ---- Lines 1, 3 and 4: `up` and `rest` may be NULL, which stands for 0 ---- */

static real rule_of(int rule, real g) {
    return rule == SIGN_SGD ? sign(g) : rule == SGD ? g : 0;
}

static void move(const tile_t *t, const real *restrict up, const real *restrict rest) {
    const constants_t *k = t->constants;
    const int rule = (int)k->option[INACTIVE_RULE];
    const real shrink = k->shrink, of_up = (real)((const tensor_memory_t *)t->memory)->step, of_rest = k->rest;
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * p[i] - (up == NULL ? 0 : of_up * up[i]);
    for (size_t i = 0; rest != NULL && i < t->n; ++i)
        p[i] -= of_rest * rule_of(rule, rest[i]);
}

/* Line 2, and the quotient of line 3 in the place of L. */
static void adam(const tile_t *t, size_t n, real *restrict low) {
    const constants_t *k = t->constants;
    const weights_t beta1 = k->beta1, beta2 = k->beta2;
    const real eps = k->eps, inverse_root_c2 = (real)((const tensor_memory_t *)t->memory)->inverse_root_c2;
    real *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t i = 0; i < n; ++i) {
        m[i] = ema(m[i], low[i], beta1);
        v[i] = ema(v[i], low[i] * low[i], beta2);
        low[i] = quotient(m[i], sqrt(v[i]) * inverse_root_c2 + eps);
    }
}

/* ---- Singular vectors, or an orthonormal basis ---- */

/* Bytes for a random basis of a side: Q in double, and the room of its factorization. */
static size_t random_bytes(size_t side, size_t rank) {
    const size_t room = linear_qr_room(side, rank);
    size_t bytes;
    return size_multiply(side * rank, sizeof(double), &bytes) && size_add(bytes, room, &bytes) ? bytes : SIZE_MAX;
}
static size_t basis_bytes(projection_t p, const double *option) {
    if ((int)option[PROJ] == BY_SVD)
        return projection_svd_bytes(p);
    const size_t left = p.left ? random_bytes(p.rows, p.rank) : 0,
                 right = p.right ? random_bytes(p.columns, p.rank) : 0;
    return left > right ? left : right;
}

/* Q (side by rank) of normal numbers, by `across` from one row to the next and `along` within it. */
static void draw_basis(uint64_t seed, uint64_t first, size_t side, size_t rank, real *basis, size_t across,
                       size_t along, double *room) {
    for (size_t i = 0; i < side * rank; ++i)
        room[i] = random_normal(seed, first + 2 * i);
    if (linear_qr(side, rank, room, NULL, room + side * rank) != LINEAR_OK)
        return;
    linear_sign_columns(side, rank, room);
    for (size_t i = 0; i < side; ++i)
        for (size_t j = 0; j < rank; ++j)
            basis[i * across + j * along] = (real)room[i * rank + j];
}

static void change_basis(const tile_t *t, projection_t p) {
    const constants_t *k = t->constants;
    const uint64_t first = ((const tensor_memory_t *)t->memory)->first;
    real *a = t->state[A], *b = t->state[B];
    if ((int)k->option[PROJ] == BY_SVD)
        projection_svd(p, t->g, a, b, t->work);
    else if (p.left)
        draw_basis(k->seed, first, p.rows, p.rank, a, p.rank, 1, t->work);
    if ((int)k->option[PROJ] == BY_RANDOM && p.right)
        draw_basis(k->seed, first + (p.left ? 2 * p.rows * p.rank : 0), p.columns, p.rank, b, 1, p.columns, t->work);
}

/* The basis is complete, or all singular vectors of this gradient are in it. */
static bool leaves_nothing(const tile_t *t, projection_t p) {
    const bool is_complete = (!p.left || p.rank == p.rows) && (!p.right || p.rank == p.columns);
    const bool is_of_g = (int)((const constants_t *)t->constants)->option[PROJ] == BY_SVD &&
                         ((const tensor_memory_t *)t->memory)->is_changed;
    return is_complete || (is_of_g && p.rank == projection_most(p));
}

static void update_in_basis(const tile_t *t) {
    const constants_t *k = t->constants;
    const projection_t p = projection_of(t->tensor, k->option);
    real *low = (real *)t->work + tensor_reals(t->tensor, basis_bytes(p, k->option)), *between = low + t->n,
         *up = between + t->n, *rest = up + t->n;
    const real *g = t->g, *a = t->state[A], *b = t->state[B];
    if (p.rank == 0) {
        move(t, NULL, g);
        return;
    }
    if (((const tensor_memory_t *)t->memory)->is_changed)
        change_basis(t, p);
    projection_down(p, a, b, g, between, low);
    projection_up(p, a, b, low, between, up);
    for (size_t i = 0; i < t->n; ++i)
        rest[i] = g[i] - up[i];
    adam(t, p.low_rows * p.low_columns, low);
    projection_up(p, a, b, low, between, up);
    move(t, up, leaves_nothing(t, p) ? NULL : rest);
}

/* ---- Columns, or rows ---- */

static void update_places(const tile_t *t) {
    const constants_t *k = t->constants;
    const tensor_memory_t *m = t->memory;
    const places_t c = places(t->tensor, k->option);
    const size_t first = places_first(c, m->changes);
    uint32_t *drawn = t->state[PLACES];
    real *restrict low = t->work, *restrict up = low + t->n, *restrict rest = up + t->n;
    if (m->is_changed && drawn != NULL)
        places_draw(c, k->seed, m->first, drawn);
    memcpy(rest, t->g, t->n * sizeof(real));
    memset(up, 0, t->n * sizeof(real));
    places_take(c, drawn, first, rest, low);
    adam(t, c.low_rows * c.low_columns, low);
    places_put(c, drawn, first, low, up);
    move(t, up, rest);
}

/* ---- The step of one tensor ---- */

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t bytes = has_basis(tensor, option) ? basis_bytes(projection_of(tensor, option), option) : 0;
    return dense_workspace(tensor, bytes, 4 * tensor->count);
}

static void zero(const tile_t *t) {
    int64_t dims[TENSOR_DIMS];
    size_t count = 1;
    for (int i = low_dims(t->tensor, ((const constants_t *)t->constants)->option, 0, dims); i-- > 0;)
        count *= (size_t)dims[i];
    if (count == 0)
        return;
    memset(t->state[M], 0, count * sizeof(real));
    memset(t->state[V], 0, count * sizeof(real));
}

static void update(const tile_t *t) {
    const double *option = ((const constants_t *)t->constants)->option;
    const tensor_memory_t *m = t->memory;
    if (m->is_zeroed)
        zero(t);
    if (has_basis(t->tensor, option)) {
        update_in_basis(t);
    } else if (has_places(t->tensor, option)) {
        update_places(t);
    } else if ((int)option[PROJ] == BY_BLOCK && m->active == 0) {
        move(t, NULL, t->g);
    } else {
        memcpy(t->work, t->g, t->n * sizeof(real));
        adam(t, t->n, t->work);
        move(t, t->work, NULL);
    }
}

/* ---- proj=block: who is active ---- */

static bool takes_part(const step_t *s, size_t n) {
    const tensor_t *tensor = step_tensor(s, n);
    return tensor != NULL && tensor->count > 0;
}

/* Whether tensor i of n is among the k that begin at `start`. */
static bool is_chosen(int order, size_t i, size_t n, size_t k, size_t start) {
    const size_t period = order == MIRROR ? n / 2 : n, share = order == MIRROR ? k / 2 : k;
    const bool from_end = order == DESCENDING || (order == MIRROR && i >= period);
    const size_t place = from_end ? n - 1 - i : i;
    return place < period && (place + period - start % period) % period < share;
}

static void change_blocks(step_t *s) {
    const int order = (int)s->option[BLOCK_ORDER];
    memory_t *memory = s->memory;
    size_t n = 0, i = 0;
    for (size_t tensor = 0; tensor < step_tensor_count(s); ++tensor)
        n += takes_part(s, tensor);
    const size_t k = (size_t)rint((double)n * s->option[DENSITY]), start = (size_t)memory->start;
    size_t left = k;
    for (size_t tensor = 0; tensor < step_tensor_count(s); ++tensor) {
        if (!takes_part(s, tensor))
            continue;
        tensor_memory_t *m = step_tensor_memory(s, tensor);
        const bool active =
            order == ANY ? step_uniform(s) * (double)(n - i) < (double)left : is_chosen(order, i, n, k, start);
        m->is_zeroed = active && k < n; /* where all stay active nothing changes */
        m->active = active;
        left -= active;
        ++i;
    }
    const size_t period = order == MIRROR ? n / 2 : n;
    memory->start = period == 0 ? 0 : (double)((start + (order == MIRROR ? k / 2 : k)) % period);
}

/* Of all groups with proj=block: whether they agree on who is active; false in *any: there are none. */
static bool blocks_agree(step_t *s, bool *any) {
    *any = false;
    for (int i = 0; i < s->groups; ++i)
        *any |= (int)step_group(s, i).option[PROJ] == BY_BLOCK;
    return !*any || (groups_agree(s, PROJ) && groups_agree(s, DENSITY) && groups_agree(s, UPDATE_GAP) &&
                     groups_agree(s, BLOCK_ORDER));
}

/* ---- The step ---- */

/* Random numbers that a change of this matrix takes. */
static uint64_t draws(const tensor_t *tensor, const double *option) {
    if (has_places(tensor, option))
        return option[RANDOM] != 0 ? places(tensor, option).side : 0;
    const projection_t p = projection_of(tensor, option);
    const size_t sides = (p.left ? p.rows : 0) + (p.right ? p.columns : 0);
    return (int)option[PROJ] == BY_RANDOM ? 2 * (uint64_t)(sides * p.rank) : 0;
}

static void change_matrix(step_t *s, size_t n) {
    const double *o = step_tensor_option(s, n);
    tensor_memory_t *m = step_tensor_memory(s, n);
    m->is_changed = fmod(step_tensor_clock(s, n) - 1, o[UPDATE_GAP]) == 0;
    m->is_zeroed = m->is_changed && o[RESET_STATISTICS] != 0;
    if (!m->is_changed)
        return;
    m->first = step_draws(s, draws(step_tensor(s, n), o));
    ++m->changes;
}

static void count_step(step_t *s, size_t n) {
    const double *o = step_tensor_option(s, n);
    const bool corrects = o[BIAS_CORRECTION] != 0;
    tensor_memory_t *m = step_tensor_memory(s, n);
    m->steps = m->is_zeroed ? 1 : m->steps + 1;
    m->step = o[LR] / (corrects ? correction(o[BETA1], m->steps) : 1);
    m->inverse_root_c2 = 1 / sqrt(corrects ? correction(o[BETA2], m->steps) : 1);
}

static optim_status advance(step_t *s) {
    bool has_blocks;
    if (!blocks_agree(s, &has_blocks))
        return step_fail(s, OPTIM_ERR_VALUE,
                         "proj=block must be that of all groups, with the same density, update_gap and block_order");
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (takes_part(s, n))
            ((tensor_memory_t *)step_tensor_memory(s, n))->is_zeroed = false;
    if (has_blocks && fmod(s->t - 1, s->option[UPDATE_GAP]) == 0)
        change_blocks(s);
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        if (!takes_part(s, n))
            continue;
        if (is_projected(step_tensor(s, n), step_tensor_option(s, n)))
            change_matrix(s, n);
        count_step(s, n);
    }
    step_tensors(s, 0, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return projection_refuses(tensor);
}

const method_t METHOD(frugal) = {
    .name = "frugal",
    .purpose = "Adam in a part of the space, signs of the gradient in the rest",
    .citation = "Zmushko et al.: FRUGAL: Memory-Efficient Optimization by Reducing State Overhead for Scalable "
                "Training, 2024, arXiv:2411.07837",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .flags = WHOLE_TENSORS | NEEDS_LAPACK | MAY_FAIL,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
};
