#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/number.h"

/* The library's only state outside handles: what went wrong last in this thread. */
static _Thread_local char last[ERROR_TEXT];

/* Bytes of the UTF-8 character that `text` begins with; 0 if there is none. */
static size_t character(const unsigned char *text) {
    const unsigned char c = text[0];
    const size_t length = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (length > 1) { /* neither longer than need be, nor a surrogate, nor beyond the last one */
        const unsigned char lowest = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
        const unsigned char highest = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
        if (text[1] < lowest || text[1] > highest)
            return 0;
    }
    for (size_t i = 2; i < length; ++i)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

/* A sentence quotes what the caller gave, perhaps cut off: what is no character, or would control a terminal, becomes '?'. */
static void make_printable(unsigned char *text) {
    for (size_t length; *text != '\0'; text += length) {
        length = character(text);
        if (length == 0 || *text < 0x20 || *text == 0x7F) {
            *text = '?';
            length = 1;
        }
    }
}

void error_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const number_locale_t before = number_locale_enter();
    (void)vsnprintf(last, sizeof last, format, arguments);
    number_locale_leave(before);
    va_end(arguments);
    make_printable((unsigned char *)last);
}

const char *optim_error(void) {
    return last;
}

const char *optim_strerror(optim_status status) {
    static const struct {
        optim_status status;
        const char *meaning;
    } MEANINGS[] = {
        {OPTIM_OK, "done"},
        {OPTIM_EVAL_GRAD, "request: evaluate the gradient (and the loss) at the parameters as they stand"},
        {OPTIM_EVAL_LOSS, "request: evaluate the loss at the parameters as they stand"},
        {OPTIM_EVAL_HVP, "request: evaluate Hessian-vector products at the parameters as they stand"},
        {OPTIM_ERR_NULL, "a required pointer is NULL"},
        {OPTIM_ERR_ARGUMENT, "an argument is out of range"},
        {OPTIM_ERR_NAME, "no method, wrapper or schedule of that name"},
        {OPTIM_ERR_OPTION, "no such option"},
        {OPTIM_ERR_VALUE, "an option's value is malformed or out of range"},
        {OPTIM_ERR_DUPLICATE, "already there"},
        {OPTIM_ERR_SHAPE, "dimensions are wrong or do not suit the method"},
        {OPTIM_ERR_MISMATCH, "these methods or wrappers cannot work together"},
        {OPTIM_ERR_ORDER, "not possible at this point"},
        {OPTIM_ERR_OPEN, "a request is open"},
        {OPTIM_ERR_SWAPPED, "the output is swapped in"},
        {OPTIM_ERR_CLOSED, "no such request is open"},
        {OPTIM_ERR_LOSS, "the loss is missing"},
        {OPTIM_ERR_NONFINITE, "NaN or infinity in the gradient or the loss"},
        {OPTIM_ERR_DOMAIN, "parameters outside the method's domain"},
        {OPTIM_ERR_LINE_SEARCH, "the line search found no acceptable step"},
        {OPTIM_ERR_NOMEM, "out of memory"},
        {OPTIM_ERR_SIZE, "a size overflows"},
        {OPTIM_ERR_IO, "a file cannot be read or written"},
        {OPTIM_ERR_FORMAT, "not a checkpoint, or a damaged one"},
        {OPTIM_ERR_CHECKPOINT, "a checkpoint of another optimizer"},
    };
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; ++i)
        if (MEANINGS[i].status == status)
            return MEANINGS[i].meaning;
    return "not a status of this library";
}
