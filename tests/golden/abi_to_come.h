#include "optim/optim.h"
enum { OPTIM_EVAL_LOSSES = 4, OPTIM_EVAL_CONSTRAINTS = 5 };
__attribute__((weak)) optim_status optim_set_components(optim_t *opt, int64_t count);
__attribute__((weak)) optim_status optim_set_losses(optim_t *opt, const double *losses, size_t count);
__attribute__((weak)) optim_status optim_set_input(optim_t *opt, int param, const char *name, optim_dtype dtype, int ndim, const int64_t *dims, const void *data);
__attribute__((weak)) optim_status optim_set_constraints(optim_t *opt, int64_t equalities, int64_t inequalities);
__attribute__((weak)) optim_status optim_constraint_values(optim_t *opt, double **values);
__attribute__((weak)) optim_status optim_constraint_weights(const optim_t *opt, const double **weights);
__attribute__((weak)) size_t optim_map_count(void);
__attribute__((weak)) const char *optim_map_name(size_t i);
__attribute__((weak)) optim_status optim_map_apply(const char *map, double step, optim_dtype dtype, int ndim, const int64_t *dims, void *data);
