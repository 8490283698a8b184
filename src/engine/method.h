/*
 * What a method or wrapper file sees: the tables it fills, the tile its kernels work on, and the services of a step.
 *
 * A method is two kinds of code. Serial code (advance, finish, check, prepare) decides, in double, once a step or once
 * a group; kernels are loops over a tile in `real`, run by many threads, which see nothing but the tile. Every file is
 * compiled once per precision and instruction-set level: kernels and prepare are taken from the copy that suits the
 * tensor, advance, finish and check from the one for double. Since the copies must agree, whatever decides anything
 * stands in serial code, and kernels get their numbers ready to be used:
 *
 *      options (schedules applied), group->t,
 *      memory structs as they are at the call
 *           |
 *           v  prepare, for each cohort, whenever a kernel is queued
 *      constants_t -----------------------------------> t->constants    a decay, a step size, a bias correction; `real`
 *
 *      advance: step_update(s, MOVE, &(move_t){.step = eta})
 *      move_t, copied by the call ---------------------> t->arguments    a trial step; double
 *
 *      step_reduce, of this station, before -----------> t->tensor_sum, t->row_sum
 *      a tensor's memory struct, when the kernel runs -> t->memory       a norm's running mean
 *      inputs of the caller ---------------------------> tile_input
 *
 * The first two are taken when the kernel is queued: what advance changes afterwards does not reach it. The last three
 * are read when the kernel runs, which may be later, in one pass with what other stations queue: advance changes a
 * tensor's struct before it queues the kernel, or behind a reduction, which runs the queue.
 *
 * And back: a kernel answers through the terms of a reduction alone (double; summed in one fixed order, so that bits do
 * not depend on threads), or, on whole tensors, through t->memory.
 *
 * What a method remembers has two forms as well. Arrays are rows of the state table: the engine takes their memory, may
 * store them in fewer bits, saves them. Numbers are members of structs: of the method (s->memory), of each group, of
 * each cohort (the tensors of a group that have taken equally many steps), of each tensor. The table of fields names
 * the members that live from step to step; they are saved, restored, and read by optim_get. The others are free between
 * steps: a loop counter needs no row.
 *
 * docs/adding-a-method.md goes through a method from the first line, and says what may be written when.
 */
#ifndef ENGINE_METHOD_H
#define ENGINE_METHOD_H

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arithmetic.h"
#include "base/entry.h"
#include "base/option.h"
#include "optim/optim.h"

#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* 16: _Float16 too */
#error "results must be rounded to their own type: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

enum {
    METHOD_STATES = 20,     /* rows of a state table */
    METHOD_KERNELS = 20,    /* kernels of a descriptor */
    METHOD_SUMS = 8,        /* sums of one reduction */
    METHOD_ROW_SUMS = 2,    /* and of one over rows */
    METHOD_ROLES = 8,       /* roles of a method */
    TENSOR_DIMS = 64,       /* dimensions; more is an uninitialised number, and dims would be read so far */
    TILE_ELEMENTS = 16384,  /* the longest tile: a few of them fit the second-level cache */
    WIDENED_ELEMENTS = 512, /* and where parameters, gradients or states are converted: the first level */
    CHUNK_ELEMENTS = 1024,  /* of a tile, for kernels that need room of their own on the stack */
    PIECE_ELEMENTS = 512, /* the longest piece of a tile that a reduction hands to a kernel: terms stay in that level */
    SUM_ELEMENTS = 256    /* and that step_sums does: short, since memory rests while what was read is summed */
};

/* ---- A tensor: one parameter ---- */
typedef struct tensor {
    char *name;
    optim_dtype dtype, grad_dtype;
    int ndim;
    int64_t *dims;
    size_t id;        /* number of the parameter, from 0 */
    size_t count;     /* elements */
    size_t row;       /* elements of a slice of dimension 0 (ndim >= 2); otherwise count: a vector is one row */
    size_t first_of_all;    /* position of its first element in all tensors concatenated */
    size_t first_of_method; /* and in those of its method */
    size_t first_of_role;   /* and in those of its method that have its role */
    size_t first_row;       /* number of its first row among the rows of all tensors */
    size_t stride;    /* reals from one copy of a state to the next */
    size_t block;     /* elements that share a scale in 8-bit states */
    size_t tile;      /* its tiles' length: whole blocks */
    size_t piece;     /* how much of a tile is copied at once, where parameters or gradient must be copied */
    int group;
    struct station *owner; /* the method that moves it: its group's, or who takes what that refuses */
    int role;              /* position in method_t.roles of its method; 0 where there are none */
    bool frozen;           /* by optim_freeze */
    bool gradient_free;    /* its method reads no gradient */
    size_t cohort;         /* see cohort_t */
    int64_t steps;   /* taken while it was not frozen: its own clock, as cohorts_collect left it; see tensor_steps */
    bool states_taken; /* memory for them is taken: with the plan, or when it is first not frozen */
    void *arena;     /* that memory, if it was not the plan's */
    void *cohort_memory;         /* what its method remembers of it and its cohort, as cohorts_collect left it */
    size_t cohort_bytes;         /* of cohort_memory */
    bool plain_data, plain_grad; /* kernels work on the caller's buffer itself */
    void *data, *grad;
    struct rows *rows; /* a gradient of some rows stands for `grad`; NULL: none does */
    const void *lower, *upper;
} tensor_t;

