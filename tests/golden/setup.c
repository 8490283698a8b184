/* From a trajectory file to a handle: which of its tensors are parameters, roles, inputs. README.md says it in
 * words. */
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "run.h"
#include "verdict.h"

/* ---- What the tensors of a solver file are ---- */

typedef struct tensor_of {
    const char *method, *name;
} tensor_of_t;

/* Copies and multipliers that a method may keep as states of its own: then the file's values are handed in as
 * inputs. */
static const tensor_of_t STARTS[] = {
    {"admm", "z"},   {"admm", "u"},  {"cvar", "alpha"},   {"exact_al", "lam"},
    {"mdmm", "lam"}, {"f2sa", "z"},  {"f3sa", "z"},       {"penalty_bilevel", "z"},
    {"bo_rep", "z"}, {"rarts", "w"}, {"lv_hba", "theta"}, {"fb_gvi", "S"},
};
/* Of them, those of which each parameter with role=y has its own. */
static const char *const BY_PARAMETER[] = {"f2sa", "f3sa", "penalty_bilevel", "bo_rep", "rarts", "lv_hba", "fb_gvi"};
static const tensor_of_t INPUTS[] = {{"mfac_static", "G"}, {"checkfree", "g"}, {"gradient_coding", "g"}};

/* Parameters that a file does not list; they start at 0. A side is so many times an option of the method or the
 * problem, or of the number given. */
typedef struct side {
    const char *option;
    size_t otherwise, times; /* 0: there is no such side */
} side_t;
static const struct {
    tensor_of_t of;
    side_t side[2];
} UNLISTED[] = {
    {{"relu_admm", "u"}, {{"patterns", 4, 2}, {"d", 3, 1}}},
    {{"altmin_completion", "U"}, {{"", 8, 1}, {"rank", 2, 1}}},
    {{"altmin_completion", "V"}, {{"", 7, 1}, {"rank", 2, 1}}},
    {{"sor_bandit", "x"}, {{"d", 10, 1}, {0}}},
};

static bool is_listed(const tensor_of_t *list, size_t count, const char *method, const char *name) {
    for (size_t i = 0; i < count; ++i)
        if (strcmp(list[i].method, method) == 0 && strcmp(list[i].name, name) == 0)
            return true;
    return false;
}

/* ---- The handle ---- */

static void require(optim_status status, int kind, const char *name, const char *call) {
    static const char *const KINDS[] = {"method", "wrapper", "schedule"};
    optim_description description = {.size = sizeof description};
    if (status == OPTIM_ERR_NAME && optim_describe(kind, name, &description) == OPTIM_ERR_NAME)
        leave_file("no %s \"%s\" here", KINDS[kind], name);
    expect_ok(status, call);
}

/* The option `weights=4:1:2` of ef21 is an input here: cuts it out of the options, which must be a copy. */
static char *cut_weights(const trajectory_t *f, char *options) {
    static const char KEY[] = "weights=";
    char *found = strcmp(f->method, "ef21") == 0 ? strstr(options, KEY) : NULL;
    if (found == NULL)
        return NULL;
    char *weights = file_text("%s", found + sizeof KEY - 1), *end = strchr(weights, ',');
    const char *rest = end == NULL ? "" : found + sizeof KEY + (size_t)(end - weights);
    memmove(found, rest, strlen(rest) + 1);
    const size_t length = strlen(options);
    if (length > 0 && options[length - 1] == ',')
        options[length - 1] = '\0';
    if (end != NULL)
        *end = '\0';
    return strcmp(weights, "uniform") == 0 ? NULL : weights;
}

static void set_weights(optim_t *opt, const char *weights) {
    enum { MOST = 1024 };
    double *values = file_memory(MOST, sizeof *values); /* the handle keeps no copy */
    int64_t count = 0;
    for (char *end; count < MOST && *weights != '\0'; weights = *end == ':' ? end + 1 : end) {
        values[count++] = strtod(weights, &end);
        if (end == weights)
            fail_file("weights are not numbers joined by colons");
    }
    expect_ok(optim_set_input(opt, -1, "weights", OPTIM_F64, 1, &count, values), "optim_set_input of weights");
}

