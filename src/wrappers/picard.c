/*
 * picard: runs a window of steps of the inner method ahead and repairs them, so that their gradients can be evaluated
 * at once.
 *
 * Zhou, Shih, Meng, Ermon, "DreamPropeller: Supercharge Text-to-3D Generation with Parallel Sampling", 2024,
 * arXiv:2311.17082.
 *
 *     The parameters are x_b, b inner steps having been taken; P points x_(b+1) .. x_(b+P) are guesses, x_0 at first.
 *     1. g_i = gradient (and loss) at x_(b+i) of sample b + i,  i = 0 .. P - 1
 *     2. P inner steps from x_b with g_0 .. g_(P-1):  x'_(b+1) .. x'_(b+P)
 *        e_i = mean over all elements of (x_(b+i+1) - x'_(b+i+1))^2
 *     3. j = the first i with e_i > threshold, or P - 1;   b <- b + j + 1, the inner state being that behind step j + 1
 *     4. threshold <- ema threshold + (1 - ema) e_(P/2)   (statistic=median: the median of e)
 *     5. the points behind the new x_b <- x',  those beyond x'_(b+P) <- x'_(b+P)
 *
 * P = window, but no more than what is left of `steps`, and 1 beyond. With threshold 0 the parameters are those of the
 * inner method alone: x'_(b+j+1) comes from gradients at points that were right. A sample must be the same whenever its
 * number is asked for, or e never becomes small.
 *
 * The inner state has one copy, of where the step began; where j < P - 1 the first j + 1 steps are taken once more from
 * there. An inner step that fails ends the run in front of it: from a guess that says nothing, and only the first one's
 * error is an error. State: `window` points, 4 bytes a parameter each in f32; within a step as many gradients, and x_b.
 */
#include <string.h>

#include "engine/method.h"

enum { WINDOW, THRESHOLD, EMA, STATISTIC, STEPS };
enum { MIDDLE, MEDIAN };
static const option_t OPTIONS[] = {
    [WINDOW] = {"window", 4, "integer [1,inf)", "P: inner steps run ahead"},
    [THRESHOLD] = {"threshold", 0, "[0,inf)", "mean squared error of a point at which it still counts as right"},
    [EMA] = {"ema", 1, "[0,1]", "share of the threshold that stays in each step"},
    [STATISTIC] = {"statistic", MIDDLE, "middle|median", "of the errors, that the threshold follows"},
    [STEPS] = {"steps", 0, "integer [0,inf)", "inner steps in all: the window shrinks at the end; 0: no end"},
    {0},
};

enum { X, GRADIENTS, BEGIN };
static const state_t STATE[] = {
    [X] = {"x", "points ahead of the parameters", LIKE_PARAM, KEPT, .copies = "window", .from_param = true},
    [GRADIENTS] = {"gradients", "of the steps ahead; then points behind them", LIKE_PARAM, WITHIN_STEP,
                   .copies = "window"},
    [BEGIN] = {"begin", "the parameters before the step", LIKE_PARAM, RESTORE_POINT},
    {0},
};

typedef struct memory {
    double threshold;
    int64_t progress;
    int64_t window, i;    /* within a step: P, and a gradient's number */
    double *loss, *error; /* of each inner step */
} memory_t;
static const field_t FIELDS[] = {
    {"current_threshold", "that the next step goes by", FIELD(OF_METHOD, memory_t, threshold),
     .initial_option = "threshold"},
    {"progress", "inner steps that the last step completed", FIELD(OF_METHOD, memory_t, progress), .most = "window"},
    {"losses", "at the points", FIELD(OF_METHOD, memory_t, loss), .copies = "window", .within_step = true},
    {"errors", "e", FIELD(OF_METHOD, memory_t, error), .copies = "window", .within_step = true},
    {0},
};

typedef struct at {
    int64_t i;
} at_t;
typedef struct shift {
    int64_t done, window, room; /* j + 1, P, and how many points are kept */
} shift_t;

static real *copy(const tile_t *t, int row, int64_t i) {
    return (real *)t->state[row] + (size_t)i * t->stride;
}
static int64_t index_of(const tile_t *t) {
    return ((const at_t *)t->arguments)->i;
}

static void begin(const tile_t *t) {
    memcpy(t->state[BEGIN], t->p, t->n * sizeof(real));
}

static void go_back(const tile_t *t) {
    memcpy(t->p, t->state[BEGIN], t->n * sizeof(real));
}

static void go_to(const tile_t *t) {
    memcpy(t->p, copy(t, X, index_of(t)), t->n * sizeof(real));
}

static void keep(const tile_t *t) {
    memcpy(copy(t, GRADIENTS, index_of(t)), t->g, t->n * sizeof(real));
}

static void use(const tile_t *t) {
    memcpy(t->g, copy(t, GRADIENTS, index_of(t)), t->n * sizeof(real));
}

/* x' of a step behind the j-th takes the place of its gradient, which is not needed again. */
static void keep_point(const tile_t *t) {
    memcpy(copy(t, GRADIENTS, index_of(t)), t->p, t->n * sizeof(real));
}

static void error(const tile_t *t) {
    const real *restrict x = copy(t, X, index_of(t)), *restrict p = t->p;
    double *restrict term = t->term[0];
    for (size_t k = 0; k < t->n; ++k) {
        const double e = (double)x[k] - (double)p[k];
        term[k] = e * e;
    }
}

