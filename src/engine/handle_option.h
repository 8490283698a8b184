/*
 * Options, states and numbers of the engine's own stations that others read too, by their places in the tables of
 * src/wrappers/engine: src/engine and src/optimizer may not include those files, which stand above them.
 */
#ifndef ENGINE_HANDLE_OPTION_H
#define ENGINE_HANDLE_OPTION_H

#include <stdint.h>

/* Options of guard.c's table, which hold for the whole handle. */
enum handle_option { NONFINITE, ZERO_GRAD, SEED, SKIP_LIMIT };
enum { NONFINITE_PROPAGATE, NONFINITE_SKIP, NONFINITE_ERROR };

/* Memory of guard.c. */
typedef struct guarded {
    int64_t skips; /* steps passed over since the last one that was taken */
} guarded_t;

/* Options of accumulate.c's table, its state, and its memory. */
enum accumulate_option { ACCUMULATE, ACCUMULATE_CLIP };
enum { ACCUMULATE_SUM };
typedef struct accumulated {
    int64_t count; /* gradients in the sum */
    double loss;   /* sum of their losses */
} accumulated_t;

/* Options of replicas.c's table, and its memory. */
enum replicas_option { REPLICAS, REPLICAS_DTYPE, SHARD, CHECKPOINT };
enum { REPLICAS_NONE, REPLICAS_MEAN };
enum { REPLICAS_OWN, REPLICAS_BF16 };
enum { CHECKPOINT_WHOLE, CHECKPOINT_SHARES };
typedef struct replicated {
    int64_t bytes_sent;
} replicated_t;

/* Memory of share.c. */
typedef struct shared {
    double loss; /* at the step's own point */
} shared_t;

/* Options of storage.c's table. */
enum storage_option { MASTER, ROUNDING, STATE_DTYPE, STATE_BLOCK, STATE_MIN };
enum { MASTER_NONE, MASTER_F32 };
enum { ROUND_NEAREST, ROUND_STOCHASTIC, ROUND_KAHAN };
enum { STATE_FULL, STATE_F32, STATE_BF16, STATE_INT8, STATE_INT4 };
enum { STORAGE_MASTER, STORAGE_CARRY }; /* its states */

#endif
