/*
 * Compressors: named operations that make a vector short enough to send. In a step they give the vector that the
 * receiver would decode, in place; by themselves (optim_compress) the message, from which the receiver has the same
 * vector to the bit.
 *
 * A compressor is an entry of the registry, and the value of an option of a method that exchanges or feeds back errors
 * ("compressor=topk(density=0.01)"). Its file is compiled once per precision and instruction-set level.
 */
#ifndef ENGINE_COMPRESSOR_H
#define ENGINE_COMPRESSOR_H

#include "engine/message.h"
#include "engine/method.h"

/* What a compressor is called with. */
typedef struct compressor_call {
    const double *option; /* by row of the option table */
    double step;          /* number of earlier steps: 0, 1, ... */
    uint64_t seed, first; /* the first of draws() numbers of a random stream: see random_word */
    size_t rows;          /* the vector as a matrix: dimension 0 of a tensor that has two or more; 0: it is a vector */
    double *work;         /* room for workspace() doubles */
} compressor_call_t;

typedef struct compressor {
    union {
        entry_t entry;
        struct {
            ENTRY_FIELDS;
        };
    };

    /* Numbers of the random stream that a call takes; NULL: none. */
    uint64_t (*draws)(const double *option, size_t n);
    /* Doubles of room, no more than n; NULL: none. */
    size_t (*workspace)(const double *option, size_t n);
    /* real v[0..n), n > 0, becomes C(v). */
    void (*apply)(const compressor_call_t *c, size_t n, void *v);
    int code; /* what messages call it, 1 to 255: not changed once it was released */
    /* Bits of the message, at most, for n entries of so many bits each; without what all messages begin with. */
    double (*bits)(const compressor_call_t *c, size_t n, double real_bits);
    /* The message that stands for C(v), real v[0..n), n > 0. */
    void (*encode)(const compressor_call_t *c, message_t *m, size_t n, const void *v);
    /* C(v) from the message, which may be anything; a sentence on what is wrong with it (v may have been written), or
     * NULL. What is missing at the end, or left over, is for others to refuse. Of the call there are the rows, and room
     * for n doubles. */
    const char *(*decode)(compressor_call_t *c, incoming_t *r, size_t n, void *v);
    /* delta: E |C(x) - x|^2 <= (1 - delta) |x|^2 for all x; NULL or NaN: there is none. */
    double (*contraction)(const double *option, size_t n);
    /* omega: E C(x) = x and E |C(x) - x|^2 <= omega |x|^2 for all x; NULL or NaN: there is none. */
    double (*variance)(const double *option, size_t n);
} compressor_t;

/* compressor_call_t.rows of a tensor with these dimensions. */
static inline size_t compressor_rows(int ndim, const int64_t *dims) {
    return ndim >= 2 ? (size_t)dims[0] : 0;
}

/* The copies of one compressor for one instruction-set level, by precision: f32, f64. */
typedef struct compressor_level {
    const compressor_t *precision[2];
} compressor_level_t;

/* ---- Service of a step, for an option whose range is "compressor" ---- */

/*
 * A state that is an array of reals like the parameter (`exact`, or within the step) becomes what a receiver of the
 * compressed message would decode. The vector is each tensor by itself, with its group's options; or, where the method
 * has an option `scope` and its word is "global", all its tensors one after the other, with the first group's. Frozen
 * tensors are no part of it. The step's number is that of the tensor, or of the handle.
 */
void step_compress(step_t *s, int option, int state);

/* ---- In compressor files ---- */
#ifdef REAL

/* Name of a descriptor: one for each precision and instruction-set level. */
#define COMPRESSOR_PASTE(name, suffix) compressor_##name##_##suffix
#define COMPRESSOR_EXPAND(name, suffix) COMPRESSOR_PASTE(name, suffix)
#define COMPRESSOR(name) COMPRESSOR_EXPAND(name, METHOD_SUFFIX)

#endif

#endif
