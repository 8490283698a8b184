/*
 * cdsm: covering direct search, alone or in turn with attacks along signs of the gradient.
 *
 * Bouchet, Vidal, "Optimization by Directional Attacks: Solving Problems with Neural Network Surrogates", 2025.
 *
 * "first over D": f is asked for at x + d, d in D in order, until it is less than f(x); that point is the new x.
 *
 *     1. attack: first over d(R), R = rho (1.2, 1, 0.8) held in [atk_min, atk_max]
 *            fgsm    d = -a R sign grad f(x)
 *            ffgsm   d = d0 - a R sign grad f(x + d0),   d0 uniform in +-R
 *            pgd     d = 0, then attack_steps times d <- d - a R sign grad f(x + d);   all clipped to +-R
 *        found: r <- 1.1 r, rho <- 1.3 rho; with skip, if f fell by more than tau |f|: r <- 1.3 r, the step ends
 *        else: rho <- rho / 1.3
 *     2. covering: first over {r0 u^(1/n) v}, v normal with |v|_max = 1; found: the step ends
 *     3. search: first over {min(r_max, r0 sqrt(counter)) v}; found: r <- 2 r if there are attacks, the step ends
 *     4. poll: H = I - 2 v v', v normal with |v|_2 = 1, rows h_i; directions with |d|_max = r
 *            2n    h_0, ..., -h_0, ...
 *            n+1   R h_0, ..., R h_{n-1}, -R sum h_i, with a fresh R each: pairs of coordinates are rotated
 *        found: r <- 2 r;  else r <- r / 2, not below r_min, where there is no poll
 *
 * A value that is not finite is no success. Frozen coordinates are left out of all directions. State: f, r, rho,
 * counter and, within a step, six numbers for each element; x twice.
 */
#include <string.h>

#include "blocks/agree.h"
#include "blocks/double_vector.h"
#include "blocks/logsum.h"
#include "kernels/random.h"

enum { R0, R_MIN, R_MAX, ATK_MIN, ATK_MAX, ATTACK, ATTACK_STEP, ATTACK_STEPS, SKIP, TAU, SEARCH, POLL, THETA };
enum { NO_ATTACK, FGSM, FFGSM, PGD };
enum { AUTO, BOTH_WAYS, SIMPLEX };
static const option_t OPTIONS[] = {
    [R0] = {"r0", 1, "(0,inf)", "first radius of polls and attacks, and that of covering"},
    [R_MIN] = {"r_min", 1e-5, "(0,inf)", "smallest radius of polls"},
    [R_MAX] = {"r_max", 1e5, "(0,inf)", "largest"},
    [ATK_MIN] = {"atk_min", 1e-5, "(0,inf)", "smallest radius of attacks"},
    [ATK_MAX] = {"atk_max", 1, "(0,inf)", "largest"},
    [ATTACK] = {"attack", NO_ATTACK, "none|fgsm|ffgsm|pgd", "steps along signs of the gradient"},
    [ATTACK_STEP] = {"attack_step", 0, "[0,inf)", "a, in radii; 0: 1 (fgsm), 20/255 (ffgsm), 4/255 (pgd)",
                     .zero_apart = true},
    [ATTACK_STEPS] = {"attack_steps", 10, "integer [1,inf)", "pgd: gradients of an attack"},
    [SKIP] = {"skip", 0, "0|1", "an attack that lowers f much ends the step"},
    [TAU] = {"tau", 0.01, "[0,inf)", "how much, relative to f"},
    [SEARCH] = {"search", 0, "0|1", "look farther away the longer nothing was found"},
    [POLL] = {"poll", AUTO, "auto|2n|n+1", "directions of polls; auto: 2n without attacks, n+1 with"},
    [THETA] = {"theta", 0.5235987755982988, "[0,inf)", "n+1: largest rotation"},
    {0},
};

enum { X, BASE };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [BASE] = {"base", "where it has come to", LIKE_PARAM, WITHIN_STEP},
    {0},
};

enum { MOST_RADII = 5 };
typedef struct memory {
    double f, radii[2], counter;
    double *d, *v, *g, *partner, *cosine, *sine; /* by element; within a step, as all that follows */
    int64_t phase, trial, trials, gradient;
    double radius[MOST_RADII];
    uint64_t words; /* of the rotations */
    bool found, ends;
} memory_t;
#define LIST_ROW(name, doc, member)                                                                                    \
    { name, doc, FIELD(OF_METHOD, memory_t, member), .each = EACH_ELEMENT, .within_step = true }
