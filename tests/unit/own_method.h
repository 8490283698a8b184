/* Methods that tests bring along, for what no method of the registry does: in double alone, one kernel or a few. */
#ifndef UNIT_OWN_METHOD_H
#define UNIT_OWN_METHOD_H

#define REAL double
#include "check.h"
#include "engine/method.h"
#include "optimizer/optimizer.h"

/* A handle that runs it, as optim_create would make one. */
static inline optim_status own_create(optim_t **opt, const method_t *method, const char *options) {
    registry_method_t entry = {.name = method->name, .family = ""};
    for (int level = 0; level < ENGINE_LEVELS; ++level)
        for (int precision = 0; precision < PRECISIONS; ++precision)
            entry.level[level].precision[precision] = method;
    return handle_create(opt, &entry, options);
}

/* One parameter, "x" in group 0, of `count` doubles; grad may be NULL. */
static inline optim_t *own_handle(const method_t *method, const char *options, int64_t count, double *x, double *g) {
    optim_t *opt;
    CHECK_OK(own_create(&opt, method, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &count, x, g));
    return opt;
}

static inline optim_request own_request(const optim_t *opt) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(opt, &request));
    return request;
}

#endif
