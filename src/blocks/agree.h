/* For methods that make one step of all tensors: options which cannot differ between groups. */
#ifndef BLOCKS_AGREE_H
#define BLOCKS_AGREE_H

#include "engine/method.h"

static inline bool groups_agree(step_t *s, int option) {
    for (int i = 0; i < s->groups; ++i)
        if (step_group(s, i).option[option] != s->option[option])
            return false;
    return true;
}

/* On all options of the table but this one. */
static inline bool groups_agree_but(step_t *s, const option_t *table, int but) {
    for (int row = 0; table[row].name != NULL; ++row)
        if (row != but && !groups_agree(s, row))
            return false;
    return true;
}

#endif
