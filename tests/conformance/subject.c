#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include "needs.h"
#include "range.h"

const layout_t LAYOUTS[] = {
    {"mixed", 4, {{"matrix", 2, {7, 5}}, {"kernel", 4, {2, 3, 2, 2}}, {"scalar", 0, {0}}, {"vector", 1, {13}}}},
    {"matrix and vector", 2, {{"matrix", 2, {7, 5}}, {"vector", 1, {13}}}},
    {"two matrices", 2, {{"left", 2, {6, 2}}, {"right", 2, {4, 2}}}},
    {"matrix", 1, {{"matrix", 2, {9, 4}}}},
    {"vector", 1, {{"vector", 1, {29}}}},
    {"square", 1, {{"square", 2, {6, 6}}}},
    {"layer", 2, {{"weights", 2, {6, 4}}, {"bias", 1, {6}}}},
};
const int LAYOUT_COUNT = sizeof LAYOUTS / sizeof *LAYOUTS;

optim_description describe(int kind, const char *name) {
    optim_description description = {.size = sizeof description};
    CHECK_OK(optim_describe(kind, name, &description));
    return description;
}

/* ---- Setting up ---- */

setup_t setup_dtype(setup_t setup, optim_dtype dtype) {
    setup.dtype = setup.grad_dtype = dtype;
    return setup;
}

setup_t setup_extra(setup_t setup, const char *extra) {
    setup.extra = extra;
    return setup;
}

static bool sentence_names(const subject_t *s, const layout_t *layout) {
    const char *sentence = optim_error();
    if (strstr(sentence, s->algorithm) != NULL)
        return true;
    for (int i = 0; i < s->wraps; ++i)
        if (strstr(sentence, s->wrap[i]) != NULL)
            return true;
    for (int i = 0; i < layout->count; ++i)
        if (strstr(sentence, layout->tensor[i].name) != NULL)
            return true;
    return false;
}

/* With its defaults; but gradients are not clipped to a hundredth of the parameters, which is for networks: methods that
 * compare loss and gradient would make it up by steps a hundred times as long. */
static optim_status wrap(optim_t *opt, const char *wrapper) {
    return optim_wrap(opt, wrapper, strcmp(wrapper, "agc") == 0 ? "clipping=2" : NULL);
}

static optim_status set_up(const subject_t *s, setup_t setup, rig_t *rig) {
    char *options =
        check_text("%s%s%s", s->options, *s->options != '\0' && *setup.extra != '\0' ? "," : "", setup.extra);
    optim_t *opt;
    optim_status status = optim_create(&opt, s->algorithm, options);
    free(options);
    CHECK_OK(status);
    rig->opt = opt;
    for (int group = 1; group < setup.groups; ++group)
        if (needs_group(opt) == 0)
            CHECK_OK(optim_add_group(opt, NULL, NULL));
    for (int i = 0; i < rig->count; ++i)
        rig->tensor[i].group = i % setup.groups;
    if (setup.frozen != 0)
        rig->tensor[setup.frozen - 1].frozen = true;
    for (int i = 0; i < s->wraps && status == OPTIM_OK; ++i)
        status = wrap(opt, s->wrap[i]);
    if (status == OPTIM_OK)
        status = rig_lend(rig, opt);
    if (status == OPTIM_OK)
        CHECK_OK(optim_set_threads(opt, setup.threads));
    return status == OPTIM_OK ? optim_memory(opt, NULL, NULL) : status;
}

int evaluation_stride(int evaluations) {
    enum { MANY = 12 };
    return 1 + evaluations / MANY;
}

static bool is_sampler(const char *algorithm) {
    optim_description method = {.size = sizeof method};
    return optim_describe(OPTIM_ALGORITHM, algorithm, &method) == OPTIM_OK && strcmp(method.family, "sampling") == 0;
}

bool subject_may_stay(const subject_t *subject) {
    return subject->is_variant ||
           (subject->wraps > 0 && strcmp(subject->wrap[0], "trac") == 0 && is_sampler(subject->algorithm));
}

bool subject_searches(const subject_t *subject) {
    const int search = OPTIM_NEEDS_LOSS | OPTIM_NEEDS_MORE_GRADIENTS;
    return (subject->needs & search) == search || (subject->needs & OPTIM_NEEDS_RESIDUALS) != 0;
}

bool subject_polls(const subject_t *subject) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, subject->algorithm, &about));
    return !(about.needs & (OPTIM_NEEDS_GRADIENT | OPTIM_NEEDS_LOSSES)) || strcmp(subject->algorithm, "cdsm") == 0;
}

