/*
 * The engine: tensors, stations of methods, the plan of tiles, and the passes over them. It knows nothing of names,
 * handles or requests' answers.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/compressor.h"
#include "engine/map.h"
#include "engine/method.h"
#include "kernels/primitives.h"

enum { PRECISION_F32 = 0, PRECISION_F64 = 1, PRECISIONS = 2 };

/* The compiled copies of one method for one instruction-set level. */
typedef struct method_level {
    const method_t *precision[PRECISIONS];
} method_level_t;

enum { ENGINE_LEVELS = 3 }; /* base, and x86-64-v3 and -v4 where built */
extern const char *const ENGINE_LEVEL_NAMES[ENGINE_LEVELS];

/* Highest level that is built, that this machine can run, and that the environment allows: GRADOPT_LEVEL=base,
 * x86-64-v3 or x86-64-v4 names the highest. */
int engine_best_level(void);
/* Refuses any other word in GRADOPT_LEVEL. */
optim_status engine_check_level(void);

/* What an x86 processor says of itself: CPUID leaf 1 (ECX), leaf 7 (EBX), leaf 80000001 (ECX); and XCR0, the registers
 * that the system saves. */
typedef struct engine_processor {
    uint32_t leaf1, leaf7, extended, saved;
} engine_processor_t;
/* The highest level that the processor can run. */
int engine_level_of(engine_processor_t processor);
const primitives_t *engine_primitives(int level);

/* What a tensor has of one row of a state table: filled by slots_fill, placed by the plan. */
typedef struct slot {
    void *at;        /* NULL: absent, or not taken yet */
    void *undo;      /* a second place as large, for `undone` states */
    size_t bytes;    /* of one copy, whole cache lines */
    size_t elements; /* of one copy */
    uint32_t copies; /* 0: absent */
    uint8_t form;    /* stored_t */
    bool by_element; /* an element for each of the tensor's, so that tiles see their part */
    bool widened;    /* kernels see it as reals, which it is not stored as */
    bool nonnegative, keep_sign;
    bool kept;    /* lives from step to step */
    size_t *axis; /* PER_AXIS: where each axis begins, in bytes from `at`; SIZE_MAX: it has none; [ndim] */
} slot_t;

/* Option values of one station for one group. */
typedef struct values {
    double *base;            /* as set; a schedule scales them */
    double *now;             /* what the step uses */
    int role;                /* of a method's group: 1 + position in its roles; 0: not said */
    struct station *primary; /* the method whose refused tensors of the group this one takes; NULL: it is no such one */
    int *from;               /* then option `i` is option from[i] of `primary`, if that is not -1 */
    bool left_out;           /* the wrapper does not act on the group */
} values_t;

/* One method or wrapper at work in a handle; also what has options and states without a place in the chain: storage. */
typedef struct station {
    const char *name;           /* to users; the engine's own are all "engine", and told apart by their method's name */
    method_level_t typed, base; /* the method at the level in use, for kernels, and at the first one, for prepare */
    const method_t *method;     /* the copy whose tables and serial functions are used */
    const char *preset;         /* defaults that it has in place of its table's, "key=value,..."; NULL: none */
    bool per_group; /* option values by group (methods, the engine's own stations); else group 0's serve all */
    bool is_method, is_wrapper; /* neither: the engine's own */
    bool leaves_out;            /* a wrapper, all groups but those that it was given */
    struct engine *engine;      /* in which it works */
    int first_group, groups;    /* the first group that it covers, and how many it covers */
    values_t *values;           /* by group; base == NULL: this station does not cover the group */

    int line;                      /* see step_t */
    bool called;                   /* in this step */
    bool moved;                    /* it has made a request in this step: its RESTORE_POINT is valid */
    bool holds_gradient, is_spent; /* see step_t */
    double held_loss, held_norm;
    int held_row;
    int next_sample;

    input_view_t *inputs; /* [owner][row of the input table] */
    size_t input_owners, input_rows;

    /* memory, taken by plan_build */
    size_t own_elements; /* of a method: elements of its tensors */
    size_t states;       /* rows of the state table */
    slot_t *slot;        /* [tensor][state] */
    bool any_short;      /* some slot is not plain reals */
    bool undoes;         /* some state is `undone` */
    char *memory;        /* the method's structs in one block; see memory.c */
    char *memory_backup; /* ... and as they were when the step began (REQUESTS only) */
    size_t memory_bytes;
    void **group_memory, **cohort_memory; /* by group: where the structs are, the latter of the group's first cohort */
    void **tensor_memory;                 /* by tensor */
    double *sums;                         /* [tensors, groups, all][METHOD_SUMS] */
    double *row_sums;                     /* [row of every tensor][METHOD_ROW_SUMS] (SUMS_ROWS only) */
} station_t;

