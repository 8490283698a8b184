/*
 * cma_es: samples of a normal distribution whose mean, covariance and step size adapt. Values alone.
 *
 * Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, arXiv:1604.00772, figure 6 and table 1; restarts of Auger,
 * Hansen, "A Restart CMA Evolution Strategy With Increasing Population Size", 2005, 10.1109/CEC.2005.1554902.
 *
 *     1. C = B D^2 B';   y_k = B D z_k, z_k standard normal,   f_k = f(m + sigma y_k),   k = 1 .. lambda, by value
 *     2. y = sum_{i <= mu} w_i y_i;   m <- m + sigma y
 *     3. p_s <- (1 - c_s) p_s + sqrt(c_s (2 - c_s) mu_eff) C^-1/2 y
 *        h = |p_s| / sqrt(1 - (1 - c_s)^(2 (g + 1))) < (1.4 + 2 / (n + 1)) E,   E = sqrt(n) (1 - 1/(4n) + 1/(21n^2))
 *     4. p_c <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_eff) y
 *     5. C <- (1 + c_1 (1 - h) c_c (2 - c_c) - c_1 - c_mu sum w) C + c_1 p_c p_c' + c_mu sum_i w_i' y_i y_i'
 *        w_i' = w_i, and where that is negative (active=1) w_i n / |C^-1/2 y_i|^2
 *     6. sigma <- sigma exp(c_s / d_s (|p_s| / E - 1))
 *     7. the search is over where the values of a generation and the best of the last 10 + 30 n / lambda differ by no
 *        more than tol_f, sigma and p_c are below 1e-12 of the first sigma, a fifth of the deviation moves m nowhere,
 *        or C has a condition of 1e14: with restarts it begins again where it began, with twice the lambda
 *
 * Weights and constants are those of table 1. B and D are renewed every 1 / (10 n (c_1 + c_mu)) generations. Samples
 * are put into the box, and y_k is what they then are. A value that is not finite counts as infinite. m is p, so that
 * moving the parameters moves the distribution. The answer is the best point seen. State: that, and n (n + lambda)
 * doubles twice over; within a step x: 4 bytes a parameter in f32.
 */
#include "blocks/agree.h"
#include "blocks/joined.h"
#include "blocks/moving.h"
#include "blocks/noise.h"
#include "linear/linear.h"

enum { SIGMA, POPSIZE, ACTIVE, RESTARTS, TOL_F };
static const option_t OPTIONS[] = {
    [SIGMA] = {"sigma", 0.3, "(0,inf)", "first standard deviation: the best point is within some of them"},
    [POPSIZE] = {"popsize", 0, "integer [0,100000]", "lambda; 0: 4 + 3 ln n, and 4 at the least", .zero_apart = true,
                 .decides_memory = true},
    [ACTIVE] = {"active", 1, "0|1", "negative weights for the worst samples"},
    [RESTARTS] = {"restarts", 0, "integer [0,12]", "how often to begin again with twice the lambda",
                  .decides_memory = true},
    [TOL_F] = {"tol_f", 1e-12, "[0,inf)", "values no farther apart are the same: the search is over"},
    {0},
};

static const char *check(const double *option) {
    return option[POPSIZE] > 0 && option[POPSIZE] < 4 ? "popsize must be 0, or 4 at the least" : NULL;
}

enum { X, BEST };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [BEST] = {"best", "the best point seen", LIKE_PARAM, KEPT, .from_param = true, .exact = true, .undone = true},
    {0},
};

typedef struct memory {
    double sigma, lowest; /* lowest: the best value seen */
    double begun, lambda, generation, restarts, since;
    double *c, *b, *scale; /* C; rows of b are eigenvectors, scale their standard deviations: D */
    double *path_s, *path_c;
    double *start;          /* m in the beginning */
    double *history;        /* the best values of the last generations */
    double *sample, *value; /* within a step, all that follows: y_k; f_k */
    double *order, *weight; /* samples by value; w_i */
    double *mean, *point, *step, *room;
    int64_t k;
    noise_t z;
} memory_t;

/* ---- How much there is ---- */

