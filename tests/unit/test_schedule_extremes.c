/* No schedule takes an option out of its range: every schedule, below and above; the sentence says step and value. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "optimizer/schedule.h"
#include "still_handle.h"

typedef struct attempt {
    const char *algorithm, *options, *key, *schedule, *schedule_options;
    const char *says; /* NULL: legal */
} attempt_t;

static void try_all(const attempt_t *attempt, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        const attempt_t *a = &attempt[i];
        still_t s;
        still_open(&s, a->algorithm, a->options);
        const optim_status status = optim_set_schedule(s.opt, 0, a->key, a->schedule, a->schedule_options);
        const char *sentence = status == OPTIM_OK ? "" : optim_error();
        if ((status == OPTIM_OK) != (a->says == NULL) ||
            (a->says != NULL && (status != OPTIM_ERR_VALUE || strstr(sentence, a->says) == NULL)))
            fail_msg("%s on %s of %s: returned %d, \"%s\"; expected \"%s\"", a->schedule, a->key, a->algorithm, status,
                     sentence, a->says == NULL ? "none" : a->says);
        if (a->says != NULL) {
            double before, after;
            CHECK_OK(optim_get(s.opt, 0, a->key, &before));
            CHECK_OK(optim_step(s.opt));
            CHECK_OK(optim_get(s.opt, 0, a->key, &after));
            assert_true(before == after); /* nothing drives it */
        }
        optim_destroy(s.opt);
    }
}

#define ABOVE "adam", "beta2=0.8", "beta2"
static void above(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {ABOVE, "constant", "factor=1.5,steps=3", "1.2 at step 0"},
        {ABOVE, "linear", "start_factor=1,end_factor=1.5,steps=8", "1 at step 4, 1.2 at step 8"},
        {ABOVE, "step", "step_size=3,gamma=1.5", "1.2 at step 3"},
        {ABOVE, "multistep", "milestones=2;5,gamma=1.5", "1.2 at step 2, 1.8 at step 5"},
        {ABOVE, "exponential", "gamma=1.5,steps=4", "1.0843224 at step 3 "},
        {ABOVE, "exponential", "gamma=1.5,steps=4,staircase=1", "1.2 at step 4 "},
        {ABOVE, "exponential", "gamma=1.5,lr_min=0.9", NULL},
        {ABOVE, "exponential", "gamma=1.1,lr_min=1", "1 at step 3 "},
        {ABOVE, "polynomial", "steps=4,lr_min=1.2", "1 at step 2, 1.2 at step 4"},
        {ABOVE, "cosine", "steps=4,lr_min=1.2", "1 at step 2, 1.2 at step 4"},
        {ABOVE, "cosine_restarts", "period=3,decay=1.5", "1.2 at step 3 "},
        {ABOVE, "cosine_restarts", "period=5,lr_min=1.2", "1.0618034 at step 3 "},
        {ABOVE, "cyclic", "lr_max=1.2,step_up=4", "1 at step 2, 1.2 at step 4"},
        {ABOVE, "cyclic", "lr_max=1.2,step_up=4,mode=exp_range,gamma=0.8", NULL},
        {ABOVE, "cyclic", "lr_max=1.7,step_up=4,mode=exp_range,gamma=0.8", "1.088 at step 2, 1.16864 at step 4"},
        {ABOVE, "cyclic", "lr_max=2,step_up=4,mode=exp_range,gamma=0.6", "1.016 at step 2 "},
        {ABOVE, "onecycle", "steps=10", NULL},
        {ABOVE, "onecycle", "steps=10,div_factor=0.5", "1.6 at step 0"},
        {ABOVE, "onecycle", "steps=10,final_div_factor=0.01", "3.2 at step 9"},
        {ABOVE, "noam", "d_model=0.01,warmup=4", "1 at step 0, 4 at step 3"},
        {ABOVE, "inverse_sqrt", "warmup=4,lr_init=1.5", "1.5 at step 0"},
        {ABOVE, "warmup_linear", "warmup=4,steps=8,lr_init=1.2", "1.2 at step 0"},
        {ABOVE, "warmup_linear", "warmup=4,steps=8,lr_min=1.2", "1 at step 6, 1.2 at step 8"},
        {ABOVE, "warmup_cosine", "warmup=4,steps=8,lr_min=1.2", "1 at step 6, 1.2 at step 8"},
        {ABOVE, "wsd", "warmup=0,steps=8,cooldown=4,lr_min=1.2", "1 at step 6, 1.2 at step 8"},
        {ABOVE, "rex", "steps=4,lr_min=1.2", "1.04 at step 3, 1.2 at step 4"},
        {ABOVE, "uba", "steps=4,lr_min=1.2", "1.2 at step 4"},
        {ABOVE, "piecewise", "boundaries=3;6,factors=1;1.5;1", "1.2 at step 3"},
        {ABOVE, "piecewise", "boundaries=4;6,factors=1;1.5;1,interpolate=linear", "1 at step 2, 1.2 at step 4"},
        {ABOVE, "lr_range", "lr_max=1.2,steps=5,mode=linear", "1 at step 2, 1.2 at step 4"},
        {ABOVE, "refined", "norms=1;1;1;1", NULL},
        {ABOVE, "volsched", "window=2,steps=20", "as metrics are reported"},
        {ABOVE, "volsched", "window=2,steps=20,weight=0", NULL},
        {ABOVE, "plateau", NULL, NULL},
        {ABOVE, "sequence", "milestones=3;6,children=constant;linear(start_factor=1,end_factor=1.5,steps=2);constant",
         "1 at step 4, 1.2 at step 5"},
        {ABOVE, "sequence", "milestones=3,children=constant;step(step_size=4,gamma=2)", "1.6 at step 7 "},
        {ABOVE, "chain", "children=constant(factor=1.5,steps=4);step(step_size=2,gamma=0.5)", "1.2 at step 0"},
        /* the factors 1.5 and 0.5 never meet 1 and 1 */
        {ABOVE, "chain", "children=constant(factor=1.5,steps=4);constant(factor=0.5,steps=4)", NULL},
        {ABOVE, "chain", "children=constant(factor=1.5,steps=5);constant(factor=0.5,steps=4)", "1.2 at step 4"},
        {ABOVE, "chain", "children=exponential(gamma=1.1);step(step_size=100,gamma=0)", "1.0648 at step 3"},
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);
}

