#include "io/byteorder.h"

#include <stdbool.h>

/* A test that has this file compiled once more takes the machine for one of the other order. */
#ifndef BYTEORDER_IS_LITTLE
#define BYTEORDER_IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#endif
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
               "the bytes of a number lie in one of two orders");

static bool agree(size_t item) {
    return BYTEORDER_IS_LITTLE || item == 1;
}

/* The bytes of every element the other way round; `to` and `from` do not overlap. */
static void turn(unsigned char *to, const unsigned char *from, size_t count, size_t item) {
    for (size_t begin = 0; begin < count; begin += item)
        for (size_t i = 0; i < item; ++i)
            to[begin + i] = from[begin + item - 1 - i];
}

optim_status byteorder_to_file(const void *bytes, size_t count, size_t item, byteorder_take_t *take, void *context) {
    enum { PIECE = 4096 }; /* of whole elements, whatever their size */
    if (agree(item))
        return take(context, bytes, count);
    unsigned char turned[PIECE];
    const unsigned char *from = bytes;
    optim_status status = OPTIM_OK;
    for (size_t done = 0, now; status == OPTIM_OK && done < count; done += now) {
        now = count - done < PIECE ? count - done : PIECE;
        turn(turned, from + done, now, item);
        status = take(context, turned, now);
    }
    return status;
}

void byteorder_from_file(void *bytes, size_t count, size_t item) {
    unsigned char *at = bytes;
    if (agree(item))
        return;
    for (size_t begin = 0; begin < count; begin += item)
        for (size_t i = 0; i < item / 2; ++i) {
            const unsigned char first = at[begin + i];
            at[begin + i] = at[begin + item - 1 - i];
            at[begin + item - 1 - i] = first;
        }
}
