/*
 * The safetensors format: eight bytes (little-endian) with the length of the header, the header in JSON, then the
 * tensors' bytes one after the other. The header maps names to {"dtype", "shape", "data_offsets"}; under "__metadata__"
 * it has text.
 */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/method.h"
#include "io/jsontext.h"
#include "io/jsontree.h"
#include "io/stream.h"

/* Hexadecimal digits of a checksum (XXH3, 64 bits), and a terminator. */
enum { CHECKSUM_TEXT = 17 };
void checksum_text(uint64_t checksum, char text[CHECKSUM_TEXT]);

/* The format's name of a dtype: "F32", ... */
const char *safetensors_dtype(optim_dtype dtype);

/* Bytes of one element; 0: no such dtype. */
size_t safetensors_item(const char *dtype);

/* Room for the dimensions of a parameter, and one for copies. */
typedef struct shape {
    size_t count;
    int64_t dims[TENSOR_DIMS + 1];
} shape_t;

/* ---- Writing ---- */

/* Begins a header, all zero so far, with `text` as metadata "libgradopt". */
void safetensors_begin(jsontext_t *header, const char *text);

/* Adds a tensor of `bytes` bytes after those before; *end moves on. */
void safetensors_add(jsontext_t *header, const char *name, const char *dtype, const shape_t *shape, size_t bytes,
                     size_t *end);

/* Ends the header with a checksum of it. Errors: NOMEM, also for what failed while the header was made. */
optim_status safetensors_end(jsontext_t *header, char checksum[CHECKSUM_TEXT]);

/* Writes the length of a header that has been ended, and the header. Errors: the sink's. */
optim_status safetensors_write_header(sink_t *sink, const jsontext_t *header);

/* ---- Reading ---- */

typedef struct safetensors_entry {
    const char *name, *dtype;
    const jsontree_t *shape; /* an array of integers >= 0 */
    source_t *source;        /* where its bytes are, ... */
    size_t begin, bytes;     /* ... from the start of that */
    const char *checksum;    /* that they must have, where another record than the loaded one says it; else NULL */
    bool taken;              /* by who loads: what nobody has taken is unknown to the handle */
} safetensors_entry_t;

typedef struct safetensors {
    jsontree_t *header;
    const char *text; /* the metadata "libgradopt"; NULL: there is none */
    size_t count;
    safetensors_entry_t *entries; /* by name */
    char checksum[CHECKSUM_TEXT]; /* that the header has ... */
    bool is_intact;               /* ... and says that it has */
} safetensors_t;

/*
 * Reads and checks the header: every tensor's dtype, shape and bytes agree, they fill the source without gap or
 * overlap, no name comes twice. Errors: FORMAT, IO, NOMEM.
 */
optim_status safetensors_read(safetensors_t *file, source_t *source);
void safetensors_free(safetensors_t *file);
/* Adds the entries of `more`, which must live as long, to those of `file`. Errors: FORMAT (one name twice), NOMEM. */
optim_status safetensors_join(safetensors_t *file, const safetensors_t *more, const source_t *source);
safetensors_entry_t *safetensors_find(const safetensors_t *file, const char *name);

#endif
