/*
 * s_sgld: structured stochastic gradient Langevin dynamics: samples of a density that is a product over blocks of the
 * parameters, other blocks being replaced by past values of theirs.
 *
 * Alexos, Boyd, Mandt, "Structured Stochastic Gradient MCMC", ICML 2022, arXiv:2107.09028.
 *
 *     M blocks, which end at round(j d / M), halves to even;  n_m values of block m are stored, at first x
 *     1. rows l = 1 .. L (structured: L = M), blocks m:  s_lm = [l = m] (structured), or of mean `keep`: Bernoulli,
 *        uniform or beta;  if s_lm < 1 a stored value y_m of the block is drawn
 *     2. g_m = c sum_l s_lm [grad U(y_l)]_m,   block m of y_l = (1 - s_lm) y_m + s_lm x_m;   c = 1 or 1 / (keep L)
 *        g_m <- g_m + prior x_m   if some s_lm > 0
 *     3. x <- x - h g + sqrt(2 h T) z,   z standard normal
 *     4. every `thin` steps: n_m <- n_m + 1 if some s_lm > 0;  the newest stored value of the block <- x_m
 *
 * Of each block the last `history` values are kept. All parameters make one vector. State: those values, 4 history
 * bytes a parameter in f32; within a step where it began, and a gradient: 8.
 */
#include <string.h>

#include "blocks/noise.h"

enum { LR, BLOCKS, FORM, HISTORY, TEMPERATURE, THIN, PRIOR, KEEP, MASK, OF_A, OF_B, SAMPLES };
enum { STRUCTURED, DROPOUT };
enum { BERNOULLI, UNIFORM, BETA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size h"},
    [BLOCKS] = {"blocks", 2, "integer [1,inf)", "factors of the density", .decides_memory = true},
    [FORM] = {"form", STRUCTURED, "structured|dropout", "a gradient for each block, or blocks mixed at random"},
    [HISTORY] = {"history", 5000, "integer [1,inf)", "stored values of a block; few carry correlations over",
                 .decides_memory = true},
    [TEMPERATURE] = {"temperature", 1, "[0,inf)", "T of the density exp(-U / T)"},
    [THIN] = {"thin", 1, "integer [1,inf)", "steps from one stored value to the next"},
    [PRIOR] = {"prior", 0, "[0,inf)", "weight of |x|^2 / 2, apart from the blocks"},
    [KEEP] = {"keep", 0.5, "(0,1]", "dropout: mean weight of the present value"},
    [MASK] = {"mask", BERNOULLI, "bernoulli|uniform|beta", "dropout: law of that weight"},
    [OF_A] = {"a", 0.5, "(0,4]", "mask=beta: first parameter; keep should be a / (a + b)"},
    [OF_B] = {"b", 0.5, "(0,4]", "mask=beta: second parameter"},
    [SAMPLES] = {"samples", 1, "integer [1,inf)", "dropout: gradients in a step"},
    {0},
};

enum { START, G, RING };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [G] = {"g", "the composed gradient", LIKE_PARAM, WITHIN_STEP},
    [RING] = {"ring", "past values", LIKE_PARAM, KEPT, .copies = "history"},
    {0},
};

typedef struct memory {
    double *stored;                /* n_m */
    double *weight, *slot, *takes; /* within a step: s_lm and where y_m is, of the present row; whether any s_lm > 0 */
    int64_t l;
} memory_t;
static const field_t FIELDS[] = {
    {"stored", "values of each block so far", FIELD(OF_METHOD, memory_t, stored), .copies = "blocks", .initial = 1},
    {"weight", "of the present value", FIELD(OF_METHOD, memory_t, weight), .copies = "blocks", .within_step = true},
    {"slot", "of the stored value", FIELD(OF_METHOD, memory_t, slot), .copies = "blocks", .within_step = true},
    {"takes", "whether the block takes part", FIELD(OF_METHOD, memory_t, takes), .copies = "blocks",
     .within_step = true},
    {0},
};

typedef struct constants {
    real step, noise, factor, prior; /* h, sqrt(2 h T), c */
    bool first;                      /* step of the tensor: nothing is stored */
} constants_t;

/* What kernels take. */
typedef struct blocks {
    const memory_t *memory;
    size_t blocks, elements, history;
    noise_t z;
} blocks_t;