/* rho of sagd is 1 or more. */
#define BELOW "sagd", "rho=2", "rho"
static void below(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {BELOW, "constant", "factor=0.25,steps=3", "0.5 at step 0"},
        {BELOW, "linear", "start_factor=1,end_factor=0.25,steps=6", "0.75 at step 5, 0.5 at step 6"},
        {BELOW, "step", "step_size=3,gamma=0.5", "0.5 at step 6"},
        {BELOW, "multistep", "milestones=3,gamma=0.5", NULL},
        {BELOW, "multistep", "milestones=3;4,gamma=0.5", "0.5 at step 4"},
        {BELOW, "exponential", "gamma=0.5", "0.5 at step 2"},
        {BELOW, "exponential", "gamma=0.5,lr_min=1", NULL},
        {BELOW, "polynomial", "steps=4", "0.5 at step 3, 0 at step 4"},
        {BELOW, "polynomial", "steps=4,lr_min=1", NULL},
        {BELOW, "cosine", "steps=4", "0.292893219 at step 3, 0 at step 4"},
        {BELOW, "cosine", "steps=4,exponent=2,lr_min=1", NULL},
        {BELOW, "cosine_restarts", "period=4,lr_min=0.5", "0.719669914 at step 3"},
        {BELOW, "cosine_restarts", "period=4,lr_min=1", NULL},
        {BELOW, "cosine_restarts", "period=4,lr_min=1,decay=0.5", "0.5 at step 8"},
        {BELOW, "cosine_restarts", "period=1", NULL},
        {BELOW, "cyclic", "lr_max=0.5,step_up=3", "0.5 at step 3"},
        {BELOW, "onecycle", "steps=10", "0.08 at step 0"},
        {BELOW, "noam", "d_model=1,warmup=4", "0.25 at step 0"},
        {BELOW, "inverse_sqrt", "warmup=4,lr_init=1", "at step 17"},
        {BELOW, "warmup_linear", "warmup=4,steps=8,lr_min=1", "0 at step 0"},
        {BELOW, "warmup_linear", "warmup=4,steps=8,lr_init=1,lr_min=1", NULL},
        {BELOW, "warmup_cosine", "warmup=4,steps=8,lr_init=1", "0.292893219 at step 7, 0 at step 8"},
        {BELOW, "wsd", "steps=8,cooldown=4", "0.5 at step 7, 0 at step 8"},
        {BELOW, "rex", "steps=4,lr_min=0", "0.8 at step 3, 0 at step 4"},
        {BELOW, "uba", "steps=4", "at step 4"},
        {BELOW, "piecewise", "boundaries=3;6,factors=1;0.25;1", "0.5 at step 3"},
        {BELOW, "piecewise", "boundaries=3;6,factors=1;0.5;1,interpolate=cos", NULL},
        {BELOW, "lr_range", "lr_max=0.5,steps=5", "0.707106781 at step 3, 0.5 at step 4"},
        {BELOW, "refined", "norms=1;1;1;1", "0.666666667 at step 2, 0 at step 3"},
        {BELOW, "volsched", "window=2,steps=20,lr_min=0.5", "as metrics are reported"},
        {BELOW, "volsched", "window=2,steps=20,lr_min=1", NULL},
        {BELOW, "plateau", "lr_min=0.5", "as metrics are reported"},
        {BELOW, "plateau", "lr_min=1", NULL},
        {BELOW, "sequence", "milestones=5,children=constant;exponential(gamma=0.5)", "0.5 at step 7"},
        {BELOW, "chain", "children=constant(factor=0.5,steps=4);constant(factor=0.5,steps=3)", "0.5 at step 0"},
        {BELOW, "chain", "children=linear(start_factor=1,end_factor=0.5,steps=4);exponential(gamma=0.5,lr_min=1)",
         "0.875 at step 1, 0.5 at step 4"},
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);
}

