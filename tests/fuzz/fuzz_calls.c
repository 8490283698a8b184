/*
 * Sequences of calls on up to three handles, decoded from bytes: every method, wrapper and schedule of the registry with any
 * options, small tensors of all dtypes at any alignment, calls out of order and with wrong arguments. Whatever comes:
 *
 *   - a status is one that the header lists for the call, and an error has a sentence;
 *   - a call that fails changes neither parameters nor counters nor the state that optim_serialize shows, and an error
 *     inside a step goes back to where it began;
 *   - optim_cancel, and optim_swap_output the second time, restore the parameters bit for bit;
 *   - a parameter that is frozen is left alone by steps;
 *   - between begin and end of a step, and while the output is swapped in, saving, loading and the like are refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alone.h"
#include "element.h"
#include "entries.h"
#include "optim/advice.h"
#include "player.h"

enum { PLAYERS = 3, SLOTS = 2, MOST_CALLS = 64, ANSWERS = 12 };

typedef struct game {
    bytes_t bytes;
    player_t player[PLAYERS];
    saved_t slot[SLOTS];
} game_t;

#define OF(...)                                                                                                        \
    (const optim_status[]) {                                                                                           \
        OPTIM_OK, OPTIM_ERR_NULL, __VA_ARGS__                                                                          \
    }
#define COUNT(...) (sizeof OF(__VA_ARGS__) / sizeof(optim_status))
/* The call is followed by its checks: statuses besides OK and NULL, and that a failure changed nothing. */
#define CALL(player, call, ...) called(player, #call, call, &before, OF(__VA_ARGS__), COUNT(__VA_ARGS__))

static optim_status called(const player_t *player, const char *call, optim_status status, before_t *before,
                           const optim_status *allowed, size_t count) {
    fuzz_check_status(call, status, allowed, count);
    if (player->opt == NULL && status != OPTIM_ERR_NULL)
        fuzz_fail("%s returned %d without a handle", call, status);
    if (status < 0 && player->opt != NULL)
        before_check(before, player, call, true);
    return status;
}

/* ---- Making ---- */

static const entry_t *any_entry(int kind, bytes_t *bytes) {
    size_t count;
    const entry_t *entries = entries_of(kind, &count);
    return &entries[bytes_below(bytes, count)];
}

/* What some methods must be told: components, constraints, a group of the second role. */
static void tell_problem(player_t *player, const entry_t *entry) {
    double split;
    (void)optim_set_threads(player->opt, 1);
    if (optim_set_components(player->opt, PLAYER_COMPONENTS) != OPTIM_OK ||
        optim_set_constraints(player->opt, 1, 1) != OPTIM_OK || optim_set_residuals(player->opt, 1) != OPTIM_OK)
        fuzz_fail("components, constraints or residuals are refused");
    player->constraints = 2;
    player->particles = (entry->needs & OPTIM_NEEDS_PARTICLES) != 0;
    if (*entry->roles != '\0' && optim_get(player->opt, 0, "split", &split) != OPTIM_OK &&
        optim_add_group(player->opt, "role=y", NULL) == OPTIM_OK)
        ++player->groups;
}

static void create(player_t *player, bytes_t *bytes) {
    const entry_t *entry = any_entry(OPTIM_ALGORITHM, bytes);
    char *options = entry_text(entry, bytes);
    player_end(player);
    const optim_status status = optim_create(&player->opt, entry->name, options);
    fuzz_check_status("optim_create", status,
                      OF(OPTIM_ERR_NAME, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE, OPTIM_ERR_DUPLICATE), COUNT(1, 2, 3, 4));
    if ((status == OPTIM_OK) != (player->opt != NULL))
        fuzz_fail("optim_create returned %d and another kind of handle", status);
    player->groups = 1;
    if (player->opt != NULL)
        tell_problem(player, entry);
    free(options);
}

static void add_group(player_t *player, bytes_t *bytes, before_t before) {
    const entry_t *entry = any_entry(OPTIM_ALGORITHM, bytes);
    const uint8_t how = bytes_one(bytes);
    char *options = entry_text(entry, bytes), *text = fuzz_memory(strlen(options) + strlen(entry->name) + 30);
    (void)sprintf(text, "%s%s%s%s%s", how % 2 == 0 ? "algorithm=" : "role=", how % 2 == 0 ? entry->name : "y",
                  how % 8 == 4 ? ",role=y" : "", *options == '\0' ? "" : ",", options);
    int group = -1;
    if (CALL(player, optim_add_group(player->opt, how % 2 == 0 || how % 8 == 7 ? text : options, &group),
             OPTIM_ERR_NAME, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE, OPTIM_ERR_DUPLICATE, OPTIM_ERR_MISMATCH,
             OPTIM_ERR_ORDER, OPTIM_ERR_SIZE, OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED, OPTIM_ERR_NOMEM) == OPTIM_OK &&
        group != player->groups++)
        fuzz_fail("the new group is number %d", group);
    free(options);
    free(text);
}

