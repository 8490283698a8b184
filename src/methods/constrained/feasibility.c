/*
 * feasibility: a point in two to four sets at once, by projections onto each.
 *
 * Cyclic projections: Bregman, "The method of successive projection for finding a common point of convex sets", 1965;
 * dr: Douglas, Rachford, 1956, Lions, Mercier, 1979; difference_map: Elser, Rankenburg, Thibault, "Searching with
 * iterated maps", 2007; cyclic_dr: Borwein, Tam, "A cyclic Douglas-Rachford iteration scheme", 2014; networks as sets:
 * Bergmeister, Lal, Jegelka, Sra, "A projection-based framework for gradient-free and parallel learning", 2025.
 *
 *     P_i: the projection map_a, map_b, ...;   R_i = 2 P_i - 1
 *     cyclic          x <- P_d .. P_b P_a x
 *     dr              x <- (1 - relax) x + relax R_b R_a x
 *     cyclic_dr       for every set i and the one behind it, the first behind the last:  x <- x / 2 + R_{i+1} R_i x / 2
 *     difference_map  f_a = (1 - 1/beta) P_a x + x / beta,   f_b = (1 + 1/beta) P_b x - x / beta
 *                     x <- x + beta (P_a f_b - P_b f_a)
 *     answer = P_a(x), of difference_map P_a(f_b(x));   gap = max_i |P_i(answer) - answer|
 *
 * With several parameters a set is the product of one for each. State: the answer, gap; within a step two points more.
 */
#include <string.h>

#include "blocks/agree.h"
#include "engine/map.h"

enum { SCHEME, RELAX, BETA, SETS, MAP_A, MAP_B, MAP_C, MAP_D };
enum { DR, CYCLIC, DIFFERENCE_MAP, CYCLIC_DR };
static const option_t OPTIONS[] = {
    [SCHEME] = {"scheme", DR, "dr|cyclic|difference_map|cyclic_dr", "how projections follow each other"},
    [RELAX] = {"relax", 0.5, "(0,1]", "dr: how far to the reflection of the reflection"},
    [BETA] = {"beta", 1, "(-inf,inf)", "difference_map: length of the step; not 0"},
    [SETS] = {"sets", 2, "integer [2,4]", "how many; dr and difference_map: 2"},
    [MAP_A] = {"map_a", 0, "map", "projection onto the first set; a_lo is its option lo", .choice = "proj_nonneg"},
    [MAP_B] = {"map_b", 0, "map", "onto the second", .choice = "proj_hyperplane"},
    [MAP_C] = {"map_c", 0, "map", "onto the third", .choice = "none"},
    [MAP_D] = {"map_d", 0, "map", "onto the fourth", .choice = "none"},
    {0},
};

static const char *check(const double *o) {
    const int scheme = (int)o[SCHEME];
    if ((scheme == DR || scheme == DIFFERENCE_MAP) && o[SETS] != 2)
        return "scheme=dr and scheme=difference_map take two sets: cyclic and cyclic_dr take more";
    if (o[BETA] == 0)
        return "beta= must not be 0";
    for (int i = 0; i < (int)o[SETS]; ++i)
        if (o[MAP_A + i] < 0)
            return "every set has a projection: map_a=, map_b=, and so on";
    return NULL;
}