/* A limit is approached, not reached; an end that is, is. */
static void ends(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {"adam", "lr=0.1", "grad_scale", "exponential", NULL, NULL},
        {"adam", "lr=0.1", "grad_scale", "inverse_sqrt", "warmup=2,lr_init=1", NULL},
        {"adam", "lr=0.1", "grad_scale", "plateau", NULL, NULL},
        {"adam", "lr=0.1", "grad_scale", "plateau", "factor=0", "as metrics are reported"},
        {"adam", "lr=0.1", "grad_scale", "step", "gamma=0", "0 at step 30"},
        {"adam", "lr=0.1", "grad_scale", "chain", "children=exponential;inverse_sqrt(warmup=2,lr_init=1)", NULL},
        {"adam", "lr=0.1", "grad_scale", "sequence", "milestones=3,children=constant;exponential", NULL},
        {"adam", "lr=0.1", "grad_scale", "cosine", NULL, "0 at step 100"},
        {"adam", "lr=0.1", "lr", "exponential", "gamma=1.01", NULL},
        {"adam", "lr=0.1", "lr", "volsched", NULL, NULL},
        {"sgd", "momentum=0.5", "momentum", "polynomial", "steps=3,lr_min=1", NULL},
        {"sgd", "dampening=0.9", "dampening", "linear", "start_factor=1,end_factor=1.5,steps=10",
         "1.035 at step 3, 1.35 at step 10"},
        {"sgd", "momentum=0", "momentum", "constant", "factor=9,steps=5", NULL}, /* 0 stays 0 */
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);
}

