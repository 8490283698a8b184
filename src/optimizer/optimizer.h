/* The handle: an engine, its stations, the request that is open, and the schedules. */
#ifndef OPTIMIZER_OPTIMIZER_H
#define OPTIMIZER_OPTIMIZER_H

#include "engine/engine.h"
#include "engine/handle_option.h"
#include "optimizer/entry_values.h"
#include "optimizer/names.h"
#include "optimizer/registry.h"
#include "optimizer/replicas.h"
#include "optimizer/schedule.h"

/* Value `option` of `station`, for `group`, follows a schedule. */
typedef struct scheduled {
    station_t *station;
    int group, option;
    int momentum; /* the momentum option that it drives with lr, unless that has a schedule of its own; or -1 */
    schedule_run_t *run;
} scheduled_t;

typedef struct saving saving_t;

/* The caller's log of gradient norms. */
typedef struct norm_log {
    int norm; /* OPTIM_NORM_..., 0: none is kept */
    double *log;
    size_t count, capacity;
    double open; /* the norm of the step under way */
} norm_log_t;

/* The memory of one parameter. */
typedef struct buffer {
    uintptr_t first, end; /* one past its last byte */
    size_t tensor;
} buffer_t;

/* See buffers.c. */
typedef struct buffers {
    buffer_t *sorted; /* there is memory for 2 * room */
    size_t count, room;
    bool checked; /* nothing that has moved since the last check can overlap */
    bool zeroes;  /* gradients are written too */
} buffers_t;

/* What the caller has answered to the open request. */
typedef struct answers {
    double *losses; /* of components, as methods see them */
    size_t losses_capacity;
    bool complete; /* losses or values of constraints have been handed over */
} answers_t;

/* A step that is taken parameter by parameter: see by_param.c. */
typedef struct by_param {
    bool open;
    bool *stepped;  /* which have been; taken with the first such step */
    char *kept;     /* memory of the stations as the step began */
    pass_end_t end; /* of each pass */
} by_param_t;

struct optim {
    engine_t engine; /* the first member: see ahead.c */
    /* the engine's own, by REGISTRY_ENGINE_...: stations of the chain, and storage */
    station_t *own[REGISTRY_ENGINE_COUNT];
    names_t names; /* of parameters */
    scheduled_t *scheduled;
    size_t scheduled_count, scheduled_capacity;

    /* the step under way */
    optim_status open; /* the request, or 0 */
    int asker;         /* the station that asked */
    bool exchanged;    /* ranks have exchanged what that station asked for: it is to be told */
    int64_t evaluation;
    answers_t answers;
    const double
        *own_weights; /* of constraints, while optim_minimize_constrained calls the caller; NULL: it does not */

    int64_t steps, skipped;
    int64_t steps_backup; /* as the step began; only a wrapper that steps ahead counts further within one */
    double loss;
    bool has_loss, reads_loss;
    int accumulation;           /* of the gradient that arrived last: see step_t ... */
    double accumulation_factor; /* ... as is this */
    double accumulation_scale;  /* of the sum at the next step; 0: its mean is taken */

    by_param_t by_param;
    norm_log_t norm_log;
    buffers_t buffers;
    replicas_t replicas;
    bool has_bounds;
    bool driven;           /* a loop of the library's own calls the caller back: lists must stay as they are */
    own_t *own_parameters; /* [tensor]: room for engine_t.own, taken with the first update */
    void *swapped;         /* the parameters while the output stands in their place, or NULL */
    saving_t *saving;      /* the checkpoint that a thread is writing, or NULL ... */
    void (*end_saving)(optim_t *opt);       /* ... which this waits for; set with the first one ... */
    void (*await_copy)(const optim_t *opt); /* ... and this, until it has copied the states */
};

/* ---- guard.c: what calls refuse, and what they wait for ---- */
/* Before states change, or the memory where they are: waits until a thread that saves them has copied them. */
static inline void states_await_copy(const optim_t *opt) {
    if (opt->saving != NULL)
        opt->await_copy(opt);
}
/* Of a call that may change the handle between steps: it also waits, as above. */
optim_status refuse_open(const optim_t *opt, const char *doing);
/* While a step is taken parameter by parameter; refuse_open refuses then, too. */
optim_status refuse_by_param(const optim_t *opt, const char *doing);
optim_status refuse_planned(const optim_t *opt, const char *doing);
/* What is refused while the output is swapped in: a call; moving a parameter; saving or loading. */
optim_status refuse_swapped(const optim_t *opt, const char *doing);
optim_status refuse_swapped_move(const optim_t *opt);
optim_status refuse_swapped_state(const optim_t *opt, const char *doing);
/* A handle that is NULL, or in a state in which the call is not possible; errors in this order. */
enum { NOT_OPEN = 1, NOT_PLANNED = 2, NOT_SWAPPED = 4 };
optim_status refuse_handle(const optim_t *opt, int needs, const char *doing);
optim_status refuse_param(const optim_t *opt, int param);
optim_status refuse_group(const optim_t *opt, int group);
optim_status refuse_dtype(optim_dtype dtype);

