/*
 * sgd_lanczos: SGD whose step size is the inverse of the batch Hessian's largest eigenvalue.
 *
 * Granziol, Zohren, Roberts, "Learning Rates as a Function of Batch Size: A Random Matrix Theory Approach to Neural
 * Network Training", 2022, arXiv:2006.09092.
 *
 *     when (t - 1) mod interval = 0, at most min(lanczos_steps, d) products:
 *     1. q_1 = signs of stream t / sqrt(d);   j = 1, 2, ...: w = H q_j,  a_j = w'q_j,  w orthogonalised to all q twice,
 *        b_j = |w|, stop where b_j < 1e-12 max(1, |a_j|),  q_{j+1} = w / b_j
 *     2. top = the largest eigenvalue of the tridiagonal matrix of a and b
 *        eta = min(max_lr, 2 safety / top), max_lr where top <= 0
 *     3. v <- momentum v + g,  theta <- theta - eta v
 *
 * The eigenvalues (ritz) and the squares of the first components of their eigenvectors (weight) are kept: the spectral
 * density of H is about sum_i weight_i delta(x - ritz_i), its trace d sum_i weight_i ritz_i, both the better the more
 * streams are averaged. State: v, 4 bytes a parameter in f32; within a step lanczos_steps vectors and 3 more.
 */
#include <string.h>

#include "blocks/algebra.h"
#include "blocks/hashed_signs.h"
#include "blocks/moving.h"
#include "blocks/tridiagonal.h"

