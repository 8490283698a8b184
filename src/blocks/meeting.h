/* For wrappers of ranks that train by themselves: they exchange after every `period` steps (method_t.exchanges). */
#ifndef BLOCKS_MEETING_H
#define BLOCKS_MEETING_H

#include "engine/method.h"

/* The wrapper's memory. */
typedef struct meeting {
    int64_t since;
} meeting_t;
static const field_t MEETING_FIELDS[] = {
    {"since", "steps since the last exchange", FIELD(OF_METHOD, meeting_t, since)},
    {0},
};

/* Whether the ranks meet now; then the kernel `offer` fills the rows that are exchanged. */
static inline bool meeting_begins(step_t *s, double period, int offer) {
    const meeting_t *m = s->memory;
    if ((double)(m->since + 1) < period)
        return false;
    step_update(s, offer, NULL);
    return true;
}

/* The end of a step: after an exchange the kernel `step` moves the parameters. */
static inline void meeting_ends(step_t *s, int step) {
    meeting_t *m = s->memory;
    m->since = s->exchanged ? 0 : m->since + 1;
    if (s->exchanged)
        step_update(s, step, NULL);
}

#endif