/* ---- station.c ---- */
typedef enum station_kind { STATION_METHOD, STATION_WRAPPER, STATION_ENGINE } station_kind_t;
/* A station with room for so many groups, none of which it covers yet. NULL: no memory. */
station_t *station_create(optim_t *opt, const registry_method_t *entry, station_kind_t kind, int groups);
void station_destroy(station_t *station, int groups);
bool station_add_group(station_t *station, int groups); /* room for one more; not yet covered */
/* The station covers `group`, with the values of `from` (NULL: defaults). */
bool station_cover(station_t *station, int group, const values_t *from);
void station_uncover(station_t *station, int group);
/* Value `i` of the station for `group` (see entry_values.h): its row of a table, NULL if there is none; its name. */
const option_t *station_row(const station_t *station, int group, int i);
void station_value_name(const station_t *station, int group, int i, char name[VALUE_NAME]);

/* ---- chain.c ---- */
/* Makes the engine's own stations, and storage; false: no memory. */
bool chain_create(optim_t *opt);
/* Frees all stations. */
void chain_destroy(optim_t *opt);
/* Puts a station just inside station `before`; NULL: outermost. False: no memory. */
bool chain_insert(optim_t *opt, station_t *station, const station_t *before);
void chain_remove(optim_t *opt, const station_t *station);
/* Where a station stands, counted from the innermost. */
int chain_position(const optim_t *opt, const station_t *station);
/* Number `i` of the wrappers, from the inside out; NULL: there are not so many. */
station_t *chain_wrapper(const optim_t *opt, int i);
/* The innermost wrapper whose ranks exchange now and then; NULL: there is none. */
const station_t *chain_exchanger(const optim_t *opt);
/* The method that asks for evaluations, which check_plan lets one do alone; otherwise the first. */
static inline const station_t *chain_method(const optim_t *opt) {
    const station_t *asker = engine_asker(&opt->engine);
    return asker != NULL ? asker : opt->engine.stations[0];
}
/* No method holds a gradient any more: the parameters have moved. */
void chain_forget_gradient(optim_t *opt);
bool station_reads_loss(const station_t *station); /* under its options */
bool chain_reads_loss(const optim_t *opt);
/* The step that a station is given. */
step_t step_make(const optim_t *opt, station_t *station);
/* The value of an option of the whole handle; and -1 if group 0 maximizes, else 1: methods minimize. */
double handle_option_value(const optim_t *opt, enum handle_option option);
double loss_sign(const optim_t *opt);

/* A method for a handle with room for so many groups, none of which it covers yet. False: no memory. */
bool chain_add_method(optim_t *opt, const registry_method_t *entry, int groups, station_t **added);

/* ---- otherwise.c ---- */
/* Covers the group by the method that takes what `primary` refuses, if it names one; `groups` there will be. False: no
 * memory. Then back: of all such methods of the group. */
bool otherwise_cover(optim_t *opt, station_t *primary, int group, int groups);
void otherwise_uncover(optim_t *opt, int group);
/* Hands the options over: whenever they may have changed. */
void otherwise_take_options(optim_t *opt);
/* The method that will move a tensor; then, before the plan is made, of all tensors, with options handed over. */
station_t *otherwise_owner(const optim_t *opt, const tensor_t *tensor);
void otherwise_assign(optim_t *opt);

/* ---- group.c ---- */
/* Refuses a method that needs LAPACK where there is none. Error: MISSING. */
optim_status group_refuse_method(const registry_method_t *entry);

/* ---- sparse.c ---- */
/* Refuses what cannot step by gradients of some rows, when there are some and memory for states is taken. MISMATCH. */
optim_status sparse_check(const optim_t *opt);
/* No row has a gradient any more: a step has used them. */
void sparse_use_up(engine_t *engine);

/* ---- parameter.c ---- */
/* Elements and row length, both 0 if a dimension is; the bytes of a double each must be countable. `name`: of the
 * parameter, for errors, or NULL. Errors: SHAPE, SIZE. */