static inline const double *station_option(const station_t *station, int group) {
    return station->values[station->per_group ? group : 0].now;
}
static inline bool station_covers(const station_t *station, int group) {
    return station_option(station, group) != NULL;
}

/* The method's struct, NULL if it has none: the structs of groups and tensors stand behind it. */
static inline void *station_memory(const station_t *station) {
    return station->method->memory == 0 ? NULL : station->memory;
}

/* Whether the tensor is the station's: a method's own, or in a group that a wrapper covers. */
static inline bool station_has(const station_t *station, const tensor_t *tensor) {
    return station->is_method ? tensor->owner == station
                              : station_covers(station, tensor->group) && !station->values[tensor->group].left_out;
}

/* Who has inputs: the method, then the tensors. */
enum { INPUT_OWNER_METHOD, INPUT_OWNER_TENSORS };

/* The input of this owner and row; NULL: absent. */
const input_view_t *station_input(const station_t *station, size_t owner, int row);

typedef struct tile_ref {
    size_t tensor, offset;
    uint32_t n;
} tile_ref_t;

/*
 * Tensors of one group that have taken equally many steps, and remember the same as a cohort: one call of prepare
 * serves them. There is one for every group, and further ones while some tensors have been frozen longer than others. A
 * frozen tensor is counted with any of its group.
 */
typedef struct cohort {
    int group;
    const station_t *owner;
    bool moves; /* it has a tensor with a gradient */
    int64_t steps;
    void *memory;
} cohort_t;

enum { QUEUE_LENGTH = 17 };

/* A kernel to be run on the tiles of its station, with what it takes. */
typedef struct call {
    const station_t *station; /* NULL: projection onto the boxes */
    int kernel;               /* less than 0: the map that option -1 - kernel names */
    const char *constants;    /* [cohort][precision], engine_t.constants_bytes each */
    const void *arguments;
    bool is_rest;      /* for tensors of several pieces alone: the others have had it, see pass_sums_then */
    double map_step;   /* of a map ... */
    bool map_times_lr; /* ... which is multiplied by each group's learning rate */
} call_t;

typedef struct queue {
    call_t entry[QUEUE_LENGTH];
    int count;
} queue_t;

/* A parameter of the caller, where a step works on a copy of it: see optimizer/update.c. */
typedef struct own {
    void *data;
    optim_dtype dtype;
} own_t;

/* Bytes that a whole tensor may need: its kernel's workspace; the parameter, and the gradient, as reals. */
typedef struct room {
    size_t work, whole;
} room_t;