static rig_t *try_once(const subject_t *subject, setup_t setup) {
    rig_t *rig = rig_new_for(subject->algorithm, setup.layout, setup.dtype, setup.grad_dtype, setup.misalign);
    rig->oracle = oracle_find("coupled");
    rig->accumulates = strstr(setup.extra, "accumulate=1") != NULL;
    rig->loss_scaled = strstr(setup.extra, "loss_scale=") != NULL;
    rig->sign = strstr(setup.extra, "maximize=1") == NULL ? 1 : -1; /* so that it is the same problem */
    rig->starts_on_simplex = strstr(subject->options, "map=entropic") != NULL;
    rig_write(rig, NULL);
    const optim_status status = set_up(subject, setup, rig);
    if (status == OPTIM_OK)
        return rig;
    if (status != OPTIM_ERR_SHAPE && status != OPTIM_ERR_MISMATCH)
        fail_msg("%s on \"%s\": status %d, \"%s\"", subject->label, setup.layout->name, status, optim_error());
    if (!sentence_names(subject, setup.layout))
        fail_msg("%s refuses \"%s\" without naming itself or a parameter: \"%s\"", subject->label, setup.layout->name,
                 optim_error());
    rig_free(rig);
    return NULL;
}

/* Of a method that takes layers: what its parameters must be to each other it says in the first step. */
static bool takes_layers(rig_t *rig) {
    const int64_t none = 0;
    return optim_set_input(rig->opt, -1, "Y", OPTIM_F64, 1, &none, NULL) == OPTIM_OK ||
           optim_set_input(rig->opt, -1, "gates", OPTIM_F64, 1, &none, NULL) == OPTIM_OK;
}

/* What it asks of the engine, without what searches refuse: bounds on the gradient, and a scale; and, of squares, which
 * have no sign, maximize. */
static char *without_bending(const char *extra) {
    const bool has_sign = strstr(optim_error(), "leave maximize at 0") == NULL;
    char *rest = check_text("%s", "");
    for (const char *end; *extra != '\0'; extra = *end == '\0' ? end : end + 1) {
        end = strchr(extra, ',') == NULL ? extra + strlen(extra) : strchr(extra, ',');
        const bool bends = strncmp(extra, "clip_", 5) == 0 || strncmp(extra, "grad_scale=", 11) == 0;
        if (has_sign ? bends : strncmp(extra, "maximize=", 9) == 0)
            continue;
        char *longer = check_text("%s%s%.*s", rest, *rest == '\0' ? "" : ",", (int)(end - extra), extra);
        free(rest);
        rest = longer;
    }
    return rest;
}

rig_t *subject_try(const subject_t *subject, setup_t setup) {
    rig_t *rig = try_once(subject, setup);
    if (rig == NULL && (strstr(optim_error(), "makes another one of that: leave it at") != NULL ||
                        strstr(optim_error(), "leave maximize at 0") != NULL)) {
        char *extra = without_bending(setup.extra); /* of a search */
        rig = try_once(subject, setup_extra(setup, extra));
        free(extra);
        return rig;
    }
    if (rig == NULL || !takes_layers(rig))
        return rig;
    rig_free(rig);
    rig = try_once(subject, setup);
    const optim_status status = rig_step(rig);
    const bool refused = status == OPTIM_ERR_SHAPE || status == OPTIM_ERR_ORDER; /* no such inputs */
    rig_free(rig);
    return refused ? NULL : try_once(subject, setup);
}

rig_t *subject_rig(const subject_t *subject, setup_t setup) {
    rig_t *rig = subject_try(subject, setup);
    if (rig == NULL)
        fail_msg("%s refuses \"%s\": %s", subject->label, setup.layout->name, optim_error());
    return rig;
}

rig_t *subject_run(const subject_t *subject, setup_t setup, int steps) {
    rig_t *rig = subject_rig(subject, setup);
    CHECK_OK(rig_steps(rig, steps));
    return rig;
}

bool subject_evaluates(const subject_t *subject) {
    return (subject->needs &
            (OPTIM_NEEDS_GRADIENT | OPTIM_NEEDS_LOSS | OPTIM_NEEDS_MORE_GRADIENTS | OPTIM_NEEDS_PRODUCTS |
             OPTIM_NEEDS_LOSSES | OPTIM_NEEDS_CONSTRAINTS | OPTIM_NEEDS_RESIDUALS)) != 0;
}

