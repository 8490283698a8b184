/* Wrong arguments, systematically: every argument of every public function. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

/* ---- Making ---- */

static void rows_of_create(world_t *world) {
    optim_t *out;
    REFUSED(optim_create, (NULL, "sgd", NULL), OPTIM_ERR_NULL, "out");
    REFUSED(optim_create, (&out, NULL, NULL), OPTIM_ERR_NULL, "algorithm");
    REFUSED(optim_create, (&out, "", NULL), OPTIM_ERR_NAME, "\"\"");
    REFUSED(optim_create, (&out, world->control, NULL), OPTIM_ERR_NAME, "no/such\?\?\?/place");
    REFUSED(optim_create, (&out, world->bytes, NULL), OPTIM_ERR_NAME, "no/such\?\?\?\?\?\?/place");
    REFUSED(optim_create, (&out, world->endless, NULL), OPTIM_ERR_NAME, "kkkk");
    assert_null(out);
    REFUSED(optim_create, (&out, "sgd", world->control), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_create, (&out, "sgd", world->bytes), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_create, (&out, "sgd", world->endless), OPTIM_ERR_VALUE, "kkkk");
    REFUSED(optim_create, (&out, "sgd", "lr=\xff"), OPTIM_ERR_VALUE, "lr");
    REFUSED(optim_create, (&out, "sgd", "\xff=1"), OPTIM_ERR_OPTION, "?");
    REFUSED(optim_create, (&out, "sgd", "lr=1\n"), OPTIM_ERR_VALUE, "lr");
    REFUSED(optim_create, (&out, "sgd", "nonfinite=skip\x01"), OPTIM_ERR_VALUE, "skip?");
    optim_t *made[2] = {NULL, NULL};
    ACCEPTED(optim_create, (&made[0], "sgd", NULL));
    ACCEPTED(optim_create, (&made[1], "sgd", ""));
    HOLDS(optim_destroy, (NULL), true);
    optim_destroy(NULL);
    optim_destroy(made[0]);
    optim_destroy(made[1]);
}

static void rows_of_groups(world_t *world) {
    int group = 42;
    REFUSED(optim_add_group, (NULL, NULL, &group), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_add_group, (world->fresh, world->control, &group), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_add_group, (world->fresh, world->bytes, &group), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_add_group, (world->fresh, world->endless, &group), OPTIM_ERR_VALUE, "kkkk");
    REFUSED(optim_add_group, (world->fresh, "algorithm=\x02\xff", &group), OPTIM_ERR_NAME, "\?\?");
    assert_int_equal(group, 42);
    ACCEPTED(optim_add_group, (world->scratch, "", &group));
    ACCEPTED(optim_add_group, (world->scratch, NULL, NULL));
    REFUSED(optim_wrap, (NULL, "ema", NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_wrap, (world->fresh, NULL, NULL), OPTIM_ERR_NULL, "wrapper");
    REFUSED(optim_wrap, (world->fresh, "", NULL), OPTIM_ERR_NAME, "\"\"");
    REFUSED(optim_wrap, (world->fresh, world->control, NULL), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_wrap, (world->fresh, world->bytes, NULL), OPTIM_ERR_NAME, "such\?\?\?\?\?\?");
    REFUSED(optim_wrap, (world->fresh, world->endless, NULL), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_wrap, (world->fresh, "ema", world->control), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_wrap, (world->fresh, "ema", world->bytes), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_wrap, (world->fresh, "ema", world->endless), OPTIM_ERR_VALUE, "kkkk");
    ACCEPTED(optim_wrap, (world->scratch, "ema", ""));
    ACCEPTED(optim_wrap, (world->scratch, "ema", NULL));
    const int groups[] = {0, 1};
    REFUSED(optim_wrap_groups, (NULL, "ema", groups, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_wrap_groups, (world->fresh, NULL, groups, 1), OPTIM_ERR_NULL, "wrapper");
    REFUSED(optim_wrap_groups, (world->fresh, "ema", NULL, 1), OPTIM_ERR_NULL, "groups");
    REFUSED(optim_wrap_groups, (world->fresh, "ema", groups, 0), OPTIM_ERR_ARGUMENT, "no group");
    REFUSED(optim_wrap_groups, (world->fresh, "ema", groups, 2), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_wrap_groups, (world->fresh, "ema", groups, 1), OPTIM_ERR_NAME, "ema");
    REFUSED(optim_wrap_groups, (world->fresh, "", groups, 1), OPTIM_ERR_NAME, "\"\"");
    REFUSED(optim_wrap_groups, (world->fresh, world->control, groups, 1), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_wrap_groups, (world->fresh, world->bytes, groups, 1), OPTIM_ERR_NAME, "such\?\?\?\?\?\?");
    REFUSED(optim_wrap_groups, (world->fresh, world->endless, groups, 1), OPTIM_ERR_NAME, "kkkk");
}

static void rows_of_new_parameters(world_t *world) {
    optim_t *fresh = world->fresh;
    const int64_t two = 2, negative[] = {2, -1}, vast[] = {INT64_MAX, 1}, folded[] = {1LL << 32, 1LL << 32};
    double *p = world->numbers;
    REFUSED(optim_add_param, (NULL, 0, "p", OPTIM_F64, 1, &two, p, p), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_add_param, (fresh, -1, "p", OPTIM_F64, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_add_param, (fresh, 1, "p", OPTIM_F64, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_add_param, (fresh, INT_MAX, "p", OPTIM_F64, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_add_param, (fresh, INT_MIN, "p", OPTIM_F64, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_add_param, (fresh, 0, "p", -1, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_add_param, (fresh, 0, "p", 4, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_add_param, (fresh, 0, "p", INT_MAX, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_add_param, (fresh, 0, "p", INT_MIN, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, -1, &two, p, p), OPTIM_ERR_SHAPE, "-1");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, INT_MIN, &two, p, p), OPTIM_ERR_SHAPE, "-2147483648");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, 65, &two, p, p), OPTIM_ERR_SHAPE, "65");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, INT_MAX, &two, p, p), OPTIM_ERR_SHAPE, "2147483647");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, 1, NULL, p, p), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, 2, negative, p, p), OPTIM_ERR_SHAPE, "-1");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, 1, vast, p, p), OPTIM_ERR_SIZE, "p");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, 2, folded, p, p), OPTIM_ERR_SIZE, "p");
    REFUSED(optim_add_param, (fresh, 0, "p", OPTIM_F64, 1, &two, NULL, p), OPTIM_ERR_NULL, "data");
    REFUSED(optim_add_param, (fresh, 0, "x", OPTIM_F64, 1, &two, p, p), OPTIM_ERR_DUPLICATE, "x");
    REFUSED(optim_add_param, (fresh, 0, world->control, 9, 1, &two, p, p), OPTIM_ERR_ARGUMENT, "9");
    REFUSED(optim_add_param, (fresh, 0, world->control, OPTIM_F64, -1, &two, p, p), OPTIM_ERR_SHAPE, "such\?\?\?");
    REFUSED(optim_add_param, (fresh, 0, world->bytes, OPTIM_F64, -1, &two, p, p), OPTIM_ERR_SHAPE, "such\?\?\?\?\?\?");
    REFUSED(optim_add_param, (fresh, 0, world->endless, OPTIM_F64, -1, &two, p, p), OPTIM_ERR_SHAPE, "kkkk");
    ACCEPTED(optim_add_param, (world->scratch, 0, "", OPTIM_F64, 1, &two, p, p));
    ACCEPTED(optim_add_param, (world->scratch, 0, NULL, OPTIM_F64, 1, &two, p, NULL));
    ACCEPTED(optim_add_param, (world->scratch, 0, world->bytes, OPTIM_F64, 1, &two, p, p));
    ACCEPTED(optim_add_param, (world->scratch, 0, world->endless, OPTIM_F64, 1, &two, p, p));
}

