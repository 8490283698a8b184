/*
 * anchored_gradient: every step is pulled back to the initial point, less and less.
 *
 * halpern: Halpern, "Fixed points of nonexpanding maps", 1967. eag: Yoon, Ryu, "Accelerated Algorithms for Smooth
 * Convex-Concave Minimax Problems with O(1/k^2) Rate on Squared Gradient Norm", 2021, arXiv:2102.07922 (EAG-C). vr:
 * Cai, Alacaoglu, Diakonikolas, "Variance Reduced Halpern Iteration for Finite-Sum Monotone Inclusions", 2024,
 * arXiv:2310.02987, from knowledge of the paper. No public code was found for any of them.
 *
 *     with k = t - 1 and la = 1 / (k + 2):
 *     halpern:  z = la z_0 + (1 - la) (z - lr g)
 *     eag:      z_half = z + la (z_0 - z) - lr g at z;   z = z + la (z_0 - z) - lr g at z_half
 *     with la = 2 / (k + 4):
 *     vr:       k = 0, or a refresh (probability 4 / (k + 4)):  est = g, on a large sample
 *               else  est = est + g - h,  h the gradient at z_prev on the sample of g
 *               z_prev = z;   z = la z_0 + (1 - la) z - lr est
 *
 * Whether step k refreshes is decided when the step before it ends: the sample asked for then is FULL, otherwise FRESH;
 * the first step wants the large sample too. draws=quasi: refresh if u_k < 4 / (k + 4), u_k the fractional part of k
 * times the golden ratio. State: z_0, 4 bytes a parameter in f32, vr 12; within a step z, 4, and with vr g, 8.
 */
#include <string.h>

#include "blocks/draws.h"

enum { LR, SCHEME, DRAWS };
enum { EAG, HALPERN, VR };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size; in theory eag 1/(8L), halpern 2/L, vr 1/(4L)"},
    [SCHEME] = {"scheme", EAG, "eag|halpern|vr", "two gradients a step, one, or one with variance reduction"},
    [DRAWS] = {"draws", DRAWS_RANDOM, "random|quasi", "vr: refreshes drawn, or by a deterministic sequence"},
    {0},
};

static bool takes_second(const tensor_t *tensor, const double *option) {
    return (void)tensor, (int)option[SCHEME] != HALPERN;
}
static bool reduces_variance(const tensor_t *tensor, const double *option) {
    return (void)tensor, (int)option[SCHEME] == VR;
}

enum { Z0, Z, EST, Z_PREV, G };
static const state_t STATE[] = {
    [Z0] = {"z0", "the initial point", LIKE_PARAM, KEPT, .from_param = true},
    [Z] = {"z", "the iterate while a second gradient is taken", LIKE_PARAM, RESTORE_POINT, .exists = takes_second},
    [EST] = {"est", "vr: estimate of the gradient", LIKE_PARAM, KEPT, .exists = reduces_variance},
    [Z_PREV] = {"z_prev", "vr: the iterate before", LIKE_PARAM, KEPT, .exists = reduces_variance, .from_param = true},
    [G] = {"g", "vr: the gradient at z", LIKE_PARAM, WITHIN_STEP, .exists = reduces_variance},
    {0},
};

typedef struct memory {
    int64_t refresh; /* 0 or 1 */
} memory_t;
static const field_t FIELDS[] = {
    {"refresh", "vr: whether this step takes the estimate anew", FIELD(OF_METHOD, memory_t, refresh), .initial = 1},
    {0},
};

typedef struct constants {
    real lr, la, one_la;
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->t - 1, la = (int)o[SCHEME] == VR ? 2 / (k + 4) : 1 / (k + 2);
    *(constants_t *)constants = (constants_t){(real)o[LR], (real)la, (real)(1 - la), k == 0};
}

static void copy(const tile_t *t, void *to, const void *from) {
    memcpy(to, from, t->n * sizeof(real));
}

static void save(const tile_t *t) {
    copy(t, t->state[Z], t->p);
}

static void halpern(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p;
    const real *restrict g = t->g, *restrict z0 = t->state[Z0];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.la * z0[i] + k.one_la * (p[i] - k.lr * g[i]);
}

/* Either half of eag. */
static void eag(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p;
    const real *restrict g = t->g, *restrict z0 = t->state[Z0], *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = z[i] + k.la * (z0[i] - z[i]) - k.lr * g[i];
}

/* vr: to z_prev, while g waits. */
static void visit(const tile_t *t) {
    save(t);
    copy(t, t->state[G], t->g);
    copy(t, t->p, t->state[Z_PREV]);
}

/* vr: back, and the estimate is corrected by g - h; that of a tensor that has just thawed begins at g. */
static void correct(const tile_t *t) {
    const bool first = ((const constants_t *)t->constants)->first;
    real *restrict est = t->state[EST];
    const real *restrict g = t->state[G], *restrict h = t->g;
    for (size_t i = 0; i < t->n; ++i)
        est[i] = first ? g[i] : est[i] + (g[i] - h[i]);
    copy(t, t->p, t->state[Z]);
}

static void refresh(const tile_t *t) {
    copy(t, t->state[EST], t->g);
}

static void follow(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict z_prev = t->state[Z_PREV];
    const real *restrict z0 = t->state[Z0], *restrict est = t->state[EST];
    for (size_t i = 0; i < t->n; ++i) {
        z_prev[i] = p[i];
        p[i] = k.la * z0[i] + k.one_la * p[i] - k.lr * est[i];
    }
}

enum { SAVE, HALPERN_STEP, EAG_HALF, VISIT, CORRECT, REFRESH_ESTIMATE, FOLLOW };

/* Decides about step k + 1 = t, when step k = t - 1 ends. */
static bool refreshes_next(step_t *s) {
    return draw_uniform(s, s->option[DRAWS], s->t) < 4 / (s->t + 4);
}

static optim_status advance_vr(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (m->refresh == 0) {
        step_update(s, VISIT, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        step_update(s, CORRECT, NULL);
    } else
        step_update(s, REFRESH_ESTIMATE, NULL);
    step_update(s, FOLLOW, NULL);
    m->refresh = refreshes_next(s);
    s->next_sample = m->refresh != 0 ? OPTIM_SAMPLE_FULL : OPTIM_SAMPLE_FRESH;
    STEP_END(s);
}

static optim_status advance_eag(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, SAVE, NULL);
    step_update(s, EAG_HALF, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    step_update(s, EAG_HALF, NULL);
    STEP_END(s);
}

static optim_status advance(step_t *s) {
    if ((int)s->option[SCHEME] == VR)
        return advance_vr(s);
    if ((int)s->option[SCHEME] == EAG)
        return advance_eag(s);
    step_update(s, HALPERN_STEP, NULL);
    return OPTIM_OK;
}

const method_t METHOD(anchored_gradient) = {
    .name = "anchored_gradient",
    .purpose =
        "steps pulled back to the initial point, less and less: Halpern iteration, EAG, variance-reduced Halpern",
    .citation =
        "Halpern: Fixed points of nonexpanding maps, 1967; Yoon, Ryu: Accelerated Algorithms for Smooth Convex-Concave "
        "Minimax Problems, 2021, arXiv:2102.07922; Cai et al.: Variance Reduced Halpern Iteration, 2024, "
        "arXiv:2310.02987",
    .evaluations = "2 gradients; halpern 1; vr 1 or 2",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {save, halpern, eag, visit, correct, refresh, follow},
};
