/* What the scripts have in common. */
#ifndef OOM_SCRIPTS_H
#define OOM_SCRIPTS_H

#include "run.h"

/* Lends the tensors first, ..., end - 1 of the world to handle `which`, all in `group`. */
void lend(run_t *run, int which, int first, int end, int group);
/* One step of that handle: evaluates, hands over, answers. */
void step(run_t *run, int which, int tensors);
/* Its checkpoint into memory. */
void serialize(run_t *run, int which);

/* The whole life of a handle with one entry of the registry: made, stepped, saved, and loaded into another handle. */
typedef struct subject {
    const char *algorithm, *wrapper;         /* NULL: none */
    const char *schedule, *schedule_options; /* of lr; likewise */
    int tensors;
} subject_t;
script_t subject_script;

/* Options without which a schedule is refused. */
const char *schedule_example(const char *schedule);
/* torture() with every script of api.c. */
void torture_api(void);
/* With defaults, on one tensor, or on one for each of its roles. */
void torture_algorithm(const char *algorithm);
/* torture() under a name made from the subject. */
void torture_subject(subject_t subject);

#endif