/* Left alone by steps: a method that reads gradients has none to read, or optim_freeze says so. */
static inline bool tensor_is_frozen(const tensor_t *tensor) {
    return tensor->frozen || (tensor->grad == NULL && tensor->rows == NULL && !tensor->gradient_free);
}

/* Whether steps read a gradient of it. */
static inline bool tensor_has_gradient(const tensor_t *tensor) {
    return (tensor->grad != NULL || tensor->rows != NULL) && !tensor->frozen && !tensor->gradient_free;
}

/* A matrix view: dimension 0 by all others. */
static inline size_t tensor_columns(const tensor_t *tensor) {
    return tensor->row;
}
static inline size_t tensor_rows(const tensor_t *tensor) {
    return tensor->row == 0 ? 0 : tensor->count / tensor->row;
}

/* The axes that PER_AXIS states go by: a tensor without dimensions has one, of length 1. */
static inline int tensor_axes(const tensor_t *tensor) {
    return tensor->ndim > 0 ? tensor->ndim : 1;
}
static inline size_t tensor_axis(const tensor_t *tensor, int axis) {
    return tensor->ndim > 0 ? (size_t)tensor->dims[axis] : 1;
}

/* How many of the tensor's reals hold so many bytes: for workspaces of doubles. */
static inline size_t tensor_reals(const tensor_t *tensor, size_t bytes) {
    const size_t real = tensor->dtype == OPTIM_F64 ? sizeof(double) : sizeof(float);
    return bytes / real + (bytes % real != 0);
}

/* ---- An input: a buffer beside the parameters ---- */
enum { INPUT_DIMS = 8 };

typedef struct input_view {
    const void *data; /* the caller's; NULL: absent */
    optim_dtype dtype;
    int ndim;
    int64_t dims[INPUT_DIMS];
    size_t count; /* elements */
    const struct primitives *primitives;
} input_view_t;

/* Elements first .. first + n - 1 as doubles or floats: where they lie, if they are that already, or in `room`. */
const double *input_doubles(const input_view_t *input, size_t first, size_t n, double *room);
const float *input_floats(const input_view_t *input, size_t first, size_t n, float *room);
/* Whether all its elements are finite: for data, before the first step. */
bool input_is_finite(const input_view_t *input);

/* ---- A tile: consecutive elements of one tensor, all that a kernel sees ---- */
typedef struct tile {
    size_t n; /* elements */
    void *p;  /* real[n]: the parameters */
    void *g;  /* real[n]: the gradient as this station shall see it; only filters write it */
    /* By row of the state table: real[n]; NULL: absent. A state of another size
     * than the parameter's comes whole, whatever the tile. */
    void *state[METHOD_STATES];
    const void *constants; /* what prepare filled for this tensor's group */
    const void *arguments; /* what advance handed over with the kernel, or NULL */
    void *memory; /* the tensor's own, of this method: see method_t.tensor_memory; written on whole tensors only */
    const tensor_t *tensor;
    size_t offset;             /* position of element 0 in its tensor */
    size_t stride;             /* reals from one copy of a state to the next */
    const double *tensor_sum;  /* this station's last reduction, over this tensor alone */
    const double *row_sum;     /* this station's last row reduction: METHOD_ROW_SUMS for every row of the tensor */
    double *term[METHOD_SUMS]; /* double[n] each: what a reduction shall sum, written by its kernel */
    double *sum;               /* with step_sums: what its kernel adds to, term by term */
    void *moment;              /* for a moment_kernel: a state that the inner method declares as first moment */
    void *work;                /* whole-tensor kernels: real[workspace()] */
    void *out;                 /* output kernels: real[n] */
    const input_view_t *input; /* by row of the input table: this tensor's; see tile_input */
    const struct slot *slot;   /* by row of the state table */
} tile_t;

/* Position of element 0 among all elements of the method: see tensor_t.first_of_method. */
static inline size_t tile_first(const tile_t *t) {
    return t->tensor->first_of_method + t->offset;
}

/* Where the state of one axis is, of a PER_AXIS row; NULL: that axis has none. */
void *tile_axis(const tile_t *t, int state, int axis);