static void add_param(player_t *player, bytes_t *bytes, before_t before) {
    int64_t dims[PLAYER_DIMS];
    const int drawn = (int)bytes_below(bytes, PLAYER_DIMS + 1), ndim = player->particles && drawn == 0 ? 1 : drawn;
    const uint8_t odd = bytes_one(bytes);
    const optim_dtype dtype = odd == 255 ? 7 : odd % 4;
    size_t count = 1;
    for (int i = 0; i < ndim; ++i) {
        const uint8_t dim = i < drawn ? bytes_one(bytes) : 0;
        dims[i] = dim == 255 ? -1 : dim == 254 ? INT64_MAX : dim % 5;
        if (i == 0 && player->particles && dim < 240)
            dims[i] = PLAYER_COMPONENTS;
        count *= dims[i] < 0 || dims[i] > 4 ? 1 : (size_t)dims[i];
    }
    char name[] = "a";
    name[0] = (char)(odd == 77 ? 0xFF : 'a' + (int)bytes_below(bytes, 8)); /* not UTF-8: cannot be saved */
    const bool full = player->params == PLAYER_PARAMS;
    param_t param = param_new(odd % 4, odd % 4, count, bytes_below(bytes, 4));
    const int group = (int)bytes_below(bytes, 4) - (odd > 200), n = odd > 240 ? ndim - 5 : ndim;
    if (!full && CALL(player,
                      optim_add_param(player->opt, group, odd % 8 == 7 ? NULL : name, dtype, n, dims,
                                      param_data(&param), odd % 16 == 9 ? NULL : param_grad(&param)),
                      OPTIM_ERR_ARGUMENT, OPTIM_ERR_DUPLICATE, OPTIM_ERR_SHAPE, OPTIM_ERR_MISMATCH, OPTIM_ERR_ORDER,
                      OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED, OPTIM_ERR_SIZE, OPTIM_ERR_NOMEM) == OPTIM_OK) {
        if (odd % 16 == 9) {
            free(param.grad_block);
            param.grad_block = NULL;
        }
        player->param[player->params++] = param;
        return;
    }
    param_free(&param);
}

static void wrap(player_t *player, bytes_t *bytes, before_t before) {
    const entry_t *entry = any_entry(OPTIM_WRAPPER, bytes);
    char *options = entry_text(entry, bytes);
    (void)CALL(player, optim_wrap(player->opt, entry->name, options), OPTIM_ERR_NAME, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE,
               OPTIM_ERR_DUPLICATE, OPTIM_ERR_MISMATCH, OPTIM_ERR_ORDER, OPTIM_ERR_SIZE, OPTIM_ERR_OPEN,
               OPTIM_ERR_SWAPPED, OPTIM_ERR_NOMEM);
    free(options);
}

/* ---- Options and schedules ---- */

static const char *any_key(bytes_t *bytes) {
    static const char *const KEYS[] = {"lr",          "beta1", "momentum",    "weight_decay", "clip_norm", "seed",
                                       "grad_scale",  "eps",   "nonfinite",   "sam.rho",      "decay",     "nope",
                                       "state_dtype", "k",     "loss_scale",  "maximize",     "zero_grad", "amsgrad",
                                       "accumulate",  "d",     "engine.seed", "history",      "warmup",    ""};
    return KEYS[bytes_below(bytes, sizeof KEYS / sizeof *KEYS)];
}

static double any_value(bytes_t *bytes) {
    static const double VALUES[] = {0,     1,        2,         0.5,         0.9,   1e-3, 3,     -1,
                                    1e300, INFINITY, -INFINITY, (double)NAN, 0.999, 1e-9, 0.125, 100};
    return VALUES[bytes_below(bytes, sizeof VALUES / sizeof *VALUES)];
}

static void set(player_t *player, bytes_t *bytes, before_t before) {
    const char *key = any_key(bytes);
    const double value = any_value(bytes);
    const int group = (int)bytes_below(bytes, 5) - 2;
    double got = -7;
    if (CALL(player, optim_set(player->opt, group, key, value), OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE,
             OPTIM_ERR_ORDER, OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED, OPTIM_ERR_MISMATCH, OPTIM_ERR_NOMEM) != OPTIM_OK)
        return;
    if (optim_get(player->opt, group, key, &got) != OPTIM_OK || isnan(value))
        fuzz_fail("%s of group %d was set to %g and cannot be read", key, group, value);
}

static void get(player_t *player, bytes_t *bytes, before_t before) {
    double values[3];
    const char *key = any_key(bytes);
    const int group = (int)bytes_below(bytes, 5) - 2;
    (void)CALL(player, optim_get(player->opt, group, key, values), OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPTION,
               OPTIM_ERR_VALUE);
    (void)CALL(player, optim_schedule_values(player->opt, group, key, (int64_t)bytes_below(bytes, 9) - 1, 3, values),
               OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE);
}

