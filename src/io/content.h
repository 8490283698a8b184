/* What a checkpoint says of a handle, before it is written: the record, and where the arrays are. */
#ifndef IO_CONTENT_H
#define IO_CONTENT_H

#include "io/arrays.h"
#include "io/jsontext.h"
#include "io/stream.h"

typedef struct content {
    jsontext_t record; /* up to its last member, "sums" */
    arrays_t arrays;   /* all that writing reads: they may be moved, or some of them left out, before */
} content_t;

/* `of_ranks`: what is written will be one of several files. Errors: NOMEM, VALUE. Freed by content_free, even so. */
optim_status content_make(content_t *content, const optim_t *opt, bool of_ranks);
/* The same without arrays, which the record then says. */
optim_status content_make_numbers(content_t *content, const optim_t *opt);
void content_free(content_t *content);

/* The header of the file, to be freed, and its checksum, which that of every array is a part of: nothing else has the
 * same. Of checksums alone, `only_counts` leaves the values out. Errors: NOMEM. */
optim_status content_header(const content_t *content, bool only_counts, jsontext_t *header,
                            char checksum[CHECKSUM_TEXT]);
/* Writes the header and the arrays. Errors: the sink's. */
optim_status content_write_with(sink_t *sink, const content_t *content, const jsontext_t *header);

/* Both. A writer_t: `context` is a content_t. */
optim_status content_write(sink_t *sink, const void *context);

/* To the file at `path`. Errors: IO, NOMEM. */
optim_status content_save(const content_t *content, const char *path);

#endif