/* Options of a file's method that are its problem's here. */
static const tensor_of_t OF_PROBLEM[] = {{"lv_hba", "s"}, {"fsgld", "shift"}};

static const char *problem_key(const trajectory_t *f) {
    for (size_t i = 0; i < sizeof OF_PROBLEM / sizeof *OF_PROBLEM; ++i)
        if (strcmp(OF_PROBLEM[i].method, f->method) == 0)
            return OF_PROBLEM[i].name;
    return NULL;
}

/* Cuts them out of the options, which must be a copy. */
static void cut_problem_option(const trajectory_t *f, char *options) {
    const char *key = problem_key(f);
    const size_t length = key == NULL ? 0 : strlen(key);
    for (char *at = options; key != NULL && *at != '\0';) {
        const size_t span = strcspn(at, ","), whole = span + (at[span] == ',');
        if (span > length && memcmp(at, key, length) == 0 && at[length] == '=')
            memmove(at, at + whole, strlen(at + whole) + 1);
        else
            at += whole;
    }
    const size_t left = strlen(options);
    if (left > 0 && options[left - 1] == ',')
        options[left - 1] = '\0';
}

static const char *problem_options(const trajectory_t *f) {
    double value;
    if (problem_key(f) == NULL || !golden_option(f->options, problem_key(f), &value))
        return f->problem_options;
    return file_text("%s,%s=%.17g", f->problem_options, problem_key(f), value);
}

/* Options of a wrapper with numbers in place of the names of parameters: in=W of teleport. */
static const char *numbered(const trajectory_t *f, const part_t *wrap) {
    char *options = file_text("%s", wrap->options);
    for (int i = 0; i < f->params && strcmp(wrap->name, "teleport") == 0; ++i) {
        static const char *const KEYS[] = {"in", "bias", "out"};
        for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; ++k) {
            const char *pair = file_text("%s=%s", KEYS[k], f->param[i].name), *found = strstr(options, pair);
            const size_t length = strlen(pair);
            if (found != NULL && (found == options || found[-1] == ',') && strchr(",", found[length]) != NULL)
                options = file_text("%.*s%s=%d%s", (int)(found - options), options, KEYS[k], i, found + length);
        }
    }
    return options;
}

static optim_t *handle_new(const trajectory_t *f, int threads) {
    optim_t *opt;
    char *options = file_text("%s", f->options);
    const char *weights = cut_weights(f, options);
    cut_problem_option(f, options);
    require(optim_create(&opt, f->method, options), OPTIM_ALGORITHM, f->method, "optim_create");
    if (weights != NULL)
        set_weights(opt, weights);
    file_owns(opt);
    for (int i = 0; i < f->wraps; ++i)
        require(optim_wrap(opt, f->wrap[i].name, numbered(f, &f->wrap[i])), OPTIM_WRAPPER, f->wrap[i].name,
                "optim_wrap");
    if (f->schedule.name != NULL)
        require(optim_set_schedule(opt, -1, "lr", f->schedule.name, f->schedule.options), OPTIM_SCHEDULE,
                f->schedule.name, "optim_set_schedule");
    expect_ok(optim_set_threads(opt, threads), "optim_set_threads");
    return opt;
}

/* ---- Parameters and inputs ---- */

static void add_param(run_t *run, int group, const tensor_t *tensor) {
    run_param_t *p = &run->param[run->params++];
    p->tensor = tensor;
    p->data = file_memory(tensor->count, element_size(run->dtype));
    p->grad = file_memory(tensor->count, element_size(run->dtype));
    if (tensor->start != NULL)
        element_write_all(run->dtype, p->data, tensor->count, tensor->start);
    expect_ok(optim_add_param(run->opt, group, tensor->name, run->dtype, tensor->ndim, tensor->dims,
                              tensor->count == 0 ? NULL : p->data, p->grad),
              "optim_add_param");
}