static void schedule(player_t *player, bytes_t *bytes, before_t before) {
    const entry_t *entry = any_entry(OPTIM_SCHEDULE, bytes);
    char *options = entry_text(entry, bytes);
    static const char *const NESTED[] = {"children=constant;cosine(steps=5)", "milestones=1;3", "norms=1;2;3",
                                         "factors=1"};
    const uint8_t which = bytes_one(bytes);
    const char *text = which % 3 == 0 ? NESTED[which / 3 % 4] : options;
    (void)CALL(player,
               optim_set_schedule(player->opt, (int)bytes_below(bytes, 5) - 2, any_key(bytes),
                                  which == 255 ? NULL : entry->name, text),
               OPTIM_ERR_ARGUMENT, OPTIM_ERR_NAME, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE, OPTIM_ERR_DUPLICATE,
               OPTIM_ERR_OPEN, OPTIM_ERR_NOMEM);
    free(options);
}

static void report(player_t *player, bytes_t *bytes, before_t before) {
    (void)CALL(player, optim_report(player->opt, any_value(bytes)), OPTIM_ERR_OPEN, OPTIM_ERR_ORDER);
}

/* ---- Steps ---- */

static void remember(player_t *player) {
    saved_free(&player->begin);
    free(player->begin_values);
    player->begin = saved_make(player->opt);
    player->begin_values = player_values(player);
}

/* Parameters, and where it can be seen and is promised the state, as when the step began. */
static void check_undone(const player_t *player, const char *what) {
    saved_t now = saved_make(player->opt);
    if (!player_has_values(player, player->begin_values))
        fuzz_fail("%s: the parameters are not as before the step", what);
    const bool promised = saved_planned(&player->begin) && !player->accumulated && !saved_forms_anew(&player->begin);
    if (promised && !saved_same(&player->begin, &now))
        fuzz_fail("%s: the state is not as before the step:\n%.*s\n%.*s", what, (int)player->begin.size,
                  player->begin.bytes == NULL ? "" : player->begin.bytes + 8, (int)now.size,
                  now.bytes == NULL ? "" : now.bytes + 8);
    saved_free(&now);
}

static void step_once(player_t *player) {
    const bool was_open = player->open != OPTIM_OK;
    const int64_t steps = optim_steps(player->opt), skipped = optim_skipped(player->opt);
    unsigned char *values = player_values(player);
    if (!was_open && !player->swapped)
        remember(player);
    const optim_status status = alone_step(player->opt);
    fuzz_check_status("optim_step", status,
                      OF(OPTIM_EVAL_GRAD, OPTIM_EVAL_LOSS, OPTIM_EVAL_HVP, OPTIM_EVAL_LOSSES, OPTIM_EVAL_CONSTRAINTS,
                         OPTIM_EVAL_RESIDUALS, OPTIM_EVAL_JACOBIAN, OPTIM_EVAL_JVP, OPTIM_EVAL_VJP, OPTIM_ERR_ORDER,
                         OPTIM_ERR_SWAPPED, OPTIM_ERR_LOSS, OPTIM_ERR_SHAPE, OPTIM_ERR_MISMATCH, OPTIM_ERR_NONFINITE,
                         OPTIM_ERR_DOMAIN, OPTIM_ERR_LINE_SEARCH, OPTIM_ERR_NOMEM, OPTIM_ERR_SIZE, OPTIM_ERR_VALUE),
                      COUNT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20));
    const int64_t done = optim_steps(player->opt) - steps + optim_skipped(player->opt) - skipped;
    const bool counts = status == OPTIM_OK && player->params > 0; /* picard completes several at once */
    if (counts ? done < 1 : done != 0)
        fuzz_fail("optim_step returned %d and counted %d steps", status, (int)done);
    if (!player->swapped)
        player_check_frozen(player, player->begin_values);
    if (player->swapped && status != OPTIM_ERR_SWAPPED)
        fuzz_fail("a step while swapped returned %d", status);
    if (status == OPTIM_ERR_LOSS || status == OPTIM_ERR_SWAPPED || status == OPTIM_ERR_ORDER) {
        if (!player_has_values(player, values))
            fuzz_fail("a step was refused (%d) and moved", status);
    } else {
        if (status < 0)
            check_undone(player, "a step failed");
        player->open = status > 0 ? status : OPTIM_OK;
        player->accumulated = false;
    }
    free(values);
}

/* Of one residual: its value, or its derivative by the first element of every parameter. */
static void square(player_t *player, uint8_t pattern) {
    double *values = NULL;
    if (optim_residual_values(player->opt, &values) == OPTIM_OK)
        *values = (double)pattern / 16 - 4;
    if (optim_jvp_result(player->opt, &values) == OPTIM_OK)
        *values = (double)pattern / 64 - 1;
    void *product = NULL;
    for (int i = 0; optim_vjp_result(player->opt, i, &product) == OPTIM_OK; ++i)
        if (product != NULL)
            *(float *)product = (float)pattern / 32 - 4;
    for (int i = 0; optim_jacobian_rows(player->opt, i, &values) == OPTIM_OK; ++i)
        if (values != NULL)
            *values = 1;
}

