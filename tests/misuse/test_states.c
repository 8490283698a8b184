/* Every call on a handle in every state that a handle can be in: what it returns, and that a refusal changes
   nothing. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "header.h"
#include "optim/comm.h"

/* ---- States ---- */

typedef enum state {
    NEW,         /* nothing was added */
    ADDED,       /* a parameter, no step */
    STEPPED,     /* one step later */
    GRADIENT,    /* a request for a gradient is open */
    LOSS,        /* ... for a loss alone */
    PRODUCT,     /* ... for Hessian-vector products */
    LOSSES,      /* ... for losses of components */
    CONSTRAINTS, /* ... for values of constraints */
    SWAPPED,     /* the output is swapped in after a step */
    EARLY,       /* ... before the first */
    FAILED,      /* the second step ended in an error */
    CANCELLED,   /* the first step was abandoned */
    RESET,       /* after a step */
    SAVING,      /* a thread writes a checkpoint */
    STATES
} state_t;

enum { N = 3 };
typedef struct handle {
    optim_t *opt;
    double x[N], g[N], added[N];
    char key[32]; /* of a number that its method has */
    state_t state;
    const char *path; /* where it may save; one save at a time */
} handle_t;

static char folder[] = "/tmp/gradopt-misuse-XXXXXX";
static char *path, *one_path, *twin_path; /* a checkpoint of sgd; written to */
static void *saved;
static size_t saved_size;

/* As many components as there are elements, so that these may be particles. */
static void tell_problem(optim_t *opt) {
    CHECK_OK(optim_set_components(opt, N));
    CHECK_OK(optim_set_constraints(opt, 1, 1));
}

/* The first method that asks for this in its first step, for losses of components one of values alone; or NULL. */
static const char *find_who_asks_for(optim_status request) {
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        double x[N] = {1, 2, 3}, g[N] = {1, 1, 1};
        optim_t *opt;
        CHECK_OK(optim_create(&opt, optim_algorithm_name(i), NULL));
        tell_problem(opt);
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, x, g));
        CHECK_OK(optim_set_loss(opt, 1));
        optim_description about = {.size = sizeof about};
        CHECK_OK(optim_describe(OPTIM_ALGORITHM, optim_algorithm_name(i), &about));
        const bool by_values = (about.needs & OPTIM_NEEDS_GRADIENT) == 0;
        const bool asks = optim_step(opt) == request && (by_values || request != OPTIM_EVAL_LOSSES);
        optim_destroy(opt);
        if (asks)
            return optim_algorithm_name(i);
    }
    return NULL;
}

/* The answer is the same for each of hundreds of cells, and every method takes a step to find it. */
static const char *who_asks_for(optim_status request) {
    enum { KINDS = 16 };
    static const char *found[KINDS];
    assert_in_range(request, 1, KINDS - 1);
    if (!found[request])
        found[request] = find_who_asks_for(request);
    return found[request];
}

/* lr, or else its first number. */
static void number_of(const char *algorithm, char *key, size_t size) {
    optim_option option = {.size = sizeof option};
    size_t first = SIZE_MAX, lr = SIZE_MAX;
    for (size_t i = 0; optim_describe_option(OPTIM_ALGORITHM, algorithm, i, &option) == OPTIM_OK; ++i) {
        if (strcmp(option.name, "lr") == 0)
            lr = i;
        if (option.kind == OPTIM_KIND_NUMBER && first == SIZE_MAX)
            first = i;
    }
    CHECK_OK(optim_describe_option(OPTIM_ALGORITHM, algorithm, lr == SIZE_MAX ? first : lr, &option));
    assert_true(snprintf(key, size, "%s", option.name) < (int)size);
}

static const char *method_of(state_t state) {
    switch (state) {
    case GRADIENT:
    case CANCELLED:
        return "extragradient";
    case LOSS:
        return who_asks_for(OPTIM_EVAL_LOSS);
    case PRODUCT:
        return who_asks_for(OPTIM_EVAL_HVP);
    case LOSSES:
        return who_asks_for(OPTIM_EVAL_LOSSES);
    case CONSTRAINTS:
        return who_asks_for(OPTIM_EVAL_CONSTRAINTS);
    default:
        return "sgd";
    }
}

