/* Maps by themselves, without a handle. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/entry_values.h"
#include "optimizer/optimizer.h"

/* A map is read as the value of an option. */
static const option_t OPTIONS[] = {{"map", 0, "map", "", .choice = "prox_l1"}, {0}};

/* A call, ready to be made: `m` has all but the room. */
typedef struct job {
    double option[1 + OPTION_ROOM];
    const map_level_t *typed;
    const map_t *map;
    map_call_t m;
    optim_dtype dtype;
    int precision;
    size_t n;
    void *reals;
} job_t;

static optim_status read_map(job_t *job, const char *text, double step) {
    optim_status status = engine_check_level();
    if (status == OPTIM_OK)
        status = values_parse(OPTIONS, job->option, 0, text, strlen(text));
    if (status != OPTIM_OK)
        return status;
    const registry_map_t *found = &REGISTRY_MAPS[(size_t)job->option[0]];
    job->typed = registry_map_at(engine_best_level(), (size_t)job->option[0]);
    job->map = found->level[0].precision[PRECISION_F64];
    job->m = (map_call_t){.option = job->option + 1, .step = step};
    if (!(step >= 0 && isfinite(step)))
        return error_set(OPTIM_ERR_VALUE, "the step of map \"%s\" cannot be %.17g; valid: [0,inf)", job->map->name,
                         step);
    const char *wrong = job->map->check == NULL ? NULL : job->map->check(job->m.option, step);
    return wrong == NULL ? OPTIM_OK : error_set(OPTIM_ERR_VALUE, "%s: %s", job->map->name, wrong);
}

static optim_status read_shape(job_t *job, optim_dtype dtype, int ndim, const int64_t *dims) {
    const optim_status status = data_shape(dtype, ndim, dims, &job->n);
    if (status != OPTIM_OK)
        return status;
    job->dtype = dtype;
    job->precision = dtype == OPTIM_F64 ? PRECISION_F64 : PRECISION_F32;
    job->m.rows = map_rows(job->map, job->m.option, ndim, dims);
    const char *wrong = map_refuses(job->map, job->n, job->m.rows);
    if (wrong == NULL)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_SHAPE, "map \"%s\" cannot take %zu elements in %zu rows: %s", job->map->name, job->n,
                     job->m.rows, wrong);
}

/* Room for the map, and for the data as reals. */
static optim_status take_memory(job_t *job, const void *data) {
    const size_t doubles = map_workspace(job->map, job->n, job->m.rows);
    size_t work, reals, bytes;
    if (!size_multiply(doubles, sizeof(double), &work) ||
        !size_multiply(job->n, job->precision == PRECISION_F64 ? sizeof(double) : sizeof(float), &reals) ||
        !size_add(size_aligned(work), reals, &bytes) || bytes > PTRDIFF_MAX)
        return error_set(OPTIM_ERR_SIZE, "map \"%s\" needs more than memory can be for %zu elements", job->map->name,
                         job->n);
    job->m.work = memory_aligned(bytes);
    if (job->m.work == NULL)
        return error_nomem("applying a map");
    job->reals = (char *)job->m.work + size_aligned(work);
    primitives_load(engine_primitives(engine_best_level()), job->precision == PRECISION_F64, job->dtype, job->n, data,
                    job->reals);
    return OPTIM_OK;
}

/* Everything up to the call itself; what it takes is to be freed with job->m.work. */
static optim_status prepare(job_t *job, const char *map, double step, optim_dtype dtype, int ndim, const int64_t *dims,
                            const void *data) {
    *job = (job_t){.map = NULL};
    optim_status status = refuse_null(map, "map");
    if (status == OPTIM_OK)
        status = read_map(job, map, step);
    if (status == OPTIM_OK)
        status = read_shape(job, dtype, ndim, dims);
    if (status == OPTIM_OK && job->n > 0)
        status = refuse_null(data, "data");
    return status == OPTIM_OK ? take_memory(job, data) : status;
}

optim_status optim_map_apply(const char *map, double step, optim_dtype dtype, int ndim, const int64_t *dims,
                             void *data) {
    job_t job;
    const optim_status status = prepare(&job, map, step, dtype, ndim, dims, data);
    if (status != OPTIM_OK)
        return status;
    map_apply(job.typed, job.precision, &job.m, job.n, job.reals);
    primitives_store(engine_primitives(engine_best_level()), job.precision == PRECISION_F64, dtype, job.n, job.reals,
                     data);
    free(job.m.work);
    return OPTIM_OK;
}

optim_status optim_map_value(const char *map, optim_dtype dtype, int ndim, const int64_t *dims, const void *data,
                             double *value) {
    job_t job;
    optim_status status = refuse_null(value, "value");
    if (status == OPTIM_OK)
        status = prepare(&job, map, 0, dtype, ndim, dims, data);
    if (status != OPTIM_OK)
        return status;
    *value = map_value(job.typed, job.precision, &job.m, job.n, job.reals);
    free(job.m.work);
    return OPTIM_OK;
}