/* End of the row that element `i` lies in, within this tile. */
static inline size_t tile_row_end(const tile_t *t, size_t i) {
    const size_t end = ((t->offset + i) / t->tensor->row + 1) * t->tensor->row - t->offset;
    return end < t->n ? end : t->n;
}
static inline const double *tile_row_sums(const tile_t *t, size_t i) {
    return t->row_sum + (t->offset + i) / t->tensor->row * METHOD_ROW_SUMS;
}
static inline double tile_row_sum(const tile_t *t, size_t i) {
    return *tile_row_sums(t, i);
}

typedef void kernel_t(const tile_t *t);

/* ---- Tables ---- */
typedef enum state_shape {
    LIKE_PARAM, /* a real for every element */
    SHAPED,     /* dimensions of its own: state_t.dims */
    PER_AXIS    /* one for every axis of the tensor, with dimensions of its own; see tile_axis */
} state_shape_t;

/* Where the caller's problem decides how many copies of a state there are: so many times those that options ask for. */
typedef enum state_each {
    EACH_ONCE,
    EACH_COMPONENT,  /* one for every component */
    EACH_PAIR,       /* one for every pair of components, in both orders and of equal ones: their square */
    EACH_CONSTRAINT, /* one for every constraint */
    EACH_INEQUALITY,
    EACH_RESIDUAL,
    EACH_OF_SECOND_ROLE, /* one for every element of the parameters that have the second role */
    EACH_ELEMENT         /* one for every element of the method's parameters, frozen ones too: see tile_first */
} state_each_t;

/* What an array holds. Arrays by element that are kept may be stored in fewer bits if they are TYPE_REAL. */
typedef enum state_type {
    TYPE_REAL, /* float or double, as the parameter */
    TYPE_DOUBLE,
    TYPE_U8,
    TYPE_U16,
    TYPE_U32
} state_type_t;

typedef enum state_role {
    KEPT,          /* lives from step to step */
    WITHIN_STEP,   /* free between steps: not part of a checkpoint */
    RESTORE_POINT, /* within a step that asks: the parameters to go back to if the step is undone */
    FIRST_MOMENT,  /* kept; what lookahead may pull back */
    DIRECTION,     /* within a step: what OPTIM_EVAL_HVP or OPTIM_EVAL_JVP multiplies */
    PRODUCT,       /* within a step: where the caller puts the product of OPTIM_EVAL_HVP or OPTIM_EVAL_VJP */
    EXCHANGED      /* within a step: what ranks exchange; see method_t.exchanges */
} state_role_t;

typedef struct state {
    const char *name, *doc;
    state_shape_t shape;
    state_role_t role;
    const char *when;                                             /* exists only while this option is not 0 */
    const char *copies;                                           /* this option gives the number of copies */
    const char *every;                                            /* only elements 0, p, 2p, ... with p this option */
    bool (*exists)(const tensor_t *tensor, const double *option); /* only for such tensors */
    /* SHAPED (axis = 0) and PER_AXIS: writes the dimensions of a copy and returns how many there are (0: a single
     * number), at most STATE_DIMS and TENSOR_DIMS + 1; -1: this tensor, or this axis of it, has no such state. */
    int (*dims)(const tensor_t *tensor, const double *option, int axis, int64_t *dims);
    double initial;             /* what every element begins with ... */
    const char *initial_option; /* ... unless it is the value of this option; see from_param, too */
    state_each_t each;          /* copies by the size of the problem */
    state_type_t type;
    bool from_param;  /* begins as a copy of the parameters as they stand at the first step, not at `initial` */
    bool nonnegative; /* never below zero: short storage spends no sign on it */
    bool exact;       /* a count or a running sum: never kept shorter, it would stop growing */
    bool as_param;    /* kept in the parameter's dtype; for the engine's own states */
    bool of_frozen;   /* also of a tensor that never had a gradient */
    bool per_moment;  /* a copy for each first moment of the inner method; see moment_kernel */
    bool alike;       /* the same on all ranks that exchange, which the first exchange looks at */
    bool undone;      /* kept, and written before the last answer of a step: copied when it begins, for optim_cancel */
} state_t;

/* A row of an input table. */
typedef enum input_place {
    INPUT_OF_METHOD,   /* one for all */
    INPUT_OF_PARAMETER /* one for every parameter */
} input_place_t;

typedef struct input {
    const char *name, *doc;
    input_place_t place;
    bool optional;
} input_t;

/* ---- Memory: what a method remembers beside arrays ---- */

/* What there is one struct of. */
typedef enum memory_of {
    OF_METHOD, /* step_t.memory, group_t.memory */
    OF_GROUP,  /* group_t.group_memory */
    OF_COHORT, /* group_t.cohort_memory: of the tensors of a group that have taken the same steps; of methods */
    OF_TENSOR  /* tile_t.memory, step_tensor_memory */
} memory_of_t;

typedef enum field_type {
    FIELD_NUMBER,  /* double */
    FIELD_INTEGER, /* int64_t: 0 or more */
    FIELD_ARRAY,   /* double[]: of a fixed length */
    FIELD_LIST     /* double *: the engine points it to `copies` times `each` doubles, or as many as `length` says */
} field_type_t;

