/*
 * libgradopt: advice on rates and batch sizes, from laws that others fitted and from gradients that you have. No
 * function here needs an optimizer.
 *
 * Experimental: what this header declares may change or go away in any version, within one SOVERSION too. Errors are
 * told as in optim.h.
 */
#ifndef OPTIM_ADVICE_H
#define OPTIM_ADVICE_H

#include "optim.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- Rates, bounds, laws: pure functions, safe from any thread ---- */

/* What a convex function allows after a run of SGD with these rates. */
typedef struct optim_bound {
    size_t size;                              /* sizeof(optim_bound) */
    double distance, gradients, last_iterate; /* the three terms */
    double bound;                             /* their sum: on f(x_T) - f(x*) */
    double best_factor, best_bound;           /* the factor on all rates with the smallest bound, and that bound */
} optim_bound;

/*
 * Last-iterate bound for rates rate[0..steps) (e.g. from optim_schedule_values), gradient norms norm[0..steps) (NULL:
 * all 1) and |x_1 - x*| = distance > 0; see docs/schedules/README.md. Rates of 0 at the end are left out.
 * Errors: NULL, ARGUMENT (negative or not finite numbers, distance <= 0, nothing moves, size).
 */
optim_status optim_schedule_bound(const double *rate, const double *norm, size_t steps, double distance,
                                  optim_bound *bound);

/* The learning rate for another batch size: proportional (SGD), to its root (Adam family), or rising to lr_peak at
 * noise_batch and falling again (Adam family). NaN unless the batch sizes are positive. */
double optim_lr_linear(double lr, double batch, double new_batch);
double optim_lr_sqrt(double lr, double batch, double new_batch);
double optim_lr_surge(double lr_peak, double noise_batch, double batch);

/*
 * From squared gradient norms at two batch sizes, small < big: the squared norm of the true gradient, and the trace of
 * the covariance of one sample's gradient. Their quotient trace / gradient_square is the noise scale; average both over
 * steps, not the quotient. Either may come out negative. Errors: NULL, ARGUMENT.
 */
optim_status optim_noise_scale(double small_square, double big_square, double small_batch, double big_batch,
                               double *gradient_square, double *trace);

typedef struct optim_power_line {
    size_t size;           /* sizeof(optim_power_line) */
    double timescale;      /* best B / (lr weight_decay D) */
    double weight_decay;   /* that gives it */
    double optimal_batch;  /* in sequences of 2048 tokens */
    double critical_batch; /* likewise */
} optim_power_line;

/*
 * Fitted laws for pre-training a language model of `parameters` on `tokens` in batches of `batch` tokens at rate `lr`.
 * Only the exponent of the timescale is confirmed, the other constants are from memory of the paper, and all belong to
 * its setup: docs/recipes/batch_size.md. Errors: NULL, ARGUMENT (numbers <= 0, size).
 */
optim_status optim_power_lines(double parameters, double tokens, double batch, double lr, optim_power_line *line);

/*
 * What a run costs at another batch size, from the fewest steps (of an endless batch) and the critical batch size:
 * steps = least_steps (1 + critical_batch / batch), examples = batch steps, least_examples = least_steps critical_batch
 * (of the smallest batch). Errors: NULL, ARGUMENT (numbers <= 0).
 */
optim_status optim_batch_relation(double least_steps, double batch, double critical_batch, double *steps,
                                  double *examples, double *least_examples);

/*
 * These three from `count` runs to the same loss, by least squares of steps[i] = least_steps + least_examples /
 * batch[i]; what does not suit the relation may come out negative. Errors: NULL, ARGUMENT (batch[i] <= 0, numbers that
 * are not finite, fewer than two different batch sizes).
 */
optim_status optim_batch_fit(const double *batch, const double *steps, size_t count, double *least_steps,
                             double *least_examples, double *critical_batch);

/*
 * Laws of Kaplan et al. 2020 for language models; their constants are from memory of the paper. The critical batch in
 * tokens at a loss: b_star / loss^(1 / alpha), there 2.1e8 and 0.21. The loss of a model of `parameters` after
 * `tokens`: ((n_c / parameters)^(alpha_n / alpha_d) + d_c / tokens)^alpha_d with constants n_c, alpha_n, d_c, alpha_d
 * (NULL: 8.8e13, 0.076, 5.4e13, 0.095). The rate 0.003239 - 0.0001395 ln parameters, for Adam. NaN unless all are
 * above 0.
 */
