/*
 * optim_check_gradient: gradients against central differences of the loss,
 *
 *     seen = f(x+) - f(x-)    told = g'(x+ - x-)    x+- = x +- h (|x_i| + s) v_i, as rounded and within the box
 *
 * with v normal, s the root mean square of the tensor's elements, and h twice: what two lengths agree on is no matter
 * of rounding or curvature. Along random directions first; where one disagrees, element by element, within the half,
 * and half of that, that disagrees more, where there are many.
 */
#include <math.h>

#include "base/error.h"
#include "kernels/random.h"
#include "optimizer/abi.h"
#include "optimizer/measures.h"

enum { MOST_DIRECTIONS = 1000, USUAL_DIRECTIONS = 3 };

typedef struct checker {
    optim_t *opt;
    optim_problem problem;
    optim_gradient_check result;
    copies_t x, g;
    uint64_t seed, draws;
    size_t elements; /* of all parameters with a gradient */
    double spacing, rounding;
} checker_t;

/* What was told and seen along a direction. */
typedef struct pair {
    double told, seen, error; /* error: relative, 0 where it is within rounding */
    double moved;             /* the sum of x+ - x- over its elements: of one alone, how far that went */
} pair_t;

/* ---- Directions: elements first .. last - 1 of all those that have a gradient, one after the other ---- */

typedef struct range {
    size_t first, last;
} range_t;

static bool is_checked(const tensor_t *tensor) {
    return tensor->grad != NULL && !tensor->frozen;
}

static void piece(const checker_t *c, optim_dtype dtype, const void *from, size_t end, size_t at, double *chunk) {
    (void)primitives_read(c->opt->engine.primitives, dtype, from, end, at, chunk);
}

/* The root mean square of a tensor, 1 where all of it is 0. */
static double scale_of(const checker_t *c, size_t i) {
    const tensor_t *tensor = &c->opt->engine.tensors[i];
    double chunk[READ_ELEMENTS], sum = 0;
    for (size_t at = 0, n;
         (n = primitives_read(c->opt->engine.primitives, tensor->dtype, c->x.of[i], tensor->count, at, chunk)) > 0;
         at += n)
        for (size_t j = 0; j < n; ++j)
            sum += chunk[j] * chunk[j] / (double)tensor->count;
    return sum > 0 && isfinite(sum) ? sqrt(sum) : 1;
}

/* Puts p <- x + h (|x| + s) v into the elements at .. at + n - 1 of a tensor; adds g'(p - x) to what is told of them,
 * or takes it from that, as h says. */
static void move_piece(const checker_t *c, size_t i, size_t at, size_t n, size_t flat, range_t range, double h,
                       double s, pair_t *pair) {
    double x[READ_ELEMENTS] = {0}, g[READ_ELEMENTS] = {0}, p[READ_ELEMENTS];
    const double way = h > 0 ? 1 : -1;
    const tensor_t *tensor = &c->opt->engine.tensors[i];
    const bool alone = range.last - range.first == 1;
    piece(c, tensor->dtype, c->x.of[i], at + n, at, x);
    piece(c, tensor->grad_dtype, c->g.of[i], at + n, at, g);
    for (size_t j = 0; j < n; ++j) {
        const size_t place = flat + j;
        const bool moves = place >= range.first && place < range.last;
        const double v = !moves ? 0 : alone ? 1 : random_normal(c->seed, c->draws + 2 * place);
        p[j] = moves ? x[j] + h * (fabs(x[j]) + s) * v : x[j];
    }
    measure_write(c->opt, i, at, n, p);
    for (size_t j = 0; j < n; ++j) {
        pair->told += way * (g[j] * (p[j] - x[j]));
        pair->moved += way * (p[j] - x[j]);
    }
}