bool subject_reads_loss(const subject_t *subject, setup_t setup) {
    rig_t *rig = subject_rig(subject, setup);
    rig->withhold_loss = true;
    rig->accumulates = false;
    const bool reads = rig_step(rig) == OPTIM_ERR_LOSS;
    if (reads && !subject->is_variant && !(subject->needs & OPTIM_NEEDS_LOSS)) /* announced are the defaults' needs */
        fail_msg("%s wants the loss, which its description does not announce", subject->label);
    rig_free(rig);
    return reads;
}

setup_t subject_setup(const subject_t *subject) {
    static const layout_t FEW = {"few", 3, {{"matrix", 2, {3, 2}}, {"scalar", 0, {0}}, {"vector", 1, {3}}}};
    setup_t setup = {&FEW, OPTIM_F64, OPTIM_F64, 0, 1, "", 1, 0};
    if (needs_few(subject->algorithm))
        return setup;
    for (int i = 0; i < LAYOUT_COUNT; ++i) {
        setup.layout = &LAYOUTS[i];
        rig_t *rig = subject_try(subject, setup);
        if (rig == NULL)
            continue;
        rig_free(rig);
        return setup;
    }
    fail_msg("%s takes none of the common layouts; the last one because \"%s\"", subject->label, optim_error());
    return setup;
}

/* ---- Enumerating ---- */

typedef struct base {
    const char *algorithm, *options;
} base_t;

/* What a first call of optim_step says, of a parameter with a row for each component. */
static bool first_needs_loss(optim_t *opt) {
    optim_request request = {.size = sizeof request};
    optim_status status = optim_step(opt);
    while (status == OPTIM_EVAL_CONSTRAINTS) {
        double *values;
        CHECK_OK(optim_constraint_values(opt, &values));
        for (int k = 0; k < needs_constraints(opt); ++k)
            values[k] = 0.5;
        status = optim_step(opt);
    }
    if (status == OPTIM_EVAL_GRAD)
        CHECK_OK(optim_request_info(opt, &request));
    return status == OPTIM_ERR_LOSS || status == OPTIM_EVAL_LOSS || request.needs_loss;
}

/* Whether it does on a parameter of so many dimensions. */
static bool asks_for_loss_of(const subject_t *s, int ndim) {
    double p[2 * RIG_COMPONENTS] = {1, 1, 1, 1, 1, 1}, g[2 * RIG_COMPONENTS] = {0}, *lent = NULL;
    const int64_t dims[] = {RIG_COMPONENTS, 2}, columns = ndim > 1 ? dims[1] : 1;
    const size_t count = (size_t)(RIG_COMPONENTS * columns);
    optim_t *opt;
    optim_status status = optim_create(&opt, s->algorithm, s->options);
    for (int i = 0; i < s->wraps && status == OPTIM_OK; ++i)
        status = wrap(opt, s->wrap[i]);
    if (status == OPTIM_OK)
        status = optim_set_components(opt, RIG_COMPONENTS);
    if (status == OPTIM_OK)
        lent = needs_lend(opt, (needs_sizes_t){RIG_COMPONENTS, count, 0, RIG_COMPONENTS, (size_t)columns});
    if (lent != NULL)
        status = optim_add_param(opt, 0, "p", OPTIM_F64, ndim, dims, p, g);
    const bool needs_loss = lent != NULL && status == OPTIM_OK && first_needs_loss(opt);
    optim_destroy(opt);
    free(lent);
    return needs_loss;
}

/* The description speaks of default options; whether these options make the method read the loss, it says itself. */
static bool asks_for_loss(const subject_t *s) {
    return asks_for_loss_of(s, 2) || asks_for_loss_of(s, 1);
}

static void describe_parts(subject_t *s) {
    const optim_description method = describe(OPTIM_ALGORITHM, s->algorithm);
    s->needs = method.needs;
    s->splits = (method.can & OPTIM_CAN_SPLIT) != 0;
    s->mixes = (method.can & OPTIM_CAN_MIX) != 0;
    s->has_output = (method.can & OPTIM_HAS_OUTPUT) != 0;
    for (int i = 0; i < s->wraps; ++i) {
        const optim_description wrapper = describe(OPTIM_WRAPPER, s->wrap[i]);
        s->needs |= wrapper.needs & ~OPTIM_NEEDS_GRADIENT;
        s->splits = s->splits && (wrapper.can & OPTIM_CAN_SPLIT) != 0;
        s->has_output = s->has_output || (wrapper.can & OPTIM_HAS_OUTPUT) != 0;
    }
    s->needs = (s->needs & ~OPTIM_NEEDS_LOSS) | (asks_for_loss(s) ? OPTIM_NEEDS_LOSS : 0);
}

