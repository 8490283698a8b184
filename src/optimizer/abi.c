#include "optimizer/abi.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* The size a caller's struct says it has; checks it and that an unknown tail is zero. */
static optim_status read_size(const void *theirs, size_t our_size, const char *type, size_t *size) {
    enum { LARGEST = 4096 }; /* more is no struct of ours but an uninitialised size */
    memcpy(size, theirs, sizeof *size);
    if (*size < sizeof *size || *size > LARGEST)
        return error_set(OPTIM_ERR_ARGUMENT, "the size of an %s cannot be %zu: set its first member to sizeof(%s)",
                         type, *size, type);
    for (size_t i = our_size; i < *size; ++i)
        if (((const unsigned char *)theirs)[i] != 0)
            return error_set(OPTIM_ERR_ARGUMENT, "the %s is from a newer version and uses a member this one lacks",
                             type);
    return OPTIM_OK;
}

optim_status abi_write(void *theirs, const void *ours, size_t our_size, const char *type) {
    size_t size;
    const optim_status status = read_size(theirs, our_size, type, &size);
    if (status == OPTIM_OK)
        memcpy((char *)theirs + sizeof size, (const char *)ours + sizeof size,
               size_smaller(size, our_size) - sizeof size);
    return status;
}

optim_status abi_read(const void *theirs, void *ours, size_t our_size, const char *type) {
    size_t size;
    const optim_status status = read_size(theirs, our_size, type, &size);
    memset(ours, 0, our_size);
    if (status == OPTIM_OK)
        memcpy(ours, theirs, size_smaller(size, our_size));
    return status;
}