static double first_lambda(double n, const double *option) {
    return option[POPSIZE] > 0 ? option[POPSIZE] : 4 + floor(3 * log(fmax(n, 1)));
}
static size_t lambda_length(size_t elements, const double *option) {
    return (size_t)(first_lambda((double)elements, option) * ldexp(1, (int)option[RESTARTS]));
}
static size_t sample_length(size_t elements, const double *option) {
    const double count = (double)elements * (double)lambda_length(elements, option);
    return count > 0x1p40 ? PTRDIFF_MAX / 1024 : (size_t)count;
}
static size_t history_length(size_t elements, const double *option) {
    return 10 + (size_t)ceil(30 * (double)elements / first_lambda((double)elements, option));
}
static size_t room_length(size_t elements, const double *option) {
    (void)option;
    return (linear_eigen_room(elements) + sizeof(double) - 1) / sizeof(double);
}

#define LIST_ROW(name, doc, member, size)                                                                              \
    { name, doc, FIELD(OF_METHOD, memory_t, member), .length = (size) }
#define ROOM_ROW(name, doc, member, size)                                                                              \
    { name, doc, FIELD(OF_METHOD, memory_t, member), .length = (size), .within_step = true }
#define VECTOR_ROW(name, doc, member, within)                                                                          \
    { name, doc, FIELD(OF_METHOD, memory_t, member), .each = EACH_ELEMENT, .within_step = (within) }
static const field_t FIELDS[] = {
    {"current_sigma", "the step size", FIELD(OF_METHOD, memory_t, sigma)},
    {"lowest", "the best value seen", FIELD(OF_METHOD, memory_t, lowest), .initial = (double)INFINITY},
    {"begun", "coordinates of the distribution", FIELD(OF_METHOD, memory_t, begun), .whole = true},
    {"lambda", "samples of a generation", FIELD(OF_METHOD, memory_t, lambda), .whole = true},
    {"generation", "g: since the last restart", FIELD(OF_METHOD, memory_t, generation), .whole = true},
    {"restarted", "how often", FIELD(OF_METHOD, memory_t, restarts), .whole = true},
    {"since", "generations since B and D are what they are", FIELD(OF_METHOD, memory_t, since), .whole = true},
    LIST_ROW("C", "covariance", c, joined_square),
    LIST_ROW("B", "its eigenvectors, in rows", b, joined_square),
    VECTOR_ROW("D", "roots of its eigenvalues", scale, false),
    VECTOR_ROW("path_s", "p_s: path of the step size", path_s, false),
    VECTOR_ROW("path_c", "p_c: path of the covariance", path_c, false),
    VECTOR_ROW("start", "where the search began", start, false),
    LIST_ROW("history", "the best values of generations", history, history_length),
    ROOM_ROW("sample", "y_k", sample, sample_length),
    ROOM_ROW("value", "f_k", value, lambda_length),
    ROOM_ROW("order", "samples by value", order, lambda_length),
    ROOM_ROW("weight", "of ranks", weight, lambda_length),
    VECTOR_ROW("mean", "m", mean, true),
    VECTOR_ROW("point", "the sample, as a point", point, true),
    VECTOR_ROW("step", "y", step, true),
    ROOM_ROW("room", "of the eigenvalues", room, room_length),
    {0},
};

/* ---- Kernels ---- */

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

static void keep_best(const tile_t *t) {
    memcpy(t->state[BEST], t->p, t->n * sizeof(real));
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[BEST], t->n * sizeof(real));
}

enum { BEGIN, PUT, COLLECT, KEEP_BEST };

/* ---- The distribution: all vectors have an element for each of the method's, frozen ones do not vary ---- */

static bool is_live(const step_t *s, size_t element) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        if (tensor != NULL && element >= tensor->first_of_method && element - tensor->first_of_method < tensor->count)
            return true;
    }
    return false;
}

