/* Which instruction-set level to use. */
#include <stdlib.h>
#include <string.h>
#ifdef GRADOPT_X86_LEVELS
#include <cpuid.h>
#endif

#include "base/error.h"
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

/* The highest that the environment allows; ENGINE_LEVELS: what it names is no level. */
static int highest_allowed(void) {
    const char *named = getenv("GRADOPT_LEVEL");
    int level = ENGINE_LEVELS - 1;
    if (named == NULL || *named == '\0')
        return level;
    for (level = 0; level < ENGINE_LEVELS && strcmp(named, ENGINE_LEVEL_NAMES[level]) != 0;)
        ++level;
    return level;
}

optim_status engine_check_level(void) {
    if (highest_allowed() < ENGINE_LEVELS)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_VALUE, "GRADOPT_LEVEL=%.100s in the environment is no level; valid: %s, %s, %s",
                     getenv("GRADOPT_LEVEL"), ENGINE_LEVEL_NAMES[0], ENGINE_LEVEL_NAMES[1], ENGINE_LEVEL_NAMES[2]);
}

/* What the compiler may use on a level, as CPUID tells it; and the registers that the system must save (XCR0). */
enum { FMA = 1 << 12, MOVBE = 1 << 22, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29 }; /* leaf 1, ECX */
enum { SSE3 = 1 << 0, SSSE3 = 1 << 9, CX16 = 1 << 13, SSE41 = 1 << 19, SSE42 = 1 << 20, POPCNT = 1 << 23 };
enum { BMI1 = 1 << 3, AVX2 = 1 << 5, BMI2 = 1 << 8 };                                   /* leaf 7, EBX */
enum { AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512CD = 1 << 28, AVX512BW = 1 << 30 }; /* likewise */
enum { LAHF = 1 << 0, LZCNT = 1 << 5 };                                                 /* 80000001, ECX */
enum { VECTORS_256 = 0x06, VECTORS_512 = 0xE6 };
static const uint32_t AVX512VL = UINT32_C(1) << 31;

static bool has(uint32_t word, uint32_t bits) {
    return (word & bits) == bits;
}

int engine_level_of(engine_processor_t p) {
    const bool v3 = has(p.leaf1, SSE3 | SSSE3 | CX16 | SSE41 | SSE42 | POPCNT | FMA | MOVBE | OSXSAVE | AVX | F16C) &&
                    has(p.leaf7, BMI1 | AVX2 | BMI2) && has(p.extended, LAHF | LZCNT) && has(p.saved, VECTORS_256);
    const bool v4 = has(p.leaf7, AVX512VL | AVX512F | AVX512DQ | AVX512CD | AVX512BW) && has(p.saved, VECTORS_512);
    return !v3 ? 0 : v4 ? 2 : 1;
}

/* The highest that is built and that this machine can run. */
static int ask_processor(void) {
    engine_processor_t p = {0};
#ifdef GRADOPT_X86_LEVELS
    uint32_t a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d))
        p.leaf1 = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
        p.leaf7 = b;
    if (__get_cpuid(UINT32_C(0x80000001), &a, &b, &c, &d))
        p.extended = c;
    if (has(p.leaf1, OSXSAVE)) {
        __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
        p.saved = a;
    }
#endif
    return engine_level_of(p);
}

/* Asked once: in a virtual machine the question takes as long as a map of thousands of numbers. */
static int highest_possible(void) {
    static _Atomic int known = -1;
    if (known < 0)
        known = ask_processor();
    return known;
}

int engine_best_level(void) {
    const int possible = highest_possible(), allowed = highest_allowed();
    return allowed < possible ? allowed : possible;
}
