/* The vectors of a server that its checkpoint keeps, each parameter's part an array of its own. */
#ifndef FEDERATED_KEPT_ARRAYS_H
#define FEDERATED_KEPT_ARRAYS_H

#include "federated/server.h"
#include "io/safetensors.h"

enum { SERVER_FORMAT = 1 }; /* of the record */

typedef struct kept_array {
    char *name;
    const server_param_t *param;
    double *at;
} kept_array_t;
typedef struct kept_arrays {
    kept_array_t *array;
    size_t count, room;
} kept_arrays_t;

/* All of them, where they are. Error: NOMEM. */
optim_status kept_arrays_list(kept_arrays_t *arrays, const server_t *s);
void kept_arrays_free(kept_arrays_t *arrays);
shape_t kept_array_shape(const server_param_t *param);
size_t kept_array_bytes(const kept_array_t *array);

#endif