/* A normal distribution around m, of sigma in every direction that may vary. */
static void spread(step_t *s) {
    memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    memset(m->c, 0, d * d * sizeof *m->c);
    memset(m->b, 0, d * d * sizeof *m->b);
    memset(m->path_s, 0, d * sizeof *m->path_s);
    memset(m->path_c, 0, d * sizeof *m->path_c);
    for (size_t i = 0; i < d; ++i) {
        m->b[i * d + i] = 1;
        m->c[i * d + i] = m->scale[i] = is_live(s, i);
    }
    m->sigma = s->option[SIGMA];
    m->generation = m->since = 0;
}

static void start(step_t *s) {
    memory_t *m = s->memory;
    m->begun = (double)moving_elements(s);
    m->lambda = first_lambda(m->begun, s->option);
    m->restarts = 0;
    memcpy(m->start, m->mean, step_own_elements(s) * sizeof *m->mean);
    spread(s);
}

/* out <- B D z, or B D^-1 B' y: `inverse`. */
static void transform(const step_t *s, const double *z, double *out, bool inverse) {
    const memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    memset(out, 0, d * sizeof *out);
    for (size_t k = 0; k < d; ++k) {
        const double *vector = m->b + k * d, scale = m->scale[k];
        if (scale == 0)
            continue;
        const double by = inverse ? inner_product(d, vector, z) / scale : scale * z[k];
        for (size_t i = 0; i < d; ++i)
            out[i] += by * vector[i];
    }
}

/* Line 1; false: C is no covariance any more. */
static bool decompose(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    memcpy(m->b, m->c, d * d * sizeof *m->c);
    if (linear_eigen(d, m->b, m->scale, m->room) != LINEAR_OK)
        return false;
    const double rounding = (double)d * DBL_EPSILON * m->scale[d - 1];
    for (size_t k = 0; k < d; ++k) {
        if (!(m->scale[k] >= -rounding))
            return false;
        m->scale[k] = m->scale[k] > rounding ? sqrt(m->scale[k]) : 0;
    }
    return true;
}

/* ---- Table 1 ---- */

typedef struct constants {
    double n, mu, mu_eff, c_s, d_s, c_c, c_1, c_mu, length; /* length: E */
    double sum;                                             /* of all weights */
} cma_t;

static double raw_weight(double lambda, size_t i) {
    return log((lambda + 1) / 2) - log((double)i + 1);
}

static cma_t rates(const memory_t *m) {
    double sum = 0, squares = 0;
    const double n = m->begun, mu = floor(m->lambda / 2);
    for (size_t i = 0; (double)i < mu; ++i) {
        sum += raw_weight(m->lambda, i);
        squares += raw_weight(m->lambda, i) * raw_weight(m->lambda, i);
    }
    const double e = sum * sum / squares;
    cma_t r = {.n = n, .mu = mu, .mu_eff = e};
    r.c_s = (e + 2) / (n + e + 5);
    r.d_s = 1 + 2 * fmax(0, sqrt((e - 1) / (n + 1)) - 1) + r.c_s;
    r.c_c = (4 + e / n) / (n + 4 + 2 * e / n);
    r.c_1 = 2 / ((n + 1.3) * (n + 1.3) + e);
    r.c_mu = fmin(1 - r.c_1, 2 * (0.25 + e + 1 / e - 2) / ((n + 2) * (n + 2) + e));
    r.length = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    return r;
}

static cma_t weigh(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t lambda = (size_t)m->lambda;
    cma_t r = rates(m);
    double up = 0, down = 0, squares = 0;
    for (size_t i = 0; i < lambda; ++i) {
        const double w = m->weight[i] = raw_weight(m->lambda, i);
        up += fmax(w, 0);
        down += fmax(-w, 0);
        squares += w < 0 ? w * w : 0;
    }
    const double least = fmin(1 + r.c_1 / r.c_mu, fmin(1 + 2 * (down * down / squares) / (r.mu_eff + 2),
                                                       (1 - r.c_1 - r.c_mu) / (r.n * r.c_mu)));
    for (size_t i = 0; i < lambda; ++i) {
        m->weight[i] *= m->weight[i] >= 0 ? 1 / up : s->option[ACTIVE] * least / down;
        r.sum += m->weight[i];
    }
    return r;
}

/* ---- A generation ---- */