/* 0 switches off what is on: not the limit of small values. */
static void zero_apart(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {"sgd", "clip_norm=1", "clip_norm", "linear", "start_factor=1,end_factor=0,steps=7", "0 at step 7"},
        {"sgd", "clip_norm=1", "clip_norm", "warmup_cosine", "lr_min=0.5", "0 at step 0"},
        {"sgd", "clip_norm=1", "clip_norm", "exponential", NULL, NULL},
        {"sgd", "clip_norm=1", "clip_norm", "cosine", "lr_min=0.1", NULL},
        {"sgd", "clip_norm=0", "clip_norm", "linear", "start_factor=1,end_factor=0,steps=7", NULL},
        {"sgd", "clip_value=1", "clip_value", "polynomial", "steps=9", "limit of small values: bound on every element"},
        {"sgd", "accumulate_clip=1", "accumulate_clip", "multistep", "milestones=4,gamma=0", "0 at step 4"},
        {"lamb", "max_norm=10", "max_norm", "cosine", "steps=9", "0 at step 9"},
        {"sgd", "clip_norm=1", "clip_norm", "cosine_restarts", "period=8", NULL},
        {"sgd", "clip_norm=1", "clip_norm", "volsched", "window=2,steps=20", NULL}, /* see below */
        {"sgd", "clip_norm=1", "clip_norm", "plateau", "factor=0", NULL},
        {"sgd", "clip_norm=1", "clip_norm", "cosine_restarts", "period=8,mult=0.5", "0 at step 15"},
        {"sgd", "weight_decay=1", "weight_decay", "polynomial", "steps=9", NULL},
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);
}

/* A report takes the bound to 0: as small as can be, not none. */
static void a_bound_never_ends(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "sgd", "clip_norm=1,lr=1");
    CHECK_OK(optim_set_schedule(s.opt, -1, "clip_norm", "plateau", "factor=0,patience=0"));
    for (int i = 0; i < 3; ++i) {
        CHECK_OK(optim_step(s.opt));
        CHECK_OK(optim_report(s.opt, i));
    }
    assert_true(still_get(s.opt, "clip_norm") > 0);
    s.g = 5;
    CHECK_OK(optim_step(s.opt));
    CHECK_CLOSE(s.x, 1, 1e-15);
    optim_destroy(s.opt);
}

/* The station's own check, at the ends. */
static void combinations(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {"sgd", "momentum=0.9,nesterov=1", "momentum", "cosine", NULL,
         "0 at step 100 under schedule \"cosine\"; nesterov"},
        {"og_plus", "lr=0.1,lr_extra=0.2", "lr", "chain",
         "children=constant(factor=2,steps=5);linear(start_factor=1.25,end_factor=1,steps=2)", "0.25 at step 0"},
        {"og_plus", "lr=0.1,lr_extra=0.2", "lr", "chain",
         "children=constant(factor=2,steps=5);constant(factor=0.5,steps=9);constant(factor=2,steps=3)", NULL},
        {"sgd", "momentum=0.9,nesterov=1", "momentum", "exponential", NULL, NULL},
        {"sgd", "momentum=0.9", "momentum", "cosine", NULL, NULL},
        {"og_plus", "lr=0.1,lr_extra=0.2", "lr", "lr_range", "lr_max=0.3", "lr_extra"},
        {"og_plus", "lr=0.1,lr_extra=0.2", "lr", "lr_range", "lr_max=0.2", NULL},
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);

    still_t s;
    still_open(&s, "sgd", "momentum=0.9");
    CHECK_OK(optim_set_schedule(s.opt, 0, "momentum", "cosine", NULL));
    CHECK_REFUSED(optim_set(s.opt, 0, "nesterov", 1), OPTIM_ERR_VALUE, "nesterov");
    CHECK_OK(optim_set_schedule(s.opt, 0, "momentum", NULL, NULL));
    CHECK_OK(optim_set(s.opt, 0, "nesterov", 1));
    optim_destroy(s.opt);
}

static void base_under_a_schedule(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "adam", "beta2=0.5");
    CHECK_OK(optim_set_schedule(s.opt, 0, "beta2", "linear", "start_factor=1,end_factor=1.5,steps=10"));
    CHECK_REFUSED(optim_set(s.opt, 0, "beta2", 0.8), OPTIM_ERR_VALUE, "1 at step 5, 1.2 at step 10");
    CHECK_OK(optim_set(s.opt, 0, "beta2", 0.6));
    assert_true(still_get(s.opt, "beta2") == 0.6);
    CHECK_OK(optim_set(s.opt, 0, "lr", 0.1));
    optim_destroy(s.opt);

    still_open(&s, "sgd", "clip_norm=0");
    CHECK_OK(optim_set_schedule(s.opt, -1, "clip_norm", "polynomial", NULL));
    CHECK_REFUSED(optim_set(s.opt, -1, "clip_norm", 1), OPTIM_ERR_VALUE, "0 at step 100");
    optim_destroy(s.opt);
}

