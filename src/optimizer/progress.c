/* What a run of optim_minimize says in words: its progress line by line, and why it stopped. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/number.h"
#include "optimizer/abi.h"

/* 1 to 10, then 20 to 100 by tens, and so on: few lines, whatever the number of steps. */
static bool is_round(int64_t step) {
    int64_t unit = 1;
    while (step / unit >= 10)
        unit *= 10;
    return step % unit == 0;
}

int optim_print_progress(void *user, const optim_progress *progress) {
    enum { LINE = 400 };
    char line[LINE];
    FILE *file = user == NULL ? stderr : user;
    optim_progress now;
    if (progress == NULL || abi_read(progress, &now, sizeof now, "optim_progress") != OPTIM_OK || !is_round(now.step))
        return 0;
    (void)number_print(line, sizeof line,
                       "step %8" PRId64 "  evaluations %8" PRId64
                       "  loss %16.9e  |gradient| %9.3e  |step| %9.3e  trials %" PRId64 "  at bounds %" PRId64
                       "  %.2f s\n",
                       now.step, now.evaluations, now.loss, now.gradient_norm, now.step_norm, now.trials,
                       now.active_bounds, now.seconds);
    (void)fputs(line, file);
    return 0;
}

const char *optim_stop_reason(int reason) {
    static const char *const WORDS[] = {
        [OPTIM_STOP_NONE] = "an error ended it",
        [OPTIM_STOP_STEPS] = "the number of steps is used up",
        [OPTIM_STOP_EVALUATIONS] = "the number of evaluations is used up",
        [OPTIM_STOP_SECONDS] = "the time is used up",
        [OPTIM_STOP_GRADIENT_NORM] = "the gradient is small enough",
        [OPTIM_STOP_LOSS_CHANGE] = "the loss hardly changes any more",
        [OPTIM_STOP_LOSS_TARGET] = "the loss has reached its target",
        [OPTIM_STOP_CALLBACK] = "a callback asked for it",
        [OPTIM_STOP_LINE_SEARCH] = "the line search failed: no better point along the direction",
        [OPTIM_STOP_NONFINITE] = "the loss or the gradient is not finite: the method diverged",
        [OPTIM_STOP_STALLED] = "the method finds no way down, though the gradient says that there is one",
        [OPTIM_STOP_GRADIENT_MAX] = "every element of the gradient is small enough",
        [OPTIM_STOP_LOSS_RELATIVE] = "the loss hardly changes any more, relative to its size",
        [OPTIM_STOP_STEP_NORM] = "the steps are short enough",
        [OPTIM_STOP_STEP_RELATIVE] = "the steps are short enough, relative to the parameters",
        [OPTIM_STOP_PRECISION] = "converged: as good as it gets in this precision",
        [OPTIM_STOP_WRONG_GRADIENT] = "the loss rises where the gradient says it falls: is the gradient right?",
        [OPTIM_STOP_UNBOUNDED] = "the loss has no lower limit: it goes to minus infinity",
        [OPTIM_STOP_OVERFLOW] = "the loss or the gradient is too large to compute with: scale the loss",
        [OPTIM_STOP_FEASIBLE] = "the constraints hold, and the loss is as low as was asked for",
        [OPTIM_STOP_INFEASIBLE] = "no penalty brings the constraints about: there may be no such point",
        [OPTIM_STOP_ROUNDS] = "the number of rounds is used up",
        [OPTIM_STOP_PLATEAU] = "flat ground: the gradient is zero, or too small to change the loss",
    };
    const bool known = reason >= 0 && reason < (int)(sizeof WORDS / sizeof *WORDS) && WORDS[reason] != NULL;
    return known ? WORDS[reason] : "not a stop reason of this library";
}