/* 5. The parameters are the new x_b, which is x'_(b+P) if all points were right. */
static void shift(const tile_t *t) {
    const shift_t s = *(const shift_t *)t->arguments;
    for (int64_t i = 0; i < s.room; ++i) {
        const int64_t from = s.done + i < s.window ? s.done + i : s.window - 1;
        memcpy(copy(t, X, i), s.done == s.window ? t->p : copy(t, GRADIENTS, from), t->n * sizeof(real));
    }
}

enum { BEGIN_STEP, GO_BACK, GO_TO, KEEP, USE, KEEP_POINT, ERROR, SHIFT };

static int64_t window(const step_t *s) {
    const double left = s->option[STEPS] - (s->t - 1), most = s->option[WINDOW];
    if (s->option[STEPS] == 0 || left >= most)
        return (int64_t)most;
    return left > 1 ? (int64_t)left : 1;
}

/* Elements that the errors are means over. */
static double elements(const step_t *s) {
    double count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        count += step_tensor(s, i) == NULL ? 0 : (double)step_tensor(s, i)->count;
    return count > 0 ? count : 1;
}

/* The median of n numbers, which are left in order. */
static double median(double *x, int64_t n) {
    for (int64_t i = 1; i < n; ++i) {
        const double inserted = x[i];
        int64_t k = i;
        for (; k > 0 && x[k - 1] > inserted; --k)
            x[k] = x[k - 1];
        x[k] = inserted;
    }
    return n % 2 != 0 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* 2. and j of 3.: *progress = j + 1, less than the number of steps that were taken where some are to be taken back; P
 * becomes what was run. A point that is not finite is wrong, whatever the threshold. */
static optim_status run_ahead(step_t *s, int64_t *progress, bool *fails) {
    memory_t *m = s->memory;
    const double count = elements(s);
    *progress = 0;
    *fails = false;
    for (int64_t i = 0; i < m->window; ++i) {
        s->loss = m->loss[i];
        const optim_status status = step_inner(s, USE, &(at_t){i});
        if (status != OPTIM_OK && i == 0)
            return status;
        if (status != OPTIM_OK) {
            m->window = i;
            *fails = true;
            break;
        }
        m->error[i] = step_reduce(s, ERROR, &(at_t){i}, 1)[0] / count;
        if (*progress > 0)
            step_update(s, KEEP_POINT, &(at_t){i});
        else if (!(m->error[i] <= m->threshold))
            *progress = i + 1;
    }
    *progress = *progress > 0 ? *progress : m->window;
    return OPTIM_OK;
}

/* Takes the first steps once more, from where the run ahead began. */
static optim_status take_again(step_t *s, int64_t steps) {
    const memory_t *m = s->memory;
    optim_status status = OPTIM_OK;
    step_rewind(s);
    step_update(s, GO_BACK, NULL);
    for (int64_t i = 0; status == OPTIM_OK && i < steps; ++i) {
        s->loss = m->loss[i];
        status = step_inner(s, USE, &(at_t){i});
    }
    return status;
}

/* 4. Errors that are not finite say nothing about what the threshold should be. */
static void follow(memory_t *m, double ema, int statistic) {
    const double e = statistic == MEDIAN ? median(m->error, m->window) : m->error[m->window / 2];
    if (ema < 1 && isfinite(e))
        m->threshold = ema * m->threshold + (1 - ema) * e;
}

static optim_status repair(step_t *s) {
    memory_t *m = s->memory;
    const double ema = s->option[EMA]; /* before schedules go on */
    bool fails;
    optim_status status = run_ahead(s, &m->progress, &fails);
    if (status == OPTIM_OK && (fails || m->progress < m->window))
        status = take_again(s, m->progress);
    if (status != OPTIM_OK)
        return status;
    follow(m, ema, (int)s->option[STATISTIC]);
    step_update(s, SHIFT, &(shift_t){m->progress, m->window, (int64_t)s->option[WINDOW]});
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    m->window = window(s);
    m->loss[0] = s->loss;
    step_update(s, BEGIN_STEP, NULL);
    step_update(s, KEEP, &(at_t){0});
    for (m->i = 1; m->i < m->window; ++m->i) {
        step_update(s, GO_TO, &(at_t){m->i - 1});
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_INDEX, .index = (int64_t)s->t - 1 + m->i);
        m->loss[m->i] = s->loss;
        step_update(s, KEEP, &(at_t){m->i});
    }
    step_update(s, GO_BACK, NULL);
    return repair(s);
    STEP_END(s);
}

const method_t METHOD(picard) = {
    .name = "picard",
    .purpose = "runs steps of the inner method ahead, with gradients that can be evaluated at once, and repairs them",
    .citation = "Zhou et al.: DreamPropeller: Supercharge Text-to-3D Generation with Parallel Sampling, CVPR 2024, "
                "arXiv:2311.17082",
    .evaluations = "window gradients for 1 to window inner steps",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | STEPS_AHEAD,
    .memory = sizeof(memory_t),
    .advance = advance,
    .kernels = {[BEGIN_STEP] = begin,
                [GO_BACK] = go_back,
                [GO_TO] = go_to,
                [KEEP] = keep,
                [USE] = use,
                [KEEP_POINT] = keep_point,
                [ERROR] = error,
                [SHIFT] = shift},
    .arguments = {[GO_TO] = sizeof(at_t),
                  [KEEP] = sizeof(at_t),
                  [USE] = sizeof(at_t),
                  [KEEP_POINT] = sizeof(at_t),
                  [ERROR] = sizeof(at_t),
                  [SHIFT] = sizeof(shift_t)},
};