typedef struct engine {
    tensor_t *tensors;
    size_t tensor_count, tensor_capacity, element_count, row_count;
    station_t **stations; /* the chain, innermost first: methods, then wrappers, in the order of optimizer/chain.c */
    int station_count, station_capacity, method_count;
    int group_count;
    station_t *ahead; /* the wrapper that STEPS_AHEAD; NULL: there is none */
    station_t *storage;    /* its options say how states are kept; its own states are master copies and carries */
    uint64_t rounding_key; /* the last step's until a step completes: what it wrote, written again, keeps its bits */
    int threads;
    int level;
    /* of several ranks each keeps the states of some tensors and moves those: see tensor_is_elsewhere */
    int shard_rank, shard_ranks; /* the latter 0: it keeps and moves all */
    /* Completes sums[tensor][METHOD_SUMS] by those of tensors that other ranks move. */
    void (*join_sums)(void *context, double *sums);
    void *join_context;
    uint64_t seed, draws, draws_backup;
    const primitives_t *primitives;
    const map_level_t *(*map_at)(int level, size_t position); /* of the registry */
    const compressor_level_t *(*compressor_at)(int level, size_t position);
    optim_status (*take_inner)(struct engine *engine, double loss); /* of the handle, for step_inner ... */
    void (*rewind)(struct engine *engine);                          /* ... and step_rewind */

    /* the caller's problem, 0: not told */
    int64_t components, equalities, inequalities, residuals;
    own_t *own; /* [tensor] while a step works on copies, otherwise NULL */
    bool boxed; /* some parameter has bounds, or had when memory was taken */
    bool has_rows; /* some parameter has, or had, a gradient of some rows */

    /* the plan */
    bool planned;
    tile_ref_t *tiles;
    size_t tile_count;
    size_t *part; /* tiles of part i: part[i] .. part[i+1] */
    int parts;
    void *arena;   /* states */
    char *scratch; /* everything below but the parts' own */
    size_t state_bytes, scratch_bytes;
    double *partial;    /* [tile][METHOD_SUMS] */
    double *edge;       /* [tile][2][METHOD_ROW_SUMS]: sums over the row pieces at a tile's ends (SUMS_ROWS only) */
    char *part_scratch; /* [part][part_bytes] */
    size_t part_bytes, part_room; /* of a part; where in it room for a small tensor begins */
    size_t effort;                /* of a pass, in elements: how many threads are worth having */
    quantize_table_t *tables;     /* QUANTIZE_TABLES of them; NULL unless there are codes */
    double *constraint, *weights; /* [constraints] */
    double *asked_weights;        /* as the caller sees them */
    size_t *axes;                 /* what the slots' `axis` point to */
    int64_t *order;               /* [components], with NEEDS_COMPONENTS */
    room_t large, small; /* WHOLE_TENSORS only: room for one tensor, in large_room and, a small one, in each part */
    char *large_room;

    /* cohorts, settled between steps; see cohorts_settle */
    bool unsettled;      /* a gradient has come or gone, or counts of steps have changed */
    int64_t uncollected; /* steps that cohorts have counted and their tensors not yet: 0 while unsettled */
    cohort_t *cohorts;
    size_t cohort_count, cohort_room;
    char *constants;                /* [2 queues][QUEUE_LENGTH + 1][cohort_room][precision_count][constants_bytes] */
    size_t constants_bytes;         /* most that a station's prepare fills */
    char *arguments;                /* [2 queues][QUEUE_LENGTH + 1][arguments_bytes] */
    size_t arguments_bytes;         /* most that a station's kernel takes */
    int precision_count, precision; /* of the handle's tensors: 1, and that one, or 2 where there are both */

    /* the step under way */
    queue_t updates, filters;
    request_t request; /* just made */
    int next_line;
    const station_t *looks;  /* with by_tensor: who wanted a pass over all; NULL: nobody */
    uint64_t gradient_roles; /* of the gradient that arrived last: mask of those it is of, 0: all */
    bool rejected;           /* by step_reject */
    bool by_tensor;          /* passes are made tensor by tensor, later: none is made now */

    uint64_t walks; /* over memory, in all: a step of an element-wise method is one */
} engine_t;

/* What the gradient that a step begins with should be made of, unless the step before says otherwise. */
static inline int method_first_sample(const method_t *method) {
    return method->flags & BEGINS_FULL ? OPTIM_SAMPLE_FULL : OPTIM_SAMPLE_FRESH;
}

/* The method that a group runs; who takes what it refuses is not it. */
static inline station_t *engine_owner(const engine_t *engine, int group) {
    int l = 0;
    while (!station_covers(engine->stations[l], group) || engine->stations[l]->values[group].primary != NULL)
        ++l;
    return engine->stations[l];
}