static void fill_product(optim_t *opt) {
    const void *direction;
    void *product;
    CHECK_OK(optim_hvp_vector(opt, 0, &direction));
    CHECK_OK(optim_hvp_result(opt, 0, &product));
    for (int k = 0; k < N; ++k)
        ((double *)product)[k] = 2 * ((const double *)direction)[k];
}

static void fill_losses(optim_t *opt) {
    const double losses[N] = {1, 2, 3};
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(opt, &request));
    assert_in_range(request.count, 1, N);
    CHECK_OK(optim_set_losses(opt, losses, (size_t)request.count));
}

static void fill_constraints(optim_t *opt) {
    double *values;
    CHECK_OK(optim_constraint_values(opt, &values));
    values[0] = values[1] = 0.5;
}

/* Answers all requests but those for a gradient. */
static void fill(optim_t *opt, optim_status request) {
    CHECK_OK(optim_set_loss(opt, 0.5));
    if (request == OPTIM_EVAL_HVP)
        fill_product(opt);
    if (request == OPTIM_EVAL_LOSSES)
        fill_losses(opt);
    if (request == OPTIM_EVAL_CONSTRAINTS)
        fill_constraints(opt);
}

/* A step begun with one micro-batch, where the method reads gradients, or the answer to a request. */
static int step_begin(optim_t *opt) {
    const int status = optim_accumulate(opt);
    const bool goes_on = status == OPTIM_OK || status == OPTIM_ERR_OPEN || !optim_wants_gradient(opt);
    return goes_on ? optim_step(opt) : status;
}

/* One step, whatever it asks for. */
static void step_through(optim_t *opt) {
    optim_request open = {.size = sizeof open};
    CHECK_OK(optim_request_info(opt, &open));
    fill(opt, open.kind);
    optim_status status = step_begin(opt);
    while (status > 0) {
        fill(opt, status);
        status = optim_step(opt);
    }
    CHECK_OK(status);
}

static void reach(handle_t *h) {
    switch (h->state) {
    case GRADIENT:
    case LOSS:
    case PRODUCT:
    case LOSSES:
    case CONSTRAINTS:
    case CANCELLED:
        CHECK_OK(optim_set_loss(h->opt, 1));
        assert_true(step_begin(h->opt) > 0);
        if (h->state == PRODUCT)
            fill_product(h->opt);
        if (h->state == CANCELLED)
            CHECK_OK(optim_cancel(h->opt));
        break;
    case STEPPED:
    case SWAPPED:
    case FAILED:
    case RESET:
    case SAVING:
        CHECK_OK(step_begin(h->opt));
        break;
    default:
        break;
    }
    if (h->state == SWAPPED || h->state == EARLY)
        CHECK_OK(optim_swap_output(h->opt));
    if (h->state == FAILED) {
        h->g[1] = (double)NAN;
        CHECK_STATUS(step_begin(h->opt), OPTIM_ERR_NONFINITE);
        h->g[1] = 1;
    }
    if (h->state == RESET)
        CHECK_OK(optim_reset(h->opt));
    if (h->state == SAVING)
        CHECK_OK(optim_save_async(h->opt, h->path));
}

static void handle_open(handle_t *h, state_t state, const char *file) {
    *h = (handle_t){NULL, {1, 2, 3}, {1, 0.5, -1}, {4, 5, 6}, "", state, file};
    number_of(method_of(state), h->key, sizeof h->key);
    char *options = check_text("%s=0.25,accumulate=1,nonfinite=error", h->key);
    CHECK_OK(optim_create(&h->opt, method_of(state), options));
    free(options);
    tell_problem(h->opt);
    if (state != NEW)
        CHECK_OK(optim_add_param(h->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, h->x, h->g));
    reach(h);
}

/* Out of the state into the next step, and one more. */
static void go_on(handle_t *h) {
    if (h->state == NEW)
        CHECK_OK(optim_add_param(h->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, h->x, h->g));
    if (h->state == SWAPPED || h->state == EARLY)
        CHECK_OK(optim_swap_output(h->opt));
    if (h->state == SAVING)
        CHECK_OK(optim_save_wait(h->opt));
    step_through(h->opt);
    step_through(h->opt);
}

/* ---- Calls ---- */

