/* Which instruction-set level to use. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

const char *const ENGINE_LEVEL_NAMES[ENGINE_LEVELS] = {"base", "x86-64-v3"};

const primitives_t *engine_primitives(int level) {
#ifdef GRADOPT_LEVEL_V3
    if (level == 1)
        return &primitives_v3;
#endif
    (void)level;
    return &primitives_base;
}

/* Whether the environment asks for the base level. */
static bool base_is_forced(void) {
    const char *forced = getenv("GRADOPT_LEVEL");
    return forced != NULL && strcmp(forced, ENGINE_LEVEL_NAMES[0]) == 0;
}

int engine_best_level(void) {
    if (base_is_forced())
        return 0;
#ifdef GRADOPT_LEVEL_V3
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2"))
        return 1;
#endif
    return 0;
}
