#include "script.h"

#include <math.h>

#include "check.h"

typedef enum action { STEP, MICRO_BATCH, SKIPPED, CANCELLED, OPTIONS, FROZEN, THAWED, RESET } action_t;

/* Two micro-batches before a step; the averages of lookahead (every fifth step) are under way at most moments. */
static const action_t SCRIPT[SCRIPT_ACTIONS] = {STEP, STEP,      MICRO_BATCH, MICRO_BATCH, STEP,   SKIPPED,
                                                STEP, CANCELLED, OPTIONS,     STEP,        FROZEN, THAWED,
                                                STEP, RESET,     STEP,        MICRO_BATCH, STEP};

const char *script_name(int action) {
    static const char *const NAMES[] = {[STEP] = "a step",
                                        [MICRO_BATCH] = "a micro-batch",
                                        [SKIPPED] = "a skipped step",
                                        [CANCELLED] = "a cancelled step",
                                        [OPTIONS] = "changed options",
                                        [FROZEN] = "a step with a frozen tensor",
                                        [THAWED] = "a step with it thawed",
                                        [RESET] = "a reset"};
    return action < 0 ? "nothing" : NAMES[SCRIPT[action]];
}

/* Half the rate as it stands, if there is one and its schedule lets it. */
static void change_options(rig_t *rig) {
    double lr;
    if (optim_get(rig->opt, 0, "lr", &lr) == OPTIM_OK)
        (void)optim_set(rig->opt, 0, "lr", 0.5 * lr);
    CHECK_OK(optim_set(rig->opt, -1, "clip_value", 0.75));
    if (optim_memory(rig->opt, NULL, NULL) == OPTIM_ERR_MISMATCH) /* a search wants the gradient as it is */
        CHECK_OK(optim_set(rig->opt, -1, "clip_value", 0));
}

static optim_status skipped_step(rig_t *rig) {
    rig->poison_at = 1;
    rig->poison_value = (double)NAN;
    const optim_status status = rig_step(rig);
    rig->poison_at = 0;
    return status;
}

static optim_status cancelled_step(rig_t *rig) {
    rig->stop_at = 2;
    const optim_status status = rig_step(rig);
    rig->stop_at = 0;
    return status > 0 ? optim_cancel(rig->opt) : status;
}

static optim_status micro_batch(rig_t *rig) {
    if (rig->begins_without_gradient) /* there is nothing to add up */
        return OPTIM_OK;
    rig_evaluate(rig);
    return optim_accumulate(rig->opt);
}

/* A metric that neither falls nor rises, for the schedules that read one. */
static void report(const rig_t *rig, int action) {
    if (optim_steps(rig->opt) > 0)
        CHECK_OK(optim_report(rig->opt, 1 + 0.25 * (action % 3)));
}

void script_act(rig_t *rig, int action, trace_t *trace) {
    optim_status status = OPTIM_OK;
    optim_request next = {.size = sizeof next};
    CHECK_OK(optim_request_info(rig->opt, &next));
    trace->sample[action] = next.sample;
    switch (SCRIPT[action]) {
    case MICRO_BATCH:
        status = micro_batch(rig);
        break;
    case SKIPPED:
        status = skipped_step(rig);
        break;
    case CANCELLED:
        status = cancelled_step(rig);
        break;
    case OPTIONS:
        change_options(rig);
        break;
    case RESET:
        status = optim_reset(rig->opt);
        break;
    default:
        if (SCRIPT[action] != STEP)
            rig_freeze(rig, 0, SCRIPT[action] == FROZEN);
        status = rig_step(rig);
        break;
    }
    report(rig, action);
    trace->status[action] = status;
}

void script_enter(rig_t *rig, int moment) {
    bool frozen = false;
    for (int action = 0; action < moment; ++action)
        if (SCRIPT[action] == FROZEN || SCRIPT[action] == THAWED)
            frozen = SCRIPT[action] == FROZEN;
    if (frozen)
        rig_freeze(rig, 0, true);
}
