#include "model.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tensors of a layer, from its first on; around the layers stand three and two. */
enum { GAIN1, QKV, OUT, GAIN2, UP, DOWN, PER_LAYER };
enum { TOKEN, POSITION, FIRST_LAYER };

/* What one layer's forward pass leaves, n rows of it. */
typedef struct gpt_layer {
    float *x, *norm1, *moments1, *qkv, *weights, *mixed; /* weights: attention, [row][head][t][t] */
    float *x2, *norm2, *moments2, *up, *gelu;
} gpt_layer_t;

/* Shared by all layers, behind them in `activity`. */
typedef struct shared {
    float *x, *norm, *moments, *logits; /* logits become their gradient */
    float *dx, *dwide, *dnarrow, *dqkv;
} shared_t;

/* ---- Setting up ---- */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static float normal(uint64_t *state) {
    const double u = ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53,
                 v = ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static void describe(gpt_tensor_t *tensor, const char *name, int layer, int hidden, int64_t rows, int64_t columns) {
    *tensor = (gpt_tensor_t){.ndim = columns == 0 ? 1 : 2, .hidden = hidden, .dims = {rows, columns}};
    tensor->count = (size_t)rows * (columns == 0 ? 1 : (size_t)columns);
    if (layer < 0)
        (void)snprintf(tensor->name, sizeof tensor->name, "%s", name);
    else
        (void)snprintf(tensor->name, sizeof tensor->name, "layer%d.%s", layer, name);
}

static void describe_all(gpt_t *net) {
    const gpt_shape_t s = net->shape;
    const int64_t w = s.width;
    gpt_tensor_t *t = net->tensor;
    describe(t++, "token", -1, 0, s.characters, w);
    describe(t++, "position", -1, 0, s.context, w);
    for (int l = 0; l < s.layers; ++l, t += PER_LAYER) {
        describe(t + GAIN1, "gain1", l, 0, w, 0);
        describe(t + QKV, "qkv", l, 1, 3 * w, w);
        describe(t + OUT, "out", l, 1, w, w);
        describe(t + GAIN2, "gain2", l, 0, w, 0);
        describe(t + UP, "up", l, 1, 4 * w, w);
        describe(t + DOWN, "down", l, 1, w, 4 * w);
    }
    describe(t++, "gain", -1, 0, w, 0);
    describe(t, "head", -1, 0, s.characters, w);
}

static void fill(const gpt_t *net, uint64_t seed) {
    for (int i = 0; i < net->tensors; ++i) {
        const gpt_tensor_t *t = &net->tensor[i];
        const char *dot = strchr(t->name, '.'), *name = dot == NULL ? t->name : dot + 1;
        const int ends_in_sum = strcmp(name, "out") == 0 || strcmp(name, "down") == 0;
        const float deviation = ends_in_sum ? 0.02F / sqrtf(2 * (float)net->shape.layers) : 0.02F;
        for (size_t j = 0; j < t->count; ++j)
            t->value[j] = t->ndim == 1 ? 1 : deviation * normal(&seed);
    }
}

/* Floats that lay_out hands out. */
static size_t activity_count(const gpt_t *net) {
    const gpt_shape_t *s = &net->shape;
    const size_t n = (size_t)net->batch * (size_t)s->context, w = (size_t)s->width;
    const size_t of_layer = 16 * w + 4 + (size_t)s->heads * (size_t)s->context;
    return n * ((size_t)s->layers * of_layer + 11 * w + 2 + (size_t)s->characters);
}

/* The next `count` floats of `activity`. */
static float *take(float **at, size_t count) {
    float *taken = *at;
    *at += count;
    return taken;
}

static shared_t lay_out(const gpt_t *net) {
    const gpt_shape_t s = net->shape;
    const size_t n = (size_t)net->batch * (size_t)s.context, w = (size_t)s.width;
    float *at = net->activity;
    for (int l = 0; l < s.layers; ++l) {
        gpt_layer_t *a = &net->layer[l];
        a->x = take(&at, n * w);
        a->norm1 = take(&at, n * w);
        a->moments1 = take(&at, 2 * n);
        a->qkv = take(&at, n * 3 * w);
        a->weights = take(&at, n * (size_t)s.heads * (size_t)s.context);
        a->mixed = take(&at, n * w);
        a->x2 = take(&at, n * w);
        a->norm2 = take(&at, n * w);
        a->moments2 = take(&at, 2 * n);
        a->up = take(&at, n * 4 * w);
        a->gelu = take(&at, n * 4 * w);
    }
    shared_t all;
    all.x = take(&at, n * w);
    all.norm = take(&at, n * w);
    all.moments = take(&at, 2 * n);
    all.logits = take(&at, n * (size_t)s.characters);
    all.dx = take(&at, n * w);
    all.dwide = take(&at, n * 4 * w);
    all.dnarrow = take(&at, n * w);
    all.dqkv = take(&at, n * 3 * w);
    return all;
}

int gpt_create(gpt_t *net, gpt_shape_t shape, int batch, uint64_t seed) {
    *net = (gpt_t){.shape = shape, .batch = batch, .tensors = FIRST_LAYER + PER_LAYER * shape.layers + 2};
    net->tensor = calloc((size_t)net->tensors, sizeof *net->tensor);
    net->layer = calloc((size_t)shape.layers, sizeof *net->layer);
    if (net->tensor == NULL || net->layer == NULL)
        return -1;
    describe_all(net);
    for (int i = 0; i < net->tensors; ++i)
        net->count += net->tensor[i].count;
    net->values = calloc(net->count, sizeof *net->values);
    net->grads = calloc(net->count, sizeof *net->grads);
    net->activity = calloc(activity_count(net), sizeof *net->activity);
    if (net->values == NULL || net->grads == NULL || net->activity == NULL)
        return -1;
    size_t at = 0;
    for (int i = 0; i < net->tensors; at += net->tensor[i++].count) {
        net->tensor[i].value = net->values + at;
        net->tensor[i].grad = net->grads + at;
    }
    fill(net, seed);
    return 0;
}

void gpt_destroy(gpt_t *net) {
    free(net->tensor);
    free(net->layer);
    free(net->values);
    free(net->grads);
    free(net->activity);
}

void gpt_zero_grad(gpt_t *net) {
    memset(net->grads, 0, net->count * sizeof *net->grads);
}

/* ---- The parts, each with its backward pass ---- */

/* y = x w', n rows; w has `out` rows of `in`. */
static void linear(int n, int in, int out, const float *x, const float *w, float beta, float *y) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, out, in, 1, x, in, w, in, beta, y, out);
}