/* The method that asks for further evaluations, where others share the handle and wait for it; NULL: there is none. */
static inline const station_t *engine_asker(const engine_t *engine) {
    for (int l = 0; engine->method_count > 1 && l < engine->method_count; ++l)
        if (engine->stations[l]->method->flags & REQUESTS)
            return engine->stations[l];
    return NULL;
}

/* Whether the station lies inside the wrapper that steps ahead: it can be taken back to where a step began. */
static inline bool engine_rewinds(const engine_t *engine, const station_t *station) {
    for (int l = 0; engine->ahead != NULL && engine->stations[l] != engine->ahead; ++l)
        if (engine->stations[l] == station)
            return true;
    return false;
}

/* All that has options and states: the stations of the chain, then storage. */
static inline int engine_keepers(const engine_t *engine) {
    return engine->station_count + 1;
}
static inline station_t *engine_keeper(const engine_t *engine, int i) {
    return i < engine->station_count ? engine->stations[i] : engine->storage;
}

/* Which rank keeps the states of the tensor: ranks get runs of tensors, whole ones, of about as many elements. */
static inline int engine_rank_of(const engine_t *engine, const tensor_t *tensor) {
    const tensor_t *last = &engine->tensors[engine->tensor_count - 1];
    const double all = (double)last->first_of_all + (double)last->count;
    const double middle = (double)tensor->first_of_all + (double)tensor->count / 2;
    const int rank = all == 0 ? 0 : (int)(middle / all * engine->shard_ranks);
    return rank < engine->shard_ranks ? rank : engine->shard_ranks - 1;
}
static inline bool tensor_is_elsewhere(const tensor_t *tensor) {
    const engine_t *engine = tensor->owner->engine;
    return engine->shard_ranks > 1 && engine_rank_of(engine, tensor) != engine->shard_rank;
}

static inline int tensor_precision(const tensor_t *tensor) {
    return tensor->dtype == OPTIM_F64 ? PRECISION_F64 : PRECISION_F32;
}
static inline size_t tensor_real(const tensor_t *tensor) {
    return tensor->dtype == OPTIM_F64 ? sizeof(double) : sizeof(float);
}

static inline optim_dtype tensor_real_dtype(const tensor_t *tensor) {
    return tensor_precision(tensor) == PRECISION_F64 ? OPTIM_F64 : OPTIM_F32;
}

/* The caller's type of a parameter, and of its bounds. */
static inline optim_dtype engine_own_dtype(const engine_t *engine, const tensor_t *tensor) {
    return engine->own == NULL ? tensor->dtype : engine->own[tensor->id].dtype;
}

static inline bool role_is_among(uint64_t roles, int role) {
    return roles == 0 || (roles >> role & 1) != 0;
}

/* Whether kernels see the tensor's gradient: its method reads it, and what arrived last was asked of its role. */
static inline bool engine_reads_gradient(const engine_t *engine, const tensor_t *tensor) {
    return !tensor->gradient_free && role_is_among(engine->gradient_roles, tensor->role);
}

/* Steps that the tensor has taken. */
static inline int64_t tensor_steps(const engine_t *engine, const tensor_t *tensor) {
    return tensor->steps + (tensor_is_frozen(tensor) ? 0 : engine->uncollected);
}
/* What the tensor remembers with its cohort. */
static inline void *tensor_cohort_memory(const engine_t *engine, const tensor_t *tensor) {
    const bool in_cohort = !tensor_is_frozen(tensor) && engine->uncollected > 0;
    return in_cohort ? engine->cohorts[tensor->cohort].memory : tensor->cohort_memory;
}

/* What prepare filled for this tensor. */
static inline const char *tensor_constants(const engine_t *engine, const tensor_t *tensor, const char *constants) {
    const size_t both = (size_t)engine->precision_count, precision = (size_t)tensor_precision(tensor);
    return constants + (tensor->cohort * both + (both > 1 ? precision : 0)) * engine->constants_bytes;
}

/* Whether a state lives from step to step. */
static inline bool state_is_kept(const state_t *state) {
    return state->role == KEPT || state->role == FIRST_MOMENT;
}

