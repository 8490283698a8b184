#include "trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HIDDEN = 64, ROWS = 64, SEED = 1 };

static int library_error(void) {
    fprintf(stderr, "%s\n", optim_error());
    return -1;
}

int trainer_open(small_trainer_t *t, const char *method, const char *options) {
    memset(t, 0, sizeof *t);
    if (digits_load(&t->digits, DIGITS_CSV) != 0)
        return -1;
    if (mlp_create(&t->net, DIGITS_PIXELS, HIDDEN, DIGITS_CLASSES, t->digits.train.rows) != 0 ||
        sampler_create(&t->sampler, &t->digits.train, ROWS, SEED) != 0) {
        fprintf(stderr, "out of memory\n");
        return -1;
    }
    mlp_init(&t->net, SEED);
    if (optim_create(&t->opt, method, options) < 0)
        return library_error();
    for (int i = 0; i < MLP_TENSORS; ++i) {
        const mlp_tensor_t *w = &t->net.tensor[i];
        if (optim_add_param(t->opt, 0, w->name, OPTIM_F32, w->ndim, w->dims, w->value, w->grad) < 0)
            return library_error();
    }
    return 0;
}

void trainer_close(small_trainer_t *t) {
    optim_destroy(t->opt);
    mlp_destroy(&t->net);
    sampler_destroy(&t->sampler);
    digits_free(&t->digits);
}

int trainer_restart(small_trainer_t *t) {
    mlp_init(&t->net, SEED);
    return optim_reset(t->opt) < 0 ? library_error() : 0;
}

static double step_on(small_trainer_t *t, const batch_t *batch) {
    const double loss = mlp_gradient(&t->net, batch);
    if (optim_step(t->opt) == OPTIM_OK)
        return loss;
    (void)library_error();
    return NAN;
}

double trainer_step(small_trainer_t *t) {
    sampler_next(&t->sampler);
    return step_on(t, &t->sampler.batch);
}

double trainer_full_step(small_trainer_t *t) {
    return step_on(t, &t->digits.train);
}