double optim_critical_batch(double loss, double b_star, double alpha);
double optim_kaplan_loss(double parameters, double tokens, const double constants[4]);
double optim_kaplan_lr(double parameters);

/*
 * Adds sum |x1 - x0| and sum |2 x1 - x0 - x2| over `count` elements to sums[0] and sums[1]: for three consecutive
 * iterates of plain SGD with rate lr, lr sums[0] / sums[1] estimates the rate that curvature allows; no estimate if
 * sums[1] is 0. Call it for each tensor; sums may be averaged over steps. Errors: NULL, ARGUMENT (dtype).
 */
optim_status optim_lr_from_iterates(optim_dtype dtype, size_t count, const void *x0, const void *x1, const void *x2,
                                    double sums[2]);

/* ---- What noisy gradients disclose ---- */

/*
 * Of a run of dp_sgd or its kin, in which every sample enters a step with the probability `rate` in (0,1] (batch size
 * over samples), the gradients are clipped to a length C, and their sum gets normal noise of the standard deviation
 * noise C: the run is (epsilon, delta)-differentially private for one sample added or removed (Renyi accounting of the
 * sampled Gaussian mechanism, Mironov et al. 2019). *order is the Renyi order that bounds it; infinity
 * means no bound. Errors: NULL, ARGUMENT (rate, noise <= 0, steps < 1, delta outside (0,1)).
 */
optim_status optim_privacy_epsilon(double rate, double noise, int64_t steps, double delta, double *epsilon,
                                   double *order);

/* The least noise, 2^-7 at least, that keeps such a run at that epsilon. Takes some dozen calls of the former.
 * Errors: NULL, ARGUMENT (as above; epsilon <= 0, or so small that no noise gives it). */
optim_status optim_privacy_noise(double rate, int64_t steps, double epsilon, double delta, double *noise);

/* The Renyi divergence bound of a single step at an order in (1,1024]; those of further steps are added.
 * Errors: NULL, ARGUMENT. */
optim_status optim_privacy_rdp(double rate, double noise, double order, double *rdp);

/* ---- Whether a generator still improves ---- */

typedef struct optim_mmd {
    size_t size;       /* sizeof(optim_mmd) */
    double difference; /* MMD^2(X, Y) - MMD^2(X, Z), unbiased */
    double statistic;  /* in standard deviations, of a variance of min_var at least */
    double p;          /* large: Y is not closer to X than Z is */
} optim_mmd;

/*
 * Test of relative similarity (Bounliphone et al. 2016) with the kernel (x y / dim + 1)^3: x, y, z have `count` rows of
 * `dim` numbers. The paper's least variance min_var is 1e-5. With Y what the model makes now and Z what it made some
 * tests ago, p is a metric for the schedule plateau with mode=pvalue. Takes 48 bytes a sample while it runs.
 * Errors: NULL, ARGUMENT (count < 3, dim < 1, min_var, size), NOMEM, NONFINITE.
 */
optim_status optim_mmd_three_sample(size_t count, size_t dim, const double *x, const double *y, const double *z,
                                    double min_var, optim_mmd *mmd);

/* ---- Whether chains have mixed ---- */

typedef struct optim_chains {
    size_t size;            /* sizeof(optim_chains) */
    double mean, deviation; /* of all draws */
    double effective;       /* so many independent draws would give the mean as well */
    double r_hat;           /* split R-hat: 1 for chains that have mixed, more than about 1.01 for others */
} optim_chains;

/*
 * Of one number of interest: `chains` chains, one after the other in draws, of `length` draws each. Equal draws all
 * have r_hat 1; chains that are stuck at different numbers, infinity. Time grows with length times the lag at which
 * draws are no longer correlated; takes no memory. Errors: NULL, ARGUMENT (no chain, length < 4, size), NONFINITE.
 */
optim_status optim_chain_statistics(const double *draws, size_t chains, size_t length, optim_chains *about);

/* ---- When to enlarge the batch ---- */

typedef struct optim_batch optim_batch_t; /* watches per-sample gradients; opaque, independent of any optimizer */

