#include "still_handle.h"

#include "check.h"

void still_open(still_t *s, const char *algorithm, const char *options) {
    s->x = 1;
    s->g = 0;
    CHECK_OK(optim_create(&s->opt, algorithm, options));
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 0, NULL, &s->x, &s->g));
}

double still_get(const optim_t *opt, const char *key) {
    double value;
    CHECK_OK(optim_get(opt, 0, key, &value));
    return value;
}
