/* What the caller has told the handle about its problem, and the answers to requests. */
#ifndef OPTIMIZER_PROBLEM_H
#define OPTIMIZER_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "optim/optim.h"

/* The most components or constraints of a kind: indices below it are drawn without rounding. */
#define PROBLEM_MOST (INT64_C(1) << 40)

/* ---- answers.c ---- */
/* Whether the method asks for every gradient that it reads: none comes before the step. */
bool asks_for_all(const optim_t *opt);
/* Whether the step begins without a gradient: the method asks for all, holds the last step's, or reads none. */
bool begins_without_gradient(const optim_t *opt);
/* Whether optim_set_loss belongs to what optim_step expects now. */
bool answer_needs_loss(const optim_t *opt);

/* ---- request.c ---- */
/* Of which sample the gradient that the next step begins with should be. */
void request_name_sample(const optim_t *opt, optim_request *request);
/* That the loss is there where it belongs; that the open request is answered in full. Errors: LOSS; ORDER. */
optim_status refuse_missing_loss(const optim_t *opt);
optim_status refuse_missing_answer(const optim_t *opt);
/* Whether the losses of components or values of constraints handed over are finite; true where nonfinite= lets all
 * pass. */
bool answers_are_finite(const optim_t *opt);

/* ---- constraints.c ---- */
/* When a step begins: gradients are of the loss alone. When a gradient or product is asked for: the method's weights
 * are those that the caller shall use. */
void constraints_begin(optim_t *opt);
void constraints_ask(optim_t *opt);

/* ---- roles.c ---- */
/* Reads the value of "role" for a group. Errors: OPTION, VALUE. */
optim_status role_read(optim_t *opt, int group, const char *text, size_t length);
/* The role's name; false for the first one. */
enum { ROLE_TEXT = 32 };
bool role_name(const station_t *station, int group, char name[ROLE_TEXT]);
/* Gives tensors the roles that an option `split` says, where no group names one. */
void roles_settle(optim_t *opt);

/* ---- inputs.c ---- */
/* Rows of a method's input table. */
size_t input_count(const method_t *method);
/* Whether the required inputs are there and suit. Errors: ORDER, SHAPE. */
optim_status inputs_check(optim_t *opt);

#endif