/*
 * For gradients of `dtype` in `tensors` tensors of counts[i] elements. options: test=norm|inner_product|orthogonality|
 * augmented|coordinate (norm), eta (0.1), theta (0.9), nu (5.84), max (largest batch size; must be given), size (the
 * first, 1), microbatch (samples that a gradient handed in is the mean of, 1), gradients (room for so many in a window,
 * 16; of inner_product, orthogonality and augmented only). Takes 16 bytes an element, and for those three tests the
 * gradients of a window as well; later calls allocate nothing. *out is NULL on error.
 * Errors: NULL, ARGUMENT, OPTION, VALUE, DUPLICATE, SHAPE (counts[i] < 0), SIZE, NOMEM.
 */
optim_status optim_batch_create(optim_batch_t **out, const char *options, optim_dtype dtype, int tensors,
                                const int64_t *counts);
void optim_batch_destroy(optim_batch_t *batch); /* NULL is fine */

/* One gradient more: gradients[i] points to tensor i, read only during the call. Errors: NULL, ORDER (no room). */
optim_status optim_batch_add(optim_batch_t *batch, const void *const *gradients);

/*
 * Ends the window of gradients added since the last call and says the batch size to go on with: the largest of what the
 * test asks for, the samples of the window and the size before, but no more than max; it never shrinks. A mean of 0
 * asks for max. Errors: NULL, ORDER (fewer than two gradients), NONFINITE (the window is dropped, the size stays).
 */
optim_status optim_batch_next(optim_batch_t *batch, int64_t *size);

/* What `test` asks for on the window so far, a whole number or infinity, bounds left out; the window goes on.
 * Errors: NULL, VALUE (no such test), ORDER, MISMATCH (a test that needs gradients that are not kept). */
optim_status optim_batch_test(const optim_batch_t *batch, const char *test, double *size);

/* ---- Which configurations to train on ---- */

typedef struct optim_hyperband optim_hyperband_t; /* hands out jobs; opaque, independent of any optimizer */

enum { /* optim_job.kind */
       OPTIM_JOB_RUN = 1,
       OPTIM_JOB_WAIT = 2, /* none until losses of those that are out are told */
       OPTIM_JOB_DONE = 3
};

typedef struct optim_job {
    size_t size;             /* sizeof(optim_job) */
    int kind;                /* OPTIM_JOB_...; with WAIT and DONE all below is 0 */
    int64_t config;          /* its number, 0, 1, ... in order of creation: the caller maps it to hyperparameters */
    int bracket, rung;       /* brackets are handed out from the largest down, rungs from 0 up */
    double resource, resume; /* train it to so much in all; it has had so much already, 0 in rung 0 */
} optim_job;

/*
 * Hyperband (Li et al. 2018): brackets of successive halving, from many configurations with little resource each to few
 * with all of it. options: max_resource (81), eta (3: the best 1 / eta of a rung go on), min_resource (1), brackets (0:
 * all, else so many). Takes 24 bytes for each configuration of a bracket. *out is NULL on error.
 * Errors: NULL, OPTION, VALUE, DUPLICATE, SIZE, NOMEM.
 */
optim_status optim_hyperband_create(optim_hyperband_t **out, const char *options);
void optim_hyperband_destroy(optim_hyperband_t *hyperband); /* NULL is fine */

/* The next job; several may be out at once. Errors: NULL, ARGUMENT (size). */
optim_status optim_hyperband_next(optim_hyperband_t *hyperband, optim_job *job);

/* The loss that a configuration came to in its job; one that is not finite is the worst. The order within a rung does
 * not matter. Errors: NULL, ARGUMENT (its job is not out). */
optim_status optim_hyperband_tell(optim_hyperband_t *hyperband, int64_t config, double loss);

/*
 * All of its state, as bytes and back; jobs that are out stay so. As optim_serialize and optim_deserialize: *size
 * becomes the number of bytes, with buffer NULL nothing is written. Loading wants the same options, and changes nothing
 * on error. Errors: NULL, ARGUMENT (room), CHECKPOINT (not such bytes), MISMATCH (other options).
 */
optim_status optim_hyperband_serialize(const optim_hyperband_t *hyperband, void *buffer, size_t room, size_t *size);
optim_status optim_hyperband_deserialize(optim_hyperband_t *hyperband, const void *buffer, size_t size);

#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
