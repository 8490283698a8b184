/*
 * prox: a proximal map or projection after every step.
 *
 * Combettes, Wajs, "Signal Recovery by Proximal Forward-Backward Splitting", 2005; with adamw on a gate of low-rank
 * factors, without weight decay there and with a rising weight: SoRA (Ding et al., "Sparse Low-rank Adaptation of
 * Pre-trained Language Models", 2023, arXiv:2311.11696).
 *
 *     p <- map(p), with step tau = lr (scale_lr = 1) or 1, for every tensor when the inner step is complete
 *
 * The authors' code of SoRA thresholds at lam in place of lr lam, and by three comparisons one after the other, which
 * makes 0 of all below 2 lam; here it is the paper's soft threshold. No state.
 */
#include "engine/map.h"

enum { CHOICE, SCALE_LR };
static const option_t OPTIONS[] = {
    [CHOICE] = {"map", 0, "map", "what is done to the parameters", .choice = "prox_l1"},
    [SCALE_LR] = {"scale_lr", 1, "0|1", "the map's step is the learning rate (1) or one (0)"},
    {0},
};

static optim_status advance(step_t *s) {
    const char *wrong = step_map_refuses(s, CHOICE, 1, s->option[SCALE_LR] != 0);
    return wrong == NULL ? OPTIM_OK : step_fail(s, OPTIM_ERR_VALUE, wrong);
}

static void finish(step_t *s) {
    if (s->option[SCALE_LR] != 0)
        step_map_by_lr(s, CHOICE, 1);
    else
        step_map(s, CHOICE, 1);
}

const method_t METHOD(prox) = {
    .name = "prox",
    .purpose = "a proximal map or projection of the parameters after every step",
    .citation = "Combettes, Wajs: Signal Recovery by Proximal Forward-Backward Splitting, 2005",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .advance = advance,
    .finish = finish,
};
