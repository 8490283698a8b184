/* Equalities between methods, and invariances that their papers claim. Rows may name methods that are yet to come. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { STEPS = 25 };

static const layout_t TENSORS = {"tensors", 3, {{"w", 2, {7, 5}}, {"b", 1, {13}}, {"s", 0, {0}}}};
static const layout_t VECTOR = {"vector", 1, {{"b", 1, {37}}}};
static const layout_t SCALAR = {"scalar", 1, {{"s", 1, {1}}}};

/* ---- Two methods on the same gradients ---- */

typedef struct relation {
    const char *algorithm, *options, *other, *other_options;
    const layout_t *layout;
    double tolerance; /* 0: the same bits */
} relation_t;

static const relation_t RELATIONS[] = {
    {"adam", "decoupled=1,weight_decay=0.1", "adamw", "weight_decay=0.1", &TENSORS, 0},
    {"adam", "decoupled=1,weight_decay=0.01", "adamw", "", &TENSORS, 0},
    {"adam", "weight_decay=0", "adamw", "weight_decay=0", &TENSORS, 0},
    {"adam", "decoupled=1,weight_decay=0.2,amsgrad=1", "adamw", "weight_decay=0.2,amsgrad=1", &TENSORS, 0},
    {"sgd", "lr=0.1,momentum=0,weight_decay=0.1", "sgd", "lr=0.1,weight_decay=0.1", &TENSORS, 0},
    {"lamb", "exclude_1d=1,weight_decay=0.3", "adam", "eps=1e-6", &VECTOR, 1e-12},
    {"rmsprop", "alpha=0.97,lr=0.003", "adam", "lr=0.003,beta1=0,beta2=0.97,bias_correction=0", &TENSORS, 1e-12},
    {"adagrad_norm", "lr=0.5,b0=0.3", "adagrad", "lr=0.5,initial_accumulator=0.09,eps=0", &SCALAR, 1e-12},
    {"adagrad_norm", "per_tensor=1", "adagrad_norm", "", &VECTOR, 1e-12},
    {"random_scaling_sgdm", "draws=mean,lr=0.1,beta1=0.9", "sgd", "lr=0.01,momentum=0.9", &TENSORS, 1e-12},
    {"random_scaling_sgdm", "draws=mean,lr=0.1,beta1=0", "sgd", "lr=0.1", &TENSORS, 1e-12},
    {"random_scaling_sgdm", "draws=mean,lr=0.1,beta1=0,weight_decay=0.2", "sgd", "lr=0.1,weight_decay=0.2,decoupled=1",
     &TENSORS, 1e-12},
    {"lion_k", "", "lion", "", &TENSORS, 1e-12},
    {"signum", "momentum=0", "signsgd", "", &TENSORS, 1e-12},
    {"lion", "beta1=0.9,beta2=0.9,lr=0.01", "signum", "momentum=0.9,lr=0.01", &TENSORS, 1e-12},
    {"qhm", "nu=0,lr=0.1", "sgd", "lr=0.1", &TENSORS, 1e-12},
    {"qhm", "nu=1,lr=0.1,momentum=0.9", "sgd", "lr=0.01,momentum=0.9", &TENSORS, 1e-12},
    {"qhm", "nu=0.9,lr=0.1,momentum=0.9", "sgd", "lr=0.01,momentum=0.9,nesterov=1", &TENSORS, 1e-12},
    {"qhadam", "nu1=1,nu2=1", "adam", "", &TENSORS, 1e-12},
    {"aggmo", "num_betas=1,lr=0.1", "sgd", "lr=0.1", &TENSORS, 1e-12},
    {"ademamix", "alpha=0,weight_decay=0.01", "adamw", "", &TENSORS, 1e-12},
    {"adan", "beta2=0,no_prox=1,beta1=0.9,beta3=0.999,weight_decay=0.01", "adamw", "", &TENSORS, 1e-12},
    {"amsgrad", "bias_correction=1", "adam", "amsgrad=1", &TENSORS, 1e-12},
    {"padam", "partial=0.5,lr=0.001,eps=1e-30", "adam", "amsgrad=1,eps=1e-30", &TENSORS, 1e-12},
    {"adabound", "gamma=1e-12,eps=1e-30", "adam", "eps=1e-30", &TENSORS, 1e-9},
    {"amsbound", "gamma=1e-12,eps=1e-30", "adam", "amsgrad=1,eps=1e-30", &TENSORS, 1e-9},
    {"adamod", "beta3=0,eps=1e-30", "adam", "eps=1e-30", &TENSORS, 1e-12},
    {"adamnc", "beta1=0,eps=1e-30", "adagrad", "eps=1e-30", &TENSORS, 1e-12},
    {"adamomentum", "beta1=0,eps=1e-30,lr=0.001,beta2=0.999", "adam", "beta1=0,eps=1e-30", &TENSORS, 1e-12},
    {"lars", "exclude_1d=1,lr=0.1", "sgd", "lr=0.1,momentum=0.9", &VECTOR, 1e-12},
    {"mirror_prox", "lr=0.05", "extragradient", "lr=0.05", &TENSORS, 0},
    {"extragradient", "lr=0.05,lr_extra=0.05", "extragradient", "lr=0.05", &TENSORS, 0},
    {"ldog", "", "dog", "", &VECTOR, 1e-12},
    {"momo", "beta1=0,lb=-1,lr=0.5", "sps", "c=1,f_star=-1,lr_max=0.5,eps=0", &TENSORS, 1e-12},
    {"alr_mag", "momentum=0,f_star=-1", "sps", "c=1,f_star=-1,eps=0", &TENSORS, 1e-12},
    {"alr_hb", "momentum=0,f_star=-1,lr_max=0.01", "alr_mag", "momentum=0,f_star=-1,lr_max=0.01", &TENSORS, 1e-12},
    {"alr_smag", "lr_max=0", "alr_mag", "", &TENSORS, 0},
    {"aepg", "", "aegd", "", &SCALAR, 1e-12},
    {"sgd_hd", "lr=0.1,hyper_lr=0,momentum=0.9", "sgd", "lr=0.1,momentum=0.9", &TENSORS, 1e-12},
    {"sgd_hd", "lr=0.1,hyper_lr=0,momentum=0.9,nesterov=1,weight_decay=0.1", "sgd",
     "lr=0.1,momentum=0.9,nesterov=1,weight_decay=0.1", &TENSORS, 1e-12},
    {"adam_hd", "lr=0.001,hyper_lr=0,eps=1e-30", "adam", "eps=1e-30", &TENSORS, 1e-12},
    {"muon", "aux_lr=0.002,beta1=0.9,beta2=0.99,eps=1e-9", "adamw", "lr=0.002,beta2=0.99,eps=1e-9,weight_decay=0",
     &VECTOR, 1e-12},
    {"adam_mini", "vector=adam,weight_decay=0.1", "adamw", "weight_decay=0.1", &VECTOR, 0},
    {"adam_mini", "partition=blocks,blocks=35,vector=adam", "adamw", "weight_decay=0", &TENSORS, 0},
    {"adam_mini", "partition=all", "adam_mini", "partition=tensor", &VECTOR, 1e-12},
    {"adam_mini", "partition=blocks,blocks=7", "adam_mini", "", &TENSORS, 0},
    {"adam_mini", "partition=blocks,blocks=6", "adam_mini", "partition=tensor", &TENSORS, 0},
    {"sm3", "lr=0.1,eps=0", "adagrad", "lr=0.1,eps=0", &VECTOR, 1e-12},
    {"microadam", "density=1,window=25,weight_decay=0.1", "adamw", "weight_decay=0.1", &TENSORS, 1e-12},
    {"microadam", "density=1,window=25,topk_block=4,quant_block=3", "adamw", "weight_decay=0", &TENSORS, 1e-12},
    {"frugal", "density=1,update_gap=4,weight_decay=0.1", "adamw", "weight_decay=0.1", &TENSORS, 0},
    {"frugal", "density=1,update_gap=4,proj=rows,reset_statistics=0", "adamw", "weight_decay=0", &TENSORS, 0},
    {"frugal", "density=1,update_gap=4,proj=columns,random=1,reset_statistics=0", "adamw", "weight_decay=0", &TENSORS,
     0},
    {"frugal", "density=0,lr=0.01", "signsgd", "lr=0.01", &TENSORS, 1e-12},
    {"frugal", "density=0,lr=0.02,inactive_rule=sgd,inactive_lr_scale=0.5,weight_decay=0.1", "sgd",
     "lr=0.01,weight_decay=0.2,decoupled=1", &TENSORS, 1e-12},
    {"frugal", "proj=svd,density=1,update_gap=4", "frugal", "proj=svd,density=1,update_gap=4,inactive_rule=none",
     &TENSORS, 0},
    {"dp_sgd", "lr=0.1,clip_norm=1e3", "sgd", "lr=0.1", &TENSORS, 1e-12},
    {"dp_sgd", "lr=0.1,clip_norm=1e3,clipping=per_tensor,momentum=0.9", "sgd", "lr=0.1,momentum=0.9", &TENSORS, 1e-12},
    {"dp_sgd", "clipping=automatic,eps=1e-30", "ngd", "", &TENSORS, 1e-12},
    {"dice_sgd", "lr=0.1,clip_norm=1e3", "sgd", "lr=0.1", &TENSORS, 1e-12},
    {"mngp", "", "dp_sgd", "clip_norm=1", &TENSORS, 0},
};

