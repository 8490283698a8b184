/* Numbers in text without regard to the locale. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* The C locale for this thread alone, for the time between the two calls. */
typedef struct number_locale {
    locale_t ours, before;
} number_locale_t;
number_locale_t number_locale_enter(void);
void number_locale_leave(number_locale_t state);

/* snprintf and vsnprintf, with a decimal point whatever the locale. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int number_print(char *text, size_t room, const char *format, ...);
#if defined(__GNUC__)
__attribute__((format(printf, 3, 0)))
#endif
int number_print_list(char *text, size_t room, const char *format, va_list arguments);

/* The shortest usual text from which number_parse reads the same number; "nan" for NaN, which it does not read. */
enum { NUMBER_TEXT = 32 };
void number_text(double value, char text[NUMBER_TEXT]);

/* Reads all of text[0..length) as one number ("inf" included, NaN and hexadecimal not). */
bool number_parse(const char *text, size_t length, double *value);

#endif
