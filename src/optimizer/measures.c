#include "optimizer/measures.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rows.h"

/* ---- Vectors that are read as doubles ---- */

/* One tensor's part of a vector: element i, as a double. */
typedef struct reader {
    const optim_t *opt;
    const tensor_t *tensor;
    optim_dtype dtype;
    const void *at;
    size_t count;
} reader_t;

static size_t read(const reader_t *reader, const void *at, optim_dtype dtype, size_t offset, double *chunk) {
    return primitives_read(reader->opt->engine.primitives, dtype, at, reader->count, offset, chunk);
}

/* What is summed: writes elements from `offset` on, at most READ_ELEMENTS, and returns how many; 0: the end. */
typedef size_t part_t(const reader_t *reader, const void *other, size_t offset, double *chunk);
typedef reader_t reader_of_t(const optim_t *opt, size_t i, int row);

static double sum_of_squares(const optim_t *opt, reader_of_t *of, part_t *part, int row, const copies_t *other,
                             double scale, double *most) {
    double chunk[READ_ELEMENTS], sum = 0;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const reader_t reader = of(opt, i, row);
        const void *by = other == NULL ? NULL : other->of[i];
        for (size_t offset = 0, n; (n = part(&reader, by, offset, chunk)) > 0; offset += n)
            for (size_t j = 0; j < n; ++j) {
                sum += (scale * chunk[j]) * (scale * chunk[j]);
                *most = fabs(chunk[j]) > *most ? fabs(chunk[j]) : *most;
            }
    }
    return sum;
}

static measure_t measure(const optim_t *opt, reader_of_t *of, part_t *part, int row, const copies_t *other) {
    double most = 0;
    const double sum = sum_of_squares(opt, of, part, row, other, 1, &most);
    if (isnan(sum))
        return (measure_t){sum, sum};
    if (most == 0 || !isfinite(most) || (sum > 0x1p-900 && sum < 0x1p900))
        return (measure_t){sqrt(sum), most};
    const double scale = ldexp(1, (int)fmin(fmax(-ilogb(most), -1000), 1000));
    return (measure_t){sqrt(sum_of_squares(opt, of, part, row, other, scale, &most)) / scale, most};
}

/* ---- Gradients ---- */

static reader_t gradient_reader(const optim_t *opt, size_t i, int row) {
    const tensor_t *tensor = &opt->engine.tensors[i];
    if (row < 0)
        return (reader_t){opt, tensor, tensor->grad_dtype, tensor->grad,
                          tensor_has_gradient(tensor) ? tensor->count : 0};
    const station_t *method = chain_method(opt);
    const void *at = method->slot[i * method->states + (size_t)row].at;
    const optim_dtype dtype = tensor_real_dtype(tensor);
    return (reader_t){opt, tensor, dtype, at, tensor_is_frozen(tensor) || at == NULL ? 0 : tensor->count};
}

/* g where the box leaves room for it, otherwise the way to the bound: x - P(x - g) without its rounding. */
static void keep_in_box(const reader_t *reader, double sign, size_t offset, size_t n, double *g) {
    double x[READ_ELEMENTS], lower[READ_ELEMENTS], upper[READ_ELEMENTS];
    const tensor_t *tensor = reader->tensor;
    engine_bounds_read(&reader->opt->engine, tensor, tensor->data, 0, offset, n, x);
    engine_bounds_read(&reader->opt->engine, tensor, tensor->lower, -HUGE_VAL, offset, n, lower);
    engine_bounds_read(&reader->opt->engine, tensor, tensor->upper, HUGE_VAL, offset, n, upper);
    for (size_t j = 0; j < n; ++j) {
        g[j] = sign * g[j] > x[j] - lower[j] ? sign * (x[j] - lower[j]) : g[j];
        g[j] = sign * g[j] < x[j] - upper[j] ? sign * (x[j] - upper[j]) : g[j];
    }
}

static bool is_bound(const reader_t *reader) {
    return reader->at == reader->tensor->grad; /* or of some rows */
}

static size_t read_gradient(const reader_t *reader, size_t offset, double *chunk) {
    return is_bound(reader)
               ? gradient_read(reader->opt->engine.primitives, reader->tensor, reader->count, offset, chunk)
               : read(reader, reader->at, reader->dtype, offset, chunk);
}

