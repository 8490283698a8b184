/*
 * mirror_descent: gradient steps in the geometry of a mirror map psi; also optimistic, with momentum in the dual, and
 * by the online Newton step.
 *
 * Nemirovski, Yudin, "Problem Complexity and Method Efficiency in Optimization", 1983; Beck, Teboulle, "Mirror descent
 * and nonlinear projected subgradient methods for convex optimization", 2003, 10.1016/S0167-6377(02)00231-6; optimism:
 * Chen, Tu, Zhao, Zhang, "Optimistic Online Mirror Descent for Bridging Stochastic and Adversarial Online Convex
 * Optimization", 2023, arXiv:2302.04552; ons: Hazan, Agarwal, Kale, "Logarithmic regret algorithms for online convex
 * optimization", 2007; apo: He, Yuan, Gu, "Accelerated Preference Optimization for Large Language Model Alignment",
 * 2024, arXiv:2410.06293; sppo: Wu et al., "Self-Play Preference Optimization for Language Model Alignment", 2024.
 *
 *     prox_eta(x, g) = argmin_u eta <g, u> + eta r(u) + B_psi(u, x)
 *         euclid      x - eta g, then the map reg with step eta
 *         entropic    on every row along the last axis: softmax((ln x - eta g + eta kl ln ref) / (1 + eta kl))
 *         pnorm       link_q(soft(link_p(x) - eta g, eta lam)),   link_p(x) = sign(x) |x|^(p-1) |x|_p^(2-p),
 *                     q = p / (p - 1), each tensor a vector
 *         hypentropy  beta sinh(soft(asinh(x / beta) - eta g, eta lam)), what sinh takes clipped to +-700
 *     eta_t = lr times 1, 1/sqrt(t), max(T - t + 1, 0) / T, 1/t, 1/sqrt(delta + V_t);
 *     V_t = sum_{s<t} |g_s - g_{s-1}|_*^2, g_0 = 0, in the dual norm: 2, max of each row, q, 2
 *
 *     plain          x <- prox_{eta_t}(x, g)
 *     optimism       z <- prox_{eta_t}(z, g);   x <- prox_{eta_{t+1}}(z, g)
 *     extrapolation  z+ = prox_{eta_t}(x, g);   x <- grad psi*(u+ + alpha (u+ - u)), u = grad psi(z);   z <- z+
 *     ons            A <- A + ons g g';   x <- x - eta_t A^-1 g,   at first A = ons_delta I; with optimism
 *                    z <- z - eta_t A^-1 g with the old A,   x <- z - eta_{t+1} A^-1 g with the new one
 *
 * A^-1 is kept, by Sherman and Morrison's formula. The rate goes by the handle's steps, as a schedule does. Where eta
 * is 0 nothing moves. State: z; adaptive g_prev; kl with reference=init that; ons a number for each pair of elements.
 */
#include <string.h>

#include "blocks/agree.h"
#include "blocks/entropic.h"
#include "blocks/pnorm.h"
#include "engine/map.h"
#include "kernels/random.h"