static bool is_structured(const double *o) {
    return (int)o[FORM] == STRUCTURED;
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .step = (real)o[LR],
        .noise = (real)sqrt(2 * o[LR] * o[TEMPERATURE]),
        .factor = is_structured(o) ? 1 : (real)(1 / (o[KEEP] * o[SAMPLES])),
        .prior = (real)o[PRIOR],
        .first = group->t == 1,
    };
}

/* ---- Blocks ---- */

static size_t block_end(const blocks_t *b, size_t m) {
    return (size_t)nearbyint((double)(m + 1) * (double)b->elements / (double)b->blocks);
}

/* The part of block m that the tile has: elements first .. end - 1 of it. */
typedef struct part {
    size_t first, end;
} part_t;
static part_t part_of(const tile_t *t, const blocks_t *b, size_t m) {
    const size_t tile = tile_first(t), begin = m == 0 ? 0 : block_end(b, m - 1), end = block_end(b, m);
    const size_t from = begin > tile ? begin - tile : 0, to = end > tile ? end - tile : 0;
    return (part_t){from < t->n ? from : t->n, to < t->n ? to : t->n};
}

static real *stored(const tile_t *t, double slot) {
    return (real *)t->state[RING] + (size_t)slot * t->stride;
}

/* ---- Kernels ---- */

static void begin(const tile_t *t) {
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    memset(t->state[G], 0, t->n * sizeof(real));
}

static void compose(const tile_t *t) { /* y_l */
    const blocks_t *b = t->arguments;
    const bool first = ((const constants_t *)t->constants)->first;
    const real *restrict x = t->state[START];
    real *restrict p = t->p;
    for (size_t m = 0; m < b->blocks; ++m) {
        const part_t part = part_of(t, b, m);
        const real s = (real)b->memory->weight[m], *restrict y = first ? x : stored(t, b->memory->slot[m]);
        for (size_t i = part.first; i < part.end; ++i)
            p[i] = s == 1 ? x[i] : (1 - s) * y[i] + s * x[i];
    }
}

static void add(const tile_t *t) {
    const blocks_t *b = t->arguments;
    const real factor = ((const constants_t *)t->constants)->factor, *restrict g = t->g;
    real *restrict sum = t->state[G];
    for (size_t m = 0; m < b->blocks; ++m) {
        const part_t part = part_of(t, b, m);
        const real s = factor * (real)b->memory->weight[m];
        for (size_t i = part.first; s > 0 && i < part.end; ++i)
            sum[i] += s * g[i];
    }
}

static void move(const tile_t *t) { /* line 3, with the prior of line 2 */
    const constants_t k = *(const constants_t *)t->constants;
    const blocks_t *b = t->arguments;
    const real *restrict x = t->state[START], *restrict g = t->state[G];
    real *restrict p = t->p;
    for (size_t m = 0; m < b->blocks; ++m) {
        const part_t part = part_of(t, b, m);
        const real prior = b->memory->takes[m] > 0 ? k.prior : 0;
        for (size_t i = part.first; i < part.end; ++i)
            p[i] = x[i] + k.noise * noise_at(&b->z, t, i) - (k.step * g[i] + k.step * prior * x[i]);
    }
}

/* Of a tensor that takes its first step: until now it stood where it starts. */
static void fill(const tile_t *t) {
    const blocks_t *b = t->arguments;
    for (size_t m = 0; ((const constants_t *)t->constants)->first && m < b->blocks; ++m) {
        const part_t part = part_of(t, b, m);
        for (double k = 0; k < b->memory->slot[m] && part.first < part.end; ++k)
            memcpy(stored(t, k) + part.first, (real *)t->state[START] + part.first,
                   (part.end - part.first) * sizeof(real));
    }
}

/* Line 4. */
static void store(const tile_t *t) {
    const blocks_t *b = t->arguments;
    for (size_t m = 0; m < b->blocks; ++m) {
        const part_t part = part_of(t, b, m);
        const double newest = fmod(b->memory->stored[m] - 1, (double)b->history);
        if (part.first < part.end)
            memcpy(stored(t, newest) + part.first, (real *)t->p + part.first, (part.end - part.first) * sizeof(real));
    }
}