/* A member of one of these structs. Members without a row are zero when memory is taken, and free between steps. */
typedef struct field {
    const char *name, *doc;
    memory_of_t of;
    field_type_t type;
    size_t offset, size;
    double initial;             /* what it begins with ... */
    const char *initial_option; /* ... unless that is the value of this option */
    const char *when;           /* has a meaning, and is listed and saved, only while this option is not 0 */
    const char *copies;         /* FIELD_LIST: the option that gives its length */
    const char *most;           /* an integer: no more than this option */
    /* FIELD_LIST: its length where that is not `copies` times `each`, by what EACH_ELEMENT counts. */
    size_t (*length)(size_t elements, const double *option);
    bool by_residual;  /* with `length`: so many for each residual */
    state_each_t each; /* FIELD_LIST: so many times `copies`, or 1 */
    bool whole;        /* an integer, though it is kept as a double */
    bool within_step;  /* a list that is free between steps */
    bool of_box;       /* a list that is empty unless a parameter of the handle has bounds: see step_has_box */
    bool step_factor;  /* the step size is lr times this: see group_step_size */
} field_t;

/* FIELD(OF_METHOD, memory_t, d): where the member is, and what. */
#define FIELD_OFFSET_TYPE(type, member)                                                                                \
    _Generic(&((type *)0)->member, double *: FIELD_NUMBER, int64_t *: FIELD_INTEGER, double **: FIELD_LIST,            \
             default: FIELD_ARRAY)
#define FIELD(of, type, member) of, FIELD_OFFSET_TYPE(type, member), offsetof(type, member), sizeof(((type *)0)->member)

typedef struct step step_t;

/* A group as prepare sees it: tensors of one group that have taken equally many steps. */
typedef struct group {
    const double *option; /* by row of the option table, schedules applied */
    double t;             /* number of the step being taken: 1, 2, ...; of a method: by the tensors' own count */
    void *memory, *group_memory, *cohort_memory;
    const double *sum; /* this station's last reduction, over this group */
    const step_t *step;
    int index; /* among the groups of the handle */
} group_t;

enum { /* method_t.flags */
       READS_LOSS = 1,
       /* may return requests: memory is backed up at the start of every step */
       REQUESTS = 2,
       REQUESTS_PRODUCTS = 4,
       /* as BY_ELEMENT, and to the bit: a tensor that is cut into several moves as before */
       CUTS_EXACTLY = 8,
       /* its kernels also run on frozen tensors, and never write parameters (averages) */
       INCLUDES_FROZEN = 16,
       /* uses step_reduce_rows */
       SUMS_ROWS = 32,
       /* uses step_tensors */
       WHOLE_TENSORS = 64,
       /* a wrapper that lets the inner step begin at another point than the gradient's */
       STEPS_ELSEWHERE = 128,
       /* copes with non-finite evaluations after the first of a step */
       SEARCHES = 256,
       /* 8-bit states by its own options block_size, min_8bit_size, keep_sign */
       OWN_STORAGE = 512,
       /* a station of the engine whose options each group has for itself */
       BY_GROUP = 1024,
       /* an element's update depends on that element alone, to rounding: short states are possible */
       BY_ELEMENT = 2048,
       /* the number of components must be known */
       NEEDS_COMPONENTS = 4096,
       /* asks for gradients of components: NEEDS_COMPONENTS too, unless an option says how many there are */
       COMPONENT_GRADIENTS = 8192,
       /* likewise for their losses */
       COMPONENT_LOSSES = 16384,
       /* there must be constraints, and it asks for their values */
       NEEDS_CONSTRAINTS = 32768,
       /* never reads a gradient: a step begins without one, and parameters need no buffers for it */
       VALUES_ONLY = 65536,
       /* the gradient that a step begins with is that of a full pass */
       BEGINS_FULL = 131072,
       /* the components are particles: row i of every tensor belongs to particle i; NEEDS_COMPONENTS too */
       PARTICLES = 262144,
       /* calls src/linear, which a library without LAPACK cannot serve: an error when the handle is made */
       NEEDS_LAPACK = 524288,
       /* a step begins without a gradient: what it reads it asks for */
       ASKS_FOR_ALL = 1048576,
       /* calls step_fail or step_reject though it has no REQUESTS */
       MAY_FAIL = 2097152,
       /* evaluates inside the box alone and steps along its walls: see step_bounds_read */
       KEEPS_BOX = 4194304,
       /* a wrapper, the outermost, that takes the steps of what it wraps by itself: see step_inner */
       STEPS_AHEAD = 8388608,
       /* looks at elements of several tensors at a time (step_state, step_parameter_read and their like), so that one
          process must keep all */
       ACROSS_TENSORS = 16777216,
       /* asks for residuals and their Jacobian, and minimizes half their square; VALUES_ONLY too */
       LEAST_SQUARES = 33554432,
       /* with LEAST_SQUARES: asks for products with the Jacobian and its transpose, not for its rows */
       JACOBIAN_PRODUCTS = 67108864
};