enum {
    LR,
    MAP_ROW,
    P,
    BETA,
    RATE,
    STEPS,
    DELTA,
    REG,
    KL,
    REFERENCE_ROW,
    OPTIMISM,
    EXTRAPOLATION,
    ONS,
    ONS_DELTA,
    BATCH
};
enum { EUCLID, ENTROPIC, PNORM, HYPENTROPY };
enum { CONSTANT, SQRT, LINEAR, INVERSE, ADAPTIVE };
enum { INIT, UNIFORM, INPUT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [MAP_ROW] = {"map", EUCLID, "euclid|entropic|pnorm|hypentropy", "the mirror map", .decides_memory = true},
    [P] = {"p", 1.5, "(1,2]", "pnorm: the exponent"},
    [BETA] = {"beta", 1, "(0,inf)", "hypentropy: where it turns from linear to logarithmic"},
    [RATE] = {"rate", CONSTANT, "constant|sqrt|linear|inverse|adaptive", "how the step shrinks",
              .decides_memory = true},
    [STEPS] = {"steps", 100, "integer [1,inf)", "linear: after so many it is 0"},
    [DELTA] = {"delta", 1, "(0,inf)", "adaptive: added to the changes of the gradient"},
    [REG] = {"reg", 0, "map", "euclid: prox of a penalty, or projection; pnorm, hypentropy: prox_l1", .choice = "none"},
    [KL] = {"kl", 0, "[0,inf)", "entropic: weight of the divergence from the reference", .decides_memory = true},
    [REFERENCE_ROW] = {"reference", INIT, "init|uniform|input", "of kl: where it starts, uniform rows, or an input",
                       .decides_memory = true},
    [OPTIMISM] = {"optimism", 0, "0|1", "the last gradient foretells the next: parameters are the points of query"},
    [EXTRAPOLATION] = {"extrapolation", 0, "[0,1)", "momentum in the dual"},
    [ONS] = {"ons", 0, "[0,inf)", "online Newton step: weight of g g' in its matrix; 0: none", .zero_apart = true},
    [ONS_DELTA] = {"ons_delta", 1, "(0,inf)", "what that matrix starts with on the diagonal"},
    [BATCH] = {"batch", 0, "integer [0,inf)", "components drawn for a gradient; 0: that of the caller",
               .zero_apart = true},
    {0},
};

static const char *check(const double *o) {
    const bool has_reg = o[REG] >= 0;
    if (o[EXTRAPOLATION] > 0 && (has_reg || o[OPTIMISM] != 0))
        return "extrapolation= goes with reg=none and optimism=0 alone";
    if (o[ONS] > 0 && (has_reg || o[EXTRAPOLATION] > 0 || (int)o[MAP_ROW] != EUCLID))
        return "ons= goes with map=euclid, reg=none and extrapolation=0 alone";
    if (has_reg && (int)o[MAP_ROW] == ENTROPIC)
        return "map=entropic takes kl= in place of reg=";
    return o[KL] > 0 && (int)o[MAP_ROW] != ENTROPIC ? "kl= goes with map=entropic alone" : NULL;
}

enum { REFERENCE_INPUT };
static const input_t INPUTS[] = {
    [REFERENCE_INPUT] = {"reference", "reference=input: as the parameter", INPUT_OF_PARAMETER, .optional = true},
    {0},
};

static bool has_z(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return option[OPTIMISM] != 0 || option[EXTRAPOLATION] > 0;
}
static bool has_previous(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return (int)option[RATE] == ADAPTIVE;
}
static bool has_reference(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return option[KL] > 0 && (int)option[REFERENCE_ROW] == INIT;
}

enum { Z, PREVIOUS, REFERENCE, MEAN, INVERSE_MATRIX, NEWTON };
static const state_t STATE[] = {
    [Z] = {"z", "the iterate", LIKE_PARAM, KEPT, .exists = has_z, .from_param = true},
    [PREVIOUS] = {"g_prev", "the last gradient", LIKE_PARAM, KEPT, .exists = has_previous},
    [REFERENCE] = {"reference", "where it started", LIKE_PARAM, KEPT, .exists = has_reference, .from_param = true},
    [MEAN] = {"mean", "of the gradients drawn", LIKE_PARAM, WITHIN_STEP, .when = "batch"},
    [INVERSE_MATRIX] = {"inverse", "A^-1, a column for each element", LIKE_PARAM, KEPT, .when = "ons",
                        .each = EACH_ELEMENT},
    [NEWTON] = {"newton", "A^-1 g", LIKE_PARAM, WITHIN_STEP, .when = "ons"},
    {0},
};

typedef struct memory {
    double v;
    double *vector; /* ons: g, then A^-1 g, of all parameters */
    int64_t drawn;  /* of the batch */
    uint64_t words;
} memory_t;
static const field_t FIELDS[] = {
    {"V", "adaptive: changes of the gradient", FIELD(OF_METHOD, memory_t, v), .when = "rate"},
    {"vector", "by element", FIELD(OF_METHOD, memory_t, vector), .when = "ons", .each = EACH_ELEMENT,
     .within_step = true},
    {0},
};