/* schedulefree_sgd takes momentum in (0,1); the one that drives lr goes to 0. */
static void companions(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {"schedulefree_sgd", NULL, "lr", "onecycle", "steps=11,pct_start=0.5,momentum_min=0", NULL},
        {"schedulefree_sgd", NULL, "lr", "onecycle", "steps=12,pct_start=0.5,momentum_min=0",
         "\"momentum\" would be 0 at step 5"},
        {"schedulefree_sgd", NULL, "lr", "cyclic", "lr_max=2,step_up=3,momentum_min=0",
         "\"momentum\" would be 0 at step 3"},
        {"schedulefree_sgd", NULL, "lr", "cyclic", "lr_max=2,step_up=3,momentum_min=0,cycle_momentum=0", NULL},
        {"schedulefree_sgd", NULL, "lr", "chain", "children=constant;cyclic(lr_max=2,step_up=3,momentum_min=0)",
         "\"momentum\" would be 0 at step 3"},
        {"schedulefree_sgd", NULL, "lr", "sequence",
         "milestones=4,children=constant;cyclic(lr_max=2,step_up=3,momentum_min=0)",
         "\"momentum\" would be 0 at step 7"},
        {"sgd", "momentum=0.9,nesterov=1", "lr", "cyclic", "lr_max=2,step_up=3,momentum_min=0", "nesterov"},
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);
}

static bool contains(extremes_t outer, extremes_t inner) {
    return outer.least <= inner.least + 1e-14 && outer.most >= inner.most - 1e-14;
}

static bool bounds_contain(const schedule_run_t *run, schedule_value_t *of) {
    enum { CLOCKS = 40 };
    for (int from = 0; from < CLOCKS; ++from) {
        extremes_t seen = {HUGE_VAL, -HUGE_VAL};
        const extremes_t ever = schedule_extremes(run, of, 0.8, from, HUGE_VAL);
        for (int to = from; to < from + CLOCKS; ++to) {
            const extremes_t bounds = schedule_extremes(run, of, 0.8, from, to);
            const double value = of(run, 0.8, to);
            extremes_add(&seen, value);
            if (!contains(bounds, seen) || !contains(ever, seen) ||
                (from == to && (bounds.least != value || bounds.most != value))) {
                print_error("clocks %d to %d: %g to %g, not %g to %g\n", from, to, bounds.least, bounds.most,
                            seen.least, seen.most);
                return false;
            }
        }
    }
    return true;
}

