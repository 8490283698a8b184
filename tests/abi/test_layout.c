/* Sizes, positions and numbers that programs have compiled into themselves. A struct that grows at its end gets a new size
 * here, lists gain entries; nothing else in these tables ever changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <optim/advice.h>
#include <optim/optim.h>

typedef struct pinned {
    const char *name;
    long long now, pinned;
} pinned_t;

static void check(const pinned_t *table, size_t count) {
    size_t wrong = 0;
    for (size_t i = 0; i < count; ++i)
        if (table[i].now != table[i].pinned) {
            print_error("%s is %lld and must be %lld\n", table[i].name, table[i].now, table[i].pinned);
            ++wrong;
        }
    assert_int_equal(wrong, 0);
}

#define FIELD(type, field, at)                                                                                         \
    { #type "." #field, (long long)offsetof(type, field), at }
#define SIZE(type, bytes)                                                                                              \
    { "sizeof(" #type ")", (long long)sizeof(type), bytes }
static void structs_keep_their_layout(void **state) {
    (void)state;
    if (sizeof(void *) != 8)
        skip();
    static const pinned_t TABLE[] = {
        SIZE(optim_request, 56),
        SIZE(optim_problem, 64),
        SIZE(optim_progress, 48),
        SIZE(optim_stop, 88),
        SIZE(optim_result, 64),
        SIZE(optim_description, 88),
        SIZE(optim_input_info, 32),
        SIZE(optim_option, 80),
        SIZE(optim_state_info, 48),
        SIZE(optim_bound, 56),
        SIZE(optim_power_line, 40),
        SIZE(optim_mmd, 32),
        SIZE(optim_chains, 40),
        SIZE(optim_job, 48),
        FIELD(optim_bound, size, 0),
        FIELD(optim_bound, distance, 8),
        FIELD(optim_bound, gradients, 16),
        FIELD(optim_bound, last_iterate, 24),
        FIELD(optim_bound, bound, 32),
        FIELD(optim_bound, best_factor, 40),
        FIELD(optim_bound, best_bound, 48),
        FIELD(optim_power_line, size, 0),
        FIELD(optim_power_line, timescale, 8),
        FIELD(optim_power_line, weight_decay, 16),
        FIELD(optim_power_line, optimal_batch, 24),
        FIELD(optim_power_line, critical_batch, 32),
        FIELD(optim_mmd, size, 0),
        FIELD(optim_mmd, difference, 8),
        FIELD(optim_mmd, statistic, 16),
        FIELD(optim_mmd, p, 24),
        FIELD(optim_chains, size, 0),
        FIELD(optim_chains, mean, 8),
        FIELD(optim_chains, deviation, 16),
        FIELD(optim_chains, effective, 24),
        FIELD(optim_chains, r_hat, 32),
        FIELD(optim_job, size, 0),
        FIELD(optim_job, kind, 8),
        FIELD(optim_job, config, 16),
        FIELD(optim_job, bracket, 24),
        FIELD(optim_job, rung, 28),
        FIELD(optim_job, resource, 32),
        FIELD(optim_job, resume, 40),
        FIELD(optim_request, size, 0),
        FIELD(optim_request, kind, 8),
        FIELD(optim_request, sample, 12),
        FIELD(optim_request, objective, 16),
        FIELD(optim_request, needs_loss, 20),
        FIELD(optim_request, component, 24),
        FIELD(optim_request, evaluation, 32),
        FIELD(optim_request, count, 40),
        FIELD(optim_request, roles, 48),
        FIELD(optim_problem, size, 0),
        FIELD(optim_problem, user, 8),
        FIELD(optim_problem, gradient, 16),
        FIELD(optim_problem, loss, 24),
        FIELD(optim_problem, product, 32),
        FIELD(optim_problem, component, 40),
        FIELD(optim_problem, losses, 48),
        FIELD(optim_problem, constraints, 56),
        FIELD(optim_progress, size, 0),
        FIELD(optim_progress, step, 8),
        FIELD(optim_progress, evaluations, 16),
        FIELD(optim_progress, loss, 24),
        FIELD(optim_progress, gradient_norm, 32),
        FIELD(optim_progress, seconds, 40),
        FIELD(optim_stop, size, 0),
        FIELD(optim_stop, steps, 8),
        FIELD(optim_stop, evaluations, 16),
        FIELD(optim_stop, seconds, 24),
        FIELD(optim_stop, gradient_norm, 32),
        FIELD(optim_stop, loss_change, 40),
        FIELD(optim_stop, loss_change_steps, 48),
        FIELD(optim_stop, loss_target, 56),
        FIELD(optim_stop, has_loss_target, 64),
        FIELD(optim_stop, keep_best, 68),
        FIELD(optim_stop, user, 72),
        FIELD(optim_stop, progress, 80),
        FIELD(optim_result, size, 0),
        FIELD(optim_result, reason, 8),
        FIELD(optim_result, callback, 12),
        FIELD(optim_result, steps, 16),
        FIELD(optim_result, evaluations, 24),
        FIELD(optim_result, loss, 32),
        FIELD(optim_result, best_loss, 40),
        FIELD(optim_result, gradient_norm, 48),
        FIELD(optim_result, seconds, 56),
        FIELD(optim_description, size, 0),
        FIELD(optim_description, name, 8),
        FIELD(optim_description, purpose, 16),
        FIELD(optim_description, citation, 24),
        FIELD(optim_description, evaluations, 32),
        FIELD(optim_description, needs, 40),
        FIELD(optim_description, can, 44),
        FIELD(optim_description, options, 48),
        FIELD(optim_description, states, 56),
        FIELD(optim_description, family, 64),
        FIELD(optim_description, roles, 72),
        FIELD(optim_description, inputs, 80),
        FIELD(optim_input_info, size, 0),
        FIELD(optim_input_info, name, 8),
        FIELD(optim_input_info, meaning, 16),
        FIELD(optim_input_info, of_parameter, 24),
        FIELD(optim_input_info, optional, 28),
        FIELD(optim_option, size, 0),
        FIELD(optim_option, name, 8),
        FIELD(optim_option, range, 16),
        FIELD(optim_option, meaning, 24),
        FIELD(optim_option, default_value, 32),
        FIELD(optim_option, kind, 40),
        FIELD(optim_option, lowest, 48),
        FIELD(optim_option, highest, 56),
        FIELD(optim_option, lowest_open, 64),
        FIELD(optim_option, highest_open, 68),
        FIELD(optim_option, default_entry, 72),
        FIELD(optim_state_info, size, 0),
        FIELD(optim_state_info, name, 8),
        FIELD(optim_state_info, meaning, 16),
        FIELD(optim_state_info, shape, 24),
        FIELD(optim_state_info, condition, 32),
        FIELD(optim_state_info, bytes_per_parameter, 40),
    };
    check(TABLE, sizeof TABLE / sizeof *TABLE);
}

#define VALUE(name, value)                                                                                             \
    { #name, name, value }
static void constants_keep_their_values(void **state) {
    (void)state;
    static const pinned_t TABLE[] = {
        VALUE(OPTIM_OK, 0),
        VALUE(OPTIM_EVAL_GRAD, 1),
        VALUE(OPTIM_EVAL_LOSS, 2),
        VALUE(OPTIM_EVAL_HVP, 3),
        VALUE(OPTIM_EVAL_LOSSES, 4),
        VALUE(OPTIM_EVAL_CONSTRAINTS, 5),
        VALUE(OPTIM_EXCHANGE, 6),
        VALUE(OPTIM_ERR_NULL, -10),
        VALUE(OPTIM_ERR_ARGUMENT, -11),
        VALUE(OPTIM_ERR_NAME, -12),
        VALUE(OPTIM_ERR_OPTION, -13),
        VALUE(OPTIM_ERR_VALUE, -14),
        VALUE(OPTIM_ERR_DUPLICATE, -15),
        VALUE(OPTIM_ERR_SHAPE, -16),
        VALUE(OPTIM_ERR_MISMATCH, -17),
        VALUE(OPTIM_ERR_ORDER, -20),
        VALUE(OPTIM_ERR_OPEN, -21),
        VALUE(OPTIM_ERR_SWAPPED, -22),
        VALUE(OPTIM_ERR_CLOSED, -23),
        VALUE(OPTIM_ERR_LOSS, -24),
        VALUE(OPTIM_ERR_NONFINITE, -30),
        VALUE(OPTIM_ERR_DOMAIN, -31),
        VALUE(OPTIM_ERR_LINE_SEARCH, -32),
        VALUE(OPTIM_ERR_NOMEM, -40),
        VALUE(OPTIM_ERR_SIZE, -41),
        VALUE(OPTIM_ERR_MISSING, -42),
        VALUE(OPTIM_ERR_IO, -50),
        VALUE(OPTIM_ERR_FORMAT, -51),
        VALUE(OPTIM_ERR_CHECKPOINT, -52),
        VALUE(OPTIM_F32, 0),
        VALUE(OPTIM_F64, 1),
        VALUE(OPTIM_BF16, 2),
        VALUE(OPTIM_F16, 3),
        VALUE(OPTIM_SAMPLE_SAME, 0),
        VALUE(OPTIM_SAMPLE_FRESH, 1),
        VALUE(OPTIM_SAMPLE_FULL, 2),
        VALUE(OPTIM_SAMPLE_MODEL, 3),
        VALUE(OPTIM_NORM_NONE, 0),
        VALUE(OPTIM_NORM_L1, 1),
        VALUE(OPTIM_NORM_L2, 2),
        VALUE(OPTIM_STOP_NONE, 0),
        VALUE(OPTIM_STOP_STEPS, 1),
        VALUE(OPTIM_STOP_EVALUATIONS, 2),
        VALUE(OPTIM_STOP_SECONDS, 3),
        VALUE(OPTIM_STOP_GRADIENT_NORM, 4),
        VALUE(OPTIM_STOP_LOSS_CHANGE, 5),
        VALUE(OPTIM_STOP_LOSS_TARGET, 6),
        VALUE(OPTIM_STOP_CALLBACK, 7),
        VALUE(OPTIM_STOP_LINE_SEARCH, 8),
        VALUE(OPTIM_STOP_NONFINITE, 9),
        VALUE(OPTIM_STOP_STALLED, 10),
        VALUE(OPTIM_ALGORITHM, 0),
        VALUE(OPTIM_WRAPPER, 1),
        VALUE(OPTIM_SCHEDULE, 2),
        VALUE(OPTIM_ENGINE, 3),
        VALUE(OPTIM_MAP, 4),
        VALUE(OPTIM_COMPRESSOR, 5),
        VALUE(OPTIM_NEEDS_GRADIENT, 1),
        VALUE(OPTIM_NEEDS_LOSS, 2),
        VALUE(OPTIM_NEEDS_MORE_GRADIENTS, 4),
        VALUE(OPTIM_NEEDS_PRODUCTS, 8),
        VALUE(OPTIM_NEEDS_COMPONENTS, 16),
        VALUE(OPTIM_NEEDS_LOSSES, 32),
        VALUE(OPTIM_NEEDS_CONSTRAINTS, 64),
        VALUE(OPTIM_NEEDS_INPUTS, 128),
        VALUE(OPTIM_NEEDS_PARTICLES, 256),
        VALUE(OPTIM_CAN_SPLIT, 1),
        VALUE(OPTIM_CAN_MIX, 2),
        VALUE(OPTIM_HAS_OUTPUT, 4),
        VALUE(OPTIM_KIND_NUMBER, 1),
        VALUE(OPTIM_KIND_INTEGER, 2),
        VALUE(OPTIM_KIND_SWITCH, 3),
        VALUE(OPTIM_KIND_KEYWORD, 4),
        VALUE(OPTIM_KIND_LIST, 5),
        VALUE(OPTIM_KIND_ENTRIES, 6),
        VALUE(OPTIM_KIND_ENTRY, 7),
        VALUE(OPTIM_KIND_WORD, 8),
    };
    check(TABLE, sizeof TABLE / sizeof *TABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_keep_their_layout),
        cmocka_unit_test(constants_keep_their_values),
    };
    return cmocka_run_group_tests_name("abi layout", tests, NULL, NULL);
}