/*
 * Whether it is so small that BLAS and LAPACK do by themselves what they are asked to do with it: then many threads may
 * call them, each for a tensor of its own, and the bits are those of one. OpenBLAS shares out products of more than
 * 64^3 multiplications, and nothing else of that side.
 */
static inline bool tensor_is_small(const tensor_t *tensor) {
    enum { SIDE = 64 };
    for (int i = 0; i < tensor->ndim; ++i)
        if (tensor->dims[i] > SIDE)
            return false;
    return tensor->count <= (size_t)SIDE * SIDE;
}

/* Whether whole-tensor kernels of the method run on it. */
static inline bool tensor_is_whole(const tensor_t *tensor, const method_t *method) {
    return (method->flags & WHOLE_TENSORS) && (method->takes_whole == NULL || method->takes_whole(tensor));
}

/* ---- slots.c ---- */

/* Rows of a state table, which may be NULL. */
size_t state_count(const state_t *states);

/* An option's value by its name. */
double method_option(const method_t *method, const char *name, const double *option);
/* Copies of this state that the options ask for: 0 if it does not exist under them. */
size_t state_copies(const method_t *method, const state_t *state, const double *option);
/* Those copies times what state_t.each counts. */
size_t station_copies(const engine_t *engine, const station_t *station, const state_t *state, const double *option);
/* Constraints of the problem; and what `each` counts of it, or of the method's parameters. */
size_t engine_constraints(const engine_t *engine);
size_t engine_each(const engine_t *engine, const method_t *method, state_each_t each);
/* Whether undoing a step puts the state back, from a second place as large. */
bool state_is_undone(const engine_t *engine, const station_t *station, const state_t *state);
/* Whether the state has a real for every element of its tensor. */
bool state_is_by_element(const state_t *state);
/* p, if it has one for elements 0, p, 2p, ...; see state_t.every. */
size_t state_stride(const method_t *method, const state_t *state, const double *option);
/* Dimensions of a copy of a SHAPED state, or of one axis of a PER_AXIS one; -1: there is none. */
int state_dims(const state_t *state, const tensor_t *tensor, const double *option, int axis, int64_t *dims);

/* Bytes of one axis of a PER_AXIS state. */
size_t state_axis_bytes(const state_t *state, const tensor_t *tensor, const double *option, int axis);

/*
 * How large each state of a tensor is under these options of its group, in which form and how many copies: the one
 * answer, for whoever measures, places, saves or compares. slots[station's rows]; `at` is NULL. False: overflow.
 */
bool slots_fill(const engine_t *engine, const station_t *station, const tensor_t *tensor, const double *option,
                slot_t *slots);
/* Whether the tensor would have other states under these options than it has. */
bool slots_differ(const engine_t *engine, const station_t *station, const tensor_t *tensor, const double *option);

/* ---- plan.c ---- */

/* The value that a state begins with: by options as they were set, not as a schedule moves them. */
double state_initial(const station_t *station, const state_t *state, int group);

/* Bytes that are taken, or that plan_build would take: nothing for states of tensors without a gradient. Errors:
   SIZE. */
optim_status plan_measure(const engine_t *engine, size_t *state_bytes, size_t *scratch_bytes);
/* Takes all memory and sets every state to its initial value; on error nothing is changed. Errors: SIZE, NOMEM. */
optim_status plan_build(engine_t *engine);
void plan_free(engine_t *engine);
/* The engine has no plan any more; its memory is another's to free. */
void plan_let_go(engine_t *engine);
/* Sets every state to its initial value; fresh memory is zero already. */
void plan_initialise(engine_t *engine, bool fresh);
/* To be called for a tensor whose buffers moved. */
void plan_bind(const engine_t *engine, tensor_t *tensor);
/* Takes memory for the states of a tensor that has none, and sets them to their initial values. Errors: SIZE, NOMEM. */
optim_status plan_take_states(engine_t *engine, tensor_t *tensor);
/* The tensor has no states any more, as before its first gradient. */
void plan_drop_states(engine_t *engine, tensor_t *tensor);
/* Sets the states of one tensor to their initial values, but for those that frozen tensors have too. */
void plan_initialise_tensor(const engine_t *engine, const tensor_t *tensor);
/* Splits the tiles of a built plan among the threads. Errors: NOMEM. */
optim_status plan_share(engine_t *engine, int threads);