static int add_group(handle_t *h) {
    char *options = check_text("%s=1", h->key);
    const int status = optim_add_group(h->opt, options, NULL);
    free(options);
    return status;
}
static int add_param(handle_t *h) {
    return optim_add_param(h->opt, 0, "added", OPTIM_F64, 1, (int64_t[]){N}, h->added, h->g);
}
static int resize(handle_t *h) {
    static const int64_t ALL[N] = {0, 1, 2};
    return optim_resize(h->opt, 0, ALL, N, N, h->x, h->g);
}
static int bind(handle_t *h) {
    return optim_bind(h->opt, 0, h->x, h->g);
}
static int bind_all(handle_t *h) {
    return optim_bind_all(h->opt, NULL, (void *[]){h->g}, 1);
}
static int set_sparse_grad(handle_t *h) {
    const int status = optim_set_sparse_grad(h->opt, 0, 0, NULL, NULL);
    return status == OPTIM_OK ? bind(h) : status;
}
static int describe_param(handle_t *h) {
    optim_param_info info = {.size = sizeof info};
    return optim_describe_param(h->opt, 0, &info);
}
static int active_bounds(handle_t *h) {
    int8_t active[N];
    return optim_active_bounds(h->opt, 0, active);
}
static int param_array(handle_t *h) {
    optim_array array = {.size = sizeof array};
    return optim_param_array(h->opt, 0, 0, &array);
}
static int set_param_steps(handle_t *h) {
    return optim_set_param_steps(h->opt, 0, 2);
}
static int prepare(handle_t *h) {
    return optim_prepare(h->opt);
}
static int group_count(handle_t *h) {
    return (int)optim_group_count(h->opt);
}
static int param_count(handle_t *h) {
    return (int)optim_param_count(h->opt);
}
static int set_grad_dtype(handle_t *h) {
    return optim_set_grad_dtype(h->opt, 0, OPTIM_F32);
}
static int set_bounds(handle_t *h) {
    return optim_set_bounds(h->opt, 0, h->added, NULL);
}
static int set_threads(handle_t *h) {
    return optim_set_threads(h->opt, 2);
}
static int set_comm(handle_t *h) {
    return optim_set_comm(h->opt, NULL);
}
static int exchange(handle_t *h) {
    optim_team_t *team;
    optim_comm alone;
    CHECK_OK(optim_team_create(&team, 1));
    CHECK_OK(optim_comm_team(&alone, team, 0));
    const int status = optim_exchange(h->opt, &alone);
    optim_comm_release(&alone);
    optim_team_destroy(team);
    return status;
}
static int step(handle_t *h) {
    return optim_step(h->opt); /* nothing is accumulated: the answer to a request, or too early */
}
static int update(handle_t *h) {
    double room[N];
    return optim_update(h->opt, (void *[]){room}, 1);
}
static int begin_by_param(handle_t *h) {
    return optim_step_begin(h->opt); /* accumulate=1 */
}
static int step_param(handle_t *h) {
    return optim_step_param(h->opt, 0);
}
static int end_by_param(handle_t *h) {
    return optim_step_end(h->opt);
}
static int step_accumulated(handle_t *h) {
    return step_begin(h->opt);
}
static int set_loss(handle_t *h) {
    return optim_set_loss(h->opt, 1);
}
static int accumulate(handle_t *h) {
    return optim_accumulate(h->opt);
}
static int accumulate_scale(handle_t *h) {
    return optim_accumulate_scale(h->opt, 0.5);
}
static int zero_grad(handle_t *h) {
    return optim_zero_grad(h->opt);
}
static int request_info(handle_t *h) {
    optim_request request = {.size = sizeof request};
    return optim_request_info(h->opt, &request);
}
static int hvp_vector(handle_t *h) {
    const void *direction;
    return optim_hvp_vector(h->opt, 0, &direction);
}
static int hvp_result(handle_t *h) {
    void *product;
    return optim_hvp_result(h->opt, 0, &product);
}
static int freeze(handle_t *h) {
    return optim_freeze(h->opt, 0, 0);
}
static int set_components(handle_t *h) {
    return optim_set_components(h->opt, 3);
}
static int set_constraints(handle_t *h) {
    return optim_set_constraints(h->opt, 1, 1);
}
static int set_input(handle_t *h) {
    return optim_set_input(h->opt, -1, "cost", OPTIM_F64, 1, (int64_t[]){N}, h->added);
}
static int set_losses(handle_t *h) {
    return optim_set_losses(h->opt, h->added, N);
}
static int set_residuals(handle_t *h) {
    return optim_set_residuals(h->opt, 1);
}
static int residual_values(handle_t *h) {
    double *values;
    return optim_residual_values(h->opt, &values);
}
static int jacobian_rows(handle_t *h) {
    double *rows;
    return optim_jacobian_rows(h->opt, 0, &rows);
}
static int jvp_vector(handle_t *h) {
    const void *direction;
    return optim_jvp_vector(h->opt, 0, &direction);
}
static int jvp_result(handle_t *h) {
    double *product;
    return optim_jvp_result(h->opt, &product);
}
static int vjp_vector(handle_t *h) {
    const double *weights;
    return optim_vjp_vector(h->opt, &weights);
}
static int vjp_result(handle_t *h) {
    void *product;
    return optim_vjp_result(h->opt, 0, &product);
}
static int constraint_values(handle_t *h) {
    double *values;
    return optim_constraint_values(h->opt, &values);
}
static int constraint_weights(handle_t *h) {
    const double *weights;
    return optim_constraint_weights(h->opt, &weights);
}
static int cancel(handle_t *h) {
    return optim_cancel(h->opt);
}
static int reset(handle_t *h) {
    return optim_reset(h->opt);
}
static int wants_gradient(handle_t *h) {
    return optim_wants_gradient(h->opt);
}
static int steps(handle_t *h) {
    return (int)optim_steps(h->opt);
}
static int skipped(handle_t *h) {
    return (int)optim_skipped(h->opt);
}
static int set(handle_t *h) {
    return optim_set(h->opt, -1, h->key, 0.5);
}
static int get(handle_t *h) {
    double value;
    return optim_get(h->opt, 0, h->key, &value);
}
static int wrap(handle_t *h) {
    return optim_wrap(h->opt, "ema", NULL);
}
static int wrap_groups(handle_t *h) {
    return optim_wrap_groups(h->opt, "ema", (int[]){0}, 1);
}
static int set_schedule(handle_t *h) {
    return optim_set_schedule(h->opt, 0, h->key, "linear", NULL);
}
static int report(handle_t *h) {
    return optim_report(h->opt, 1);
}
static int schedule_values(handle_t *h) {
    double value;
    return optim_schedule_values(h->opt, 0, h->key, 0, 1, &value);
}
static int record_norms(handle_t *h) {
    static double log[8];
    return optim_record_norms(h->opt, OPTIM_NORM_L1, log, 8);
}
static int recorded(handle_t *h) {
    return (int)optim_recorded(h->opt);
}
static int output(handle_t *h) {
    double values[N];
    return optim_output(h->opt, 0, values);
}
static int swap_output(handle_t *h) {
    return optim_swap_output(h->opt);
}
static int memory(handle_t *h) {
    size_t state, scratch;
    return optim_memory(h->opt, &state, &scratch);
}
static int stop_at_once(void *user, const optim_request *request, double *loss) {
    (void)user;
    (void)request;
    *loss = 0;
    return 1;
}
static int no_product(void *user, const optim_request *request, optim_t *opt) {
    (void)user;
    (void)request;
    (void)opt;
    return 1;
}
static int no_constraints(void *user, const optim_request *request, double *values) {
    (void)user;
    (void)request;
    (void)values;
    return 1;
}
static int minimize(handle_t *h) {
    const optim_problem problem = {sizeof problem, NULL, stop_at_once, NULL, no_product};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    return optim_minimize(h->opt, &problem, &stop, NULL);
}
static int check_gradient(handle_t *h) {
    const optim_problem problem = {.size = sizeof problem, .user = h, .gradient = stop_at_once};
    optim_gradient_check check = {.size = sizeof check};
    return optim_check_gradient(h->opt, &problem, 1, 1, &check);
}
static int minimize_constrained(handle_t *h) {
    const optim_problem problem = {
        .size = sizeof problem, .gradient = stop_at_once, .constraints = no_constraints, .product = no_product};
    const optim_stop stop = {.size = sizeof stop, .gradient_norm = 1e-3};
    optim_constrained constrained = {.size = sizeof constrained};
    return optim_minimize_constrained(h->opt, &problem, &stop, &constrained, NULL);
}
static int save(handle_t *h) {
    return optim_save(h->opt, h->path);
}
static int save_async(handle_t *h) {
    return optim_save_async(h->opt, h->path);
}
static int save_wait(handle_t *h) {
    return optim_save_wait(h->opt);
}
static int snapshot_begin(handle_t *h) {
    return optim_snapshot_begin(h->opt, h->path);
}
static int snapshot_wait(handle_t *h) {
    return optim_snapshot_wait(h->opt);
}
static int load(handle_t *h) {
    return optim_load(h->opt, path);
}
static int load_matching(handle_t *h) {
    optim_load_rules rules = {.size = sizeof rules, .missing = 1};
    return optim_load_matching(h->opt, path, &rules);
}
static int deserialize_matching(handle_t *h) {
    optim_load_rules rules = {.size = sizeof rules, .missing = 1};
    return optim_deserialize_matching(h->opt, saved, saved_size, &rules);
}
static int serialize_numbers(handle_t *h) {
    size_t size;
    return optim_serialize_numbers(h->opt, NULL, 0, &size);
}
static int serialize(handle_t *h) {
    size_t size;
    return optim_serialize(h->opt, NULL, 0, &size);
}
static int deserialize(handle_t *h) {
    return optim_deserialize(h->opt, saved, saved_size);
}
static int destroy(handle_t *h) {
    optim_destroy(h->opt);
    h->opt = NULL;
    return 0;
}

