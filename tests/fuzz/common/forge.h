/*
 * Forged checkpoints: a sound one whose header, record and arrays are edited as bytes say, after which length and checksums
 * are put right, so that what lies behind them is reached.
 */
#ifndef FUZZ_FORGE_H
#define FUZZ_FORGE_H

#include "fuzz.h"

typedef struct image {
    size_t size;
    uint8_t *bytes;
} image_t;

/* `sound` edited by the rest of `bytes`; to be freed. */
image_t forge_make(const saved_t *sound, bytes_t *bytes);

/* Puts length and checksum of the header right, in place, if there is something like a header. */
void forge_repair(uint8_t *bytes, size_t size);

#endif
