/*
 * What methods share that look for the next point along a direction d, through blocks/line_search.h, and keep loss and
 * gradient of the point found: neither is ever evaluated again.
 *
 * A method that uses this puts SEARCHED_STATES(undo), undo saying whether a step that is undone gives back the gradient
 * that was held, and a row [D], "d", first into its state table, a searched_t first into its memory, called `line`, and
 * has the algebra's kernels and the flags READS_LOSS | REQUESTS | SEARCHES.
 */
#ifndef BLOCKS_SEARCHED_H
#define BLOCKS_SEARCHED_H

#include "blocks/algebra.h"
#include "blocks/box.h"
#include "blocks/line_search.h"

enum { G, G_LOW, X, D, SEARCHED_ROWS };
#define SEARCHED_STATES(undo)                                                                                          \
    [G] = {"g", "the gradient at x", LIKE_PARAM, KEPT, .undone = (undo)},                                              \
    [G_LOW] = {"g_low", "the gradient at the lowest point of a search", LIKE_PARAM, WITHIN_STEP},                      \
    [X] = {"x", "the point that a search leaves", LIKE_PARAM, RESTORE_POINT}

typedef struct searched {
    double f, step;
    double f_low; /* within a step, as the search: loss at its lowest point */
    line_search_t search;
    bool by_slopes; /* and how it searches, where a search by losses has found nothing */
} searched_t;
#define SEARCHED_FIELDS                                                                                                \
    {"f", "loss at x", FIELD(OF_METHOD, memory_t, line.f)}, {                                                          \
        "step", "t: length of the last step in units of d", FIELD(OF_METHOD, memory_t, line.step)                      \
    }

/* A row of option tables. */
#define SEARCHED_LINE_SEARCH                                                                                           \
    { "line_search", SEARCH_STRONG_WOLFE, SEARCH_WORDS, "how the step along d is found" }

/* Most evaluations of a search, by the option max_ls. */
static inline int64_t searched_most(double max_ls) {
    return (int64_t)fmin(max_ls, 0x1p62);
}

/* p <- x + t d */
static inline void searched_go(step_t *s, double t) {
    copy(s, vector(X), vector(PARAMETERS));
    axpy(s, t, vector(D), vector(PARAMETERS));
    if (step_has_box(s))
        step_into_box(s);
}

/* As a step begins: takes loss and gradient, unless those of the last one are held. */
static inline void searched_take(step_t *s) {
    if (s->holds_gradient)
        return;
    ((searched_t *)s->memory)->f = s->loss;
    copy(s, vector(GRADIENT), vector(G));
}

/* Leaves the parameters: the search of this keyword begins at the first trial. `search` has its constants. */
static inline void searched_start(step_t *s, int keyword, line_search_t search, double slope, double trial) {
    searched_t *line = s->memory;
    search.largest = norm_max(s, vector(D));
    search.by_value = keyword == SEARCH_ARMIJO;
    line->search = search;
    line_search_start(&line->search, line->f, slope, trial);
}

/* What the search wants to know of the point it has led to: for STEP_ASK, with .stays. */
static inline optim_status searched_wants(const step_t *s) {
    return ((const searched_t *)s->memory)->search.by_value ? OPTIM_EVAL_LOSS : OPTIM_EVAL_GRAD;
}
static inline bool searched_stays(const step_t *s) {
    return ((const searched_t *)s->memory)->search.stays;
}

/* The slope along d at the evaluation that arrived, where one was asked for. */
static inline double searched_slope(step_t *s) {
    return ((const searched_t *)s->memory)->search.by_value ? 0 : dot(s, vector(GRADIENT), vector(D));
}

/* Neither lower nor flatter than x: a search that takes slopes for an answer would go on for ever where both are
 * rounding. */
static inline bool searched_is_worse(step_t *s) {
    return !(s->loss < ((const searched_t *)s->memory)->f) && !(norm_2(s, vector(GRADIENT)) < norm_2(s, vector(G)));
}