enum { ANSWER, POINT, BEFORE };
static const state_t STATE[] = {
    [ANSWER] = {"answer", "the point in the first set", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    [POINT] = {"point", "what is projected", LIKE_PARAM, WITHIN_STEP},
    [BEFORE] = {"before", "what it was before", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double gap;
} memory_t;
static const field_t FIELDS[] = {
    {"gap", "how far the answer is from the farthest set", FIELD(OF_METHOD, memory_t, gap)},
    {0},
};

/* ---- Kernels ---- */

enum { PARAMETERS = -1 };
typedef struct operands { /* to <- a to + b from */
    int to, from;
    double a, b;
} operands_t;

static real *operand(const tile_t *t, int row) {
    return row == PARAMETERS ? t->p : t->state[row];
}

static void combine(const tile_t *t) {
    const operands_t *o = t->arguments;
    const real a = (real)o->a, b = (real)o->b;
    real *to = operand(t, o->to);
    const real *from = operand(t, o->from);
    if (o->a == 0 && o->b == 1)
        memcpy(to, from, t->n * sizeof(real));
    else
        for (size_t i = 0; i < t->n; ++i)
            to[i] = a * to[i] + b * from[i];
}

static void apart(const tile_t *t) { /* |point - answer|^2 */
    const real *point = t->state[POINT], *answer = t->state[ANSWER];
    for (size_t i = 0; i < t->n; ++i) {
        const double d = (double)point[i] - (double)answer[i];
        t->term[0][i] = d * d;
    }
}

enum { COMBINE, APART };

/* ---- The step ---- */

static void set(step_t *s, int to, double a, double b, int from) {
    step_update(s, COMBINE, &(operands_t){to, from, a, b});
}

static void copy(step_t *s, int from, int to) {
    set(s, to, 0, 1, from);
}

static void project(step_t *s, int i, int row) {
    step_map_state(s, MAP_A + i, row, 1);
}

/* point <- R_i point */
static void reflect(step_t *s, int i) {
    copy(s, POINT, BEFORE);
    project(s, i, POINT);
    set(s, POINT, 2, -1, BEFORE);
}

/* x <- (1 - relax) x + relax R_second R_first x */
static void reflect_twice(step_t *s, int first, int second, double relax) {
    copy(s, PARAMETERS, POINT);
    reflect(s, first);
    reflect(s, second);
    set(s, PARAMETERS, 1 - relax, relax, POINT);
}

/* row <- a P_i x + b x */
static void mix(step_t *s, int i, double a, double b, int row) {
    copy(s, PARAMETERS, row);
    project(s, i, row);
    set(s, row, a, b, PARAMETERS);
}

static void move(step_t *s) {
    const double *o = s->option, beta = o[BETA];
    const int sets = (int)o[SETS];
    switch ((int)o[SCHEME]) {
    case CYCLIC:
        copy(s, PARAMETERS, POINT);
        for (int i = 0; i < sets; ++i)
            project(s, i, POINT);
        copy(s, POINT, PARAMETERS);
        break;
    case DIFFERENCE_MAP:
        mix(s, 0, 1 - 1 / beta, 1 / beta, POINT);
        project(s, 1, POINT);
        mix(s, 1, 1 + 1 / beta, -1 / beta, BEFORE);
        project(s, 0, BEFORE);
        set(s, PARAMETERS, 1, beta, BEFORE);
        set(s, PARAMETERS, 1, -beta, POINT);
        break;
    case CYCLIC_DR:
        for (int i = 0; i < sets; ++i)
            reflect_twice(s, i, (i + 1) % sets, 0.5);
        break;
    default:
        reflect_twice(s, 0, 1, o[RELAX]);
    }
}

static double gap(step_t *s) {
    double most = 0;
    for (int i = 0; i < (int)s->option[SETS]; ++i) {
        copy(s, ANSWER, POINT);
        project(s, i, POINT);
        most = fmax(most, step_reduce(s, APART, NULL, 1)[0]);
    }
    return sqrt(most);
}

static const char *refuses_step(step_t *s) {
    const int same[] = {SCHEME, RELAX, BETA, SETS};
    for (int i = 0; i < 4; ++i)
        if (!groups_agree(s, same[i]))
            return "scheme, relax, beta and sets must be the same in all groups";
    for (int i = 0; i < (int)s->option[SETS]; ++i)
        if (!step_map_has_role(s, MAP_A + i, MAP_PROJECTION))
            return "map_a= to map_d= must be projections: maps proj_..., or abs_topk";
    return NULL;
}

static optim_status advance(step_t *s) {
    const double beta = s->option[BETA];
    const char *wrong = refuses_step(s);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    move(s);
    if ((int)s->option[SCHEME] == DIFFERENCE_MAP)
        mix(s, 1, 1 + 1 / beta, -1 / beta, ANSWER);
    else
        copy(s, PARAMETERS, ANSWER);
    project(s, 0, ANSWER);
    ((memory_t *)s->memory)->gap = gap(s);
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[ANSWER], t->n * sizeof(real));
}

const method_t METHOD(feasibility) = {
    .name = "feasibility",
    .purpose = "a point in several sets at once, by projections onto each",
    .citation = "Bergmeister, Lal, Jegelka, Sra: A projection-based framework for gradient-free and parallel learning, "
                "2025; Elser, Rankenburg, Thibault: Searching with iterated maps, PNAS 2007",
    .evaluations = "none",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = VALUES_ONLY | MAY_FAIL,
    .memory = sizeof(memory_t),
    .check = check,
    .advance = advance,
    .kernels = {combine, apart},
    .arguments = {[COMBINE] = sizeof(operands_t)},
    .output = output,
};