static size_t relations_run;

static void test_relation(void **state) {
    const relation_t *r = *state;
    rig_t *rig = play_new(r->algorithm, r->options, r->layout),
          *other = play_new(r->other, r->other_options, r->layout);
    replay_t *noise = noise_new((size_t)2 * STEPS, rig_elements(rig));
    char *what = check_text("%s(%s) = %s(%s)", r->algorithm, r->options, r->other, r->other_options);
    rig->replay = other->replay = noise;
    for (int step = 0; step < STEPS; ++step) { /* every step: errors that cancel are seen too */
        const size_t at = noise->next;
        CHECK_OK(rig_step(rig));
        noise->next = at;
        CHECK_OK(rig_step(other));
        if (r->tolerance == 0)
            rig_check_same(rig, other, what);
        else
            rig_check_near(rig, other, r->tolerance, what);
    }
    ++relations_run;
    free(what);
    replay_free(noise);
    rig_free(rig);
    rig_free(other);
}

/* ---- Plain sgd: p - lr g, rounded once or twice (BLAS may fuse the two operations) ---- */

static void test_sgd_is_exact(void **state) {
    (void)state;
    rig_t *rig = play_new("sgd", "lr=0.1,momentum=0", &TENSORS);
    const size_t d = rig_elements(rig);
    replay_t *noise = noise_new(STEPS, d);
    rig->replay = noise;
    double *before = check_memory(d, sizeof *before);
    for (size_t step = 0; step < STEPS; ++step) {
        memcpy(before, rig_read(rig), d * sizeof *before);
        CHECK_OK(rig_step(rig));
        const double *got = rig_read(rig), *g = noise->gradient + step * d;
        for (size_t i = 0; i < d; ++i)
            assert_true(got[i] == before[i] - 0.1 * g[i] || got[i] == fma(-0.1, g[i], before[i]));
    }
    free(before);
    replay_free(noise);
    rig_free(rig);
}