typedef struct constants {
    double lr, lam, kl, beta, p, alpha, ons_delta;
    bool is_first, is_optimistic, has_input;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .lam = o[REG] >= 0 ? o[option_inner(OPTIONS, REG)] : 0, /* prox_l1 has no other */
        .kl = o[KL],
        .beta = o[BETA],
        .p = o[P],
        .alpha = o[EXTRAPOLATION],
        .ons_delta = o[ONS_DELTA],
        .is_first = group->t == 1,
        .is_optimistic = o[OPTIMISM] != 0,
        .has_input = (int)o[REFERENCE_ROW] == INPUT,
    };
}

/* ---- Kernels ---- */

typedef struct rates { /* by which lr is multiplied, in this step and in the next one */
    double now, next;
} rates_t;

static const real *gradient(const tile_t *t) {
    return t->state[MEAN] != NULL ? t->state[MEAN] : t->g;
}

typedef struct share {
    double weight;
    bool is_first;
} share_t;

static void add(const tile_t *t) {
    const share_t *a = t->arguments;
    const real weight = (real)a->weight, *restrict g = t->g;
    real *restrict mean = t->state[MEAN];
    for (size_t i = 0; i < t->n; ++i)
        mean[i] = a->is_first ? weight * g[i] : mean[i] + weight * g[i];
}

static double soft(double u, double threshold) {
    return fabs(u) > threshold ? u - copysign(threshold, u) : u - u;
}

/* ---- Maps by element ---- */

typedef real take_t(const constants_t *k, double eta, real x, real g); /* prox_eta(x, g) */
typedef real extend_t(const constants_t *k, real z_new, real z);       /* x of extrapolation */

static inline void move_elements(const tile_t *t, take_t *take, extend_t *extend) {
    const constants_t *k = t->constants;
    const rates_t *r = t->arguments;
    const double now = k->lr * r->now, next = k->lr * r->next;
    const real *restrict g = gradient(t);
    real *restrict p = t->p, *restrict z = t->state[Z];
    for (size_t i = 0; z == NULL && i < t->n; ++i)
        p[i] = take(k, now, p[i], g[i]);
    for (size_t i = 0; z != NULL && k->is_optimistic && i < t->n; ++i) {
        z[i] = take(k, now, z[i], g[i]);
        p[i] = take(k, next, z[i], g[i]);
    }
    for (size_t i = 0; z != NULL && !k->is_optimistic && now > 0 && i < t->n; ++i) {
        const real z_new = take(k, now, p[i], g[i]);
        p[i] = extend(k, z_new, z[i]);
        z[i] = z_new;
    }
}

static inline real take_euclidean(const constants_t *k, double eta, real x, real g) {
    (void)k;
    return x - (real)eta * g;
}
static inline real extend_euclidean(const constants_t *k, real z_new, real z) {
    return z_new + (real)k->alpha * (z_new - z);
}
static void euclidean(const tile_t *t) {
    move_elements(t, take_euclidean, extend_euclidean);
}

static double hypentropic(const constants_t *k, double u) {
    return k->beta * elementary_sinh(u > 700 ? 700 : u < -700 ? -700 : u);
}
static inline real take_hypentropic(const constants_t *k, double eta, real x, real g) {
    const double u = elementary_asinh((double)x / k->beta) - eta * (double)g;
    return eta > 0 ? (real)hypentropic(k, soft(u, eta * k->lam)) : x;
}
static inline real extend_hypentropic(const constants_t *k, real z_new, real z) {
    const double u = elementary_asinh((double)z_new / k->beta), before = elementary_asinh((double)z / k->beta);
    return (real)hypentropic(k, u + k->alpha * (u - before));
}
static void hypentropy(const tile_t *t) {
    move_elements(t, take_hypentropic, extend_hypentropic);
}

/* ---- euclid with a map between ---- */

static void descend(const tile_t *t) { /* x = z - eta g */
    const real eta = (real)(((const constants_t *)t->constants)->lr * ((const rates_t *)t->arguments)->now);
    const real *z = t->state[Z] != NULL ? t->state[Z] : t->p, *g = gradient(t);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = z[i] - eta * g[i];
}

static void keep(const tile_t *t) {
    memcpy(t->state[Z], t->p, t->n * sizeof(real));
}

