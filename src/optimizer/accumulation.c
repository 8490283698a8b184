/* The sum of gradients that have been accumulated since the last evaluation was used up. */
#include "optimizer/optimizer.h"

static accumulated_t *accumulated(const optim_t *opt) {
    return (void *)opt->own[REGISTRY_ENGINE_ACCUMULATE]->memory;
}

/* As it was set: memory does not follow schedules. */
bool accumulation_has_memory(const optim_t *opt) {
    return opt->own[REGISTRY_ENGINE_ACCUMULATE]->values[0].base[ACCUMULATE] != 0;
}

/* A count without memory for the sum can come from a damaged checkpoint only. */
bool accumulation_exists(const optim_t *opt) {
    return opt->engine.planned && accumulation_has_memory(opt) && accumulated(opt)->count > 0;
}

const void *accumulation_sum(const optim_t *opt, size_t tensor) {
    const station_t *station = opt->own[REGISTRY_ENGINE_ACCUMULATE];
    return station->slot[tensor * station->states + ACCUMULATE_SUM].at;
}

double accumulation_mean(const optim_t *opt, double sum) {
    return opt->accumulation_scale > 0 ? sum * opt->accumulation_scale : sum / (double)accumulated(opt)->count;
}

double accumulation_loss(const optim_t *opt) {
    return accumulation_mean(opt, accumulated(opt)->loss);
}

void accumulation_clear(optim_t *opt) {
    *accumulated(opt) = (accumulated_t){0};
    opt->accumulation_scale = 0;
}

void accumulation_use(optim_t *opt, bool arrives) {
    const bool used = arrives && accumulation_exists(opt);
    opt->accumulation = used ? ACCUMULATION_MEAN : ACCUMULATION_NONE;
    opt->accumulation_factor = used ? accumulation_mean(opt, 1) : 0;
    if (used && !opt->has_loss) {
        opt->loss = accumulation_loss(opt);
        opt->has_loss = true;
    }
}