optim_status tensor_shape(const char *name, int ndim, const int64_t *dims, size_t *count, size_t *row);
/* Elements of the data that a call without a handle takes. Errors: ARGUMENT, NULL, SHAPE, SIZE. */
optim_status data_shape(optim_dtype dtype, int ndim, const int64_t *dims, size_t *count);

/* ---- threads.c ---- */
int threads_default(void);

/* ---- settings.c ---- */
/* The stations in the order in which an unqualified key is looked up: method, engine, wrappers from the inside out.
 * NULL: there are no more. */
station_t *setting_station(const optim_t *opt, int group, int position);
typedef struct setting {
    station_t *station;
    int option; /* a value of the station: an option of its own, or one of an entry that such an option names */
} setting_t;
/* The row of the option table that describes it. */
const option_t *setting_row(const setting_t *setting, int group);
/* Which station's option `key` means for `group`; error OPTION names the key and what there is. */
optim_status setting_find(const optim_t *opt, int group, const char *key, size_t length, setting_t *setting);
bool setting_lookup(const optim_t *opt, int group, const char *key, size_t length, setting_t *setting);
/* Reads "key=value,..." into the values of `group`; keys for which `skip` is given are passed over.
 * On error values may have been written: callers work on values that they discard then. */
optim_status settings_read(optim_t *opt, int group, const char *options, const char *skip);
/* Whether this change may call for other states than those that memory was taken for. */
bool option_decides_memory(const station_t *station, int group, int option, double before, double after);
/* setting_find for an option that is a number. */
optim_status setting_find_number(const optim_t *opt, int group, const char *key, setting_t *setting);
/* Where an option's values for `group` stand. */
values_t *setting_values(const setting_t *setting, int group);
/* The station's own check of a combination of options. */
optim_status station_check(const station_t *station, int group);
/* What a call that changes an option of `group` (-1: all) checks before anything changes; the groups that it means. */
optim_status settings_check_call(const optim_t *opt, int group, const char *key, const char *doing);
int settings_first_group(int group);
int settings_last_group(const optim_t *opt, int group, const char *key);

/* ---- scheduled.c, attach.c ---- */
/* Whether a schedule drives the option; its value after t completed steps. */
bool scheduled_drives(const optim_t *opt, const setting_t *setting, int group);
double scheduled_value(const optim_t *opt, const setting_t *setting, int group, double t);
/* Whether the option stays 0 under its schedule, because a state exists only while it is not 0. */
bool scheduled_is_off(const scheduled_t *scheduled);
/* A schedule for one option of one group, not yet attached. Errors: those of optim_set_schedule. */
optim_status scheduled_make(const setting_t *setting, int group, const char *name, const char *options,
                            scheduled_t *made);
/* extremes.c: that the schedule suits the option's base value, that no value it takes leaves the range (nor the
 * momentum's, if it drives that as well), and that the ends agree with the station's other options; of all schedules on
 * the station's options for `group`. Errors: VALUE. */
optim_status scheduled_check(const scheduled_t *scheduled);
optim_status schedules_check(const optim_t *opt, const station_t *station, int group);
/* Takes room for `more` schedules. Then, which cannot fail: `made` replaces the schedules of the groups that are marked
 * (and of the options that all groups share). */
bool schedules_reserve(optim_t *opt, size_t more);
void schedules_replace(optim_t *opt, const bool *groups, const scheduled_t *made, size_t count);
/* The option follows no schedule any more. */
void schedules_remove(optim_t *opt, const setting_t *setting, int group);
/* Before the plan is made: makes it take memory for a momentum of 0 that these schedules drive, and for options that
 * they have taken to 0. */
void schedules_switch_on(const scheduled_t *scheduled, size_t count);
/* Applies every schedule at clock `steps`; forgets what reports have taught them. */
void schedules_apply(optim_t *opt);
void schedules_restart(optim_t *opt);

/* ---- create.c ---- */
/* An optimizer that runs a method, registered or not. Errors: VALUE, OPTION, DUPLICATE, NOMEM. */
optim_status handle_create(optim_t **out, const registry_method_t *entry, const char *options);

/* ---- check.c ---- */
/* A method that compares losses along a line has the gradient as it is and no bounds that it does not know; options and
 * bounds may change between steps. Errors: MISMATCH. */
optim_status check_searches(const optim_t *opt);
/* What must hold before memory is taken. Errors: SHAPE, MISMATCH. */
optim_status check_plan(const optim_t *opt);

/* ---- buffers.c ---- */
/* That no memory is lent under two names, if anything has moved since this was last checked. Errors: DUPLICATE,
 * NOMEM. */
