#include "plain_handle.h"

#include <string.h>

#include "check.h"

void handle_open(handle_t *s) {
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 4; ++i)
        s->x[i] = s->g[i] = 1;
    CHECK_OK(optim_create(&s->opt, "sgd", "lr=0.25"));
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 2, (int64_t[]){2, 2}, s->x, s->g));
    CHECK_OK(optim_add_param(s->opt, 0, "y", OPTIM_F64, 1, (int64_t[]){2}, s->y, s->h));
}

void handle_close(handle_t *s) {
    double lr, before = s->x[0];
    CHECK_OK(optim_get(s->opt, 0, "lr", &lr));
    assert_true(lr == 0.25);
    const int64_t steps = optim_steps(s->opt);
    CHECK_OK(optim_step(s->opt));
    assert_true(s->x[0] == before - 0.25 && s->x[3] == s->x[0] && s->y[0] == 0);
    assert_int_equal(optim_steps(s->opt), steps + 1);
    CHECK_STATUS(optim_output(s->opt, 2, &before), OPTIM_ERR_ARGUMENT);
    optim_destroy(s->opt);
}
