/*
 * nelder_mead: a simplex that walks by reflection, stretches, and shrinks around its best vertex. Values alone.
 *
 * Nelder, Mead, "A Simplex Method for Function Minimization", 1965, 10.1093/comjnl/7.4.308; Gao, Han, "Implementing the
 * Nelder-Mead simplex algorithm with adaptive parameters", 2012, 10.1007/s10589-010-9329-3.
 *
 *     1. vertices x_0 = p and, for each coordinate i, x_0 + e_i times spread x_i, or spread_zero where x_i is 0
 *        each step: f(x_0) <= ... <= f(x_n);  c = mean of x_0 .. x_{n-1};  x_n <- the first of these that is let in:
 *     2. r = c + rho (c - x_n)                          if f_0 <= f(r) < f_{n-1}
 *     3. f(r) < f_0:      c + rho chi (c - x_n)         if it is below r, else r
 *     4. f(r) < f_n:      c + psi rho (c - x_n)         if it is no higher than r
 *        else             c - psi (c - x_n)             if it is below f_n
 *     5. none: x_i <- x_0 + sigma (x_i - x_0), i = 1 .. n;     p <- x_0
 *        rho = 1;   chi, psi, sigma = 2, 1/2, 1/2,   adaptive, n > 1: 1 + 2/n, 3/4 - 1/(2n), 1 - 1/n
 *
 * Parameters that are not where the last step left them (moved, frozen, thawed) begin a new simplex. A vertex lies in
 * the box, and is what the parameters hold, rounded. A value that is not finite counts as infinite. State: n + 1
 * vertices in double and their values; within a step x: 4 bytes a parameter in f32.
 */
#include "blocks/agree.h"
#include "blocks/joined.h"

enum { ADAPTIVE, SPREAD, SPREAD_ZERO };
static const option_t OPTIONS[] = {
    [ADAPTIVE] = {"adaptive", 1, "0|1", "coefficients by the number of coordinates"},
    [SPREAD] = {"spread", 0.05, "(0,inf)", "sides of a new simplex, relative to the coordinate"},
    [SPREAD_ZERO] = {"spread_zero", 0.00025, "(0,inf)", "and where that is 0"},
    {0},
};

enum { X };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    {0},
};

typedef struct memory {
    double n;                      /* coordinates; the simplex has one vertex more. 0: there is none */
    double *live;                  /* by element: 1 if it is one of them; vertices mean nothing in the others */
    double *vertex, *value;        /* vertex number k, in no order, is vertex[k d .. k d + d - 1] */
    double *order;                 /* their numbers by value */
    double *mean, *point, *better; /* within a step: c; the trial; the reflection */
    double f, f_reflected;         /* of the last two */
    int64_t k;
    bool outside;
} memory_t;

static size_t vertices_length(size_t elements, const double *option) {
    return joined_square(elements, option) + elements;
}
static size_t values_length(size_t elements, const double *option) {
    (void)option;
    return elements + 1;
}
static const field_t FIELDS[] = {
    {"n", "coordinates of the simplex", FIELD(OF_METHOD, memory_t, n), .whole = true},
    {"live", "which elements these are", FIELD(OF_METHOD, memory_t, live), .each = EACH_ELEMENT},
    {"vertex", "the vertices", FIELD(OF_METHOD, memory_t, vertex), .length = vertices_length},
    {"value", "their values", FIELD(OF_METHOD, memory_t, value), .length = values_length},
    {"order", "vertices by value", FIELD(OF_METHOD, memory_t, order), .length = values_length},
    {"mean", "of all vertices but the highest", FIELD(OF_METHOD, memory_t, mean), .each = EACH_ELEMENT,
     .within_step = true},
    {"point", "the trial", FIELD(OF_METHOD, memory_t, point), .each = EACH_ELEMENT, .within_step = true},
    {"better", "the reflection", FIELD(OF_METHOD, memory_t, better), .each = EACH_ELEMENT, .within_step = true},
    {0},
};

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

enum { BEGIN, PUT, COLLECT };

/* ---- The simplex ---- */

static double *vertex(const step_t *s, size_t rank) {
    const memory_t *m = s->memory;
    return m->vertex + (size_t)m->order[rank] * step_own_elements(s);
}
static double value(const memory_t *m, size_t rank) {
    return m->value[(size_t)m->order[rank]];
}

/* The parameters as they are, rounded and in the box. */
static void read_point(step_t *s) {
    step_tensors_in_turn(s, COLLECT,
                         &(joined_t){.list = ((const memory_t *)s->memory)->point, .from = JOINED_PARAMETERS});
}

/* Ranks by value, those before them at equal ones. */
static void sort(memory_t *m) {
    for (size_t k = 1; k <= (size_t)m->n; ++k) {
        const double number = m->order[k];
        size_t to = k;
        for (; to > 0 && m->value[(size_t)m->order[to - 1]] > m->value[(size_t)number]; --to)
            m->order[to] = m->order[to - 1];
        m->order[to] = number;
    }
}

/* Whether the parameters, in `point`, are the lowest vertex, and the coordinates what they were. */
static bool goes_on(const step_t *s) {
    const memory_t *m = s->memory;
    double n = 0;
    bool same = m->n > 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        for (size_t j = 0; tensor != NULL && j < tensor->count; ++j, ++n) {
            const size_t element = tensor->first_of_method + j;
            same = same && m->live[element] != 0 && m->point[element] == vertex(s, 0)[element];
        }
    }
    return same && n == m->n;
}

