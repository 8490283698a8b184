#include "base/error.h"

#include <stdarg.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

/* The library's only state outside handles: what went wrong last in this thread. */
static _Thread_local char last[ERROR_TEXT];

/* A sentence quotes what the caller gave, perhaps cut off: what is no character, or would control a terminal, becomes
   '?'. */
static void make_printable(char *text) {
    const char *end = text + strlen(text);
    for (size_t length; text < end; text += length) {
        length = utf8_length(text, (size_t)(end - text));
        if (length == 0 || utf8_is_control(text, length)) {
            *text = '?';
            length = 1; /* what follows of a longer one is no character either */
        }
    }
}

void error_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)number_print_list(last, sizeof last, format, arguments);
    va_end(arguments);
    make_printable(last);
}

void error_lead(const char *format, ...) {
    char sentence[ERROR_TEXT], lead[ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)number_print_list(lead, sizeof lead, format, arguments);
    va_end(arguments);
    memcpy(sentence, last, sizeof sentence);
    error_text("%s: %s", lead, sentence);
}

optim_status refuse_null(const void *pointer, const char *name) {
    return pointer != NULL ? OPTIM_OK : error_set(OPTIM_ERR_NULL, "argument \"%s\" must not be NULL", name);
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
        {OPTIM_ERR_MISSING, "the library was built without what this needs"},
        {OPTIM_ERR_IO, "a file cannot be read or written"},
        {OPTIM_ERR_FORMAT, "not a checkpoint or message, or a damaged one"},
        {OPTIM_ERR_CHECKPOINT, "a checkpoint of another optimizer"},
        {OPTIM_ERR_COMM, "another rank did not answer or does something else"},
    };
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; ++i)
        if (MEANINGS[i].status == status)
            return MEANINGS[i].meaning;
    return "not a status of this library";
}
