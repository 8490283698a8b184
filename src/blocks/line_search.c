#include "blocks/line_search.h"

#include <float.h>
#include <math.h>

enum { EXPAND, SECANT, SECOND_SECANT, MIDDLE, HALVE }; /* what a trial of Hager and Zhang is for */

static const double LONGEST = 0x1p1000; /* a trial beyond it would leave no middle between itself and the last one */

static double longest(const line_search_t *search) {
    return search->longest > 0 ? fmin(search->longest, LONGEST) : LONGEST;
}

void line_search_start(line_search_t *search, double f, double slope, double trial) {
    search->start = search->previous = (search_point_t){0, f, slope};
    search->t = fmin(trial, longest(search));
    search->evaluations = 0;
    search->zooming = search->cautious = search->stays = false;
    search->stage = EXPAND;
    search->end[0] = search->end[1] = search->start;
    search->wall = INFINITY;
    search->width = longest(search);
    search->older_width = 2 * search->width;
}

/* Minimiser of the cubic through two points with slopes, kept within [lo, hi]; the middle where there is none. */
static double cubic(search_point_t a, search_point_t b, double lo, double hi) {
    const search_point_t left = a.t <= b.t ? a : b, right = a.t <= b.t ? b : a;
    double l = left.slope, r = right.slope, d1 = l + r - 3 * (left.f - right.f) / (left.t - right.t);
    const double largest = fmax(fabs(d1), fmax(fabs(l), fabs(r)));
    if (!(largest > 0) || isinf(largest))
        return (lo + hi) / 2;
    const int exponent = ilogb(largest); /* the same power of two in all three, so that their squares stay in range */
    l = scalbn(l, -exponent);
    r = scalbn(r, -exponent);
    d1 = scalbn(d1, -exponent);
    const double square = d1 * d1 - l * r;
    if (!(square >= 0))
        return (lo + hi) / 2;
    const double d2 = sqrt(square);
    const double t = right.t - (right.t - left.t) * (r + d2 - d1) / (r - l + 2 * d2);
    return isfinite(t) ? fmin(fmax(t, lo), hi) : (lo + hi) / 2;
}

static bool too_high(const line_search_t *search, search_point_t point) {
    return !(point.f <= search->start.f + search->c1 * point.t * search->start.slope);
}

static bool flat_enough(const line_search_t *search, search_point_t point) {
    return fabs(point.slope) <= -search->c2 * search->start.slope && !search->unfit;
}

static search_answer_t accept(line_search_t *search, search_point_t point, search_low_t *low) {
    search->t = point.t;
    *low = LOW_IS_HERE;
    return SEARCH_DONE;
}

/* The next trial within the bracket, kept away from its ends if the last one was near an end too. */
static search_answer_t zoom(line_search_t *search) {
    const search_point_t *end = search->end;
    const double lo = fmin(end[0].t, end[1].t), hi = fmax(end[0].t, end[1].t);
    const bool short_enough = (hi - lo) * search->largest < search->tolerance || hi - lo <= DBL_EPSILON * hi;
    if (!(search->evaluations < search->most) || short_enough) {
        search->t = end[search->low].t;
        return SEARCH_DONE;
    }
    double t = cubic(end[0], end[1], lo, hi);
    const double margin = 0.1 * (hi - lo);
    const bool near = fmin(hi - t, t - lo) < margin;
    if (near && (search->cautious || t >= hi || t <= lo)) {
        t = fabs(t - hi) < fabs(t - lo) ? hi - margin : lo + margin;
        search->cautious = false;
    } else {
        search->cautious = near;
    }
    search->t = t;
    return SEARCH_EVALUATE;
}

static search_answer_t open_bracket(line_search_t *search, search_point_t first, search_point_t here,
                                    search_low_t *low) {
    search->end[0] = first;
    search->end[1] = here;
    search->low = first.f <= here.f ? 0 : 1;
    if (search->low == 1)
        *low = LOW_IS_HERE;
    else if (first.t == 0)
        *low = LOW_IS_ORIGIN;
    search->zooming = true;
    return zoom(search);
}

