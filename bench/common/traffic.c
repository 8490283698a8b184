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

/* ---- Several walks ---- */

/* Streams are words of four bytes, whatever they hold. What a walk reads alone it reads four times over if it is one
 * stream: words from the first cache cost nothing beside those from memory. */
#define WALK(name, ...)                                                                                                \
    VECTORISED static uint32_t name(size_t n, const uint32_t *a, const uint32_t *b, const uint32_t *c,                 \
                                    const uint32_t *d, uint32_t *restrict s, uint32_t *restrict t,                     \
                                    uint32_t *restrict u, uint32_t *restrict v) {                                      \
        uint32_t all = 0;                                                                                              \
        (void)s, (void)t, (void)u, (void)v;                                                                            \
        for (size_t i = 0; i < n; ++i) {                                                                               \
            const uint32_t x = a[i] + b[i] + c[i] + d[i];                                                              \
            all += x;                                                                                                  \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
        return all;                                                                                                    \
    }
WALK(walk_0, (void)0)
WALK(walk_1, s[i] += x)
WALK(walk_2, s[i] += x; t[i] += x)
WALK(walk_3, s[i] += x; t[i] += x; u[i] += x)
WALK(walk_4, s[i] += x; t[i] += x; u[i] += x; v[i] += x)

typedef uint32_t walk_t(size_t n, const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *d,
                        uint32_t *restrict s, uint32_t *restrict t, uint32_t *restrict u, uint32_t *restrict v);
static walk_t *const WALKS[TRAFFIC_OF_WALK + 1] = {walk_0, walk_1, walk_2, walk_3, walk_4};

/* The buffer that a letter stands for, or NULL. */
static char *stream_of(const traffic_t *traffic, char letter) {
    const int state = letter - 'a';
    if (letter == 'g')
        return traffic->gradient;
    if (letter == 'p')
        return traffic->parameter;
    return state >= 0 && state < traffic->states && state < 'g' - 'a' ? traffic->state[state] : NULL;
}

bool walks_parse(walks_t *walks, const traffic_t *traffic, const char *text) {
    *walks = (walks_t){.traffic = traffic, .count = 1};
    if (traffic->parameter_bytes != traffic->real || traffic->gradient_bytes != traffic->real)
        return false;
    for (; *text != '\0'; ++text) {
        const bool writes = *text >= 'A' && *text <= 'Z';
        char *stream = stream_of(traffic, writes ? (char)(*text - 'A' + 'a') : *text);
        int *streams = writes ? &walks->walk[walks->count - 1].writes : &walks->walk[walks->count - 1].reads;
        if (*text == ',' ? ++walks->count > TRAFFIC_WALKS : stream == NULL || *streams == TRAFFIC_OF_WALK)
            return false;
        if (stream != NULL)
            (writes ? walks->walk[walks->count - 1].write : walks->walk[walks->count - 1].read)[(*streams)++] = stream;
    }
    return true;
}

size_t walks_bytes(const walks_t *walks) {
    size_t streams = 0;
    for (int i = 0; i < walks->count; ++i)
        streams += (size_t)(walks->walk[i].reads + 2 * walks->walk[i].writes);
    return streams * walks->traffic->real;
}

static void walk_part(const walks_t *walks, int walk, int part) {
    const traffic_t *traffic = walks->traffic;
    const size_t words = traffic->elements * traffic->real / sizeof(uint32_t),
                 begin = buffer_share(words, part, traffic->threads),
                 end = buffer_share(words, part + 1, traffic->threads);
    const int reads = walks->walk[walk].reads, writes = walks->walk[walk].writes;
    const uint32_t *read[TRAFFIC_OF_WALK];
    uint32_t *write[TRAFFIC_OF_WALK] = {NULL};
    for (int i = 0; i < writes; ++i)
        write[i] = (uint32_t *)(void *)walks->walk[walk].write[i] + begin;
    for (int i = 0; i < TRAFFIC_OF_WALK; ++i)
        read[i] = reads == 0 ? write[0] : (const uint32_t *)(void *)walks->walk[walk].read[i % reads] + begin;
    const volatile uint32_t sum =
        WALKS[writes](end - begin, read[0], read[1], read[2], read[3], write[0], write[1], write[2], write[3]);
    (void)sum;
}

void walks_run(void *context) {
    const walks_t *walks = context;
    for (int i = 0; i < walks->count; ++i) {
        if (walks->traffic->threads == 1) {
            walk_part(walks, i, 0);
            continue;
        }
#pragma omp parallel for num_threads(walks->traffic->threads) schedule(static, 1)
        for (int part = 0; part < walks->traffic->threads; ++part)
            walk_part(walks, i, part);
    }
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
