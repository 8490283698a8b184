/* One run of optim_minimize: what its loop (minimize.c) and what says why it found nothing (verdict.c) share, and whom
 * both have evaluate (evaluate.c). */
#ifndef OPTIMIZER_MINIMIZE_H
#define OPTIMIZER_MINIMIZE_H

#include "optimizer/measures.h"

enum { GRADIENT_UNKNOWN = -2 };

/* See doubt.c. */
enum { DOUBT_LEAST = 3 };
typedef struct doubt {
    copies_t x;    /* before a step that is looked at: the parameters, ... */
    double *g;     /* ... their gradient, NULL: no step is ... */
    double loss;   /* ... and the loss */
    bool looks;    /* at the step under way */
    int agreed, contradicted; /* steps */
} doubt_t;

typedef struct run {
    optim_t *opt;
    optim_problem problem;
    optim_stop stop;
    optim_result result;
    double started, first_loss, last_loss;
    bool searches;               /* the method does: a step that leaves all as it was will be repeated for ever */
    int64_t still, nearly_still; /* steps in a row with a small change of the loss: absolute, relative */
    int64_t stalled;             /* steps in a row after which loss and gradient are what they were */
    double last_norm;            /* of that gradient */
    int gradient_at;             /* at the parameters: MEASURE_BOUND, a row of the method's states, GRADIENT_UNKNOWN */
    copies_t best;               /* the parameters at the best loss, if they are kept */
    measure_t best_gradient;     /* there */
    copies_t before;             /* the parameters before the step, if its length is wanted */
    double step_length;
    bool stepped;        /* the last step was not skipped */
    bool has_both;       /* the last evaluation was of a loss, and has filled the gradient in as well ... */
    bool interrupted;    /* a callback returned non-zero */
    double loss_of_both; /* ... and this is it */
    int64_t trials;      /* evaluations that it asked for */
    int64_t bottomless;  /* number of the last step that met a loss of minus infinity; 0: none did */
    double *losses;      /* room for those of all components, or NULL */
    doubt_t doubt;
} run_t;

/* ---- evaluate.c ---- */
/* Calls the caller; 0, or what it returned. `loss` is NaN where the request is for none. */
int run_evaluate(run_t *run, const optim_request *request, double *loss);
void run_interrupt(run_t *run, int answer);

/* ---- doubt.c ---- */
/* Takes memory where it may be of use; without memory no step is looked at. */
void doubt_make(run_t *run);
void doubt_free(run_t *run);
/* Around a step, with loss and gradient at the parameters known. */
void doubt_before_step(run_t *run);
void doubt_after_step(run_t *run);
/* Whether the steps contradict their gradients. */
bool doubt_is_due(const run_t *run);

/* ---- verdict.c ---- */
/* The method has found no way down: a better reason than that, from a few evaluations around the parameters. Or it is
 * to be told whether the gradient is wrong, and any other reason stays. */
void run_judge(run_t *run);
void run_judge_gradient(run_t *run);

#endif