/* ---- The matrix ---- */

/* What a letter stands for; digits are what a function returns that counts. */
static int meaning(char letter) {
    switch (letter) {
    case '.':
        return OPTIM_OK;
    case 'g':
        return OPTIM_EVAL_GRAD;
    case 'A':
        return OPTIM_ERR_ARGUMENT; /* there is no parameter 0 */
    case 'L':
        return OPTIM_ERR_LOSS; /* not handed over */
    case 'M':
        return OPTIM_ERR_MISMATCH; /* the method reads no gradients, or several */
    case 'N':
        return OPTIM_ERR_NAME; /* the method has no such input */
    case 'O':
        return OPTIM_ERR_ORDER;
    case 'R':
        return OPTIM_ERR_OPEN; /* a request is open */
    case 'S':
        return OPTIM_ERR_SWAPPED;
    case 'C':
        return OPTIM_ERR_CLOSED;
    case 'K':
        return OPTIM_ERR_CHECKPOINT; /* of another optimizer */
    default:
        return letter - '0';
    }
}

/* clang-format off */
static const struct {
    const char *function;
    int (*call)(handle_t *h);
    const char *cells;
} MATRIX[] = {
    /*                                     new added stepped gradient loss product losses constraints swapped early failed cancelled reset saving */
    {"optim_add_group", add_group,             "...RRRRRSS...."},
    {"optim_add_param", add_param,             "...RRRRRSS...."},
    {"optim_resize", resize,                   "A..RRRRRSS...."},
    {"optim_bind", bind,                       "A.......SS...."},
    {"optim_bind_all", bind_all,               "A.......SS...."},
    {"optim_set_sparse_grad", set_sparse_grad, "A..RRRRRSS.M.."},
    {"optim_set_grad_dtype", set_grad_dtype,   "A.ORRRRRO.OOOO"},
    {"optim_freeze", freeze,                   "A..RRRRRSS...."},
    {"optim_set_components", set_components,   "...RRRRR......"},
    {"optim_set_constraints", set_constraints, "..OOOOOOO.OOOO"},
    {"optim_set_residuals", set_residuals,     "..OOOOOOO.OOOO"},
    {"optim_set_input", set_input,             "NNNNNNNNNNNNNN"},
    {"optim_set_bounds", set_bounds,           "A..RRRRR......"},
    {"optim_active_bounds", active_bounds,     "A............."},
    {"optim_set_threads", set_threads,         "...RRRRR......"},
    {"optim_set_comm", set_comm,               "...RRRRR......"},
    {"optim_exchange", exchange,               "CCCCCCCCCCCCCC"},
    {"optim_step", step,                       ".OO.L.LOSSOOOO"},
    {"optim_update", update,                   "OOOMMMLMSSOMOO"},
    {"optim_step_begin", begin_by_param,       "MMMRRRRRSSMMMM"},
    {"optim_step_param", step_param,           "CCCCCCCCCCCCCC"},
    {"optim_step_end", end_by_param,           "CCCCCCCCCCCCCC"},
    {"accumulate, step", step_accumulated,     "O...L.LOSS.g.."},
    {"optim_set_loss", set_loss,               ".............."},
    {"optim_accumulate", accumulate,           "O...RRMRSS...."},
    {"optim_accumulate_scale", accumulate_scale, "OOOOOOOOOOOOOO"},
    {"optim_zero_grad", zero_grad,             ".............."},
    {"optim_request_info", request_info,       ".............."},
    {"optim_hvp_vector", hvp_vector,           "ACCCC.CCCCCCCC"},
    {"optim_hvp_result", hvp_result,           "ACCCC.CCCCCCCC"},
    {"optim_set_losses", set_losses,           "CCCCCC.CCCCCCC"},
    {"optim_constraint_values", constraint_values, "CCCCCCC.CCCCCC"},
    {"optim_constraint_weights", constraint_weights, "CCC.C.CCCCCCCC"},
    {"optim_residual_values", residual_values, "CCCCCCCCCCCCCC"},
    {"optim_jacobian_rows", jacobian_rows,     "ACCCCCCCCCCCCC"},
    {"optim_jvp_vector", jvp_vector,           "ACCCCCCCCCCCCC"},
    {"optim_jvp_result", jvp_result,           "CCCCCCCCCCCCCC"},
    {"optim_vjp_vector", vjp_vector,           "CCCCCCCCCCCCCC"},
    {"optim_vjp_result", vjp_result,           "ACCCCCCCCCCCCC"},
    {"optim_cancel", cancel,                   "CCC.....CCCCCC"},
    {"optim_reset", reset,                     "...RRRRRSS...."},
    {"optim_wants_gradient", wants_gradient,   "11100000111111"},
    {"optim_steps", steps,                     "00100000101001"},
    {"optim_skipped", skipped,                 "00000000000000"},
    {"optim_set", set,                         "...RRRRR......"},
    {"optim_get", get,                         ".............."},
    {"optim_wrap", wrap,                       "...RRRRRSS...."},
    {"optim_wrap_groups", wrap_groups,         "NNOOOOOOONOOOO"},
    {"optim_set_schedule", set_schedule,       "...RRRRR......"},
    {"optim_report", report,                   "OO.RRRRR.O.OO."},
    {"optim_schedule_values", schedule_values, ".............."},
    {"optim_record_norms", record_norms,       "...RRRRR......"},
    {"optim_recorded", recorded,               "00000000000000"},
    {"optim_output", output,                   "A..RRRRR......"},
    {"optim_swap_output", swap_output,         "...RRRRR......"},
    {"optim_memory", memory,                   ".............."},
    {"optim_group_count", group_count,         "11111111111111"},
    {"optim_param_count", param_count,         "01111111111111"},
    {"optim_describe_param", describe_param,   "A............."},
    {"optim_param_array", param_array,         "A..RRRRRSS...."},
    {"optim_set_param_steps", set_param_steps, "AO.RRRRRSS...."},
    {"optim_prepare", prepare,                 "O..RRRRRSS...."},
    {"optim_minimize", minimize,               "O..RRRRRSS...."},
    {"optim_check_gradient", check_gradient,   "O..RRRRRSS...."},
    {"optim_minimize_constrained", minimize_constrained, "O..RRRRRSS...."},
    {"optim_save", save,                       "...RRRRRSS...."},
    {"optim_save_async", save_async,           "...RRRRRSS...."},
    {"optim_save_wait", save_wait,             ".............."},
    {"optim_snapshot_begin", snapshot_begin,   "...RRRRRSS...."},
    {"optim_snapshot_wait", snapshot_wait,     ".............."},
    {"optim_load", load,                       "K..RRRRRSS.K.."},
    {"optim_load_matching", load_matching,     "K.ORRRRROSOOOO"},
    {"optim_serialize", serialize,             "...RRRRRSS...."},
    {"optim_serialize_numbers", serialize_numbers, "...RRRRRSS...."},
    {"optim_deserialize", deserialize,         "K..RRRRRSS.K.."},
    {"optim_deserialize_matching", deserialize_matching, "K.ORRRRROSOOOO"},
    {"optim_destroy", destroy,                 ".............."},
};
/* clang-format on */
enum { CALLS = sizeof MATRIX / sizeof *MATRIX };