static void move(const checker_t *c, range_t range, double h, pair_t *pair) {
    size_t flat = 0;
    copies_put_back(&c->x, c->opt);
    for (size_t i = 0; i < c->x.count; ++i) {
        const tensor_t *tensor = &c->opt->engine.tensors[i];
        const size_t count = is_checked(tensor) ? tensor->count : 0;
        const bool touches = flat < range.last && flat + count > range.first;
        const double s = touches ? scale_of(c, i) : 0;
        for (size_t at = 0; touches && at < count; at += READ_ELEMENTS)
            move_piece(c, i, at, count - at < READ_ELEMENTS ? count - at : READ_ELEMENTS, flat + at, range, h, s, pair);
        flat += count;
    }
}

/* ---- Evaluations ---- */

/* The loss, and with `gradient` that too; false: the caller stopped. */
static bool evaluate(checker_t *c, bool gradient, double *loss) {
    const bool calls_loss = !gradient && c->problem.loss != NULL;
    const optim_request request = {.size = sizeof request,
                                   .kind = calls_loss ? OPTIM_EVAL_LOSS : OPTIM_EVAL_GRAD,
                                   .needs_loss = 1,
                                   .component = -1,
                                   .evaluation = 1};
    *loss = NAN;
    ++c->result.evaluations;
    c->result.callback = (calls_loss ? c->problem.loss : c->problem.gradient)(c->problem.user, &request, loss);
    return c->result.callback == 0;
}

/* Differences over this length. */
static bool look(checker_t *c, range_t range, double h, pair_t *pair) {
    enum { ROUNDINGS = 16 };
    double high, low;
    *pair = (pair_t){0};
    move(c, range, h, pair);
    if (!evaluate(c, false, &high))
        return false;
    move(c, range, -h, pair);
    if (!evaluate(c, false, &low))
        return false;
    pair->seen = high - low;
    const double noise = (double)ROUNDINGS * c->rounding * fmax(fabs(high), fabs(low));
    const double apart = fabs(pair->seen - pair->told), larger = fmax(fabs(pair->seen), fabs(pair->told));
    pair->error = !(apart > noise) && isfinite(apart) ? 0 : isfinite(apart) ? (apart - noise) / larger : 1;
    return true;
}

/* And over a shorter one: the better of the two. */
static bool compare(checker_t *c, range_t range, pair_t *pair) {
    enum { SHORTER = 16 };
    const double h = cbrt(c->spacing);
    pair_t nearer;
    if (!look(c, range, h, pair) || !look(c, range, h / (double)SHORTER, &nearer))
        return false;
    if (nearer.error < pair->error)
        *pair = nearer;
    return true;
}

/* ---- The search for the element ---- */

/* Of many elements the half that disagrees more, as often as it takes. */
static bool narrow(checker_t *c, range_t *range) {
    enum { FEW = 1024 };
    while (range->last - range->first > FEW) {
        const size_t middle = range->first + (range->last - range->first) / 2;
        const range_t half[] = {{range->first, middle}, {middle, range->last}};
        pair_t pair[2] = {{0}};
        if (!compare(c, half[0], &pair[0]) || !compare(c, half[1], &pair[1]))
            return false;
        *range = half[pair[1].error > pair[0].error];
    }
    return true;
}

static void name_element(checker_t *c, size_t place, const pair_t *pair) {
    for (size_t i = 0; i < c->x.count; ++i) {
        const tensor_t *tensor = &c->opt->engine.tensors[i];
        const size_t count = is_checked(tensor) ? tensor->count : 0;
        if (place < count) {
            double g = 0;
            piece(c, tensor->grad_dtype, c->g.of[i], place + 1, place, &g);
            c->result.param = (int)i;
            c->result.name = tensor->name;
            c->result.element = (int64_t)place;
            c->result.element_told = g;
            c->result.element_seen = pair->seen / pair->moved;
            return;
        }
        place -= count;
    }
}