/* Sample k, as a point. */
static void bear(step_t *s) {
    memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    double *y = m->sample + (size_t)m->k * d;
    m->z = noise_draw(s);
    for (size_t i = 0; i < d; ++i)
        m->point[i] = random_normal(m->z.seed, m->z.first + 2 * i);
    transform(s, m->point, y, false);
    for (size_t i = 0; i < d; ++i)
        m->point[i] = m->mean[i] + m->sigma * y[i];
    step_update(s, PUT, &(joined_t){.list = m->point});
    step_into_box(s);
}

/* Its value, and where it was. */
static void take(step_t *s) {
    memory_t *m = s->memory;
    const size_t d = step_own_elements(s), k = (size_t)m->k;
    const double f = isfinite(s->loss) ? s->loss : (double)INFINITY;
    double *y = m->sample + k * d;
    step_tensors_in_turn(s, COLLECT, &(joined_t){.list = m->point, .from = JOINED_PARAMETERS});
    for (size_t i = 0; i < d; ++i)
        y[i] = (m->point[i] - m->mean[i]) / m->sigma;
    size_t to = k;
    for (; to > 0 && m->value[(size_t)m->order[to - 1]] > f; --to)
        m->order[to] = m->order[to - 1];
    m->order[to] = (double)k;
    m->value[k] = f;
    if (f < m->lowest) {
        m->lowest = f;
        step_update(s, KEEP_BEST, NULL);
    }
}

/* Line 5. */
static void adapt_covariance(const step_t *s, const cma_t *r, double h) {
    const memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    const double keep = 1 + r->c_1 * (1 - h) * r->c_c * (2 - r->c_c) - r->c_1 - r->c_mu * r->sum;
    for (size_t i = 0; i < d * d; ++i)
        m->c[i] = keep * m->c[i] + r->c_1 * m->path_c[i / d] * m->path_c[i % d];
    for (size_t rank = 0; rank < (size_t)m->lambda; ++rank) {
        const double *y = m->sample + (size_t)m->order[rank] * d;
        double w = r->c_mu * m->weight[rank];
        if (w < 0) {
            transform(s, y, m->point, true);
            const double square = inner_product(d, m->point, m->point);
            w = square > 0 ? w * r->n / square : 0;
        }
        for (size_t i = 0; w != 0 && i < d; ++i)
            for (size_t j = 0; j < d; ++j)
                m->c[i * d + j] += w * y[i] * y[j];
    }
}

/* Lines 2 to 6. */
static void adapt(step_t *s, const cma_t *r) {
    memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    memset(m->step, 0, d * sizeof *m->step);
    for (size_t rank = 0; (double)rank < r->mu; ++rank)
        for (size_t i = 0; i < d; ++i)
            m->step[i] += m->weight[rank] * m->sample[(size_t)m->order[rank] * d + i];
    transform(s, m->step, m->point, true);
    for (size_t i = 0; i < d; ++i) {
        m->mean[i] += m->sigma * m->step[i];
        m->path_s[i] = (1 - r->c_s) * m->path_s[i] + sqrt(r->c_s * (2 - r->c_s) * r->mu_eff) * m->point[i];
    }
    const double path = norm(d, m->path_s), shrunk = 1 - pow(1 - r->c_s, 2 * (m->generation + 1));
    const double h = path / sqrt(shrunk) < (1.4 + 2 / (r->n + 1)) * r->length;
    for (size_t i = 0; i < d; ++i)
        m->path_c[i] = (1 - r->c_c) * m->path_c[i] + h * sqrt(r->c_c * (2 - r->c_c) * r->mu_eff) * m->step[i];
    adapt_covariance(s, r, h);
    m->sigma *= exp(r->c_s / r->d_s * (path / r->length - 1));
    m->generation += 1;
    m->since += 1;
}

