/*
 * What the fuzz targets share. A target is a function of bytes, LLVMFuzzerTestOneInput, that calls fuzz_fail when a promise
 * of the library does not hold. libFuzzer calls it with inputs of its own making (./dev fuzz); replay.c with the files of a
 * corpus, in the ordinary tests.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optim/optim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what is wrong, with the library's last error, and aborts. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2), noreturn))
#endif
void fuzz_fail(const char *format, ...);

/* malloc that does not return NULL. */
void *fuzz_memory(size_t bytes);

/* ---- Bytes as numbers: 0 when there are no more ---- */

typedef struct bytes {
    const uint8_t *at;
    size_t left;
} bytes_t;

uint8_t bytes_one(bytes_t *bytes);
/* 0 <= result < bound; 0 for a bound of 0. */
size_t bytes_below(bytes_t *bytes, size_t bound);

/* ---- Bytes as lines ---- */

/* The next line with a terminator, to be freed; NULL when there are no more. What follows a zero byte is left out. */
char *bytes_line(bytes_t *bytes);

/* ---- Statuses and states ---- */

/* Fails unless `status` is one of `count` listed ones, and an error has a sentence. `call` is for the message. */
void fuzz_check_status(const char *call, optim_status status, const optim_status *allowed, size_t count);

typedef struct saved {
    optim_status status; /* of optim_serialize; the rest is empty unless OPTIM_OK */
    size_t size;
    char *bytes;
} saved_t;

/* The handle's state as optim_serialize gives it. */
saved_t saved_make(const optim_t *opt);
void saved_free(saved_t *saved);
bool saved_same(const saved_t *a, const saved_t *b);
/* Whether the handle had taken the memory of its states: the first step does so even if it fails then. */
bool saved_planned(const saved_t *saved);
/* Whether the method may have formed its direction anew in a step that was undone: the next one forms it again. */
bool saved_forms_anew(const saved_t *saved);

/* ---- Ranges as optim_describe_option gives them, read by other code than the library's ---- */

/* Whether `value` is valid for an option with this range; lists are not numbers: false. */
bool range_allows(const char *range, double value);
/* Position of `word` in "a|b|c"; -1: none, or no keywords. */
int range_position(const char *range, const char *word);

#endif