/* The worst: by how far the loss goes astray, which an element of no weight cannot be. */
static bool find_element(checker_t *c, range_t range) {
    double worst = 0;
    for (size_t place = range.first; place < range.last; ++place) {
        pair_t pair = {0};
        if (!compare(c, (range_t){place, place + 1}, &pair))
            return false;
        if (pair.error > c->result.tolerance && !(fabs(pair.seen - pair.told) <= worst)) {
            worst = fabs(pair.seen - pair.told);
            name_element(c, place, &pair);
        }
    }
    return true;
}

static void run(checker_t *c, int directions) {
    optim_gradient_check *result = &c->result;
    double loss;
    const range_t all = {0, c->elements};
    if (!evaluate(c, true, &loss))
        return;
    copies_take(&c->g, c->opt);
    for (int k = 0; k < directions; ++k) {
        pair_t pair = {0};
        c->draws = 2 * (uint64_t)c->elements * (uint64_t)k;
        if (!compare(c, all, &pair))
            return;
        if (k == 0 || pair.error > result->error) {
            result->error = pair.error;
            result->told = pair.told;
            result->seen = pair.seen;
        }
        if (pair.error > result->tolerance)
            break;
    }
    result->agrees = result->error <= result->tolerance;
    range_t range = all;
    if (!result->agrees && narrow(c, &range))
        (void)find_element(c, range);
}

/* ---- The call ---- */

static optim_status check_call(checker_t *c, const optim_problem *problem, int directions,
                               const optim_gradient_check *result) {
    optim_status status = refuse_null(c->opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_null(problem, "problem");
    if (status == OPTIM_OK)
        status = refuse_null(result, "check");
    if (status == OPTIM_OK)
        status = abi_read(problem, &c->problem, sizeof c->problem, "optim_problem");
    if (status == OPTIM_OK)
        status = abi_read(result, &c->result, sizeof c->result, "optim_gradient_check");
    if (status == OPTIM_OK && (directions < 0 || directions > MOST_DIRECTIONS))
        status = error_set(OPTIM_ERR_ARGUMENT, "there cannot be %d directions; valid: 0 (the usual number) to %d",
                           directions, MOST_DIRECTIONS);
    if (status == OPTIM_OK)
        status = refuse_handle(c->opt, NOT_OPEN | NOT_SWAPPED, "checking the gradient");
    if (status == OPTIM_OK && c->problem.gradient == NULL)
        status = error_set(OPTIM_ERR_NULL, "problem.gradient must not be NULL");
    return status;
}

static void count_elements(checker_t *c) {
    for (size_t i = 0; i < c->opt->engine.tensor_count; ++i)
        c->elements += is_checked(&c->opt->engine.tensors[i]) ? c->opt->engine.tensors[i].count : 0;
}

optim_status optim_check_gradient(optim_t *opt, const optim_problem *problem, int directions, uint64_t seed,
                                  optim_gradient_check *check) {
    checker_t c = {.opt = opt, .seed = seed};
    optim_status status = check_call(&c, problem, directions, check);
    if (status != OPTIM_OK)
        return status;
    count_elements(&c);
    if (c.elements == 0)
        return error_set(OPTIM_ERR_ORDER, "there is no parameter with a gradient to check: optim_add_param first");
    if (!copies_make(&c.x, opt, false) || !copies_make(&c.g, opt, true)) {
        copies_free(&c.x);
        return error_nomem("checking the gradient");
    }
    copies_take(&c.x, opt);
    c.spacing = measure_spacing(opt);
    c.rounding = measure_rounding(opt);
    c.result = (optim_gradient_check){.tolerance = sqrt(sqrt(c.spacing)), .param = -1, .name = ""};
    opt->driven = true;
    run(&c, directions == 0 ? USUAL_DIRECTIONS : directions);
    opt->driven = false;
    copies_put_back(&c.x, opt);
    if (c.result.evaluations > 1 || c.result.callback == 0)
        copies_put_back(&c.g, opt);
    copies_free(&c.g);
    copies_free(&c.x);
    return abi_write(check, &c.result, sizeof c.result, "optim_gradient_check");
}
