/* What calls that look at the whole state refuse. */
#include "io/checkpoint.h"

optim_status checkpoint_refuse(const optim_t *opt, const char *doing) {
    const optim_status status = refuse_handle(opt, NOT_OPEN, doing);
    return status == OPTIM_OK ? refuse_swapped_state(opt, doing) : status;
}
