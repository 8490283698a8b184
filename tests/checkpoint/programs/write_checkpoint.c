/* Writes a checkpoint of three steps of adamw on w = (1, 2, ..., 12) [3, 4] (f32) and b = 0 [5] (f64), gradients 1/2. */
#include <stdio.h>

#include "optim/optim.h"

int main(int count, char **argument) {
    float w[12], gw[12];
    double b[5], gb[5];
    const int64_t shape_w[] = {3, 4}, shape_b[] = {5};
    optim_t *opt;
    if (count != 2)
        return 2;
    for (int i = 0; i < 12; ++i) {
        w[i] = (float)(i + 1);
        gw[i] = 0.5F;
    }
    for (int i = 0; i < 5; ++i) {
        b[i] = 0;
        gb[i] = 0.5;
    }
    int failed = optim_create(&opt, "adamw", "lr=0.25") || optim_wrap(opt, "ema", NULL) ||
                 optim_set_schedule(opt, 0, "lr", "wsd", "steps=10,cooldown=5") ||
                 optim_add_param(opt, 0, "w", OPTIM_F32, 2, shape_w, w, gw) ||
                 optim_add_param(opt, 0, "b", OPTIM_F64, 1, shape_b, b, gb);
    for (int step = 0; !failed && step < 3; ++step)
        failed = optim_step(opt);
    failed = failed || optim_save(opt, argument[1]);
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    optim_destroy(opt);
    return failed != 0;
}
