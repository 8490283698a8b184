/*
 * msvgd: mirrored Stein variational gradient descent: particles on a simplex, moved in the coordinates of the entropy.
 *
 * Shi, Liu, Mackey, "Sampling with Mirrored Stein Operators", ICLR 2022, arXiv:2106.12506.
 *
 *     Row i of a tensor, of D - 1 entries, is eta_i; theta_i = the first D - 1 entries of softmax(eta_i, 0).
 *     s_i = -g_i + 1 - D theta_i      g the gradient in eta of -log p(theta); the rest the divergence of H^-1
 *     y = eta (on=eta) or theta (on=theta),  r = |y_i - y_j|^2,  w = bandwidth2, or the middle of all N^2 r if w < 0
 *     imq: k = (1 + r / w)^(-1/2),  k' = -(1 + r / w)^(-3/2) (y_i - y_j) / w;
 *     rbf: k = e^(-r / w), k' = -2 / w (y_i - y_j) k
 *     eta_j <- eta_j + lr / N sum_i (k s_i + k')              on=eta
 *     eta_j <- eta_j + lr / N sum_i (k s_i + H_i^-1 k')       on=theta,  H^-1 u = theta (u - <theta, u>)
 *
 * The middle is the floor(N^2 / 2)-th largest, or 1 if that is 0. Several tensors are so many simplices, their
 * distances added up. State: within a step theta and the direction, 8 bytes a parameter in f32; 2 N^2 numbers.
 */
#include "blocks/mirrored.h"

enum { LR, KERNEL, BANDWIDTH2, ON };
enum { ON_ETA, ON_THETA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [KERNEL] = {"kernel", KERNEL_IMQ, "imq|rbf", "inverse multiquadric or Gaussian"},
    [BANDWIDTH2] = {"bandwidth2", 1, "(-inf,inf)", "squared width of the kernel; negative: by the median",
                    .zero_apart = true},
    [ON] = {"on", ON_ETA, "eta|theta", "coordinates that the kernel compares"},
    {0},
};

enum { THETA, PHI };
static const state_t STATE[] = {
    [THETA] = {"theta", "the particles on the simplex", LIKE_PARAM, WITHIN_STEP},
    [PHI] = {"phi", "the direction", LIKE_PARAM, WITHIN_STEP},
    {0},
};

static const field_t FIELDS[] = {MIRRORED_FIELDS, {0}};

typedef struct constants {
    real lr;
    bool rbf, on_theta;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], (int)o[KERNEL] == KERNEL_RBF, (int)o[ON] == ON_THETA};
}

static void measure(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    for (size_t i = 0; i < particles; ++i)
        mirrored_map(row, (real *)t->p + i * row, (real *)t->state[THETA] + i * row);
    particle_distances_of(t, k->on_theta ? t->state[THETA] : t->p, ((const pairs_t *)t->arguments)->square);
}

/* phi_j += (k s_i + slope y) / N with y = y_i - y_j, through H_i^-1 on=theta. */
static void add_pair(size_t n, const real *yi, const real *yj, const real *theta, const real *g, bool on_theta, real k,
                     real slope, real *restrict phi) {
    const real D = (real)(n + 1);
    double inner = 0;
    for (size_t c = 0; c < n && on_theta; ++c)
        inner += (double)theta[c] * (double)(yi[c] - yj[c]);
    for (size_t c = 0; c < n; ++c) {
        const real y = yi[c] - yj[c], push = on_theta ? theta[c] * (y - (real)inner) : y;
        phi[c] += k * (1 - D * theta[c] - g[c]) + slope * push;
    }
}

static void direct(const tile_t *t) {
    const constants_t *o = t->constants;
    const pairs_t *pairs = t->arguments;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    const real *y = o->on_theta ? t->state[THETA] : t->p, *theta = t->state[THETA], *g = t->g;
    real *phi = t->state[PHI];
    memset(phi, 0, t->n * sizeof *phi);
    for (size_t j = 0; j < particles; ++j)
        for (size_t i = 0; i < particles; ++i) {
            const mirrored_kernel_t k =
                mirrored_kernel(o->rbf, pairs->square[i * particles + j], pairs->w, (double)particles);
            add_pair(row, y + i * row, y + j * row, theta + i * row, g + i * row, o->on_theta, (real)k.k, (real)k.slope,
                     phi + j * row);
        }
}

static void move(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict p = t->p;
    const real *restrict phi = t->state[PHI];
    for (size_t i = 0; i < t->n; ++i)
        p[i] += lr * phi[i];
}

enum { MEASURE, DIRECT, MOVE };

static optim_status advance(step_t *s) {
    const pairs_t pairs = mirrored_pairs(s, MEASURE, s->option[BANDWIDTH2]);
    step_tensors(s, DIRECT, &pairs);
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

static const char *check(const double *option) {
    return mirrored_check(option[BANDWIDTH2]);
}

const method_t METHOD(msvgd) = {
    .name = "msvgd",
    .purpose = "mirrored Stein variational gradient descent: particles on a simplex",
    .citation = "Shi, Liu, Mackey: Sampling with Mirrored Stein Operators, ICLR 2022, arXiv:2106.12506",
    .evaluations = "1 gradient, of every particle",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .memory = sizeof(mirrored_memory_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {measure, direct, move},
    .arguments = {[MEASURE] = sizeof(pairs_t), [DIRECT] = sizeof(pairs_t)},
};