optim_status buffers_check(optim_t *opt);
/* The same for a parameter that is about to become `moved`, as far as it can be told at once. Errors: DUPLICATE. */
optim_status buffers_move(optim_t *opt, const tensor_t *moved);
/* Before a step, with memory for states taken: that updates[i], for reals of every tensor, share no memory with each
 * other, parameters or gradients; NULL: none. Errors: DUPLICATE. */
optim_status buffers_check_updates(optim_t *opt, void *const *updates);

/* ---- accumulation.c ---- */
/* Whether accumulate=1 has been set, so that there is memory for a sum. */
bool accumulation_has_memory(const optim_t *opt);
/* Whether gradients have been accumulated since a step has last used such a sum up. */
bool accumulation_exists(const optim_t *opt);
/* The sum of a tensor's accumulated gradients, as reals. */
const void *accumulation_sum(const optim_t *opt, size_t tensor);
/* What a sum over the accumulated gradients stands for: their mean, or optim_accumulate_scale times the sum; and what
 * the sum of their losses stands for. */
double accumulation_mean(const optim_t *opt, double sum);
double accumulation_loss(const optim_t *opt);
/* For a delivery: if a gradient arrives and a sum exists, that stands for the gradient. */
void accumulation_use(optim_t *opt, bool arrives);
void accumulation_clear(optim_t *opt);

/* ---- replicas.c ---- */
/* Whether evaluations are exchanged with other ranks. */
static inline double replicas_option(const optim_t *opt, enum replicas_option option) {
    return station_option(opt->own[REGISTRY_ENGINE_REPLICAS], 0)[option];
}
static inline bool replicas_work(const optim_t *opt) {
    return opt->replicas.comm.ranks > 1 && (int)replicas_option(opt, REPLICAS) == REPLICAS_MEAN;
}
/* Memory for what ranks exchange. Errors: NOMEM. Whoever gives it back. */
optim_status replicas_take_room(optim_t *opt);
/* Memory for that, if it is not there: as a step begins, or before. Errors: NOMEM. Its bytes. */
optim_status replicas_prepare(optim_t *opt);
size_t replicas_bytes(const optim_t *opt, const engine_t *engine);
void replicas_free(optim_t *opt);
/* With what has been evaluated at hand, and before anything reads it: makes it the mean over all ranks. `own`: why this
 * rank cannot go on, which is then returned; OPTIM_OK: it can. Errors: COMM, NOMEM; nothing has happened on any rank,
 * unless an exchange failed half-way. */
optim_status replicas_meet(optim_t *opt, optim_status own);
/* Refuses calls that own the loop. Errors: MISMATCH. */
optim_status replicas_refuse_loop(const optim_t *opt);

/* ---- agreement.c ---- */
/* Memory for what ranks say of themselves alone, if the vectors' room must wait: a rank without memory has to say so.
 * Errors: NOMEM. */
optim_status replicas_take_words(replicas_t *r);
/* That no rank refuses the step and all are where rank 0 is. `own`: as for replicas_meet. */
optim_status replicas_agree(optim_t *opt, optim_status own);
/* The same of ranks that have trained by themselves, and exchange. */
optim_status replicas_agree_exchange(optim_t *opt, optim_status own);
/* On all ranks: `own` if that is an error; error COMM if it is one of another rank's, which is then named. */
optim_status replicas_agree_on(optim_t *opt, optim_status own, const char *doing);

/* ---- average.c ---- */
/* What this rank was handed becomes the mean over all ranks, of what it keeps if states are sharded. */
optim_status replicas_average(optim_t *opt);

/* Of the station that asks for an exchange: its rows become the mean over all ranks; those of rank `other`. */
optim_status replicas_average_rows(optim_t *opt);
optim_status replicas_swap_rows(optim_t *opt, int other);

/* ---- exchange.c ---- */
/* The step of what lies inside station `from` is complete: the rest of it, or OPTIM_EXCHANGE where ranks exchange first
 * and the handle has no communicator. Errors: COMM, NOMEM; the request then stays open. */
optim_status exchange_or_end(optim_t *opt, int from);
/* While the request is open: the same, once more; the rest of the step without it. */
optim_status exchange_again(optim_t *opt);
optim_status exchange_give_up(optim_t *opt);

/* ---- shard.c ---- */
/* Before memory is taken: which tensors' states this rank keeps, written to the handle's engine or a copy of it. After
 * that: that it still is that rank, and that its method works on what ranks exchange. Errors: ORDER, MISMATCH. */
