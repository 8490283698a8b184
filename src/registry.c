/* The registry: descriptors collected from registry.def, the one source of every listing. */
#include "optimizer/registry.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/words.h"

/* registry.def is read once for every list below, of the kinds that are defined in front of it. */

/* Each descriptor exists once per precision and instruction-set level. */
#define DECLARE_AT(name, level) extern const method_t method_##name##_f32_##level, method_##name##_f64_##level;
#define DECLARE_MAP_AT(name, level) extern const map_t map_##name##_f32_##level, map_##name##_f64_##level;
#define AT(name, level)                                                                                                \
    {                                                                                                                  \
        { &method_##name##_f32_##level, &method_##name##_f64_##level }                                                 \
    }
#define DECLARE_COMPRESSOR_AT(name, level)                                                                             \
    extern const compressor_t compressor_##name##_f32_##level, compressor_##name##_f64_##level;
#define COMPRESSOR_AT(name, level)                                                                                     \
    {                                                                                                                  \
        { &compressor_##name##_f32_##level, &compressor_##name##_f64_##level }                                         \
    }
#define MAP_AT(name, level)                                                                                            \
    {                                                                                                                  \
        { &map_##name##_f32_##level, &map_##name##_f64_##level }                                                       \
    }
#ifdef GRADOPT_X86_LEVELS
#define DECLARE(name) DECLARE_AT(name, base) DECLARE_AT(name, v3) DECLARE_AT(name, v4)
#define LEVELS(name)                                                                                                   \
    { AT(name, base), AT(name, v3), AT(name, v4) }
#define DECLARE_MAP(name) DECLARE_MAP_AT(name, base) DECLARE_MAP_AT(name, v3) DECLARE_MAP_AT(name, v4)
#define MAP_LEVELS(name)                                                                                               \
    { MAP_AT(name, base), MAP_AT(name, v3), MAP_AT(name, v4) }
#define DECLARE_COMPRESSOR(name)                                                                                       \
    DECLARE_COMPRESSOR_AT(name, base) DECLARE_COMPRESSOR_AT(name, v3) DECLARE_COMPRESSOR_AT(name, v4)
#define COMPRESSOR_LEVELS(name)                                                                                        \
    { COMPRESSOR_AT(name, base), COMPRESSOR_AT(name, v3), COMPRESSOR_AT(name, v4) }
#else
#define DECLARE(name) DECLARE_AT(name, base)
#define LEVELS(name)                                                                                                   \
    { AT(name, base) }
#define DECLARE_MAP(name) DECLARE_MAP_AT(name, base)
#define MAP_LEVELS(name)                                                                                               \
    { MAP_AT(name, base) }
#define DECLARE_COMPRESSOR(name) DECLARE_COMPRESSOR_AT(name, base)
#define COMPRESSOR_LEVELS(name)                                                                                        \
    { COMPRESSOR_AT(name, base) }
#endif

#define METHOD(name, family) DECLARE(name)
#define WRAPPER(name) DECLARE(name)
#define SCHEDULE(name) extern const schedule_t schedule_##name;
#define MAP(name) DECLARE_MAP(name)
#define COMPRESSOR(name) DECLARE_COMPRESSOR(name)
#define RULE(name, family) extern const rule_t rule_##name;
#include "registry.def"
DECLARE(clip)
DECLARE(share)
DECLARE(group_clip)
DECLARE(storage)
DECLARE(guard)
DECLARE(accumulate)
DECLARE(scale)
DECLARE(loss_scale)
DECLARE(replicas)

#define METHOD(id, of_family) {.name = #id, .family = #of_family, .level = LEVELS(id)},
#define ALIAS(alias, id, of_family) {.name = #alias, .family = #of_family, .level = LEVELS(id)},
#define METHOD_PRESET(id, of, of_family, ...)                                                                          \
    {.name = #id, .family = #of_family, .level = LEVELS(of), .preset = {__VA_ARGS__}},
const registry_method_t REGISTRY_METHODS[] = {
#include "registry.def"
};

#define WRAPPER(id) {.name = #id, .family = "wrappers", .level = LEVELS(id)},
#define WRAPPER_PRESET(id, of, ...) {.name = #id, .family = "wrappers", .level = LEVELS(of), .preset = {__VA_ARGS__}},
const registry_method_t REGISTRY_WRAPPERS[] = {
#include "registry.def"
};

#define SCHEDULE(name) &schedule_##name,
const schedule_t *const REGISTRY_SCHEDULES[] = {
#include "registry.def"
};

#define MAP(name) {MAP_LEVELS(name)},
const registry_map_t REGISTRY_MAPS[] = {
#include "registry.def"
};

#define COMPRESSOR(name) {COMPRESSOR_LEVELS(name)},
const registry_compressor_t REGISTRY_COMPRESSORS[] = {
#include "registry.def"
};

#define RULE(name, family) {#family, &rule_##name},
const registry_rule_t REGISTRY_RULES[] = {
#include "registry.def"
};

const size_t REGISTRY_METHOD_COUNT = sizeof REGISTRY_METHODS / sizeof *REGISTRY_METHODS;
const size_t REGISTRY_WRAPPER_COUNT = sizeof REGISTRY_WRAPPERS / sizeof *REGISTRY_WRAPPERS;
const size_t REGISTRY_SCHEDULE_COUNT = sizeof REGISTRY_SCHEDULES / sizeof *REGISTRY_SCHEDULES;
const size_t REGISTRY_MAP_COUNT = sizeof REGISTRY_MAPS / sizeof *REGISTRY_MAPS;
const size_t REGISTRY_COMPRESSOR_COUNT = sizeof REGISTRY_COMPRESSORS / sizeof *REGISTRY_COMPRESSORS;
const size_t REGISTRY_RULE_COUNT = sizeof REGISTRY_RULES / sizeof *REGISTRY_RULES;

#define ENGINE(id)                                                                                                     \
    { .name = "engine", .family = "engine", .level = LEVELS(id) }
const registry_method_t REGISTRY_ENGINE[] = {
    [REGISTRY_ENGINE_SHARE] = ENGINE(share),           [REGISTRY_ENGINE_CLIP] = ENGINE(clip),
    [REGISTRY_ENGINE_GROUP_CLIP] = ENGINE(group_clip), [REGISTRY_ENGINE_STORAGE] = ENGINE(storage),
    [REGISTRY_ENGINE_GUARD] = ENGINE(guard),           [REGISTRY_ENGINE_ACCUMULATE] = ENGINE(accumulate),
    [REGISTRY_ENGINE_SCALE] = ENGINE(scale),           [REGISTRY_ENGINE_LOSS_SCALE] = ENGINE(loss_scale),
    [REGISTRY_ENGINE_REPLICAS] = ENGINE(replicas),
};

static bool is_called(const char *name, const char *wanted, size_t length) {
    return strlen(name) == length && memcmp(name, wanted, length) == 0;
}

static const char *method_name(size_t i) {
    return REGISTRY_METHODS[i].name;
}
static const char *wrapper_name(size_t i) {
    return REGISTRY_WRAPPERS[i].name;
}
static const char *schedule_name(size_t i) {
    return REGISTRY_SCHEDULES[i]->name;
}

static const char *map_name(size_t i) {
    return registry_map(i)->name;
}

static const char *compressor_name(size_t i) {
    return registry_compressor(i)->name;
}

static const char *rule_name(size_t i) {
    return REGISTRY_RULES[i].rule->name;
}

/* What is found by a name. */
typedef struct kind {
    const char *what, *taken_by, *lister;
    const char *(*name_of)(size_t);
    const size_t *count;
} kind_t;
enum { ALGORITHMS, WRAPPERS, SCHEDULES, MAPS, COMPRESSORS, RULES, KINDS };
static const kind_t KIND[KINDS] = {
    [ALGORITHMS] = {"algorithm", "optim_create", "optim_algorithm_name", method_name, &REGISTRY_METHOD_COUNT},
    [WRAPPERS] = {"wrapper", "optim_wrap", "optim_wrapper_name", wrapper_name, &REGISTRY_WRAPPER_COUNT},
    [SCHEDULES] = {"schedule", "optim_set_schedule", "optim_schedule_name", schedule_name, &REGISTRY_SCHEDULE_COUNT},
    [MAPS] = {"map", "optim_map_apply", "optim_map_name", map_name, &REGISTRY_MAP_COUNT},
    [COMPRESSORS] = {"compressor", "optim_compress", "optim_compressor_name", compressor_name,
                     &REGISTRY_COMPRESSOR_COUNT},
    [RULES] = {"rule", "optim_server_create", "optim_rule_name", rule_name, &REGISTRY_RULE_COUNT},
};

static nearest_t nearest_of(const kind_t *kind, const char *name, size_t length) {
    nearest_t nearest = nearest_begin(name, length);
    for (size_t i = 0; i < *kind->count; ++i)
        nearest_offer(&nearest, kind->name_of(i), strlen(kind->name_of(i)));
    return nearest;
}

/* What is called so but for its letters or by others; a name of another kind, if there is one; otherwise the
 * nearest. */
static void propose(const kind_t *kind, const char *name, size_t length, char question[NEAREST_TEXT]) {
    const nearest_t nearest = nearest_of(kind, name, length);
    nearest_text(&nearest, question);
    if (nearest.count > 0 && nearest.found[0].distance == 0)
        return;
    for (const kind_t *other = KIND; other < KIND + KINDS; ++other) {
        const nearest_t alike = nearest_of(other, name, length);
        if (other == kind || alike.count == 0 || alike.found[0].distance > 0)
            continue;
        (void)snprintf(question, NEAREST_TEXT, " (\"%s\" is the name of a%s %s, for %s)", alike.found[0].name,
                       other == &KIND[ALGORITHMS] ? "n" : "", other->what, other->taken_by);
        return;
    }
}

static void refuse_name(const kind_t *kind, const char *name, size_t length) {
    list_t list = {.used = 0};
    char question[NEAREST_TEXT];
    propose(kind, name, length, question);
    for (size_t i = 0; i < *kind->count; ++i)
        list_add(&list, kind->name_of(i));
    error_text("no %s is called \"%.*s\"%s; there are: %s", kind->what, (int)(length > 60 ? 60 : length), name,
               question, list_end(&list, kind->lister));
}

/* Position of the entry, or -1 with an error that proposes names and lists the valid ones. */
static ptrdiff_t find(const kind_t *kind, const char *name, size_t length) {
    for (size_t i = 0; i < *kind->count; ++i)
        if (is_called(kind->name_of(i), name, length))
            return (ptrdiff_t)i;
    refuse_name(kind, name, length);
    return -1;
}

const registry_method_t *registry_find_method(const char *name, size_t length) {
    const ptrdiff_t i = find(&KIND[ALGORITHMS], name, length);
    return i < 0 ? NULL : &REGISTRY_METHODS[i];
}

const registry_method_t *registry_find_wrapper(const char *name, size_t length) {
    const ptrdiff_t i = find(&KIND[WRAPPERS], name, length);
    return i < 0 ? NULL : &REGISTRY_WRAPPERS[i];
}

const schedule_t *registry_find_schedule(const char *name, size_t length) {
    const ptrdiff_t i = find(&KIND[SCHEDULES], name, length);
    return i < 0 ? NULL : REGISTRY_SCHEDULES[i];
}

const rule_t *registry_find_rule(const char *name, size_t length) {
    const ptrdiff_t i = find(&KIND[RULES], name, length);
    return i < 0 ? NULL : REGISTRY_RULES[i].rule;
}

static bool is_map(const char *range) {
    return strcmp(range, KIND[MAPS].what) == 0;
}

int registry_find_choice(const char *range, const char *name, size_t length) {
    return (int)find(&KIND[is_map(range) ? MAPS : COMPRESSORS], name, length);
}

const entry_t *registry_choice(const char *range, size_t position) {
    if (is_map(range))
        return position < REGISTRY_MAP_COUNT ? &registry_map(position)->entry : NULL;
    return position < REGISTRY_COMPRESSOR_COUNT ? &registry_compressor(position)->entry : NULL;
}

const char *registry_refuse_choice(const char *range, size_t position, const double *option) {
    if (!is_map(range) || registry_map(position)->check == NULL)
        return NULL;
    return registry_map(position)->check(option, 0);
}

const map_level_t *registry_map_at(int level, size_t position) {
    return &REGISTRY_MAPS[position].level[level];
}

const compressor_level_t *registry_compressor_at(int level, size_t position) {
    return &REGISTRY_COMPRESSORS[position].level[level];
}
