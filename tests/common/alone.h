/* A step of a rank that is alone with itself: it answers exchanges at once. */
#ifndef TESTS_ALONE_H
#define TESTS_ALONE_H

#include "optim/optim.h"

/* optim_step; never returns OPTIM_EXCHANGE. */
optim_status alone_step(optim_t *opt);

#endif
