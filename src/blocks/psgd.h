/*
 * What the preconditioners of Li, "Stochastic Hessian Fitting on Lie Group", 2024, arXiv:2402.11858, share: rows of
 * tables, probes, norms and rotations.
 *
 * A preconditioner P = Q'Q is fitted to pairs of a probe v and h = Hv, or h = g, so that the mean of h'Ph + v'P^-1 v is
 * least. Lip is a bound on how fast that bends: Lip <- max(beta_l Lip + (1 - beta_l) l, l), and steps are precond_lr /
 * Lip.
 *
 * Element i of all parameters has the probe +1 or -1 by a hash of i and of the number of the step; random = 1 draws
 * normal numbers from the handle's stream instead.
 */
#ifndef BLOCKS_PSGD_H
#define BLOCKS_PSGD_H

#include "blocks/double_vector.h"
#include "blocks/hashed_signs.h"
#include "blocks/noise.h"
#include "blocks/unfolding.h"
#include "linear/linear.h"

#define PSGD_LR_ROW(value)                                                                                             \
    { "lr", value, "[0,inf)", "step size" }
#define PSGD_PRECOND_LR_ROW                                                                                            \
    { "precond_lr", 0.1, "[0,inf)", "step size of the preconditioner" }
#define PSGD_BETA_L_ROW                                                                                                \
    { "beta_l", 0.9, "[0,1)", "decay of the bounds on its curvature" }
#define PSGD_DAMPING_ROW                                                                                               \
    { "damping", 1e-9, "[0,inf)", "what of the probe is added to what is fitted" }
#define PSGD_MOMENTUM_ROW                                                                                              \
    { "momentum", 0, "[0,1)", "decay of the mean gradient; 0: none" }
#define PSGD_INIT_SCALE_ROW                                                                                            \
    { "init_scale", 0, "[0,inf)", "scale of the first preconditioner; 0: from the first step", .zero_apart = true }
#define PSGD_CLIP_NORM_ROW                                                                                             \
    { "clip_norm", 0, "[0,inf)", "longest direction, of all parameters; 0: any", .zero_apart = true }
#define PSGD_RANDOM_ROW                                                                                                \
    { "random", 0, "0|1", "probes: normal numbers (1) or signs that are the same in every run (0)" }
#define PSGD_UPDATE_FIRST_ROW                                                                                          \
    { "update_first", 1, "0|1", "the preconditioner moves before (1) or after (0) it is used" }
#define PSGD_CLIP_AVG_ROW                                                                                              \
    { "clip_avg", 2, "[0,inf)", "largest root mean square of a direction; 0: any", .zero_apart = true }
#define PSGD_CLIP_MAX_ROW                                                                                              \
    { "clip_max", 10, "[0,inf)", "largest modulus of an element of it; 0: any", .zero_apart = true }

/* ---- Probes ---- */

/* What makes them. */
typedef struct psgd_probe {
    noise_t noise;
    uint32_t stream;
    bool random;
} psgd_probe_t;

static inline psgd_probe_t psgd_probe_of(step_t *s, uint32_t stream, bool random) {
    return (psgd_probe_t){random ? noise_draw(s) : (noise_t){0}, stream, random};
}

/* Element i of all parameters of the method. */
static inline double psgd_probe_at(const psgd_probe_t *probe, size_t i) {
    if (probe->random)
        return random_normal(probe->noise.seed, probe->noise.first + 2 * i);
    return hashed_sign(i, probe->stream);
}

/* For the kernel that draws them, with the probe for its arguments; and what queues that for this step. */
static inline void psgd_draw(const tile_t *t, real *v) {
    const psgd_probe_t *probe = t->arguments;
    for (size_t i = 0; i < t->n; ++i)
        v[i] = (real)psgd_probe_at(probe, tile_first(t) + i);
}
static inline void psgd_next(step_t *s, int kernel, bool random) {
    const psgd_probe_t probe = psgd_probe_of(s, (uint32_t)s->t, random);
    step_update(s, kernel, &probe);
}

/* ---- Numbers ---- */

static inline double psgd_lipschitz(double *lip, double beta_l, double l) {
    *lip = fmax(beta_l * *lip + (1 - beta_l) * l, l);
    return *lip;
}

/* precond_lr / Lip, or 0 while there is nothing to fit. */
static inline double psgd_rate(double precond_lr, double lip) {
    return lip > 0 ? precond_lr / lip : 0;
}

/* What is fitted, so that it is never 0: a h where the preconditioner would grow without bound. */
static inline double psgd_damped(double h, double v, double damping) {
    return h + (damping + DBL_EPSILON * fabs(h)) * v;
}

/* (mean h^4 + damping^4)^(-1/8), or 1 where that is no number. */
static inline double psgd_scale(double mean_h4, double damping) {
    const double scale = pow(mean_h4 + damping * damping * damping * damping, -0.125);
    return scale > 0 && isfinite(scale) ? scale : 1;
}

/* Weight of what the mean gradient was: a plain mean at first. */
static inline double psgd_keep(double t, double momentum) {
    return fmin((t - 1) / t, momentum);
}

/* What makes a direction of this root mean square as long as clip_avg, where it is longer. */
static inline double psgd_clip(double rms, double clip_avg) {
    return clip_avg > 0 && rms > clip_avg ? clip_avg / rms : 1;
}
static inline double psgd_clamp(double u, double clip_max) {
    return clip_max > 0 && fabs(u) > clip_max ? copysign(clip_max, u) : u;
}

/* ---- Matrices of doubles, n by n ---- */

/* q <- (q + q') / 2 */
static inline void psgd_make_symmetric(size_t n, double *q) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < i; ++j)
            q[i * n + j] = q[j * n + i] = (q[i * n + j] + q[j * n + i]) / 2;
}

