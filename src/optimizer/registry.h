/* The registry as the floors below it see it: every entry of registry.def, by name and by number. */
#ifndef OPTIMIZER_REGISTRY_H
#define OPTIMIZER_REGISTRY_H

#include "engine/engine.h"
#include "optimizer/schedule.h"

typedef struct registry_method {
    const char *name; /* an alias has its own */
    const char *family;
    method_level_t level[ENGINE_LEVELS];
} registry_method_t;

/* Arrays in the order of registry.def. */
extern const registry_method_t REGISTRY_METHODS[];
extern const size_t REGISTRY_METHOD_COUNT;
extern const registry_method_t REGISTRY_WRAPPERS[];
extern const size_t REGISTRY_WRAPPER_COUNT;
extern const schedule_t *const REGISTRY_SCHEDULES[];
extern const size_t REGISTRY_SCHEDULE_COUNT;

/* What carries the engine's own options, in the order in which they are listed. */
enum {
    REGISTRY_ENGINE_CLIP,
    REGISTRY_ENGINE_GROUP_CLIP,
    REGISTRY_ENGINE_STORAGE,
    REGISTRY_ENGINE_GUARD,
    REGISTRY_ENGINE_ACCUMULATE,
    REGISTRY_ENGINE_SCALE,
    REGISTRY_ENGINE_LOSS_SCALE,
    REGISTRY_ENGINE_COUNT
};
extern const registry_method_t REGISTRY_ENGINE[];

/* NULL, with an error that lists what there is, if the name is unknown. */
const registry_method_t *registry_find_method(const char *name, size_t length);
const registry_method_t *registry_find_wrapper(const char *name, size_t length);
const schedule_t *registry_find_schedule(const char *name, size_t length);

#endif
