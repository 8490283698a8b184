/*
 * Prints the curve of every schedule over a hundred steps, as blocks of "t value momentum metric" lines that begin with
 * "# name|label"; examples/schedules.sh draws them.
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 100, TEXT = 4096 };

static const struct {
    const char *name;
    double base;
    const char *options, *label; /* NULL: the options */
} CURVES[] = {
    {"constant", 1, "factor=0.3,steps=25", NULL},
    {"linear", 1, "start_factor=0.1,steps=60", NULL},
    {"step", 1, "step_size=25,gamma=0.5", NULL},
    {"multistep", 1, "milestones=30;60;80,gamma=0.4", NULL},
    {"exponential", 1, "gamma=0.96", NULL},
    {"exponential", 1, "gamma=0.6,steps=20,staircase=1", "staircase=1"},
    {"polynomial", 1, "power=0.5", NULL},
    {"polynomial", 1, "power=1", NULL},
    {"polynomial", 1, "power=2", NULL},
    {"cosine", 1, "lr_min=0.1", NULL},
    {"cosine", 1, "exponent=2", NULL},
    {"cosine_restarts", 1, "period=14,mult=2", NULL},
    {"cosine_restarts", 1, "period=25,decay=0.7", NULL},
    {"cyclic", 0.1, "lr_max=1,step_up=12", "mode=triangular"},
    {"cyclic", 0.1, "lr_max=1,step_up=12,mode=triangular2", "mode=triangular2"},
    {"onecycle", 1, "steps=100", "two phases"},
    {"onecycle", 1, "steps=100,three_phase=1,anneal_type=linear,pct_start=0.45", "three phases, linear"},
    {"noam", 4.47, "d_model=1,warmup=20", "warmup=20"},
    {"inverse_sqrt", 1, "warmup=15", NULL},
    {"inverse_sqrt", 1, "warmup=15,timescale=60", NULL},
    {"warmup_linear", 1, "warmup=15", NULL},
    {"warmup_cosine", 1, "warmup=15,lr_init=0.2", NULL},
    {"wsd", 1, "warmup=10,cooldown=40", "decay=linear"},
    {"wsd", 1, "warmup=10,cooldown=40,decay=sqrt", "decay=sqrt"},
    {"wsd", 1, "warmup=10,cooldown=40,decay=square", "decay=square"},
    {"rex", 1, "steps=100", ""},
    {"uba", 1, "phi=0.2", NULL},
    {"uba", 1, "phi=1", NULL},
    {"uba", 1, "phi=5", NULL},
    {"piecewise", 1, "boundaries=20;60;85,factors=1;0.6;0.3;0.1", "interpolate=none"},
    {"piecewise", 1, "boundaries=20;60;85,factors=0.2;1;0.6;0,interpolate=cos", "interpolate=cos"},
    {"lr_range", 0.001, "lr_max=1", "mode=exponential"},
    {"lr_range", 0.001, "lr_max=1,mode=linear", "mode=linear"},
    {"sequence", 1, "milestones=20;70,children=linear(start_factor=0,steps=20);constant;cosine(steps=30)",
     "linear, constant, cosine"},
    {"chain", 1, "children=linear(start_factor=0,steps=20);step(step_size=30,gamma=0.5)", "linear times step"},
    {"plateau", 1, "factor=0.5,patience=3,cooldown=4", "factor=0.5,patience=3"},
    {"volsched", 1, "window=5,weight=1", "window=5, of the same loss"},
    {"refined", 1, "tau=0.1", "large norms first"},
    {"refined", 1, "tau=0.1", "norms grow late"},
};
enum { CURVE_COUNT = sizeof CURVES / sizeof *CURVES };

/* A loss that falls in three stages, and shakes. */
static double metric(int t) {
    return 1 + exp(-0.12 * fmin(t, 40)) + exp(-0.2 * fmax(0, t - 60)) + 0.03 * sin(2.4 * t) * (t > 50 ? 2 : 1);
}

/* Gradient norms for refined: large at first, or growing at the end. */
static double norm(int t, int late) {
    return late ? 1 + exp(0.08 * (t - 100)) * 3 : 1 + 4 * exp(-0.1 * t);
}

/* The options as the library takes them. */
static void complete(int curve, int repeated, char text[TEXT]) {
    int used = snprintf(text, TEXT, "%s", CURVES[curve].options);
    for (int t = 0; strcmp(CURVES[curve].name, "refined") == 0 && t < STEPS; ++t)
        used += snprintf(text + used, TEXT - (size_t)used, "%s%.4f", t == 0 ? ",norms=" : ";", norm(t, repeated));
}

static int print_curve(int curve) {
    char options[TEXT];
    const char *name = CURVES[curve].name, *label = CURVES[curve].label;
    double x = 1, gradient = 0, value = 0, momentum = 0;
    optim_t *opt;
    complete(curve, curve > 0 && strcmp(CURVES[curve - 1].name, name) == 0, options);
    int failed = optim_create(&opt, "sgd", "momentum=0.9") < 0 ||
                 optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &gradient) < 0 ||
                 optim_set(opt, 0, "lr", CURVES[curve].base) < 0 || optim_set_schedule(opt, 0, "lr", name, options) < 0;
    printf("# %s|%s\n", name, label == NULL ? CURVES[curve].options : label);
    for (int t = 0; t <= STEPS && !failed; ++t) {
        failed = optim_get(opt, 0, "lr", &value) < 0 || optim_get(opt, 0, "momentum", &momentum) < 0;
        printf("%d %.6g %.6g %.6g\n", t, value, momentum, metric(t));
        failed = failed || optim_step(opt) < 0 || optim_report(opt, metric(t)) < 0;
    }
    printf("\n\n");
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    optim_destroy(opt);
    return failed;
}

int main(void) {
    int failed = 0;
    for (int curve = 0; curve < CURVE_COUNT && !failed; ++curve)
        failed = print_curve(curve);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
