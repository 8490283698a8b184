/* A plugin with the static library in it. */
#include <optim/optim.h>

typedef void function_t(void);
extern function_t *const plugin_needs[];
function_t *const plugin_needs[] = {
    (function_t *)optim_create,     (function_t *)optim_add_param, (function_t *)optim_set_threads,
    (function_t *)optim_save_async, (function_t *)optim_step,      (function_t *)optim_destroy,
    (function_t *)optim_error,
};