/* Line 7, of values. */
static bool values_are_the_same(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t length = history_length(step_own_elements(s), s->option), lambda = (size_t)m->lambda;
    const double wanted = 10 + ceil(30 * m->begun / m->lambda);
    double low = m->value[(size_t)m->order[0]], high = m->value[(size_t)m->order[lambda - 1]];
    m->history[(size_t)fmod(m->generation - 1, (double)length)] = low;
    for (size_t i = 0; (double)i < fmin(wanted, fmin(m->generation, (double)length)); ++i) {
        const double f = m->history[(size_t)fmod(m->generation - 1 - (double)i, (double)length)];
        low = fmin(low, f);
        high = fmax(high, f);
    }
    return m->generation >= wanted && high - low <= s->option[TOL_F];
}

/* And of the distribution. */
static bool is_over(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t d = step_own_elements(s);
    const double tiny = 1e-12 * s->option[SIGMA], most = 1e14;
    double low = (double)INFINITY, high = 0;
    bool short_steps = true, moves_nowhere = false;
    for (size_t i = 0; i < d; ++i) {
        const double deviation = m->sigma * sqrt(m->c[i * d + i]);
        if (deviation == 0)
            continue;
        short_steps = short_steps && deviation < tiny && m->sigma * fabs(m->path_c[i]) < tiny;
        moves_nowhere = moves_nowhere || m->mean[i] + 0.2 * deviation == m->mean[i];
        low = fmin(low, m->c[i * d + i]);
        high = fmax(high, m->c[i * d + i]);
    }
    for (size_t k = 0; k < d; ++k)
        if (m->scale[k] > 0) {
            low = fmin(low, m->scale[k] * m->scale[k]);
            high = fmax(high, m->scale[k] * m->scale[k]);
        }
    return short_steps || moves_nowhere || high > most * low || !isfinite(m->sigma);
}

/* Ends a generation: B and D anew, or another search. */
static void renew(step_t *s, const cma_t *r) {
    memory_t *m = s->memory;
    bool ends = values_are_the_same(s);
    ends = is_over(s) || ends;
    if (ends && m->restarts < s->option[RESTARTS]) {
        m->restarts += 1;
        m->lambda *= 2;
        memcpy(m->mean, m->start, step_own_elements(s) * sizeof *m->mean);
        spread(s);
    } else if (m->since * 10 * r->n * (r->c_1 + r->c_mu) >= 1) {
        if (!decompose(s))
            spread(s);
        m->since = 0;
    }
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree_but(s, OPTIONS, -1))
        return step_fail(s, OPTIM_ERR_VALUE, "all options must be the same in all groups");
    if (moving_elements(s) == 0)
        return OPTIM_OK;
    step_update(s, BEGIN, NULL);
    memset(m->mean, 0, step_own_elements(s) * sizeof *m->mean);
    step_tensors_in_turn(s, COLLECT, &(joined_t){.list = m->mean, .from = JOINED_PARAMETERS});
    if (m->begun != (double)moving_elements(s))
        start(s);
    for (m->k = 0; (double)m->k < m->lambda; ++m->k) {
        bear(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        take(s);
    }
    if (isfinite(m->value[(size_t)m->order[0]])) { /* otherwise nothing was learnt: other samples from here */
        const cma_t r = weigh(s);
        adapt(s, &r);
        renew(s, &r);
    }
    step_update(s, PUT, &(joined_t){.list = m->mean});
    STEP_END(s);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    enum { MOST = 4096 };
    (void)option;
    return tensor->count > MOST ? "a covariance of more than 4096 coordinates takes too much memory and time" : NULL;
}

const method_t METHOD(cma_es) = {
    .name = "cma_es",
    .purpose =
        "samples of a normal distribution that learns its covariance: the standard for hard functions of up to a "
        "hundred parameters",
    .citation = "Hansen: The CMA Evolution Strategy: A Tutorial, 2016, arXiv:1604.00772; Auger, Hansen: A Restart CMA "
                "Evolution Strategy With Increasing Population Size, CEC 2005",
    .evaluations = "lambda values",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | READS_LOSS | VALUES_ONLY | WHOLE_TENSORS | NEEDS_LAPACK,
    .memory = sizeof(memory_t),
    .check = check,
    .refuses = refuses,
    .advance = advance,
    .kernels = {begin, joined_put, joined_collect, keep_best},
    .arguments = {[PUT] = sizeof(joined_t), [COLLECT] = sizeof(joined_t)},
    .output = output,
};