static const field_t FIELDS[] = {
    {"f", "value at the parameters", FIELD(OF_METHOD, memory_t, f)},
    {"radii", "of polls, of attacks", FIELD(OF_METHOD, memory_t, radii), .initial_option = "r0"},
    {"counter", "steps that found nothing by covering", FIELD(OF_METHOD, memory_t, counter), .whole = true},
    LIST_ROW("d", "the direction tried", d),
    LIST_ROW("v", "a random direction", v),
    LIST_ROW("g", "the gradient", g),
    LIST_ROW("partner", "rotation: with which element", partner),
    LIST_ROW("cosine", "of its angle", cosine),
    LIST_ROW("sine", "of its angle", sine),
    {0},
};

/* ---- Kernels ---- */

typedef struct vector {
    double *of; /* by element of the method */
} vector_t;

static double *part_of(const tile_t *t) {
    return ((const vector_t *)t->arguments)->of + tile_first(t);
}

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memcpy(t->state[BASE], t->p, t->n * sizeof(real));
}

static void go_along(const tile_t *t) {
    const double *d = part_of(t);
    const real *base = t->state[BASE];
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = base[i] + (real)d[i];
}

static void settle(const tile_t *t) {
    memcpy(t->state[BASE], t->p, t->n * sizeof(real));
}

static void back(const tile_t *t) {
    memcpy(t->p, t->state[BASE], t->n * sizeof(real));
}

static void gather(const tile_t *t) {
    double *g = part_of(t);
    const real *from = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] = (double)from[i];
}

enum { BEGIN, GO, SETTLE, BACK, GATHER };

/* ---- Vectors of all elements, n of them ---- */

static size_t size_of(const step_t *s) {
    return step_own_elements(s);
}

/* 0 where nothing may move. */
static void mask(step_t *s, double *v) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        if (tensor != NULL && step_tensor(s, i) == NULL)
            memset(v + tensor->first_of_method, 0, tensor->count * sizeof *v);
    }
}

static double norm_max(size_t n, const double *v) {
    double most = 0;
    for (size_t i = 0; i < n; ++i)
        most = fmax(most, fabs(v[i]));
    return most;
}

/* to <- from times `length` over its norm; a vector of length 0 stays. */
static void scale_to(size_t n, const double *from, double norm, double length, double *to) {
    for (size_t i = 0; i < n; ++i)
        to[i] = norm > 0 ? from[i] / norm * length : 0;
}

static void draw_normal(step_t *s) {
    const memory_t *m = s->memory;
    const uint64_t first = step_draws(s, 2 * (uint64_t)size_of(s));
    for (size_t i = 0; i < size_of(s); ++i)
        m->v[i] = random_normal(s->seed, first + 2 * i);
    mask(s, m->v);
}

/* ---- 1. Attacks ---- */

static void set_radii(step_t *s) {
    static const double TIMES[] = {1.2, 1, 0.8};
    memory_t *m = s->memory;
    const double least = s->option[ATK_MIN], most = s->option[ATK_MAX];
    bool above = false, below = false;
    int64_t count = 1; /* place 0 is for the largest one */
    for (size_t i = 0; i < 3; ++i) {
        const double radius = m->radii[1] * TIMES[i];
        above |= radius > most;
        below |= radius < least;
        if (radius <= most && radius >= least)
            m->radius[count++] = radius;
    }
    if (below)
        m->radius[count++] = least;
    m->radius[0] = most;
    if (!above)
        memmove(m->radius, m->radius + 1, sizeof m->radius - sizeof *m->radius);
    m->trials = above ? count : count - 1;
}

static double attack_step(const step_t *s) {
    static const double STEPS[] = {[FGSM] = 1, [FFGSM] = 20.0 / 255, [PGD] = 4.0 / 255};
    return s->option[ATTACK_STEP] > 0 ? s->option[ATTACK_STEP] : STEPS[(int)s->option[ATTACK]];
}

/* Gradients of this attack: fgsm takes one for all radii. */
static int64_t gradients_of(const step_t *s) {
    const memory_t *m = s->memory;
    if (m->phase != 0)
        return 0;
    return (int)s->option[ATTACK] == PGD ? (int64_t)s->option[ATTACK_STEPS]
                                         : (int)s->option[ATTACK] == FFGSM || m->trial == 0;
}

