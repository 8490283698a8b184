#include "optim/optim.h"
__attribute__((weak)) size_t optim_map_count(void);
__attribute__((weak)) const char *optim_map_name(size_t i);
__attribute__((weak)) optim_status optim_map_apply(const char *map, double step, optim_dtype dtype, int ndim,
                                                   const int64_t *dims, void *data);