static size_t part_of_gradient(const reader_t *reader, const void *other, size_t offset, double *chunk) {
    (void)other;
    const size_t n = read_gradient(reader, offset, chunk);
    if (n > 0 && (reader->tensor->lower != NULL || reader->tensor->upper != NULL)) /* what methods keep they minimize */
        keep_in_box(reader, is_bound(reader) ? loss_sign(reader->opt) : 1, offset, n, chunk);
    return n;
}

measure_t measure_gradient(const optim_t *opt, int row) {
    return measure(opt, gradient_reader, part_of_gradient, row, NULL);
}

/* Methods keep the gradient of what they minimize. */
static double sign_of(const optim_t *opt, int row) {
    return row < 0 ? 1 : loss_sign(opt);
}

void measure_read_gradient(const optim_t *opt, int row, double *g) {
    double chunk[READ_ELEMENTS];
    const double sign = sign_of(opt, row);
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const reader_t reader = gradient_reader(opt, i, row);
        for (size_t offset = 0, n; (n = read_gradient(&reader, offset, chunk)) > 0; offset += n)
            for (size_t j = 0; j < n; ++j)
                g[opt->engine.tensors[i].first_of_all + offset + j] = sign * chunk[j];
    }
}

/* ---- Parameters ---- */

static reader_t parameter_reader(const optim_t *opt, size_t i, int row) {
    (void)row;
    const tensor_t *tensor = &opt->engine.tensors[i];
    return (reader_t){opt, tensor, tensor->dtype, tensor->data, tensor_is_frozen(tensor) ? 0 : tensor->count};
}

static size_t part_of_step(const reader_t *reader, const void *other, size_t offset, double *chunk) {
    double before[READ_ELEMENTS];
    const size_t n = read(reader, reader->at, reader->dtype, offset, chunk);
    if (n > 0)
        (void)read(reader, other, reader->dtype, offset, before);
    for (size_t j = 0; j < n; ++j)
        chunk[j] -= before[j];
    return n;
}

static size_t part_of_parameter(const reader_t *reader, const void *other, size_t offset, double *chunk) {
    (void)other;
    return read(reader, reader->at, reader->dtype, offset, chunk);
}

measure_t measure_step(const optim_t *opt, const copies_t *from) {
    return measure(opt, parameter_reader, part_of_step, 0, from);
}

measure_t measure_parameters(const optim_t *opt) {
    return measure(opt, parameter_reader, part_of_parameter, 0, NULL);
}

double measure_mean_slope(const optim_t *opt, const double *g, int row, const copies_t *from) {
    double now[READ_ELEMENTS], step[READ_ELEMENTS] = {0}, sum = 0;
    const double sign = sign_of(opt, row);
    for (size_t i = 0; i < opt->engine.tensor_count; ++i) {
        const reader_t gradient = gradient_reader(opt, i, row), parameter = parameter_reader(opt, i, 0);
        const double *before = g + opt->engine.tensors[i].first_of_all;
        for (size_t offset = 0, n; (n = read_gradient(&gradient, offset, now)) > 0; offset += n) {
            (void)part_of_step(&parameter, from->of[i], offset, step);
            for (size_t j = 0; j < n; ++j)
                sum += (before[offset + j] + sign * now[j]) / 2 * step[j];
        }
    }
    return sum;
}

static int64_t active_of(const reader_t *reader) {
    double x[READ_ELEMENTS], lower[READ_ELEMENTS], upper[READ_ELEMENTS];
    const tensor_t *tensor = reader->tensor;
    int64_t active = 0;
    for (size_t offset = 0, n; (n = read(reader, tensor->data, tensor->dtype, offset, x)) > 0; offset += n) {
        if (tensor->lower != NULL)
            (void)read(reader, tensor->lower, tensor->dtype, offset, lower);
        if (tensor->upper != NULL)
            (void)read(reader, tensor->upper, tensor->dtype, offset, upper);
        for (size_t j = 0; j < n; ++j)
            active += (tensor->lower != NULL && x[j] <= lower[j]) || (tensor->upper != NULL && x[j] >= upper[j]);
    }
    return active;
}