/* dx = dy w, and dw += dy' x. */
static void linear_back(int n, int in, int out, const float *x, const float *w, const float *dy, float *dx, float *dw) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, in, out, 1, dy, out, w, in, 0, dx, in);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, n, 1, dy, out, x, in, 1, dw, in);
}

/* norm = (x - mean) / deviation times gain; moments are the mean and 1 / deviation of every row. */
static void normalize(int n, int w, const float *x, const float *gain, float *norm, float *moments) {
#pragma omp parallel for
    for (int i = 0; i < n; ++i) {
        const float *row = x + (size_t)i * (size_t)w;
        float mean = 0, square = 0;
        for (int j = 0; j < w; ++j)
            mean += row[j];
        mean /= (float)w;
        for (int j = 0; j < w; ++j)
            square += (row[j] - mean) * (row[j] - mean);
        const float inverse = 1 / sqrtf(square / (float)w + 1e-5F);
        for (int j = 0; j < w; ++j)
            norm[(size_t)i * (size_t)w + (size_t)j] = (row[j] - mean) * inverse * gain[j];
        moments[2 * i] = mean;
        moments[2 * i + 1] = inverse;
    }
}

/* dx += what x does through norm, and dgain += likewise. */
static void normalize_back(int n, int w, const float *x, const float *moments, const float *gain, const float *dnorm,
                           float *dx, float *dgain) {
#pragma omp parallel for
    for (int i = 0; i < n; ++i) {
        const size_t row = (size_t)i * (size_t)w;
        const float mean = moments[2 * i], inverse = moments[2 * i + 1];
        float sum = 0, product = 0;
        for (int j = 0; j < w; ++j) {
            const float d = dnorm[row + (size_t)j] * gain[j];
            sum += d;
            product += d * (x[row + (size_t)j] - mean) * inverse;
        }
        for (int j = 0; j < w; ++j) {
            const float unit = (x[row + (size_t)j] - mean) * inverse, d = dnorm[row + (size_t)j] * gain[j];
            dx[row + (size_t)j] += inverse * (d - (sum + unit * product) / (float)w);
        }
    }
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < w; ++j) {
            const size_t at = (size_t)i * (size_t)w + (size_t)j;
            dgain[j] += dnorm[at] * (x[at] - moments[2 * i]) * moments[2 * i + 1];
        }
}

