/* Every public header; two methods on f(w) = (w - 3)^2 / 2: gradient descent, whose steps are exact here, and AdamW, which must converge. */
#include <optim/advice.h>
#include <optim/optim.h>
#include <stdio.h>

static double minimum_by(const char *algorithm, const char *options, int steps) {
    const int64_t dims[] = {1};
    double w = 0, gradient = 0;
    optim_t *opt;
    optim_status status = optim_create(&opt, algorithm, options);
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "w", OPTIM_F64, 1, dims, &w, &gradient);
    for (int step = 0; status == OPTIM_OK && step < steps; ++step) {
        gradient = w - 3;
        status = optim_step(opt);
    }
    if (status != OPTIM_OK)
        fprintf(stderr, "%s: %s\n", algorithm, optim_error());
    optim_destroy(opt);
    return w;
}

int main(void) {
    const double exact = minimum_by("sgd", "lr=0.5", 3); /* 3 (1 - 1/2^3) */
    const double near = minimum_by("adamw", "lr=0.05,weight_decay=0", 1000);
    printf("libgradopt %s: sgd %.17g, adamw %.17g\n", optim_version(), exact, near);
    return optim_lr_linear(0.5, 32, 64) == 1 && exact == 2.625 && near > 2.999 && near < 3.001 ? 0 : 1;
}
