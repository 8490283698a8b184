/* How many times a step walks over memory: once, unless something must be known of all elements before any can move. */
#include <string.h>

#include "check.h"
#include "layouts.h"
#include "optimizer/optimizer.h"
#include "rig.h"

enum { BEFORE = 6, STEPS = 4 };

typedef struct cost {
    const char *name;
    int walks;   /* a step, with default options */
    int besides; /* if not 0: so many in each step, besides one for each gradient */
} cost_t;

/* All others walk once for each gradient. docs/engine.md says the same with bytes. */
static const cost_t METHODS[] = {
    {"adagrad_norm", 2},
    {"lamb", 1}, /* on tensors of one tile, which those here are; see long_tensors_walk_twice */
    {"lars", 1},
    {"lamb", 2},
    {"stable_adamw", 1}, /* likewise */
    {"stable_spam", 3},
    {"fromage", 1}, /* likewise */
    {"adanorm", 2},
    {"wngrad", 2},
    {"fadam", 3},
    {"adagc", 2},
    {"adams", 2},
    {"aida", 2},
    {"avagrad", 2},
    {"amos", 2},
    {"a2grad", 2},
    {"dowg", 2},
    {"apollo_dqn", 2},
    {"mars", 2},
    {"adamp", 0},
    {"sgdp", 0},
    {"lars", 2},
    {"novograd", 2},
    {"swats", 2},
    {"adai", 2},
    {"ngd", 2},
    {"nsgdm", 2},
    {"igt", 2},
    {"storm", 3},
    {"dp_spider", 0, 1}, /* the way since the last step */
    {"harpg", 3},
    {"adam_cm", 2},
    {"opt_amsgrad", 2},
    {"clip_adagrad", 2},
    {"clip_radagradd", 2},
    {"clip_adam", 2},
    {"clipped_sgd", 2},
    {"clipped_sstm", 2},
    {"dog", 2},
    {"ldog", 2},
    {"u_dog", 5},
    {"dadapt_sgd", 2},
    {"dadapt_adam", 2},
    {"dadapt_adagrad", 2},
    {"dadapt_lion", 2},
    {"prodigy", 2},
    {"kt", 2},
    {"ckt", 2},
    {"sps", 2},
    {"alr_mag", 2},
    {"alr_smag", 2},
    {"alr_hb", 2},
    {"momo", 2},
    {"momo_adam", 2},
    {"aepg", 2},
    {"smb", 4},
    {"sgd_hd", 2},
    {"adam_hd", 2},
    {"oasis", 3},
    {"adahessian", 3},
    {"cgo", 8},
    {"sgnht", 2},
    {"langevin_split", 3},
    {"s_sgld", 3},
    {"fsgld", 6},
    {"d_admms", 1},
    {"efp", 0},
    {"feasibility", 7},
    {"cbo", 1},
    {"evolution", 9},
    {"spsa", 3},
    {"dcgd", 2},
    {"ef14", 2},
    {"ef21", 2},
    {"econtrol", 2},
    {"dp_sgd", 2},
    {"dice_sgd", 2},
    {"mngp", 2},
    {"lsvrg", .besides = 1},
    {"page", 3},
    {"shuffle", 4},
    {"vro_cbcd", .besides = 1},
    {"model_based", 2},
    {"cvar", 2},
    {"sso", 2},
    {"scgd", .besides = 1},
    {"optex", 14},
    {"f2sa", 19},
    {"f3sa", 13},
    {"penalty_bilevel", 9},
    {"hoag", 7},
    {"rarts", 5},
    {"bo_rep", 7},
    {"lv_hba", 61}, /* sweeps over constraints that do not go together */
    {"hypernet", 13},
    {"frank_wolfe", 3},
    {"sinkhorn", 1},
    {"sns", 2},
    /* work on whole tensors is not counted */
    {"kfac", 2},
    {"shampoo", 0},
    {"soap", 0},
    {"splus", 0},
    {"tam", 0},
    {"adatam", 0},
    {"scion", 0},
    {"subset_norm", 0},
    {"racs", 0},
    {"nero", 0},
    {"fira", 0},
    {"conda", 0},
    {"adalite", 0},
    {"dash", 0},
    {"psgd_kron", 0},
    {"psgd_lra", 4},
    {"psgd_xmat", 5},
    {"mfac", 1},
    {"adafactor", 0},
    {"came", 0},
    {"galore", 0},
    {"adam_mini", 0},
    {"sm3", 0},
    {"microadam", 0},
    {"frugal", 0},
};
static const cost_t WRAPPERS[] = {{"gc", 2},       {"agc", 2},      {"sam", 3},      {"asam", 3},
                                  {"gsam", 4},     {"cautious", 2}, {"grokfast", 2}, {"orthograd", 3},
                                  {"mechanic", 2}, {"trac", 2},     {"picard", 18}};

/* Walks and gradients of STEPS steps, once the method is under way; false: it will not have these tensors. */
static bool count(const char *algorithm, const char *options, const char *wrapper, optim_dtype dtype, int64_t *walks,
                  int64_t *gradients) {
    rig_t *rig = rig_new_for(algorithm, layouts_two(algorithm), dtype, dtype, 0);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
    const bool runs = rig_lend(rig, opt) == OPTIM_OK && rig_steps(rig, BEFORE) == OPTIM_OK;
    if (runs) {
        *walks = -(int64_t)opt->engine.walks;
        *gradients = -rig->gradients;
        CHECK_OK(rig_steps(rig, STEPS));
        *walks += (int64_t)opt->engine.walks;
        *gradients += rig->gradients;
    }
    rig_free(rig);
    return runs;
}