/* One row and head: weights[t] = softmax of q_t k_s / sqrt(d) over s <= t, mixed_t = sum of weights v_s. */
static void attend(const gpt_shape_t *s, const float *qkv, float *weights, float *mixed) {
    const int w = s->width, d = w / s->heads;
    const float scale = 1 / sqrtf((float)d);
    for (int t = 0; t < s->context; ++t) {
        const float *q = qkv + (size_t)t * 3 * (size_t)w;
        float *a = weights + (size_t)t * (size_t)s->context, *out = mixed + (size_t)t * (size_t)w;
        float largest = -INFINITY, sum = 0;
        for (int u = 0; u <= t; ++u) {
            const float *k = qkv + (size_t)u * 3 * (size_t)w + w;
            a[u] = 0;
            for (int j = 0; j < d; ++j)
                a[u] += q[j] * k[j];
            a[u] *= scale;
            largest = a[u] > largest ? a[u] : largest;
        }
        for (int u = 0; u <= t; ++u)
            sum += a[u] = expf(a[u] - largest);
        memset(out, 0, (size_t)d * sizeof *out);
        for (int u = 0; u <= t; ++u) {
            const float *v = qkv + (size_t)u * 3 * (size_t)w + 2 * (size_t)w;
            a[u] /= sum;
            for (int j = 0; j < d; ++j)
                out[j] += a[u] * v[j];
        }
    }
}

/* dqkv, which is zero before, from dmixed. */
static void attend_back(const gpt_shape_t *s, const float *qkv, const float *weights, const float *dmixed,
                        float *dqkv) {
    const int w = s->width, d = w / s->heads;
    const float scale = 1 / sqrtf((float)d);
    for (int t = 0; t < s->context; ++t) {
        const size_t row = (size_t)t * 3 * (size_t)w;
        const float *a = weights + (size_t)t * (size_t)s->context, *dout = dmixed + (size_t)t * (size_t)w;
        float mean = 0; /* sum of a da */
        for (int pass = 0; pass < 2; ++pass)
            for (int u = 0; u <= t; ++u) {
                const size_t other = (size_t)u * 3 * (size_t)w;
                float da = 0;
                for (int j = 0; j < d; ++j)
                    da += dout[j] * qkv[other + 2 * (size_t)w + (size_t)j];
                if (pass == 0) {
                    mean += a[u] * da;
                    continue;
                }
                const float dscore = a[u] * (da - mean) * scale;
                for (int j = 0; j < d; ++j) {
                    dqkv[row + (size_t)j] += dscore * qkv[other + (size_t)w + (size_t)j];
                    dqkv[other + (size_t)w + (size_t)j] += dscore * qkv[row + (size_t)j];
                    dqkv[other + 2 * (size_t)w + (size_t)j] += a[u] * dout[j];
                }
            }
    }
}

