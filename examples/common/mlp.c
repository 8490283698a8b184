#include "mlp.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "random.h"

/* c (m x n) <- op(a) op(b) + beta c with inner dimension k; all row-major and dense. */
static void multiply(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, const float *a,
                     const float *b, float beta, float *c) {
    const size_t lda = ta == CblasNoTrans ? k : m, ldb = tb == CblasNoTrans ? n : k;
    cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, 1.0F, a, (int)lda, b, (int)ldb, beta, c, (int)n);
}

static void sum_columns(size_t rows, size_t columns, const float *matrix, float *sum) {
    for (size_t j = 0; j < columns; ++j)
        sum[j] = 0;
    for (size_t i = 0; i < rows; ++i)
        cblas_saxpy((int)columns, 1.0F, matrix + i * columns, 1, sum, 1);
}

static void fill_rows(size_t rows, size_t columns, const float *row, float *matrix) {
    for (size_t i = 0; i < rows; ++i)
        cblas_scopy((int)columns, row, 1, matrix + i * columns, 1);
}

/* ---- Life ---- */

static void set_tensor(mlp_tensor_t *tensor, const char *name, size_t rows, size_t columns) {
    tensor->name = name;
    tensor->ndim = rows > 0 ? 2 : 1;
    tensor->dims[0] = (int64_t)(rows > 0 ? rows : columns);
    tensor->dims[1] = rows > 0 ? (int64_t)columns : 0;
    tensor->count = rows > 0 ? rows * columns : columns;
}

static float *take(float **memory, size_t count) {
    float *piece = *memory;
    *memory += count;
    return piece;
}

int mlp_create(mlp_t *net, size_t inputs, size_t hidden, size_t outputs, size_t rows) {
    *net = (mlp_t){.inputs = inputs, .hidden = hidden, .outputs = outputs};
    set_tensor(&net->tensor[MLP_W1], "w1", hidden, inputs);
    set_tensor(&net->tensor[MLP_B1], "b1", 0, hidden);
    set_tensor(&net->tensor[MLP_W2], "w2", outputs, hidden);
    set_tensor(&net->tensor[MLP_B2], "b2", 0, outputs);
    for (int i = 0; i < MLP_TENSORS; ++i)
        net->parameters += net->tensor[i].count;

    net->memory = calloc(2 * net->parameters + rows * (4 * hidden + 3 * outputs), sizeof *net->memory);
    if (net->memory == NULL)
        return -1;
    float *free_memory = net->memory;
    for (int i = 0; i < MLP_TENSORS; ++i) {
        net->tensor[i].value = take(&free_memory, net->tensor[i].count);
        net->tensor[i].grad = take(&free_memory, net->tensor[i].count);
    }
    float **hidden_buffers[] = {&net->a, &net->ra, &net->e, &net->re};
    for (size_t i = 0; i < sizeof hidden_buffers / sizeof *hidden_buffers; ++i)
        *hidden_buffers[i] = take(&free_memory, rows * hidden);
    float **output_buffers[] = {&net->p, &net->rp, &net->d};
    for (size_t i = 0; i < sizeof output_buffers / sizeof *output_buffers; ++i)
        *output_buffers[i] = take(&free_memory, rows * outputs);
    return 0;
}

void mlp_destroy(mlp_t *net) {
    free(net->memory);
    net->memory = NULL;
}

void mlp_init(mlp_t *net, uint64_t seed) {
    uint64_t random = seed;
    for (int i = 0; i < MLP_TENSORS; ++i) {
        mlp_tensor_t *t = &net->tensor[i];
        const double bound = t->ndim == 2 ? sqrt(6.0 / (double)(t->dims[0] + t->dims[1])) : 0;
        for (size_t j = 0; j < t->count; ++j)
            t->value[j] = (float)(bound * (2 * random_uniform(&random) - 1));
    }
}

/* ---- Forward ---- */

/* Turns a row of logits into probabilities in place; returns -log of the probability of `label`. */
static double softmax(size_t n, float *row, unsigned label) {
    float top = row[0];
    for (size_t j = 1; j < n; ++j)
        top = row[j] > top ? row[j] : top;
    const double at_label = (double)row[label] - (double)top;
    row[0] = expf(row[0] - top);
    double sum = (double)row[0];
    for (size_t j = 1; j < n; ++j) {
        row[j] = expf(row[j] - top);
        sum += (double)row[j];
    }
    for (size_t j = 0; j < n; ++j)
        row[j] = (float)((double)row[j] / sum);
    return log(sum) - at_label;
}

double mlp_loss(mlp_t *net, const batch_t *batch) {
    const mlp_tensor_t *t = net->tensor;
    const size_t n = batch->rows, hidden = net->hidden, outputs = net->outputs;

    fill_rows(n, hidden, t[MLP_B1].value, net->a);
    multiply(CblasNoTrans, CblasTrans, n, hidden, net->inputs, batch->x, t[MLP_W1].value, 1, net->a);
    for (size_t i = 0; i < n * hidden; ++i)
        net->a[i] = tanhf(net->a[i]);

    fill_rows(n, outputs, t[MLP_B2].value, net->p);
    multiply(CblasNoTrans, CblasTrans, n, outputs, hidden, net->a, t[MLP_W2].value, 1, net->p);
    double loss = 0;
    for (size_t i = 0; i < n; ++i)
        loss += softmax(outputs, net->p + i * outputs, batch->label[i]);
    return loss / (double)n;
}

