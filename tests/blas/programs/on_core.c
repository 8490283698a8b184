/*
 * on_core LIBRARY CORE THREADS PROGRAM...: runs the programs with OpenBLAS's kernels for the core type CORE and so many
 * threads of OpenBLAS. Exits with 77 and a word if this machine cannot run them, or if OpenBLAS does not take them;
 * LIBRARY is ours, whose BLAS is asked.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __aarch64__
#include <sys/auxv.h>
#endif

enum { SKIPPED = 77 };

/* Whether this processor has all that OpenBLAS's kernels for the core use: OpenBLAS itself does not look. */
static bool can_run(const char *core) {
    const struct {
        const char *core;
        bool runs;
    } CORES[] = {
#if defined(__x86_64__) || defined(__i386__)
        {"Prescott", __builtin_cpu_supports("sse3")},
        {"Nehalem", __builtin_cpu_supports("sse4.2")},
        {"Sandybridge", __builtin_cpu_supports("avx")},
        {"Haswell", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
        {"Zen", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
        {"SkylakeX", __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")},
        {"Cooperlake", __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16")},
#elif defined(__aarch64__)
        {"ARMV8", true},
        {"CORTEXA57", true},
        {"NEOVERSEN1", (getauxval(AT_HWCAP) & (HWCAP_ATOMICS | HWCAP_ASIMDDP)) == (HWCAP_ATOMICS | HWCAP_ASIMDDP)},
        {"NEOVERSEV1", (getauxval(AT_HWCAP) & HWCAP_SVE) != 0},
#endif
        {"", false},
    };
    for (size_t i = 0; i < sizeof CORES / sizeof *CORES; ++i)
        if (strcmp(core, CORES[i].core) == 0)
            return CORES[i].runs;
    return false;
}

/* The core type whose kernels OpenBLAS takes, as a program finds it that starts with this environment; NULL: another
   BLAS. */
static const char *core_taken(const char *library) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        (void)fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    /* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
    void *symbol = dlsym(handle, "openblas_get_corename");
    char *(*corename)(void);
    memcpy(&corename, &symbol, sizeof symbol);
    return symbol == NULL ? NULL : corename();
}

static bool passes(char *program) {
    const pid_t child = fork();
    if (child == 0) {
        (void)execl(program, program, (char *)NULL);
        perror(program);
        _exit(EXIT_FAILURE);
    }
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv) {
    if (argc < 5)
        return EXIT_FAILURE;
    const char *library = argv[1], *core = argv[2];
    if (!can_run(core)) {
        (void)printf("this machine cannot run kernels for %s\n", core);
        return SKIPPED;
    }
    if (setenv("OPENBLAS_CORETYPE", core, 1) != 0 || setenv("OPENBLAS_NUM_THREADS", argv[3], 1) != 0)
        return EXIT_FAILURE;
    const char *taken = core_taken(library);
    if (taken == NULL || strcasecmp(taken, core) != 0) {
        (void)printf("BLAS takes its kernels for %s\n", taken == NULL ? "no core type: it is not OpenBLAS" : taken);
        return SKIPPED;
    }
    int failed = 0;
    for (int i = 4; i < argc; ++i) {
        (void)printf("==== %s, %s threads: %s ====\n", core, argv[3], argv[i]);
        (void)fflush(stdout);
        failed += !passes(argv[i]);
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