static bool is_zero(const tensor_t *tensor) {
    for (size_t i = 0; i < tensor->count; ++i)
        if (tensor->start[i] != 0)
            return false;
    return true;
}

/* The parameter whose input it is, the last one; -1: the method's. */
static int owner_of(const run_t *run) {
    for (size_t i = 0; i < sizeof BY_PARAMETER / sizeof *BY_PARAMETER; ++i)
        if (strcmp(BY_PARAMETER[i], run->f->method) == 0)
            return run->params - 1;
    return -1;
}

/* A method that has no such input must at least begin where the file does, at 0. */
static void add_start(run_t *run, const tensor_t *tensor, bool required) {
    const optim_status status =
        optim_set_input(run->opt, owner_of(run), tensor->name, OPTIM_F64, tensor->ndim, tensor->dims, tensor->start);
    if (status == OPTIM_ERR_NAME && !required && is_zero(tensor))
        return;
    expect_ok(status, file_text("optim_set_input of %s", tensor->name));
}

static bool is_start(const run_t *run, const tensor_t *tensor) {
    return is_listed(STARTS, sizeof STARTS / sizeof *STARTS, run->f->method, tensor->name);
}

/* The first parameter has the group 0 and with it the first role; another the role of its name, if there is one. False:
 * it is none, but where a state starts. */
static bool add_tensor(run_t *run, const tensor_t *tensor) {
    const trajectory_t *f = run->f;
    int group = 0;
    if (is_listed(INPUTS, sizeof INPUTS / sizeof *INPUTS, f->method, tensor->name)) {
        add_start(run, tensor, true);
        return true;
    }
    const bool has_role = f->is_solver && run->params > 0 &&
                          optim_add_group(run->opt, file_text("role=%s", tensor->name), &group) == OPTIM_OK;
    if (!has_role && is_start(run, tensor))
        return false;
    add_param(run, has_role ? group : 0, tensor);
    return true;
}

static size_t side_length(const trajectory_t *f, const side_t *side) {
    double length = (double)side->otherwise;
    if (!golden_option(f->options, side->option, &length) && f->problem != NULL)
        (void)golden_option(f->problem_options, side->option, &length);
    return side->times * (size_t)length;
}

static void add_unlisted(run_t *run, size_t which) {
    tensor_t *tensor = file_memory(1, sizeof *tensor);
    *tensor = (tensor_t){.name = UNLISTED[which].of.name, .count = 1};
    for (; tensor->ndim < 2 && UNLISTED[which].side[tensor->ndim].times > 0; ++tensor->ndim) {
        const size_t length = side_length(run->f, &UNLISTED[which].side[tensor->ndim]);
        tensor->dims[tensor->ndim] = (int64_t)length;
        tensor->count *= length;
    }
    add_param(run, 0, tensor);
}

static void add_tensors(run_t *run) {
    bool starts[TENSORS] = {false};
    for (int i = 0; i < run->f->params; ++i)
        starts[i] = !add_tensor(run, &run->f->param[i]);
    for (int i = 0; i < run->f->params; ++i)
        if (starts[i])
            add_start(run, &run->f->param[i], false);
    for (size_t i = 0; i < sizeof UNLISTED / sizeof *UNLISTED && run->f->is_solver; ++i)
        if (strcmp(UNLISTED[i].of.method, run->f->method) == 0)
            add_unlisted(run, i);
}

/* A layer's activations and derivatives: frozen parameters whose gradients are the inputs of parameter `layer`. */
static void add_layer_input(const run_t *run, int layer, const char *end, const char *input) {
    for (int i = 0; i < run->params; ++i) {
        const tensor_t *tensor = run->param[i].tensor;
        if (strcmp(tensor->name, file_text("%s_%s", run->param[layer].tensor->name, end)) != 0)
            continue;
        expect_ok(optim_set_input(run->opt, layer, input, run->dtype, tensor->ndim, tensor->dims, run->param[i].grad),
                  file_text("optim_set_input of %s", tensor->name));
        expect_ok(optim_freeze(run->opt, i, 1), "optim_freeze");
    }
}