static subject_t subject_new(base_t base, const char *inner, const char *outer) {
    subject_t s = {.algorithm = base.algorithm, .options = base.options, .wrap = {inner, outer}};
    s.wraps = (inner != NULL) + (outer != NULL);
    s.label = check_text("%s%s%s%s%s", base.algorithm, inner == NULL ? "" : " + ", inner == NULL ? "" : inner,
                         outer == NULL ? "" : " + ", outer == NULL ? "" : outer);
    if (*base.options != '\0') {
        char *label = check_text("%s (%s)", s.label, base.options);
        free(s.label);
        s.label = label;
    }
    describe_parts(&s);
    return s;
}

/* The algorithm by itself: with its defaults; but a rate that is for gradients no longer than 1 is made one for longer
 * ones, loops within a step and memories that fill first are kept short, for many checks make as many steps as a step has evaluations, and neither is
 * rounding divided by an eps of its size (the gradient that soap and conda take their bases from is diagonal in them), nor a matrix
 * inverted whose condition would magnify it beyond the checks' tolerances. */
static base_t base_of(const char *algorithm) {
    static const base_t BASES[] = {{"kt", "lr=0.02"},
                                   {"ckt", "lr=0.1"},
                                   {"katyusha", "m=2"},
                                   {"sarah", "m=2"},
                                   {"f2sa", "inner=2"},
                                   {"hoag", "lr_inner=1,tol0=0.3,max_inner=6,max_cg=3"},
                                   {"coin_svgd", "bandwidth=100"},
                                   {"soap", "lr=5e-4,eps=1e-6"},
                                   {"splus", "lr=1e-3"},
                                   {"scaled_gd", "damping=10"},
                                   {"damped_newton", "lr_points=4,max_ls=4"},
                                   {"mfac", "window=6,damping=1"},
                                   {"mfac_static", "window=6,damping=1,drop=1e6"},
                                   {"s_sgld", "history=3"},
                                   {"fsgld", "local=2"},
                                   {"d_admms", "inner=2"},
                                   {"hyperlista", "lr=0.02,c2=0.001"},
                                   {"exact_al", "max_sketch=50"},
                                   {"odl_frank_wolfe", "batch=64,gamma_power=4"},
                                   {"hypernet", "inner=2,lr_inner=1e-4"},
                                   {"altmin_completion", "l2=0.1"},
                                   {"svmd", "lr=1e-8"},
                                   {"adashift", "keep_num=2"},
                                   {"conda", "eps=0.1"},
                                   {"sara", "threshold=10"},
                                   {"dash", "block_size=16"},
                                   {"apollo_dqn", "eps=0.1"}};
    for (size_t i = 0; i < sizeof BASES / sizeof *BASES; ++i)
        if (strcmp(BASES[i].algorithm, algorithm) == 0)
            return BASES[i];
    return (base_t){algorithm, ""};
}

enum { VARIANTS = 24 }; /* most flags and keywords of one algorithm */
/* In the sample a wrapper goes over every seventh algorithm that holds a conversation and over every n-th of the
 * others; which ones changes with the wrapper. */
static bool is_base_of(const char *algorithm, size_t i, size_t w) {
    const size_t stride = (optim_algorithm_count() * optim_wrapper_count() + 79) / 80;
    return (i + w) % (describe(OPTIM_ALGORITHM, algorithm).needs != OPTIM_NEEDS_GRADIENT ? 7 : stride) == 0;
}

static const base_t PAIR_BASES[] = {
    {"sgd", "momentum=0.9"}, {"adamw", ""}, {"lamb", ""}, {"extragradient", ""}, {"lbfgs", ""}};
enum { PAIRS = sizeof PAIR_BASES / sizeof *PAIR_BASES };

/* A wrapper over sgd with momentum, over other algorithms, and under other wrappers. */
static size_t wrapper_subjects(subject_t *list, size_t w, bool cross) {
    const size_t wrappers = optim_wrapper_count();
    const char *name = optim_wrapper_name(w);
    size_t count = 0;
    list[count++] = subject_new(PAIR_BASES[0], name, NULL);
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        if (cross || is_base_of(optim_algorithm_name(i), i, w))
            list[count++] = subject_new(base_of(optim_algorithm_name(i)), name, NULL);
    for (size_t other = 1; other < wrappers && (cross || other <= 2); ++other)
        for (size_t i = cross ? 0 : other - 1; i < (cross ? (size_t)PAIRS : other); ++i)
            list[count++] = subject_new(PAIR_BASES[i], name, optim_wrapper_name((w + other) % wrappers));
    return count;
}