/* Who takes the tensors that a method refuses: another method of the registry. Its options stand in the table of the
 * one that refuses, with a prefix; those that do not stand there keep their defaults. */
typedef struct otherwise {
    const char *method, *prefix; /* NULL: such tensors are an error */
    const char *only;            /* the one option that is handed over; NULL: all that stand there */
} otherwise_t;

typedef struct method {
    union {
        entry_t entry;
        struct {
            ENTRY_FIELDS;
        };
    };
    const char *evaluations; /* of a step, in words */
    const input_t *inputs;
    const char *roles; /* of its groups, "x|y"; NULL: it knows none */
    int flags;
    size_t constants; /* sizeof what prepare fills */
    const field_t *fields;
    size_t memory, group_memory, cohort_memory, tensor_memory; /* sizeof the structs; 0: none */

    /* A sentence on what is wrong with this combination of options, or NULL. */
    const char *(*check)(const double *option);
    /* A sentence on why the method cannot take this tensor, or NULL. */
    const char *(*refuses)(const tensor_t *tensor, const double *option);
    otherwise_t otherwise;
    /* A sentence on what is wrong with the inputs, or NULL; asked before a step and after each answer. */
    const char *(*refuses_inputs)(const step_t *s);
    /* With READS_LOSS: whether these options do; NULL: always. */
    bool (*reads_loss)(const double *option);
    /* With ASKS_FOR_ALL, likewise; where they do not, no gradient of components is asked for either. */
    bool (*asks_for_all)(const double *option);
    /* With WHOLE_TENSORS: the tensors that such kernels run on; NULL: all. */
    bool (*takes_whole)(const tensor_t *tensor);
    /* Reals that whole-tensor kernels need for this tensor. */
    size_t (*workspace)(const tensor_t *tensor, const double *option);

    /* Per group and step: what the kernels need, in their precision. Pure: it may run several times a step. */
    void (*prepare)(const group_t *group, void *constants);
    /*
     * Called with every gradient that arrives (and with every other answer it asked for); returns OPTIM_OK when this
     * station is done with it, a request (STEP_ASK) to wait for another evaluation, or an error from step_fail. Until
     * the last answer of a step it may write the parameters (if a RESTORE_POINT holds them), memory, and states that
     * live within the step: those are undone by optim_cancel. NULL: step_update(s, 0, NULL), for methods; nothing, for
     * wrappers.
     */
    optim_status (*advance)(step_t *s);
    /* Wrappers, innermost first, when the inner step is complete. */
    void (*finish)(step_t *s);
    /*
     * Wrappers, just before finish: whether ranks exchange their EXCHANGED rows now, which it then fills. It may be
     * called again before finish is, and changes nothing that lives from step to step. finish has step_t.exchanged: the
     * rows hold the mean over all ranks, or with `partner` those of another rank; false: the caller gave the exchange
     * up.
     */
    bool (*exchanges)(step_t *s);
    /* Whose rows `rank` gets: itself or a rank whose partner it is, which `ranks` and numbers that are the same
     * everywhere decide. */
    int (*partner)(const step_t *s, int rank, int ranks);
    /* The engine's, when a step was undone for a gradient that is not finite: whether that counts as a skipped step. */
    bool (*rejected)(step_t *s);

    /* Of a wrapper, if not 0: the kernel that runs once for each first moment of the inner method (tile_t.moment). */
    int moment_kernel;
    /* If not 0, the kernel that undoes what advance did, should the step fail: to the parameters, of a wrapper; to kept
     * states too large to be copied (see state_t.undone), of a method. */
    int undo_kernel;
    kernel_t *kernels[METHOD_KERNELS];
    size_t arguments[METHOD_KERNELS]; /* sizeof the struct that kernel takes, by kernel; 0: none */
    kernel_t *output;                 /* writes t->out: the output, where it is not the parameters */
} method_t;