static void rows_of_parameters(world_t *world) {
    optim_t *opt = world->stepped, *fresh = world->fresh, *scratch = world->scratch;
    double *p = world->numbers;
    REFUSED(optim_bind, (NULL, 0, p, p), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_bind, (opt, -1, p, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_bind, (opt, 2, p, p), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_bind, (opt, INT_MIN, p, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_bind, (opt, INT_MAX, p, p), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_bind, (opt, 0, NULL, p), OPTIM_ERR_NULL, "data");
    ACCEPTED(optim_bind, (scratch, 0, p, NULL));
    void *const ends[] = {p, p};
    REFUSED(optim_bind_all, (NULL, NULL, ends, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_bind_all, (opt, NULL, NULL, 1), OPTIM_ERR_NULL, "grads");
    REFUSED(optim_bind_all, (opt, NULL, ends, 3), OPTIM_ERR_ARGUMENT, "3");
    REFUSED(optim_bind_all, (opt, NULL, ends, SIZE_MAX), OPTIM_ERR_ARGUMENT, "there are 2");
    REFUSED(optim_bind_all, (opt, (void *const[]){NULL}, ends, 1), OPTIM_ERR_NULL, "data");
    ACCEPTED(optim_bind_all, (world->scratch, NULL, NULL, 0));
    const int64_t row = 0, far = INT64_MAX;
    REFUSED(optim_resize, (NULL, 0, &row, 1, 1, p, p), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_resize, (opt, -1, &row, 1, 1, p, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_resize, (opt, 2, &row, 1, 1, p, p), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_resize, (opt, INT_MIN, &row, 1, 1, p, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_resize, (opt, INT_MAX, &row, 1, 1, p, p), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_resize, (world->scratch, 0, &row, 1, INT64_MIN, p, p), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_resize, (world->scratch, 0, &row, 1, INT64_MAX, p, p), OPTIM_ERR_SIZE, "more elements");
    REFUSED(optim_resize, (world->scratch, 0, &row, SIZE_MAX, 1, p, p), OPTIM_ERR_ARGUMENT, "1 rows");
    REFUSED(optim_resize, (world->scratch, 0, NULL, 1, 1, p, p), OPTIM_ERR_NULL, "kept");
    REFUSED(optim_resize, (world->scratch, 0, &far, 1, 1, p, p), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    REFUSED(optim_resize, (world->scratch, 0, &row, 1, 1, NULL, p), OPTIM_ERR_NULL, "data");
    ACCEPTED(optim_resize, (world->scratch, 0, &row, 1, 1, p, NULL));
    ACCEPTED(optim_resize, (world->scratch, 0, NULL, 0, 1, p, NULL));
    REFUSED(optim_set_sparse_grad, (NULL, 0, 1, &row, p), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_sparse_grad, (opt, -1, 1, &row, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_set_sparse_grad, (opt, 2, 1, &row, p), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_set_sparse_grad, (opt, INT_MIN, 1, &row, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_sparse_grad, (opt, INT_MAX, 1, &row, p), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_sparse_grad, (world->scratch, 0, INT64_MIN, &row, p), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_set_sparse_grad, (world->scratch, 0, 1, NULL, p), OPTIM_ERR_NULL, "index");
    REFUSED(optim_set_sparse_grad, (world->scratch, 0, 1, &row, NULL), OPTIM_ERR_NULL, "values");
    REFUSED(optim_set_sparse_grad, (world->scratch, 0, 1, &far, p), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    ACCEPTED(optim_set_sparse_grad, (world->scratch, 0, 0, NULL, NULL));
    REFUSED(optim_set_grad_dtype, (NULL, 0, OPTIM_F32), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_grad_dtype, (fresh, -1, OPTIM_F32), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_set_grad_dtype, (fresh, 2, OPTIM_F32), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_set_grad_dtype, (fresh, INT_MIN, OPTIM_F32), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_grad_dtype, (fresh, INT_MAX, OPTIM_F32), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_grad_dtype, (fresh, 0, 4), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_set_grad_dtype, (fresh, 0, INT_MIN), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_grad_dtype, (fresh, 0, INT_MAX), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_bounds, (NULL, 0, p, p), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_bounds, (opt, -1, p, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_set_bounds, (opt, 2, p, p), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_set_bounds, (opt, INT_MIN, p, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_bounds, (opt, INT_MAX, p, p), OPTIM_ERR_ARGUMENT, "2147483647");
    ACCEPTED(optim_set_bounds, (world->scratch, 0, NULL, p));
    ACCEPTED(optim_set_bounds, (world->scratch, 0, p, NULL));
    int8_t active[4];
    REFUSED(optim_active_bounds, (NULL, 0, active), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_active_bounds, (opt, -1, active), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_active_bounds, (opt, 2, active), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_active_bounds, (opt, INT_MIN, active), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_active_bounds, (opt, INT_MAX, active), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_active_bounds, (opt, 0, NULL), OPTIM_ERR_NULL, "active");
    ACCEPTED(optim_active_bounds, (world->scratch, 0, active));
    REFUSED(optim_set_threads, (NULL, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_threads, (opt, 0), OPTIM_ERR_ARGUMENT, "0");
    REFUSED(optim_set_threads, (opt, INT_MIN), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_threads, (opt, INT_MAX), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_output, (NULL, 0, p), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_output, (opt, -1, p), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_output, (opt, 2, p), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_output, (opt, INT_MIN, p), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_output, (opt, INT_MAX, p), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_output, (opt, 0, NULL), OPTIM_ERR_NULL, "values");
    REFUSED(optim_swap_output, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_zero_grad, (NULL), OPTIM_ERR_NULL, "opt");
}

/* ---- Stepping ---- */

/* Of a handle in the middle of a step parameter by parameter. */
static void rows_of_parts(world_t *world) {
    double x = 1, g = 0.5;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1"));
    CHECK_OK(optim_add_param(opt, 0, "only", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_step_begin(opt));
    REFUSED(optim_step_param, (opt, -1), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_step_param, (opt, 1), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_step_param, (opt, INT_MIN), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_step_param, (opt, INT_MAX), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_step_begin, (opt), OPTIM_ERR_OPEN, "optim_step_end");
    CHECK_OK(optim_step_param(opt, 0));
    REFUSED(optim_step_param, (opt, 0), OPTIM_ERR_ORDER, "\"only\"");
    CHECK_OK(optim_step_end(opt));
    assert_true(x == 0.5);
    optim_destroy(opt);
}

static void rows_of_steps(world_t *world) {
    REFUSED(optim_step, (NULL), OPTIM_ERR_NULL, "opt");
    double room[6];
    void *const updates[] = {room, room + 4}, *const without[] = {room, NULL}, *const twice[] = {room, room + 3};
    REFUSED(optim_update, (NULL, updates, 2), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_update, (world->stepped, NULL, 2), OPTIM_ERR_NULL, "updates");
    REFUSED(optim_update, (world->stepped, updates, 1), OPTIM_ERR_ARGUMENT, "1 updates for 2");
    REFUSED(optim_update, (world->stepped, updates, SIZE_MAX), OPTIM_ERR_ARGUMENT, "for 2 parameters");
    REFUSED(optim_update, (world->stepped, without, 2), OPTIM_ERR_NULL, "updates[1]");
    REFUSED(optim_update, (world->stepped, twice, 2), OPTIM_ERR_DUPLICATE, "\"y\"");
    REFUSED(optim_update, (world->stepped, updates, 2), OPTIM_ERR_ORDER, "accumulated");
    REFUSED(optim_step_begin, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_step_param, (NULL, 0), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_step_param, (world->stepped, 0), OPTIM_ERR_CLOSED, "optim_step_begin");
    REFUSED(optim_step_end, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_step_end, (world->stepped), OPTIM_ERR_CLOSED, "optim_step_begin");
    REFUSED(optim_step_begin, (world->stepped), OPTIM_ERR_MISMATCH, "accumulate=1");
    rows_of_parts(world);
    REFUSED(optim_accumulate, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_accumulate_scale, (NULL, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_accumulate_scale, (world->stepped, (double)NAN), OPTIM_ERR_ARGUMENT, "nan");
    REFUSED(optim_accumulate_scale, (world->stepped, (double)INFINITY), OPTIM_ERR_ARGUMENT, "inf");
    REFUSED(optim_accumulate_scale, (world->stepped, 0), OPTIM_ERR_ARGUMENT, "0");
    REFUSED(optim_accumulate_scale, (world->stepped, 1), OPTIM_ERR_ORDER, "optim_accumulate");
    REFUSED(optim_cancel, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_reset, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_loss, (NULL, 1), OPTIM_ERR_NULL, "opt");
    ACCEPTED(optim_set_loss, (world->scratch, (double)NAN));
    ACCEPTED(optim_set_loss, (world->scratch, (double)INFINITY));
    HOLDS(optim_wants_gradient, (NULL), optim_wants_gradient(NULL) == 0);
    HOLDS(optim_steps, (NULL), optim_steps(NULL) == 0);
    HOLDS(optim_skipped, (NULL), optim_skipped(NULL) == 0);
    HOLDS(optim_recorded, (NULL), optim_recorded(NULL) == 0);
    REFUSED(optim_report, (NULL, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_report, (world->fresh, (double)NAN), OPTIM_ERR_ORDER, "step");
    ACCEPTED(optim_report, (world->stepped, (double)NAN)); /* there is no schedule that would mind */
    ACCEPTED(optim_report, (world->stepped, (double)INFINITY));
    REFUSED(optim_record_norms, (NULL, 1, world->log, 4), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_record_norms, (world->stepped, -1, world->log, 4), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_record_norms, (world->stepped, 3, world->log, 4), OPTIM_ERR_ARGUMENT, "3");
    REFUSED(optim_record_norms, (world->stepped, INT_MIN, world->log, 4), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_record_norms, (world->stepped, INT_MAX, world->log, 4), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_record_norms, (world->stepped, OPTIM_NORM_L1, NULL, 4), OPTIM_ERR_NULL, "log");
}

static void rows_of_requests(world_t *world) {
    const void *direction;
    void *product;
    const optim_request request = {.size = sizeof request};
    REFUSED(optim_request_info, (NULL, boxed(world, LONGER, &request)), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_request_info, (world->asking, NULL), OPTIM_ERR_NULL, "request");
    REFUSED(optim_request_info, (world->asking, boxed(world, ZERO, &request)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_request_info, (world->asking, boxed(world, SHORT, &request)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_request_info, (world->asking, boxed(world, NONSENSE, &request)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_request_info, (world->asking, boxed(world, TAIL, &request)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_request_info, (world->asking, boxed(world, LONGER, &request)));
    REFUSED(optim_hvp_vector, (NULL, 0, &direction), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_hvp_vector, (world->asking, -1, &direction), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_hvp_vector, (world->asking, 1, &direction), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_hvp_vector, (world->asking, INT_MIN, &direction), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_hvp_vector, (world->asking, INT_MAX, &direction), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_hvp_vector, (world->asking, 0, NULL), OPTIM_ERR_NULL, "direction");
    REFUSED(optim_hvp_result, (NULL, 0, &product), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_hvp_result, (world->asking, -1, &product), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_hvp_result, (world->asking, 1, &product), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_hvp_result, (world->asking, INT_MIN, &product), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_hvp_result, (world->asking, INT_MAX, &product), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_hvp_result, (world->asking, 0, NULL), OPTIM_ERR_NULL, "product");
}

static void rows_of_problems(world_t *world) {
    optim_t *fresh = world->fresh, *stepped = world->stepped;
    const int64_t two = 2, negative = -1;
    const double *weights;
    double *values;
    REFUSED(optim_set_components, (NULL, 3), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_components, (stepped, 0), OPTIM_ERR_ARGUMENT, "0 components");
    REFUSED(optim_set_components, (stepped, -1), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_set_components, (stepped, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_set_components, (stepped, INT64_MAX), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    ACCEPTED(optim_set_components, (world->scratch, INT_MAX));
    REFUSED(optim_set_residuals, (NULL, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_residuals, (fresh, 0), OPTIM_ERR_ARGUMENT, "0 residuals");
    REFUSED(optim_set_residuals, (fresh, -1), OPTIM_ERR_ARGUMENT, "-1 residuals");
    REFUSED(optim_set_residuals, (fresh, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_set_residuals, (fresh, INT64_MAX), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    REFUSED(optim_set_constraints, (NULL, 1, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_constraints, (fresh, -1, 1), OPTIM_ERR_ARGUMENT, "-1 equalities");
    REFUSED(optim_set_constraints, (fresh, INT64_MIN, 1), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_set_constraints, (fresh, INT64_MAX, 1), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    REFUSED(optim_set_constraints, (fresh, 1, -1), OPTIM_ERR_ARGUMENT, "-1 inequalities");
    REFUSED(optim_set_constraints, (fresh, 1, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_set_constraints, (fresh, 1, INT64_MAX), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    ACCEPTED(optim_set_constraints, (world->scratch, INT_MAX, 0));
    ACCEPTED(optim_set_constraints, (world->scratch, 0, INT_MAX));
    REFUSED(optim_freeze, (NULL, 0, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_freeze, (stepped, -1, 1), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_freeze, (stepped, INT_MIN, 1), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_freeze, (stepped, INT_MAX, 1), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_freeze, (stepped, 0, -1), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_freeze, (stepped, 0, INT_MIN), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_freeze, (stepped, 0, INT_MAX), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_input, (NULL, 0, "a", OPTIM_F64, 1, &two, world->log), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_input, (fresh, -2, "a", OPTIM_F64, 1, &two, world->log), OPTIM_ERR_ARGUMENT, "-2");
    REFUSED(optim_set_input, (fresh, INT_MIN, "a", OPTIM_F64, 1, &two, world->log), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_input, (fresh, INT_MAX, "a", OPTIM_F64, 1, &two, world->log), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_input, (fresh, 0, NULL, OPTIM_F64, 1, &two, world->log), OPTIM_ERR_NULL, "name");
    REFUSED(optim_set_input, (fresh, 0, "", OPTIM_F64, 1, &two, world->log), OPTIM_ERR_NAME, "\"\"");
    REFUSED(optim_set_input, (fresh, 0, world->control, OPTIM_F64, 1, &two, world->log), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_set_input, (fresh, 0, world->bytes, OPTIM_F64, 1, &two, world->log), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_set_input, (fresh, -1, world->endless, OPTIM_F64, 1, &two, world->log), OPTIM_ERR_NAME, "kkkk");
    /* The rest in tests/unit/test_inputs.c, with a method that has inputs: the name is looked at first. */
    REFUSED(optim_set_input, (fresh, 0, "a", INT_MIN, 1, &two, world->log), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_input, (fresh, 0, "a", INT_MAX, 1, &two, world->log), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_input, (fresh, 0, "a", OPTIM_F64, INT_MIN, &two, world->log), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_input, (fresh, 0, "a", OPTIM_F64, INT_MAX, &two, world->log), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_input, (fresh, 0, "a", OPTIM_F64, 1, NULL, world->log), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_input, (fresh, 0, "a", OPTIM_F64, 1, &negative, world->log), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_input, (fresh, 0, "a", OPTIM_F64, 1, &two, NULL), OPTIM_ERR_NAME, "a");
    REFUSED(optim_set_losses, (NULL, world->log, 2), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_losses, (world->asking, NULL, 2), OPTIM_ERR_NULL, "losses");
    REFUSED(optim_set_losses, (world->asking, world->log, 2), OPTIM_ERR_CLOSED, "losses");
    REFUSED(optim_constraint_values, (NULL, &values), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_constraint_values, (world->asking, NULL), OPTIM_ERR_NULL, "values");
    REFUSED(optim_constraint_values, (world->asking, &values), OPTIM_ERR_CLOSED, "constraints");
    REFUSED(optim_residual_values, (NULL, &values), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_residual_values, (world->asking, NULL), OPTIM_ERR_NULL, "values");
    REFUSED(optim_residual_values, (world->asking, &values), OPTIM_ERR_CLOSED, "residuals");
    REFUSED(optim_jacobian_rows, (NULL, 0, &values), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_jacobian_rows, (world->asking, 0, NULL), OPTIM_ERR_NULL, "rows");
    REFUSED(optim_jacobian_rows, (world->asking, -1, &values), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_jacobian_rows, (world->asking, INT_MIN, &values), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_jacobian_rows, (world->asking, INT_MAX, &values), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_jacobian_rows, (world->asking, 0, &values), OPTIM_ERR_CLOSED, "derivatives");
    const void *direction;
    void *product;
    REFUSED(optim_jvp_vector, (NULL, 0, &direction), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_jvp_vector, (world->asking, 0, NULL), OPTIM_ERR_NULL, "direction");
    REFUSED(optim_jvp_vector, (world->asking, -1, &direction), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_jvp_vector, (world->asking, INT_MIN, &direction), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_jvp_vector, (world->asking, INT_MAX, &direction), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_jvp_vector, (world->asking, 0, &direction), OPTIM_ERR_CLOSED, "Jacobian");
    REFUSED(optim_jvp_result, (NULL, &values), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_jvp_result, (world->asking, NULL), OPTIM_ERR_NULL, "product");
    REFUSED(optim_jvp_result, (world->asking, &values), OPTIM_ERR_CLOSED, "Jacobian");
    REFUSED(optim_vjp_vector, (NULL, &weights), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_vjp_vector, (world->asking, NULL), OPTIM_ERR_NULL, "weights");
    REFUSED(optim_vjp_vector, (world->asking, &weights), OPTIM_ERR_CLOSED, "transposed");
    REFUSED(optim_vjp_result, (NULL, 0, &product), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_vjp_result, (world->asking, 0, NULL), OPTIM_ERR_NULL, "product");
    REFUSED(optim_vjp_result, (world->asking, -1, &product), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_vjp_result, (world->asking, INT_MIN, &product), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_vjp_result, (world->asking, INT_MAX, &product), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_vjp_result, (world->asking, 0, &product), OPTIM_ERR_CLOSED, "transposed");
    REFUSED(optim_constraint_weights, (NULL, &weights), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_constraint_weights, (world->asking, NULL), OPTIM_ERR_NULL, "weights");
    REFUSED(optim_constraint_weights, (world->stepped, &weights), OPTIM_ERR_CLOSED, "gradient");
}

static void rows_of_checks(world_t *world) {
    const optim_problem *problem = &world->problem;
    const optim_problem nothing = {.size = sizeof nothing};
    optim_gradient_check check = {.size = sizeof check};
    optim_t *opt = world->stepped;
    REFUSED(optim_check_gradient, (NULL, problem, 0, 1, &check), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_check_gradient, (opt, NULL, 0, 1, &check), OPTIM_ERR_NULL, "problem");
    REFUSED(optim_check_gradient, (opt, problem, 0, 1, NULL), OPTIM_ERR_NULL, "check");
    REFUSED(optim_check_gradient, (opt, problem, INT_MIN, 1, &check), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_check_gradient, (opt, &nothing, 0, 1, &check), OPTIM_ERR_NULL, "problem.gradient");
    REFUSED(optim_check_gradient, (opt, boxed(world, ZERO, problem), 0, 1, &check), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_check_gradient, (opt, problem, 0, 1, boxed(world, ZERO, &check)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_check_gradient, (opt, boxed(world, SHORT, problem), 0, 1, &check), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_check_gradient, (opt, problem, 0, 1, boxed(world, SHORT, &check)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_check_gradient, (opt, boxed(world, NONSENSE, problem), 0, 1, &check), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_check_gradient, (opt, problem, 0, 1, boxed(world, NONSENSE, &check)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_check_gradient, (opt, boxed(world, TAIL, problem), 0, 1, &check), OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_check_gradient, (opt, problem, 0, 1, boxed(world, TAIL, &check)), OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_check_gradient, (opt, problem, INT_MAX, 1, &check), OPTIM_ERR_ARGUMENT, "2147483647");
    ACCEPTED(optim_check_gradient, (opt, boxed(world, LONGER, problem), 0, (uint64_t)INT64_MIN, &check));
    ACCEPTED(optim_check_gradient, (opt, problem, 0, UINT64_MAX, boxed(world, LONGER, &check)));
    ACCEPTED(optim_check_gradient, (opt, problem, 1, 0, &check));
}

static void rows_of_constrained(world_t *world) {
    const optim_problem *problem = &world->problem;
    const optim_stop *stop = &world->stop;
    optim_constrained constrained = {.size = sizeof constrained};
    optim_t *opt = world->stepped;
    REFUSED(optim_minimize_constrained, (NULL, problem, stop, &constrained, NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_minimize_constrained, (opt, NULL, stop, &constrained, NULL), OPTIM_ERR_NULL, "problem");
    REFUSED(optim_minimize_constrained, (opt, problem, NULL, &constrained, NULL), OPTIM_ERR_NULL, "stop");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, NULL, NULL), OPTIM_ERR_NULL, "constrained");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, &constrained, NULL), OPTIM_ERR_ORDER,
            "optim_set_constraints");
    const optim_result result = {.size = sizeof result};
    REFUSED(optim_minimize_constrained, (opt, boxed(world, ZERO, problem), stop, &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, boxed(world, SHORT, problem), stop, &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, boxed(world, NONSENSE, problem), stop, &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, boxed(world, TAIL, problem), stop, &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_minimize_constrained, (opt, boxed(world, LONGER, problem), stop, &constrained, NULL), OPTIM_ERR_ORDER,
            "optim_set_constraints");
    REFUSED(optim_minimize_constrained, (opt, problem, boxed(world, ZERO, stop), &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, boxed(world, SHORT, stop), &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, boxed(world, NONSENSE, stop), &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, boxed(world, TAIL, stop), &constrained, NULL),
            OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_minimize_constrained, (opt, problem, boxed(world, LONGER, stop), &constrained, NULL), OPTIM_ERR_ORDER,
            "optim_set_constraints");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, boxed(world, ZERO, &constrained), NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, boxed(world, SHORT, &constrained), NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, boxed(world, NONSENSE, &constrained), NULL),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, boxed(world, TAIL, &constrained), NULL),
            OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, boxed(world, LONGER, &constrained), NULL), OPTIM_ERR_ORDER,
            "optim_set_constraints");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, &constrained, boxed(world, ZERO, &result)),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, &constrained, boxed(world, SHORT, &result)),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, &constrained, boxed(world, NONSENSE, &result)),
            OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, &constrained, boxed(world, TAIL, &result)),
            OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_minimize_constrained, (opt, problem, stop, &constrained, boxed(world, LONGER, &result)),
            OPTIM_ERR_ORDER, "optim_set_constraints");
}

static void rows_of_minimize(world_t *world) {
    const optim_problem *problem = &world->problem;
    const optim_stop *stop = &world->stop, never = {.size = sizeof never};
    const optim_problem nothing = {.size = sizeof nothing};
    const optim_result result = {.size = sizeof result};
    optim_t *opt = world->stepped;
    REFUSED(optim_minimize, (NULL, problem, stop, NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_minimize, (opt, NULL, stop, NULL), OPTIM_ERR_NULL, "problem");
    REFUSED(optim_minimize, (opt, problem, NULL, NULL), OPTIM_ERR_NULL, "stop");
    REFUSED(optim_minimize, (opt, &nothing, stop, NULL), OPTIM_ERR_NULL, "problem.gradient");
    REFUSED(optim_minimize, (world->fresh, problem, &never, NULL), OPTIM_ERR_VALUE, "stop.steps");
    REFUSED(optim_minimize, (opt, boxed(world, ZERO, problem), stop, NULL), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, boxed(world, SHORT, problem), stop, NULL), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, boxed(world, NONSENSE, problem), stop, NULL), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, boxed(world, TAIL, problem), stop, NULL), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_minimize, (opt, boxed(world, LONGER, problem), stop, NULL));
    REFUSED(optim_minimize, (opt, problem, boxed(world, ZERO, stop), NULL), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, problem, boxed(world, SHORT, stop), NULL), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, problem, boxed(world, NONSENSE, stop), NULL), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, problem, boxed(world, TAIL, stop), NULL), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_minimize, (opt, problem, boxed(world, LONGER, stop), NULL));
    REFUSED(optim_minimize, (opt, problem, stop, boxed(world, ZERO, &result)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, problem, stop, boxed(world, SHORT, &result)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, problem, stop, boxed(world, NONSENSE, &result)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_minimize, (opt, problem, stop, boxed(world, TAIL, &result)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_minimize, (opt, problem, stop, boxed(world, LONGER, &result)));
    const optim_progress progress = {.size = sizeof progress, .step = 11}; /* of which no line is printed */
    HOLDS(optim_print_progress, (NULL, NULL), optim_print_progress(NULL, NULL) == 0);
    HOLDS(optim_print_progress, (NULL, boxed(world, ZERO, &progress)),
          optim_print_progress(NULL, boxed(world, ZERO, &progress)) == 0);
    HOLDS(optim_print_progress, (NULL, boxed(world, SHORT, &progress)),
          optim_print_progress(NULL, boxed(world, SHORT, &progress)) == 0);
    HOLDS(optim_print_progress, (NULL, boxed(world, NONSENSE, &progress)),
          optim_print_progress(NULL, boxed(world, NONSENSE, &progress)) == 0);
    HOLDS(optim_print_progress, (NULL, boxed(world, TAIL, &progress)),
          optim_print_progress(NULL, boxed(world, TAIL, &progress)) == 0);
    HOLDS(optim_print_progress, (NULL, boxed(world, LONGER, &progress)),
          optim_print_progress(NULL, boxed(world, LONGER, &progress)) == 0);
}

/* ---- Options and schedules ---- */

static void rows_of_options(world_t *world) {
    optim_t *opt = world->stepped;
    double *value = &world->number;
    REFUSED(optim_set, (NULL, 0, "lr", 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set, (opt, -2, "lr", 1), OPTIM_ERR_ARGUMENT, "-2");
    REFUSED(optim_set, (opt, 1, "lr", 1), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_set, (opt, INT_MIN, "lr", 1), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set, (opt, INT_MAX, "lr", 1), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set, (opt, 0, NULL, 1), OPTIM_ERR_NULL, "key");
    REFUSED(optim_set, (opt, 0, "", 1), OPTIM_ERR_OPTION, "\"\"");
    REFUSED(optim_set, (opt, 0, world->control, 1), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_set, (opt, 0, world->bytes, 1), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_set, (opt, 0, world->endless, 1), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_set, (opt, 0, "lr", (double)NAN), OPTIM_ERR_VALUE, "[0,inf)");
    REFUSED(optim_set, (opt, 0, "lr", (double)INFINITY), OPTIM_ERR_VALUE, "[0,inf)");
    REFUSED(optim_get, (NULL, 0, "lr", value), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_get, (opt, -2, "lr", value), OPTIM_ERR_ARGUMENT, "-2");
    REFUSED(optim_get, (opt, 1, "lr", value), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_get, (opt, INT_MIN, "lr", value), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_get, (opt, INT_MAX, "lr", value), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_get, (opt, 0, NULL, value), OPTIM_ERR_NULL, "key");
    REFUSED(optim_get, (opt, 0, "", value), OPTIM_ERR_OPTION, "\"\"");
    REFUSED(optim_get, (opt, 0, world->control, value), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_get, (opt, 0, world->bytes, value), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_get, (opt, 0, world->endless, value), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_get, (opt, 0, "lr", NULL), OPTIM_ERR_NULL, "value");
}

static void rows_of_schedules(world_t *world) {
    optim_t *opt = world->stepped;
    double *values = world->numbers;
    REFUSED(optim_set_schedule, (NULL, 0, "lr", "constant", NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_schedule, (opt, -2, "lr", "constant", NULL), OPTIM_ERR_ARGUMENT, "-2");
    REFUSED(optim_set_schedule, (opt, 1, "lr", "constant", NULL), OPTIM_ERR_ARGUMENT, "1");
    REFUSED(optim_set_schedule, (opt, INT_MIN, "lr", "constant", NULL), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_schedule, (opt, INT_MAX, "lr", "constant", NULL), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_schedule, (opt, 0, NULL, "constant", NULL), OPTIM_ERR_NULL, "key");
    REFUSED(optim_set_schedule, (opt, 0, "", "constant", NULL), OPTIM_ERR_OPTION, "\"\"");
    REFUSED(optim_set_schedule, (opt, 0, world->control, "constant", NULL), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_set_schedule, (opt, 0, world->bytes, "constant", NULL), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_set_schedule, (opt, 0, world->endless, "constant", NULL), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_set_schedule, (opt, 0, "lr", "", NULL), OPTIM_ERR_NAME, "\"\"");
    REFUSED(optim_set_schedule, (opt, 0, "lr", world->control, NULL), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_set_schedule, (opt, 0, "lr", world->bytes, NULL), OPTIM_ERR_NAME, "such\?\?\?\?\?\?");
    REFUSED(optim_set_schedule, (opt, 0, "lr", world->endless, NULL), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_set_schedule, (opt, 0, "lr", "linear", world->control), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_set_schedule, (opt, 0, "lr", "linear", world->bytes), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_set_schedule, (opt, 0, "lr", "linear", world->endless), OPTIM_ERR_VALUE, "kkkk");
    ACCEPTED(optim_set_schedule, (world->scratch, 0, "lr", NULL, NULL));
    ACCEPTED(optim_set_schedule, (world->scratch, 0, "lr", "constant", ""));
    REFUSED(optim_schedule_values, (NULL, 0, "lr", 0, 4, values), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_schedule_values, (opt, -2, "lr", 0, 4, values), OPTIM_ERR_ARGUMENT, "-2");
    REFUSED(optim_schedule_values, (opt, INT_MIN, "lr", 0, 4, values), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_schedule_values, (opt, INT_MAX, "lr", 0, 4, values), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_schedule_values, (opt, 0, NULL, 0, 4, values), OPTIM_ERR_NULL, "key");
    REFUSED(optim_schedule_values, (opt, 0, "", 0, 4, values), OPTIM_ERR_OPTION, "\"\"");
    REFUSED(optim_schedule_values, (opt, 0, world->control, 0, 4, values), OPTIM_ERR_OPTION, "such\?\?\?");
    REFUSED(optim_schedule_values, (opt, 0, world->bytes, 0, 4, values), OPTIM_ERR_OPTION, "such\?\?\?\?\?\?");
    REFUSED(optim_schedule_values, (opt, 0, world->endless, 0, 4, values), OPTIM_ERR_OPTION, "kkkk");
    REFUSED(optim_schedule_values, (opt, 0, "lr", -1, 4, values), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_schedule_values, (opt, 0, "lr", INT64_MIN, 4, values), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_schedule_values, (opt, 0, "lr", 0, 4, NULL), OPTIM_ERR_NULL, "values");
    ACCEPTED(optim_schedule_values, (opt, 0, "lr", INT64_MAX, 4, values));
}

/* ---- Introspection, checkpoints, words ---- */

#define ROWS_OF_DESCRIBE(function, content, ...)                                                                       \
    do {                                                                                                               \
        REFUSED(function, (INT_MIN, "sgd", __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_ARGUMENT, "-2147");   \
        REFUSED(function, (INT_MAX, "sgd", __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_ARGUMENT, "2147");    \
        REFUSED(function, (0, NULL, __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_NULL, "name");               \
        REFUSED(function, (0, "", __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_NAME, "\"\"");                 \
        REFUSED(function, (1, world->control, __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_NAME,              \
                "such\?\?\?");                                                                                         \
        REFUSED(function, (2, world->bytes, __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_NAME,                \
                "such\?\?\?\?\?\?");                                                                                   \
        REFUSED(function, (3, world->endless, __VA_ARGS__ boxed(world, LONGER, content)), OPTIM_ERR_NAME, "kkkk");     \
        REFUSED(function, (0, "adam", __VA_ARGS__ NULL), OPTIM_ERR_NULL, "argument");                                  \
        REFUSED(function, (0, "adam", __VA_ARGS__ boxed(world, ZERO, content)), OPTIM_ERR_ARGUMENT, "size");           \
        REFUSED(function, (0, "adam", __VA_ARGS__ boxed(world, SHORT, content)), OPTIM_ERR_ARGUMENT, "size");          \
        REFUSED(function, (0, "adam", __VA_ARGS__ boxed(world, NONSENSE, content)), OPTIM_ERR_ARGUMENT, "size");       \
        REFUSED(function, (0, "adam", __VA_ARGS__ boxed(world, TAIL, content)), OPTIM_ERR_ARGUMENT, "newer");          \
        ACCEPTED(function, (0, "adam", __VA_ARGS__ boxed(world, LONGER, content)));                                    \
    } while (false)

/* No method has inputs yet: the number is looked at before the struct. */
static void rows_of_described_inputs(world_t *world) {
    const optim_input_info input = {.size = sizeof input};
    REFUSED(optim_describe_input, (INT_MIN, "sgd", 0, boxed(world, LONGER, &input)), OPTIM_ERR_ARGUMENT, "-2147");
    REFUSED(optim_describe_input, (INT_MAX, "sgd", 0, boxed(world, LONGER, &input)), OPTIM_ERR_ARGUMENT, "2147");
    REFUSED(optim_describe_input, (0, NULL, 0, boxed(world, LONGER, &input)), OPTIM_ERR_NULL, "name");
    REFUSED(optim_describe_input, (0, "", 0, boxed(world, LONGER, &input)), OPTIM_ERR_NAME, "\"\"");
    REFUSED(optim_describe_input, (1, world->control, 0, boxed(world, LONGER, &input)), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_describe_input, (2, world->bytes, 0, boxed(world, LONGER, &input)), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_describe_input, (3, world->endless, 0, boxed(world, LONGER, &input)), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_describe_input, (0, "adam", 0, NULL), OPTIM_ERR_NULL, "input");
    REFUSED(optim_describe_input, (0, "adam", SIZE_MAX, boxed(world, LONGER, &input)), OPTIM_ERR_ARGUMENT, "adam");
    REFUSED(optim_describe_input, (0, "adam", 0, boxed(world, ZERO, &input)), OPTIM_ERR_ARGUMENT, "0 inputs");
    REFUSED(optim_describe_input, (0, "adam", 0, boxed(world, SHORT, &input)), OPTIM_ERR_ARGUMENT, "0 inputs");
    REFUSED(optim_describe_input, (0, "adam", 0, boxed(world, NONSENSE, &input)), OPTIM_ERR_ARGUMENT, "0 inputs");
    REFUSED(optim_describe_input, (0, "adam", 0, boxed(world, TAIL, &input)), OPTIM_ERR_ARGUMENT, "0 inputs");
    REFUSED(optim_describe_input, (0, "adam", 0, boxed(world, LONGER, &input)), OPTIM_ERR_ARGUMENT, "0 inputs");
}

static void rows_of_maps(world_t *world) {
    double *v = world->numbers, value;
    const int64_t dims[] = {2}, negative[] = {-2}, endless[] = {INT64_MAX, INT64_MAX};
    REFUSED(optim_map_apply, (NULL, 1, OPTIM_F64, 1, dims, v), OPTIM_ERR_NULL, "map");
    REFUSED(optim_map_apply, ("", 1, OPTIM_F64, 1, dims, v), OPTIM_ERR_VALUE, "\"\"");
    REFUSED(optim_map_apply, (world->control, 1, OPTIM_F64, 1, dims, v), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_map_apply, (world->bytes, 1, OPTIM_F64, 1, dims, v), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_map_apply, (world->endless, 1, OPTIM_F64, 1, dims, v), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_map_apply, ("prox_l1", -1, OPTIM_F64, 1, dims, v), OPTIM_ERR_VALUE, "-1");
    REFUSED(optim_map_apply, ("prox_l1", NAN, OPTIM_F64, 1, dims, v), OPTIM_ERR_VALUE, "step");
    REFUSED(optim_map_apply, ("prox_l1", INFINITY, OPTIM_F64, 1, dims, v), OPTIM_ERR_VALUE, "step");
    REFUSED(optim_map_apply, ("prox_l1", 1, 4, 1, dims, v), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_map_apply, ("prox_l1", 1, INT_MIN, 1, dims, v), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_map_apply, ("prox_l1", 1, INT_MAX, 1, dims, v), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_map_apply, ("prox_l1", 1, OPTIM_F64, INT_MIN, dims, v), OPTIM_ERR_SHAPE, "-2147483648");
    REFUSED(optim_map_apply, ("prox_l1", 1, OPTIM_F64, INT_MAX, dims, v), OPTIM_ERR_SHAPE, "2147483647");
    REFUSED(optim_map_apply, ("prox_l1", 1, OPTIM_F64, 1, NULL, v), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_map_apply, ("prox_l1", 1, OPTIM_F64, 1, negative, v), OPTIM_ERR_SHAPE, "-2");
    REFUSED(optim_map_apply, ("prox_l1", 1, OPTIM_F64, 2, endless, v), OPTIM_ERR_SIZE, "memory");
    REFUSED(optim_map_apply, ("prox_l1", 1, OPTIM_F64, 1, dims, NULL), OPTIM_ERR_NULL, "data");
    REFUSED(optim_map_value, (NULL, OPTIM_F64, 1, dims, v, &value), OPTIM_ERR_NULL, "map");
    REFUSED(optim_map_value, ("", OPTIM_F64, 1, dims, v, &value), OPTIM_ERR_VALUE, "\"\"");
    REFUSED(optim_map_value, (world->control, OPTIM_F64, 1, dims, v, &value), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_map_value, (world->bytes, OPTIM_F64, 1, dims, v, &value), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_map_value, (world->endless, OPTIM_F64, 1, dims, v, &value), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_map_value, ("prox_l1", INT_MIN, 1, dims, v, &value), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_map_value, ("prox_l1", INT_MAX, 1, dims, v, &value), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_map_value, ("prox_l1", OPTIM_F64, INT_MIN, dims, v, &value), OPTIM_ERR_SHAPE, "-2147483648");
    REFUSED(optim_map_value, ("prox_l1", OPTIM_F64, INT_MAX, dims, v, &value), OPTIM_ERR_SHAPE, "2147483647");
    REFUSED(optim_map_value, ("prox_l1", OPTIM_F64, 1, NULL, v, &value), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_map_value, ("prox_l1", OPTIM_F64, 1, dims, NULL, &value), OPTIM_ERR_NULL, "data");
    REFUSED(optim_map_value, ("prox_l1", OPTIM_F64, 1, dims, v, NULL), OPTIM_ERR_NULL, "value");
}

static void rows_of_messages(world_t *world) {
    double *v = world->numbers;
    unsigned char bytes[64] = {0};
    size_t size;
    const int64_t dims[] = {2}, negative[] = {-2}, endless[] = {INT64_MAX, INT64_MAX};
    REFUSED(optim_compress_size, (NULL, OPTIM_F64, 1, dims, &size), OPTIM_ERR_NULL, "compressor");
    REFUSED(optim_compress_size, ("", OPTIM_F64, 1, dims, &size), OPTIM_ERR_VALUE, "\"\"");
    REFUSED(optim_compress_size, (world->control, OPTIM_F64, 1, dims, &size), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_compress_size, (world->bytes, OPTIM_F64, 1, dims, &size), OPTIM_ERR_NAME, "such\?\?\?");
    REFUSED(optim_compress_size, (world->endless, OPTIM_F64, 1, dims, &size), OPTIM_ERR_NAME, "kkkk");
    REFUSED(optim_compress_size, ("sign", 4, 1, dims, &size), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_compress_size, ("sign", INT_MIN, 1, dims, &size), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_compress_size, ("sign", INT_MAX, 1, dims, &size), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_compress_size, ("sign", OPTIM_F64, INT_MIN, dims, &size), OPTIM_ERR_SHAPE, "-2147483648");
    REFUSED(optim_compress_size, ("sign", OPTIM_F64, INT_MAX, dims, &size), OPTIM_ERR_SHAPE, "2147483647");
    REFUSED(optim_compress_size, ("sign", OPTIM_F64, 1, NULL, &size), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_compress_size, ("sign", OPTIM_F64, 1, negative, &size), OPTIM_ERR_SHAPE, "-2");
    REFUSED(optim_compress_size, ("sign", OPTIM_F64, 2, endless, &size), OPTIM_ERR_SIZE, "memory");
    REFUSED(optim_compress_size, ("sign", OPTIM_F64, 1, dims, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_compress, (NULL, 0, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_NULL, "compressor");
    REFUSED(optim_compress, ("", 0, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_VALUE, "\"\"");
    REFUSED(optim_compress, (world->control, 0, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_NAME,
            "such\?\?\?");
    REFUSED(optim_compress, (world->bytes, 0, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_NAME,
            "such\?\?\?");
    REFUSED(optim_compress, (world->endless, 0, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_NAME, "kkkk");
    ACCEPTED(optim_compress, ("sign", INT64_MIN, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size));
    ACCEPTED(optim_compress, ("sign", INT64_MAX, 0, OPTIM_F64, 1, dims, v, bytes, 64, &size));
    ACCEPTED(optim_compress, ("sign", 0, INT64_MAX, OPTIM_F64, 1, dims, v, bytes, 64, &size));
    ACCEPTED(optim_compress, ("sign", 0, 0, OPTIM_F64, 1, dims, v, NULL, 0, &size));
    memset(bytes, 0, sizeof bytes);
    REFUSED(optim_compress, ("sign", 0, -1, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_ARGUMENT, "step");
    REFUSED(optim_compress, ("sign", 0, INT64_MIN, OPTIM_F64, 1, dims, v, bytes, 64, &size), OPTIM_ERR_ARGUMENT,
            "step");
    REFUSED(optim_compress, ("sign", 0, 0, 4, 1, dims, v, bytes, 64, &size), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_compress, ("sign", 0, 0, INT_MIN, 1, dims, v, bytes, 64, &size), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_compress, ("sign", 0, 0, INT_MAX, 1, dims, v, bytes, 64, &size), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, INT_MIN, dims, v, bytes, 64, &size), OPTIM_ERR_SHAPE,
            "-2147483648");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, INT_MAX, dims, v, bytes, 64, &size), OPTIM_ERR_SHAPE,
            "2147483647");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, 1, NULL, v, bytes, 64, &size), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, 1, negative, v, bytes, 64, &size), OPTIM_ERR_SHAPE, "-2");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, 2, endless, v, bytes, 64, &size), OPTIM_ERR_SIZE, "memory");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, 1, dims, NULL, bytes, 64, &size), OPTIM_ERR_NULL, "data");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, 1, dims, v, bytes, 0, &size), OPTIM_ERR_ARGUMENT, "room");
    REFUSED(optim_compress, ("sign", 0, 0, OPTIM_F64, 1, dims, v, bytes, 64, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_decompress, (bytes, 64, 4, 1, dims, v), OPTIM_ERR_ARGUMENT, "4");
    REFUSED(optim_decompress, (bytes, 64, INT_MIN, 1, dims, v), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_decompress, (bytes, 64, INT_MAX, 1, dims, v), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, INT_MIN, dims, v), OPTIM_ERR_SHAPE, "-2147483648");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, INT_MAX, dims, v), OPTIM_ERR_SHAPE, "2147483647");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, 1, NULL, v), OPTIM_ERR_NULL, "dims");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, 1, negative, v), OPTIM_ERR_SHAPE, "-2");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, 2, endless, v), OPTIM_ERR_SIZE, "memory");
    REFUSED(optim_decompress, (NULL, 64, OPTIM_F64, 1, dims, v), OPTIM_ERR_NULL, "buffer");
    REFUSED(optim_decompress, (bytes, 0, OPTIM_F64, 1, dims, v), OPTIM_ERR_FORMAT, "cut short");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, 1, dims, v), OPTIM_ERR_FORMAT, "no message");
    REFUSED(optim_decompress, (bytes, 64, OPTIM_F64, 1, dims, NULL), OPTIM_ERR_NULL, "data");
}

static void rows_of_descriptions(world_t *world) {
    const optim_description description = {.size = sizeof description};
    const optim_option option = {.size = sizeof option};
    const optim_state_info info = {.size = sizeof info};
    ROWS_OF_DESCRIBE(optim_describe, &description, );
    ROWS_OF_DESCRIBE(optim_describe_option, &option, 0, );
    ROWS_OF_DESCRIBE(optim_describe_state, &info, 0, );
    REFUSED(optim_describe_option, (0, "adam", SIZE_MAX, boxed(world, LONGER, &option)), OPTIM_ERR_ARGUMENT, "adam");
    REFUSED(optim_describe_state, (0, "adam", SIZE_MAX, boxed(world, LONGER, &info)), OPTIM_ERR_ARGUMENT, "adam");
    HOLDS(optim_algorithm_name, (SIZE_MAX), optim_algorithm_name(SIZE_MAX) == NULL);
    HOLDS(optim_wrapper_name, (SIZE_MAX), optim_wrapper_name(SIZE_MAX) == NULL);
    HOLDS(optim_schedule_name, (SIZE_MAX), optim_schedule_name(SIZE_MAX) == NULL);
    HOLDS(optim_algorithm_count, (), optim_algorithm_name(optim_algorithm_count()) == NULL);
    HOLDS(optim_wrapper_count, (), optim_wrapper_name(optim_wrapper_count()) == NULL);
    HOLDS(optim_schedule_count, (), optim_schedule_name(optim_schedule_count()) == NULL);
    HOLDS(optim_map_name, (SIZE_MAX), optim_map_name(SIZE_MAX) == NULL);
    HOLDS(optim_map_count, (), optim_map_name(optim_map_count()) == NULL);
    HOLDS(optim_compressor_name, (SIZE_MAX), optim_compressor_name(SIZE_MAX) == NULL);
    HOLDS(optim_compressor_count, (), optim_compressor_name(optim_compressor_count()) == NULL);
    HOLDS(optim_strerror, (INT_MIN), *optim_strerror(INT_MIN) != '\0');
    HOLDS(optim_strerror, (INT_MAX), *optim_strerror(INT_MAX) != '\0');
    HOLDS(optim_stop_reason, (INT_MIN), *optim_stop_reason(INT_MIN) != '\0');
    HOLDS(optim_stop_reason, (INT_MAX), *optim_stop_reason(INT_MAX) != '\0');
    HOLDS(optim_error, (), optim_error() != NULL);
    HOLDS(optim_version, (), optim_version() != NULL);
}

static void rows_of_files(world_t *world) {
    optim_t *opt = world->stepped;
    REFUSED(optim_save, (NULL, "no/such"), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_save, (opt, NULL), OPTIM_ERR_NULL, "path");
    REFUSED(optim_save, (opt, ""), OPTIM_ERR_IO, "\"\"");
    REFUSED(optim_save, (opt, world->control), OPTIM_ERR_IO, "such\?\?\?");
    REFUSED(optim_save, (opt, world->bytes), OPTIM_ERR_IO, "such\?\?\?\?\?\?");
    REFUSED(optim_save, (opt, world->endless), OPTIM_ERR_IO, "kkkk");
    REFUSED(optim_load, (NULL, "no/such"), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_load, (opt, NULL), OPTIM_ERR_NULL, "path");
    REFUSED(optim_load, (opt, ""), OPTIM_ERR_IO, "\"\"");
    REFUSED(optim_load, (opt, world->control), OPTIM_ERR_IO, "such\?\?\?");
    REFUSED(optim_load, (opt, world->bytes), OPTIM_ERR_IO, "such\?\?\?\?\?\?");
    REFUSED(optim_load, (opt, world->endless), OPTIM_ERR_IO, "kkkk");
    REFUSED(optim_save_async, (NULL, "no/such"), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_save_async, (opt, NULL), OPTIM_ERR_NULL, "path");
    ACCEPTED(optim_save_async, (opt, "")); /* what became of it is said by the wait */
    BECOMES(optim_save_wait, (opt), OPTIM_ERR_IO);
    ACCEPTED(optim_save_async, (opt, world->control));
    BECOMES(optim_save_wait, (opt), OPTIM_ERR_IO);
    ACCEPTED(optim_save_async, (opt, world->bytes));
    BECOMES(optim_save_wait, (opt), OPTIM_ERR_IO);
    ACCEPTED(optim_save_async, (opt, world->endless));
    BECOMES(optim_save_wait, (opt), OPTIM_ERR_IO);
    REFUSED(optim_save_wait, (NULL), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_snapshot_begin, (NULL, "no/such"), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_snapshot_begin, (opt, NULL), OPTIM_ERR_NULL, "path");
    ACCEPTED(optim_snapshot_begin, (opt, ""));
    BECOMES(optim_snapshot_wait, (opt), OPTIM_ERR_IO);
    ACCEPTED(optim_snapshot_begin, (opt, world->control));
    BECOMES(optim_snapshot_wait, (opt), OPTIM_ERR_IO);
    ACCEPTED(optim_snapshot_begin, (opt, world->bytes));
    BECOMES(optim_snapshot_wait, (opt), OPTIM_ERR_IO);
    ACCEPTED(optim_snapshot_begin, (opt, world->endless));
    BECOMES(optim_snapshot_wait, (opt), OPTIM_ERR_IO);
    REFUSED(optim_snapshot_wait, (NULL), OPTIM_ERR_NULL, "opt");
}

static void rows_of_bytes(world_t *world) {
    optim_t *opt = world->stepped;
    size_t size;
    REFUSED(optim_serialize, (NULL, NULL, 0, &size), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_serialize, (opt, NULL, 0, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_serialize, (opt, world->box, 16, &size), OPTIM_ERR_ARGUMENT, "16");
    REFUSED(optim_deserialize, (NULL, world->box, 0), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_deserialize, (opt, NULL, 0), OPTIM_ERR_NULL, "buffer");
    REFUSED(optim_deserialize, (opt, world->box, 0), OPTIM_ERR_FORMAT, "checkpoint");
    REFUSED(optim_deserialize, (opt, world->box, 8), OPTIM_ERR_FORMAT, "checkpoint");
    REFUSED(optim_deserialize, (opt, world->box, WORLD_BOX), OPTIM_ERR_FORMAT, "checkpoint");
    REFUSED(optim_serialize_numbers, (NULL, NULL, 0, &size), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_serialize_numbers, (opt, NULL, 0, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_serialize_numbers, (opt, world->box, 16, &size), OPTIM_ERR_ARGUMENT, "16");
    const optim_load_rules rules = {.size = sizeof rules};
    REFUSED(optim_deserialize_matching, (NULL, world->box, 0, boxed(world, LONGER, &rules)), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_deserialize_matching, (opt, world->box, 8, boxed(world, LONGER, &rules)), OPTIM_ERR_ORDER, "first");
    opt = world->fresh;
    REFUSED(optim_deserialize_matching, (opt, NULL, 0, boxed(world, LONGER, &rules)), OPTIM_ERR_NULL, "buffer");
    REFUSED(optim_deserialize_matching, (opt, "", 1, NULL), OPTIM_ERR_NULL, "rules");
    REFUSED(optim_deserialize_matching, (opt, "", 1, boxed(world, ZERO, &rules)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_deserialize_matching, (opt, "", 1, boxed(world, SHORT, &rules)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_deserialize_matching, (opt, "", 1, boxed(world, NONSENSE, &rules)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_deserialize_matching, (opt, "", 1, boxed(world, TAIL, &rules)), OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_deserialize_matching, (opt, "", 1, boxed(world, LONGER, &rules)), OPTIM_ERR_FORMAT, "checkpoint");
    REFUSED(optim_load_matching, (NULL, "x", boxed(world, LONGER, &rules)), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_load_matching, (opt, NULL, boxed(world, LONGER, &rules)), OPTIM_ERR_NULL, "path");
    REFUSED(optim_load_matching, (opt, "x", NULL), OPTIM_ERR_NULL, "rules");
    REFUSED(optim_load_matching, (opt, "x", boxed(world, NONSENSE, &rules)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_load_matching, (opt, "x", boxed(world, ZERO, &rules)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_load_matching, (opt, "x", boxed(world, SHORT, &rules)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_load_matching, (opt, "x", boxed(world, TAIL, &rules)), OPTIM_ERR_ARGUMENT, "newer");
    REFUSED(optim_load_matching, (opt, "", boxed(world, LONGER, &rules)), OPTIM_ERR_IO, "\"\"");
    REFUSED(optim_load_matching, (opt, world->control, boxed(world, LONGER, &rules)), OPTIM_ERR_IO, "such");
    REFUSED(optim_load_matching, (opt, world->bytes, boxed(world, LONGER, &rules)), OPTIM_ERR_IO, "such");
    REFUSED(optim_load_matching, (opt, world->endless, boxed(world, LONGER, &rules)), OPTIM_ERR_IO, "kkkk");
    REFUSED(optim_memory, (NULL, &size, &size), OPTIM_ERR_NULL, "opt");
    ACCEPTED(optim_memory, (world->stepped, NULL, &size));
    ACCEPTED(optim_memory, (world->fresh, &size, NULL));
}

static void rows_of_looking(world_t *world) {
    optim_t *opt = world->stepped;
    const optim_param_info info = {.size = sizeof info};
    const optim_array array = {.size = sizeof array};
    REFUSED(optim_describe_param, (NULL, 0, boxed(world, LONGER, &info)), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_describe_param, (opt, -1, boxed(world, LONGER, &info)), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_describe_param, (opt, 2, boxed(world, LONGER, &info)), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_describe_param, (opt, INT_MIN, boxed(world, LONGER, &info)), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_describe_param, (opt, INT_MAX, boxed(world, LONGER, &info)), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_describe_param, (opt, 0, boxed(world, SHORT, &info)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_describe_param, (opt, 0, boxed(world, NONSENSE, &info)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_describe_param, (opt, 0, NULL), OPTIM_ERR_NULL, "info");
    REFUSED(optim_describe_param, (opt, 0, boxed(world, ZERO, &info)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_describe_param, (opt, 0, boxed(world, TAIL, &info)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_describe_param, (opt, 0, boxed(world, LONGER, &info)));
    REFUSED(optim_param_array, (NULL, 0, 0, boxed(world, LONGER, &array)), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_param_array, (opt, INT_MAX, 0, boxed(world, LONGER, &array)), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_param_array, (opt, INT_MIN, 0, boxed(world, LONGER, &array)), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_param_array, (opt, -1, 0, boxed(world, LONGER, &array)), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_param_array, (opt, 2, 0, boxed(world, LONGER, &array)), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_param_array, (opt, 0, 0, boxed(world, ZERO, &array)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_param_array, (opt, 0, 0, boxed(world, NONSENSE, &array)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_param_array, (opt, 0, 0, NULL), OPTIM_ERR_NULL, "array");
    REFUSED(optim_param_array, (opt, 0, 0, boxed(world, SHORT, &array)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_param_array, (opt, 0, 0, boxed(world, TAIL, &array)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_param_array, (opt, 0, 0, boxed(world, LONGER, &array)));
    ACCEPTED(optim_param_array, (opt, 0, SIZE_MAX, boxed(world, LONGER, &array)));
    REFUSED(optim_set_param_steps, (NULL, 0, 1), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_param_steps, (opt, INT_MIN, 1), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_set_param_steps, (opt, -1, 1), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_set_param_steps, (opt, 2, 1), OPTIM_ERR_ARGUMENT, "2");
    REFUSED(optim_set_param_steps, (opt, INT_MAX, 1), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_set_param_steps, (opt, 0, -1), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_set_param_steps, (opt, 0, INT64_MIN), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_set_param_steps, (opt, 0, INT64_MAX), OPTIM_ERR_ARGUMENT, "9223372036854775807");
    REFUSED(optim_prepare, (NULL), OPTIM_ERR_NULL, "opt");
    ACCEPTED(optim_prepare, (opt));
    HOLDS(optim_group_count, (NULL), optim_group_count(NULL) == 0);
    HOLDS(optim_param_count, (NULL), optim_param_count(NULL) == 0);
    HOLDS(optim_param_count, (opt), optim_param_count(opt) == 2);
}

/* ---- Rules ---- */

static void rows_of_rates(world_t *world) {
    const double rate[] = {1, 1}, wild[] = {1, (double)NAN}, *norm = NULL;
    const optim_bound bound = {.size = sizeof bound};
    const optim_power_line line = {.size = sizeof line};
    REFUSED(optim_schedule_bound, (NULL, norm, 2, 1, boxed(world, LONGER, &bound)), OPTIM_ERR_NULL, "rate");
    REFUSED(optim_schedule_bound, (rate, norm, 2, (double)NAN, boxed(world, LONGER, &bound)), OPTIM_ERR_ARGUMENT,
            "dis");
    REFUSED(optim_schedule_bound, (rate, norm, 2, (double)INFINITY, boxed(world, LONGER, &bound)), OPTIM_ERR_ARGUMENT,
            "");
    REFUSED(optim_schedule_bound, (rate, norm, 2, -1, boxed(world, LONGER, &bound)), OPTIM_ERR_ARGUMENT, "-1");
    REFUSED(optim_schedule_bound, (wild, norm, 2, 1, boxed(world, LONGER, &bound)), OPTIM_ERR_ARGUMENT, "step 1");
    REFUSED(optim_schedule_bound, (rate, wild, 2, 1, boxed(world, LONGER, &bound)), OPTIM_ERR_ARGUMENT, "step 1");
    REFUSED(optim_schedule_bound, (rate, norm, 0, 1, boxed(world, LONGER, &bound)), OPTIM_ERR_ARGUMENT, "moves");
    REFUSED(optim_schedule_bound, (rate, NULL, 2, 1, NULL), OPTIM_ERR_NULL, "bound");
    REFUSED(optim_schedule_bound, (rate, norm, 2, 1, boxed(world, ZERO, &bound)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_schedule_bound, (rate, norm, 2, 1, boxed(world, SHORT, &bound)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_schedule_bound, (rate, norm, 2, 1, boxed(world, NONSENSE, &bound)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_schedule_bound, (rate, norm, 2, 1, boxed(world, TAIL, &bound)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_schedule_bound, (rate, norm, 2, 1, boxed(world, LONGER, &bound)));
    HOLDS(optim_lr_linear, ((double)NAN, (double)NAN, (double)NAN), isnan(optim_lr_linear(1, (double)NAN, 1)));
    HOLDS(optim_lr_linear, ((double)INFINITY, (double)INFINITY, (double)INFINITY), isnan(optim_lr_linear(1, 0, 1)));
    HOLDS(optim_lr_sqrt, ((double)NAN, (double)NAN, (double)NAN), isnan(optim_lr_sqrt(1, 1, (double)NAN)));
    HOLDS(optim_lr_sqrt, ((double)INFINITY, (double)INFINITY, (double)INFINITY), isnan(optim_lr_sqrt(1, -1, 1)));
    HOLDS(optim_lr_surge, ((double)NAN, (double)NAN, (double)NAN), isnan(optim_lr_surge(1, (double)NAN, 1)));
    HOLDS(optim_lr_surge, ((double)INFINITY, (double)INFINITY, (double)INFINITY), isnan(optim_lr_surge(1, 1, 0)));
    double *number = &world->number;
    REFUSED(optim_noise_scale, (2, 1, 1, 2, NULL, number), OPTIM_ERR_NULL, "gradient_square");
    REFUSED(optim_noise_scale, (2, 1, 1, 2, number, NULL), OPTIM_ERR_NULL, "trace");
    REFUSED(optim_noise_scale, (2, 1, (double)NAN, 2, number, number), OPTIM_ERR_ARGUMENT, "small_batch");
    REFUSED(optim_noise_scale, (2, 1, (double)INFINITY, 2, number, number), OPTIM_ERR_ARGUMENT, "small_batch");
    REFUSED(optim_noise_scale, (2, 1, 1, (double)NAN, number, number), OPTIM_ERR_ARGUMENT, "big_batch");
    REFUSED(optim_noise_scale, (2, 1, 1, (double)INFINITY, number, number), OPTIM_ERR_ARGUMENT, "big_batch");
    ACCEPTED(optim_noise_scale, ((double)NAN, (double)INFINITY, 1, 2, number, number)); /* a norm may be anything */
    ACCEPTED(optim_noise_scale, ((double)INFINITY, (double)NAN, 1, 2, number, number));
    REFUSED(optim_power_lines, ((double)NAN, 1, 1, 1, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "parameters");
    REFUSED(optim_power_lines, ((double)INFINITY, 1, 1, 1, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "param");
    REFUSED(optim_power_lines, (1, (double)NAN, 1, 1, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "tokens");
    REFUSED(optim_power_lines, (1, (double)INFINITY, 1, 1, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "tokens");
    REFUSED(optim_power_lines, (1, 1, (double)NAN, 1, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "batch");
    REFUSED(optim_power_lines, (1, 1, (double)INFINITY, 1, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "batch");
    REFUSED(optim_power_lines, (1, 1, 1, (double)NAN, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "lr");
    REFUSED(optim_power_lines, (1, 1, 1, (double)INFINITY, boxed(world, LONGER, &line)), OPTIM_ERR_ARGUMENT, "lr");
    REFUSED(optim_power_lines, (1, 1, 1, 1, NULL), OPTIM_ERR_NULL, "line");
    REFUSED(optim_power_lines, (1, 1, 1, 1, boxed(world, ZERO, &line)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_power_lines, (1, 1, 1, 1, boxed(world, SHORT, &line)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_power_lines, (1, 1, 1, 1, boxed(world, NONSENSE, &line)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_power_lines, (1, 1, 1, 1, boxed(world, TAIL, &line)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_power_lines, (1, 1, 1, 1, boxed(world, LONGER, &line)));
}

static void rows_of_laws(world_t *world) {
    const double two[] = {1, 2}, wild[] = {1, (double)NAN}, *fitted = NULL;
    const optim_mmd mmd = {.size = sizeof mmd};
    double *number = &world->number;
    REFUSED(optim_privacy_epsilon, ((double)NAN, 1, 1, 1e-5, number, number), OPTIM_ERR_ARGUMENT, "rate");
    REFUSED(optim_privacy_epsilon, ((double)INFINITY, 1, 1, 1e-5, number, number), OPTIM_ERR_ARGUMENT, "rate");
    REFUSED(optim_privacy_epsilon, (0.1, (double)NAN, 1, 1e-5, number, number), OPTIM_ERR_ARGUMENT, "noise");
    REFUSED(optim_privacy_epsilon, (0.1, (double)INFINITY, 1, 1e-5, number, number), OPTIM_ERR_ARGUMENT, "noise");
    REFUSED(optim_privacy_epsilon, (0.1, 1, 1, (double)NAN, number, number), OPTIM_ERR_ARGUMENT, "delta");
    REFUSED(optim_privacy_epsilon, (0.1, 1, 1, (double)INFINITY, number, number), OPTIM_ERR_ARGUMENT, "delta");
    REFUSED(optim_privacy_epsilon, (0.1, 1, INT64_MIN, 1e-5, number, number), OPTIM_ERR_ARGUMENT, "steps");
    REFUSED(optim_privacy_epsilon, (0.1, 1, 1, 1e-5, NULL, number), OPTIM_ERR_NULL, "epsilon");
    REFUSED(optim_privacy_epsilon, (0.1, 1, 1, 1e-5, number, NULL), OPTIM_ERR_NULL, "order");
    REFUSED(optim_privacy_noise, ((double)NAN, 1, 1, 1e-5, number), OPTIM_ERR_ARGUMENT, "rate");
    REFUSED(optim_privacy_noise, ((double)INFINITY, 1, 1, 1e-5, number), OPTIM_ERR_ARGUMENT, "rate");
    REFUSED(optim_privacy_noise, (0.1, 1, (double)NAN, 1e-5, number), OPTIM_ERR_ARGUMENT, "epsilon");
    REFUSED(optim_privacy_noise, (0.1, 1, (double)INFINITY, 1e-5, number), OPTIM_ERR_ARGUMENT, "epsilon");
    REFUSED(optim_privacy_noise, (0.1, 1, 1, (double)NAN, number), OPTIM_ERR_ARGUMENT, "delta");
    REFUSED(optim_privacy_noise, (0.1, 1, 1, (double)INFINITY, number), OPTIM_ERR_ARGUMENT, "delta");
    REFUSED(optim_privacy_noise, (0.1, INT64_MIN, 1, 1e-5, number), OPTIM_ERR_ARGUMENT, "steps");
    REFUSED(optim_privacy_noise, (0.1, 1, 1, 1e-5, NULL), OPTIM_ERR_NULL, "noise");
    REFUSED(optim_privacy_rdp, ((double)NAN, 1, 2, number), OPTIM_ERR_ARGUMENT, "rate");
    REFUSED(optim_privacy_rdp, ((double)INFINITY, 1, 2, number), OPTIM_ERR_ARGUMENT, "rate");
    REFUSED(optim_privacy_rdp, (0.1, (double)NAN, 2, number), OPTIM_ERR_ARGUMENT, "noise");
    REFUSED(optim_privacy_rdp, (0.1, (double)INFINITY, 2, number), OPTIM_ERR_ARGUMENT, "noise");
    REFUSED(optim_privacy_rdp, (0.1, 1, (double)NAN, number), OPTIM_ERR_ARGUMENT, "order");
    REFUSED(optim_privacy_rdp, (0.1, 1, (double)INFINITY, number), OPTIM_ERR_ARGUMENT, "order");
    REFUSED(optim_privacy_rdp, (0.1, 1, 2, NULL), OPTIM_ERR_NULL, "rdp");
    REFUSED(optim_batch_relation, (1, 1, 1, NULL, number, number), OPTIM_ERR_NULL, "steps");
    REFUSED(optim_batch_relation, (1, 1, 1, number, NULL, number), OPTIM_ERR_NULL, "examples");
    REFUSED(optim_batch_relation, (1, 1, 1, number, number, NULL), OPTIM_ERR_NULL, "least_examples");
    REFUSED(optim_batch_relation, ((double)NAN, 1, 1, number, number, number), OPTIM_ERR_ARGUMENT, "least_steps");
    REFUSED(optim_batch_relation, ((double)INFINITY, 1, 1, number, number, number), OPTIM_ERR_ARGUMENT, "least_steps");
    REFUSED(optim_batch_relation, (1, (double)NAN, 1, number, number, number), OPTIM_ERR_ARGUMENT, "batch");
    REFUSED(optim_batch_relation, (1, (double)INFINITY, 1, number, number, number), OPTIM_ERR_ARGUMENT, "batch");
    REFUSED(optim_batch_relation, (1, 1, (double)NAN, number, number, number), OPTIM_ERR_ARGUMENT, "critical_batch");
    REFUSED(optim_batch_relation, (1, 1, (double)INFINITY, number, number, number), OPTIM_ERR_ARGUMENT, "critical");
    REFUSED(optim_batch_fit, (NULL, two, 2, number, number, number), OPTIM_ERR_NULL, "batch");
    REFUSED(optim_batch_fit, (two, NULL, 2, number, number, number), OPTIM_ERR_NULL, "steps");
    REFUSED(optim_batch_fit, (two, two, 2, NULL, number, number), OPTIM_ERR_NULL, "least_steps");
    REFUSED(optim_batch_fit, (two, two, 2, number, NULL, number), OPTIM_ERR_NULL, "least_examples");
    REFUSED(optim_batch_fit, (two, two, 2, number, number, NULL), OPTIM_ERR_NULL, "critical_batch");
    REFUSED(optim_batch_fit, (two, wild, 2, number, number, number), OPTIM_ERR_ARGUMENT, "run 1");
    REFUSED(optim_batch_fit, (two, two, 1, number, number, number), OPTIM_ERR_ARGUMENT, "two different");
    HOLDS(optim_critical_batch, ((double)NAN, (double)NAN, (double)NAN), isnan(optim_critical_batch(1, -1, 1)));
    HOLDS(optim_critical_batch, ((double)INFINITY, (double)INFINITY, (double)INFINITY),
          isnan(optim_critical_batch(-1, 1, 1)));
    HOLDS(optim_kaplan_loss, ((double)NAN, (double)NAN, NULL), isnan(optim_kaplan_loss((double)NAN, 1, fitted)));
    HOLDS(optim_kaplan_loss, ((double)INFINITY, (double)INFINITY, NULL), isnan(optim_kaplan_loss(-1, 1, fitted)));
    HOLDS(optim_kaplan_lr, ((double)NAN), isnan(optim_kaplan_lr(-1)));
    HOLDS(optim_kaplan_lr, ((double)INFINITY), isnan(optim_kaplan_lr((double)NAN)));
    REFUSED(optim_mmd_three_sample, (3, 1, NULL, two, two, 1, boxed(world, LONGER, &mmd)), OPTIM_ERR_NULL, "x");
    REFUSED(optim_mmd_three_sample, (3, 1, two, NULL, two, 1, boxed(world, LONGER, &mmd)), OPTIM_ERR_NULL, "y");
    REFUSED(optim_mmd_three_sample, (3, 1, two, two, NULL, 1, boxed(world, LONGER, &mmd)), OPTIM_ERR_NULL, "z");
    REFUSED(optim_mmd_three_sample, (0, 1, two, two, two, 1, boxed(world, LONGER, &mmd)), OPTIM_ERR_ARGUMENT, "three");
    REFUSED(optim_mmd_three_sample, (3, 0, two, two, two, 1, boxed(world, LONGER, &mmd)), OPTIM_ERR_ARGUMENT, "three");
    REFUSED(optim_mmd_three_sample, (3, 1, two, two, two, (double)NAN, boxed(world, LONGER, &mmd)), OPTIM_ERR_ARGUMENT,
            "min_var");
    REFUSED(optim_mmd_three_sample, (3, 1, two, two, two, (double)INFINITY, boxed(world, LONGER, &mmd)),
            OPTIM_ERR_ARGUMENT, "min_var");
    REFUSED(optim_mmd_three_sample, (3, 1, two, two, two, 1, NULL), OPTIM_ERR_NULL, "mmd");
    const double three[] = {1, 2, 4};
    REFUSED(optim_mmd_three_sample, (3, 1, three, three, three, 1, boxed(world, ZERO, &mmd)), OPTIM_ERR_ARGUMENT,
            "size");
    REFUSED(optim_mmd_three_sample, (3, 1, three, three, three, 1, boxed(world, SHORT, &mmd)), OPTIM_ERR_ARGUMENT,
            "size");
    REFUSED(optim_mmd_three_sample, (3, 1, three, three, three, 1, boxed(world, NONSENSE, &mmd)), OPTIM_ERR_ARGUMENT,
            "size");
    REFUSED(optim_mmd_three_sample, (3, 1, three, three, three, 1, boxed(world, TAIL, &mmd)), OPTIM_ERR_ARGUMENT,
            "newer");
    ACCEPTED(optim_mmd_three_sample, (3, 1, three, three, three, 1, boxed(world, LONGER, &mmd)));
}

static void rows_of_chains(world_t *world) {
    const double draws[] = {1, 2, 4, 8};
    const optim_chains about = {.size = sizeof about};
    REFUSED(optim_chain_statistics, (NULL, 1, 4, boxed(world, LONGER, &about)), OPTIM_ERR_NULL, "draws");
    REFUSED(optim_chain_statistics, (draws, 1, 4, NULL), OPTIM_ERR_NULL, "about");
    REFUSED(optim_chain_statistics, (draws, 0, 4, boxed(world, LONGER, &about)), OPTIM_ERR_ARGUMENT, "one chain");
    REFUSED(optim_chain_statistics, (draws, 1, 0, boxed(world, LONGER, &about)), OPTIM_ERR_ARGUMENT, "four draws");
    REFUSED(optim_chain_statistics, (draws, SIZE_MAX, 4, boxed(world, LONGER, &about)), OPTIM_ERR_ARGUMENT, "memory");
    REFUSED(optim_chain_statistics, (draws, 4, SIZE_MAX, boxed(world, LONGER, &about)), OPTIM_ERR_ARGUMENT, "memory");
    REFUSED(optim_chain_statistics, (draws, 1, 4, boxed(world, ZERO, &about)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_chain_statistics, (draws, 1, 4, boxed(world, SHORT, &about)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_chain_statistics, (draws, 1, 4, boxed(world, NONSENSE, &about)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_chain_statistics, (draws, 1, 4, boxed(world, TAIL, &about)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_chain_statistics, (draws, 1, 4, boxed(world, LONGER, &about)));
}

static void rows_of_iterates(world_t *world) {
    double x[2] = {0}, sums[2] = {0};
    REFUSED(optim_lr_from_iterates, (INT_MIN, 2, x, x, x, sums), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_lr_from_iterates, (INT_MAX, 2, x, x, x, sums), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_lr_from_iterates, (OPTIM_F64, 2, NULL, x, x, sums), OPTIM_ERR_NULL, "x0");
    REFUSED(optim_lr_from_iterates, (OPTIM_F64, 2, x, NULL, x, sums), OPTIM_ERR_NULL, "x1");
    REFUSED(optim_lr_from_iterates, (OPTIM_F64, 2, x, x, NULL, sums), OPTIM_ERR_NULL, "x2");
    REFUSED(optim_lr_from_iterates, (OPTIM_F64, 2, x, x, x, NULL), OPTIM_ERR_NULL, "sums");
}

static void rows_of_batches(world_t *world) {
    const int64_t two = 2, negative = -1, vast[] = {INT64_MAX, INT64_MAX, 2};
    optim_batch_t *out = NULL;
    double *number = &world->number;
    int64_t size;
    REFUSED(optim_batch_create, (NULL, "max=4", OPTIM_F64, 1, &two), OPTIM_ERR_NULL, "out");
    REFUSED(optim_batch_create, (&out, NULL, OPTIM_F64, 1, &two), OPTIM_ERR_VALUE, "max");
    REFUSED(optim_batch_create, (&out, "", OPTIM_F64, 1, &two), OPTIM_ERR_VALUE, "max");
    REFUSED(optim_batch_create, (&out, world->control, OPTIM_F64, 1, &two), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_batch_create, (&out, world->bytes, OPTIM_F64, 1, &two), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_batch_create, (&out, world->endless, OPTIM_F64, 1, &two), OPTIM_ERR_VALUE, "kkkk");
    REFUSED(optim_batch_create, (&out, "max=4", INT_MIN, 1, &two), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_batch_create, (&out, "max=4", INT_MAX, 1, &two), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_batch_create, (&out, "max=4", OPTIM_F64, 0, &two), OPTIM_ERR_ARGUMENT, "0");
    REFUSED(optim_batch_create, (&out, "max=4", OPTIM_F64, INT_MIN, &two), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_batch_create, (&out, "max=4", OPTIM_F64, INT_MAX, &two), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_batch_create, (&out, "max=4", OPTIM_F64, 1, NULL), OPTIM_ERR_NULL, "counts");
    REFUSED(optim_batch_create, (&out, "max=4", OPTIM_F64, 1, &negative), OPTIM_ERR_SHAPE, "-1");
    REFUSED(optim_batch_create, (&out, "max=4", OPTIM_F64, 3, vast), OPTIM_ERR_SIZE, "elements");
    assert_null(out);
    optim_batch_destroy(NULL);
    HOLDS(optim_batch_destroy, (NULL), true);
    REFUSED(optim_batch_add, (NULL, world->gradients), OPTIM_ERR_NULL, "batch");
    REFUSED(optim_batch_add, (world->batch, NULL), OPTIM_ERR_NULL, "gradients");
    REFUSED(optim_batch_add, (world->batch, (const void *[]){NULL}), OPTIM_ERR_NULL, "gradients[0]");
    REFUSED(optim_batch_next, (NULL, &size), OPTIM_ERR_NULL, "batch");
    REFUSED(optim_batch_next, (world->batch, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_batch_test, (NULL, "norm", number), OPTIM_ERR_NULL, "batch");
    REFUSED(optim_batch_test, (world->batch, NULL, number), OPTIM_ERR_NULL, "test");
    REFUSED(optim_batch_test, (world->batch, "", number), OPTIM_ERR_VALUE, "\"\"");
    REFUSED(optim_batch_test, (world->batch, world->control, number), OPTIM_ERR_VALUE, "such\?\?\?");
    REFUSED(optim_batch_test, (world->batch, world->bytes, number), OPTIM_ERR_VALUE, "such\?\?\?\?\?\?");
    REFUSED(optim_batch_test, (world->batch, world->endless, number), OPTIM_ERR_VALUE, "kkkk");
    REFUSED(optim_batch_test, (world->batch, "norm", NULL), OPTIM_ERR_NULL, "size");
}

static void rows_of_hyperband(world_t *world) {
    const optim_job job = {.size = sizeof job};
    optim_hyperband_t *out = NULL, *rule;
    char room[4];
    size_t size;
    REFUSED(optim_hyperband_create, (NULL, "eta=3"), OPTIM_ERR_NULL, "out");
    REFUSED(optim_hyperband_create, (&out, world->control), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_hyperband_create, (&out, world->bytes), OPTIM_ERR_VALUE, "such");
    REFUSED(optim_hyperband_create, (&out, world->endless), OPTIM_ERR_VALUE, "kkkk");
    assert_null(out);
    ACCEPTED(optim_hyperband_create, (&out, NULL));
    optim_hyperband_destroy(out);
    ACCEPTED(optim_hyperband_create, (&out, ""));
    rule = out;
    optim_hyperband_destroy(NULL);
    HOLDS(optim_hyperband_destroy, (NULL), true);
    REFUSED(optim_hyperband_next, (NULL, boxed(world, LONGER, &job)), OPTIM_ERR_NULL, "hyperband");
    REFUSED(optim_hyperband_next, (rule, NULL), OPTIM_ERR_NULL, "job");
    REFUSED(optim_hyperband_next, (rule, boxed(world, ZERO, &job)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_hyperband_next, (rule, boxed(world, SHORT, &job)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_hyperband_next, (rule, boxed(world, NONSENSE, &job)), OPTIM_ERR_ARGUMENT, "size");
    REFUSED(optim_hyperband_next, (rule, boxed(world, TAIL, &job)), OPTIM_ERR_ARGUMENT, "newer");
    ACCEPTED(optim_hyperband_next, (rule, boxed(world, LONGER, &job)));
    ACCEPTED(optim_hyperband_next, (rule, boxed(world, LONGER, &job)));
    REFUSED(optim_hyperband_tell, (NULL, 0, 1), OPTIM_ERR_NULL, "hyperband");
    REFUSED(optim_hyperband_tell, (rule, INT64_MIN, 1), OPTIM_ERR_ARGUMENT, "-9223372036854775808");
    REFUSED(optim_hyperband_tell, (rule, 2, 1), OPTIM_ERR_ARGUMENT, "2");
    ACCEPTED(optim_hyperband_tell, (rule, 0, (double)NAN));
    ACCEPTED(optim_hyperband_tell, (rule, 1, (double)INFINITY));
    REFUSED(optim_hyperband_serialize, (NULL, room, sizeof room, &size), OPTIM_ERR_NULL, "hyperband");
    REFUSED(optim_hyperband_serialize, (rule, room, sizeof room, NULL), OPTIM_ERR_NULL, "size");
    REFUSED(optim_hyperband_serialize, (rule, room, sizeof room, &size), OPTIM_ERR_ARGUMENT, "room");
    ACCEPTED(optim_hyperband_serialize, (rule, NULL, 0, &size));
    REFUSED(optim_hyperband_deserialize, (NULL, room, sizeof room), OPTIM_ERR_NULL, "hyperband");
    REFUSED(optim_hyperband_deserialize, (rule, NULL, 0), OPTIM_ERR_NULL, "buffer");
    REFUSED(optim_hyperband_deserialize, (rule, "gradopt", 7), OPTIM_ERR_CHECKPOINT, "hyperband");
    optim_hyperband_destroy(rule);
}

/* ---- All of them ---- */

static void test_every_argument(void **state) {
    (void)state;
    static void (*const ROWS[])(world_t *) = {
        rows_of_create,           rows_of_groups,    rows_of_new_parameters, rows_of_parameters, rows_of_steps,
        rows_of_requests,         rows_of_problems,  rows_of_minimize,       rows_of_checks,     rows_of_constrained,
        rows_of_options,          rows_of_schedules, rows_of_descriptions,   rows_of_maps,       rows_of_messages,
        rows_of_described_inputs, rows_of_files,     rows_of_bytes,          rows_of_rates,      rows_of_laws,
        rows_of_chains,           rows_of_iterates,  rows_of_batches,        rows_of_hyperband,  rows_of_looking,
        rows_of_servers,          rows_of_ranks,
    };
    world_t *world = world_new();
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; ++i)
        ROWS[i](world);
    world_free(world);
    rows_check_complete();
}

/* ---- Texts that are long and well-formed ---- */

/* `count` times `piece`, between two others. */
static char *repeated(const char *before, const char *piece, size_t count, const char *after) {
    const size_t length = strlen(piece);
    char *text = check_memory(strlen(before) + count * length + strlen(after) + 1, 1), *at = text;
    at += strlen(strcpy(at, before));
    for (size_t i = 0; i < count; ++i, at += length)
        memcpy(at, piece, length);
    strcpy(at, after);
    return text;
}

/* Options without end: no reading them pair by pair against each other. */
static void test_many_options(void **state) {
    (void)state;
    enum { COUNT = 1 << 17 };
    char *text = check_memory(COUNT * 12, 1), *at = text;
    for (int i = 0; i < COUNT; ++i)
        at += sprintf(at, "%sk%d=1", i == 0 ? "" : ",", i);
    optim_t *opt;
    optim_batch_t *batch;
    CHECK_REFUSED(optim_create(&opt, "sgd", text), OPTIM_ERR_VALUE, "options");
    CHECK_REFUSED(optim_batch_create(&batch, text, OPTIM_F64, 1, (int64_t[]){2}), OPTIM_ERR_VALUE, "options");
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_wrap(opt, "ema", text), OPTIM_ERR_VALUE, "options");
    CHECK_REFUSED(optim_add_group(opt, text, NULL), OPTIM_ERR_VALUE, "options");
    CHECK_REFUSED(optim_set_schedule(opt, 0, "lr", "linear", text), OPTIM_ERR_VALUE, "options");
    optim_destroy(opt);
    free(text);
}

/* Schedules in schedules without end: no recursion without end. */
static void test_deep_schedules(void **state) {
    (void)state;
    enum { DEPTH = 1 << 16 };
    char *opening = repeated("children=", "chain(children=", DEPTH, "constant"),
         *text = repeated(opening, ")", DEPTH, "");
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_set_schedule(opt, 0, "lr", "chain", text), OPTIM_ERR_VALUE, "nested");
    CHECK_OK(optim_set_schedule(opt, 0, "lr", "chain", "children=chain(children=chain(children=constant))"));
    optim_destroy(opt);
    free(opening);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_argument),
        cmocka_unit_test(test_many_options),
        cmocka_unit_test(test_deep_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