void replicas_settle(const optim_t *opt, engine_t *engine);
optim_status replicas_check(const optim_t *opt);
/* Whether other ranks keep a part of the states. */
bool replicas_shard(const optim_t *opt);
/* Where parameters have been moved: brings those of all ranks to all. Returns the status, or why that failed. */
optim_status replicas_publish(optim_t *opt, optim_status status);
/* What is refused: a step in which an exchange has failed; a call that needs all states. Errors: COMM; MISMATCH. */
optim_status replicas_refuse_lost(const optim_t *opt);
optim_status replicas_refuse_shard(const optim_t *opt, const char *doing);
/* Counts bytes that were sent; what each rank has is exchanged from its beginning. */
void replicas_count_sent(optim_t *opt, size_t bytes);
void replicas_begin_places(replicas_t *r);
/* How the engine gets the sums of all ranks. */
void replicas_connect(optim_t *opt);
/* Most sums that a rank makes in a reduction. */
size_t replicas_most_sums(const optim_t *opt, const engine_t *engine);

/* ---- change.c ---- */
/* Around a change of the lists of parameters, groups or stations, which is possible after the first step too: see
 * replan_begin and replan_end; replan_cancel where something failed. Errors: MISMATCH too (what has steps in memory;
 * shards). */
optim_status change_begin(optim_t *opt, replan_t *aside, const char *doing);
optim_status change_end(optim_t *opt, replan_t *aside, const rows_kept_t *rows);
/* Frees the rooms that are as large as those lists were; they are taken anew when they are needed. */
void change_free_rooms(optim_t *opt);

/* ---- undo.c ---- */
/* As a step begins: what it may change and undoing puts back. */
void step_keep(optim_t *opt);
/* A station's memory and `undone` states, as they were then. */
void step_put_back(const optim_t *opt, station_t *station);
/* Back to where the step began, but for the parameters; nothing where no wrapper steps ahead. */
void step_rewind_inner(optim_t *opt);
/* Undoes the open step. */
void step_undo(optim_t *opt);

/* ---- ahead.c ---- */
/* How an engine takes inner steps and takes them back. */
void ahead_connect(engine_t *engine);

/* ---- products.c ---- */
/* A frozen parameter has no part in the direction, nor has one whose role the request leaves out. */
void products_clear(const optim_t *opt);
/* Products are of the function that methods minimize: negated with it. False: they are not finite, and nonfinite=
 * cares. */
bool products_take(optim_t *opt);

/* ---- nonfinite.c ---- */
/* Whether a step whose gradient was rejected is passed over; otherwise its error, which names the element. */
bool nonfinite_skips(optim_t *opt);
optim_status nonfinite_name(const optim_t *opt);
/* Counts the step that is passed over; an error if it is one too many in a row (skip_limit). NONFINITE. */
optim_status nonfinite_limit(optim_t *opt);

/* ---- deliver.c ---- */
/* The station at which what has been evaluated arrives. */
int step_arrival(const optim_t *opt);
/* Hands a gradient from station `from` inwards to station `to`, until one asks. */
optim_status step_deliver(optim_t *opt, int from, int to);

/* ---- finish.c ---- */
/* The step of stations first .. last, counted from the innermost, is complete: theirs is the last pass, and the handle
 * has taken so many steps. */
void step_finish(optim_t *opt, int first, int last, int64_t steps, bool zero_gradient);
/* Its parts: stations are told, which queue what is left; what the last pass does beside that; the counts. */
pass_end_t step_close(optim_t *opt, int first, int last, int64_t steps, bool zero_gradient);
void step_count(optim_t *opt, int64_t steps);
/* Of the open step, which is complete inside station `from`: the same. */
void step_end(optim_t *opt, int from);

/* ---- step.c ---- */
/* optim_step, with a gradient that is known to have been evaluated for it (`given`) or accumulated. */
optim_status step_take(optim_t *opt, bool given);
/* A step begins: memory, schedules, random stream; nothing is read yet. Errors: those of step_ready. */
optim_status step_open(optim_t *opt);
/* Takes memory if need be and lets schedules act: between steps, before a gradient is read. */
optim_status step_ready(optim_t *opt);
/* Whether the method holds a gradient, so that the next step begins without one: the loss there, as the caller has it;
 * the norm of that gradient, and the row of the method's states where it is (-1: not in reals). */
typedef struct held {
    double loss, norm;
    int row;
} held_t;
bool step_holds_gradient(const optim_t *opt, held_t *held);
/* The caller may have moved the parameters since the last step: what a method holds of them is not trusted, and where
 * they begin is in their boxes, as after a step. */
void step_begin_anew(optim_t *opt);

/* ---- norm_log.c ---- */
/* The norm of the gradient that a step begins with, if a log is kept; then, the step being complete, into the log. */
void norm_log_begin(optim_t *opt);
void norm_log_finish(optim_t *opt);

#endif
