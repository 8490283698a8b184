/*
 * levenberg_marquardt: least squares, f = |r|^2 / 2 of residuals r(x) with the Jacobian J, within a trust region whose
 * axes are as long as the columns of J are short.
 *
 * Levenberg 1944; Marquardt 1963; More, "The Levenberg-Marquardt algorithm: implementation and theory", Lecture Notes
 * in Mathematics 630, 1978, as MINPACK has it. It differs in that the steps come from the singular values of J D^-1,
 * so that no rank of it is special.
 *
 *     1. D_j <- max(D_j, |J_j|), the largest length of column j so far (1 where that is 0);   J D^-1 = U S V',  b = U'r
 *        radius = factor |D x| in the first step (none, where that is 0)
 *     2. z = -D^-1 V S b / (S^2 + lambda):  lambda = 0, of S > n eps S_1 alone, if |D z| <= 1.1 radius; otherwise the
 *        lambda for which |D z| is the radius, to 10 percent
 *     3. a = 1 - |r(x + z)|^2 / |r|^2,   p = (|J z|^2 + 2 lambda |D z|^2) / |r|^2,   rho = a / p
 *     4. rho <= 1/4: radius <- mu min(radius, 10 |D z|),  mu = 1/2, or where a < 0 the minimum of the parabola through
 *        a and the slope, but at least 1/10;   rho >= 3/4, or lambda = 0 and rho > 1/4: radius <- 2 |D z|
 *     5. rho > 1e-4: x <- x + z;   otherwise again from 2, unless p is at most eps, z is lost in the rounding of x, or
 *        max_tries are done
 *
 * eps = 2^-52. J is asked for by rows and reduced to a triangle, n + 1 rows at a time. Residuals, triangle and gradient
 * of the accepted point are kept and never evaluated again. Steps do not depend on the units of r, nor on those of any
 * x_j. State: g; for n elements and m residuals n^2 + 2 n + m doubles, within a step x, z, and m n + 6 n^2 doubles.
 */
#include "blocks/hessian.h"

enum { FACTOR, MAX_TRIES };
static const option_t OPTIONS[] = {
    [FACTOR] = {"factor", 100, "(0,inf)", "the first radius, in units of |D x|"},
    [MAX_TRIES] = {"max_tries", 30, "integer [1,inf)", "most radii that a step tries"},
    {0},
};

static const double ANY_LENGTH = 0x1p1000;