static search_answer_t bracket(line_search_t *search, search_point_t here, search_low_t *low) {
    const bool rises = search->evaluations > 1 && here.f >= search->previous.f;
    if (!(search->evaluations < search->most))
        return open_bracket(search, search->start, here, low);
    if (too_high(search, here) || rises)
        return open_bracket(search, search->previous, here, low);
    if (flat_enough(search, here) || (search->longest > 0 && here.slope < 0 && here.t >= search->longest))
        return accept(search, here, low);
    if (here.slope >= 0)
        return open_bracket(search, search->previous, here, low);
    const double from = search->previous.t;
    search->t = cubic(search->previous, here, here.t + 0.01 * (here.t - from), fmin(10 * here.t, longest(search)));
    search->previous = here;
    ++search->evaluations;
    *low = LOW_IS_HERE;
    return SEARCH_EVALUATE;
}

static search_answer_t shrink(line_search_t *search, search_point_t here, search_low_t *low) {
    const int lower = search->low, higher = 1 - lower;
    if (too_high(search, here) || here.f >= search->end[lower].f) {
        search->end[higher] = here;
        search->low = search->end[0].f <= search->end[1].f ? 0 : 1;
        if (search->low == higher)
            *low = LOW_IS_HERE;
        return zoom(search);
    }
    if (flat_enough(search, here))
        return accept(search, here, low);
    if (here.slope * (search->end[higher].t - search->end[lower].t) >= 0)
        search->end[higher] = search->end[lower];
    search->end[lower] = here;
    *low = LOW_IS_HERE;
    return zoom(search);
}

search_answer_t line_search_wolfe(line_search_t *search, double f, double slope, search_low_t *low) {
    const bool finite = isfinite(f) && isfinite(slope);
    const search_point_t here = {search->t, finite ? f : INFINITY, finite ? slope : INFINITY};
    *low = LOW_STAYS;
    const search_answer_t answer = search->zooming ? shrink(search, here, low) : bracket(search, here, low);
    if (answer == SEARCH_EVALUATE && search->zooming)
        ++search->evaluations;
    return answer;
}

/* ---- More and Thuente: end[0] is the best point x, end[1] the other end y ---- */

/* Root of the derivative of the cubic through a and b, as a share of the way from a to b. */
static double cubic_share(search_point_t a, search_point_t b, bool is_clamped, double *root) {
    const double theta = 3 * (a.f - b.f) / (b.t - a.t) + a.slope + b.slope;
    const double unit = fmax(fabs(theta), fmax(fabs(a.slope), fabs(b.slope)));
    const double square = theta / unit * (theta / unit) - a.slope / unit * (b.slope / unit);
    *root = unit * sqrt(is_clamped ? fmax(square, 0) : square) * (b.t < a.t ? -1 : 1);
    return (*root - a.slope + theta) / (*root - a.slope + *root + b.slope);
}

static double further(double from, double a, double b) {
    return fabs(a - from) > fabs(b - from) ? a : b;
}

/* The next trial from x, y and the trial p, by the paper's four cases, between `least` and `most`. */
static double next_trial(line_search_t *search, search_point_t x, search_point_t y, search_point_t p, double least,
                         double most) {
    double root;
    if (p.f > x.f) { /* a minimum lies between */
        const double c = x.t + cubic_share(x, p, false, &root) * (p.t - x.t);
        const double q = x.t + x.slope / ((x.f - p.f) / (p.t - x.t) + x.slope) / 2 * (p.t - x.t);
        search->zooming = true;
        return fabs(c - x.t) < fabs(q - x.t) ? c : c + (q - c) / 2;
    }
    const double secant = p.t + p.slope / (p.slope - x.slope) * (x.t - p.t);
    if ((p.slope < 0) != (x.slope < 0)) { /* likewise */
        search->zooming = true;
        return further(p.t, p.t + cubic_share(p, x, false, &root) * (x.t - p.t), secant);
    }
    if (fabs(p.slope) < fabs(x.slope)) { /* it flattens: the cubic may have its minimum beyond p, or none */
        const double share = cubic_share(p, x, true, &root), end = p.t > x.t ? most : least;
        const double c = share < 0 && root != 0 ? p.t + share * (x.t - p.t) : end;
        if (!search->zooming)
            return fmin(fmax(further(p.t, c, secant), least), most);
        const double nearer = further(p.t, c, secant) == c ? secant : c, wall = p.t + 0.66 * (y.t - p.t);
        return p.t > x.t ? fmin(wall, nearer) : fmax(wall, nearer);
    }
    if (search->zooming)
        return p.t + cubic_share(p, y, false, &root) * (y.t - p.t);
    return p.t > x.t ? most : least;
}

/* The function less its sufficient decrease. */
static search_point_t lowered(search_point_t point, double slope) {
    return (search_point_t){point.t, point.f - point.t * slope, point.slope - slope};
}

