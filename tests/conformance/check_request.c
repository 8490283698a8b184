/* The conversation within a step: what is asked, abandoning it, what is refused meanwhile. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "element.h"

enum { STEPS = 3 };

static optim_request request_info(const rig_t *rig) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(rig->opt, &request));
    return request;
}

static int need_of(int kind) {
    return kind == OPTIM_EVAL_GRAD          ? OPTIM_NEEDS_MORE_GRADIENTS
           : kind == OPTIM_EVAL_LOSS        ? OPTIM_NEEDS_LOSS
           : kind == OPTIM_EVAL_LOSSES      ? OPTIM_NEEDS_LOSSES
           : kind == OPTIM_EVAL_CONSTRAINTS ? OPTIM_NEEDS_CONSTRAINTS
           : kind == OPTIM_EVAL_RESIDUALS   ? OPTIM_NEEDS_RESIDUALS
           : kind == OPTIM_EVAL_JACOBIAN    ? OPTIM_NEEDS_RESIDUALS
           : kind == OPTIM_EVAL_JVP         ? OPTIM_NEEDS_JACOBIAN_PRODUCTS
           : kind == OPTIM_EVAL_VJP         ? OPTIM_NEEDS_JACOBIAN_PRODUCTS
                                            : OPTIM_NEEDS_PRODUCTS;
}

static void check_request(const subject_t *s, const rig_t *rig, optim_status status, int64_t evaluation) {
    const optim_request request = request_info(rig);
    assert_int_equal(request.kind, status);
    assert_in_range(request.sample, OPTIM_SAMPLE_SAME, OPTIM_SAMPLE_INDEX);
    assert_true(request.objective >= 0);
    assert_true(request.component >= -1);
    assert_int_equal(request.evaluation, evaluation);
    if (!s->is_variant && !(s->needs & need_of(request.kind)))
        fail_msg("asks for kind %d, which its description does not announce", request.kind);
    if (!s->is_variant && request.needs_loss && !(s->needs & OPTIM_NEEDS_LOSS))
        fail_msg("asks for the loss, which its description does not announce");
    if (request.kind == OPTIM_EVAL_LOSS)
        assert_int_equal(request.needs_loss, 1);
    const void *direction;
    void *product;
    const optim_status expected = status == OPTIM_EVAL_HVP ? OPTIM_OK : OPTIM_ERR_CLOSED;
    CHECK_STATUS(optim_hvp_vector(rig->opt, 0, &direction), expected);
    CHECK_STATUS(optim_hvp_result(rig->opt, 0, &product), expected);
}

void check_requests(void **state) {
    const subject_t *s = *state;
    rig_t *rig = subject_rig(s, subject_setup(s));
    for (int step = 0; step < STEPS; ++step) {
        assert_int_equal(request_info(rig).kind, 0);
        const bool wanted = optim_wants_gradient(rig->opt) != 0;
        rig->stop_at = wanted ? 2 : 1;
        optim_status status = rig_step(rig);
        /* where none was wanted, the held gradient still counts as the first evaluation */
        for (int64_t evaluation = 2; status > 0; ++evaluation) {
            check_request(s, rig, status, evaluation);
            --rig->evaluation; /* the one that it stopped at was not made */
            ++rig->stop_at;
            status = rig_continue(rig, status);
        }
        CHECK_OK(status);
    }
    assert_int_equal(request_info(rig).kind, 0);
    rig_free(rig);
}

/* Leaves the next step open at its evaluation number `stop` and abandons it. */
static void cancel_at(rig_t *rig, int stop) {
    void *before = rig_snapshot(rig);
    rig->stop_at = stop;
    const optim_status status = rig_step(rig);
    rig->stop_at = 0;
    assert_true(status > 0);
    CHECK_OK(optim_cancel(rig->opt));
    rig_check_snapshot(rig, before, "an abandoned step");
    assert_int_equal(request_info(rig).kind, 0);
    free(before);
}

void cancel_each(const subject_t *s, setup_t setup, int before) {
    rig_t *clean = subject_run(s, setup, before);
    const int first = optim_wants_gradient(clean->opt) ? 2 : 1;
    CHECK_OK(rig_step(clean));
    const int evaluations = clean->evaluation;
    CHECK_OK(rig_steps(clean, STEPS));
    for (int stop = first; stop <= evaluations; stop += evaluation_stride(evaluations)) {
        rig_t *rig = subject_run(s, setup, before);
        cancel_at(rig, stop);
        subject_check_steps(s, rig, before);
        cancel_at(rig, first);
        CHECK_OK(rig_steps(rig, STEPS + 1));
        rig_check_same(rig, clean, "after an abandoned step");
        rig_free(rig);
    }
    CHECK_STATUS(optim_cancel(clean->opt), OPTIM_ERR_CLOSED);
    rig_free(clean);
}

void check_cancel(void **state) {
    const setup_t setup = subject_setup(*state);
    cancel_each(*state, setup, 0);
    cancel_each(*state, setup, 2);
    cancel_each(*state, setup_dtype(setup, OPTIM_F32), 2);
    cancel_each(*state, setup_extra(setup, "clip_norm=1,zero_grad=1,maximize=1"), 1);
}