/* ---- Gradients scaled by a power of two: methods whose paper claims that nothing changes ---- */

static const struct {
    const char *algorithm, *options;
} SCALE_FREE[] = {{"adam", "eps=0"},
                  {"adamw", "eps=0"},
                  {"adagrad", "eps=0"},
                  {"rmsprop", "eps=0"},
                  {"lion", ""},
                  {"lamb", "eps=0"},
                  {"dog", "eps=0"},
                  {"adagrad_norm", "b0=0"},
                  {"signsgd", ""},
                  {"signum", ""},
                  {"nadam", "eps=0"},
                  {"amsgrad", "eps=0"},
                  {"adan", "eps=0"},
                  {"ademamix", "eps=0"},
                  {"ldog", "eps=0"},
                  {"qhadam", "eps=0"},
                  {"u_dog", "eps=0"},
                  {"dadapt_sgd", ""},
                  {"dadapt_adam", "eps=0"},
                  {"dadapt_lion", ""},
                  {"prodigy", "eps=0"},
                  {"cocob", "eps=1e-300"},
                  {"schedulefree_adamw", "eps=0"}};

static void test_scale_free(void **state) {
    (void)state;
    int ran = 0;
    for (size_t i = 0; i < sizeof SCALE_FREE / sizeof *SCALE_FREE; ++i) {
        if (!has_algorithm(SCALE_FREE[i].algorithm))
            continue;
        rig_t *rig = play_new(SCALE_FREE[i].algorithm, SCALE_FREE[i].options, &TENSORS);
        rig_t *scaled = play_new(SCALE_FREE[i].algorithm, SCALE_FREE[i].options, &TENSORS);
        scaled->scale = 1024;
        CHECK_OK(rig_steps(rig, STEPS));
        CHECK_OK(rig_steps(scaled, STEPS));
        rig_check_same(scaled, rig, SCALE_FREE[i].algorithm);
        rig_free(rig);
        rig_free(scaled);
        ++ran;
    }
    assert_in_range(ran, 8, sizeof SCALE_FREE / sizeof *SCALE_FREE);
}