static void add_layer_inputs(const run_t *run) {
    for (int i = 0; i < run->params && strcmp(run->f->method, "kfac") == 0; ++i) {
        add_layer_input(run, i, "act", "activations");
        add_layer_input(run, i, "bp", "derivatives");
    }
}

/* ---- The problem ---- */

static void tell_problem(run_t *run) {
    const problem_t *p = run->problem;
    const size_t components = run->rows > 1 || p->components == 0 ? run->rows : p->components;
    const size_t constraints = p->equalities + p->inequalities;
    if (components > 0)
        expect_ok(optim_set_components(run->opt, (int64_t)components), "optim_set_components");
    if (constraints > 0)
        expect_ok(optim_set_constraints(run->opt, (int64_t)p->equalities, (int64_t)p->inequalities),
                  "optim_set_constraints");
    run->constraints = file_memory(constraints, sizeof(double));
    for (int i = 0; i < p->inputs; ++i) {
        const problem_input_t *input = &p->input[i];
        optim_status status =
            optim_set_input(run->opt, -1, input->name, OPTIM_F64, input->ndim, input->dims, input->values);
        if (status != OPTIM_OK) /* or is it one of parameters? */
            status = optim_set_input(run->opt, 0, input->name, OPTIM_F64, input->ndim, input->dims, input->values);
        if (status != OPTIM_ERR_NAME) /* what the method does not read it does not have */
            expect_ok(status, file_text("optim_set_input of %s", input->name));
    }
}

static int param_named(const run_t *run, const char *name) {
    for (int i = 0; i < run->params; ++i)
        if (strcmp(run->param[i].tensor->name, name) == 0)
            return i;
    fail_file("problem %s wants a parameter %s", run->f->problem, name);
}

/* Named parts; or the first parameter, d variables for each of its rows; or all parameters one after the other. */
static void find_variables(run_t *run) {
    const problem_t *p = run->problem;
    const size_t first = run->params > 0 ? run->param[0].tensor->count : 0;
    run->rows = 1;
    run->d = p->d;
    if (p->kind != NULL && p->kind->value == NULL && p->kind->gradient == NULL)
        return; /* data alone */
    if (p->parts > 0 && p->part[0] != NULL) {
        for (int i = 0; i < p->parts; ++i)
            run->variable[run->variables++] = param_named(run, p->part[i]);
    } else if (run->f->is_solver && p->d > 0 && first > 0 && first % p->d == 0) {
        run->variable[run->variables++] = 0;
        run->rows = first / p->d;
    } else {
        run->d = trajectory_elements(run->f);
        for (int i = 0; i < run->params; ++i)
            run->variable[run->variables++] = i;
    }
}

static void open_problem(run_t *run) {
    const trajectory_t *f = run->f;
    const char *name = f->problem != NULL ? f->problem : f->method;
    size_t *sizes = file_memory(TENSORS, sizeof *sizes);
    for (int i = 0; i < f->params; ++i)
        sizes[i] = f->param[i].count;
    run->problem =
        problem_open(name, f->problem != NULL ? problem_options(f) : f->options, f->method, f->params, sizes);
    if (run->problem == NULL) {
        if (f->problem != NULL)
            fail_file("no problem is called \"%s\"", name);
        return;
    }
    find_variables(run);
    if (f->is_solver)
        tell_problem(run);
}

run_t *run_new(const trajectory_t *f, optim_dtype dtype, int threads) {
    run_t *run = file_memory(1, sizeof *run);
    run->f = f;
    run->dtype = dtype;
    run->opt = handle_new(f, threads);
    add_tensors(run);
    add_layer_inputs(run);
    run->rows = 1;
    run->d = trajectory_elements(f);
    if (f->evaluations == 0)
        open_problem(run);
    const size_t room = run->d * run->rows > 0 ? run->d * run->rows : 1;
    run->x = file_memory(room, sizeof(double));
    run->g = file_memory(room, sizeof(double));
    run->v = file_memory(room, sizeof(double));
    run->hv = file_memory(room, sizeof(double));
    return run;
}