/* ---- entropic ---- */

static void take_entropic(const tile_t *t, double eta, const real *from, const real *reference, real *to) {
    const constants_t *k = t->constants;
    tile_t along = *t;
    along.g = (void *)(uintptr_t)gradient(t);
    if (eta > 0)
        prox_entropic(prox_of(eta, k->kl), &along, from, reference, to);
    else if (to != from)
        memcpy(to, from, t->n * sizeof(real));
}

static void entropic(const tile_t *t) {
    const constants_t *k = t->constants;
    const rates_t *r = t->arguments;
    const double now = k->lr * r->now, next = k->lr * r->next;
    const size_t row = entropic_row(t->tensor);
    real *z = t->state[Z], *z_new = t->work, *room = z_new + t->n;
    const real *reference = k->has_input && k->kl > 0 ? tile_input(t, REFERENCE_INPUT, room) : t->state[REFERENCE];
    if (z == NULL) {
        take_entropic(t, now, t->p, reference, t->p);
    } else if (k->is_optimistic) {
        take_entropic(t, now, z, reference, z);
        take_entropic(t, next, z, reference, t->p);
    } else if (now > 0) {
        take_entropic(t, now, t->p, reference, z_new);
        for (size_t i = 0; i < t->n; i += row)
            extrapolate_row((real)k->alpha, row, z_new + i, z + i, (real *)t->p + i);
        memcpy(z, z_new, t->n * sizeof(real));
    }
}

/* ---- pnorm ---- */

static void to_dual(const tile_t *t, const real *x, double *u) {
    for (size_t i = 0; i < t->n; ++i)
        u[i] = (double)x[i];
    pnorm_link(t->n, ((const constants_t *)t->constants)->p, u);
}

/* u is lost. */
static void to_primal(const tile_t *t, double *u, real *x) {
    const double p = ((const constants_t *)t->constants)->p;
    pnorm_link(t->n, p / (p - 1), u);
    for (size_t i = 0; i < t->n; ++i)
        x[i] = (real)u[i];
}

static void descend_dual(const tile_t *t, double eta, double *u) {
    const double threshold = eta * ((const constants_t *)t->constants)->lam;
    const real *g = gradient(t);
    for (size_t i = 0; i < t->n; ++i)
        u[i] = soft(u[i] - eta * (double)g[i], threshold);
}

static void take_pnorm(const tile_t *t, double eta, const real *from, double *u, real *to) {
    if (eta > 0) {
        to_dual(t, from, u);
        descend_dual(t, eta, u);
        to_primal(t, u, to);
    } else if (to != from) {
        memcpy(to, from, t->n * sizeof(real));
    }
}

static void pnorm(const tile_t *t) {
    const constants_t *k = t->constants;
    const rates_t *r = t->arguments;
    const double now = k->lr * r->now, next = k->lr * r->next;
    double *u = t->work, *before = u + t->n;
    real *z = t->state[Z];
    if (z == NULL) {
        take_pnorm(t, now, t->p, u, t->p);
    } else if (k->is_optimistic) {
        take_pnorm(t, now, z, u, z);
        take_pnorm(t, next, z, u, t->p);
    } else if (now > 0) {
        to_dual(t, t->p, u);
        descend_dual(t, now, u);
        to_dual(t, z, before);
        for (size_t i = 0; i < t->n; ++i)
            before[i] = u[i] + k->alpha * (u[i] - before[i]);
        to_primal(t, u, z);
        to_primal(t, before, t->p);
    }
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t two = 2 * tensor->count;
    const int map = (int)option[MAP_ROW];
    return map == ENTROPIC ? two : map == PNORM ? tensor_reals(tensor, two * sizeof(double)) : 0;
}

/* ---- Dual norms of the change of the gradient ---- */

static double change(const tile_t *t, size_t i) {
    return (double)gradient(t)[i] - (double)((const real *)t->state[PREVIOUS])[i];
}

static void squares(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = change(t, i) * change(t, i);
}

typedef struct total {
    double *sum;
    bool by_row;
} total_t;

