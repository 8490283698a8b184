/*
 * A message as a row of bits, as docs/compressors.md describes it: a field follows the one before without a gap, a
 * number's lowest bit first, and bit k of the message is bit k mod 8 of byte k / 8. So the bytes are the same on every
 * machine, and a number that begins with a byte is little-endian.
 */
#ifndef ENGINE_MESSAGE_H
#define ENGINE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct message {
    unsigned char *bytes; /* NULL: what is put is only counted; otherwise these are zero before they are put */
    uint64_t bit;         /* where the next field begins */
} message_t;

/* The lowest `bits` bits of a number, at most 64. */
static inline uint64_t lowest_bits(uint64_t value, int bits) {
    return bits < 64 ? value & ((UINT64_C(1) << bits) - 1) : value;
}

static inline void message_put(message_t *m, uint64_t value, int bits) {
    const uint64_t end = m->bit + (uint64_t)bits;
    if (m->bytes != NULL) {
        value = lowest_bits(value, bits);
        for (uint64_t bit = m->bit; bit < end; bit += 8 - bit % 8) {
            m->bytes[bit / 8] |= (unsigned char)(value << bit % 8);
            value >>= 8 - bit % 8;
        }
    }
    m->bit = end;
}

static inline void message_put_double(message_t *m, double value) {
    uint64_t word;
    memcpy(&word, &value, sizeof word);
    message_put(m, word, 64);
}

/* What is read: beyond the end all is 0. */
typedef struct incoming {
    const unsigned char *bytes;
    size_t size;
    uint64_t bit;
} incoming_t;

static inline uint64_t incoming_get(incoming_t *r, int bits) {
    const uint64_t begin = r->bit, end = begin + (uint64_t)bits;
    uint64_t value = 0;
    for (uint64_t bit = begin; bit < end; bit += 8 - bit % 8) {
        const uint64_t byte = bit / 8 < r->size ? r->bytes[bit / 8] : 0;
        value |= byte >> bit % 8 << (bit - begin) % 64;
    }
    r->bit = end;
    return lowest_bits(value, bits);
}

static inline double incoming_get_double(incoming_t *r) {
    const uint64_t word = incoming_get(r, 64);
    double value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* Bits that numbers up to `largest` need. */
static inline int message_width(uint64_t largest) {
    int bits = 0;
    for (; largest > 0; largest >>= 1)
        ++bits;
    return bits;
}

#ifdef REAL
/* Reals as they are: 32 or 64 bits. */
static inline void message_put_real(message_t *m, REAL value) {
    uint64_t word = 0;
    if (sizeof value == sizeof word) {
        memcpy(&word, &value, sizeof value);
    } else {
        uint32_t half;
        memcpy(&half, &value, sizeof half);
        word = half;
    }
    message_put(m, word, 8 * (int)sizeof value);
}

static inline REAL incoming_get_real(incoming_t *r) {
    const uint64_t word = incoming_get(r, 8 * (int)sizeof(REAL));
    const uint32_t half = (uint32_t)word;
    REAL value;
    memcpy(&value, sizeof value == sizeof word ? (const void *)&word : (const void *)&half, sizeof value);
    return value;
}
#endif

#endif
