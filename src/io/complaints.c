#include "io/complaints.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/number.h"

void complain(complaints_t *complaints, const char *format, ...) {
    char *at = complaints->text + complaints->used;
    const size_t room = sizeof complaints->text - complaints->used;
    const char *separator = complaints->used == 0 ? "" : "; ";
    char sentence[COMPLAINTS_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)number_print_list(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    ++complaints->count;
    const int length = snprintf(at, room, "%s%s", separator, sentence);
    if (length < 0 || (size_t)length >= room) { /* does not fit: what stands there ends before it */
        if (complaints->used > 0)
            *at = '\0';
        complaints->used = complaints->shown == 0 ? sizeof complaints->text - 1 : complaints->used;
        complaints->shown += complaints->shown == 0;
        return;
    }
    complaints->used += (size_t)length;
    ++complaints->shown;
}

optim_status complaints_end(const complaints_t *complaints, const char *source) {
    char rest[40] = "";
    if (complaints->count == 0)
        return OPTIM_OK;
    if (complaints->count > complaints->shown)
        (void)snprintf(rest, sizeof rest, "; and %zu more", complaints->count - complaints->shown);
    return error_set(OPTIM_ERR_CHECKPOINT, "%s does not fit this optimizer: %s%s", source, complaints->text, rest);
}