static double largest_change(const tile_t *t, size_t first, size_t n) {
    double most = 0;
    for (size_t i = first; i < first + n; ++i)
        most = fabs(change(t, i)) <= most ? most : fabs(change(t, i));
    return most;
}

static void other_norm(const tile_t *t) { /* the largest of each row, or |.|_q */
    const total_t *total = t->arguments;
    const double p = ((const constants_t *)t->constants)->p, q = p / (p - 1);
    const size_t n = total->by_row ? entropic_row(t->tensor) : t->n;
    for (size_t i = 0; i < t->n; i += n) {
        const double most = largest_change(t, i, n);
        double sum = 0;
        for (size_t j = 0; !total->by_row && most != 0 && j < n; ++j)
            sum += pnorm_power(fabs(change(t, j)) / most, q);
        *total->sum += most * most * (total->by_row ? 1 : pnorm_power(sum, 2 / q));
    }
}

static void remember(const tile_t *t) {
    memcpy(t->state[PREVIOUS], gradient(t), t->n * sizeof(real));
}

/* ---- Start ---- */

static void outside(const tile_t *t) { /* counts rows that are no probabilities */
    const bool is_short = t->tensor->dtype == OPTIM_BF16 || t->tensor->dtype == OPTIM_F16;
    const size_t n = entropic_row(t->tensor);
    const double slack = 1e-6 * (double)n + (is_short ? 0x1p-8 : 0);
    const real *p = t->p;
    for (size_t i = 0; ((const constants_t *)t->constants)->is_first && i < t->n; i += n) {
        double sum = 0;
        bool positive = true;
        for (size_t j = i; j < i + n; ++j) {
            sum += (double)p[j];
            positive = positive && p[j] > 0;
        }
        *((const total_t *)t->arguments)->sum += !(positive && fabs(sum - 1) <= slack);
    }
}

/* ---- Online Newton step ---- */

typedef struct newton {
    double *vector; /* of all parameters */
    size_t count;
    double weight; /* of the product that leaves A^-1 */
    rates_t step;  /* along A^-1 g */
} newton_t;

static void gather_gradient(const tile_t *t) {
    double *to = ((const newton_t *)t->arguments)->vector + t->tensor->first_of_method;
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (double)gradient(t)[i];
}

static void gather_newton(const tile_t *t) {
    double *to = ((const newton_t *)t->arguments)->vector + t->tensor->first_of_method;
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (double)((const real *)t->state[NEWTON])[i];
}

static void multiply(const tile_t *t) { /* A^-1 g, and the terms of g' A^-1 g */
    const constants_t *k = t->constants;
    const newton_t *a = t->arguments;
    const size_t first = tile_first(t);
    real *inverse = t->state[INVERSE_MATRIX], *newton = t->state[NEWTON];
    for (size_t i = 0; i < t->n; ++i) {
        double sum = 0;
        if (k->is_first)
            inverse[(first + i) * t->stride + i] = (real)(1 / k->ons_delta);
        for (size_t j = 0; j < a->count; ++j)
            sum += (double)inverse[j * t->stride + i] * a->vector[j];
        newton[i] = (real)sum;
        t->term[0][i] = a->vector[first + i] * sum;
    }
}

static void move_newton(const tile_t *t) {
    const constants_t *k = t->constants;
    const newton_t *a = t->arguments;
    const real now = (real)(k->lr * a->step.now), next = (real)(k->lr * a->step.next);
    const real *newton = t->state[NEWTON];
    real *inverse = t->state[INVERSE_MATRIX], *p = t->p, *z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i) {
        if (z != NULL)
            z[i] -= now * newton[i];
        p[i] = (z != NULL ? z[i] : p[i]) - next * newton[i];
    }
    for (size_t j = 0; j < a->count; ++j)
        for (size_t i = 0; i < t->n; ++i)
            inverse[j * t->stride + i] -= (real)(a->weight * a->vector[j] * (double)newton[i]);
}

enum {
    ADD,
    EUCLIDEAN,
    HYPENTROPIC,
    DESCEND,
    KEEP,
    TAKE_ENTROPIC,
    TAKE_PNORM,
    SQUARES,
    OTHER_NORM,
    REMEMBER,
    OUTSIDE,
    GATHER_GRADIENT,
    GATHER_NEWTON,
    MULTIPLY,
    MOVE_NEWTON
};