/* A handle may be destroyed with a request open (the sanitizers see what is lost), and goes on after refused calls. */
void check_open_refusals(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    rig_t *clean = subject_run(s, setup, STEPS), *rig = subject_rig(s, setup);
    rig->stop_at = 2;
    const optim_status request = rig_step(rig);
    if (request > 0) {
        rig_tensor_t *t = &rig->tensor[0];
        double values[64];
        const int64_t one = 1;
        CHECK_STATUS(optim_bind(rig->opt, 0, values, t->grad), OPTIM_ERR_OPEN); /* another gradient could move */
        CHECK_STATUS(optim_set_bounds(rig->opt, 0, NULL, NULL), OPTIM_ERR_OPEN);
        CHECK_STATUS(optim_set_threads(rig->opt, 2), OPTIM_ERR_OPEN);
        CHECK_STATUS(optim_set(rig->opt, -1, "grad_scale", 2), OPTIM_ERR_OPEN);
        CHECK_STATUS(optim_set_schedule(rig->opt, -1, "grad_scale", NULL, NULL), OPTIM_ERR_OPEN);
        CHECK_STATUS(optim_output(rig->opt, 0, values), OPTIM_ERR_OPEN);
        CHECK_STATUS(optim_swap_output(rig->opt), OPTIM_ERR_OPEN);
        CHECK_STATUS(optim_reset(rig->opt), OPTIM_ERR_OPEN);
        assert_true(optim_add_param(rig->opt, 0, "late", OPTIM_F64, 1, &one, values, values) < 0);
        assert_true(optim_add_group(rig->opt, NULL, NULL) < 0);
        rig->stop_at = 0;
        --rig->evaluation;
        CHECK_OK(rig_continue(rig, request));
        CHECK_OK(rig_steps(rig, STEPS - 1));
        rig_check_same(rig, clean, "calls were refused while a request was open");
        rig->stop_at = optim_wants_gradient(rig->opt) ? 2 : 1;
        assert_true(rig_step(rig) >= 0);
    }
    rig_free(rig);
    rig_free(clean);
}

void check_loss_missing(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    rig_t *clean = subject_run(s, setup, STEPS), *rig = subject_rig(s, setup);
    rig->withhold_loss = true;
    if (subject_reads_loss(s, setup)) {
        void *before = rig_snapshot(rig);
        CHECK_STATUS(rig_step(rig), OPTIM_ERR_LOSS);
        assert_non_null(strstr(optim_error(), "loss"));
        if (s->needs & OPTIM_NEEDS_GRADIENT) /* else it has moved on by itself, and asked there */
            rig_check_snapshot(rig, before, "a step refused for want of the loss");
        else
            CHECK_OK(optim_cancel(rig->opt));
        free(before);
        rig->withhold_loss = false;
        rig->stop_at = 2;
        const optim_status request = rig_step(rig);
        rig->stop_at = 0;
        if (request == OPTIM_EVAL_GRAD || request == OPTIM_EVAL_LOSS) { /* asked for, and not handed over: still open */
            CHECK_STATUS(optim_step(rig->opt), OPTIM_ERR_LOSS);
            --rig->evaluation;
            CHECK_OK(rig_continue(rig, request));
            CHECK_OK(rig_steps(rig, STEPS - 1));
            rig_check_same(rig, clean, "the loss of a trial came late");
        }
        rig_free(rig);
        rig = subject_rig(s, setup);
    }
    CHECK_OK(rig_steps(rig, STEPS));
    rig_check_same(rig, clean, "without the loss");
    rig_free(rig);
    rig_free(clean);
}

static bool was_handed(const rig_t *rig, double loss) {
    for (int i = 0; i < rig->held; ++i)
        if (rig->handed[i] == loss)
            return true;
    return false;
}

/* Whoever says that no gradient is wanted, though it reads them, stands at a point that was evaluated in this step, bounds or not. */
static void run_held(const subject_t *s, bool bounded) {
    rig_t *rig = subject_rig(s, subject_setup(s));
    double *lower[RIG_TENSORS] = {NULL};
    for (int i = 0; i < rig->count && bounded; ++i) {
        lower[i] = check_memory(rig->tensor[i].count, sizeof(double));
        for (size_t k = 0; k < rig->tensor[i].count; ++k)
            lower[i][k] = 0.25;
        CHECK_OK(optim_set_bounds(rig->opt, i, lower[i], NULL));
    }
    const bool asks_for_all = optim_wants_gradient(rig->opt) == 0; /* and so it holds none */
    for (int step = 0; step < 6 && !asks_for_all; ++step) {
        const bool wanted = optim_wants_gradient(rig->opt) != 0;
        const double before = rig_value(rig);
        const optim_status status = rig_step(rig);
        if (bounded &&
            (status == OPTIM_ERR_LINE_SEARCH || (status == OPTIM_ERR_MISMATCH && (s->needs & OPTIM_NEEDS_LOSS) != 0)))
            break;
        CHECK_OK(status);
        const double now = rig_value(rig);
        if (!optim_wants_gradient(rig->opt) && !was_handed(rig, now) && !(now == before && !wanted))
            fail_msg("step %d: no gradient is wanted, but f = %.17g was never handed over", step + 1, now);
    }
    rig_free(rig);
    for (int i = 0; i < RIG_TENSORS; ++i)
        free(lower[i]);
}

void check_held_gradient(void **state) {
    const subject_t *s = *state;
    if (!(s->needs & OPTIM_NEEDS_GRADIENT)) {
        rig_t *rig = subject_run(s, subject_setup(s), 1);
        assert_int_equal(optim_wants_gradient(rig->opt), 0);
        rig_free(rig);
        return;
    }
    run_held(*state, false);
    run_held(*state, true);
}