/* What was refused has left no trace: the handle goes on as one on which nothing was tried. */
static void check_untouched(handle_t *h) {
    handle_t twin;
    handle_open(&twin, h->state, twin_path);
    assert_memory_equal(h->x, twin.x, sizeof h->x);
    go_on(h);
    go_on(&twin);
    assert_memory_equal(h->x, twin.x, sizeof h->x);
    optim_destroy(twin.opt);
}

/* What was done leaves a handle that can be brought to rest and goes on. */
static void check_usable(handle_t *h) {
    (void)optim_save_wait(h->opt);
    (void)optim_cancel(h->opt);
    if (h->state == NEW && add_param(h) == OPTIM_ERR_SWAPPED) {
        CHECK_OK(optim_swap_output(h->opt));
        CHECK_OK(add_param(h));
    }
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(h->opt, &request));
    assert_int_equal(request.kind, 0);
    CHECK_OK(optim_set_loss(h->opt, 1));
    if (step_begin(h->opt) == OPTIM_ERR_SWAPPED)
        CHECK_OK(optim_swap_output(h->opt));
    (void)optim_cancel(h->opt);
    step_through(h->opt);
    for (int k = 0; k < N; ++k)
        assert_true(isfinite(h->x[k]) && isfinite(h->added[k]));
}

