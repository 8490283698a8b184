/*
 * cbo: consensus-based optimization: particles drift to a weighted mean of theirs and explore in proportion to how far
 * they are from it. Values alone.
 *
 * Riedl, Klock, Geldhauser, Fornasier, "Gradient is All You Need?", 2023, arXiv:2306.09778; Pinnau, Totzeck, Tse,
 * Martin, "A consensus-based model for global optimization and its mean-field limit", 2017, arXiv:1604.05648.
 *
 *     1. e_i = f(x_i),   w_i = exp(-alpha (e_i - min e)),   m = sum_i w_i x_i / sum_i w_i
 *     2. x_i <- x_i - lam dt (x_i - m) + sigma sqrt(dt) s_i z_i,   z standard normal
 *        s_i = x_i - m by element (anisotropic) or |x_i - m| (isotropic)
 *
 * Row i of every tensor belongs to particle i. The answer is m, which belongs to the positions before line 2. State: m,
 * the size of one particle; 2 N numbers.
 */
#include <string.h>

#include "blocks/noise.h"
#include "blocks/particles.h"

enum { DT, LAM, SIGMA, ALPHA, NOISE };
enum { ANISOTROPIC, ISOTROPIC };
static const option_t OPTIONS[] = {
    [DT] = {"dt", 0.1, "[0,inf)", "step in time"},
    [LAM] = {"lam", 1, "[0,inf)", "drift to the consensus"},
    [SIGMA] = {"sigma", 0.5, "[0,inf)", "exploration"},
    [ALPHA] = {"alpha", 30, "[0,inf)", "weight of low values"},
    [NOISE] = {"noise", ANISOTROPIC, "anisotropic|isotropic", "by coordinate, or by the distance to the consensus"},
    {0},
};

enum { CONSENSUS };
static const state_t STATE[] = {
    [CONSENSUS] = {"consensus", "weighted mean of the particles", SHAPED, KEPT, .dims = particle_dims},
    {0},
};

typedef struct memory { /* by particle, within a step */
    double *weight, *distance;
} memory_t;
static const field_t FIELDS[] = {
    {"w", "weights", FIELD(OF_METHOD, memory_t, weight), .each = EACH_COMPONENT, .within_step = true},
    {"distance", "to the consensus", FIELD(OF_METHOD, memory_t, distance), .each = EACH_COMPONENT, .within_step = true},
    {0},
};

typedef struct constants {
    real drift, exploration;
    bool isotropic;
} constants_t;

typedef struct agree {
    const double *weight; /* their sum is 1 */
    double *square;       /* of each particle's distance to the consensus, to which every tensor adds */
} agree_t;

typedef struct explore {
    noise_t z;
    const double *distance;
} explore_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .drift = (real)(o[LAM] * o[DT]),
        .exploration = (real)(o[SIGMA] * sqrt(o[DT])),
        .isotropic = (int)o[NOISE] == ISOTROPIC,
    };
}

static void agree(const tile_t *t) { /* line 1 */
    const agree_t *a = t->arguments;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    real *restrict m = t->state[CONSENSUS];
    memset(m, 0, row * sizeof *m);
    for (size_t i = 0; i < particles; ++i) {
        const real w = (real)a->weight[i], *restrict x = (real *)t->p + i * row;
        for (size_t c = 0; c < row; ++c)
            m[c] += w * x[c];
    }
    for (size_t i = 0; i < particles; ++i)
        a->square[i] += particle_distance(row, (real *)t->p + i * row, m);
}

static void explore(const tile_t *t) { /* line 2 */
    const constants_t k = *(const constants_t *)t->constants;
    const explore_t *e = t->arguments;
    const size_t row = particle_row(t->tensor);
    const real *restrict m = t->state[CONSENSUS];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        const real away = p[i] - m[(t->offset + i) % row];
        const real spread = k.isotropic ? (real)e->distance[(t->offset + i) / row] : away;
        p[i] += k.exploration * spread * noise_at(&e->z, t, i) - k.drift * away;
    }
}

enum { AGREE, EXPLORE };

static void weigh(step_t *s) {
    const memory_t *m = s->memory;
    const size_t n = (size_t)s->components;
    double least = s->losses[0], sum = 0;
    for (size_t i = 1; i < n; ++i)
        least = s->losses[i] < least ? s->losses[i] : least;
    for (size_t i = 0; i < n; ++i)
        sum += m->weight[i] = exp(-s->option[ALPHA] * (s->losses[i] - least));
    for (size_t i = 0; i < n; ++i)
        m->weight[i] /= sum;
}

static optim_status advance(step_t *s) {
    const memory_t *m = s->memory;
    const size_t n = (size_t)s->components;
    STEP_BEGIN(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_LOSSES, .first = 0, .count = s->components);
    weigh(s);
    memset(m->distance, 0, n * sizeof *m->distance);
    step_tensors_in_turn(s, AGREE, &(agree_t){m->weight, m->distance});
    for (size_t i = 0; i < n; ++i)
        m->distance[i] = sqrt(m->distance[i]);
    step_update(s, EXPLORE, &(explore_t){noise_draw(s), m->distance});
    STEP_END(s);
}

const method_t METHOD(cbo) = {
    .name = "cbo",
    .purpose = "consensus-based optimization: particles drift to their weighted mean and explore around it",
    .citation = "Riedl, Klock, Geldhauser, Fornasier: Gradient is All You Need?, 2023, arXiv:2306.09778; Pinnau, "
                "Totzeck, Tse, Martin: A consensus-based model for global optimization and its mean-field limit, 2017, "
                "arXiv:1604.05648",
    .evaluations = "the value at every particle",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | NEEDS_COMPONENTS | COMPONENT_LOSSES | VALUES_ONLY | PARTICLES | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {agree, explore},
    .arguments = {[AGREE] = sizeof(agree_t), [EXPLORE] = sizeof(explore_t)},
};
