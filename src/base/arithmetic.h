/*
 * What the arithmetic of the library rests on, checked where it is compiled: results are promised to the last bit
 * (docs/numerics.md), and these would change them without a word.
 */
#ifndef BASE_ARITHMETIC_H
#define BASE_ARITHMETIC_H

#include <float.h>

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||                               \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "libgradopt computes as it is written: compile it with -fno-fast-math behind -ffast-math, or without the latter"
#endif

#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* 16: only _Float16, which is not used here */
#error "libgradopt rounds each operation to its type: on 32-bit x86, compile it with -msse2 -mfpmath=sse"
#endif

#endif