/* Line 1; values are to come. */
static void start(step_t *s) {
    memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    size_t n = 0;
    memset(m->live, 0, d * sizeof *m->live);
    memcpy(m->vertex, m->point, d * sizeof *m->point);
    m->order[0] = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        for (size_t j = 0; tensor != NULL && j < tensor->count; ++j) {
            const size_t element = tensor->first_of_method + j;
            double *x = m->vertex + ++n * d;
            m->order[n] = (double)n;
            m->live[element] = 1;
            memcpy(x, m->point, d * sizeof *x);
            x[element] = x[element] != 0 ? (1 + s->option[SPREAD]) * x[element] : s->option[SPREAD_ZERO];
        }
    }
    m->n = (double)n;
}

/* ---- A step ---- */

static void go(step_t *s, double *to) {
    step_update(s, PUT, &(joined_t){.list = to});
    step_into_box(s);
}

/* The value that arrived, and where it is from. */
static void take(step_t *s) {
    memory_t *m = s->memory;
    m->f = isfinite(s->loss) ? s->loss : (double)INFINITY;
    read_point(s);
}

/* What was taken becomes the vertex of this rank, until they are sorted. */
static void replace(step_t *s, size_t rank, const double *by, double f) {
    const memory_t *m = s->memory;
    memcpy(vertex(s, rank), by, step_own_elements(s) * sizeof *by);
    m->value[(size_t)m->order[rank]] = f;
}

static void find_mean(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t d = step_own_elements(s), n = (size_t)m->n;
    memset(m->mean, 0, d * sizeof *m->mean);
    for (size_t rank = 0; rank < n; ++rank)
        for (size_t i = 0; i < d; ++i)
            m->mean[i] += vertex(s, rank)[i];
    for (size_t i = 0; i < d; ++i)
        m->mean[i] /= (double)n;
}

/* Evaluates (1 + along) c - along x_n. */
static void try_along(step_t *s, double along) {
    const memory_t *m = s->memory;
    const double *highest = vertex(s, (size_t)m->n);
    for (size_t i = 0; i < step_own_elements(s); ++i)
        m->point[i] = (1 + along) * m->mean[i] - along * highest[i];
    go(s, m->point);
}

/* Of chi, psi, sigma. */
typedef struct coefficients {
    double rho, chi, psi, sigma;
} coefficients_t;
static coefficients_t coefficients(const step_t *s) {
    const double n = ((const memory_t *)s->memory)->n;
    if (s->option[ADAPTIVE] == 0 || n <= 1)
        return (coefficients_t){1, 2, 0.5, 0.5};
    return (coefficients_t){1, 1 + 2 / n, 0.75 - 1 / (2 * n), 1 - 1 / n};
}

static void shrink(step_t *s, size_t rank) {
    const memory_t *m = s->memory;
    const double *lowest = vertex(s, 0), *x = vertex(s, rank), sigma = coefficients(s).sigma;
    for (size_t i = 0; i < step_own_elements(s); ++i)
        m->point[i] = lowest[i] + sigma * (x[i] - lowest[i]);
    go(s, m->point);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const coefficients_t k = coefficients(s);
    const size_t highest = (size_t)m->n;
    STEP_BEGIN(s);
    if (!groups_agree_but(s, OPTIONS, -1))
        return step_fail(s, OPTIM_ERR_VALUE, "all options must be the same in all groups");
    read_point(s);
    step_update(s, BEGIN, NULL);
    if (!goes_on(s)) {
        start(s);
        for (m->k = 0; (double)m->k <= m->n; ++m->k) {
            go(s, vertex(s, (size_t)m->k));
            STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
            take(s);
            replace(s, (size_t)m->k, m->point, m->f);
        }
        sort(m);
    }
    if (m->n == 0)
        return OPTIM_OK;
    find_mean(s);
    try_along(s, 1); /* line 2: rho is 1 */
    STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
    take(s);
    memcpy(m->better, m->point, step_own_elements(s) * sizeof *m->point);
    m->f_reflected = m->f;
    if (m->f < value(m, 0)) { /* line 3 */
        try_along(s, k.rho * k.chi);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        take(s);
        if (m->f < m->f_reflected)
            replace(s, highest, m->point, m->f);
        else
            replace(s, highest, m->better, m->f_reflected);
    } else if (m->f < value(m, highest - 1)) {
        replace(s, highest, m->point, m->f);
    } else { /* line 4 */
        m->outside = m->f < value(m, highest);
        try_along(s, m->outside ? k.psi * k.rho : -k.psi);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        take(s);
        if (m->outside ? m->f <= m->f_reflected : m->f < value(m, highest)) {
            replace(s, highest, m->point, m->f);
        } else {
            for (m->k = 1; (double)m->k <= m->n; ++m->k) { /* line 5 */
                shrink(s, (size_t)m->k);
                STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
                take(s);
                replace(s, (size_t)m->k, m->point, m->f);
            }
        }
    }
    sort(m);
    go(s, vertex(s, 0));
    STEP_END(s);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    enum { MOST = 4096 };
    (void)option;
    return tensor->count > MOST ? "a simplex of more than 4096 coordinates takes too much memory and time" : NULL;
}

const method_t METHOD(nelder_mead) = {
    .name = "nelder_mead",
    .purpose = "the simplex of Nelder and Mead, with coefficients that suit many coordinates",
    .citation = "Nelder, Mead: A Simplex Method for Function Minimization, The Computer Journal, 1965; Gao, Han: "
                "Implementing the Nelder-Mead simplex algorithm with adaptive parameters, Computational Optimization "
                "and Applications, 2012",
    .evaluations = "1 or 2 values; where the simplex shrinks 1 more a coordinate; as many, and 1, for a new simplex",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | READS_LOSS | VALUES_ONLY | WHOLE_TENSORS,
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .advance = advance,
    .kernels = {begin, joined_put, joined_collect},
    .arguments = {[PUT] = sizeof(joined_t), [COLLECT] = sizeof(joined_t)},
};