static void run_cell(int call, state_t state) {
    handle_t h;
    handle_open(&h, state, one_path);
    const int expected = meaning(MATRIX[call].cells[state]), got = MATRIX[call].call(&h);
    if (got != expected)
        fail_msg("%s in state %d returns %d, not %d; the library says \"%s\"", MATRIX[call].function, (int)state, got,
                 expected, optim_error());
    if (got < 0 && strlen(optim_error()) < 20)
        fail_msg("%s in state %d gives no sentence: \"%s\"", MATRIX[call].function, (int)state, optim_error());
    if (got < 0)
        check_untouched(&h);
    else if (h.opt != NULL)
        check_usable(&h);
    optim_destroy(h.opt);
}

static void test_every_state(void **unused) {
    (void)unused;
    int cells = 0;
    for (int call = 0; call < CALLS; ++call) {
        assert_int_equal(strlen(MATRIX[call].cells), STATES);
        for (state_t state = NEW; state < STATES; ++state, ++cells)
            run_cell(call, state);
    }
    print_message("%d cells\n", cells);
}

/* Every function of the header that is given a handle has its row. */
static void test_every_call(void **unused) {
    (void)unused;
    header_t *header = header_read();
    for (int i = 0; i < header->functions; ++i) {
        const char *parameters = header->parameters[i];
        bool has = strncmp(parameters, "(optim_t *opt", 13) != 0 && strncmp(parameters, "(const optim_t *opt", 19) != 0;
        for (int call = 0; call < CALLS && !has; ++call)
            has = strcmp(MATRIX[call].function, header->name[i]) == 0;
        if (!has)
            fail_msg("%s is not in the matrix", header->name[i]);
    }
    header_free(header);
}

