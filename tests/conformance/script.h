/* What the caller does between the moments at which it may save; and what came of it. */
#ifndef CONFORMANCE_SCRIPT_H
#define CONFORMANCE_SCRIPT_H

#include "rig.h"

enum { SCRIPT_ACTIONS = 17, SCRIPT_MOMENTS = SCRIPT_ACTIONS + 1 };

/* Of every action: the sample that its gradient shall be made of, and what its last call returned (a step may fail, always
 * the same way). */
typedef struct trace {
    int sample[SCRIPT_ACTIONS];
    optim_status status[SCRIPT_ACTIONS];
} trace_t;

/* Action number `action` on the rig. */
void script_act(rig_t *rig, int action, trace_t *trace);

/* A caller who comes in at `moment`: its own state is what it was there. */
void script_enter(rig_t *rig, int moment);

/* In words, for messages. */
const char *script_name(int action);

#endif