double mlp_accuracy(mlp_t *net, const batch_t *batch) {
    mlp_loss(net, batch);
    size_t right = 0;
    for (size_t i = 0; i < batch->rows; ++i) {
        const float *p = net->p + i * net->outputs;
        size_t best = 0;
        for (size_t j = 1; j < net->outputs; ++j)
            best = p[j] > p[best] ? j : best;
        right += best == batch->label[i];
    }
    return (double)right / (double)batch->rows;
}

void mlp_draw_labels(mlp_t *net, const batch_t *batch, uint64_t *random, unsigned char *label) {
    mlp_loss(net, batch);
    for (size_t i = 0; i < batch->rows; ++i) {
        const float *p = net->p + i * net->outputs;
        double left = random_uniform(random);
        size_t j = 0;
        while (j + 1 < net->outputs && (left -= (double)p[j]) >= 0)
            ++j;
        label[i] = (unsigned char)j;
    }
}

/* ---- Backward ---- */

/* Forward, then d = (p - onehot(label)) / rows and e = d W2: the errors before and behind the hidden layer's tanh. */
static double errors(mlp_t *net, const batch_t *batch) {
    const double loss = mlp_loss(net, batch);
    const size_t n = batch->rows, outputs = net->outputs;
    const float scale = 1.0F / (float)n;
    for (size_t i = 0; i < n * outputs; ++i)
        net->d[i] = scale * net->p[i];
    for (size_t i = 0; i < n; ++i)
        net->d[i * outputs + batch->label[i]] -= scale;
    multiply(CblasNoTrans, CblasNoTrans, n, net->hidden, outputs, net->d, net->tensor[MLP_W2].value, 0, net->e);
    return loss;
}

double mlp_gradient(mlp_t *net, const batch_t *batch) {
    const double loss = errors(net, batch);
    const mlp_tensor_t *t = net->tensor;
    const size_t n = batch->rows, hidden = net->hidden, outputs = net->outputs;

    multiply(CblasTrans, CblasNoTrans, outputs, hidden, n, net->d, net->a, 0, t[MLP_W2].grad);
    sum_columns(n, outputs, net->d, t[MLP_B2].grad);
    for (size_t i = 0; i < n * hidden; ++i)
        net->e[i] *= 1 - net->a[i] * net->a[i];
    multiply(CblasTrans, CblasNoTrans, hidden, net->inputs, n, net->e, batch->x, 0, t[MLP_W1].grad);
    sum_columns(n, hidden, net->e, t[MLP_B1].grad);
    return loss;
}

/* ra, rp: derivatives of a and p along the direction. */
static void forward_along(mlp_t *net, const batch_t *batch, const float *const v[MLP_TENSORS]) {
    const size_t n = batch->rows, hidden = net->hidden, outputs = net->outputs;

    fill_rows(n, hidden, v[MLP_B1], net->ra);
    multiply(CblasNoTrans, CblasTrans, n, hidden, net->inputs, batch->x, v[MLP_W1], 1, net->ra);
    for (size_t i = 0; i < n * hidden; ++i)
        net->ra[i] *= 1 - net->a[i] * net->a[i];

    fill_rows(n, outputs, v[MLP_B2], net->rp);
    multiply(CblasNoTrans, CblasTrans, n, outputs, hidden, net->ra, net->tensor[MLP_W2].value, 1, net->rp);
    multiply(CblasNoTrans, CblasTrans, n, outputs, hidden, net->a, v[MLP_W2], 1, net->rp);
    for (size_t i = 0; i < n; ++i) {
        const float *p = net->p + i * outputs;
        float *rp = net->rp + i * outputs;
        const float mean = cblas_sdot((int)outputs, p, 1, rp, 1);
        for (size_t j = 0; j < outputs; ++j)
            rp[j] = p[j] * (rp[j] - mean);
    }
}

void mlp_hessian_product(mlp_t *net, const batch_t *batch, const float *const direction[MLP_TENSORS],
                         float *const product[MLP_TENSORS]) {
    const size_t n = batch->rows, hidden = net->hidden, outputs = net->outputs;
    errors(net, batch);
    forward_along(net, batch, direction);

    float *rd = net->rp; /* derivative of d: that of p, divided by the rows */
    cblas_sscal((int)(n * outputs), 1.0F / (float)n, rd, 1);
    multiply(CblasTrans, CblasNoTrans, outputs, hidden, n, rd, net->a, 0, product[MLP_W2]);
    multiply(CblasTrans, CblasNoTrans, outputs, hidden, n, net->d, net->ra, 1, product[MLP_W2]);
    sum_columns(n, outputs, rd, product[MLP_B2]);

    multiply(CblasNoTrans, CblasNoTrans, n, hidden, outputs, rd, net->tensor[MLP_W2].value, 0, net->re);
    multiply(CblasNoTrans, CblasNoTrans, n, hidden, outputs, net->d, direction[MLP_W2], 1, net->re);
    for (size_t i = 0; i < n * hidden; ++i) {
        const float a = net->a[i];
        net->re[i] = (1 - a * a) * net->re[i] - 2 * a * net->ra[i] * net->e[i];
    }
    multiply(CblasTrans, CblasNoTrans, hidden, net->inputs, n, net->re, batch->x, 0, product[MLP_W1]);
    sum_columns(n, hidden, net->re, product[MLP_B1]);
}