/* ---- The step ---- */

static double rate_at(const step_t *s, double t) {
    const double *o = s->option;
    switch ((int)o[RATE]) {
    case SQRT:
        return 1 / sqrt(t);
    case LINEAR:
        return fmax(o[STEPS] - t + 1, 0) / o[STEPS];
    case INVERSE:
        return 1 / t;
    case ADAPTIVE:
        return 1 / sqrt(o[DELTA] + ((const memory_t *)s->memory)->v);
    default:
        return 1;
    }
}

static rates_t rates_of(step_t *s) {
    memory_t *m = s->memory;
    const int map = (int)s->option[MAP_ROW];
    rates_t r = {.now = rate_at(s, s->t)};
    if ((int)s->option[RATE] == ADAPTIVE) {
        double sum = 0;
        if (map == ENTROPIC || map == PNORM)
            step_tensors_in_turn(s, OTHER_NORM, &(total_t){&sum, map == ENTROPIC});
        else
            sum = step_reduce(s, SQUARES, NULL, 1)[0];
        m->v += sum;
        step_update(s, REMEMBER, NULL);
    }
    r.next = rate_at(s, s->t + 1);
    return r;
}

static void take_newton_step(step_t *s, rates_t r) {
    const memory_t *m = s->memory;
    const double ons = s->option[ONS];
    newton_t a = {.vector = m->vector, .count = step_own_elements(s)};
    memset(m->vector, 0, a.count * sizeof *m->vector); /* the gradient of what is frozen */
    step_tensors_in_turn(s, GATHER_GRADIENT, &a);
    const double shrinks = 1 + ons * step_reduce(s, MULTIPLY, &a, 1)[0]; /* the new A^-1 g is the old one over this */
    memset(m->vector, 0, a.count * sizeof *m->vector);
    step_tensors_in_turn(s, GATHER_NEWTON, &a);
    a.weight = ons / shrinks;
    a.step = (rates_t){r.now, (s->option[OPTIMISM] != 0 ? r.next : r.now) / shrinks};
    step_update(s, MOVE_NEWTON, &a);
}

/* A map whose step is 0 is left out. */
static void map_with(step_t *s, double rate) {
    if (rate > 0)
        step_map_by_lr(s, REG, rate);
}

static void take_mapped_step(step_t *s, rates_t r) {
    if (r.now > 0 || s->option[OPTIMISM] != 0)
        step_update(s, DESCEND, &(rates_t){r.now, 0});
    map_with(s, r.now);
    if (s->option[OPTIMISM] != 0) {
        step_update(s, KEEP, NULL);
        step_update(s, DESCEND, &(rates_t){r.next, 0});
        map_with(s, r.next);
    }
}

static void take_step(step_t *s) {
    const rates_t r = rates_of(s);
    const int map = (int)s->option[MAP_ROW];
    if (s->option[ONS] > 0)
        take_newton_step(s, r);
    else if (map == ENTROPIC || map == PNORM)
        step_tensors(s, map == ENTROPIC ? TAKE_ENTROPIC : TAKE_PNORM, &r);
    else if (map == EUCLID && s->option[REG] >= 0)
        take_mapped_step(s, r);
    else
        step_update(s, map == EUCLID ? EUCLIDEAN : HYPENTROPIC, &r);
}

/* Several groups make one step: they agree on all but lr, reg and what a map is like. */
static bool groups_match(step_t *s) {
    static const int ROWS[] = {MAP_ROW, RATE, STEPS, DELTA, OPTIMISM, ONS, BATCH};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; ++i)
        if (!groups_agree(s, ROWS[i]))
            return false;
    for (int i = 0; i < s->groups; ++i)
        if ((step_group(s, i).option[REG] >= 0) != (s->option[REG] >= 0))
            return false;
    return true;
}