/* ---- Services of a step ---- */
/* What becomes of the gradient that arrives. */
enum {
    ACCUMULATION_NONE, /* the step takes it */
    ACCUMULATION_ADDS, /* it is added to others, for a later step */
    ACCUMULATION_MEAN  /* the step takes the mean of those that were added in its place; they have been scaled */
};
struct step {
    double t;             /* number of the step being taken by the handle's count: 1, 2, ... */
    int line;             /* where advance goes on: 0 on the first call of a step; see STEP_ASK */
    double loss;          /* of the last evaluation; a gradient wrapper may put another one back */
    const double *option; /* of the station's first group */
    void *memory;         /* the method's struct */
    int groups;           /* of this station; of a wrapper all */
    bool holds_gradient; /* set on completion: loss and gradient at the parameters are kept, none is needed next time */
    double held_loss, held_norm; /* with holds_gradient: that loss, and the norm of that gradient ... */
    int held_row;                /* ... and the row of the state table that it is in */
    int next_sample;             /* OPTIM_SAMPLE_... for the gradient that the next step begins with; preset to FRESH */
    bool first;                  /* this station is called for the first time in this step */
    bool exchanged;              /* for finish: see method_t.exchanges */
    bool wrapped;                /* wrappers lie between the engine's outer stations and its inner one */
    bool check_finite;           /* a station further in shall look whether the gradient is finite */
    int accumulation;            /* ACCUMULATION_... */
    double accumulation_factor;  /* ACCUMULATION_MEAN: on the sum */
    bool reads_loss;             /* some station does, under its options */
    bool is_trial;               /* what arrives answers a request of a method that SEARCHES */
    uint64_t seed;
    int64_t components;               /* of the problem, 0: unknown */
    const double *losses;             /* the answer to OPTIM_EVAL_LOSSES: by component from `first` on */
    int64_t equalities, inequalities; /* constraints, in this order */
    const double *constraint;         /* the answer to OPTIM_EVAL_CONSTRAINTS: c_j(x), by constraint */
    int64_t residuals;                /* of the problem, 0: unknown */
    bool is_spent;                    /* set on completion: what is left to gain is lost in rounding */
    double *weights; /* w_j, by constraint: gradients are of loss + sum_j w_j c_j; 0 when a step begins */
    struct engine *engine;
    struct station *station;
};

/* Below, `arguments` is the struct that the kernel takes (method_t.arguments says how large it is), copied by the call;
 * NULL where it takes none. */

/* Runs kernel number `kernel` on every tile; together with what is queued before and after it, in one pass. */
void step_update(step_t *s, int kernel, const void *arguments);

/* Keeps applying the kernel to the gradient that stations further in see, until the next gradient arrives. */
void step_filter(step_t *s, int kernel, const void *arguments);

/* Runs the queue and the kernel, which must not write the parameters, and sums the `count` terms it writes: returns the
 * sums over all of this station's tensors; sums by tensor and group are in tile_t.tensor_sum and group_t.sum until the
 * station's next reduction. Tiles are summed in a fixed tree, tensors in the order of declaration: the bits do not
 * depend on threads. */
const double *step_reduce(step_t *s, int kernel, const void *arguments, int count);

/* Like step_reduce, for a kernel that sums by itself: it sees at most SUM_ELEMENTS elements and adds its sums of them
 * (blocks/sums.h) to t->sum[0 .. count). Sums of a few products are several times as fast as terms. */
const double *step_sums(step_t *s, int kernel, const void *arguments, int count);

/* step_sums, then step_update of kernel `update`, which reads its own tensor's sums alone; neither takes arguments. On
 * tensors of one tile both run while it is in the cache. */
void step_sums_by_tensor(step_t *s, int kernel, int count, int update);

/* Of this station's last reduction: the `count` sums over the tensors of one role. */
void step_role_sums(const step_t *s, int role, int count, double *sums);

/* Like step_reduce, with the largest term (>= 0) in place of the sum. */
const double *step_reduce_max(step_t *s, int kernel, const void *arguments, int count);

/* Like step_reduce, with up to METHOD_ROW_SUMS terms, which are summed over the rows of every tensor: see
 * tile_row_sums. */
void step_reduce_rows(step_t *s, int kernel, const void *arguments, int count);

/*
 * Runs the queue, then the kernel on every whole tensor (tile_t.n is its count) that takes_whole names. Large ones are
 * worked on one after the other, so that BLAS may thread; many small ones at once, a thread each, for which BLAS uses
 * no threads of its own. The kernel writes its tensor's parameters and states alone: the bits do not depend on threads.
 */
void step_tensors(step_t *s, int kernel, const void *arguments);

/* step_tensors, one tensor after the other in the order of declaration, small ones too: for kernels that add to numbers
 * of all tensors, which `arguments` points to. */
void step_tensors_in_turn(step_t *s, int kernel, const void *arguments);

/* Elements of all tensors of the handle: see tensor_t.first_of_all. */
size_t step_element_count(const step_t *s);
/* Of a method: elements of its own tensors, frozen ones too: see tile_first. */
size_t step_own_elements(const step_t *s);
/* How many of its own tensors have elements. */
size_t step_own_parameters(const step_t *s);

/* Group `i` of this station, 0 <= i < s->groups. */
group_t step_group(step_t *s, int i);

/* Of cohort `i`, 0 <= i < step_cohort_count(s): false if its group runs another method or all its tensors are frozen.
 * For what changes cohort memory; `t` is the number of the step by its tensors' own count. */
size_t step_cohort_count(const step_t *s);
bool step_cohort(step_t *s, size_t i, group_t *cohort);
/* Whether some tensor of the station takes its first step now. */
bool step_is_a_first(const step_t *s);

