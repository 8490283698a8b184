/* Fits the line y = w x + b to five points with AdamW. */
#include <optim/optim.h>
#include <stdio.h>

static const float X[] = {-2, -1, 0, 1, 2}, Y[] = {-5, -3, -1, 1, 3};

int main(void) {
    float p[2] = {0, 0}, grad[2]; /* w, b */
    optim_t *opt;
    int failed = optim_create(&opt, "adamw", "lr=0.05,weight_decay=0") < 0 ||
                 optim_add_param(opt, 0, "p", OPTIM_F32, 1, (int64_t[]){2}, p, grad) < 0;
    for (int step = 0; step < 1000 && !failed; ++step) {
        grad[0] = grad[1] = 0;
        for (int i = 0; i < 5; ++i) { /* gradient of the mean of (w x + b - y)^2 / 2 */
            const float residual = p[0] * X[i] + p[1] - Y[i];
            grad[0] += residual * X[i] / 5;
            grad[1] += residual / 5;
        }
        failed = optim_step(opt) < 0;
    }
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    else
        printf("y = %.2f x %+.2f\n", (double)p[0], (double)p[1]);
    optim_destroy(opt);
    return failed;
}
