#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

void trainer_open(trainer_t *t, const plan_t *plan) {
    static const char *const NAMES[] = {"a", "b", "c"};
    const int64_t rows = plan->rows_of_a == 0 ? 2 : plan->rows_of_a;
    const int64_t shape_a[] = {rows, TRAINER_A / rows}, shape_b[] = {2, 2}, shape_c[] = {TRAINER_C};
    const int64_t *const shapes[] = {shape_a, shape_b, shape_c};
    const int ndims[] = {2, 2, 1}, begins[] = {0, TRAINER_A, TRAINER_A + TRAINER_B};
    for (int i = 0; i < TRAINER_ALL; ++i) {
        t->p[i] = 1 + 0.25F * sinf((float)i);
        t->g[i] = 0;
    }
    CHECK_OK(optim_create(&t->opt, plan->algorithm, plan->options));
    int group = 0;
    if (plan->group != NULL)
        CHECK_OK(optim_add_group(t->opt, plan->group, &group));
    if (plan->wrapper != NULL)
        CHECK_OK(optim_wrap(t->opt, plan->wrapper, NULL));
    for (int k = 0; k < 3; ++k) {
        const int i = plan->reversed ? 2 - k : k;
        const char *name = plan->names[i] == NULL ? NAMES[i] : plan->names[i];
        CHECK_OK(optim_add_param(t->opt, i == 0 ? 0 : group, name, OPTIM_F32, ndims[i], shapes[i], t->p + begins[i],
                                 t->g + begins[i]));
    }
}

void trainer_close(trainer_t *t) {
    optim_destroy(t->opt);
}

void trainer_steps(trainer_t *t, int steps) {
    for (int k = 0; k < steps; ++k) {
        optim_status status;
        const float turn = (float)optim_steps(t->opt);
        do {
            double loss = 0;
            for (int i = 0; i < TRAINER_ALL; ++i) {
                const float h = 1 + (float)(i % 3), target = 0.1F * (float)(i % 5);
                t->g[i] = h * (t->p[i] - target) + 0.05F * cosf(turn + (float)i);
                loss += 0.5 * (double)(h * (t->p[i] - target) * (t->p[i] - target));
            }
            CHECK_OK(optim_set_loss(t->opt, loss));
            status = optim_step(t->opt);
        } while (status == OPTIM_EVAL_GRAD || status == OPTIM_EVAL_LOSS);
        CHECK_OK(status);
    }
}

void trainer_check_same(const trainer_t *a, const trainer_t *b) {
    assert_memory_equal(a->p, b->p, sizeof a->p);
}

char *trainer_state(const trainer_t *t, size_t *size) {
    return check_serialized(t->opt, size);
}

void trainer_refuses(trainer_t *t, const void *state, size_t size, optim_status status, const char *words) {
    size_t before_size, after_size;
    char *before = trainer_state(t, &before_size);
    CHECK_STATUS(optim_deserialize(t->opt, state, size), status);
    if (words != NULL && strstr(optim_error(), words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", optim_error(), words);
    char *after = trainer_state(t, &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, before_size);
    free(before);
    free(after);
}
