#include "io/system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "io/reason.h"

optim_status io_error(const char *doing, const char *path) {
    char reason[128];
    return error_set(OPTIM_ERR_IO, "%s \"%.*s%s\": %s", doing, LONGEST_PATH, path,
                     strlen(path) > LONGEST_PATH ? "..." : "", reason_of(errno, reason, sizeof reason));
}

bool io_interrupted(long result) {
    return result < 0 && errno == EINTR;
}

int io_open(int folder, const char *path, int flags, mode_t mode) {
    int descriptor;
    do
        descriptor = openat(folder, path, flags | O_CLOEXEC, mode);
    while (io_interrupted(descriptor));
    return descriptor;
}

bool io_unsupported(void) {
    // NOLINTNEXTLINE(misc-redundant-expression): ENOTSUP and EOPNOTSUPP are two numbers on some systems
    return errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOTSUP || errno == EINVAL || errno == ENOTTY;
}

bool io_denied(void) {
    return errno == EPERM || errno == EACCES;
}
