#include "blocks/line_search.h"

#include <float.h>
#include <math.h>

static const double LONGEST = 0x1p1000; /* a trial beyond it would leave no middle between itself and the last one */

static double longest(const line_search_t *search) {
    return search->longest > 0 ? fmin(search->longest, LONGEST) : LONGEST;
}

void line_search_start(line_search_t *search, double f, double slope, double trial) {
    search->start = search->previous = (search_point_t){0, f, slope};
    search->t = fmin(trial, longest(search));
    search->evaluations = 0;
    search->zooming = search->cautious = false;
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

search_answer_t line_search_armijo(line_search_t *search, double f, double slope, search_low_t *low) {
    const search_point_t here = {search->t, isfinite(f) && isfinite(slope) ? f : INFINITY, 0};
    *low = LOW_IS_HERE;
    ++search->evaluations;
    if (!too_high(search, here))
        return SEARCH_DONE;
    search->t /= 2;
    return search->evaluations < search->most ? SEARCH_EVALUATE : SEARCH_FAILED;
}
