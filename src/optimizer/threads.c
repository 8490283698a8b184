/* How many threads a handle uses. */
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/error.h"
#include "optimizer/optimizer.h"

int threads_default(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

optim_status optim_set_threads(optim_t *opt, int threads) {
    enum { MOST_THREADS = 4096 };
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && (threads < 1 || threads > MOST_THREADS))
        status =
            error_set(OPTIM_ERR_ARGUMENT, "the number of threads cannot be %d; valid: 1 to %d", threads, MOST_THREADS);
    if (status == OPTIM_OK)
        status = refuse_open(opt, "changing the number of threads");
    if (status == OPTIM_OK && opt->engine.planned)
        status = plan_share(&opt->engine, threads);
    if (status == OPTIM_OK)
        opt->engine.threads = threads;
    return status;
}
