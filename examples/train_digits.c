/*
 * Trains a two-layer perceptron on handwritten digits with any method of the library, chosen on the command line.
 * What a trainer has to do for every kind of method is in answer() and take_step(); the rest is bookkeeping.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, isatty */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "digits.h"
#include "mlp.h"
#include "settings.h"

#define TARGET_ACCURACY 0.95
#define SMOOTHING 0.95 /* of the loss of mini-batches, in the log and the progress line */

typedef struct trainer {
    settings_t set;
    digits_t digits;
    sampler_t sampler;
    mlp_t net;
    optim_t *opt;
    FILE *log;
    long steps, done;      /* planned, completed */
    long evaluations;      /* of loss, gradient or product */
    double rows_seen;      /* images in all evaluations */
    double loss;           /* of the first gradient of the present step */
    double loss_rows;      /* rows_seen then */
    double smooth, weight; /* moving average of the loss, and its bias correction */
    double accuracy;       /* of the last test */
    long target_step;      /* first tested step with the target accuracy, or -1 */
    double *nanoseconds;   /* inside optim_step, for every step */
    unsigned char *drawn;  /* labels drawn from the network */
    uint64_t random;       /* for those */
} trainer_t;

enum { GO_ON, FINISHED, FAILED };

static int library_error(void) {
    fprintf(stderr, "%s\n", optim_error());
    return FAILED;
}

/* ---- Setting up ---- */

static int add_parameters(trainer_t *t) {
    int split = 0;
    if (t->set.matrix_split != NULL && optim_add_group(t->opt, t->set.matrix_split, &split) < 0)
        return library_error();
    for (int i = 0; i < MLP_TENSORS; ++i) {
        const mlp_tensor_t *w = &t->net.tensor[i];
        const int group = w->ndim < 2 || (t->set.split_head && i == MLP_W2) ? split : 0;
        if (optim_add_param(t->opt, group, w->name, OPTIM_F32, w->ndim, w->dims, w->value, w->grad) < 0)
            return library_error();
    }
    return GO_ON;
}

static int make_optimizer(trainer_t *t) {
    const settings_t *set = &t->set;
    if (optim_create(&t->opt, set->method, set->options) < 0)
        return library_error();
    if (add_parameters(t) != GO_ON)
        return FAILED;
    for (int i = 0; i < set->wrappers; ++i)
        if (optim_wrap(t->opt, set->wrapper[i].name, set->wrapper[i].options) < 0)
            return library_error();
    if (set->schedule.name != NULL &&
        optim_set_schedule(t->opt, -1, "lr", set->schedule.name, set->schedule.options) < 0)
        return library_error();
    if (set->threads > 0 && optim_set_threads(t->opt, (int)set->threads) < 0)
        return library_error();
    return GO_ON;
}

static int open_log(trainer_t *t) {
    if (t->set.log == NULL)
        return GO_ON;
    t->log = fopen(t->set.log, "w");
    if (t->log == NULL) {
        perror(t->set.log);
        return FAILED;
    }
    fprintf(t->log, "# step passes loss smoothed_loss test_accuracy\n");
    return GO_ON;
}

static int set_up(trainer_t *t) {
    const settings_t *set = &t->set;
    if (digits_load(&t->digits, set->data) != 0)
        return FAILED;
    const size_t rows = t->digits.train.rows, batch = (size_t)set->batch;
    if (batch > rows) {
        fprintf(stderr, "--batch: there are %zu training images\n", rows);
        return FAILED;
    }
    t->steps = set->epochs * (long)(batch == 0 ? 1 : rows / batch);
    t->target_step = -1;
    t->nanoseconds = calloc((size_t)t->steps, sizeof *t->nanoseconds);
    t->drawn = malloc(rows);
    t->random = (uint64_t)set->seed;
    if (t->nanoseconds == NULL || t->drawn == NULL ||
        sampler_create(&t->sampler, &t->digits.train, batch, (uint64_t)set->seed) != 0 ||
        mlp_create(&t->net, DIGITS_PIXELS, (size_t)set->hidden, DIGITS_CLASSES, rows) != 0) {
        fprintf(stderr, "not enough memory\n");
        return FAILED;
    }
    mlp_init(&t->net, (uint64_t)set->seed + 1);
    return make_optimizer(t) != GO_ON ? FAILED : open_log(t);
}

