/*
 * optim_check_gradient: gradients against central differences of their function's values,
 *
 *     seen = f(x+) - f(x-)    told = g'(x+ - x-)    x+- = x +- h (|x_i| + s) v_i, as rounded and within the box
 *
 * with v normal, s the root mean square of the tensor's elements, and h twice: what two lengths agree on is no matter
 * of rounding or curvature. Along random directions first; where one disagrees, element by element, within the half,
 * and half of that, that disagrees more, where there are many. f is the loss; then, for the products that a method asks
 * for, what they are the gradients of: see check_functions.c.
 */
#include "optimizer/check_gradient.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernels/random.h"
#include "optimizer/abi.h"

enum { MOST_DIRECTIONS = 1000, USUAL_DIRECTIONS = 3, SHORTER = 16 };

/* What was told and seen along a direction. */
typedef struct pair {
    double told, seen, error; /* error: relative, 0 where it is within rounding */
    double moved;             /* the sum of x+ - x- over its elements: of one alone, how far that went */
} pair_t;

/* ---- Directions: elements first .. last - 1 of all those that take part, one after the other ---- */

typedef struct range {
    size_t first, last;
} range_t;

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
    const bool alone = range.last - range.first == 1;
    piece(c, c->opt->engine.tensors[i].dtype, c->x.of[i], at + n, at, x);
    check_told(c, i, at, n, flat, g);
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
        if (c->way != NULL)
            c->way[flat + j] = (h > 0 ? 0 : c->way[flat + j]) + way * p[j];
    }
}

static void move(const checker_t *c, range_t range, double h, pair_t *pair) {
    size_t flat = 0;
    copies_put_back(&c->x, c->opt);
    for (size_t i = 0; i < c->x.count; ++i) {
        const tensor_t *tensor = &c->opt->engine.tensors[i];
        const size_t count = check_covers(c, tensor) ? tensor->count : 0;
        const bool touches = flat < range.last && flat + count > range.first;
        const double s = touches ? scale_of(c, i) : 0;
        for (size_t at = 0; touches && at < count; at += READ_ELEMENTS)
            move_piece(c, i, at, count - at < READ_ELEMENTS ? count - at : READ_ELEMENTS, flat + at, range, h, s, pair);
        flat += count;
    }
}

/* ---- Told and seen ---- */

/* Differences over this length. */
static bool look(checker_t *c, range_t range, double h, pair_t *pair) {
    double value[2], size[2];
    *pair = (pair_t){0};
    for (int side = 0; side < 2; ++side) {
        move(c, range, side == 0 ? h : -h, pair);
        if (!check_value(c, side, &value[side], &size[side]))
            return false;
    }
    if (c->kind == OPTIM_EVAL_JVP) {
        copies_put_back(&c->x, c->opt);
        if (!check_product(c, &pair->told))
            return false;
    }
    pair->seen = value[0] - value[1];
    const double noise = (double)CHECK_ROUNDINGS * c->rounding * fmax(size[0], size[1]);
    const double apart = fabs(pair->seen - pair->told), larger = fmax(fabs(pair->seen), fabs(pair->told));
    pair->error = !(apart > noise) && isfinite(apart) ? 0 : isfinite(apart) ? (apart - noise) / larger : 1;
    return true;
}

static double length_of(const checker_t *c) {
    return cbrt(c->spacing);
}

/* And over a shorter one: the better of the two. */
static bool compare(checker_t *c, range_t range, pair_t *pair) {
    const double h = length_of(c);
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
    size_t flat = 0;
    for (size_t i = 0; i < c->x.count; ++i) {
        const tensor_t *tensor = &c->opt->engine.tensors[i];
        const size_t count = check_covers(c, tensor) ? tensor->count : 0;
        if (place < flat + count) {
            double g = 0;
            check_told(c, i, place - flat, 1, place, &g);
            c->result.param = (int)i;
            c->result.name = tensor->name;
            c->result.element = (int64_t)(place - flat);
            c->result.element_told = g;
            c->result.element_seen = pair->seen / pair->moved;
            return;
        }
        flat += count;
    }
}

/* The residual whose change along this range is farthest from what is told of it; of one element as derivatives. */
static bool find_residual(checker_t *c, range_t range, bool by_element) {
    double worst = 0;
    pair_t pair;
    if (!look(c, range, length_of(c) / (double)SHORTER, &pair))
        return false;
    const double unit = by_element ? pair.moved : 1;
    for (size_t r = 0; r < (size_t)c->opt->engine.residuals; ++r) {
        double told, seen;
        check_residual(c, r, &told, &seen);
        if (fabs(told - seen) <= worst)
            continue;
        worst = fabs(told - seen);
        c->result.residual = (int64_t)r;
        c->result.element_told = told / unit;
        c->result.element_seen = seen / unit;
    }
    return true;
}

/* The worst: by how far the function goes astray, which an element of no weight cannot be. */
static bool find_element(checker_t *c, range_t range) {
    double worst = 0;
    range_t found = {0};
    for (size_t place = range.first; place < range.last; ++place) {
        pair_t pair = {0};
        if (!compare(c, (range_t){place, place + 1}, &pair))
            return false;
        if (pair.error > c->result.tolerance && !(fabs(pair.seen - pair.told) <= worst)) {
            worst = fabs(pair.seen - pair.told);
            found = (range_t){place, place + 1};
            name_element(c, place, &pair);
        }
    }
    return c->kind != OPTIM_EVAL_JACOBIAN || c->result.param < 0 || find_residual(c, found, true);
}

