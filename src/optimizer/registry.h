/* The registry as the layers below it see it: every entry of registry.def, by name and by number. */
#ifndef OPTIMIZER_REGISTRY_H
#define OPTIMIZER_REGISTRY_H

#include "engine/compressor.h"
#include "engine/engine.h"
#include "engine/map.h"
#include "optimizer/rule.h"
#include "optimizer/schedule.h"

/* What a preset, an entry that is another one with other defaults, has of its own. */
typedef struct preset {
    const char *options;            /* "key=value,...", all of them the other's own; NULL: this is no preset */
    const char *purpose, *citation; /* NULL: the other's */
} preset_t;

typedef struct registry_method {
    const char *name; /* an alias and a preset have their own */
    const char *family;
    method_level_t level[ENGINE_LEVELS];
    preset_t preset;
} registry_method_t;

typedef struct registry_map {
    map_level_t level[ENGINE_LEVELS];
} registry_map_t;

typedef struct registry_compressor {
    compressor_level_t level[ENGINE_LEVELS];
} registry_compressor_t;

typedef struct registry_rule {
    const char *family;
    const rule_t *rule;
} registry_rule_t;

/* Arrays in the order of registry.def. */
extern const registry_method_t REGISTRY_METHODS[];
extern const size_t REGISTRY_METHOD_COUNT;
extern const registry_method_t REGISTRY_WRAPPERS[];
extern const size_t REGISTRY_WRAPPER_COUNT;
extern const schedule_t *const REGISTRY_SCHEDULES[];
extern const size_t REGISTRY_SCHEDULE_COUNT;
extern const registry_map_t REGISTRY_MAPS[];
extern const size_t REGISTRY_MAP_COUNT;
extern const registry_compressor_t REGISTRY_COMPRESSORS[];
extern const size_t REGISTRY_COMPRESSOR_COUNT;
extern const registry_rule_t REGISTRY_RULES[];
extern const size_t REGISTRY_RULE_COUNT;

/* What carries the engine's own options, in the order in which they are listed. */
enum {
    REGISTRY_ENGINE_SHARE,
    REGISTRY_ENGINE_CLIP,
    REGISTRY_ENGINE_GROUP_CLIP,
    REGISTRY_ENGINE_STORAGE,
    REGISTRY_ENGINE_GUARD,
    REGISTRY_ENGINE_ACCUMULATE,
    REGISTRY_ENGINE_SCALE,
    REGISTRY_ENGINE_LOSS_SCALE,
    REGISTRY_ENGINE_REPLICAS,
    REGISTRY_ENGINE_COUNT
};
extern const registry_method_t REGISTRY_ENGINE[];

/* NULL, with an error that lists what there is, if the name is unknown. */
const registry_method_t *registry_find_method(const char *name, size_t length);
const registry_method_t *registry_find_wrapper(const char *name, size_t length);
const schedule_t *registry_find_schedule(const char *name, size_t length);
const rule_t *registry_find_rule(const char *name, size_t length);

/*
 * What an option with range "map" or "compressor" may name: the position among those, or -1 with an error as above;
 * what stands at a position; what it says of its own options.
 */
int registry_find_choice(const char *range, const char *name, size_t length);
const entry_t *registry_choice(const char *range, size_t position);
const char *registry_refuse_choice(const char *range, size_t position, const double *option);

/* The copies of a compressor for an instruction-set level; the one that tables are read from. */
const compressor_level_t *registry_compressor_at(int level, size_t position);
static inline const compressor_t *registry_compressor(size_t position) {
    return REGISTRY_COMPRESSORS[position].level[0].precision[PRECISION_F64];
}

/* The copies of a map for an instruction-set level. */
const map_level_t *registry_map_at(int level, size_t position);

/* The copy of a map that tables are read from. */
static inline const map_t *registry_map(size_t position) {
    return REGISTRY_MAPS[position].level[0].precision[PRECISION_F64];
}

#endif