static int tear_down(trainer_t *t) {
    int status = GO_ON;
    if (t->log != NULL && fclose(t->log) != 0) {
        perror(t->set.log);
        status = FAILED;
    }
    optim_destroy(t->opt);
    mlp_destroy(&t->net);
    sampler_destroy(&t->sampler);
    digits_free(&t->digits);
    free(t->nanoseconds);
    free(t->drawn);
    return status;
}

/* ---- A step ---- */

static int hessian_product(trainer_t *t, const batch_t *batch) {
    const float *direction[MLP_TENSORS];
    float *product[MLP_TENSORS];
    for (int i = 0; i < MLP_TENSORS; ++i) {
        const void *from;
        void *to;
        if (optim_hvp_vector(t->opt, i, &from) < 0 || optim_hvp_result(t->opt, i, &to) < 0)
            return library_error();
        direction[i] = from;
        product[i] = to;
    }
    mlp_hessian_product(&t->net, batch, direction, product);
    return GO_ON;
}

/* Evaluates `kind` on `batch` at the parameters as they stand, and hands over the loss. */
static int evaluate(trainer_t *t, int kind, const batch_t *batch) {
    ++t->evaluations;
    t->rows_seen += (double)batch->rows;
    if (kind == OPTIM_EVAL_HVP)
        return hessian_product(t, batch);
    const double loss = kind == OPTIM_EVAL_GRAD ? mlp_gradient(&t->net, batch) : mlp_loss(&t->net, batch);
    if (isnan(t->loss)) { /* for a line search, which holds its first gradient itself, this is the first trial */
        t->loss = loss;
        t->loss_rows = t->rows_seen;
    }
    return optim_set_loss(t->opt, loss) < 0 ? library_error() : GO_ON;
}

/* Answers the request that optim_step has just returned. */
static int answer(trainer_t *t) {
    optim_request request = {.size = sizeof request};
    if (optim_request_info(t->opt, &request) < 0)
        return library_error();
    if (request.kind != OPTIM_EVAL_GRAD && request.kind != OPTIM_EVAL_LOSS && request.kind != OPTIM_EVAL_HVP) {
        fprintf(stderr, "%s asks for something this program does not know: request %d\n", t->set.method, request.kind);
        return FAILED;
    }
    if (request.sample == OPTIM_SAMPLE_FRESH)
        sampler_next(&t->sampler);
    batch_t batch = request.sample == OPTIM_SAMPLE_FULL ? t->digits.train : t->sampler.batch;
    if (request.sample == OPTIM_SAMPLE_MODEL) {
        mlp_draw_labels(&t->net, &batch, &t->random, t->drawn);
        batch.label = t->drawn;
    }
    return evaluate(t, request.kind, &batch);
}

static double seconds_between(const struct timespec *from, const struct timespec *to) {
    return (double)(to->tv_sec - from->tv_sec) + 1e-9 * (double)(to->tv_nsec - from->tv_nsec);
}

/* optim_step, on the clock. */
static optim_status timed_step(trainer_t *t) {
    struct timespec begin, end;
    if (clock_gettime(CLOCK_MONOTONIC, &begin) != 0)
        return optim_step(t->opt);
    const optim_status status = optim_step(t->opt);
    if (clock_gettime(CLOCK_MONOTONIC, &end) == 0)
        t->nanoseconds[t->done] += 1e9 * seconds_between(&begin, &end);
    return status;
}

/* One step: the gradient it begins with, and whatever it asks for on the way. */
static int take_step(trainer_t *t) {
    sampler_next(&t->sampler);
    t->loss = NAN;
    if (optim_wants_gradient(t->opt)) {
        if (evaluate(t, OPTIM_EVAL_GRAD, &t->sampler.batch) != GO_ON)
            return FAILED;
    } else if (t->set.batch != 0) {
        fprintf(stderr, "%s keeps the gradient of its last step: it needs the full batch, --batch 0\n", t->set.method);
        return FAILED;
    }
    optim_status status;
    while ((status = timed_step(t)) > 0)
        if (answer(t) != GO_ON)
            return FAILED;
    if (status == OPTIM_ERR_LINE_SEARCH)
        return FINISHED; /* as good as it gets in this precision */
    return status < 0 ? library_error() : GO_ON;
}