/* The largest singular value of x; `room` holds n^2 + n doubles and linear_eigen_room(n) bytes. */
static inline double psgd_exact_norm(size_t n, const double *x, double *room) {
    double largest = 0, *values = room + n * n;
    for (size_t i = 0; i < n * n; ++i)
        largest = fmax(largest, fabs(x[i]));
    if (largest == 0 || !isfinite(largest))
        return largest;
    unfolding_gemm(sizeof(double), true, false, n, n, n, 1 / largest / largest, x, x, 0, room);
    return linear_eigenvalues(n, room, values, values + n) == LINEAR_OK ? largest * sqrt(fmax(values[n - 1], 0)) : 0;
}

/* Vectors of the author's bound, and words of the stream that it takes for a side of n. */
enum { PSGD_VECTORS = 32 };
static inline uint64_t psgd_norm_words(size_t n) {
    return 2 * PSGD_VECTORS * (uint64_t)n;
}

/* v: its start, random vectors turned towards the longest row of x. */
static inline void psgd_norm_begin(size_t n, const double *x, noise_t noise, double *v) {
    const double *longest = x;
    double most = -1;
    for (size_t i = 0; i < n; ++i) {
        double squares = 0;
        for (size_t j = 0; j < n; ++j)
            squares += x[i * n + j] * x[i * n + j];
        longest = squares > most ? x + i * n : longest;
        most = fmax(squares, most);
    }
    for (size_t k = 0; k < PSGD_VECTORS; ++k, v += n) {
        double along = 0;
        for (size_t j = 0; j < n; ++j) {
            v[j] = random_normal(noise.seed, noise.first + 2 * (k * n + j));
            along += longest[j] * v[j];
        }
        for (size_t j = 0; j < n; ++j)
            v[j] = longest[j] + (along < 0 ? -v[j] : v[j]);
    }
}

/* A lower bound of it, x being symmetric or antisymmetric: the largest |v x| / |v| after four products. `room` holds
 * 2 PSGD_VECTORS n doubles; x is scaled. */
static inline double psgd_random_norm(size_t n, double *x, noise_t noise, double *room) {
    double largest = 0, bound = 0, *v = room, *w = room + PSGD_VECTORS * n;
    for (size_t i = 0; i < n * n; ++i)
        largest = fmax(largest, fabs(x[i]));
    if (largest == 0 || !isfinite(largest))
        return largest;
    for (size_t i = 0; i < n * n; ++i)
        x[i] /= largest;
    psgd_norm_begin(n, x, noise, v);
    for (int half = 0; half < 2; ++half) {
        unfolding_gemm(sizeof(double), false, false, PSGD_VECTORS, n, n, 1, v, x, 0, w);
        for (size_t k = 0; k < PSGD_VECTORS; ++k) {
            const double length = norm(n, w + k * n);
            for (size_t j = 0; j < n; ++j)
                w[k * n + j] /= length + DBL_MIN;
        }
        unfolding_gemm(sizeof(double), false, false, PSGD_VECTORS, n, n, 1, w, x, 0, v);
    }
    for (size_t k = 0; k < PSGD_VECTORS; ++k)
        bound = fmax(bound, norm(n, v + k * n));
    for (size_t i = 0; i < n * n; ++i)
        x[i] *= largest;
    return largest * bound;
}

/* The first if `noise` is NULL, else the second. */
static inline double psgd_norm(size_t n, double *x, const noise_t *noise, double *room) {
    return noise == NULL ? psgd_exact_norm(n, x, room) : psgd_random_norm(n, x, *noise, room);
}

/* Doubles that psgd_rotate needs, or a norm. */
static inline size_t psgd_rotate_room(size_t n) {
    const size_t bytes = linear_eigen_room(n);
    return bytes == SIZE_MAX ? PTRDIFF_MAX / 1024 : 5 * n * n + (2 * PSGD_VECTORS + 1) * n + bytes / sizeof(double) + 1;
}

/* room <- R = (Q' - Q) / |Q' - Q|, RQ and R^2 Q, one behind the other; false where Q is symmetric. */
static inline bool psgd_tangent(size_t n, const double *q, const noise_t *noise, double *room) {
    double *r = room, *rq = r + n * n, *rrq = rq + n * n;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            r[i * n + j] = q[j * n + i] - q[i * n + j];
    const double norm = psgd_norm(n, r, noise, rq);
    if (!(norm > 0) || !isfinite(norm))
        return false;
    for (size_t i = 0; i < n * n; ++i)
        r[i] /= norm;
    unfolding_gemm(sizeof(double), false, false, n, n, n, 1, r, q, 0, rq);
    unfolding_gemm(sizeof(double), false, false, n, n, n, 1, r, rq, 0, rrq);
    return true;
}

static inline double psgd_trace(size_t n, const double *a) {
    double trace = 0;
    for (size_t i = 0; i < n; ++i)
        trace += a[i * n + i];
    return trace;
}

/* Procrustes: Q <- Q + x (RQ + x/2 R^2 Q), a rotation to second order that brings Q nearer to symmetric: the x <= 1/8
 * for which the trace of Q is largest. */
static inline void psgd_rotate(size_t n, double *q, const noise_t *noise, double *room) {
    const double *rq = room + n * n, *rrq = rq + n * n;
    if (!psgd_tangent(n, q, noise, room))
        return;
    const double a = psgd_trace(n, rq), b = psgd_trace(n, rrq);
    const double x = b >= 0 ? 0.125 : fmin(-a / b, 0.125);
    for (size_t i = 0; i < n * n; ++i)
        q[i] += x * (rq[i] + 0.5 * x * rrq[i]);
}

#endif