static const char *refuses_step(step_t *s) {
    const int map = (int)s->option[MAP_ROW];
    if (!groups_match(s))
        return "map, rate, steps, delta, optimism, ons, batch, and whether there is a reg, are the same in all groups";
    if (s->option[BATCH] > 0 && s->components == 0)
        return "batch= draws components: say how many there are with optim_set_components";
    if (map != EUCLID && !step_map_is(s, REG, "prox_l1"))
        return "map=pnorm and map=hypentropy take reg=prox_l1 alone";
    const char *wrong = step_map_refuses(s, REG, rate_at(s, s->t), true);
    return wrong != NULL ? wrong : step_map_refuses(s, REG, rate_at(s, s->t + 1), true);
}

static bool starts_outside(step_t *s) {
    double rows = 0;
    if ((int)s->option[MAP_ROW] == ENTROPIC && step_is_a_first(s))
        step_tensors_in_turn(s, OUTSIDE, &(total_t){&rows, true});
    return rows > 0;
}

static int64_t component(const step_t *s) {
    const memory_t *m = s->memory;
    const double u = random_uniform(s->seed, m->words + (uint64_t)m->drawn);
    return (int64_t)((double)s->components * u);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double batch = s->option[BATCH];
    const char *wrong;
    STEP_BEGIN(s);
    wrong = refuses_step(s);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    if (starts_outside(s))
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "map=entropic starts inside the simplex: rows of positive numbers whose sum is 1");
    m->words = step_draws(s, (uint64_t)batch);
    for (m->drawn = 0; (double)m->drawn < batch; ++m->drawn) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = component(s), .count = 1);
        step_update(s, ADD, &(share_t){1 / batch, m->drawn == 0});
    }
    take_step(s);
    STEP_END(s);
}

static bool draws(const double *option) {
    return option[BATCH] > 0;
}

/* The parameter's reference is wrong. */
static bool is_bad_reference(const input_view_t *input, const tensor_t *tensor) {
    if (input == NULL || input->count != tensor->count)
        return true;
    for (size_t i = 0; i < input->count; ++i) {
        double room;
        const double entry = *input_doubles(input, i, 1, &room);
        if (!(entry >= 0 && entry <= DBL_MAX))
            return true;
    }
    return false;
}

static const char *refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        const double *o = tensor == NULL ? NULL : step_tensor_option(s, i);
        if (o != NULL && (int)o[REFERENCE_ROW] == INPUT && o[KL] > 0 &&
            is_bad_reference(step_tensor_input(s, i, REFERENCE_INPUT), tensor))
            return "reference=input needs the input \"reference\" of every parameter: as many numbers, none below 0";
    }
    return NULL;
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[Z] != NULL ? t->state[Z] : t->p, t->n * sizeof(real));
}

const method_t METHOD(mirror_descent) = {
    .name = "mirror_descent",
    .purpose = "gradient steps in the geometry of a mirror map, plain, optimistic or with momentum in the dual",
    .citation = "Nemirovski, Yudin: Problem Complexity and Method Efficiency in Optimization, 1983; Beck, Teboulle: "
                "Mirror descent and nonlinear projected subgradient methods for convex optimization, 2003",
    .evaluations = "1 gradient; batch=b: those of b components",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .check = check,
    .refuses_inputs = refuses_inputs,
    .asks_for_all = draws,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {add, euclidean, hypentropy, descend, keep, entropic, pnorm, squares, other_norm, remember, outside,
                gather_gradient, gather_newton, multiply, move_newton},
    .arguments = {[ADD] = sizeof(share_t),
                  [EUCLIDEAN] = sizeof(rates_t),
                  [HYPENTROPIC] = sizeof(rates_t),
                  [DESCEND] = sizeof(rates_t),
                  [TAKE_ENTROPIC] = sizeof(rates_t),
                  [TAKE_PNORM] = sizeof(rates_t),
                  [OTHER_NORM] = sizeof(total_t),
                  [OUTSIDE] = sizeof(total_t),
                  [GATHER_GRADIENT] = sizeof(newton_t),
                  [GATHER_NEWTON] = sizeof(newton_t),
                  [MULTIPLY] = sizeof(newton_t),
                  [MOVE_NEWTON] = sizeof(newton_t)},
    .output = output,
};