static void start_attack(step_t *s) {
    const memory_t *m = s->memory;
    const double radius = m->radius[m->trial];
    const bool random = (int)s->option[ATTACK] == FFGSM;
    const uint64_t first = random ? step_draws(s, size_of(s)) : 0;
    for (size_t i = 0; i < size_of(s); ++i)
        m->d[i] = random ? radius * (2 * random_uniform(s->seed, first + i) - 1) : 0;
    mask(s, m->d);
}

static void attack(step_t *s) {
    const memory_t *m = s->memory;
    const double radius = m->radius[m->trial], a = attack_step(s) * radius;
    for (size_t i = 0; i < size_of(s); ++i) {
        const double d = m->d[i] - a * ((m->g[i] > 0) - (m->g[i] < 0));
        m->d[i] = fmax(-radius, fmin(radius, d));
    }
}

static void take_gradient(step_t *s) {
    const memory_t *m = s->memory;
    memset(m->g, 0, size_of(s) * sizeof *m->g); /* of what is frozen */
    step_tensors_in_turn(s, GATHER, &(vector_t){m->g});
    if ((int)s->option[ATTACK] != FGSM)
        attack(s);
}

/* ---- 4. Polls ---- */

static bool polls_both_ways(const step_t *s) {
    const int poll = (int)s->option[POLL];
    return poll == AUTO ? (int)s->option[ATTACK] == NO_ATTACK : poll == BOTH_WAYS;
}

static uint64_t words_of_rotation(uint64_t n) {
    return n - 1 + n / 2;
}

static void start_poll(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = size_of(s);
    draw_normal(s);
    scale_to(n, m->v, norm(n, m->v), 1, m->v);
    m->trials = (int64_t)(polls_both_ways(s) ? 2 * n : n + 1);
    if (!polls_both_ways(s))
        m->words = step_draws(s, (n + 1) * words_of_rotation(n));
}

