/*
 * Why a method that searches has found no way down. With f, g at x, and x' = P(x - t g) or P(x + t g) so far from x as
 * differences of f are reliable:
 *
 *     rise = f(x') - f(x)          expected = (g + g')'(x' - x) / 2, right to third order in x' - x
 *
 * Where the two disagree on both sides, and nearer by again, the loss does not follow its gradient. Where they agree,
 * the parabola through g'd and g''d along d = x' - x says how far down it goes: no farther than f is rounded, or than
 * x can be told from its neighbours, means that x is as good as this precision allows.
 */
#include <float.h>
#include <math.h>

#include "engine/rows.h"
#include "optimizer/minimize.h"

typedef struct judge {
    run_t *run;
    copies_t x, g; /* at the parameters: those, and the gradient */
    double sign;   /* -1: the loss is maximized */
    double f, length;
    double rounding; /* of the loss, relative */
} judge_t;

/* From the parameters to a point nearby. */
typedef struct side {
    double rise, before, after; /* of the loss; the slopes g'd and g''d */
    double noise;               /* rises no larger mean nothing */
} side_t;

static size_t read(const judge_t *judge, optim_dtype dtype, const void *from, size_t count, size_t at, double *chunk) {
    return primitives_read(judge->run->opt->engine.primitives, dtype, from, count, at, chunk);
}

/* Loss of the function that is minimized, and its gradient into the bound buffers; false: the caller stopped. */
static bool evaluate(const judge_t *judge, double *f) {
    const optim_request request = {
        .size = sizeof request, .kind = OPTIM_EVAL_GRAD, .needs_loss = 1, .component = -1, .evaluation = 1};
    const int answer = run_evaluate(judge->run, &request, f);
    *f *= judge->sign;
    if (answer != 0)
        run_interrupt(judge->run, answer);
    return answer == 0;
}

/* p <- P(x - t g) for one piece of a tensor; returns g'(p - x), as p was rounded. */
static double move_piece(const judge_t *judge, size_t i, size_t at, size_t n, double t) {
    double x[READ_ELEMENTS] = {0}, g[READ_ELEMENTS] = {0}, p[READ_ELEMENTS] = {0}, slope = 0;
    const tensor_t *tensor = &judge->run->opt->engine.tensors[i];
    const size_t end = at + n;
    (void)read(judge, tensor->dtype, judge->x.of[i], end, at, x);
    (void)read(judge, tensor->grad_dtype, judge->g.of[i], end, at, g);
    for (size_t j = 0; j < n; ++j)
        p[j] = x[j] - t * (judge->sign * g[j]);
    measure_write(judge->run->opt, i, at, n, p);
    for (size_t j = 0; j < n; ++j)
        slope += judge->sign * g[j] * (p[j] - x[j]);
    return slope;
}

static double move(const judge_t *judge, double t) {
    const engine_t *engine = &judge->run->opt->engine;
    double slope = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const size_t count = tensor_has_gradient(&engine->tensors[i]) ? engine->tensors[i].count : 0;
        for (size_t at = 0; at < count; at += READ_ELEMENTS)
            slope += move_piece(judge, i, at, count - at < READ_ELEMENTS ? count - at : READ_ELEMENTS, t);
    }
    return slope;
}

/* g'(p - x) with the gradient in the bound buffers. */
static double slope_here(const judge_t *judge) {
    const engine_t *engine = &judge->run->opt->engine;
    double x[READ_ELEMENTS] = {0}, p[READ_ELEMENTS] = {0}, g[READ_ELEMENTS], slope = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        const size_t count = tensor_has_gradient(tensor) ? tensor->count : 0;
        for (size_t at = 0, n; (n = gradient_read(engine->primitives, tensor, count, at, g)) > 0; at += n) {
            (void)read(judge, tensor->dtype, judge->x.of[i], count, at, x);
            (void)read(judge, tensor->dtype, tensor->data, count, at, p);
            for (size_t j = 0; j < n; ++j)
                slope += judge->sign * g[j] * (p[j] - x[j]);
        }
    }
    return slope;
}

/* One side at t times the gradient; false: the caller stopped. */
static bool look_aside(const judge_t *judge, double t, side_t *side) {
    enum { ROUNDINGS = 16 };
    double f;
    side->before = move(judge, t);
    if (!evaluate(judge, &f))
        return false;
    side->after = slope_here(judge);
    side->rise = f - judge->f;
    side->noise = (double)ROUNDINGS * judge->rounding * fmax(fabs(f), fabs(judge->f));
    return true;
}