/* All rows and heads; backward with dmixed. */
static void attention(const gpt_shape_t *s, int rows, const gpt_layer_t *a, const float *dmixed, float *dqkv) {
    const size_t c = (size_t)s->context, w = (size_t)s->width, d = w / (size_t)s->heads;
#pragma omp parallel for collapse(2)
    for (int b = 0; b < rows; ++b)
        for (int h = 0; h < s->heads; ++h) {
            const size_t row = (size_t)b * c, head = (size_t)h * d;
            float *weights = a->weights + (row * (size_t)s->heads + (size_t)h * c) * c;
            if (dmixed == NULL)
                attend(s, a->qkv + row * 3 * w + head, weights, a->mixed + row * w + head);
            else
                attend_back(s, a->qkv + row * 3 * w + head, weights, dmixed + row * w + head,
                            dqkv + row * 3 * w + head);
        }
}

/* gelu by tanh; backward in place: d <- d gelu'(x). */
static void gelu(size_t n, const float *x, float *y) {
#pragma omp parallel for
    for (size_t i = 0; i < n; ++i)
        y[i] = 0.5F * x[i] * (1 + tanhf(0.7978845608F * (x[i] + 0.044715F * x[i] * x[i] * x[i])));
}
static void gelu_back(size_t n, const float *x, float *d) {
#pragma omp parallel for
    for (size_t i = 0; i < n; ++i) {
        const float t = tanhf(0.7978845608F * (x[i] + 0.044715F * x[i] * x[i] * x[i]));
        d[i] *= 0.5F * (1 + t) + 0.5F * x[i] * (1 - t * t) * 0.7978845608F * (1 + 3 * 0.044715F * x[i] * x[i]);
    }
}

/* Mean of -log softmax(logits)[next]; logits become the gradient of that times `scale`. */
static double cross_entropy(int n, int characters, const unsigned char *next, float scale, float *logits) {
    double loss = 0;
#pragma omp parallel for reduction(+ : loss) schedule(static)
    for (int i = 0; i < n; ++i) {
        float *row = logits + (size_t)i * (size_t)characters, largest = row[0], sum = 0;
        for (int j = 1; j < characters; ++j)
            largest = row[j] > largest ? row[j] : largest;
        for (int j = 0; j < characters; ++j)
            sum += expf(row[j] - largest);
        loss += (double)(logf(sum) + largest - row[next[i]]);
        for (int j = 0; j < characters; ++j)
            row[j] = scale / (float)n * (expf(row[j] - largest) / sum - (j == next[i] ? 1 : 0));
    }
    return loss / n;
}

/* ---- The whole ---- */

static void forward(gpt_t *net, int rows, const unsigned char *in, const shared_t *all) {
    const gpt_shape_t *s = &net->shape;
    const gpt_tensor_t *t = net->tensor;
    const int n = rows * s->context, w = s->width;
    float *x = s->layers > 0 ? net->layer[0].x : all->x;
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < w; ++j)
            x[(size_t)i * (size_t)w + (size_t)j] = t[TOKEN].value[(size_t)in[i] * (size_t)w + (size_t)j] +
                                                   t[POSITION].value[(size_t)(i % s->context) * (size_t)w + (size_t)j];
    for (int l = 0; l < s->layers; ++l) {
        const gpt_layer_t *a = &net->layer[l];
        const gpt_tensor_t *p = t + FIRST_LAYER + PER_LAYER * l;
        float *after = l + 1 < s->layers ? net->layer[l + 1].x : all->x;
        const size_t bytes = (size_t)n * (size_t)w * sizeof *x;
        normalize(n, w, a->x, p[GAIN1].value, a->norm1, a->moments1);
        linear(n, w, 3 * w, a->norm1, p[QKV].value, 0, a->qkv);
        attention(s, rows, a, NULL, NULL);
        memcpy(a->x2, a->x, bytes);
        linear(n, w, w, a->mixed, p[OUT].value, 1, a->x2);
        normalize(n, w, a->x2, p[GAIN2].value, a->norm2, a->moments2);
        linear(n, w, 4 * w, a->norm2, p[UP].value, 0, a->up);
        gelu((size_t)n * 4 * (size_t)w, a->up, a->gelu);
        memcpy(after, a->x2, bytes);
        linear(n, 4 * w, w, a->gelu, p[DOWN].value, 1, after);
    }
    const gpt_tensor_t *last = t + net->tensors - 2;
    normalize(n, w, all->x, last[0].value, all->norm, all->moments);
    linear(n, w, s->characters, all->norm, last[1].value, 0, all->logits);
}

