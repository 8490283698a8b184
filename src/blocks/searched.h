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
} searched_t;
#define SEARCHED_FIELDS                                                                                                \
    {"f", "loss at x", FIELD(OF_METHOD, memory_t, line.f)}, {                                                          \
        "step", "t: length of the last step in units of d", FIELD(OF_METHOD, memory_t, line.step)                      \
    }

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

/* Leaves the parameters: the search begins at the first trial. `search` has its constants. */
static inline void searched_start(step_t *s, line_search_t search, double slope, double trial) {
    searched_t *line = s->memory;
    search.largest = norm_max(s, vector(D));
    line->search = search;
    line_search_start(&line->search, line->f, slope, trial);
}

/* What the search says to the evaluation that arrived, where the slope along d is this; `rule` is one of its. */
typedef search_answer_t search_rule_t(line_search_t *search, double f, double slope, search_low_t *low);
static inline search_answer_t searched_judge(step_t *s, search_rule_t *rule, double slope) {
    searched_t *line = s->memory;
    search_low_t low;
    const search_answer_t answer = rule(&line->search, s->loss, slope, &low);
    if (low != LOW_STAYS) {
        line->f_low = low == LOW_IS_HERE ? s->loss : line->f;
        copy(s, vector(low == LOW_IS_HERE ? GRADIENT : G), vector(G_LOW));
    }
    return answer;
}

/* The low point is the next x; its gradient is still in g_low. */
static inline void searched_accept(step_t *s) {
    searched_t *line = s->memory;
    line->step = line->search.t;
    line->f = line->f_low;
    searched_go(s, line->step);
}

/* The end of a step. */
static inline optim_status searched_done(step_t *s) {
    return hold_gradient(s, ((const searched_t *)s->memory)->f, vector(G));
}

#endif