static void answer(player_t *player, uint8_t pattern) {
    const bool answers = pattern % 16 != 9;
    if (player->open == OPTIM_EVAL_HVP && answers)
        player_multiply(player, pattern);
    else if (player->open == OPTIM_EVAL_LOSSES && answers)
        player_compare(player, pattern);
    else if (player->open == OPTIM_EVAL_CONSTRAINTS && answers)
        player_constrain(player, pattern);
    else if ((player->open == OPTIM_EVAL_RESIDUALS || player->open == OPTIM_EVAL_JACOBIAN ||
              player->open == OPTIM_EVAL_JVP || player->open == OPTIM_EVAL_VJP) &&
             answers)
        square(player, pattern);
    else
        player_evaluate(player, pattern, pattern % 16 == 15);
}

/* A step from beginning to end, or as far as the bytes go; with evaluations as they say. */
static void step(player_t *player, bytes_t *bytes, before_t before) {
    if (player->opt == NULL) {
        (void)CALL(player, optim_step(player->opt), OPTIM_ERR_ORDER);
        return;
    }
    const size_t answers = bytes_below(bytes, ANSWERS);
    for (size_t i = 0; i <= answers; ++i) {
        answer(player, bytes_one(bytes));
        step_once(player);
        if (player->open == OPTIM_OK)
            break;
    }
}

static void accumulate(player_t *player, bytes_t *bytes, before_t before) {
    if (player->opt != NULL)
        player_evaluate(player, bytes_one(bytes), false);
    const optim_status status = optim_accumulate(player->opt);
    fuzz_check_status("optim_accumulate", status,
                      OF(OPTIM_ERR_ORDER, OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED, OPTIM_ERR_LOSS, OPTIM_ERR_SHAPE,
                         OPTIM_ERR_MISMATCH, OPTIM_ERR_NOMEM, OPTIM_ERR_SIZE),
                      COUNT(1, 2, 3, 4, 5, 6, 7, 8));
    if (player->opt != NULL)
        before_check(&before, player, "optim_accumulate", status < 0 && saved_planned(&before.state));
    player->accumulated = player->accumulated || status == OPTIM_OK;
}

static void cancel(player_t *player, bytes_t *bytes, before_t before) {
    (void)bytes;
    if (CALL(player, optim_cancel(player->opt), OPTIM_ERR_CLOSED) != OPTIM_OK)
        return;
    if (player->open == OPTIM_OK)
        fuzz_fail("a step that was not open was cancelled");
    player->open = OPTIM_OK;
    check_undone(player, "a step was cancelled");
    player->accumulated = false;
}

static void reset(player_t *player, bytes_t *bytes, before_t before) {
    (void)bytes;
    if (CALL(player, optim_reset(player->opt), OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED) == OPTIM_OK &&
        (optim_steps(player->opt) != 0 || optim_skipped(player->opt) != 0))
        fuzz_fail("reset, and still steps");
}

/* ---- The answer ---- */

static void output(player_t *player, bytes_t *bytes, before_t before) {
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1;
    const bool exists = param >= 0 && param < player->params;
    const size_t size = exists ? param_bytes(&player->param[param]) : 0;
    unsigned char *values = fuzz_memory(size);
    const optim_status status =
        CALL(player, optim_output(player->opt, param, values), OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPEN);
    if (status == OPTIM_OK && player->swapped && memcmp(values, param_data(&player->param[param]), size) != 0)
        fuzz_fail("the output while swapped is not what the parameters are");
    free(values);
}

static void swap(player_t *player, bytes_t *bytes, before_t before) {
    (void)bytes;
    if (player->opt != NULL && player->open == OPTIM_OK && !player->swapped)
        remember(player);
    if (CALL(player, optim_swap_output(player->opt), OPTIM_ERR_OPEN, OPTIM_ERR_NOMEM) != OPTIM_OK)
        return;
    player->swapped = !player->swapped;
    if (!player->swapped && !player_has_values(player, player->begin_values))
        fuzz_fail("swapped there and back, the parameters are others");
}

/* ---- Buffers ---- */

static void bind(player_t *player, bytes_t *bytes, before_t before) {
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1;
    const uint8_t how = bytes_one(bytes);
    const bool exists = param >= 0 && param < player->params;
    param_t moved = exists ? param_moved(&player->param[param], how % 4, how / 4 % 4 == 0) : param_new(0, 0, 1, 0);
    void *data = how == 255 ? NULL : param_data(&moved);
    const optim_status status = CALL(player, optim_bind(player->opt, param, data, param_grad(&moved)),
                                     OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED);
    if (status != OPTIM_OK) {
        param_free(&moved);
        return;
    }
    param_t *old = &player->param[param];
    moved.lower = old->lower;
    moved.upper = old->upper;
    old->lower = old->upper = NULL;
    param_free(old);
    *old = moved;
}