static int64_t walks_of(const cost_t *costs, size_t count, const char *name, int64_t otherwise) {
    for (size_t i = 0; i < count; ++i)
        if (strcmp(costs[i].name, name) == 0)
            return costs[i].besides != 0 ? otherwise + (int64_t)STEPS * costs[i].besides
                                         : (int64_t)STEPS * costs[i].walks;
    return otherwise;
}

/* As many as their vectors, trials and products ask for: a walk each. */
static bool walks_freely(const char *name) {
    static const char *const NAMES[] = {
        "lbfgs",       "ncg",           "newton_cg",    "sgd_lanczos", "flexible_cg",
        "bfgs",        "trust_ncg",     "power_method", "prox_ncg",    "admm",
        "cdsm",        "direct_search", "nelder_mead",  "cma_es",      "levenberg_marquardt",
        "gauss_newton"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i)
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    return false;
}

static void methods_walk_as_the_page_says(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        const char *name = optim_algorithm_name(i);
        int64_t walks, gradients;
        if (walks_freely(name) || !count(name, NULL, NULL, OPTIM_F32, &walks, &gradients))
            continue;
        const int64_t want = walks_of(METHODS, sizeof METHODS / sizeof *METHODS, name, gradients);
        if (walks != want)
            print_error("%s: %d walks in %d steps, not %d\n", name, (int)walks, (int)STEPS, (int)want);
        wrong += walks != want;
    }
    assert_int_equal(wrong, 0);
}

static void wrappers_walk_as_the_page_says(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_wrapper_count(); ++i) {
        const char *name = optim_wrapper_name(i);
        int64_t walks, gradients;
        assert_true(count("adamw", NULL, name, OPTIM_F32, &walks, &gradients));
        const int64_t want = walks_of(WRAPPERS, sizeof WRAPPERS / sizeof *WRAPPERS, name, gradients);
        if (walks != want)
            fail_msg("%s: %d walks in %d steps, not %d", name, (int)walks, (int)STEPS, (int)want);
    }
}

/* Tensors of several tiles must be summed before they move; those of one tile beside them move at once. */
static void long_tensors_walk_twice(void **state) {
    (void)state;
    static const layout_t LAYOUT = {"a long one", 2, {{"long", 2, {3, 8192}}, {"short", 1, {47}}}};
    static const char *const NAMES[] = {"lamb", "lars"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i) {
        rig_t *rig = rig_new_for(NAMES[i], &LAYOUT, OPTIM_F32, OPTIM_F32, 0);
        optim_t *opt;
        CHECK_OK(optim_create(&opt, NAMES[i], NULL));
        CHECK_OK(rig_lend(rig, opt));
        CHECK_OK(rig_steps(rig, STEPS));
        assert_int_equal(opt->engine.walks, 2 * STEPS);
        rig_free(rig);
    }
}

/* Unscaling, clipping by value, decay, the update, an average, rounding and zeroing of the gradient: together. */
static void what_fits_one_walk_is_one_walk(void **state) {
    static const struct {
        const char *options, *wrapper;
        optim_dtype dtype;
        int walks;
    } CASES[] = {
        {"grad_scale=0.125,clip_value=1,weight_decay=0.1,zero_grad=1", "ema", OPTIM_F32, 1},
        {"grad_scale=0.125,clip_value=1,weight_decay=0.1,zero_grad=1,master=f32", "ema", OPTIM_BF16, 1},
        {"master=f32,zero_grad=1,rounding=stochastic", NULL, OPTIM_BF16, 1},
        {"rounding=kahan,state_dtype=int8,state_min=0", "poly_avg", OPTIM_F16, 1},
        {"state_dtype=int4,state_min=0", "ema", OPTIM_F32, 1},
        {"group_clip_value=1,clip_value=1", "ema", OPTIM_F32, 1},
        {"clip_norm=1,zero_grad=1", "ema", OPTIM_F32, 2},
        {"group_clip_norm=1,clip_value=1", "ema", OPTIM_F32, 2},
        {"group_clip_norm=1,nonfinite=skip", NULL, OPTIM_F32, 2},
        {"group_clip_norm=1,clip_norm=1", NULL, OPTIM_F32, 3},
        {"nonfinite=skip", NULL, OPTIM_F32, 2},
        {"nonfinite=skip,clip_norm=1", NULL, OPTIM_F32, 2},
        {"loss_scale=1024,clip_norm=1", NULL, OPTIM_F32, 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        int64_t walks, gradients;
        assert_true(count("adamw", CASES[i].options, CASES[i].wrapper, CASES[i].dtype, &walks, &gradients));
        if (walks != (int64_t)STEPS * CASES[i].walks)
            fail_msg("%s: %d walks in %d steps", CASES[i].options, (int)walks, (int)STEPS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_walk_as_the_page_says),
        cmocka_unit_test(wrappers_walk_as_the_page_says),
        cmocka_unit_test(long_tensors_walk_twice),
        cmocka_unit_test(what_fits_one_walk_is_one_walk),
    };
    return cmocka_run_group_tests_name("walks", tests, NULL, NULL);
}