static bool contradicts(const side_t *side) {
    const double expected = (side->before + side->after) / 2;
    return fabs(side->rise - expected) > 0.5 * fmax(fabs(side->rise), fabs(expected)) + side->noise;
}

/* As no loss does that has a lower limit. */
static bool has_fallen_far(const judge_t *judge) {
    const double far = 0x1p40, first = judge->run->first_loss;
    return judge->sign * first - judge->f > far * fmax(1, fabs(first));
}

/* How far down the loss goes along -g, as it seems: see the top. */
static int reason_where_they_agree(const judge_t *judge, const side_t *down) {
    enum { SEEN = 1000 }; /* searches ask for a part of what the slope promises, armijo for 1e-4 */
    const int as_told = judge->run->result.reason;
    if (!isfinite(down->rise) || !isfinite(down->after))
        return as_told;
    const double bend = down->after - down->before;
    if (down->after <= 0.5 * down->before) { /* it goes on down */
        const int falls = has_fallen_far(judge) ? OPTIM_STOP_UNBOUNDED : as_told;
        return fabs(down->rise) <= down->noise ? OPTIM_STOP_PLATEAU : falls;
    }
    const double spacing = 2 * measure_spacing(judge->run->opt) * measure_parameters(judge->run->opt).norm;
    const double blurred = bend * (spacing / judge->length) * (spacing / judge->length);
    const bool is_low = bend > 0 && down->before * down->before / (2 * bend) <= (double)SEEN * down->noise + blurred;
    return is_low ? OPTIM_STOP_PRECISION : as_told;
}

/* The gradient's length is neither 0 nor beyond what squares allow. */
static int reason_at(judge_t *judge, double norm) {
    run_t *run = judge->run;
    enum { NEARER = 32 };
    const double t = judge->length / norm;
    side_t down, side;
    if (!look_aside(judge, t, &down))
        return run->result.reason;
    if (!contradicts(&down)) {
        copies_put_back(&judge->x, run->opt);
        return reason_where_they_agree(judge, &down);
    }
    const double others[] = {-t, t / (double)NEARER, -t / (double)NEARER}; /* a kink contradicts on one side alone */
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i)
        if (!look_aside(judge, others[i], &side) || !contradicts(&side))
            return run->result.reason;
    run->result.slope = down.before / judge->length;
    run->result.difference = down.rise / judge->length;
    return OPTIM_STOP_WRONG_GRADIENT;
}

static int judge_here(judge_t *judge) {
    run_t *run = judge->run;
    const double farthest = 0x1p500;
    copies_take(&judge->x, run->opt);
    if (!evaluate(judge, &judge->f))
        return run->result.reason;
    copies_take(&judge->g, run->opt);
    const measure_t gradient = measure_gradient(run->opt, MEASURE_BOUND);
    const double size = measure_parameters(run->opt).norm;
    run->result.gradient_norm = gradient.norm;
    run->result.gradient_max = gradient.most;
    judge->length = cbrt(measure_spacing(run->opt)) * (size > 0 ? size : 1);
    judge->rounding = measure_rounding(run->opt);
    if (gradient.norm == 0)
        return judge->f < judge->sign * run->first_loss ? OPTIM_STOP_PRECISION : OPTIM_STOP_PLATEAU;
    if (!(gradient.norm < farthest) || !(fabs(judge->f) < farthest * farthest / 4))
        return has_fallen_far(judge) ? OPTIM_STOP_UNBOUNDED : OPTIM_STOP_OVERFLOW;
    return reason_at(judge, gradient.norm);
}

void run_judge_gradient(run_t *run) {
    const int as_told = run->result.reason;
    run_judge(run);
    if (!run->interrupted && run->result.reason != OPTIM_STOP_WRONG_GRADIENT)
        run->result.reason = as_told;
}

void run_judge(run_t *run) {
    enum { LATELY = 3 }; /* a method that is stuck repeats a step twice before it is stopped */
    judge_t judge = {.run = run, .sign = loss_sign(run->opt)};
    const bool bottomless = run->bottomless > 0 && run->result.steps + 1 - run->bottomless <= LATELY;
    if (!copies_make(&judge.x, run->opt, false))
        return;
    if (copies_make(&judge.g, run->opt, true)) { /* without memory the reason stays what it is */
        const int reason = judge_here(&judge);
        copies_put_back(&judge.x, run->opt);
        if (!run->interrupted)
            run->result.reason = bottomless && reason != OPTIM_STOP_PRECISION ? OPTIM_STOP_UNBOUNDED : reason;
    }
    copies_free(&judge.g);
    copies_free(&judge.x);
}