static void set_grad_dtype(player_t *player, bytes_t *bytes, before_t before) {
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1;
    const optim_dtype dtype = (int)bytes_below(bytes, 6) - 1;
    if (CALL(player, optim_set_grad_dtype(player->opt, param, dtype), OPTIM_ERR_ARGUMENT, OPTIM_ERR_ORDER,
             OPTIM_ERR_OPEN) != OPTIM_OK)
        return;
    param_t *changed = &player->param[param],
            moved = param_moved(changed, changed->misalign, changed->grad_block == NULL);
    param_t wide = param_new(changed->dtype, dtype, changed->count, changed->misalign);
    free(moved.grad_block);
    moved.grad_block = changed->grad_block == NULL ? NULL : wide.grad_block;
    moved.grad_dtype = dtype;
    if (changed->grad_block == NULL)
        free(wide.grad_block);
    free(wide.data_block);
    moved.lower = changed->lower;
    moved.upper = changed->upper;
    if (optim_bind(player->opt, param, param_data(&moved), param_grad(&moved)) != OPTIM_OK) { /* swapped: stay */
        moved.lower = moved.upper = NULL;
        param_free(&moved);
        if (optim_set_grad_dtype(player->opt, param, changed->grad_dtype) != OPTIM_OK)
            fuzz_fail("the gradient's dtype cannot be set back");
        return;
    }
    changed->lower = changed->upper = NULL;
    param_free(changed);
    *changed = moved;
}

static void set_bounds(player_t *player, bytes_t *bytes, before_t before) {
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1;
    const bool exists = param >= 0 && param < player->params;
    const uint8_t how = bytes_one(bytes);
    param_t low = {0}, high = {0};
    if (exists) {
        low = param_moved(&player->param[param], 0, true);
        high = param_moved(&player->param[param], 0, true);
        for (size_t i = 0; i < low.count; ++i) {
            element_write(low.dtype, low.data_block, i, -0.5);
            element_write(high.dtype, high.data_block, i, how % 2 == 0 ? 0.75 : 100);
        }
    }
    if (CALL(player,
             optim_set_bounds(player->opt, param, how / 2 % 2 == 0 ? low.data_block : NULL,
                              how / 4 % 2 == 0 ? high.data_block : NULL),
             OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPEN, OPTIM_ERR_ORDER, OPTIM_ERR_MISMATCH) == OPTIM_OK) {
        free(player->param[param].lower);
        free(player->param[param].upper);
        player->param[param].lower = low.data_block;
        player->param[param].upper = high.data_block;
        return;
    }
    param_free(&low);
    param_free(&high);
}

static void set_threads(player_t *player, bytes_t *bytes, before_t before) {
    (void)CALL(player, optim_set_threads(player->opt, (int)bytes_below(bytes, 4) - 1), OPTIM_ERR_ARGUMENT,
               OPTIM_ERR_OPEN, OPTIM_ERR_NOMEM);
}

/* ---- The problem ---- */

static void set_components(player_t *player, bytes_t *bytes, before_t before) {
    static const int64_t COUNTS[] = {2, 1, 3, 0, -1, (int64_t)1 << 40, ((int64_t)1 << 40) + 1, INT64_MAX};
    (void)CALL(player, optim_set_components(player->opt, COUNTS[bytes_below(bytes, sizeof COUNTS / sizeof *COUNTS)]),
               OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPEN, OPTIM_ERR_ORDER);
}

static void set_constraints(player_t *player, bytes_t *bytes, before_t before) {
    const int64_t equalities = (int64_t)bytes_below(bytes, 5) - 1, inequalities = (int64_t)bytes_below(bytes, 4) - 1;
    if (CALL(player, optim_set_constraints(player->opt, equalities, inequalities), OPTIM_ERR_ARGUMENT,
             OPTIM_ERR_ORDER) == OPTIM_OK)
        player->constraints = (size_t)(equalities + inequalities);
}

static void set_input(player_t *player, bytes_t *bytes, before_t before) {
    static const char *const NAMES[] = {"z", "lam", "beta", "weights", "metric", "sigma", "activations", "nope"};
    const char *name = NAMES[bytes_below(bytes, sizeof NAMES / sizeof *NAMES)];
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1;
    const uint8_t how = bytes_one(bytes);
    const int64_t first = (int64_t)bytes_below(bytes, 5), second = (int64_t)bytes_below(bytes, 5);
    const int64_t dims[9] = {first, second, 1, 1, 1, 1, 1, 1, 1};
    const int ndim = how == 255 ? 9 : how == 254 ? -1 : how % 3;
    const optim_dtype dtype = how == 253 ? 7 : how / 3 % 4;
    const size_t rows = ndim > 0 ? (size_t)first : 1, count = ndim > 1 ? rows * (size_t)second : rows;
    if (player->inputs == PLAYER_INPUTS)
        return;
    param_t lent = param_new(how / 3 % 4, OPTIM_F32, count, how / 12 % 4);
    if (CALL(player,
             optim_set_input(player->opt, param, name, dtype, ndim, dims, how % 16 == 9 ? NULL : param_data(&lent)),
             OPTIM_ERR_ARGUMENT, OPTIM_ERR_NAME, OPTIM_ERR_SHAPE, OPTIM_ERR_SIZE, OPTIM_ERR_NOMEM) == OPTIM_OK) {
        player->input[player->inputs++] = lent.data_block;
        lent.data_block = NULL;
    }
    param_free(&lent);
}