static void search(checker_t *c) {
    range_t range = {0, c->elements};
    if (c->kind == OPTIM_EVAL_JVP)
        (void)find_residual(c, range, false);
    else if (narrow(c, &range))
        (void)find_element(c, range);
}

/* ---- One kind, then all ---- */

static void note(checker_t *c, const pair_t *pair) {
    optim_gradient_check *result = &c->result;
    if (pair->error <= result->error)
        return;
    result->kind = c->kind;
    result->error = pair->error;
    result->told = pair->told;
    result->seen = pair->seen;
}

/* Products with J and with its transpose are of one matrix, to more digits than differences have. */
static bool are_adjoint(checker_t *c) {
    pair_t pair = {0};
    double size;
    const double tolerance = cbrt(c->spacing);
    check_adjoint(c, &pair.told, &pair.seen, &size);
    const double apart = fabs(pair.told - pair.seen), larger = fmax(fabs(pair.told), fabs(pair.seen));
    if (apart <= tolerance * larger + (double)CHECK_ROUNDINGS * c->rounding * size)
        return true;
    pair.error = isfinite(apart) ? apart / larger : 1;
    c->result.error = -1;
    c->result.tolerance = tolerance;
    note(c, &pair);
    return false;
}

static void count_elements(checker_t *c) {
    c->elements = 0;
    for (size_t i = 0; i < c->opt->engine.tensor_count; ++i)
        c->elements += check_covers(c, &c->opt->engine.tensors[i]) ? c->opt->engine.tensors[i].count : 0;
}

/* Whether this kind agrees; false, too, where the caller stopped. */
static bool check_kind(checker_t *c, optim_status kind, int directions) {
    c->kind = kind;
    count_elements(c);
    copies_put_back(&c->x, c->opt);
    if (c->elements == 0)
        return true;
    if (!check_tell(c, kind))
        return false;
    for (int k = 0; k < directions; ++k) {
        pair_t pair = {0};
        c->draws = 2 * (uint64_t)c->elements * (uint64_t)k;
        if (!compare(c, (range_t){0, c->elements}, &pair))
            return false;
        note(c, &pair);
        if (pair.error > c->result.tolerance) {
            search(c);
            return false;
        }
    }
    return kind != OPTIM_EVAL_JVP || !check_has(c, OPTIM_EVAL_VJP) || are_adjoint(c);
}

static const optim_status KINDS[CHECK_KINDS] = {OPTIM_EVAL_GRAD, OPTIM_EVAL_HVP, OPTIM_EVAL_JACOBIAN, OPTIM_EVAL_VJP,
                                                OPTIM_EVAL_JVP};

static void run(checker_t *c, int directions) {
    bool agrees = true;
    for (size_t k = 0; agrees && k < CHECK_KINDS; ++k)
        if (check_has(c, KINDS[k]))
            agrees = check_kind(c, KINDS[k], directions);
    c->result.error = fmax(c->result.error, 0);
    c->result.agrees = agrees;
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
    return status;
}

/* That there is something to check. */
static optim_status check_any(checker_t *c) {
    bool has = false, any = false;
    for (size_t k = 0; k < CHECK_KINDS; ++k) {
        if (!check_has(c, KINDS[k]))
            continue;
        c->kind = KINDS[k];
        count_elements(c);
        has = true;
        any |= c->elements > 0;
    }
    if (any)
        return OPTIM_OK;
    return has ? error_set(OPTIM_ERR_ORDER, "there is no parameter with a gradient or a product to check: "
                                            "optim_add_param first")
               : error_set(OPTIM_ERR_NULL, "problem.gradient must not be NULL");
}

static void release(checker_t *c) {
    free(c->room);
    copies_free(&c->g);
    copies_free(&c->x);
}

optim_status optim_check_gradient(optim_t *opt, const optim_problem *problem, int directions, uint64_t seed,
                                  optim_gradient_check *check) {
    checker_t c = {.opt = opt, .seed = seed};
    optim_status status = check_call(&c, problem, directions, check);
    if (status != OPTIM_OK)
        return status;
    check_begin(&c);
    status = check_any(&c);
    if (status == OPTIM_OK && (!copies_make(&c.x, opt, false) || !copies_make(&c.g, opt, true)))
        status = error_nomem("checking the gradient");
    if (status == OPTIM_OK)
        status = check_prepare(&c);
    if (status != OPTIM_OK) {
        release(&c);
        return status;
    }
    copies_take(&c.x, opt);
    c.spacing = measure_spacing(opt);
    c.rounding = measure_rounding(opt);
    c.result = (optim_gradient_check){.tolerance = sqrt(sqrt(c.spacing)),
                                      .error = -1,
                                      .param = -1,
                                      .name = "",
                                      .residual = -1,
                                      .kind = OPTIM_EVAL_GRAD};
    opt->driven = true;
    run(&c, directions == 0 ? USUAL_DIRECTIONS : directions);
    opt->driven = false;
    copies_put_back(&c.x, opt);
    if (c.has_gradient)
        copies_put_back(&c.g, opt);
    release(&c);
    return abi_write(check, &c.result, sizeof c.result, "optim_gradient_check");
}
