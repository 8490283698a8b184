/*
 * sam: sharpness-aware minimization, the gradient at the worst point nearby; adaptive measures what is near relative to
 * the parameters. asam is a preset: adaptive = 1, with its paper's rho and eta.
 *
 * Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2021,
 * arXiv:2010.01412; Kwon, Kim, Park, Choi, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of
 * Deep Neural Networks", 2021, arXiv:2102.11600.
 *
 *     1. T = 1,  adaptive: |p| + eta;   N = |T g| over all tensors;   e = rho T^2 g / (N + eps)
 *     2. h = gradient at p + e; the parameters are p again, bit for bit, and the inner method receives h
 *
 * The loss it sees is that of the first evaluation; weight decay acts at p. State: within a step p, 4 bytes a
 * parameter.
 */
#include "wrappers/sam.h"

static const option_t OPTIONS[] = {SAM_ROWS, {0}};
static const state_t STATE[] = {SAM_STATES, {0}};

static void prepare(const group_t *group, void *constants) {
    *(radius_t *)constants = radius_of(group, group->option[RHO]);
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    leave(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    come_back(s);
    STEP_END(s);
}

const method_t METHOD(sam) = {
    .name = "sam",
    .purpose = "sharpness-aware minimization: the gradient at the worst point nearby",
    .citation = "Foret et al.: Sharpness-Aware Minimization for Efficiently Improving Generalization, 2021, "
                "arXiv:2010.01412; Kwon et al.: ASAM, 2021, arXiv:2102.11600",
    .evaluations = "1 gradient more for each that the inner method takes",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .memory = sizeof(sam_memory_t),
    .constants = sizeof(radius_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {SAM_KERNELS},
    .arguments = {[PERTURB] = sizeof(perturb_t)},
};