/* Parts that cannot work together say so when they are put together. */
static bool is_mismatch(const subject_t *s) {
    optim_t *opt;
    optim_status status = optim_create(&opt, s->algorithm, s->options);
    for (int i = 0; i < s->wraps && status == OPTIM_OK; ++i)
        status = wrap(opt, s->wrap[i]);
    if (status == OPTIM_OK)
        status = optim_set_components(opt, RIG_COMPONENTS);
    if (status == OPTIM_OK)
        status = optim_memory(opt, NULL, NULL);
    optim_destroy(opt);
    return status == OPTIM_ERR_MISMATCH && sentence_names(s, &LAYOUTS[0]);
}

static bool is_wrapped_in(const subject_t *s, const char *wrapper) {
    for (int i = 0; i < s->wraps; ++i)
        if (strcmp(s->wrap[i], wrapper) == 0)
            return true;
    return false;
}

void subject_check_steps(const subject_t *s, const rig_t *rig, int64_t steps) {
    enum { WINDOW = 4 };
    const int64_t most = is_wrapped_in(s, "picard") ? WINDOW * steps : steps;
    assert_in_range(optim_steps(rig->opt), steps, most);
}

/* Only what docs/wrappers/README.md names is refused. */
static bool may_be_refused(const subject_t *s) {
    if (is_wrapped_in(s, "schedule_free") || is_wrapped_in(s, "picard"))
        return true;
    const bool searches = strstr(optim_error(), "compares the loss") != NULL; /* and wants the gradient as it is */
    return s->wraps > 0 && (searches || !(s->needs & OPTIM_NEEDS_GRADIENT));  /* most wrappers act on gradients */
}

static size_t keep_matching(subject_t *list, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
        if (is_mismatch(&list[i]) && may_be_refused(&list[i]))
            free(list[i].label);
        else
            list[kept++] = list[i]; /* where the checks say so, if it is refused */
    }
    return kept;
}

/* Every flag and keyword of an algorithm away from its default, one at a time, where that is allowed by itself. */
static size_t variants(subject_t *list, const char *algorithm) {
    size_t count = 0;
    const char *base = base_of(algorithm).options;
    const optim_description description = describe(OPTIM_ALGORITHM, algorithm);
    for (size_t i = 0; i < description.options; ++i) {
        optim_option option = {.size = sizeof option};
        CHECK_OK(optim_describe_option(OPTIM_ALGORITHM, algorithm, i, &option));
        const range_t range = range_read(option.range);
        for (int k = 0; k < range.words; ++k) {
            optim_t *opt;
            char *options = check_text("%s%s%s=%s", base, *base == '\0' ? "" : ",", option.name, range.word[k]);
            if (k != (int)option.default_value && optim_create(&opt, algorithm, options) == OPTIM_OK) {
                optim_destroy(opt);
                list[count++] = subject_new((base_t){algorithm, options}, NULL, NULL);
                list[count - 1].is_variant = true;
            } else {
                free(options);
            }
        }
    }
    return count;
}

subject_t *subjects_new(bool cross, size_t *count, size_t *refused) {
    const size_t algorithms = optim_algorithm_count(), wrappers = optim_wrapper_count();
    const size_t room = algorithms * (1 + VARIANTS) + (algorithms + 1 + PAIRS * wrappers) * wrappers;
    subject_t *list = check_memory(room, sizeof *list);
    *count = 0;
    for (size_t i = 0; i < algorithms; ++i) {
        list[(*count)++] = subject_new(base_of(optim_algorithm_name(i)), NULL, NULL);
        *count += variants(list + *count, optim_algorithm_name(i));
    }
    for (size_t w = 0; w < wrappers; ++w)
        *count += wrapper_subjects(list + *count, w, cross);
    const size_t all = *count;
    *count = keep_matching(list, all);
    *refused = all - *count;
    return list;
}

void subjects_free(subject_t *subjects, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        free(subjects[i].label);
        if (subjects[i].is_variant)
            free((void *)(uintptr_t)subjects[i].options);
    }
    free(subjects);
}