/* Which elements this rotation pairs, and by which angle: cos 2 pi x and sin 2 pi x = cos 2 pi (x - 1/4). */
static void make_rotation(const step_t *s, uint64_t word) {
    const memory_t *m = s->memory;
    const size_t n = size_of(s);
    double *order = m->d;
    for (size_t i = 0; i < n; ++i) {
        order[i] = m->partner[i] = (double)i;
        m->cosine[i] = 1;
        m->sine[i] = 0;
    }
    for (size_t i = n - 1; i > 0; --i) {
        const size_t j = (size_t)((double)(i + 1) * random_uniform(s->seed, word++));
        const double kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (size_t i = 0; i + 1 < n; i += 2) {
        const size_t a = (size_t)order[i], b = (size_t)order[i + 1];
        const double turns = fmod(s->option[THETA] * (2 * random_uniform(s->seed, word++) - 1) / 6.283185307179586, 1);
        m->partner[a] = (double)b;
        m->partner[b] = (double)a;
        m->cosine[a] = m->cosine[b] = elementary_cosine(fabs(turns));
        m->sine[a] = elementary_cosine(turns < -0.5 ? turns + 0.75 : fabs(turns - 0.25));
        m->sine[b] = -m->sine[a];
    }
}

/* Entry j of row i of H; of row n minus the sum of all rows. */
static double entry(const memory_t *m, size_t n, size_t i, double sum, size_t j) {
    return i == n ? 2 * sum * m->v[j] - 1 : (i == j) - 2 * m->v[i] * m->v[j];
}

static void set_poll(step_t *s) {
    const memory_t *m = s->memory;
    const size_t n = size_of(s), trial = (size_t)m->trial;
    const bool both = polls_both_ways(s);
    const size_t row = both ? trial % n : trial;
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += m->v[i];
    if (!both)
        make_rotation(s, m->words + trial * words_of_rotation(n));
    for (size_t j = 0; j < n; ++j) {
        const double own = entry(m, n, row, sum, j);
        m->d[j] = both ? (trial < n ? own : -own)
                       : m->cosine[j] * own + m->sine[j] * entry(m, n, row, sum, (size_t)m->partner[j]);
    }
    mask(s, m->d);
    scale_to(n, m->d, norm_max(n, m->d), m->radii[0], m->d);
}

/* ---- The step ---- */

enum { ATTACKS, COVERING, SEARCHING, POLLING, PHASES };

static void start_phase(step_t *s) {
    memory_t *m = s->memory;
    const bool is_large = m->radii[0] > s->option[R_MIN];
    m->found = false;
    m->trials = 0;
    if (m->phase == SEARCHING)
        ++m->counter;
    if (size_of(s) == 0)
        return;
    if (m->phase == ATTACKS && (int)s->option[ATTACK] != NO_ATTACK)
        set_radii(s);
    else if (m->phase == COVERING || (m->phase == SEARCHING && s->option[SEARCH] != 0 && is_large))
        m->trials = 1;
    else if (m->phase == POLLING && is_large)
        start_poll(s);
}

/* d of the trial; of an attack where its gradient is taken. */
static void start_trial(step_t *s) {
    const memory_t *m = s->memory;
    const size_t n = size_of(s);
    double length = fmin(s->option[R_MAX], s->option[R0] * sqrt(m->counter));
    if (m->phase == ATTACKS) {
        start_attack(s);
    } else if (m->phase == POLLING) {
        set_poll(s);
    } else {
        draw_normal(s);
        if (m->phase == COVERING) {
            const double u = step_uniform(s);
            length = s->option[R0] * (u > 0 ? logsum_exp(elementary_log(u) / (double)n) : 0);
        }
        scale_to(n, m->v, norm_max(n, m->v), length, m->d);
    }
}

static void go(step_t *s) {
    step_update(s, GO, &(vector_t){((const memory_t *)s->memory)->d});
}

static void end_attacks(step_t *s, double before) {
    memory_t *m = s->memory;
    const double *o = s->option;
    if (!m->found) {
        m->radii[1] = fmax(o[ATK_MIN], m->radii[1] / 1.3);
        return;
    }
    m->ends = o[SKIP] != 0 && m->f <= before - o[TAU] * fabs(before) - 1e-10;
    m->radii[0] = fmin(o[R_MAX], (m->ends ? 1.3 : 1.1) * m->radii[0]);
    m->radii[1] = fmin(o[ATK_MAX], fmax(o[ATK_MIN], 1.3 * m->radii[1]));
}

/* With the value at the last trial, if there was one. */
static void end_phase(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, before = m->f;
    if (m->found) {
        m->f = s->loss;
        step_update(s, SETTLE, NULL);
    }
    if (m->phase == ATTACKS && m->trials > 0) {
        end_attacks(s, before);
        return;
    }
    const bool widens = m->phase == POLLING || (m->phase == SEARCHING && (int)o[ATTACK] != NO_ATTACK);
    m->ends = m->found;
    if (m->found && widens)
        m->radii[0] = fmin(o[R_MAX], 2 * m->radii[0]);
    if (!m->found && m->phase == POLLING)
        m->radii[0] = fmax(o[R_MIN], m->radii[0] / 2);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree_but(s, OPTIONS, -1))
        return step_fail(s, OPTIM_ERR_VALUE, "all options must be the same in all groups");
    step_update(s, BEGIN, NULL);
    if (s->t == 1) {
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        m->f = isfinite(s->loss) ? s->loss : (double)INFINITY;
    }
    m->ends = false;
    for (m->phase = ATTACKS; m->phase < PHASES && !m->ends; ++m->phase) {
        start_phase(s);
        for (m->trial = 0; m->trial < m->trials && !m->found; ++m->trial) {
            start_trial(s);
            for (m->gradient = 0; m->gradient < gradients_of(s); ++m->gradient) {
                go(s);
                STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
                take_gradient(s);
            }
            if (m->phase == ATTACKS && (int)s->option[ATTACK] == FGSM)
                attack(s);
            go(s);
            STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
            m->found = isfinite(s->loss) && s->loss < m->f;
        }
        end_phase(s);
    }
    step_update(s, BACK, NULL);
    STEP_END(s);
}

const method_t METHOD(cdsm) = {
    .name = "cdsm",
    .purpose = "covering direct search by values, in turn with attacks along signs of the gradient",
    .citation = "Bouchet, Vidal: Optimization by Directional Attacks: Solving Problems with Neural Network Surrogates, "
                "2025",
    .evaluations = "up to 2 n + 2 values; attacks: their gradients and up to 4 values more; 1 more in the first step",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | READS_LOSS | ASKS_FOR_ALL | WHOLE_TENSORS,
    .memory = sizeof(memory_t),
    .advance = advance,
    .kernels = {begin, go_along, settle, back, gather},
    .arguments = {[GO] = sizeof(vector_t), [GATHER] = sizeof(vector_t)},
};
