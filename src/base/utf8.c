#include "base/utf8.h"

size_t utf8_length(const char *at, size_t room) {
    const unsigned char first = room == 0 ? 0 : (unsigned char)*at;
    const size_t length = first < 0x80   ? 1
                          : first < 0xC2 ? 0
                          : first < 0xE0 ? 2
                          : first < 0xF0 ? 3
                          : first < 0xF5 ? 4
                                         : 0;
    if (length > room)
        return 0;
    for (size_t i = 1; i < length; ++i)
        if (((unsigned char)at[i] & 0xC0) != 0x80)
            return 0;
    const unsigned char second = length > 1 ? (unsigned char)at[1] : 0;
    const bool too_long = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second >= 0xA0, too_large = first == 0xF4 && second >= 0x90;
    return too_long || surrogate || too_large ? 0 : length;
}

bool utf8_is_control(const char *at, size_t length) {
    const unsigned char first = (unsigned char)at[0];
    if (length == 1)
        return first < 0x20 || first == 0x7F;
    return length == 2 && first == 0xC2 && (unsigned char)at[1] < 0xA0; /* U+0080 to U+009F */
}