/* ---- Frozen steps leave no trace in methods without a clock of their own ---- */

static void test_freezing_leaves_no_trace(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {
        {"sgd", "momentum=0.9"}, {"lion", ""}, {"rmsprop", "momentum=0.5"}, {"adagrad", ""}, {"signum", ""}};
    static const layout_t PAIR = {"pair", 2, {{"steady", 1, {3}}, {"frozen", 1, {37}}}};
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i) {
        if (!has_algorithm(METHODS[i][0]))
            continue;
        rig_t *pair = play_new(METHODS[i][0], METHODS[i][1], &PAIR);
        rig_t *alone = play_new(METHODS[i][0], METHODS[i][1], &VECTOR);
        replay_t *noise = noise_new(STEPS, 40);
        rig_write(alone, rig_read(pair) + 3);
        double *own = check_memory(37, sizeof *own);
        const double loss = 1;
        for (size_t step = 0; step < STEPS; ++step) {
            replay_t both = {1, 0, &loss, noise->gradient + 40 * step}, one = {1, 0, &loss, own};
            pair->replay = &both;
            alone->replay = &one;
            memcpy(own, both.gradient + 3, 37 * sizeof *own);
            const bool frozen = step % 5 == 3;
            rig_freeze(pair, 1, frozen);
            CHECK_OK(rig_step(pair));
            if (!frozen)
                CHECK_OK(rig_step(alone));
            assert_memory_equal(pair->tensor[1].data, alone->tensor[0].data, 37 * sizeof(double));
        }
        free(own);
        replay_free(noise);
        rig_free(pair);
        rig_free(alone);
    }
}

/* ---- Wrappers ---- */

/* Sharpness-aware: on a quadratic the gradient handed on is g + rho H g / |g|. */
static void test_sam_on_a_quadratic(void **state) {
    (void)state;
    enum { D = 20 };
    rig_t *rig = play_vector("sgd", "lr=0.1", "quadratic", D, 1);
    CHECK_OK(optim_wrap(rig->opt, "sam", "rho=0.3"));
    double g[D], norm = 0;
    for (size_t i = 0; i < D; ++i) {
        g[i] = quadratic_curvature(i) * (1 - quadratic_minimum(i));
        norm += g[i] * g[i];
    }
    CHECK_OK(rig_step(rig));
    const double *x = rig_read(rig);
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(x[i], 1 - 0.1 * (g[i] + 0.3 * quadratic_curvature(i) * g[i] / sqrt(norm)), 1e-12);
    rig_free(rig);
}

static void test_sam_without_radius(void **state) {
    (void)state;
    rig_t *plain = play_new("adamw", NULL, &TENSORS), *rig = play_new("adamw", NULL, &TENSORS);
    CHECK_OK(optim_wrap(rig->opt, "sam", "rho=0"));
    CHECK_OK(rig_steps(plain, STEPS));
    CHECK_OK(rig_steps(rig, STEPS));
    rig_check_same(rig, plain, "sam with radius 0");
    assert_int_equal(rig->gradients, 2 * plain->gradients);
    rig_free(plain);
    rig_free(rig);
}

