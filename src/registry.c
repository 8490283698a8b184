/* The registry: descriptors collected from registry.def, the one source of every listing. */
#include "optimizer/registry.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/words.h"

/* Each descriptor exists once per precision and instruction-set level. */
#define DECLARE_AT(name, level) extern const method_t method_##name##_f32_##level, method_##name##_f64_##level;
#define AT(name, level)                                                                                                \
    {                                                                                                                  \
        { &method_##name##_f32_##level, &method_##name##_f64_##level }                                                 \
    }
#ifdef GRADOPT_X86_LEVELS
#define DECLARE(name) DECLARE_AT(name, base) DECLARE_AT(name, v3) DECLARE_AT(name, v4)
#define LEVELS(name)                                                                                                   \
    { AT(name, base), AT(name, v3), AT(name, v4) }
#else
#define DECLARE(name) DECLARE_AT(name, base)
#define LEVELS(name)                                                                                                   \
    { AT(name, base) }
#endif

#define METHOD(name) DECLARE(name)
#define ALIAS(alias, name)
#define WRAPPER(name) DECLARE(name)
#define SCHEDULE(name) extern const schedule_t schedule_##name;
#include "registry.def"
#undef METHOD
#undef ALIAS
#undef WRAPPER
#undef SCHEDULE
DECLARE(clip)
DECLARE(storage)
DECLARE(guard)
DECLARE(accumulate)
DECLARE(scale)
DECLARE(loss_scale)

#define SCHEDULE(name)
#define WRAPPER(name)
#define METHOD(name) {#name, LEVELS(name)},
#define ALIAS(alias, name) {#alias, LEVELS(name)},
const registry_method_t REGISTRY_METHODS[] = {
#include "registry.def"
};
#undef METHOD
#undef ALIAS
#undef WRAPPER
#undef SCHEDULE

#define SCHEDULE(name)
#define WRAPPER(name) {#name, LEVELS(name)},
#define METHOD(name)
#define ALIAS(alias, name)
const registry_method_t REGISTRY_WRAPPERS[] = {
#include "registry.def"
};
#undef METHOD
#undef ALIAS
#undef WRAPPER
#undef SCHEDULE

#define SCHEDULE(name) &schedule_##name,
#define WRAPPER(name)
#define METHOD(name)
#define ALIAS(alias, name)
const schedule_t *const REGISTRY_SCHEDULES[] = {
#include "registry.def"
};

const size_t REGISTRY_METHOD_COUNT = sizeof REGISTRY_METHODS / sizeof *REGISTRY_METHODS;
const size_t REGISTRY_WRAPPER_COUNT = sizeof REGISTRY_WRAPPERS / sizeof *REGISTRY_WRAPPERS;
const size_t REGISTRY_SCHEDULE_COUNT = sizeof REGISTRY_SCHEDULES / sizeof *REGISTRY_SCHEDULES;

const registry_method_t REGISTRY_ENGINE[] = {
    [REGISTRY_ENGINE_CLIP] = {"engine", LEVELS(clip)},   [REGISTRY_ENGINE_STORAGE] = {"engine", LEVELS(storage)},
    [REGISTRY_ENGINE_GUARD] = {"engine", LEVELS(guard)}, [REGISTRY_ENGINE_ACCUMULATE] = {"engine", LEVELS(accumulate)},
    [REGISTRY_ENGINE_SCALE] = {"engine", LEVELS(scale)}, [REGISTRY_ENGINE_LOSS_SCALE] = {"engine", LEVELS(loss_scale)},
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

static void refuse_name(const char *kind, const char *(*name_of)(size_t), size_t count, const char *name,
                        size_t length) {
    nearest_t nearest = nearest_begin(name, length);
    list_t list = {.used = 0};
    char question[NEAREST_TEXT], lister[40];
    for (size_t i = 0; i < count; ++i) {
        nearest_offer(&nearest, name_of(i), strlen(name_of(i)));
        list_add(&list, name_of(i));
    }
    nearest_text(&nearest, question);
    (void)snprintf(lister, sizeof lister, "optim_%s_name", kind);
    error_text("no %s is called \"%.*s\"%s; there are: %s", kind, (int)(length > 60 ? 60 : length), name, question,
               list_end(&list, lister));
}

/* Position of the entry, or -1 with an error that proposes the nearest names and lists the valid ones. */
static ptrdiff_t find(const char *kind, const char *(*name_of)(size_t), size_t count, const char *name, size_t length) {
    for (size_t i = 0; i < count; ++i)
        if (is_called(name_of(i), name, length))
            return (ptrdiff_t)i;
    refuse_name(kind, name_of, count, name, length);
    return -1;
}

const registry_method_t *registry_find_method(const char *name, size_t length) {
    const ptrdiff_t i = find("algorithm", method_name, REGISTRY_METHOD_COUNT, name, length);
    return i < 0 ? NULL : &REGISTRY_METHODS[i];
}

const registry_method_t *registry_find_wrapper(const char *name, size_t length) {
    const ptrdiff_t i = find("wrapper", wrapper_name, REGISTRY_WRAPPER_COUNT, name, length);
    return i < 0 ? NULL : &REGISTRY_WRAPPERS[i];
}

const schedule_t *registry_find_schedule(const char *name, size_t length) {
    const ptrdiff_t i = find("schedule", schedule_name, REGISTRY_SCHEDULE_COUNT, name, length);
    return i < 0 ? NULL : REGISTRY_SCHEDULES[i];
}