static void freeze(player_t *player, bytes_t *bytes, before_t before) {
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1, frozen = (int)bytes_below(bytes, 4);
    if (CALL(player, optim_freeze(player->opt, param, frozen), OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED) ==
        OPTIM_OK)
        player->param[param].frozen = frozen != 0;
}

/* Answers to requests, mostly to others than what is open. */
static void hand_over(player_t *player, bytes_t *bytes, before_t before) {
    const double losses[4] = {1, any_value(bytes), -1, 0};
    const double *weights = NULL;
    double *values = NULL;
    (void)CALL(player, optim_set_losses(player->opt, losses, bytes_below(bytes, 4)), OPTIM_ERR_CLOSED,
               OPTIM_ERR_ARGUMENT, OPTIM_ERR_NOMEM);
    (void)CALL(player, optim_constraint_values(player->opt, &values), OPTIM_ERR_CLOSED);
    (void)CALL(player, optim_constraint_weights(player->opt, &weights), OPTIM_ERR_CLOSED);
    (void)CALL(player, optim_residual_values(player->opt, &values), OPTIM_ERR_CLOSED);
    (void)CALL(player, optim_jacobian_rows(player->opt, 0, &values), OPTIM_ERR_CLOSED, OPTIM_ERR_ARGUMENT);
    const void *direction = NULL;
    void *product = NULL;
    (void)CALL(player, optim_jvp_vector(player->opt, 0, &direction), OPTIM_ERR_CLOSED, OPTIM_ERR_ARGUMENT);
    (void)CALL(player, optim_jvp_result(player->opt, &values), OPTIM_ERR_CLOSED);
    (void)CALL(player, optim_vjp_vector(player->opt, &weights), OPTIM_ERR_CLOSED);
    (void)CALL(player, optim_vjp_result(player->opt, 0, &product), OPTIM_ERR_CLOSED, OPTIM_ERR_ARGUMENT);
}

/* ---- Checkpoints ---- */

static void save(game_t *game, player_t *player) {
    saved_t *slot = &game->slot[bytes_below(&game->bytes, SLOTS)];
    saved_free(slot);
    *slot = saved_make(player->opt);
    if (slot->status == OPTIM_ERR_VALUE && strstr(optim_error(), "UTF-8") != NULL)
        return;
    const optim_status wanted = player->opt == NULL        ? OPTIM_ERR_NULL
                                : player->open != OPTIM_OK ? OPTIM_ERR_OPEN
                                : player->swapped          ? OPTIM_ERR_SWAPPED
                                                           : OPTIM_OK;
    if (slot->status != wanted)
        fuzz_fail("saving returned %d, not %d", slot->status, wanted);
}

static void load(game_t *game, player_t *player) {
    before_t before = before_take(player);
    const saved_t *slot = &game->slot[bytes_below(&game->bytes, SLOTS)];
    const uint8_t how = bytes_one(&game->bytes);
    const size_t cut = how >= 250 ? 1 : 0, size = slot->size > cut ? slot->size - cut : 0;
    unsigned char *bytes = fuzz_memory(size);
    memcpy(bytes, slot->bytes == NULL ? "" : slot->bytes, size);
    const optim_status status =
        CALL(player, optim_deserialize(player->opt, bytes, size), OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED, OPTIM_ERR_FORMAT,
             OPTIM_ERR_CHECKPOINT, OPTIM_ERR_NOMEM, OPTIM_ERR_SIZE, OPTIM_ERR_SHAPE, OPTIM_ERR_MISMATCH);
    saved_t now = saved_make(player->opt);
    if (status == OPTIM_OK && !player_has_values(player, before.values))
        fuzz_fail("loading changed parameters");
    if (status == OPTIM_OK && now.status != OPTIM_OK)
        fuzz_fail("what was loaded cannot be saved");
    if (status == OPTIM_OK)
        player->accumulated = true; /* perhaps */
    saved_free(&now);
    before_free(&before);
    free(bytes);
}

/* ---- Questions ---- */