static search_answer_t end_at_best(line_search_t *search) {
    search->t = search->end[0].t;
    return SEARCH_DONE;
}

/* Shrinks or moves the interval by the trial, and proposes the next one. */
static search_answer_t refine(line_search_t *search, search_point_t here, double decrease, search_low_t *low) {
    search_point_t *x = &search->end[0], *y = &search->end[1];
    const bool lowers = !search->cautious && here.f <= x->f && too_high(search, here);
    const double slope = lowers ? decrease : 0;
    const double least = search->zooming ? fmin(x->t, y->t) : here.t + 1.1 * (here.t - x->t);
    const double most = search->zooming ? fmax(x->t, y->t) : here.t + 4 * (here.t - x->t);
    const search_point_t a = lowered(*x, slope), b = lowered(*y, slope), p = lowered(here, slope);
    double t = next_trial(search, a, b, p, least, most);
    if (p.f > a.f) {
        *y = here;
    } else {
        if ((p.slope < 0) != (a.slope < 0))
            *y = *x;
        *x = here;
        *low = LOW_IS_HERE;
    }
    if (search->zooming) {
        const double width = fabs(y->t - x->t), from = fmin(x->t, y->t), to = fmax(x->t, y->t);
        if (width >= 0.66 * search->older_width)
            t = x->t + 0.5 * (y->t - x->t);
        search->older_width = search->width;
        search->width = width;
        if (!(t > from && t < to) || width <= DBL_EPSILON * to || width * search->largest < search->tolerance)
            return end_at_best(search);
    }
    search->t = fmin(t, longest(search));
    if (search->t >= search->wall)
        search->t = x->t + 0.5 * (search->wall - x->t);
    return SEARCH_EVALUATE;
}

search_answer_t line_search_more_thuente(line_search_t *search, double f, double slope, search_low_t *low) {
    const search_point_t here = {search->t, f, slope};
    const double decrease = search->c1 * search->start.slope;
    *low = ++search->evaluations == 1 ? LOW_IS_ORIGIN : LOW_STAYS;
    if (!isfinite(f) || !isfinite(slope)) {
        const double from = search->end[0].t;
        search->wall = here.t;
        search->t = from + 0.5 * (here.t - from);
        return search->evaluations < search->most && search->t > from ? SEARCH_EVALUATE : end_at_best(search);
    }
    const bool is_low = !too_high(search, here);
    search->cautious |= is_low && slope >= 0;
    if (is_low && (flat_enough(search, here) || (slope <= decrease && here.t >= longest(search))))
        return accept(search, here, low);
    const search_answer_t answer = refine(search, here, decrease, low);
    return answer == SEARCH_EVALUATE && search->evaluations >= search->most ? end_at_best(search) : answer;
}

/* ---- Hager and Zhang: end[0] is a, end[1] is b; f(a) <= f_0 + eps and phi'(a) < 0, and where there is a bracket
 * phi'(b) >= 0 ---- */

enum { NEXT_ROUND, SHRINK_ENOUGH }; /* what follows HALVE */

static bool is_high(const line_search_t *search, search_point_t point) {
    const double allowed = 1e-6 * fabs(search->start.f);
    return !(point.f <= search->start.f + allowed);
}

static bool suffices(const line_search_t *search, search_point_t point) {
    const double slope = search->start.slope;
    if (search->unfit || !(point.slope >= search->c2 * slope))
        return false;
    return !too_high(search, point) || (point.slope <= (2 * search->c1 - 1) * slope && !is_high(search, point));
}

static void propose(line_search_t *search, int stage, double t) {
    search->stage = stage;
    search->t = t;
}

static void propose_middle(line_search_t *search, int stage) {
    propose(search, stage, search->end[0].t + 0.5 * (search->end[1].t - search->end[0].t));
}

/* Where the line through the slopes at p and q is 0; false: not within the bracket. */
static bool propose_secant(line_search_t *search, int stage, search_point_t p, search_point_t q) {
    const double t = p.t - p.slope * ((q.t - p.t) / (q.slope - p.slope));
    const bool inside = t > search->end[0].t && t < search->end[1].t;
    if (inside)
        propose(search, stage, t);
    return inside;
}

/* L1 of the paper. */
static void next_round(line_search_t *search) {
    search->width = search->end[1].t - search->end[0].t;
    if (!propose_secant(search, SECANT, search->end[0], search->end[1]))
        propose_middle(search, MIDDLE);
}

