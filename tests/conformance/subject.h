/*
 * What the conformance checks are run on: every algorithm of the registry by itself and with each of its flags and
 * keywords changed, every wrapper over algorithms, and pairs of wrappers. Nothing here knows a method by name but for the few under which pairs are tried.
 */
#ifndef CONFORMANCE_SUBJECT_H
#define CONFORMANCE_SUBJECT_H

#include <stdbool.h>

#include "check.h"
#include "rig.h"

enum { SUBJECT_WRAPS = 2 };

typedef struct subject {
    char *label; /* "adamw", "sgd + sam", ... */
    const char *algorithm, *options;
    bool is_variant; /* one option is away from its default */
    int wraps;
    const char *wrap[SUBJECT_WRAPS];
    int needs;       /* OPTIM_NEEDS_... of all parts */
    bool splits;     /* every part changes no bit when a tensor is cut */
    bool mixes;      /* the algorithm may share a handle with others */
    bool has_output; /* some part answers with another point than the parameters */
} subject_t;

/* All of them but the combinations that are refused as such; to be released by subjects_free. With `cross` every wrapper
 * goes over every algorithm, and every pair of wrappers in both orders over some; else a sample of that. */
subject_t *subjects_new(bool cross, size_t *count, size_t *refused);
void subjects_free(subject_t *subjects, size_t count);

/* The description of one entry of the registry. */
optim_description describe(int kind, const char *name);

/* How a subject is set up for one run. */
typedef struct setup {
    const layout_t *layout; /* of particle methods, that of one particle */
    optim_dtype dtype, grad_dtype;
    size_t misalign;
    int threads;
    const char *extra; /* more options of the engine, or "" */
    int groups;        /* tensor i goes to group i modulo this */
    int frozen;        /* tensor lent without a gradient, counted from 1; 0: none */
} setup_t;

/* f64 on one thread, aligned, on the first of the common layouts that the subject takes. */
setup_t subject_setup(const subject_t *subject);
setup_t setup_dtype(setup_t setup, optim_dtype dtype);
setup_t setup_extra(setup_t setup, const char *extra);

/* The layouts every subject is tried on. */
extern const layout_t LAYOUTS[];
extern const int LAYOUT_COUNT;

/* Makes the optimizer and lends the tensors. NULL if the subject refuses tensors of these shapes, or this combination,
 * with a sentence that names the parameter or one of the subject's parts; any other failure fails the test. */
rig_t *subject_try(const subject_t *subject, setup_t setup);
/* The same where a refusal fails the test too. */
rig_t *subject_rig(const subject_t *subject, setup_t setup);
/* The same after so many steps. */
rig_t *subject_run(const subject_t *subject, setup_t setup, int steps);

/* From one evaluation of a step that is tried to the next: every one, but of very many some alone. */
int evaluation_stride(int evaluations);

/* Whether its parameters may stay where they are: some keywords ignore small gradients, and trac goes nowhere around
 * steps that do not go down the gradient. */
bool subject_may_stay(const subject_t *subject);

/* Whether a step is a search, which may end early where numbers are coarse. */
bool subject_searches(const subject_t *subject);
/* Whether the method asks for values at one point after the other, once or twice a coordinate. */
bool subject_polls(const subject_t *subject);

/* So many calls of optim_step have completed so many steps, or where a wrapper steps ahead no fewer. */
void subject_check_steps(const subject_t *subject, const rig_t *rig, int64_t steps);

/* Whether the loss must be handed over under the subject's options; only who announces it may ask. */
bool subject_reads_loss(const subject_t *subject, setup_t setup);
/* Whether it asks for anything of a function; else its inputs are the problem, of all parameters with elements. */
bool subject_evaluates(const subject_t *subject);

#endif
