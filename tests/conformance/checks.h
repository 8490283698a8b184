/* The checks of the conformance suite: those of a subject get a subject_t, those of a name get the name. */
#ifndef CONFORMANCE_CHECKS_H
#define CONFORMANCE_CHECKS_H

#include "subject.h"

/* check_run.c */
void check_defaults(void **state);
void check_sizes(void **state);
void check_empty_tensors(void **state);
void check_unaligned(void **state);
void check_split(void **state);
void check_threads(void **state);
void check_bind(void **state);
void check_reset(void **state);

/* check_dtype.c */
void check_f32_near_f64(void **state);
void check_half_near_f32(void **state);
void check_half_gradients(void **state);

/* check_engine.c */
void check_maximize(void **state);
void check_grad_scale(void **state);
void check_zero_grad(void **state);
void check_bounds(void **state);
void check_frozen_outside_box(void **state);
void check_frozen(void **state);
void check_thawed(void **state);
void check_all_frozen(void **state);

/* check_nonfinite.c */
void check_skip(void **state);
void check_error(void **state);
void check_propagate(void **state);

/* check_scale.c */
void check_accumulate(void **state);
void check_loss_scale(void **state);

/* check_units.c */
void check_units(void **state);

/* check_request.c */
void check_requests(void **state);
void check_cancel(void **state);
void check_loss_missing(void **state);
void check_open_refusals(void **state);
void check_held_gradient(void **state);

/* check_update.c */
void check_update(void **state);
void check_half_update(void **state);

/* check_by_param.c */
void check_by_param(void **state);

/* check_output.c */
void check_output(void **state);
void check_swap(void **state);

/* check_group.c */
void check_two_groups(void **state);
void check_own_algorithm(void **state);

/* check_checkpoint.c */
void check_checkpoint(void **state);

/* check_memory.c */
void check_memory_query(void **state);
void check_state_bytes(void **state); /* of one algorithm */

/* check_storage.c */
void check_storage(void **state);

/* Parts of the checks above for one setup, which check_storage.c runs in other forms of storage. */
void compare_unaligned(const subject_t *s, setup_t aligned);
void compare_threads(const subject_t *s, setup_t setup, int steps);
void compare_moved(const subject_t *s, setup_t setup);
void compare_reset(const subject_t *s, setup_t setup);
void cancel_each(const subject_t *s, setup_t setup, int before);
void skip_each(const subject_t *s, setup_t setup);
void compare_checkpoint(const subject_t *s, setup_t setup);
void run_swap(const subject_t *s, setup_t setup);

/* check_option.c: of one entry of the registry */
typedef struct entry {
    int kind;
    const char *name;
} entry_t;
void check_description(void **state);
void check_options(void **state);
void check_unknown_option(void **state);
void check_schedule(void **state);

/* check_once.c */
void check_clip_value(void **state);
void check_clip_norm(void **state);
void check_skip_and_schedule(void **state);
void check_describe_errors(void **state);

#endif