enum { SAFETY, MOMENTUM, LANCZOS_STEPS, INTERVAL, MAX_LR };
static const option_t OPTIONS[] = {
    [SAFETY] = {"safety", 0.5, "(0,1]", "step size, as a share of the largest stable one"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the sum of gradients", .live = true},
    [LANCZOS_STEPS] = {"lanczos_steps", 10, "integer [1,1000]", "most products for an eigenvalue"},
    [INTERVAL] = {"interval", 1, "integer [1,inf)", "steps from one eigenvalue to the next"},
    [MAX_LR] = {"max_lr", 10, "(0,inf)", "largest step size"},
    {0},
};

enum { M, G, V, W, Q };
static const state_t STATE[] = {
    [M] = {"v", "sum of gradients", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    [G] = {"g", "the gradient while products are taken", LIKE_PARAM, WITHIN_STEP},
    [V] = {"q", "Lanczos vector", LIKE_PARAM, DIRECTION},
    [W] = {"Hq", "the product", LIKE_PARAM, PRODUCT},
    [Q] = {"Q", "Lanczos vectors", LIKE_PARAM, WITHIN_STEP, .copies = "lanczos_steps"},
    {0},
};

typedef struct memory {
    double eta, *ritz, *weight, *beside; /* beside: b of line 1 */
    int64_t count;                       /* of ritz */
    int64_t j;                           /* within a step */
} memory_t;
static const field_t FIELDS[] = {
    {"eta", "step size", FIELD(OF_METHOD, memory_t, eta), .step_factor = true},
    {"ritz", "eigenvalues as Lanczos's method sees them", FIELD(OF_METHOD, memory_t, ritz), .copies = "lanczos_steps"},
    {"weight", "their parts in the first vector", FIELD(OF_METHOD, memory_t, weight), .copies = "lanczos_steps"},
    {"beside", "the subdiagonal of the tridiagonal matrix", FIELD(OF_METHOD, memory_t, beside),
     .copies = "lanczos_steps", .within_step = true},
    {"ritz_count", "how many there are", FIELD(OF_METHOD, memory_t, count), .most = "lanczos_steps"},
    {0},
};

typedef struct constants {
    real momentum;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->momentum = (real)group->option[MOMENTUM];
}

/* ---- Kernels ---- */

typedef struct start {
    uint64_t stream;
    double length; /* of an entry */
} start_t;

static void draw(const tile_t *t) {
    const start_t *start = t->arguments;
    const uint64_t first = t->tensor->first_of_all + t->offset;
    real *restrict q = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        q[i] = (real)(start->length * hashed_sign(first + i, start->stream));
}

typedef struct move {
    double eta;
    bool waits; /* the gradient, in a state */
} move_t;

static void update(const tile_t *t) {
    const real momentum = ((const constants_t *)t->constants)->momentum;
    const move_t *move = t->arguments;
    const real eta = (real)move->eta;
    const real *restrict g = move->waits ? t->state[G] : t->g;
    real *restrict p = t->p, *restrict v = t->state[M];
    for (size_t i = 0; v == NULL && i < t->n; ++i)
        p[i] -= eta * g[i];
    for (size_t i = 0; v != NULL && i < t->n; ++i) {
        v[i] = settled(momentum * v[i] + g[i]);
        p[i] -= eta * v[i];
    }
}

enum { DRAW = ALGEBRA_KERNEL_COUNT, UPDATE };

/* ---- Lines 1 and 2 ---- */

static bool is_due(const step_t *s) {
    return fmod(s->t - 1, s->option[INTERVAL]) == 0 && moving_elements(s) > 0;
}

static void start(step_t *s) {
    const double d = (double)moving_elements(s);
    copy(s, vector(GRADIENT), vector(G));
    step_update(s, DRAW, &(start_t){(uint64_t)s->t, 1 / sqrt(d)});
    ((memory_t *)s->memory)->j = 0;
}

/* Takes product j, and makes the next vector; false: there is none. */
static bool extend(step_t *s) {
    memory_t *m = s->memory;
    const size_t j = (size_t)m->j;
    copy(s, vector(V), vector_copy(Q, j));
    m->ritz[j] = dot(s, vector(W), vector(V));
    m->count = ++m->j;
    if ((double)m->j == s->option[LANCZOS_STEPS] || (size_t)m->j == moving_elements(s))
        return false;
    for (int pass = 0; pass < 2; ++pass)
        for (size_t i = 0; i <= j; ++i)
            axpy(s, -dot(s, vector_copy(Q, i), vector(W)), vector_copy(Q, i), vector(W));
    m->beside[j] = norm_2(s, vector(W));
    if (!(m->beside[j] >= 1e-12 * fmax(1, fabs(m->ritz[j]))))
        return false;
    copy(s, vector(W), vector(V));
    scale(s, 1 / m->beside[j], vector(V));
    return true;
}

/* Where the eigenvalues are not to be had, the step size stays. */
static void set_step_size(step_t *s) {
    memory_t *m = s->memory;
    const size_t count = (size_t)m->count;
    if (!tridiagonal_eigen(count, m->ritz, m->beside, m->weight))
        return;
    double top = m->ritz[0];
    for (size_t i = 0; i < count; ++i) {
        top = fmax(top, m->ritz[i]);
        m->weight[i] *= m->weight[i];
    }
    m->eta = top > 0 ? fmin(s->option[MAX_LR], 2 * s->option[SAFETY] / top) : s->option[MAX_LR];
}

static optim_status advance(step_t *s) {
    const bool due = is_due(s);
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (due) {
        start(s);
        do
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        while (extend(s));
        set_step_size(s);
    }
    step_update(s, UPDATE, &(move_t){m->eta, due});
    STEP_END(s);
}

const method_t METHOD(sgd_lanczos) = {
    .name = "sgd_lanczos",
    .purpose = "SGD whose step size is the inverse of the batch Hessian's largest eigenvalue",
    .citation = "Granziol, Zohren, Roberts: Learning Rates as a Function of Batch Size: A Random Matrix Theory "
                "Approach to Neural Network Training, 2022, arXiv:2006.09092",
    .evaluations = "1 gradient; one step in `interval`: lanczos_steps Hessian-vector products",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, draw, update},
    .arguments = {ALGEBRA_ARGUMENTS, sizeof(start_t), sizeof(move_t)},
};
