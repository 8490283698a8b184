/* Hessian-vector products: the direction that the station that asked hands out, and the product that comes back. */
#include <math.h>
#include <string.h>

#include "optimizer/optimizer.h"

static void clear_direction(const station_t *station, size_t tensor) {
    for (size_t k = 0; k < station->states; ++k) {
        const slot_t *slot = &station->slot[tensor * station->states + k];
        if (station->method->states[k].role == DIRECTION && slot->at != NULL)
            memset(slot->at, 0, slot->bytes);
    }
}

void products_clear(const optim_t *opt) {
    const engine_t *engine = &opt->engine;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (tensor_is_frozen(tensor) || !role_is_among(engine->request.roles, tensor->role))
            clear_direction(engine->stations[opt->asker], i);
    }
}

bool products_take(optim_t *opt) {
    const station_t *station = opt->engine.stations[opt->asker];
    const bool look = (int)handle_option_value(opt, NONFINITE) != NONFINITE_PROPAGATE, negate = loss_sign(opt) < 0;
    for (size_t i = 0; (look || negate) && i < opt->engine.tensor_count; ++i)
        for (size_t k = 0; k < station->states; ++k) {
            const tensor_t *tensor = &opt->engine.tensors[i];
            void *product = station->slot[i * station->states + k].at;
            if (station->method->states[k].role != PRODUCT || product == NULL || tensor_is_frozen(tensor))
                continue;
            const bool wide = tensor_precision(tensor) == PRECISION_F64;
            for (size_t j = 0; j < tensor->count; ++j) {
                const double value = wide ? ((double *)product)[j] : (double)((float *)product)[j];
                if (look && !isfinite(value))
                    return false;
                if (negate && wide)
                    ((double *)product)[j] = -value;
                else if (negate)
                    ((float *)product)[j] = (float)-value;
            }
        }
    return true;
}
