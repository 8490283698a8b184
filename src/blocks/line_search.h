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
    double wall;           /* of More-Thuente: trials stay below; its interval's length, and that of two trials ago */
    double width, older_width;
    bool unfit;    /* of the point handed in, by the caller: a Wolfe search must not end there, a test more says */
    bool by_value; /* the next evaluation is of the loss alone: its slope is not read */
    bool stays;    /* and it is where the last one was */
    search_point_t best; /* of Hager-Zhang: the lowest point; what the next trial is, and what follows a bisection */
    int stage, stage_after;
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

/* Starts at phi(0), with trial step search->t; c1, c2, tolerance, most, largest are set by the caller, and by_value of
 * a search by line_search_armijo. */
void line_search_start(line_search_t *search, double f, double slope, double trial);

/* The strong Wolfe search of torch.optim.LBFGS; f and slope are those at search->t. Not finite counts as too far. */
search_answer_t line_search_wolfe(line_search_t *search, double f, double slope, search_low_t *low);

/* More, Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20, 1994: the same two
 * conditions; `cautious` says that the first stage, of the function less its sufficient decrease, is over. */
search_answer_t line_search_more_thuente(line_search_t *search, double f, double slope, search_low_t *low);

/*
 * Hager, Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM J. Optim.
 * 16, 2005, section 4; "Algorithm 851: CG_DESCENT", ACM TOMS 32, 2006: ends at slope >= c2 slope_0 and one of
 *
 *     f <= f_0 + c1 t slope_0;      slope <= (2 c1 - 1) slope_0 and f <= f_0 + 1e-6 |f_0|
 *
 * of which the second is the first for a parabola, told by slopes: they still have digits where a difference of losses
 * near a minimum is nothing but rounding.
 */
search_answer_t line_search_hager_zhang(line_search_t *search, double f, double slope, search_low_t *low);

/* Halves the step until f <= f_0 + c1 t slope_0: by values alone, and then asks for the gradient there, whose slope
 * only has to be finite. */
search_answer_t line_search_armijo(line_search_t *search, double f, double slope, search_low_t *low);

/* By keyword, for methods that let their users choose; behind SEARCH_WORDS none of the words changes its place. */
enum { SEARCH_STRONG_WOLFE, SEARCH_MORE_THUENTE, SEARCH_HAGER_ZHANG, SEARCH_ARMIJO };
#define SEARCH_WORDS "strong_wolfe|more_thuente|hager_zhang|armijo"
search_answer_t line_search_by(int keyword, line_search_t *search, double f, double slope, search_low_t *low);

#endif