/* Bounds over any stretch of clocks hold, and for one clock they are exact. */
static void bounds_hold(void **state) {
    static const char *const ALL[][2] = {
        {"constant", "factor=1.5,steps=3"},
        {"linear", "steps=8"},
        {"step", "step_size=3,gamma=1.5"},
        {"step", "step_size=3,gamma=0"},
        {"multistep", "milestones=2;5;5.5,gamma=1.5"},
        {"exponential", "gamma=0.5,lr_min=0.3"},
        {"exponential", "gamma=1.1,lr_min=2"},
        {"polynomial", "steps=9,lr_min=1.2"},
        {"cosine", "steps=9,exponent=0.5"},
        {"cosine_restarts", "period=3,decay=1.5"},
        {"cosine_restarts", "period=4,mult=1.3,decay=0.5,lr_min=0.3"},
        {"cosine_restarts", "period=9,mult=0.7,lr_min=0.3"},
        {"cosine_restarts", "period=1"},
        {"cyclic", "lr_max=2,step_up=3,step_down=4"},
        {"cyclic", "lr_max=2,step_up=3,mode=triangular2"},
        {"cyclic", "lr_max=2,step_up=4,mode=exp_range,gamma=0.6"},
        {"onecycle", "steps=25"},
        {"onecycle", "steps=25,three_phase=1,anneal_type=linear"},
        {"noam", "warmup=7"},
        {"inverse_sqrt", "warmup=7"},
        {"warmup_linear", "warmup=5,steps=12,lr_init=2"},
        {"warmup_cosine", "warmup=5,steps=12,lr_min=2"},
        {"wsd", "warmup=3,steps=20,cooldown=7,decay=sqrt"},
        {"rex", "steps=9"},
        {"uba", "steps=9,phi=0.1"},
        {"piecewise", "boundaries=3;6.5;9,factors=1;1.5;0.2;1"},
        {"piecewise", "boundaries=3;6.5;9,factors=1;1.5;0.2;1,interpolate=cos"},
        {"lr_range", "lr_max=2,steps=9"},
        {"refined", "norms=1;3;1;2;5;1;1;2"},
        {"volsched", "window=2,steps=20,warmup=4"},
        {"plateau", ""},
        {"sequence", "milestones=3;8.5,children=exponential(gamma=2);cyclic(lr_max=2,step_up=2);cosine(steps=5)"},
        {"chain", "children=linear(steps=7);exponential(gamma=0.8);cyclic(lr_max=2,step_up=3)"},
        {"chain", "children=sequence(milestones=4,children=constant;step(step_size=2));cosine_restarts(period=3)"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof ALL / sizeof *ALL; ++k) {
        schedule_run_t *run;
        CHECK_OK(schedule_create(&run, ALL[k][0], strlen(ALL[k][0]), ALL[k][1], strlen(ALL[k][1]), 0.8));
        if (!bounds_contain(run, schedule_value) || !bounds_contain(run, schedule_momentum))
            fail_msg("%s %s", ALL[k][0], ALL[k][1]);
        schedule_destroy(run);
    }
}

/* Common recipes, on lr and beside it. */
static void sensible_ones_stay_legal(void **state) {
    (void)state;
    static const attempt_t ALL[] = {
        {"adamw", "lr=1e-3", "lr", "warmup_cosine", "warmup=500,steps=20000", NULL},
        {"adamw", "lr=1e-3", "lr", "onecycle", "steps=1000", NULL},
        {"adamw", "lr=1e-3", "weight_decay", "cosine", "lr_min=0.4", NULL},
        {"sgd", "lr=0.1,momentum=0.9", "lr", "cyclic", "lr_max=1", NULL},
        {"sgd", "lr=0.1,momentum=0.9", "lr", "chain", "children=cosine_restarts(mult=2);exponential", NULL},
        {"sgd", "lr=0.1,momentum=0.9", "momentum", "chain", "children=cosine_restarts(mult=2);exponential", NULL},
        {"sgd", "lr=0.1,momentum=0.9", "momentum", "chain", "children=cyclic(lr_max=0.99);cyclic(lr_max=0.5)", NULL},
        {"adam", NULL, "beta2", "linear", "start_factor=0.9,end_factor=1", NULL},
        {"adam", NULL, "lr", "sequence", "milestones=10,children=linear(steps=10);cosine_restarts(mult=1.5)", NULL},
        {"sagd", NULL, "lr", "warmup_linear", NULL, NULL},
        {"storm", NULL, "lr", "warmup_linear", NULL, NULL},
        {"adabound", NULL, "lr", "warmup_cosine", NULL, NULL},
        {"extragradient", NULL, "lr", "warmup_cosine", NULL, NULL},
        {"complex_momentum", NULL, "lr", "onecycle", "steps=50", NULL},
        {"clip_adam", NULL, "lr", "polynomial", NULL, NULL},
        {"clipped_sstm", NULL, "lr", "warmup_cosine", NULL, NULL},
        {"lbfgs", NULL, "lr", "cosine", NULL, NULL},
    };
    try_all(ALL, sizeof ALL / sizeof *ALL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above),
        cmocka_unit_test(below),
        cmocka_unit_test(ends),
        cmocka_unit_test(zero_apart),
        cmocka_unit_test(a_bound_never_ends),
        cmocka_unit_test(combinations),
        cmocka_unit_test(base_under_a_schedule),
        cmocka_unit_test(companions),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(sensible_ones_stay_legal),
    };
    return cmocka_run_group_tests_name("schedule_extremes", tests, NULL, NULL);
}
