/* Which instruction-set level to use. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

const char *const ENGINE_LEVEL_NAMES[ENGINE_LEVELS] = {"base", "x86-64-v3", "x86-64-v4"};

const primitives_t *engine_primitives(int level) {
#ifdef GRADOPT_X86_LEVELS
    const primitives_t *const LEVELS[ENGINE_LEVELS] = {&primitives_base, &primitives_v3, &primitives_v4};
    return LEVELS[level];
#else
    (void)level;
    return &primitives_base;
#endif
}

/* The highest that the environment allows. */
static int highest_allowed(void) {
    const char *named = getenv("GRADOPT_LEVEL");
    for (int level = 0; named != NULL && level < ENGINE_LEVELS; ++level)
        if (strcmp(named, ENGINE_LEVEL_NAMES[level]) == 0)
            return level;
    return ENGINE_LEVELS - 1;
}

/* The highest that is built and that this machine can run. */
static int highest_possible(void) {
#ifdef GRADOPT_X86_LEVELS
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
    const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    return !v3 ? 0 : v4 ? 2 : 1;
#else
    return 0;
#endif
}

int engine_best_level(void) {
    const int possible = highest_possible(), allowed = highest_allowed();
    return allowed < possible ? allowed : possible;
}