/* L2: a round that leaves more than 0.66 of the bracket has its middle besides. */
static void shrink_enough(line_search_t *search) {
    if (search->end[1].t - search->end[0].t > 0.66 * search->width)
        propose_middle(search, MIDDLE);
    else
        next_round(search);
}

static void halve(line_search_t *search, int after) {
    search->stage_after = after;
    propose_middle(search, HALVE);
}

static void go_on(line_search_t *search, int after) {
    if (after == NEXT_ROUND)
        next_round(search);
    else
        shrink_enough(search);
}

/* The procedures bracket, update (U3 being HALVE), secant2: what the trial makes of the bracket, and the next one. */
static void take_trial(line_search_t *search, search_point_t here) {
    const int stage = search->stage, side = here.slope >= 0 || is_high(search, here) ? 1 : 0;
    const search_point_t was = search->end[side];
    search->end[side] = here;
    if (side == 1 && here.slope < 0) /* too high, but no bracket yet */
        halve(search, stage == HALVE ? search->stage_after : stage == EXPAND ? NEXT_ROUND : SHRINK_ENOUGH);
    else if (stage == EXPAND && side == 0)
        propose(search, EXPAND, fmin(5 * here.t, longest(search)));
    else if (stage == HALVE && side == 0)
        propose_middle(search, HALVE);
    else if (stage == SECANT && propose_secant(search, SECOND_SECANT, was, here))
        return;
    else
        go_on(search, stage == HALVE                       ? search->stage_after
                      : stage == EXPAND || stage == MIDDLE ? NEXT_ROUND
                                                           : SHRINK_ENOUGH);
}

static search_answer_t end_at_lowest(line_search_t *search) {
    search->t = search->best.t;
    return SEARCH_DONE;
}

search_answer_t line_search_hager_zhang(line_search_t *search, double f, double slope, search_low_t *low) {
    const bool finite = isfinite(f) && isfinite(slope), is_first = ++search->evaluations == 1;
    const search_point_t here = {search->t, finite ? f : INFINITY, finite ? slope : -INFINITY};
    *low = is_first ? LOW_IS_ORIGIN : LOW_STAYS;
    if (is_first)
        search->best = search->start;
    if (here.f < search->best.f) {
        search->best = here;
        *low = LOW_IS_HERE;
    }
    const bool at_end = search->longest > 0 && here.t >= search->longest && here.slope < 0 && !too_high(search, here);
    if (suffices(search, here) || (at_end && !search->unfit))
        return accept(search, here, low);
    if (search->evaluations >= search->most)
        return end_at_lowest(search);
    take_trial(search, here);
    const double lo = search->end[0].t, width = search->stage == EXPAND ? INFINITY : search->end[1].t - lo;
    const bool is_short = width * search->largest < search->tolerance || width <= DBL_EPSILON * search->end[1].t;
    const bool goes_on = search->t > lo && (search->stage == EXPAND || search->t < search->end[1].t);
    return is_short || !goes_on ? end_at_lowest(search) : SEARCH_EVALUATE;
}

/* ---- Armijo ---- */

static search_answer_t halve_step(line_search_t *search) {
    search->by_value = true;
    search->stays = false;
    search->t /= 2;
    return search->evaluations < search->most ? SEARCH_EVALUATE : SEARCH_FAILED;
}

search_answer_t line_search_armijo(line_search_t *search, double f, double slope, search_low_t *low) {
    *low = LOW_STAYS;
    if (!search->by_value && isfinite(f) && isfinite(slope))
        return accept(search, (search_point_t){search->t, f, slope}, low);
    if (!search->by_value)
        return halve_step(search);
    ++search->evaluations;
    if (!isfinite(f) || too_high(search, (search_point_t){search->t, f, 0}))
        return halve_step(search);
    search->by_value = false;
    search->stays = true;
    return SEARCH_EVALUATE;
}

search_answer_t line_search_by(int keyword, line_search_t *search, double f, double slope, search_low_t *low) {
    switch (keyword) {
    case SEARCH_STRONG_WOLFE:
        return line_search_wolfe(search, f, slope, low);
    case SEARCH_MORE_THUENTE:
        return line_search_more_thuente(search, f, slope, low);
    case SEARCH_HAGER_ZHANG:
        return line_search_hager_zhang(search, f, slope, low);
    default:
        return line_search_armijo(search, f, slope, low);
    }
}