enum { BEGIN, COMPOSE, ADD, MOVE, FILL, STORE };

/* ---- A step ---- */

static blocks_t blocks_of(const step_t *s) {
    return (blocks_t){.memory = s->memory,
                      .blocks = (size_t)s->option[BLOCKS],
                      .elements = step_own_elements(s),
                      .history = (size_t)s->option[HISTORY]};
}

/* Trials p = ln(1 - u) / a, q = ln(1 - u) / b until e^p + e^q <= 1: e^p / (e^p + e^q). */
static double draw_beta(step_t *s, double a, double b) {
    for (;;) {
        const double p = elementary_log(1 - step_uniform(s)) / a, q = elementary_log(1 - step_uniform(s)) / b;
        const double most = p > q ? p : q;
        const double of_p = p - most < -700 ? 0 : elementary_exp(p - most),
                     of_q = q - most < -700 ? 0 : elementary_exp(q - most);
        const double scale = most < -700 ? 0 : elementary_exp(most);
        if (scale * of_p + scale * of_q <= 1)
            return of_p / (of_p + of_q);
    }
}

static double draw_weight(step_t *s, int64_t m) {
    const double *o = s->option;
    if (is_structured(o))
        return m == ((const memory_t *)s->memory)->l;
    if ((int)o[MASK] == BERNOULLI)
        return step_bernoulli(s, o[KEEP]);
    return (int)o[MASK] == UNIFORM ? step_uniform(s) : draw_beta(s, o[OF_A], o[OF_B]);
}

/* Line 1, of one row. */
static void draw_row(step_t *s) {
    const memory_t *m = s->memory;
    for (int64_t k = 0; (double)k < s->option[BLOCKS]; ++k) {
        m->weight[k] = draw_weight(s, k);
        m->takes[k] = m->takes[k] > 0 || m->weight[k] > 0;
        m->slot[k] = m->weight[k] < 1 ? (double)step_index(s, (int64_t)fmin(m->stored[k], s->option[HISTORY])) : 0;
    }
}

static void begin_step(step_t *s) {
    const memory_t *m = s->memory;
    memset(m->takes, 0, (size_t)s->option[BLOCKS] * sizeof *m->takes);
    step_update(s, BEGIN, NULL);
}

/* Lines 3 and 4; FILL reads in `slot` how many values there are. */
static void end_step(step_t *s) {
    const memory_t *m = s->memory;
    blocks_t blocks = blocks_of(s);
    blocks.z = noise_draw(s);
    step_update(s, MOVE, &blocks);
    for (size_t k = 0; k < blocks.blocks; ++k)
        m->slot[k] = fmin(m->stored[k], s->option[HISTORY]);
    if (step_is_a_first(s))
        step_update(s, FILL, &blocks);
    if (fmod(s->t, s->option[THIN]) != 0)
        return;
    for (size_t k = 0; k < blocks.blocks; ++k)
        m->stored[k] += m->takes[k];
    step_update(s, STORE, &blocks);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double rows = is_structured(s->option) ? s->option[BLOCKS] : s->option[SAMPLES];
    const blocks_t blocks = blocks_of(s);
    STEP_BEGIN(s);
    begin_step(s);
    for (m->l = 0; (double)m->l < rows; ++m->l) {
        draw_row(s);
        step_update(s, COMPOSE, &blocks);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        step_tensors(s, ADD, &blocks); /* now: the next row's numbers take the place of this one's */
    }
    end_step(s);
    STEP_END(s);
}

const method_t METHOD(s_sgld) = {
    .name = "s_sgld",
    .purpose = "Langevin dynamics of a density that is a product over blocks of the parameters",
    .citation = "Alexos, Boyd, Mandt: Structured Stochastic Gradient MCMC, ICML 2022, arXiv:2107.09028",
    .evaluations = "blocks gradients; form=dropout: samples",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | ASKS_FOR_ALL | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, compose, add, move, fill, store},
    .arguments = {[COMPOSE] = sizeof(blocks_t),
                  [ADD] = sizeof(blocks_t),
                  [MOVE] = sizeof(blocks_t),
                  [FILL] = sizeof(blocks_t),
                  [STORE] = sizeof(blocks_t)},
};