/* A callback that adds to the handle it is called from. */
static int add_in_callback(void *user, const optim_request *request, double *loss) {
    handle_t *h = user;
    (void)request;
    *loss = 0;
    CHECK_STATUS(add_param(h), OPTIM_ERR_ORDER);
    CHECK_STATUS(add_group(h), OPTIM_ERR_ORDER);
    CHECK_STATUS(wrap(h), OPTIM_ERR_ORDER);
    return 0;
}

static void test_inside_minimize(void **unused) {
    (void)unused;
    handle_t h;
    handle_open(&h, ADDED, one_path);
    const optim_problem problem = {sizeof problem, &h, add_in_callback, NULL, NULL};
    const optim_stop stop = {.size = sizeof stop, .steps = 2, .keep_best = 1};
    CHECK_OK(optim_minimize(h.opt, &problem, &stop, NULL));
    assert_int_equal(optim_steps(h.opt), 2);
    optim_destroy(h.opt);
}

static int make_files(void **unused) {
    (void)unused;
    handle_t h;
    assert_non_null(mkdtemp(folder));
    path = check_text("%s/sgd", folder);
    one_path = check_text("%s/one", folder);
    twin_path = check_text("%s/twin", folder);
    handle_open(&h, STEPPED, one_path);
    CHECK_OK(optim_save(h.opt, path));
    saved = check_serialized(h.opt, &saved_size);
    optim_destroy(h.opt);
    return 0;
}

static int remove_files(void **unused) {
    (void)unused;
    char *const files[] = {path, one_path, twin_path};
    for (int i = 0; i < 3; ++i) {
        (void)unlink(files[i]);
        free(files[i]);
    }
    free(saved);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state),
        cmocka_unit_test(test_every_call),
        cmocka_unit_test(test_inside_minimize),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