static void backward(gpt_t *net, int rows, const unsigned char *in, const shared_t *all) {
    const gpt_shape_t *s = &net->shape;
    const gpt_tensor_t *t = net->tensor, *last = t + net->tensors - 2;
    const int n = rows * s->context, w = s->width;
    const size_t bytes = (size_t)n * (size_t)w * sizeof(float);
    linear_back(n, w, s->characters, all->norm, last[1].value, all->logits, all->dnarrow, last[1].grad);
    memset(all->dx, 0, bytes);
    normalize_back(n, w, all->x, all->moments, last[0].value, all->dnarrow, all->dx, last[0].grad);
    for (int l = s->layers - 1; l >= 0; --l) {
        const gpt_layer_t *a = &net->layer[l];
        const gpt_tensor_t *p = t + FIRST_LAYER + PER_LAYER * l;
        linear_back(n, 4 * w, w, a->gelu, p[DOWN].value, all->dx, all->dwide, p[DOWN].grad);
        gelu_back((size_t)n * 4 * (size_t)w, a->up, all->dwide);
        linear_back(n, w, 4 * w, a->norm2, p[UP].value, all->dwide, all->dnarrow, p[UP].grad);
        normalize_back(n, w, a->x2, a->moments2, p[GAIN2].value, all->dnarrow, all->dx, p[GAIN2].grad);
        linear_back(n, w, w, a->mixed, p[OUT].value, all->dx, all->dnarrow, p[OUT].grad);
        memset(all->dqkv, 0, 3 * bytes);
        attention(s, rows, a, all->dnarrow, all->dqkv);
        linear_back(n, w, 3 * w, a->norm1, p[QKV].value, all->dqkv, all->dnarrow, p[QKV].grad);
        normalize_back(n, w, a->x, a->moments1, p[GAIN1].value, all->dnarrow, all->dx, p[GAIN1].grad);
    }
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < w; ++j) {
            const float d = all->dx[(size_t)i * (size_t)w + (size_t)j];
            t[TOKEN].grad[(size_t)in[i] * (size_t)w + (size_t)j] += d;
            t[POSITION].grad[(size_t)(i % s->context) * (size_t)w + (size_t)j] += d;
        }
}

double gpt_loss(gpt_t *net, int rows, const unsigned char *in, const unsigned char *next) {
    const shared_t all = lay_out(net);
    forward(net, rows, in, &all);
    return cross_entropy(rows * net->shape.context, net->shape.characters, next, 0, all.logits);
}

double gpt_gradient(gpt_t *net, int rows, const unsigned char *in, const unsigned char *next, float scale) {
    const shared_t all = lay_out(net);
    forward(net, rows, in, &all);
    const double loss = cross_entropy(rows * net->shape.context, net->shape.characters, next, scale, all.logits);
    backward(net, rows, in, &all);
    return loss;
}

const float *gpt_next(gpt_t *net, const unsigned char *text, int length) {
    const shared_t all = lay_out(net);
    unsigned char *row = calloc((size_t)net->shape.context, 1); /* what stands behind the text is not looked at */
    if (row == NULL)
        return NULL;
    memcpy(row, text, (size_t)length);
    forward(net, 1, row, &all);
    free(row);
    return all.logits + (size_t)(length - 1) * (size_t)net->shape.characters;
}