static void ask(player_t *player, bytes_t *bytes, before_t before) {
    size_t state, scratch;
    struct {
        optim_request request;
        char tail[8];
    } request = {.tail = {0}};
    request.request.size = bytes_below(bytes, sizeof request + 8);
    request.tail[0] = (char)(bytes_one(bytes) == 255);
    (void)CALL(player, optim_memory(player->opt, &state, &scratch), OPTIM_ERR_ORDER, OPTIM_ERR_SHAPE,
               OPTIM_ERR_MISMATCH, OPTIM_ERR_SIZE, OPTIM_ERR_NOMEM);
    if (request.request.size <= sizeof request)
        (void)CALL(player, optim_request_info(player->opt, &request.request), OPTIM_ERR_ARGUMENT);
    const void *direction = NULL;
    void *product = NULL;
    const int param = (int)bytes_below(bytes, PLAYER_PARAMS + 2) - 1;
    (void)CALL(player, optim_hvp_vector(player->opt, param, &direction), OPTIM_ERR_ARGUMENT, OPTIM_ERR_CLOSED);
    (void)CALL(player, optim_hvp_result(player->opt, param, &product), OPTIM_ERR_ARGUMENT, OPTIM_ERR_CLOSED);
    if (optim_wants_gradient(player->opt) && player->open != OPTIM_OK)
        fuzz_fail("a first gradient is wanted while a request is open");
}

static void record(player_t *player, bytes_t *bytes, before_t before) {
    double *log = fuzz_memory(PLAYER_LOG * sizeof *log);
    if (CALL(player, optim_record_norms(player->opt, (int)bytes_below(bytes, 5) - 1, log, PLAYER_LOG),
             OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPEN) == OPTIM_OK) {
        free(player->log);
        player->log = log;
    } else {
        free(log);
    }
}

static void describe(bytes_t *bytes) {
    const int kind = (int)bytes_below(bytes, 6) - 1;
    const char *name = kind >= 0 && kind < OPTIM_ENGINE ? any_entry(kind, bytes)->name : "engine";
    const size_t i = bytes_below(bytes, 40);
    optim_description description = {.size = sizeof description};
    optim_option option = {.size = sizeof option};
    optim_state_info state = {.size = sizeof state};
    const optim_status whole = optim_describe(kind, name, &description);
    fuzz_check_status("optim_describe", whole, OF(OPTIM_ERR_ARGUMENT, OPTIM_ERR_NAME), COUNT(1, 2));
    const optim_status one = optim_describe_option(kind, name, i, &option);
    fuzz_check_status("optim_describe_option", one, OF(OPTIM_ERR_ARGUMENT, OPTIM_ERR_NAME), COUNT(1, 2));
    const optim_status other = optim_describe_state(kind, name, i, &state);
    fuzz_check_status("optim_describe_state", other, OF(OPTIM_ERR_ARGUMENT, OPTIM_ERR_NAME), COUNT(1, 2));
    if (whole == OPTIM_OK &&
        ((one == OPTIM_OK) != (i < description.options) || (other == OPTIM_OK) != (i < description.states)))
        fuzz_fail("%s has %zu options and %zu states; number %zu: %d, %d", name, description.options,
                  description.states, i, one, other);
}

/* ---- The library's loop ---- */

static int minimize_gradient(void *user, const optim_request *request, double *loss) {
    player_t *player = user;
    (void)request;
    player_evaluate(player, 9, true);
    *loss = 1;
    return 0;
}

static int minimize_product(void *user, const optim_request *request, optim_t *opt) {
    (void)request;
    (void)opt;
    player_multiply(user, 0);
    return 0;
}

static int minimize_losses(void *user, const optim_request *request, double *losses) {
    (void)user;
    for (int64_t i = 0; i < request->count; ++i)
        losses[i] = (double)(request->component + i);
    return 0;
}

static int minimize_constraints(void *user, const optim_request *request, double *values) {
    const player_t *player = user;
    (void)request;
    for (size_t i = 0; i < player->constraints; ++i)
        values[i] = 0.25;
    return 0;
}

static void minimize(player_t *player, bytes_t *bytes, before_t before) {
    const uint8_t how = bytes_one(bytes);
    const optim_problem problem = {.size = how == 255 ? 0 : sizeof problem,
                                   .user = player,
                                   .gradient = how == 254 ? NULL : minimize_gradient,
                                   .product = how % 4 == 0 ? NULL : minimize_product,
                                   .component = how % 8 == 0 ? NULL : minimize_gradient,
                                   .losses = how % 8 == 1 ? NULL : minimize_losses,
                                   .constraints = how % 8 == 2 ? NULL : minimize_constraints};
    const optim_stop stop = {.size = sizeof stop, .steps = how % 3, .evaluations = how % 5 * 4, .keep_best = how % 2};
    optim_result result = {.size = sizeof result};
    const optim_status status = optim_minimize(player->opt, &problem, &stop, &result);
    fuzz_check_status("optim_minimize", status,
                      OF(OPTIM_ERR_ARGUMENT, OPTIM_ERR_VALUE, OPTIM_ERR_OPEN, OPTIM_ERR_SWAPPED, OPTIM_ERR_ORDER,
                         OPTIM_ERR_LOSS, OPTIM_ERR_SHAPE, OPTIM_ERR_MISMATCH, OPTIM_ERR_NONFINITE, OPTIM_ERR_DOMAIN,
                         OPTIM_ERR_LINE_SEARCH, OPTIM_ERR_NOMEM, OPTIM_ERR_SIZE),
                      COUNT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13));
    if (player->opt == NULL)
        return;
    if (status == OPTIM_OK &&
        result.steps != optim_steps(player->opt) + optim_skipped(player->opt) - before.steps - before.skipped)
        fuzz_fail("optim_minimize says %d steps", (int)result.steps);
    player->accumulated = player->accumulated && status != OPTIM_OK;
}

