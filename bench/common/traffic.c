#include "traffic.h"

#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

#include "buffer.h"

/* Vectorised whatever the build type, for the instruction set that this machine has, as the library's own loops are. */
#if defined(__GNUC__) && !defined(__clang__)
#define OPTIMISED __attribute__((optimize("O3")))
#else
#define OPTIMISED
#endif
#if defined(__x86_64__) && defined(__linux__)
#define CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CLONES
#endif
#define VECTORISED OPTIMISED CLONES

/* ---- One loop over all streams. G, P, S: unsigned integers as wide as gradients, parameters and states ---- */

#define MOVE_STATE(s) (s)[i] = (state_int)((s)[i] + (state_int)x)
#define STREAMS(...)                                                                                                   \
    for (size_t i = 0; i < n; ++i) {                                                                                   \
        const gradient_int x = g[i];                                                                                   \
        p[i] = (parameter_int)(p[i] + (parameter_int)x);                                                               \
        __VA_ARGS__;                                                                                                   \
    }                                                                                                                  \
    break
#define LOOPS(name, G, P, S)                                                                                           \
    VECTORISED static void name(size_t n, const void *restrict gradient, void *restrict parameter, int states,         \
                                void *restrict state0, void *restrict state1, void *restrict state2,                   \
                                void *restrict state3) {                                                               \
        typedef G gradient_int;                                                                                        \
        typedef P parameter_int;                                                                                       \
        typedef S state_int;                                                                                           \
        const gradient_int *g = gradient;                                                                              \
        parameter_int *p = parameter;                                                                                  \
        state_int *s0 = state0, *s1 = state1, *s2 = state2, *s3 = state3;                                              \
        switch (states) {                                                                                              \
        case 0:                                                                                                        \
            STREAMS((void)0);                                                                                          \
        case 1:                                                                                                        \
            STREAMS(MOVE_STATE(s0));                                                                                   \
        case 2:                                                                                                        \
            STREAMS(MOVE_STATE(s0); MOVE_STATE(s1));                                                                   \
        case 3:                                                                                                        \
            STREAMS(MOVE_STATE(s0); MOVE_STATE(s1); MOVE_STATE(s2));                                                   \
        default:                                                                                                       \
            STREAMS(MOVE_STATE(s0); MOVE_STATE(s1); MOVE_STATE(s2); MOVE_STATE(s3));                                   \
        }                                                                                                              \
    }
enum { STATES_IN_LOOP = 4 };

LOOPS(move_2_2_4, uint16_t, uint16_t, uint32_t)
LOOPS(move_2_4_4, uint16_t, uint32_t, uint32_t)
LOOPS(move_2_8_8, uint16_t, uint64_t, uint64_t)
LOOPS(move_4_2_4, uint32_t, uint16_t, uint32_t)
LOOPS(move_4_4_4, uint32_t, uint32_t, uint32_t)
LOOPS(move_4_8_8, uint32_t, uint64_t, uint64_t)
LOOPS(move_8_2_4, uint64_t, uint16_t, uint32_t)
LOOPS(move_8_4_4, uint64_t, uint32_t, uint32_t)
LOOPS(move_8_8_8, uint64_t, uint64_t, uint64_t)

typedef void move_t(size_t n, const void *restrict gradient, void *restrict parameter, int states,
                    void *restrict state0, void *restrict state1, void *restrict state2, void *restrict state3);

/* By half the bytes of a gradient and of a parameter. */
static move_t *const MOVE[5][5] = {
    [1] = {[1] = move_2_2_4, [2] = move_2_4_4, [4] = move_2_8_8},
    [2] = {[1] = move_4_2_4, [2] = move_4_4_4, [4] = move_4_8_8},
    [4] = {[1] = move_8_2_4, [2] = move_8_4_4, [4] = move_8_8_8},
};

/* Reads and writes a stream of its own. */
VECTORISED static void touch(size_t n, void *stream) {
    unsigned char *bytes = stream;
    for (size_t i = 0; i < n; ++i)
        bytes[i] = (unsigned char)(bytes[i] + 1);
}

/* ---- Streams ---- */

static void move_range(const traffic_t *t, size_t begin, size_t end) {
    void *state[STATES_IN_LOOP] = {NULL};
    const int in_loop = t->states < STATES_IN_LOOP ? t->states : STATES_IN_LOOP;
    for (int k = 0; k < in_loop; ++k)
        state[k] = t->state[k] + begin * t->real;
    MOVE[t->gradient_bytes / 2][t->parameter_bytes / 2](end - begin, t->gradient + begin * t->gradient_bytes,
                                                        t->parameter + begin * t->parameter_bytes, in_loop, state[0],
                                                        state[1], state[2], state[3]);
    for (int k = in_loop; k < t->states; ++k)
        touch((end - begin) * t->real, t->state[k] + begin * t->real);
    if (t->rest_bytes > 0)
        touch((end - begin) * t->rest_bytes, t->rest + begin * t->rest_bytes);
}

/* All streams in one loop, as far as they go; where there are more, tile by tile, as a step would go. */
static void move_part(const traffic_t *t, int part) {
    enum { TILE = 4096 };
    const size_t begin = buffer_share(t->elements, part, t->threads),
                 end = buffer_share(t->elements, part + 1, t->threads);
    const bool tiles = t->states > STATES_IN_LOOP || t->rest_bytes > 0;
    const size_t piece = tiles ? TILE : end - begin + 1;
    for (size_t i = begin; i < end; i += piece)
        move_range(t, i, end - i < piece ? end : i + piece);
}

void traffic_run(void *traffic) {
    const traffic_t *t = traffic;
    if (t->threads == 1) {
        move_part(t, 0);
        return;
    }
#pragma omp parallel for num_threads(t->threads) schedule(static, 1)
    for (int part = 0; part < t->threads; ++part)
        move_part(t, part);
}

size_t traffic_bytes(const traffic_t *traffic) {
    const size_t state = (size_t)traffic->states * traffic->real + traffic->rest_bytes;
    return traffic->gradient_bytes + 2 * traffic->parameter_bytes + 2 * state;
}

/* ---- Buffers ---- */

static bool take(const traffic_t *traffic, size_t bytes, char **buffer) {
    *buffer = buffer_zeros(traffic->elements * bytes, traffic->threads);
    return *buffer != NULL;
}

bool traffic_open(traffic_t *traffic, size_t elements, size_t gradient_bytes, size_t parameter_bytes,
                  size_t state_bytes, int threads) {
    const size_t real = parameter_bytes == 8 ? 8 : 4;
    *traffic = (traffic_t){.elements = elements,
                           .gradient_bytes = gradient_bytes,
                           .parameter_bytes = parameter_bytes,
                           .real = real,
                           .threads = threads,
                           .rest_bytes = state_bytes % real};
    if (state_bytes / real > TRAFFIC_STATES || !take(traffic, gradient_bytes, &traffic->gradient) ||
        !take(traffic, parameter_bytes, &traffic->parameter))
        return false;
    for (; (size_t)traffic->states < state_bytes / real; ++traffic->states)
        if (!take(traffic, real, &traffic->state[traffic->states]))
            return false;
    return traffic->rest_bytes == 0 || take(traffic, traffic->rest_bytes, &traffic->rest);
}

void traffic_close(traffic_t *traffic) {
    buffer_free(traffic->gradient);
    buffer_free(traffic->parameter);
    for (int k = 0; k < traffic->states; ++k)
        buffer_free(traffic->state[k]);
    buffer_free(traffic->rest);
    *traffic = (traffic_t){0};
}