enum { G, X, Z };
static const state_t STATE[] = {
    [G] = {"g", "the gradient at x", LIKE_PARAM, KEPT, .undone = true},
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [Z] = {"z", "the step", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double f, radius;
    double *r, *trial;                /* residuals at x; within a step, at x + z */
    double *triangle;                 /* R of J = Q R, by rows, and behind each row what Q'r has there: n (n + 1) */
    double *scale;                    /* D, by element of the method */
    double *jacobian;                 /* within a step, as is what follows */
    double *stack;                    /* rows that are reduced: 3 (n + 1)^2 */
    double *u, *v, *singular, *b, *z; /* z: D z, then z */
    double *room;                     /* of LAPACK */
    double lambda, length, bend;      /* lambda, |D z|, |J z|^2 */
    int64_t tries;
} memory_t;

static size_t count(size_t elements, const double *option) {
    (void)option;
    return elements;
}
static size_t bordered(size_t elements, const double *option) {
    (void)option;
    return hessian_length(elements, 1, 1);
}
static size_t stack_length(size_t elements, const double *option) {
    (void)option;
    return hessian_length(elements + 1, 3, 0);
}
static size_t square(size_t elements, const double *option) {
    (void)option;
    return hessian_length(elements, 1, 0);
}
/* What is far too large for the matrices is never asked for its room. */
static size_t room_length(size_t elements, const double *option) {
    (void)option;
    const size_t n = elements < 1 << 15 ? elements : 1 << 15;
    const size_t qr = linear_qr_room(2 * (n + 1), n + 1), svd = linear_svd_room(n, n);
    return (qr > svd ? qr : svd) / sizeof(double) + 1;
}

#define WITHIN(member, doc, size)                                                                                      \
    { #member, doc, FIELD(OF_METHOD, memory_t, member), .length = (size), .within_step = true }
static const field_t FIELDS[] = {
    {"f", "loss at x", FIELD(OF_METHOD, memory_t, f)},
    {"radius", "of the trust region, of D z", FIELD(OF_METHOD, memory_t, radius)},
    {"r", "residuals at x", FIELD(OF_METHOD, memory_t, r), .each = EACH_RESIDUAL},
    {"trial", "residuals at x + z", FIELD(OF_METHOD, memory_t, trial), .each = EACH_RESIDUAL, .within_step = true},
    {"triangle", "R of J = Q R, and Q'r", FIELD(OF_METHOD, memory_t, triangle), .length = bordered},
    {"scale", "D", FIELD(OF_METHOD, memory_t, scale), .length = count},
    {"jacobian", "J, by rows", FIELD(OF_METHOD, memory_t, jacobian), .length = count, .by_residual = true,
     .within_step = true},
    WITHIN(stack, "rows of J", stack_length),
    WITHIN(u, "left singular vectors", square),
    WITHIN(v, "right singular vectors", square),
    WITHIN(singular, "singular values", count),
    WITHIN(b, "U'r", count),
    WITHIN(z, "the step", count),
    WITHIN(room, "for LAPACK", room_length),
    {0},
};

static double half_square(const step_t *s, const double *r) {
    return inner_product((size_t)s->residuals, r, r) / 2;
}

/* ---- Line 1 ---- */

/* Rows first .. of [J | r], behind the triangle; zeros where there are no more. */
static void stack_rows(step_t *s, size_t n, size_t first) {
    memory_t *m = s->memory;
    const size_t all = (size_t)s->residuals, side = n + 1;
    double *rows = m->stack + side * side;
    memset(rows, 0, side * side * sizeof *rows);
    for (size_t i = 0; i < side && first + i < all; ++i) {
        double *to = rows + i * side;
        for (size_t t = 0; t < step_tensor_count(s); ++t) {
            const tensor_t *tensor = step_tensor(s, t);
            if (tensor == NULL)
                continue;
            memcpy(to, m->jacobian + all * tensor->first_of_method + (first + i) * tensor->count,
                   tensor->count * sizeof *to);
            to += tensor->count;
        }
        *to = m->r[first + i];
    }
}

/* The triangle of [J | r], a few rows at a time. */
static linear_status_t reduce(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = moving_elements(s), side = n + 1;
    double *result = m->stack + 2 * side * side;
    memset(result, 0, side * side * sizeof *result);
    for (size_t first = 0; first < (size_t)s->residuals; first += side) {
        memcpy(m->stack, result, side * side * sizeof *result);
        stack_rows(s, n, first);
        const linear_status_t status = linear_qr(2 * side, side, m->stack, result, m->room);
        if (status != LINEAR_OK)
            return status;
    }
    memcpy(m->triangle, result, n * side * sizeof *result);
    return LINEAR_OK;
}

/* g = R'Q'r, and D; x is where the row X is. */
static void take_gradient(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = moving_elements(s), side = n + 1;
    for (size_t j = 0; j < n; ++j) {
        double g = 0, length = 0;
        for (size_t i = 0; i <= j; ++i) {
            g += m->triangle[i * side + j] * m->triangle[i * side + n];
            length = hypot(length, m->triangle[i * side + j]);
        }
        double *scale = &m->scale[hessian_place(s, j)];
        *scale = fmax(*scale, length);
        m->z[j] = g;
    }
    scatter(s, m->z, vector(G));
}

static double scale_of(const step_t *s, size_t j) {
    const double scale = ((const memory_t *)s->memory)->scale[hessian_place(s, j)];
    return scale > 0 ? scale : 1;
}

/* |D x| */
static double scaled_length(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = moving_elements(s);
    double length = 0;
    gather(s, vector(X), m->z);
    for (size_t j = 0; j < n; ++j)
        length = hypot(length, scale_of(s, j) * m->z[j]);
    return length;
}

/* J has arrived; x is where the parameters are. */
static optim_status take_jacobian(step_t *s) {
    memory_t *m = s->memory;
    const linear_status_t status = reduce(s);
    if (status == LINEAR_NONFINITE)
        return step_reject(s);
    if (status != LINEAR_OK)
        return linear_error(status, "levenberg_marquardt: the Jacobian");
    take_gradient(s);
    if (m->radius == 0) {
        const double length = scaled_length(s);
        m->radius = length > 0 ? s->option[FACTOR] * length : ANY_LENGTH;
    }
    return OPTIM_OK;
}

static optim_status decompose(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = moving_elements(s), side = n + 1;
    double *a = m->stack;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            a[i * n + j] = m->triangle[i * side + j] / scale_of(s, j);
    const linear_status_t status = linear_svd(n, n, a, m->u, m->singular, m->v, m->room);
    if (status != LINEAR_OK)
        return linear_error(status, "levenberg_marquardt: the Jacobian");
    for (size_t k = 0; k < n; ++k) {
        m->b[k] = 0;
        for (size_t i = 0; i < n; ++i)
            m->b[k] += m->u[i * n + k] * m->triangle[i * side + n];
    }
    return OPTIM_OK;
}

/* ---- Line 2 ---- */

/* S_k b_k / (S_k^2 + lambda), and 0 beyond the rank. */
static double weight(const memory_t *m, size_t n, size_t k, double lambda) {
    const double s = m->singular[k];
    return lambda > 0 || s > (double)n * DBL_EPSILON * m->singular[0] ? s * m->b[k] / (s * s + lambda) : 0;
}

/* |D z|, and its derivative by lambda. */
static double length_at(const memory_t *m, size_t n, double lambda, double *slope) {
    double sum = 0, bent = 0;
    for (size_t k = 0; k < n; ++k) {
        const double w = weight(m, n, k, lambda), s = m->singular[k];
        sum += w * w;
        bent += w == 0 ? 0 : w * w / (s * s + lambda);
    }
    *slope = sum > 0 ? -bent / sqrt(sum) : 0;
    return sqrt(sum);
}

/* 1 / |D z| is nearly a straight line in lambda: Newton on that, from the left. */
static void find_lambda(step_t *s, size_t n) {
    enum { MOST = 50 };
    memory_t *m = s->memory;
    double slope, lambda = 0, length = length_at(m, n, 0, &slope);
    for (int k = 0; k < MOST && length > 1.1 * m->radius && slope < 0; ++k) {
        lambda += (length - m->radius) / m->radius * length / -slope;
        length = length_at(m, n, lambda, &slope);
    }
    m->lambda = lambda;
    m->length = length;
}

/* To the point x + z. */
static void go(step_t *s) {
    memory_t *m = s->memory;
    const size_t n = moving_elements(s);
    find_lambda(s, n);
    memset(m->z, 0, n * sizeof *m->z);
    m->bend = 0;
    for (size_t k = 0; k < n; ++k) {
        const double w = weight(m, n, k, m->lambda), bend = m->singular[k] * w;
        m->bend += bend * bend;
        for (size_t j = 0; j < n; ++j)
            m->z[j] -= w * m->v[k * n + j];
    }
    for (size_t j = 0; j < n; ++j)
        m->z[j] /= scale_of(s, j);
    scatter(s, m->z, vector(Z));
    copy(s, vector(X), vector(PARAMETERS));
    axpy(s, 1, vector(Z), vector(PARAMETERS));
}

/* ---- Lines 3 to 5 ---- */

static double promised(const memory_t *m) {
    return (m->bend + 2 * m->lambda * m->length * m->length) / (2 * m->f);
}

/* The next radius; whether x + z is taken. */
static bool judge(step_t *s) {
    memory_t *m = s->memory;
    const double f = half_square(s, m->trial), p = promised(m);
    const double a = isfinite(f) ? 1 - f / m->f : -(double)INFINITY, rho = p > 0 ? a / p : 0;
    if (!(rho > 0.25)) {
        const double slope = -(m->bend + m->lambda * m->length * m->length) / (2 * m->f);
        const double mu = a >= 0 ? 0.5 : fmax(0.5 * slope / (slope + 0.5 * a), 0.1);
        m->radius = (isfinite(a) ? mu : 0.1) * fmin(m->radius, 10 * m->length);
    } else if (rho >= 0.75 || m->lambda == 0) {
        m->radius = 2 * m->length;
    }
    ++m->tries;
    if (!(rho > 1e-4))
        return false;
    memcpy(m->r, m->trial, (size_t)s->residuals * sizeof *m->r);
    m->f = f;
    return true;
}

/* Whether rounding is all that another try could tell. */
static bool is_spent(step_t *s) {
    memory_t *m = s->memory;
    return !(promised(m) > DBL_EPSILON) || !(m->length > DBL_EPSILON * scaled_length(s));
}

static optim_status done(step_t *s) {
    return hold_gradient(s, ((const memory_t *)s->memory)->f, vector(G));
}

static optim_status stay(step_t *s, bool is_spent) {
    copy(s, vector(X), vector(PARAMETERS));
    s->is_spent = is_spent;
    return done(s);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    optim_status status;
    bool taken = false;
    STEP_BEGIN(s);
    copy(s, vector(PARAMETERS), vector(X));
    if (!s->holds_gradient) {
        STEP_ASK(s, .kind = OPTIM_EVAL_RESIDUALS, .sample = OPTIM_SAMPLE_SAME, .values = m->r);
        m->f = half_square(s, m->r);
        if (!isfinite(m->f))
            return step_reject(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_JACOBIAN, .sample = OPTIM_SAMPLE_SAME, .stays = true, .values = m->jacobian);
        status = take_jacobian(s);
        if (status != OPTIM_OK)
            return status;
    }
    status = decompose(s);
    if (status != OPTIM_OK)
        return status;
    m->tries = 0;
    do {
        go(s);
        if (!(m->bend > 0)) /* g = 0 */
            return stay(s, true);
        STEP_ASK(s, .kind = OPTIM_EVAL_RESIDUALS, .sample = OPTIM_SAMPLE_SAME, .values = m->trial);
        taken = judge(s);
        if (!taken && ((double)m->tries >= s->option[MAX_TRIES] || is_spent(s)))
            return stay(s, is_spent(s));
    } while (!taken);
    STEP_ASK(s, .kind = OPTIM_EVAL_JACOBIAN, .sample = OPTIM_SAMPLE_SAME, .stays = true, .values = m->jacobian);
    status = take_jacobian(s);
    return status == OPTIM_OK ? done(s) : status;
    STEP_END(s);
}

const method_t METHOD(levenberg_marquardt) = {
    .name = "levenberg_marquardt",
    .purpose = "least squares, from residuals and their Jacobian, within a trust region",
    .citation =
        "Levenberg 1944; Marquardt 1963; More: The Levenberg-Marquardt algorithm: implementation and theory, 1978",
    .evaluations = "residuals for each radius tried, and 1 Jacobian; the first step both once more",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | SEARCHES | VALUES_ONLY | LEAST_SQUARES | WHOLE_TENSORS | NEEDS_LAPACK,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses = hessian_refuses,
    .advance = advance,
    .kernels = {HESSIAN_KERNELS},
    .arguments = {HESSIAN_ARGUMENTS},
};
