/* One run of optim_check_gradient: what the search for what disagrees (check_gradient.c) and the functions whose
 * gradients it compares with their values (check_functions.c) share. */
#ifndef OPTIMIZER_CHECK_GRADIENT_H
#define OPTIMIZER_CHECK_GRADIENT_H

#include "optimizer/measures.h"

enum { CHECK_KINDS = 5, CHECK_ROUNDINGS = 16 };

typedef struct checker {
    optim_t *opt;
    optim_problem problem;
    optim_gradient_check result;
    copies_t x, g; /* at the parameters: those, and the gradient, if has_gradient */
    bool has_gradient;
    uint64_t seed, draws; /* where the direction's numbers begin */
    double spacing, rounding;

    /* the kind under check, and what it compares */
    optim_status kind;
    size_t elements; /* of all parameters that take part */
    int asker;       /* position of the station that asks for products; -1: none does */
    double *told;    /* [elements]: the gradient of what is compared; not of OPTIM_EVAL_GRAD, which has it in `g` */
    double *way;     /* [elements]: x+ - x- */
    double *rows;    /* the Jacobian, as optim_jacobian_rows hands it out */
    double *weights, *r[2], *product; /* [residuals]: w; r(x+) and r(x-); J (x+ - x-) */
    void *room;                       /* all of these */
} checker_t;

/* Finds who asks for products. */
void check_begin(checker_t *c);
/* Whether the check covers this kind, for the handle's method and the caller's callbacks. */
bool check_has(const checker_t *c, optim_status kind);
/* Whether the parameter takes part in the kind under check. */
bool check_covers(const checker_t *c, const tensor_t *tensor);
/* Takes room for all kinds of products that are checked, if any. Errors: SIZE, NOMEM, and those of optim_prepare. */
optim_status check_prepare(checker_t *c);

/* Makes what is told of this kind, at the parameters as they stand; false: the caller stopped. */
bool check_tell(checker_t *c, optim_status kind);
/* Elements at .. at + n - 1 of a tensor's part of what is told, `flat` being their place among all. */
void check_told(const checker_t *c, size_t tensor, size_t at, size_t n, size_t flat, double *chunk);
/* The value of the function at the parameters as they stand: x+ (side 0) or x- (side 1); and the size of the numbers of
 * which it was made. False: the caller stopped. */
bool check_value(checker_t *c, int side, double *value, double *size);

/* With x+, x- and the residuals there: J (x+ - x-) by the caller's product, and w times that. */
bool check_product(checker_t *c, double *told);
/* That and (x+ - x-)'(J'w), which `told` holds the factor J'w of; and the size of what was added up. */
void check_adjoint(const checker_t *c, double *by_rows, double *by_columns, double *size);
/* The change of residual r, as it is told and as it was seen. */
void check_residual(const checker_t *c, size_t r, double *told, double *seen);

#endif