/* ---- Watching ---- */

/* Test accuracy, and if `loss` is not NULL the loss over all training images, at the point the method stands for. */
static int test(trainer_t *t, double *loss) {
    if (optim_swap_output(t->opt) < 0)
        return library_error();
    t->accuracy = mlp_accuracy(&t->net, &t->digits.test);
    if (loss != NULL)
        *loss = mlp_loss(&t->net, &t->digits.train);
    return optim_swap_output(t->opt) < 0 ? library_error() : GO_ON;
}

static void show_progress(const trainer_t *t, int tested) {
    const int terminal = isatty(STDERR_FILENO);
    const long every = terminal ? t->set.eval_every : (t->steps + 4) / 5;
    const int last = t->done == t->steps;
    if (t->set.grid || !(last || (terminal ? tested : t->done % every == 0)))
        return;
    fprintf(stderr, "%s%s: step %ld of %ld, loss %.4f, test accuracy %.2f %%%s", terminal ? "\r\033[K" : "",
            t->set.method, t->done, t->steps, t->smooth / t->weight, 100 * t->accuracy, terminal && !last ? "" : "\n");
}

static int watch(trainer_t *t) {
    const double decay = t->set.batch == 0 ? 0 : SMOOTHING;
    if (!isnan(t->loss)) {
        t->smooth = decay * t->smooth + (1 - decay) * t->loss;
        t->weight = decay * t->weight + (1 - decay);
    }
    if (optim_steps(t->opt) > 0 && optim_report(t->opt, t->smooth / t->weight) < 0) /* to plateau, volsched */
        return library_error();
    const int due = t->done % t->set.eval_every == 0 || t->done == t->steps;
    if (due && test(t, NULL) != GO_ON)
        return FAILED;
    if (due && t->target_step < 0 && t->accuracy >= TARGET_ACCURACY)
        t->target_step = t->done;
    show_progress(t, due);
    if (t->log == NULL)
        return GO_ON;
    const double passes = t->loss_rows / (double)t->digits.train.rows;
    fprintf(t->log, "%ld %.4f %.6g %.6g ", t->done, passes, t->loss, t->smooth / t->weight);
    if (due)
        fprintf(t->log, "%.4f\n", t->accuracy);
    else
        fprintf(t->log, "-\n");
    return GO_ON;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int summarize(trainer_t *t) {
    double loss;
    size_t state_bytes;
    if (test(t, &loss) != GO_ON)
        return FAILED;
    if (optim_memory(t->opt, &state_bytes, NULL) < 0)
        return library_error();
    qsort(t->nanoseconds, (size_t)t->done, sizeof *t->nanoseconds, ascending);
    const double median = t->done > 0 ? t->nanoseconds[t->done / 2] : 0;
    printf("method=%s loss=%.4g accuracy=%.4f", t->set.method, loss, t->accuracy);
    if (t->target_step < 0)
        printf(" steps95=none");
    else
        printf(" steps95=%ld", t->target_step);
    printf(" steps=%ld evaluations=%ld ns_per_step=%.0f bytes_per_parameter=%.2f\n", t->done, t->evaluations, median,
           (double)state_bytes / (double)t->net.parameters);
    return GO_ON;
}

static int train(trainer_t *t) {
    if (!t->set.grid)
        printf("%s: %zu parameters, %zu training and %zu test images, %ld steps\n", t->set.method, t->net.parameters,
               t->digits.train.rows, t->digits.test.rows, t->steps);
    int status = GO_ON;
    while (status == GO_ON && t->done < t->steps) {
        status = take_step(t);
        if (status == GO_ON) {
            ++t->done;
            status = watch(t);
        }
    }
    if (status == FINISHED && !t->set.grid)
        fprintf(stderr, "%s\n", optim_error());
    return status == FAILED ? FAILED : summarize(t);
}

int main(int argc, char **argv) {
    trainer_t trainer = {.opt = NULL};
    const int parsed = settings_parse(&trainer.set, argc, argv);
    if (parsed != SETTINGS_RUN)
        return parsed == SETTINGS_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
    int status = set_up(&trainer);
    if (status == GO_ON)
        status = train(&trainer);
    if (tear_down(&trainer) != GO_ON)
        status = FAILED;
    return status == GO_ON ? EXIT_SUCCESS : EXIT_FAILURE;
}
