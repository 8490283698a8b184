/*
 * Line searches as state machines over numbers: a method evaluates phi(t) = f(x + t d) where it is told to and keeps
 * the gradient of the point that is called the low one.
 */
#ifndef BLOCKS_LINE_SEARCH_H
#define BLOCKS_LINE_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/* A point of the search: step, loss, slope along the direction. */
typedef struct search_point {
    double t, f, slope;
} search_point_t;

typedef struct line_search {
    double c1, c2, tolerance;
    double largest; /* of |d_i|: brackets shorter than tolerance / largest, or than t's rounding, end the search */
    double longest; /* step, as far as the direction leads; 0: any length. One that goes down there is accepted */
    int64_t most;   /* evaluations after the first */
    int64_t evaluations;
    double t; /* to be evaluated next; in the end, the step to take */
    search_point_t start, previous;
    search_point_t end[2]; /* the bracket */
    int low;               /* which end is the lower */
    bool zooming;          /* there is a bracket */
    bool cautious;         /* the last trial within it was near an end */
    bool unfit; /* of the point handed in, by the caller: a strong Wolfe search must not end there, a test more says */
} line_search_t;

typedef enum search_answer {
    SEARCH_EVALUATE, /* phi at search->t, please */
    SEARCH_DONE,     /* the low point is the result, at search->t */
    SEARCH_FAILED    /* nothing acceptable was found */
} search_answer_t;

/* What an evaluation did to the low point, whose gradient the method keeps. */
typedef enum search_low {
    LOW_STAYS,
    LOW_IS_HERE,  /* it is the point just evaluated */
    LOW_IS_ORIGIN /* it is t = 0 */
} search_low_t;

/* Starts at phi(0), with trial step search->t; c1, c2, tolerance, most, largest are set by the caller. */
void line_search_start(line_search_t *search, double f, double slope, double trial);

/* The strong Wolfe search of torch.optim.LBFGS; f and slope are those at search->t. Not finite counts as too far. */
search_answer_t line_search_wolfe(line_search_t *search, double f, double slope, search_low_t *low);

/* Halves the step until f <= f_0 + c1 t slope_0; slope only has to be finite. */
search_answer_t line_search_armijo(line_search_t *search, double f, double slope, search_low_t *low);

#endif