/* The option "lr" of the group's method as this step uses it; 1 if there is none. */
double group_lr(const group_t *group);
/* The step size in effect: group_lr times the fields of that method that are marked step_factor. */
double group_step_size(const group_t *group);

/* For serial work tensor by tensor, 0 <= tensor < step_tensor_count(s), skipping those for which step_tensor is NULL
 * (frozen, or another method's): options of its group, its memory, its sums. */
size_t step_tensor_count(const step_t *s);
const tensor_t *step_tensor(const step_t *s, size_t tensor);
/* Number of the step that the tensor is taking, by its own count: 1, 2, ... */
double step_tensor_clock(const step_t *s, size_t tensor);
const double *step_tensor_option(const step_t *s, size_t tensor);
void *step_tensor_memory(step_t *s, size_t tensor);
const double *step_tensor_sum(const step_t *s, size_t tensor);

/* What a step asks for: an evaluation at the parameters as the queue leaves them. */
typedef struct request {
    optim_status kind;    /* OPTIM_EVAL_... */
    int sample;           /* OPTIM_SAMPLE_... */
    int objective;        /* which function of the problem */
    int64_t first, count; /* components first .. first + count - 1; count 0: not by component */
    int64_t index;        /* with OPTIM_SAMPLE_INDEX: the number of that sample */
    /* Mask, 0: all. Of a gradient: whose will be used, the others count as 0. Of a product: those outside which the
     * direction is 0. */
    uint64_t roles;
    /* OPTIM_EVAL_RESIDUALS, OPTIM_EVAL_JVP: where they go; OPTIM_EVAL_VJP: what is multiplied; OPTIM_EVAL_JACOBIAN:
     * rows, of one parameter after the other */
    double *values;
    bool stays;  /* the parameters are where the last evaluation of the step found them */
} request_t;

/*
 * An `advance` that asks reads from top to bottom: it begins with STEP_BEGIN, ends with STEP_END, and STEP_ASK, also in
 * a loop, returns the request and goes on behind itself when the answer is there.
 *
 *     STEP_BEGIN(s);
 *     step_update(s, LEAVE, NULL);
 *     STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
 *     step_update(s, COME_BACK, NULL);
 *     STEP_END(s);
 *
 * What lives across an ask is a state or a number, loop counters among them; no local variable is, unless it is set
 * before STEP_BEGIN. There is one ask a line, and none inside a switch. (The place is the line's number, which nothing
 * has to name: nothing is saved while a request is open.)
 */
#define STEP_BEGIN(s)                                                                                                  \
    switch ((s)->line) {                                                                                               \
    case 0:
#define STEP_ASK(s, ...)                                                                                               \
    do {                                                                                                               \
        return step_ask((s), (request_t){__VA_ARGS__}, __LINE__);                                                      \
    case __LINE__:;                                                                                                    \
    } while (0)
#define STEP_END(s)                                                                                                    \
    }                                                                                                                  \
    return OPTIM_OK

/* Makes the request; the next call of advance has s->line = `line`. For STEP_ASK. */
optim_status step_ask(step_t *s, request_t request, int line);

/*
 * Of a wrapper with STEPS_AHEAD, once the last answer of its step has arrived: nothing further in sees a gradient but
 * by step_inner, which takes a whole step of it, from the parameters as the queue leaves them, with the loss s->loss
 * and the gradient that this kernel, a filter, writes. Schedules, clocks, boxes and averages go on by such steps, and
 * optim_steps counts them. An error is returned as it is: what undoing puts back is put back.
 */
optim_status step_inner(step_t *s, int kernel, const void *arguments);
/* Takes what is further in, its clocks and the random stream back to where the step began: the same inner steps taken
 * again give the same bits. The parameters are the wrapper's to put back, from its RESTORE_POINT. */
void step_rewind(step_t *s);

/* Ends the step with an error; parameters and state go back to where they were. */
optim_status step_fail(step_t *s, optim_status status, const char *sentence);

/* The gradient is not finite: ends the step as nonfinite= says. */
optim_status step_reject(step_t *s);

/* Reserves `count` numbers of the handle's random stream; the first is word `result` of random_word(s->seed, ...). */
uint64_t step_draws(step_t *s, uint64_t count);

/* ---- Random numbers for serial work, from the handle's stream; each call moves it on. ---- */
double step_uniform(step_t *s);           /* in [0, 1) */
double step_normal(step_t *s);            /* two numbers, nothing is kept of them */
bool step_bernoulli(step_t *s, double p); /* true with probability p */
int64_t step_index(step_t *s, int64_t n); /* 0 .. n - 1 */
/* Position in `weight`, n of them, with that probability; the last if rounding leaves none. */
int64_t step_categorical(step_t *s, int64_t n, const double *weight);
/* order[0 .. n) becomes a permutation of 0 .. n - 1. */
void step_permutation(step_t *s, int64_t n, int64_t *order);
/* order[0 .. count) becomes a subset of 0 .. n - 1, ascending; `order` has room for n. */
void step_subset(step_t *s, int64_t n, int64_t count, int64_t *order);
/* An `order` with room for all components, free between steps; with NEEDS_COMPONENTS. */
int64_t *step_order(const step_t *s);