/* ---- replan.c ---- */

/* A plan that was put aside, with the tensors and stations as they were. */
typedef struct station_aside {
    station_t *station, was;
    double *option; /* [group][row of the option table]: what the station's own options were */
} station_aside_t;
typedef struct replan {
    engine_t engine; /* planned: there is one */
    station_aside_t *stations;
    size_t station_count;
} replan_t;

/* The rows of a tensor that stay, by their old numbers in their new order; those behind them are new. */
typedef struct rows_kept {
    size_t tensor, count;
    const int64_t *index;
} rows_kept_t;

/* Before tensors, groups or stations are added to an engine with a plan, a tensor gets other rows, or options by which
 * states exist change; without a plan nothing happens. Errors: NOMEM; nothing has changed then. */
optim_status replan_begin(engine_t *engine, replan_t *aside);
/* After that: takes memory, and all that was remembered moves over. `rows`: of the tensor that got other ones, or NULL.
 * Errors: SIZE, NOMEM, MISMATCH; the engine has no plan then, until replan_cancel. */
optim_status replan_end(engine_t *engine, replan_t *aside, const rows_kept_t *rows);
/* In place of that, once the lists are as they were: the plan is back. */
void replan_cancel(engine_t *engine, replan_t *aside);

/* ---- cohorts.c ---- */

/* Between steps, if unsettled: takes memory for the states of tensors that have got their first gradient, sorts the
 * tensors into cohorts, and makes room for what prepare fills. Errors: SIZE, NOMEM. */
optim_status cohorts_settle(engine_t *engine);
/* The step is complete: every tensor with a gradient has taken it. */
void cohorts_count_step(engine_t *engine);
/* So many steps, counted since the tensors were sorted, have not been taken. */
void cohorts_uncount_steps(engine_t *engine, int64_t steps);
/* Every tensor gets what its cohort has counted, and its numbers: before a gradient comes or goes. */
void cohorts_collect(engine_t *engine);
void cohorts_free(engine_t *engine);
/* One for every group and every method in it. */
size_t cohorts_least(const engine_t *engine);
/* Bytes that so many take. */
size_t cohorts_bytes(const engine_t *engine, size_t count);

/* ---- step.c ---- */

/* Queues the projection onto the boxes. */
void step_project(engine_t *engine);

/* `n` elements of a tensor's bound from `first` on, or `otherwise` for all of them. */
void engine_bounds_read(const engine_t *engine, const tensor_t *tensor, const void *bounds, double otherwise,
                        size_t first, size_t n, double *out);

/* The call of a kernel that is not queued: valid until the next one. */
call_t step_call(step_t *s, int kernel, const void *arguments);

/* Between steps: the constants of one tensor, as after the last step that it took; valid until the next call. */
const char *step_prepare_output(step_t *s, const tensor_t *tensor);

/* ---- memory.c: the structs of a method's memory ---- */

/* Whether a table of fields, which may be NULL, goes on with this row. */
static inline bool field_is_row(const field_t *field) {
    return field != NULL && field->name != NULL;
}
/* The values of a field under these options: 0 if it has no meaning under them. */
size_t field_count(const engine_t *engine, const method_t *method, const field_t *field, const double *option);
/* Value `i` of a field of this struct; and sets it. */
double field_get(const field_t *field, const void *memory, size_t i);
void field_set(const field_t *field, void *memory, size_t i, double value);
/* Where its first value is. */
void *field_address(const field_t *field, const void *memory);
/* Whether it lives from step to step. */
bool field_is_kept(const field_t *field);
/* What it begins with: by options as they were set. */
double field_initial(const station_t *station, const field_t *field, int group);
/* Whether it may be `value`. */
bool field_admits(const method_t *method, const field_t *field, const double *option, double value);
/* The struct that the field is a member of: of the method, this group, or this tensor (or its cohort, as collected). */
void *field_memory(const station_t *station, const field_t *field, int group, const tensor_t *tensor);
/* Bytes of a station's structs; of them those that live between steps. */
size_t memory_bytes(const engine_t *engine, const station_t *station);
size_t memory_kept_bytes(const engine_t *engine, const station_t *station);
/* Points everything into the station's block, and sets all to initial values. */
void memory_place(engine_t *engine, station_t *station);
void memory_initialise(engine_t *engine, station_t *station);
/* The tensor's share, to what a tensor begins with. */
void memory_initialise_tensor(const engine_t *engine, const station_t *station, const tensor_t *tensor);

