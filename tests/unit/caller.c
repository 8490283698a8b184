#include "caller.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

const layout_t PLANE = {"plane", 1, {{"x", 1, {2}}}};
const layout_t NINE = {"nine", 1, {{"x", 1, {9}}}};
const layout_t TENSORS = {"tensors", 2, {{"w", 2, {4, 3}}, {"b", 1, {5}}}};

static void check_request(const optim_request *request, int kind) {
    assert_non_null(request);
    assert_int_equal(request->size, sizeof *request);
    assert_int_equal(request->kind, kind);
    assert_true(request->evaluation >= 1);
}

static int on_gradient(void *user, const optim_request *request, double *loss) {
    caller_t *c = user;
    assert_non_null(request);
    ++c->gradients;
    rig_evaluate(c->rig);
    *loss = c->nan_from_value != 0 && c->gradients >= c->nan_from_value ? (double)NAN : c->rig->sign * c->rig->loss;
    return c->gradients == c->stop_gradient ? -7 : 0;
}

static int on_loss(void *user, const optim_request *request, double *loss) {
    caller_t *c = user;
    assert_non_null(request);
    ++c->losses;
    *loss = rig_value(c->rig);
    return c->losses == c->stop_loss ? 7 : 0;
}

static int on_product(void *user, const optim_request *request, optim_t *opt) {
    caller_t *c = user;
    const void *direction;
    void *product;
    check_request(request, OPTIM_EVAL_HVP);
    ++c->products;
    size_t flat = 0;
    for (int i = 0; i < c->rig->count; ++i) {
        CHECK_OK(optim_hvp_vector(opt, i, &direction));
        CHECK_OK(optim_hvp_result(opt, i, &product));
        for (size_t k = 0; k < c->rig->tensor[i].count; ++k)
            ((double *)product)[k] = quadratic_curvature(flat++) * ((const double *)direction)[k];
    }
    return c->products == c->stop_product ? 7 : 0;
}

int on_progress(void *user, const optim_progress *progress) {
    caller_t *c = user;
    ++c->progresses;
    assert_int_equal(progress->size, sizeof *progress);
    assert_int_equal(progress->step, c->progresses);
    assert_int_equal(progress->evaluations, c->gradients + c->losses + c->products);
    assert_true(progress->seconds >= 0);
    c->last = *progress;
    return c->progresses == c->stop_progress ? 7 : 0;
}

void caller_open(caller_t *c, const char *algorithm, const char *options, const layout_t *layout, const char *oracle) {
    memset(c, 0, sizeof *c);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    c->rig = rig_new(layout, OPTIM_F64, OPTIM_F64, 0);
    CHECK_OK(rig_lend(c->rig, opt));
    c->rig->oracle = oracle_find(oracle);
    c->rig->withhold_loss = true; /* it goes through the callback */
    c->problem = (optim_problem){sizeof c->problem, c, on_gradient, on_loss, on_product};
}

void caller_close(caller_t *c) {
    rig_free(c->rig);
}

optim_stop stop_new(caller_t *c) {
    return (optim_stop){.size = sizeof(optim_stop), .steps = 1000, .user = c, .progress = on_progress};
}

optim_result minimize(caller_t *c, const optim_stop *stop, int reason) {
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(c->rig->opt, &c->problem, stop, &result));
    assert_int_equal(result.reason, reason);
    assert_int_equal(result.evaluations, c->gradients + c->losses + c->products);
    assert_int_equal(result.steps, optim_steps(c->rig->opt));
    assert_true(result.seconds >= 0);
    return result;
}

double gradient_norm(caller_t *c) {
    const size_t d = rig_elements(c->rig);
    double *g = check_memory(d, sizeof *g), sum = 0;
    c->rig->oracle->gradient(d, d, rig_read(c->rig), g);
    for (size_t i = 0; i < d; ++i)
        sum += g[i] * g[i];
    free(g);
    return sqrt(sum);
}