int64_t measure_active(const optim_t *opt) {
    int64_t active = 0;
    for (size_t i = 0; opt->has_bounds && i < opt->engine.tensor_count; ++i) {
        const reader_t reader = parameter_reader(opt, i, 0);
        if (reader.tensor->lower != NULL || reader.tensor->upper != NULL)
            active += active_of(&reader);
    }
    return active;
}

/* ---- Copies ---- */

static size_t bytes_of(const tensor_t *tensor, bool gradients) {
    return tensor->count * dtype_size(gradients ? tensor->grad_dtype : tensor->dtype);
}

bool copies_make(copies_t *copies, const optim_t *opt, bool gradients) {
    const engine_t *engine = &opt->engine;
    *copies = (copies_t){calloc(engine->tensor_count + 1, sizeof *copies->of), engine->tensor_count, gradients};
    bool made = copies->of != NULL;
    for (size_t i = 0; made && i < copies->count; ++i) {
        copies->of[i] = malloc(bytes_of(&engine->tensors[i], gradients) + 1);
        made = copies->of[i] != NULL;
    }
    if (!made)
        copies_free(copies);
    return made;
}

void copies_free(copies_t *copies) {
    for (size_t i = 0; copies->of != NULL && i < copies->count; ++i)
        free(copies->of[i]);
    free(copies->of);
    copies->of = NULL;
}

static void copy(const copies_t *copies, const optim_t *opt, bool back) {
    for (size_t i = 0; i < copies->count; ++i) {
        const tensor_t *tensor = &opt->engine.tensors[i];
        void *theirs = copies->gradients ? tensor->grad : tensor->data;
        const size_t bytes =
            theirs == NULL ? 0 : bytes_of(tensor, copies->gradients); /* NULL: frozen, or no elements */
        if (bytes > 0)
            memcpy(back ? theirs : copies->of[i], back ? copies->of[i] : theirs, bytes);
    }
}

void copies_take(const copies_t *copies, const optim_t *opt) {
    copy(copies, opt, false);
}

void copies_put_back(const copies_t *copies, const optim_t *opt) {
    copy(copies, opt, true);
}

/* ---- Writing and rounding ---- */

static void put_into_box(const optim_t *opt, const tensor_t *tensor, size_t at, size_t n, double *numbers) {
    double bound[READ_ELEMENTS];
    for (int side = 0; side < 2; ++side) {
        const void *of = side == 0 ? tensor->lower : tensor->upper;
        if (of == NULL)
            continue;
        engine_bounds_read(&opt->engine, tensor, of, 0, at, n, bound);
        for (size_t j = 0; j < n; ++j)
            numbers[j] = side == 0 ? fmax(numbers[j], bound[j]) : fmin(numbers[j], bound[j]);
    }
}

void measure_write(const optim_t *opt, size_t i, size_t at, size_t n, double *numbers) {
    float narrow[READ_ELEMENTS];
    const tensor_t *tensor = &opt->engine.tensors[i];
    put_into_box(opt, tensor, at, n, numbers);
    const primitives_t *primitives = opt->engine.primitives;
    char *to = (char *)tensor->data + at * dtype_size(tensor->dtype);
    for (size_t j = 0; j < n; ++j)
        narrow[j] = (float)numbers[j];
    if (tensor->dtype == OPTIM_F64)
        primitives->store_f64(tensor->dtype, n, numbers, to);
    else
        primitives->store_f32(tensor->dtype, n, narrow, to);
    primitives->load_f64(tensor->dtype, n, to, numbers);
}

double measure_spacing(const optim_t *opt) {
    static const double SPACING[] = {
        [OPTIM_F32] = FLT_EPSILON, [OPTIM_F64] = DBL_EPSILON, [OPTIM_BF16] = 0x1p-7, [OPTIM_F16] = 0x1p-10};
    double spacing = DBL_EPSILON;
    for (size_t i = 0; i < opt->engine.tensor_count; ++i)
        if (!tensor_is_frozen(&opt->engine.tensors[i]))
            spacing = fmax(spacing, SPACING[opt->engine.tensors[i].dtype]);
    return spacing;
}

double measure_rounding(const optim_t *opt) {
    return fmin(measure_spacing(opt), FLT_EPSILON);
}