/* ---- Batches ---- */

static void batch(bytes_t *bytes) {
    static const char *const OPTIONS[] = {"max=64",
                                          "test=inner_product,max=8",
                                          "test=orthogonality,max=100,gradients=2",
                                          "test=augmented,max=9,eta=0.5",
                                          "test=coordinate,max=1000,microbatch=4",
                                          "max=0",
                                          "test=norm",
                                          "max=5,size=7"};
    const int64_t counts[] = {(int64_t)bytes_below(bytes, 5), bytes_one(bytes) == 255 ? -1 : 2};
    double gradient[4] = {1, 0.5, -1, (double)NAN};
    const void *const gradients[] = {gradient, gradient + 1};
    optim_batch_t *made;
    const optim_dtype dtype = (int)bytes_below(bytes, 6) - 1;
    const optim_status status =
        optim_batch_create(&made, OPTIONS[bytes_below(bytes, sizeof OPTIONS / sizeof *OPTIONS)], dtype, 2, counts);
    fuzz_check_status("optim_batch_create", status,
                      OF(OPTIM_ERR_ARGUMENT, OPTIM_ERR_OPTION, OPTIM_ERR_VALUE, OPTIM_ERR_DUPLICATE, OPTIM_ERR_SHAPE,
                         OPTIM_ERR_SIZE, OPTIM_ERR_NOMEM),
                      COUNT(1, 2, 3, 4, 5, 6, 7));
    for (size_t calls = bytes_below(bytes, 8); calls > 0; --calls) {
        int64_t size;
        double test;
        gradient[0] = any_value(bytes);
        fuzz_check_status("optim_batch_add", optim_batch_add(made, gradients), OF(OPTIM_ERR_ORDER), COUNT(1));
        fuzz_check_status("optim_batch_test", optim_batch_test(made, calls % 2 == 0 ? "norm" : "augmented", &test),
                          OF(OPTIM_ERR_VALUE, OPTIM_ERR_ORDER, OPTIM_ERR_MISMATCH), COUNT(1, 2, 3));
        if (calls % 3 == 0)
            fuzz_check_status("optim_batch_next", optim_batch_next(made, &size),
                              OF(OPTIM_ERR_ORDER, OPTIM_ERR_NONFINITE), COUNT(1, 2));
    }
    optim_batch_destroy(made);
}

/* ---- The game ---- */

typedef void move_t(player_t *player, bytes_t *bytes, before_t before);

static void play(game_t *game, player_t *player, size_t which) {
    static move_t *const MOVES[] = {
        step,   step, step, add_param,      add_param,  wrap,        set, get,    schedule, accumulate, cancel,   reset,
        output, swap, bind, set_grad_dtype, set_bounds, set_threads, ask, record, minimize, report,     add_group};
    static move_t *const OF_PROBLEM[] = {set_components, set_constraints, set_input, freeze, hand_over};
    enum { MOVE_COUNT = sizeof MOVES / sizeof *MOVES, PROBLEM_COUNT = sizeof OF_PROBLEM / sizeof *OF_PROBLEM };
    if (which >= 240) { /* which the others have no need of: the corpus keeps its meaning */
        before_t before = before_take(player);
        OF_PROBLEM[which % PROBLEM_COUNT](player, &game->bytes, before);
        before_free(&before);
        return;
    }
    switch (which % (MOVE_COUNT + 7)) {
    case MOVE_COUNT:
    case MOVE_COUNT + 1:
        create(player, &game->bytes);
        break;
    case MOVE_COUNT + 2:
        save(game, player);
        break;
    case MOVE_COUNT + 3:
        load(game, player);
        break;
    case MOVE_COUNT + 4:
        describe(&game->bytes);
        break;
    case MOVE_COUNT + 5:
        batch(&game->bytes);
        break;
    case MOVE_COUNT + 6:
        (void)optim_zero_grad(player->opt);
        break;
    default: {
        before_t before = before_take(player);
        MOVES[which % (MOVE_COUNT + 7)](player, &game->bytes, before);
        before_free(&before);
    }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    game_t game = {.bytes = {data, size}};
    create(&game.player[0], &game.bytes); /* so that short inputs reach something */
    for (int call = 0; call < MOST_CALLS && game.bytes.left > 0; ++call) {
        const size_t which = bytes_one(&game.bytes);
        const uint8_t who = bytes_one(&game.bytes);
        play(&game, &game.player[who < 160 ? 0 : who % PLAYERS], which);
    }
    for (int i = 0; i < PLAYERS; ++i)
        player_end(&game.player[i]);
    for (int i = 0; i < SLOTS; ++i)
        saved_free(&game.slot[i]);
    return 0;
}
