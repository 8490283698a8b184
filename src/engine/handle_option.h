/* Options of the whole handle, in the order of guard.c's table: the core reads them too. */
#ifndef ENGINE_HANDLE_OPTION_H
#define ENGINE_HANDLE_OPTION_H

enum handle_option { NONFINITE, ZERO_GRAD, SEED };
enum { NONFINITE_PROPAGATE, NONFINITE_SKIP, NONFINITE_ERROR };

/* Options of accumulate.c's table, and its first states. */
enum accumulate_option { ACCUMULATE, ACCUMULATE_CLIP };
enum accumulate_state { ACCUMULATE_COUNT, ACCUMULATE_LOSS, ACCUMULATE_SUM, ACCUMULATE_STATES };

/* Options of storage.c's table. */
enum storage_option { MASTER, ROUNDING, STATE_DTYPE, STATE_BLOCK, STATE_MIN };
enum { MASTER_NONE, MASTER_F32 };
enum { ROUND_NEAREST, ROUND_STOCHASTIC, ROUND_KAHAN };
enum { STATE_FULL, STATE_F32, STATE_BF16, STATE_INT8 };
enum { STORAGE_MASTER, STORAGE_CARRY }; /* its states */

#endif