/* The update of a matrix or kernel sums to zero over everything but its first dimension. */
static void test_gc_sums(void **state) {
    (void)state;
    /* rows within a tile, rows that begin in one and end in another, rows over several */
    static const layout_t LAYOUT = {
        "rows", 4, {{"w", 2, {7, 5}}, {"k", 4, {3, 2, 2, 3}}, {"wide", 2, {3, 10007}}, {"many", 2, {70, 151}}}};
    rig_t *rig = play_new("sgd", "lr=0.1", &LAYOUT);
    CHECK_OK(optim_wrap(rig->opt, "gc", NULL));
    const size_t bytes = rig_elements(rig) * sizeof(double);
    double *before = memcpy(check_memory(bytes, 1), rig_read(rig), bytes);
    CHECK_OK(rig_step(rig));
    const double *after = rig_read(rig);
    size_t first = 0;
    for (int i = 0; i < rig->count; ++i) {
        const size_t rows = (size_t)rig->tensor[i].dims[0], width = rig->tensor[i].count / rows;
        for (size_t row = 0; row < rows; ++row, first += width) {
            double sum = 0, moved = 0;
            for (size_t k = first; k < first + width; ++k) {
                sum += after[k] - before[k];
                moved += fabs(after[k] - before[k]);
            }
            CHECK_AT_MOST(fabs(sum) / moved, 1e-14);
            CHECK_AT_MOST(0.01 * (double)width, moved);
        }
    }
    free(before);
    rig_free(rig);
}

/* ema with decay 0 answers with the parameters; poly_avg with gamma 0 and swa with the mean of all iterates. */
static void test_averages(void **state) {
    (void)state;
    static const char *const MEANS[][2] = {{"poly_avg", "gamma=0"}, {"swa", ""}};
    for (size_t k = 0; k < 2; ++k) {
        rig_t *rig = play_vector("sgd", "lr=0.05", "quadratic", 5, 1);
        bool known = false;
        for (size_t i = 0; i < optim_wrapper_count(); ++i)
            known = known || strcmp(optim_wrapper_name(i), MEANS[k][0]) == 0;
        if (known) {
            double mean[5] = {0}, output[5];
            CHECK_OK(optim_wrap(rig->opt, MEANS[k][0], MEANS[k][1]));
            for (int step = 1; step <= 12; ++step) {
                CHECK_OK(rig_step(rig));
                const double *x = rig_read(rig);
                CHECK_OK(optim_output(rig->opt, 0, output));
                for (int i = 0; i < 5; ++i) {
                    mean[i] += x[i];
                    CHECK_CLOSE(output[i], mean[i] / step, 1e-14);
                }
            }
        }
        rig_free(rig);
    }
    rig_t *rig = play_vector("sgd", "lr=0.05", "quadratic", 5, 1);
    CHECK_OK(optim_wrap(rig->opt, "ema", "decay=0"));
    CHECK_OK(rig_steps(rig, 5));
    double output[5];
    CHECK_OK(optim_output(rig->opt, 0, output));
    assert_memory_equal(output, rig->tensor[0].data, sizeof output);
    rig_free(rig);
}

int main(void) {
    enum { ROWS = sizeof RELATIONS / sizeof *RELATIONS };
    struct CMUnitTest tests[ROWS + 7] = {{NULL, NULL, NULL, NULL, NULL}};
    size_t count = 0;
    for (size_t i = 0; i < ROWS; ++i)
        if (has_algorithm(RELATIONS[i].algorithm) && has_algorithm(RELATIONS[i].other))
            tests[count++] =
                (struct CMUnitTest){check_text("%s(%s) = %s(%s)", RELATIONS[i].algorithm, RELATIONS[i].options,
                                               RELATIONS[i].other, RELATIONS[i].other_options),
                                    test_relation, NULL, NULL, (void *)(uintptr_t)&RELATIONS[i]};
    const size_t relations = count;
    const struct CMUnitTest more[] = {
        cmocka_unit_test(test_sgd_is_exact),
        cmocka_unit_test(test_scale_free),
        cmocka_unit_test(test_freezing_leaves_no_trace),
        cmocka_unit_test(test_sam_on_a_quadratic),
        cmocka_unit_test(test_sam_without_radius),
        cmocka_unit_test(test_gc_sums),
        cmocka_unit_test(test_averages),
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; ++i)
        tests[count++] = more[i];
    const int failed = _cmocka_run_group_tests("relations", tests, count, NULL, NULL);
    (void)printf("%zu of %d relations hold between methods that are there\n", relations_run, (int)ROWS);
    for (size_t i = 0; i < relations; ++i)
        free((void *)(uintptr_t)tests[i].name);
    return failed;
}