/* The option "lr" of the group's method as this step uses it; 1 if there is none. */
double engine_lr(const engine_t *engine, int group);

/* ---- mapping.c: maps that options name ---- */

/* The map that an option of the station names for a tensor, ready but for the step and room; false: none. */
typedef struct mapping {
    const map_level_t *level;
    const map_t *map;
    map_call_t call;
} mapping_t;
bool mapping_of(const engine_t *engine, const station_t *station, const tensor_t *tensor, int option,
                mapping_t *mapping);

/* Bytes that maps named by the station's options need for the tensor: as reals, and of room. False: overflow. */
bool mapping_needs(const engine_t *engine, const station_t *station, const tensor_t *tensor, size_t *whole,
                   size_t *work);

/* On a tile's parameters: a map by element that waits in the queue. */
void mapping_run_tile(const engine_t *engine, const tile_t *t, const call_t *call);

/* ---- compression.c: compressors that options name ---- */

/* Bytes that step_compress needs for the station's options: for the elements of all tensors in one row, and of room.
 * False: overflow. */
bool compression_needs(const engine_t *engine, const station_t *station, size_t *whole, size_t *work);

/* ---- pass.c ---- */

/* Calls work for every part of the plan, each on a thread of its own where there are several. */
void engine_parallel(const engine_t *engine, void (*work)(const engine_t *engine, int part, void *context),
                     void *context);

typedef struct pass_end {
    bool project;       /* the pass that completes a step keeps parameters inside their boxes ... */
    bool zero_gradient; /* ... and may leave the gradients zero */
    bool round;         /* ... and rounds all masters anew, with the step's own key, whatever has been written before */
} pass_end_t;

/* Runs what is queued. With `end`, a pass is made even for an empty queue. */
void pass_flush(engine_t *engine, const pass_end_t *end);

/* Whether passes are made tensor by tensor, later; then notes that the station wanted one over all now. */
bool pass_is_put_off(engine_t *engine, const station_t *station);

/* Runs what is queued on this tensor alone, and leaves it in the queue. */
void pass_tensor(engine_t *engine, size_t tensor, const pass_end_t *end);

typedef enum reduction {
    REDUCE_SUM,
    REDUCE_OWN, /* sums that kernels add up themselves */
    REDUCE_MAX,
    REDUCE_ROWS /* up to METHOD_ROW_SUMS sums for every row */
} reduction_t;

/* Runs what is queued and then a kernel whose terms are reduced. */
void pass_reduce(engine_t *engine, const call_t *call, reduction_t reduction, int terms);

/* pass_reduce with REDUCE_OWN; behind it `then` runs on tensors of a single piece. Whether there are others. */
bool pass_sums_then(engine_t *engine, const call_t *call, int terms, const call_t *then);

/* Runs what is queued, then the kernel on every whole tensor of the station. */
void pass_tensors(engine_t *engine, const call_t *call);
/* pass_tensors, one tensor after the other in the order of declaration. */
void pass_tensors_in_turn(engine_t *engine, const call_t *call);

/* Writes the output of this station (it has one) for tensor `i`, with its constants, to `out`, in the parameter's
 * dtype. */
void pass_output(const engine_t *engine, const station_t *station, size_t i, const char *constants, void *out);

/* Parameters back from the station's RESTORE_POINT, if it has one. */
void pass_restore(engine_t *engine, const station_t *station);

#endif