/* Parameter `tensor`, frozen or not; NULL if it is another method's. */
const tensor_t *step_parameter(const step_t *s, size_t tensor);
/* Its elements first .. first + n - 1 as doubles. A kernel may read other parameters than its own so, if it is run by
 * step_tensors or a reduction and nothing is queued in front of it. */
void step_parameter_read(const step_t *s, size_t tensor, size_t first, size_t n, double *room);

/* Whether some parameter of the handle has bounds, or had when memory was taken. */
bool step_has_box(const step_t *s);
/* With the queue: the parameters onto the box. */
void step_into_box(step_t *s);
/* The bounds of parameter `tensor`, infinite where there are none: of its elements first .. first + n - 1. */
void step_bounds_read(const step_t *s, size_t tensor, size_t first, size_t n, double *lower, double *upper);

/* For serial work, while nothing is queued: where copy 0 of that tensor's state is, NULL: it has none; copy c is
 * c * *stride bytes further on. Of rows that are SHAPED and not TYPE_REAL, of frozen tensors where they are of_frozen;
 * and of LIKE_PARAM rows of methods that are not BY_ELEMENT: both are kept as they are, the latter as doubles where the
 * parameters are, otherwise as floats. */
void *step_state(const step_t *s, size_t tensor, int row, size_t *stride);

/* The input of this row, of the method or of tensor `tensor`; NULL, which only an optional one can be: absent. */
const input_view_t *step_input(const step_t *s, int row);
const input_view_t *step_tensor_input(const step_t *s, size_t tensor, int row);

/* ---- In method and wrapper files ---- */
#ifdef REAL
#include <tgmath.h>

typedef REAL real;

/* Elements of an input as reals: where they lie, or in `room`, real[n]. */
static inline const real *input_reals(const input_view_t *input, size_t first, size_t n, real *room) {
    return sizeof(real) == sizeof(float) ? (const void *)input_floats(input, first, n, (void *)room)
                                         : (const void *)input_doubles(input, first, n, (void *)room);
}
/* The tile's part of an input of its tensor that has the tensor's shape; NULL: absent. */
static inline const real *tile_input(const tile_t *t, int row, real *room) {
    const bool absent = t->input == NULL || t->input[row].data == NULL;
    return absent ? NULL : input_reals(&t->input[row], t->offset, t->n, room);
}

/* Weight decay as most methods have it (decoupled = 0: g <- g + l2 p;  1: p <- shrink p, shrink = 1 - lr lambda). */
typedef struct decay {
    real l2, shrink;
} decay_t;
static inline decay_t decay_of(double weight_decay, bool decoupled, double lr) {
    return (decay_t){decoupled ? 0 : (real)weight_decay, decoupled ? (real)(1 - lr * weight_decay) : 1};
}

/* Name of a descriptor: one for each precision and instruction-set level. */
#define METHOD_PASTE(name, suffix) method_##name##_##suffix
#define METHOD_EXPAND(name, suffix) METHOD_PASTE(name, suffix)
#define METHOD(name) METHOD_EXPAND(name, METHOD_SUFFIX)

/* a / b, or 0 where b is 0: a coordinate that never saw a gradient does not move, whatever eps is. */
static inline real quotient(real a, real b) {
    return b != 0 ? a / b : 0;
}
/* x, or 0 where x is subnormal: an average that decays towards 0 must not end in numbers that take several times as
   long. */
static inline real settled(real x) {
    const real smallest = sizeof(real) == sizeof(float) ? (real)FLT_MIN : (real)DBL_MIN;
    return fabs(x) < smallest ? 0 : x;
}
/* Up to CHUNK_ELEMENTS elements of the tile, from `first` on; the first `states` rows of the state table are by
   element. */
static inline tile_t tile_chunk(const tile_t *t, size_t first, int states) {
    tile_t chunk = *t;
    chunk.n = t->n - first < CHUNK_ELEMENTS ? t->n - first : CHUNK_ELEMENTS;
    chunk.offset += first;
    chunk.p = (real *)t->p + first;
    chunk.g = (real *)t->g + first;
    for (int k = 0; k < states; ++k)
        chunk.state[k] = t->state[k] == NULL ? NULL : (real *)t->state[k] + first;
    return chunk;
}
static inline real larger(real a, real b) {
    return a > b ? a : b;
}
static inline real smaller(real a, real b) {
    return a < b ? a : b;
}
static inline real sign(real a) {
    return (real)((a > 0) - (a < 0));
}
#endif

#endif
