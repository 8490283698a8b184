#include "base/number.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

number_locale_t number_locale_enter(void) {
    number_locale_t state = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};
    if (state.ours != (locale_t)0)
        state.before = uselocale(state.ours);
    return state;
}

void number_locale_leave(number_locale_t state) {
    if (state.ours == (locale_t)0)
        return;
    (void)uselocale(state.before);
    freelocale(state.ours);
}

int number_print_list(char *text, size_t room, const char *format, va_list arguments) {
    const number_locale_t before = number_locale_enter();
    const int length = vsnprintf(text, room, format, arguments);
    number_locale_leave(before);
    return length;
}

int number_print(char *text, size_t room, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = number_print_list(text, room, format, arguments);
    va_end(arguments);
    return length;
}

void number_text(double value, char text[NUMBER_TEXT]) {
    const number_locale_t before = number_locale_enter();
    for (int digits = 6; digits <= 17; digits += 11) {
        (void)snprintf(text, NUMBER_TEXT, "%.*g", digits, isnan(value) ? (double)NAN : value);
        if (isnan(value) || strtod(text, NULL) == value)
            break;
    }
    number_locale_leave(before);
    if (isnan(value))
        memcpy(text, "nan", sizeof "nan");
}

static bool only_number_characters(const char *text, size_t length) {
    for (size_t i = 0; i < length; ++i)
        if (text[i] == '\0' || (!isdigit((unsigned char)text[i]) && strchr("+-.eEinf", text[i]) == NULL))
            return false;
    return true;
}

bool number_parse(const char *text, size_t length, double *value) {
    char copy[64];
    if (length == 0 || length >= sizeof copy || !only_number_characters(text, length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *end = NULL;
    const number_locale_t before = number_locale_enter();
    const double parsed = strtod(copy, &end);
    number_locale_leave(before);
    if (*end != '\0' || isnan(parsed))
        return false;
    *value = parsed;
    return true;
}