/* Whether the losses at x and here differ by rounding alone, and by slopes this is the point that the search is for: by
 * losses it would go on to a step that is rounding too, whose pair of differences spoils the method's curvature. */
static inline bool searched_ends_by_slope(step_t *s, int keyword, double slope) {
    enum { ROUNDINGS = 64 };
    const searched_t *line = s->memory;
    const line_search_t *search = &line->search;
    const double first = search->start.slope;
    if (keyword != SEARCH_STRONG_WOLFE && keyword != SEARCH_MORE_THUENTE)
        return false;
    return fabs(s->loss - line->f) <= (int)ROUNDINGS * DBL_EPSILON * fabs(line->f) &&
           fabs(slope) <= -search->c2 * first && slope <= (2 * search->c1 - 1) * first &&
           norm_2(s, vector(GRADIENT)) < norm_2(s, vector(G));
}

/* What the search of this keyword says to the evaluation that arrived, where the slope along d is this. `unfit`: see
 * line_search_t. */
static inline search_answer_t searched_judge(step_t *s, int keyword, double slope, bool unfit) {
    searched_t *line = s->memory;
    line->search.unfit = unfit || (keyword == SEARCH_HAGER_ZHANG && searched_is_worse(s));
    if (!line->search.unfit && searched_ends_by_slope(s, keyword, slope)) {
        line->f_low = s->loss;
        copy(s, vector(GRADIENT), vector(G_LOW));
        return SEARCH_DONE;
    }
    search_low_t low;
    const search_answer_t answer = line_search_by(keyword, &line->search, s->loss, slope, &low);
    if (low != LOW_STAYS) {
        line->f_low = low == LOW_IS_HERE ? s->loss : line->f;
        copy(s, vector(low == LOW_IS_HERE ? GRADIENT : G), vector(G_LOW));
    }
    return answer;
}

/* Whether the search has found nothing, though slopes might: near a minimum a difference of losses is rounding. Then
 * the method searches along the same d again, with SEARCH_HAGER_ZHANG for its keyword. */
static inline bool searched_try_slopes(step_t *s, int keyword, search_answer_t answer) {
    searched_t *line = s->memory;
    const bool found = answer == SEARCH_DONE && line->search.t != 0;
    line->by_slopes = !found && !line->by_slopes && (keyword == SEARCH_STRONG_WOLFE || keyword == SEARCH_MORE_THUENTE);
    return line->by_slopes;
}

/* The low point is the next x; its gradient is still in g_low. */
static inline void searched_accept(step_t *s) {
    searched_t *line = s->memory;
    line->step = line->search.t;
    line->f = line->f_low;
    searched_go(s, line->step);
}

/* Where the search has failed. */
static inline optim_status searched_fail(step_t *s) {
    return step_fail(s, OPTIM_ERR_LINE_SEARCH, "no step along the direction lowers the loss enough");
}

/* x, g and the box, as they are: the queue is run. */
static inline box_look_t searched_look(step_t *s) {
    const box_model_t rows = box_rows(X, G, D);
    copy(s, vector(PARAMETERS), vector(X));
    (void)norm_max(s, vector(G));
    return box_look(s, &rows);
}

/* The end of a step. */
static inline optim_status searched_done(step_t *s) {
    const optim_status status = hold_gradient(s, ((const searched_t *)s->memory)->f, vector(G));
    if (step_has_box(s))
        s->held_norm = searched_look(s).criterion;
    return status;
}

/* As a step of a method that keeps to the box begins: whether x lies outside, and is put in. That is all of the step:
 * the gradient there is asked for, and searched_settle. */
static inline bool searched_comes_from_outside(step_t *s) {
    const bool outside = step_has_box(s) && searched_look(s).outside;
    if (outside)
        step_into_box(s);
    return outside;
}
static inline optim_status searched_settle(step_t *s) {
    searched_t *line = s->memory;
    line->step = 0;
    line->f = s->loss;
    copy(s, vector(GRADIENT), vector(G));
    return searched_done(s);
}

#endif
