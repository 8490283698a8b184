/*
 * libgradopt: gradient-based optimizers behind one stable C ABI.
 *
 * The order of calls, and a whole program (tests/abi compiles this very text):
 *
 *     optim_t *opt;                                                   1. name a method
 *     optim_create(&opt, "adamw", "lr=1e-2");
 *     optim_add_param(opt, 0, "w", OPTIM_F32, 1, (int64_t[]){2}, w, grad);   2. lend your buffers
 *     for (int step = 0; step < 1000; ++step) {
 *         grad[0] = w[0] - 1; grad[1] = w[1] + 2;                     3. your gradient at w
 *         optim_step(opt);                                            4. w moves
 *     }
 *     optim_destroy(opt);
 *
 * A method that wants more than one gradient a step makes optim_step return a request (a positive number): evaluate
 * what it asks for at the parameters as they then stand and call optim_step again, until it returns OPTIM_OK.
 *
 * Every function that can fail returns OPTIM_OK (0) or a negative error; optim_error() then says in a sentence what was
 * wrong and what would be right. A call that fails changes nothing. Handles share nothing: different handles may be
 * used from different threads at the same time; one handle must not be used from two threads at once, not even to save
 * it while it steps (that is undefined; optim_save_async does it).
 *
 * When a call is possible:
 * - optim_set_grad_dtype, optim_wrap_groups, optim_set_constraints, optim_set_residuals and loading into a changed
 *   optimizer (optim_load_matching) before the first step only (ORDER);
 * - while a step is taken parameter by parameter (optim_step_begin) what is possible while a request is open, but for
 *   answers and optim_cancel, and its own calls; all else returns OPEN;
 * - while a request is open, its answer (optim_step, optim_set_loss, optim_accumulate and optim_accumulate_scale for a
 *   gradient, optim_hvp_... for products, optim_set_losses, optim_constraint_values, optim_constraint_weights,
 *   optim_residual_values, optim_jacobian_rows, optim_jvp_... and optim_vjp_... for products with a Jacobian,
 *   optim_exchange) or optim_cancel, optim_bind of other gradients, optim_set_input, and what only reads (optim_get,
 *   optim_schedule_values, optim_request_info, optim_memory, optim_describe_param, the counters), optim_zero_grad,
 *   optim_save_wait and optim_destroy; all else returns OPEN;
 * - while the output is swapped in (optim_swap_output) nothing that needs or moves the method's own point (SWAPPED):
 *   optim_step and its like, optim_accumulate, optim_minimize, optim_bind, optim_freeze, optim_add_param, optim_reset,
 *   saving and loading;
 * - after an error, a cancelled or a skipped step everything that was possible before that step, and while a thread
 *   writes a checkpoint (optim_save_async) everything.
 */
#ifndef OPTIM_H
#define OPTIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define OPTIM_VERSION_MAJOR 0
#define OPTIM_VERSION_MINOR 1
#define OPTIM_VERSION_PATCH 0

/* ---- Types and numbers. Values never change meaning and are never reused. ---- */

typedef struct optim optim_t; /* an optimizer; opaque */

typedef int optim_status; /* 0: done; > 0: a request; < 0: an error */

enum {
    OPTIM_OK = 0,

    /* requests: what optim_step wants evaluated before it is called again, at the parameters as they stand */
    OPTIM_EVAL_GRAD =
        1, /* the gradient into the bound buffers, and the loss (optim_set_loss) where the method reads it */
    OPTIM_EVAL_LOSS = 2,        /* the loss alone, through optim_set_loss */
    OPTIM_EVAL_HVP = 3,         /* Hessian times optim_hvp_vector into optim_hvp_result, for every parameter */
    OPTIM_EVAL_LOSSES = 4,      /* losses of the components that optim_request_info says, through optim_set_losses */
    OPTIM_EVAL_CONSTRAINTS = 5, /* values of the constraints, through optim_constraint_values */
    OPTIM_EXCHANGE = 6,         /* ranks exchange vectors, by optim_exchange (optim/comm.h) */
    OPTIM_EVAL_RESIDUALS = 7,   /* the residuals r(x), through optim_residual_values */
    OPTIM_EVAL_JACOBIAN = 8,    /* their derivatives, through optim_jacobian_rows, for every parameter */
    OPTIM_EVAL_JVP = 9,         /* the Jacobian of the residuals times optim_jvp_vector, into optim_jvp_result */
    OPTIM_EVAL_VJP = 10,        /* its transpose times optim_vjp_vector, into optim_vjp_result, for every parameter */

    /* a wrong argument */
    OPTIM_ERR_NULL = -10,      /* a NULL where a pointer is needed */
    OPTIM_ERR_ARGUMENT = -11,  /* an id, dtype, count or struct size that does not exist */
    OPTIM_ERR_NAME = -12,      /* no such method, wrapper or schedule */
    OPTIM_ERR_OPTION = -13,    /* no such option here */
    OPTIM_ERR_VALUE = -14,     /* an option's value: malformed, out of range, or at odds with another option */
    OPTIM_ERR_DUPLICATE = -15, /* the name, the wrapper or the memory is there already */
    OPTIM_ERR_SHAPE = -16,     /* dimensions that are wrong or do not suit the method */
    OPTIM_ERR_MISMATCH = -17,  /* methods or wrappers that cannot work together */

    /* a call out of order */
    OPTIM_ERR_ORDER = -20,   /* not now: the first step has been taken, no parameter was added, ... */
    OPTIM_ERR_OPEN = -21,    /* a request is open: answer it, or optim_cancel */
    OPTIM_ERR_SWAPPED = -22, /* the output is swapped in: optim_swap_output first */
    OPTIM_ERR_CLOSED = -23,  /* no request is open, or not of this kind */
    OPTIM_ERR_LOSS = -24,    /* the method reads the loss and none was handed over */

    /* numbers */
    OPTIM_ERR_NONFINITE = -30,   /* NaN or infinity in the gradient or loss (nonfinite=error); the step was undone */
    OPTIM_ERR_DOMAIN = -31,      /* parameters outside the method's domain; the step was undone */
    OPTIM_ERR_LINE_SEARCH = -32, /* no acceptable step along the direction; the step was undone */

    /* resources */
    OPTIM_ERR_NOMEM = -40,
    OPTIM_ERR_SIZE = -41,    /* sizes that overflow */
    OPTIM_ERR_MISSING = -42, /* something that the library can be built with, and was built without */

    /* checkpoints */
    OPTIM_ERR_IO = -50,        /* a file cannot be opened, read, written, flushed or renamed */
    OPTIM_ERR_FORMAT = -51,    /* no checkpoint or message, a damaged one, or one of a newer version */
    OPTIM_ERR_CHECKPOINT = -52, /* a sound checkpoint, but of another optimizer than this one */

    /* other ranks (optim/comm.h) */
    OPTIM_ERR_COMM = -60 /* one did not answer, refused the step, or does something else than this one */
};

typedef int optim_dtype;
enum { OPTIM_F32 = 0, OPTIM_F64 = 1, OPTIM_BF16 = 2, OPTIM_F16 = 3 };

/* ---- Life of an optimizer ---- */

/*
 * Makes an optimizer that runs `algorithm` (a name from optim_algorithm_name) with `options`, a string such as
 * "lr=3e-4,beta2=0.95" or NULL: keys of the algorithm and of the engine (optim_describe with OPTIM_ENGINE lists those),
 * numbers with a decimal point whatever the locale, keywords as they are. Group 0 exists from the start.
 * *out is set to NULL on error. Errors: NULL, NAME, OPTION, VALUE (also: an unknown GRADOPT_LEVEL in the environment),
 * DUPLICATE, NOMEM.
 */
optim_status optim_create(optim_t **out, const char *algorithm, const char *options);

/* Frees everything the optimizer owns; parameters and gradients are the caller's. NULL is fine, an open request too. */
void optim_destroy(optim_t *opt);

/*
 * Adds a group with option values of its own; what `options` does not name is as in group 0 at this moment. With
 * "algorithm=adamw,..." the group runs another method, and unnamed options stand at that method's defaults. Groups that
 * run the same algorithm are one method: its norms over "all tensors" run over all of them.
 * Where the method knows roles (its page lists them: x and y of a bilevel problem or a game, ...), "role=y" says which
 * one the group's parameters have; here and in optim_create (for group 0) the default is the first.
 * *group receives the id (may be NULL). After the first step as before it; see optim_add_param.
 * Errors: NULL, NAME, OPTION, VALUE, DUPLICATE, MISMATCH, ORDER (in a callback), SIZE, OPEN, SWAPPED, NOMEM.
 */
optim_status optim_add_group(optim_t *opt, const char *options, int *group);

/*
 * Adds a parameter: `ndim` dimensions, 0 to 64, row-major, elements of `dtype`. `name` must be unused in this handle,
 * or NULL for "param<id>". Ids count from 0 in the order of calls. `data` and `grad` are borrowed, need no alignment,
 * and are read and written only inside optim_step, optim_zero_grad, optim_cancel, optim_output and optim_swap_output.
 * grad == NULL freezes the parameter: no update, no decay, no change of state; see optim_bind. A parameter may have
 * zero elements (data may then be NULL). No memory may belong to two parameters, nor to a parameter and a gradient
 * (tied weights are one parameter): optim_step refuses it before the first step and after a rebind (DUPLICATE). Frozen
 * parameters may share theirs among themselves, and gradients are only read: they may be shared unless zero_grad=1.
 * Gradients have the parameter's dtype unless optim_set_grad_dtype says otherwise.
 *
 * After the first step too: the parameter begins like one that was frozen until then, and all others go on as they
 * were, bit for bit (but that random numbers are others, and a line search begins anew). That takes memory for all
 * states anew and copies them: many are better added before the first step. A method that remembers a number for each
 * element of all parameters (bfgs, cma_es), a wrapper that steps ahead (picard) and shard=1 refuse it then (MISMATCH).
 * Errors: NULL, ARGUMENT, DUPLICATE, SHAPE, MISMATCH, ORDER (in a callback), OPEN, SWAPPED, SIZE, NOMEM.
 */
optim_status optim_add_param(optim_t *opt, int group, const char *name, optim_dtype dtype, int ndim,
                             const int64_t *dims, void *data, void *grad);

/*
 * frozen = 1: steps leave `param` alone until frozen = 0, as with a NULL gradient: no update, no decay, no change of
 * state, no part in norms. Its gradient, if there is one, is neither read nor cleared by steps. Methods that read no
 * gradients (optim_description.needs lacks OPTIM_NEEDS_GRADIENT) step parameters without a gradient buffer too, so that
 * this is the way to freeze theirs. Checkpoints do not keep it. Errors: NULL, ARGUMENT, OPEN, SWAPPED.
 */
optim_status optim_freeze(optim_t *opt, int param, int frozen);

/*
 * The trainer moved its buffers; same values, new addresses. grad may be NULL (frozen) and come back later.
 *
 * Each parameter counts the steps that it has taken itself: bias corrections, warmups of a method and the rules of a
 * first step go by that count, and a parameter that was frozen from the start takes its steps as if its optimizer had
 * been made when it thaws. Schedules, wrappers, and what a method estimates for all parameters together (its page lists
 * that) go by the handle's count. A parameter that never had a gradient takes no memory for states; the first
 * optim_step or optim_accumulate after it has thawed takes it, and may then return NOMEM with nothing changed.
 *
 * To bind a parameter to memory of which another one has a part, or to its own gradient, is refused at once: whoever
 * moves parameters within one block binds them in the order in which memory falls free. What cannot be told yet, such
 * as a gradient over a part of a parameter that may still move, is refused by the next step.
 * While a request is open gradients may move, as long as no parameter does, and none is frozen or thawed (OPEN).
 * Errors: NULL, ARGUMENT, DUPLICATE, OPEN, SWAPPED.
 */
optim_status optim_bind(optim_t *opt, int param, void *data, void *grad);

/*
 * The same for parameters 0 .. count - 1 in this order, in one call: data[i] and grads[i] as optim_bind takes them.
 * data == NULL: no parameter moves, only gradients do. Where one is refused those before it are bound.
 * Errors: as optim_bind; ARGUMENT (there are fewer parameters).
 */
optim_status optim_bind_all(optim_t *opt, void *const *data, void *const *grads, size_t count);

/*
 * The next step's gradient of `param` has these rows alone, as that of an embedding does: `index[k]` (of `rows`
 * numbers, in any order) is the position along dimension 0 of the row at `values` + k times the elements of a row, in
 * the gradient's dtype; a vector's rows are its elements. Rows that come several times are added, in doubles. All is
 * copied, in time that grows with `rows` (times its logarithm); rows = 0: no row has a gradient.
 *
 * A step then moves those rows and leaves the others, with what the method remembers of them, as they are: no decay,
 * no momentum. It costs what the rows cost, however long the parameter is (with clip_norm or another norm also some
 * nanoseconds for each 16384 elements of it). The parameter's count of steps goes on with every step. Where an element
 * with a gradient of zero would stand still anyway (sgd without momentum and decay, adagrad), the bits are those of
 * the whole gradient.
 *
 * The rows are used up by the step, also by one that nonfinite=skip passes over, and by optim_zero_grad; until they
 * are handed over again no row has a gradient. optim_bind ends this: its gradient, or none, stands for them. Methods
 * that do not step element by element, that ask for further gradients, wrappers over this parameter, accumulate=1 and
 * states of 8 or 4 bits are refused, here or by the step.
 * Errors: NULL, ARGUMENT, SHAPE, SIZE, MISMATCH, OPEN, SWAPPED, NOMEM; then nothing has changed.
 */
optim_status optim_set_sparse_grad(optim_t *opt, int param, int64_t rows, const int64_t *index, const void *values);

/*
 * `param` has other rows (slices of dimension 0) from now on: `rows` of them, of which the first `count` are the old
 * rows kept[0], kept[1], ..., in any order and as often as you like, with what the method and wrappers remember of
 * them; the others are new, and begin as at the first step. For clouds of points that grow and shrink, vocabularies and
 * heads that get longer. `data` and `grad` are the new buffers, as in optim_add_param, with their values in place.
 * The parameter's count of steps goes on; what belongs to it as a whole (an estimate, a norm) stays. Memory for all
 * states is taken anew.
 *
 * Methods that remember more than arrays of the parameter's shape (a factored second moment, matrices of its sides) or
 * other points of it (lbfgs, svrg, cbo), states of 8 or 4 bits, picard and shard=1 are refused (MISMATCH), bounds too
 * (ORDER: lift them before, set them anew afterwards).
 * Errors: NULL, ARGUMENT, SHAPE, SIZE, MISMATCH, ORDER, OPEN, SWAPPED, NOMEM; then nothing has changed.
 */
optim_status optim_resize(optim_t *opt, int param, const int64_t *kept, size_t count, int64_t rows, void *data,
                          void *grad);

/* The gradient buffer of `param` holds `dtype`, e.g. bf16 gradients for f32 parameters. Before the first step.
 * Errors: NULL, ARGUMENT, ORDER. */
optim_status optim_set_grad_dtype(optim_t *opt, int param, optim_dtype dtype);

/*
 * Keeps `param` inside the box lower <= p <= upper (element by element, the parameter's dtype and shape, borrowed; NULL
 * for no bound on that side, both NULL to lift the box): every completed step ends with the projection onto it. An
 * element may be infinite: no bound there. The call looks at the values as they stand; lower <= upper must still hold
 * when you change them. A method that searches along a line either evaluates inside the box alone (lbfgs: L-BFGS-B) or
 * refuses bounds in its first step (MISMATCH); docs/bounds.md says what the others do with them. Errors: NULL, ARGUMENT
 * (lower above upper, or NaN), OPEN, ORDER (a method that evaluates inside the box takes memory for that in its first
 * step: the first bounds of a handle come before it), MISMATCH (after the first step).
 */
optim_status optim_set_bounds(optim_t *opt, int param, const void *lower, const void *upper);

/* Which elements of `param` are at their bounds as they stand: active[i] becomes -1 at the lower or below it, 1 at the
 * upper or above it, 2 where both are equal, and 0 otherwise, for every element. Errors: NULL, ARGUMENT. */
optim_status optim_active_bounds(const optim_t *opt, int param, int8_t *active);

/*
 * Threads this handle may use inside a step, >= 1. Default: what OpenMP would use for a parallel region when the handle
 * is made. Small problems run on one thread in any case, and so does everything in a library that was built without
 * OpenMP, whatever is asked for here. Results are the same bits for every count.
 * Errors: NULL, ARGUMENT, OPEN, NOMEM.
 */
optim_status optim_set_threads(optim_t *opt, int threads);

/* ---- The problem ---- */

/*
 * The function is the mean of `count` (1 to 2^40) components, numbered from 0: terms of a finite sum, samples, workers,
 * particles, as the method's page says. Methods that need the number (OPTIM_NEEDS_COMPONENTS) refuse to step without it
 * (ORDER), and may take memory by it: then it can be changed before the first step only. Checkpoints do not keep it.
 * Errors: NULL, ARGUMENT, OPEN, ORDER.
 */
optim_status optim_set_components(optim_t *opt, int64_t count);

/*
 * The problem has constraints c_j(x) = 0 for j < equalities, and c_j(x) <= 0 for the `inequalities` that follow, each
 * number 0 to 2^40. Methods without OPTIM_NEEDS_CONSTRAINTS do not see them. Before the first step.
 * Errors: NULL, ARGUMENT, ORDER.
 */
optim_status optim_set_constraints(optim_t *opt, int64_t equalities, int64_t inequalities);

/*
 * The function is half the sum of the squares of `count` (1 to 2^31 - 1) residuals r_i(x): least squares. Methods with
 * OPTIM_NEEDS_RESIDUALS refuse to step without it (ORDER). Before the first step. Errors: NULL, ARGUMENT, ORDER.
 */
optim_status optim_set_residuals(optim_t *opt, int64_t count);

/*
 * Lends the input `name` of `param`, or with param = -1 the method's own: a row-major buffer of `dtype` with 0 to 8
 * dimensions that steps read (the page of the method or wrapper says which inputs it has, and of which shape). It is
 * borrowed at any alignment and read by optim_step only; call again when it has moved or changed its shape, between
 * steps or while a request is open. data == NULL takes it back. Required inputs that are missing (ORDER), or of a shape
 * that does not suit (SHAPE), are refused by optim_step.
 * Errors: NULL, ARGUMENT (param, dtype), NAME (lists the inputs), SHAPE, SIZE, NOMEM.
 */
optim_status optim_set_input(optim_t *opt, int param, const char *name, optim_dtype dtype, int ndim,
                             const int64_t *dims, const void *data);

/* ---- Stepping ---- */

/*
 * Advances by one step. Call it with the gradient at the parameters as they stand in the bound buffers (and the loss
 * handed over where the method reads it). Returns OPTIM_OK when the step is complete; a request (> 0) when something
 * must be evaluated at the parameters as they now stand and optim_step called again; or an error. The step is atomic:
 * an error before or inside it leaves parameters and state as they were before it.
 * With nonfinite=skip, or under a loss_scale, a step whose gradient is not finite returns OPTIM_OK and changes nothing
 * (optim_skipped counts it) but the scale.
 * The first call takes all memory; later ones allocate nothing (BLAS may, within its calls). A handle without
 * parameters does nothing.
 * With accumulate=1 a step begins with what optim_accumulate has added; without any it is refused (ORDER), since the
 * buffers still hold the last micro-batch of the step before. Requests may be answered either way.
 * Errors: NULL, ORDER (nothing accumulated, something of the problem not told), SWAPPED, LOSS, SHAPE,
 * MISMATCH, VALUE (options that do not go together, of one group or of several), DUPLICATE (memory lent twice),
 * NONFINITE, DOMAIN, LINE_SEARCH, NOMEM, SIZE.
 */
optim_status optim_step(optim_t *opt);

/*
 * Advances by one step as optim_step does, but leaves the parameters and says in updates[i], for each of the `count`
 * parameters in their order, what the step would have added to it: for those who add it themselves, send it, or look
 * at it first. updates[i] has room for the elements of parameter i, in f64 where that is f64 and in f32 otherwise, at
 * any alignment; it may be NULL where there are no elements, or the parameter is frozen, whose update is 0.
 *
 * With x the parameter and x' where optim_step leaves it the update is x' - x, rounded to the update's own type once.
 * So x + update, computed in that type, is x' to the bit where x' lies between x / 2 and 2 x, and otherwise within an
 * ulp of the larger of the two. A 16-bit parameter counts as the f32 parameter of the same value: nothing is lost to
 * its rounding, which is left to whoever adds the update, and `rounding` has no effect.
 *
 * All else is as after a step: counts, states, schedules; averages have taken in the point to which the update leads.
 * It is for the caller to go there before the next gradient, or not. An element of an update is 0 where nothing moves,
 * also in a step that nonfinite=skip passes over. After an error, and while a request is open, what updates hold is
 * not said; a request is answered by optim_step's other answers and optim_update called again.
 *
 * Refused are methods and wrappers that move the parameters within a step to ask for evaluations elsewhere (MISMATCH,
 * names them), master=f32 and rounding=kahan, which keep a part of a 16-bit parameter in the handle (MISMATCH), shard=1
 * (MISMATCH), and updates that share memory with a parameter, a gradient or each other (DUPLICATE). The first call
 * takes memory: two words for each parameter.
 * Errors: NULL, ARGUMENT (`count` is not the number of parameters), MISMATCH, DUPLICATE, and those of optim_step.
 */
optim_status optim_update(optim_t *opt, void *const *updates, size_t count);

/*
 * A step parameter by parameter, within a backward pass: optim_step_begin before it, optim_step_param for each
 * parameter when its gradient is in its bound buffer, optim_step_end behind it. The parameter has moved, and its
 * gradient is not needed any more, when optim_step_param returns: gradients need not be in memory at the same time.
 * Several parameters may have the same buffer (without zero_grad=1), as large as the largest; optim_bind of other
 * gradients is possible in between. The bits are those of optim_step with all gradients.
 *
 * Who takes part is settled by optim_step_begin: parameters that are not frozen, and have a gradient buffer then.
 * optim_step_param of others does nothing; optim_step_end steps those that are left, by what their buffers hold. A loss
 * that the method reads is handed over before optim_step_begin. While the step is open what moves or reads the state is
 * refused (OPEN), and it cannot be taken back.
 *
 * Refused (MISMATCH, says why) is what must see the whole gradient before anything moves: methods and wrappers that sum
 * over it, ask for evaluations or work on whole matrices, clip_norm, nonfinite other than propagate, loss_scale,
 * accumulate=1, replicas=mean, optim_record_norms.
 * The first call takes memory: a byte for each parameter, and that of the methods' numbers again.
 * Errors of optim_step_begin: NULL, OPEN, MISMATCH, and those of optim_step; then nothing has changed. Of the others:
 * NULL, CLOSED (no such step is open), ARGUMENT, ORDER (the parameter has been stepped).
 */
optim_status optim_step_begin(optim_t *opt);
optim_status optim_step_param(optim_t *opt, int param);
optim_status optim_step_end(optim_t *opt);

/* The loss of the evaluation just made, for the methods that read it; itself, not multiplied by a loss_scale. Errors:
   NULL. */
optim_status optim_set_loss(optim_t *opt, double loss);

/*
 * Adds the gradients in the bound buffers to a sum that the handle keeps (in f32, in f64 for f64 parameters). The
 * evaluation that optim_step uses next, the step's first or the answer to OPTIM_EVAL_GRAD, is then the mean of what was
 * added since the last one, whatever the bound buffers hold; likewise its loss, if optim_set_loss was called before
 * each optim_accumulate. Weigh micro-batches of unequal size by factors on their losses, or with
 * optim_accumulate_scale. Scaling (grad_scale, loss_scale, maximize) acts on what is added, clipping and wrappers on
 * the mean; accumulate_clip bounds the norm of each addend over all parameters. A parameter that was frozen (a NULL
 * gradient) adds 0. With zero_grad=1 the buffers are zero afterwards. A step that is cancelled, skipped or fails, and
 * optim_reset, empty the sum. Needs the option accumulate=1 before the first step; the first call takes all memory if
 * no step has.
 * Errors: NULL, ORDER (accumulate=0, no parameters), OPEN (a request for something else), SWAPPED, LOSS, and those of
 * taking memory.
 */
optim_status optim_accumulate(optim_t *opt);

/*
 * The evaluation that optim_step uses next is `scale` (finite, above 0) times the sum of what was accumulated, its
 * losses' sum likewise, in place of their mean: for weights that are known only when the window ends, such as 1 / all
 * its tokens with losses that are sums over tokens. Call it between the window's first optim_accumulate and optim_step
 * (the last call counts); what empties the sum ends it, and checkpoints do not keep it. Errors: NULL, ARGUMENT, ORDER
 * (nothing accumulated).
 */
optim_status optim_accumulate_scale(optim_t *opt, double scale);

/* Sets every bound gradient buffer to zero. Errors: NULL. */
optim_status optim_zero_grad(optim_t *opt);

/*
 * What the open request asks for. Set `size` to sizeof(optim_request) first; a longer struct with a zero tail is
 * accepted, a shorter one is filled as far as it goes. With no request open, kind is 0 and sample says what the
 * gradient that the next step begins with should be made of.
 */
typedef struct optim_request {
    size_t size;
    int kind;           /* OPTIM_EVAL_GRAD, ..., or 0 */
    int sample;         /* OPTIM_SAMPLE_... */
    int objective;      /* which function: of a bilevel problem 0 is the upper, 1 the lower; of a game player i's */
    int needs_loss;     /* 1: optim_set_loss must be called with the answer */
    int64_t component;  /* the first of the components that are asked for; -1: the whole function */
    int64_t evaluation; /* number of this evaluation within the step; the one before optim_step was 1 */
    int64_t count;      /* components component, component + 1, ...: their mean, or each one's loss; 0: not by them */
    uint64_t roles;     /* bit i: role i of the method. Of a gradient: whose will be used, the others need not be
                           evaluated; of a product: outside those the direction is 0. 0: all */
    int64_t index;      /* with OPTIM_SAMPLE_INDEX: which; else 0 */
} optim_request;
enum {
    OPTIM_SAMPLE_SAME = 0,  /* the minibatch of the step's first evaluation, or of the last FRESH one in it */
    OPTIM_SAMPLE_FRESH = 1, /* a new minibatch (repeating the old one is allowed) */
    OPTIM_SAMPLE_FULL = 2,  /* the whole data set */
    OPTIM_SAMPLE_MODEL = 3, /* the first evaluation's minibatch, its labels drawn anew from what the model predicts */
    OPTIM_SAMPLE_INDEX = 4  /* minibatch number `index`, from 0: the same one whenever that number is asked for */
};
/* Errors: NULL, ARGUMENT (size). */
optim_status optim_request_info(const optim_t *opt, optim_request *request);

/* During OPTIM_EVAL_HVP: the direction for `param` (row-major; the parameter's dtype, f32 for 16-bit parameters), and
 * the buffer for Hessian times direction, to be filled by the caller. Both belong to the handle and are valid until the
 * next optim_step or optim_cancel. NULL where the direction is 0 because the parameter is frozen or another method's
 * than the one that asks: its product is not wanted. Errors: NULL, ARGUMENT, CLOSED. */
optim_status optim_hvp_vector(const optim_t *opt, int param, const void **direction);
optim_status optim_hvp_result(optim_t *opt, int param, void **product);

/*
 * During OPTIM_EVAL_LOSSES: the losses of the components that are asked for, in order; `count` must be the request's.
 * They are copied. Errors: NULL, CLOSED, ARGUMENT (count), NOMEM.
 */
optim_status optim_set_losses(optim_t *opt, const double *losses, size_t count);

/*
 * During OPTIM_EVAL_CONSTRAINTS: where the values c_j(x) belong, equalities first. To be called anew for each request;
 * valid until the next optim_step or optim_cancel. Errors: NULL, CLOSED.
 */
optim_status optim_constraint_values(optim_t *opt, double **values);

/*
 * During OPTIM_EVAL_GRAD and OPTIM_EVAL_HVP, where there are constraints: the gradient, or Hessian, is wanted of loss +
 * sum_j w_j c_j with these weights w_j; all 0 where it is that of the loss. (As is the gradient a step begins with.)
 * *weights is NULL where there are no constraints. Valid until the next optim_step or optim_cancel. Errors: NULL,
 * CLOSED.
 */
optim_status optim_constraint_weights(const optim_t *opt, const double **weights);

/* During OPTIM_EVAL_RESIDUALS: where the values r_i(x) belong. To be called anew for each request; valid until the next
 * optim_step or optim_cancel. Errors: NULL, CLOSED. */
optim_status optim_residual_values(optim_t *opt, double **values);

/* During OPTIM_EVAL_JACOBIAN: where the derivatives by the elements of `param` belong, a row for each residual, [count
 * of residuals][elements], at the x of the residuals asked for last. NULL for a parameter without elements, or of
 * another method than the one that asks. Valid until the next optim_step or optim_cancel. Errors: NULL, ARGUMENT,
 * CLOSED. */
optim_status optim_jacobian_rows(optim_t *opt, int param, double **rows);

/*
 * During OPTIM_EVAL_JVP: the direction v for `param` (row-major; the parameter's dtype, f32 for 16-bit parameters), and
 * where J v belongs, a number for each residual; J being the derivatives of the residuals at the parameters as they
 * stand. A direction is NULL where it is 0 because the parameter is frozen or another method's. During OPTIM_EVAL_VJP:
 * w, a number for each residual, and where J'w belongs for `param`, in the type of directions; NULL: it is not wanted.
 * All belong to the handle and are valid until the next optim_step or optim_cancel. Errors: NULL, ARGUMENT, CLOSED.
 */
optim_status optim_jvp_vector(const optim_t *opt, int param, const void **direction);
optim_status optim_jvp_result(optim_t *opt, double **product);
optim_status optim_vjp_vector(const optim_t *opt, const double **weights);
optim_status optim_vjp_result(optim_t *opt, int param, void **product);

/* Abandons the open step: parameters, state, counters and random numbers are as before it. Of OPTIM_EXCHANGE, behind
 * which there is no evaluation left, it gives up the exchange alone (optim/comm.h). Errors: NULL, CLOSED. */
optim_status optim_cancel(optim_t *opt);

/* Forgets everything learned: state, counters, reported metrics, recorded norms and random stream as at creation;
 * parameters, options, wrappers and schedules stay. For parameters changed from outside. Errors: NULL, OPEN,
 * SWAPPED. */
optim_status optim_reset(optim_t *opt);

/* 1 if the next step reads the bound gradients; 0 if the method reads none, or still holds loss and gradient at the
 * parameters as they stand (line-search methods after their first step), so that evaluating them again would be wasted.
 * 0 for NULL. */
int optim_wants_gradient(const optim_t *opt);

/* Steps completed (of the wrapper picard its inner ones, of which optim_step may complete several), and skipped by
 * nonfinite=skip or a loss_scale, since creation or reset. 0 for NULL. */
int64_t optim_steps(const optim_t *opt);
int64_t optim_skipped(const optim_t *opt);

/* ---- Options, wrappers, schedules ---- */

/*
 * Sets or reads a numeric option of `group` (-1: all groups; optim_get reads group 0 then). Keywords are set by their
 * position in the list of optim_describe_option. Keys: the group's method first, then the engine's, then the wrappers',
 * innermost first; "sam.rho" names a wrapper's outright. Where the value of an option is a map, "map.lam" names an
 * option of that; so does "lam", if nothing else is called so. Wrapper options belong to the handle: group -1 or 0.
 * optim_get gives the value the next step will use, schedule included; optim_set on a scheduled option sets the value
 * that the schedule scales.
 * What decides about memory can be set before the first step only (ORDER), but for options by which a state may begin
 * late: amsgrad, centered, a momentum from 0 or to 0, master, rounding=kahan. That state then begins as at the first
 * step, or is dropped, and all else goes on as it was, bit for bit. This takes memory for all states anew, and is
 * refused in a callback (ORDER), while the output is swapped in, and with picard and shard=1 (MISMATCH).
 * optim_get also reads a number that a method, wrapper or the engine keeps between steps, by its name in
 * optim_describe_state (shape "method" or "group"): current_loss_scale, rbar of dog, ... One that counts with each
 * parameter's own steps, such as nadam's prod, is read of those parameters of the group that have taken the most. Of
 * several numbers of one name the first is "lam_0", the next "lam_1", ...
 * Errors: NULL, ARGUMENT, OPTION, VALUE; of optim_set also ORDER, OPEN, and of what decides about memory SWAPPED,
 * MISMATCH, SIZE, NOMEM.
 */
optim_status optim_set(optim_t *opt, int group, const char *key, double value);
optim_status optim_get(const optim_t *opt, int group, const char *key, double *value);

/*
 * Puts a wrapper (a name from optim_wrapper_name) around everything so far; later wraps lie outside earlier ones.
 * After the first step too: an average then begins at the parameters as they stand; see optim_add_param.
 * Errors: NULL, NAME, OPTION, VALUE, DUPLICATE (each wrapper once), MISMATCH, ORDER (in a callback), SIZE, OPEN,
 * SWAPPED, NOMEM.
 */
optim_status optim_wrap(optim_t *opt, const char *wrapper, const char *options);

/*
 * Chooses the groups that a wrapper of the handle acts on: groups[0..count), instead of all. The parameters of others,
 * also of groups added later, are stepped as if it were not there and have no state of it; evaluations that it asks for
 * are still of all parameters. Called again, the last choice holds. Before the first step.
 * Errors: NULL, ARGUMENT (no such group, or none), NAME (no such wrapper around this handle), ORDER.
 */
optim_status optim_wrap_groups(optim_t *opt, const char *wrapper, const int *groups, size_t count);

/*
 * Drives option `key` of `group` (-1: all) by a schedule (a name from optim_schedule_name): the option's value when set
 * is the base b of the closed form, the completed steps are the clock. schedule == NULL removes it; the option returns
 * to its base. Schedules nest: "sequence" and "chain" take
 * children=linear(start_factor=0.1,steps=8);constant;step(...), up to 16 deep. cyclic and onecycle on "lr" also drive
 * the group's momentum (or beta1), unless that has a schedule of its own or cycle_momentum=0; sgd without momentum gets
 * one if they are set before the first step. Any other option whose 0 means that some state is not kept stays 0 under a
 * schedule. Integers and keywords cannot follow a schedule. A schedule that would take the option (or the momentum) out
 * of its range, or a bound from above to the 0 that means none, is refused (VALUE: step and value), by optim_set and
 * optim_load too. Errors: NULL, ARGUMENT, NAME, OPTION, VALUE, OPEN, NOMEM.
 */
optim_status optim_set_schedule(optim_t *opt, int group, const char *key, const char *schedule, const char *options);

/*
 * Hands `metric` (a loss, an accuracy) to the schedules that read one, such as plateau and volsched; the others ignore
 * it. After a completed step, as often as the schedule wants: plateau once for every evaluation, volsched after every
 * step. A NaN is allowed. Errors: NULL, OPEN, ORDER (before the first step).
 */
optim_status optim_report(optim_t *opt, double metric);

/*
 * Values that option `key` of `group` (-1: group 0) takes in the steps after first, first + 1, ..., first + count - 1
 * completed ones, for plotting: values[i] as optim_get would give it then. first = optim_steps(opt) is the next step.
 * Schedules that read a metric hold what they have learned so far. Errors: NULL, ARGUMENT (group, first < 0), OPTION,
 * VALUE.
 */
optim_status optim_schedule_values(const optim_t *opt, int group, const char *key, int64_t first, size_t count,
                                   double *values);

/*
 * Keeps a log of gradient norms, such as the schedule refined wants of an earlier run: each completed step appends to
 * `log` (double[capacity], the caller's, to be kept until the log is changed or the handle destroyed) the norm, over
 * all parameters that are not frozen, of the gradient that the step began with as the caller gave it, before grad_scale
 * and clipping (of what was accumulated: of the mean, scaled; where optim_wants_gradient is 0: of what the buffers hold
 * then). When the log is full the rest is dropped. `norm` OPTIM_NORM_NONE ends the log (log may be NULL then); calling
 * again or optim_reset starts it anew. Costs one more pass over the gradients a step; allocates nothing in a step.
 * Errors: NULL, ARGUMENT (norm), OPEN.
 */
optim_status optim_record_norms(optim_t *opt, int norm, double *log, size_t capacity);
enum { OPTIM_NORM_NONE = 0, OPTIM_NORM_L1 = 1 /* sum |g| */, OPTIM_NORM_L2 = 2 /* sqrt(sum g^2) */ };

/* Norms in the log. 0 for NULL. */
size_t optim_recorded(const optim_t *opt);

/* ---- The answer ---- */

/*
 * Copies the point the method stands for into `values` (the parameter's dtype and shape): the average of ema, poly_avg,
 * ..., the slow weights of lookahead; the parameters themselves where no method or wrapper has another answer. With
 * several, the outermost answers. While swapped it copies the parameters as they stand. Errors: NULL, ARGUMENT, OPEN.
 */
optim_status optim_output(const optim_t *opt, int param, void *values);

/* Exchanges that point with the parameters, for evaluation in place; again to go back, bit for bit. A step while
 * swapped is refused. The first swap takes one copy of the parameters; it is freed on the way back. Errors: NULL, OPEN,
 * NOMEM. */
optim_status optim_swap_output(optim_t *opt);

/* ---- Memory ---- */

/* Bytes of state (kept between steps) and of scratch (workspace) that this handle will take in its first step, or has
 * taken. Either pointer may be NULL. Errors: NULL, ORDER (the method needs the number of components or constraints),
 * SHAPE, MISMATCH, SIZE, NOMEM. */
optim_status optim_memory(const optim_t *opt, size_t *state_bytes, size_t *scratch_bytes);

/* ---- Looking into a handle ---- */

/* How many groups and parameters there are; both count from 0. NULL has none. */
size_t optim_group_count(const optim_t *opt);
size_t optim_param_count(const optim_t *opt);

typedef struct optim_param_info {
    size_t size;           /* sizeof(optim_param_info) */
    const char *name;      /* this and `dims` are the handle's, until optim_destroy, optim_add_param or optim_resize */
    const char *algorithm; /* that moves it: its group's, or the one that takes what that refuses */
    int group;
    optim_dtype dtype;
    int ndim;
    int frozen; /* 1: the next step leaves it alone */
    const int64_t *dims;
    int64_t steps; /* that it has taken itself */
} optim_param_info;
/* Errors: NULL, ARGUMENT. */
optim_status optim_describe_param(const optim_t *opt, int param, optim_param_info *info);

/*
 * An array that is kept of a parameter from step to step, as it lies in memory: what a checkpoint holds under
 * PARAMETER/NAME. Copy c begins at data + c * stride and has the elements of `dims` without a gap, row-major; with
 * several copies checkpoints have them as one more dimension, the first.
 */
typedef struct optim_array {
    size_t size;   /* sizeof(optim_array) */
    char name[96]; /* METHOD.STATE, "adamw.m"; of an axis "shampoo.l.0"; scales of states in codes "adamw.m.scales" */
    char dtype[8]; /* of safetensors: "F64", "F32", "BF16", "F16", "U8", "U16", "U32" */
    int64_t dims[65];
    size_t ndim;
    size_t copies, bytes, stride; /* of one copy: its bytes, and those from it to the next */
    void *data;                   /* NULL where there are no bytes */
} optim_array;

/*
 * The i-th array of a parameter, in a fixed order; past the last one the name is "". There are none before the first
 * step (optim_prepare), nor of a parameter that never had a gradient. `data` is the handle's: it may be read and
 * written between steps, and is valid until the next optim_step, optim_load, optim_deserialize, optim_reset or
 * optim_destroy.
 * What is written is used as it is: it must be what the state can hold. Errors: NULL, ARGUMENT, OPEN, SWAPPED, NOMEM.
 */
optim_status optim_param_array(optim_t *opt, int param, size_t i, optim_array *array);

/* Sets the count of steps that a parameter has taken itself, for states that come from elsewhere; the handle's count
 * becomes at least as large. Errors: NULL, ARGUMENT, ORDER (before optim_prepare), OPEN, SWAPPED. */
optim_status optim_set_param_steps(optim_t *opt, int param, int64_t steps);

/* What the first step does before it reads a gradient: checks that the handle is complete, and takes the memory of its
 * states, which stand at what they start from. Later it does nothing. Errors: NULL, OPEN, and those of optim_step. */
optim_status optim_prepare(optim_t *opt);

/* ---- The library owns the loop ---- */

/*
 * Answers to requests. A callback that the handle's method will not need may be NULL; one that it needs is refused when
 * it is (NULL), before anything is evaluated. `gradient` may be NULL for methods that read none; `loss` or `gradient`
 * then says the loss between steps.
 * Each callback gets `user`, fills what is named, and returns 0, or any other number to stop: the step is cancelled and
 * optim_minimize returns OPTIM_OK with reason OPTIM_STOP_CALLBACK and that number in the result. A callback may read
 * the handle; it must neither step nor destroy it.
 */
typedef struct optim_problem {
    size_t size; /* sizeof(optim_problem) */
    void *user;
    int (*gradient)(void *user, const optim_request *request, double *loss); /* bound gradient buffers, and *loss */
    int (*loss)(void *user, const optim_request *request, double *loss);     /* *loss alone; NULL: gradient is called */
    int (*product)(void *user, const optim_request *request,
                   optim_t *opt); /* fill every optim_hvp_result; NULL: none */
    /* OPTIM_EVAL_GRAD for request->count components from request->component on: their mean's gradient, and *loss */
    int (*component)(void *user, const optim_request *request, double *loss);
    /* OPTIM_EVAL_LOSSES: each of them's loss, losses[request->count] */
    int (*losses)(void *user, const optim_request *request, double *losses);
    /* OPTIM_EVAL_CONSTRAINTS: values[equalities + inequalities]. Gradients with weights other than 0
     * (optim_constraint_weights) go to `gradient` like all others. */
    int (*constraints)(void *user, const optim_request *request, double *values);
    /* OPTIM_EVAL_RESIDUALS: values[residuals]; OPTIM_EVAL_JACOBIAN: fill every optim_jacobian_rows */
    int (*residuals)(void *user, const optim_request *request, double *values);
    int (*jacobian)(void *user, const optim_request *request, optim_t *opt);
    /* OPTIM_EVAL_JVP: fill optim_jvp_result; OPTIM_EVAL_VJP: fill every optim_vjp_result */
    int (*jvp)(void *user, const optim_request *request, optim_t *opt);
    int (*vjp)(void *user, const optim_request *request, optim_t *opt);
} optim_problem;

/* Progress, as handed to the per-step callback. */
typedef struct optim_progress {
    size_t size;
    int64_t step;         /* steps completed by this call of optim_minimize */
    int64_t evaluations;  /* of loss, gradient or product, so far */
    double loss;          /* at the parameters as they stand before the next step */
    double gradient_norm; /* there, as in optim_result */
    double seconds;
    double gradient_max;   /* likewise */
    double step_norm;      /* Euclidean length of the way from the point before the step to that behind it */
    int64_t trials;        /* evaluations that the step asked for: those of a line search, ... */
    int64_t active_bounds; /* elements that lie on one of their bounds */
} optim_progress;

/* A progress callback that is ready to use: a line for steps 1 to 10, 20 to 100 by tens, ... to the FILE * that is
 * stop.user, stderr if that is NULL. Returns 0. */
int optim_print_progress(void *user, const optim_progress *progress);

/*
 * When to stop; a criterion at 0 (loss_target: not set) is off. Zero-initialise, then set `size`.
 *
 * In a box the gradient counts as x - P(x - g), P being the projection onto the box: 0 where a bound holds x back. What
 * is measured of steps takes one copy of the parameters, as does a progress callback. A step of a search that found
 * nothing is no short step, nor is one that was skipped.
 */
typedef struct optim_stop {
    size_t size;          /* sizeof(optim_stop) */
    int64_t steps;        /* after this many steps */
    int64_t evaluations;  /* at this many evaluations (a step under way is finished first) */
    double seconds;       /* of wall time (likewise) */
    double gradient_norm; /* Euclidean norm of the whole gradient at or below this */
    double loss_change;   /* |change of the loss| between steps at or below this, loss_change_steps times in a row */
    int64_t loss_change_steps; /* 0 means 1 */
    double loss_target;        /* loss at or below this (at or above it with maximize=1), if has_loss_target */
    int has_loss_target;
    int keep_best; /* 1: end with the parameters of the best loss seen between steps (takes one copy of them) */
    void *user;
    int (*progress)(void *user, const optim_progress *progress); /* after each step; non-zero stops */
    double gradient_max;  /* largest size of an element of the gradient at or below this */
    double loss_relative; /* |change of the loss| at or below this times |loss|, loss_change_steps times in a row */
    double step_norm;     /* Euclidean length of a step at or below this */
    double step_relative; /* or at or below this times that of the parameters */
} optim_stop;

enum {
    OPTIM_STOP_NONE = 0, /* an error ended it */
    OPTIM_STOP_STEPS = 1,
    OPTIM_STOP_EVALUATIONS = 2,
    OPTIM_STOP_SECONDS = 3,
    OPTIM_STOP_GRADIENT_NORM = 4,
    OPTIM_STOP_LOSS_CHANGE = 5,
    OPTIM_STOP_LOSS_TARGET = 6,
    OPTIM_STOP_CALLBACK = 7,    /* a callback of the caller returned non-zero: see `callback` */
    OPTIM_STOP_LINE_SEARCH = 8, /* no acceptable step along the direction, and none of the reasons from 15 on */
    OPTIM_STOP_NONFINITE = 9,   /* the loss is NaN or infinite between steps, or the gradient's norm NaN */
    OPTIM_STOP_STALLED = 10,    /* a method with a line search stays where it is, likewise: at a kink, for example */
    OPTIM_STOP_GRADIENT_MAX = 11,
    OPTIM_STOP_LOSS_RELATIVE = 12,
    OPTIM_STOP_STEP_NORM = 13,
    OPTIM_STOP_STEP_RELATIVE = 14,

    /* where a method with a line search finds no way down, up to five evaluations around that point tell why; the
     * second one also in place of OPTIM_STOP_STEPS, _EVALUATIONS and _SECONDS: see optim_minimize */
    OPTIM_STOP_PRECISION = 15,      /* converged: what is left is less than the rounding of loss or parameters */
    OPTIM_STOP_WRONG_GRADIENT = 16, /* the loss does not follow its gradient: see `slope` and `difference` */
    OPTIM_STOP_UNBOUNDED = 17,      /* the loss is minus infinity (plus infinity with maximize=1), here or in a trial */
    OPTIM_STOP_OVERFLOW = 18,       /* squares of the gradient, or the loss, leave the range of numbers */
    OPTIM_STOP_PLATEAU = 19, /* the gradient is 0, or changes the loss by less than its rounding for a long way */

    /* of optim_minimize_constrained */
    OPTIM_STOP_FEASIBLE = 20,   /* the constraints hold, and the criteria of the Lagrangian do */
    OPTIM_STOP_INFEASIBLE = 21, /* no penalty brings the constraints about: there may be no such point */
    OPTIM_STOP_ROUNDS = 22      /* the number of rounds is used up */
};

typedef struct optim_result {
    size_t size;  /* sizeof(optim_result) */
    int reason;   /* OPTIM_STOP_...: optim_stop_reason has words for it */
    int callback; /* what the caller's callback returned, if that was the reason */
    int64_t steps;
    int64_t evaluations;
    double loss;          /* at the final parameters */
    double best_loss;     /* lowest seen between steps; highest with maximize=1 */
    double gradient_norm; /* at the final parameters; NaN where it is not known: the method reads no gradients, or asks
                             for all of them and problem.loss told the loss, or a step was not completed */
    double seconds;
    double gradient_max;      /* likewise: the largest size of an element */
    int64_t active_bounds;    /* elements that lie on one of their bounds */
    double slope, difference; /* OPTIM_STOP_WRONG_GRADIENT: along steepest descent, what the gradient says of the loss'
                                  slope, and what its values say; otherwise 0 */
} optim_result;

/*
 * Runs steps until a criterion holds, answering requests through `problem`, as a caller of optim_step would.
 * At least one criterion must be set. `result` may be NULL; otherwise set its size. Where the handle has an output
 * other than the parameters, that stays available through optim_output. It does three things that optim_step does not:
 * parameters that begin outside their box are put into it; they may have been moved since the last call, so that a loss
 * and gradient that a method holds (lbfgs) are evaluated anew; the loss and norm of a gradient that a method holds
 * after a step are read, not evaluated again. Where a budget ends the run of a method with a line search whose steps
 * have changed the loss by something else than their gradients say, up to five evaluations more tell whether the
 * gradient is wrong. Errors: NULL, ARGUMENT, VALUE (no criterion, or the norm of gradients that nobody reads), OPEN,
 * SWAPPED, and those of optim_step.
 */
optim_status optim_minimize(optim_t *opt, const optim_problem *problem, const optim_stop *stop, optim_result *result);

/*
 * What optim_check_gradient found. Where no element is named, `param` is -1 and `name` is "".
 */
typedef struct optim_gradient_check {
    size_t size;         /* sizeof(optim_gradient_check) */
    int agrees;          /* 1: the gradient agrees with the loss along every direction that was tried */
    int callback;        /* what the caller's callback returned, if it was not 0: the check ended there */
    int64_t evaluations; /* of loss, gradient, residuals or product */
    double error;        /* of the worst direction: |told - seen| / max(|told|, |seen|), beyond rounding */
    double tolerance;    /* what is still agreement */
    double told, seen;   /* of that direction: the change of the loss by the gradient, and by its values */
    int param;           /* the worst element: parameter, ... */
    int64_t element;     /* ... and which of its elements, row-major */
    const char *name;    /* of that parameter; the handle's */
    double element_told; /* what the gradient buffer holds for that element */
    double element_seen; /* and what central differences of the loss say */
    int kind;            /* what these numbers are of: OPTIM_EVAL_GRAD, or a product, as said below */
    int64_t residual;    /* of OPTIM_EVAL_JACOBIAN and OPTIM_EVAL_JVP: the worst one's number; otherwise -1 */
} optim_gradient_check;

/*
 * Compares the gradients of `problem` with central differences of its loss, along `directions` random directions (0:
 * three) made from `seed`; where one disagrees, element by element, and names the worst element. More than 1024
 * elements are searched by halves, so that some wrong element is named, not surely the worst. It takes 4 losses a
 * direction, and as many an element searched; each must be the same whenever it is evaluated at the same point. Points
 * lie in their boxes. Requests say evaluation 1, component -1. Parameters and gradients are in the end what they were,
 * the latter what problem.gradient made of them. `check` must have its size.
 *
 * Then the products that the handle's method asks for, as far as `problem` has callbacks for them, in the same way (but
 * those of a method with roles, which are of other functions than the loss):
 *
 *     OPTIM_EVAL_HVP       H u, as the gradient of u'g(x)            differences of gradients; H is symmetric
 *     OPTIM_EVAL_JACOBIAN  J'w by its rows, as that of w'r(x)        differences of residuals
 *     OPTIM_EVAL_VJP       J'w, likewise
 *     OPTIM_EVAL_JVP       w'(J v)                                   differences of residuals; then v'(J'w), which must
 *                                                                    be the same but for rounding
 *
 * with random u, v and w. The check ends with the first kind that disagrees, and its numbers are that kind's (of
 * OPTIM_EVAL_JVP, which names no element, element_told and element_seen are those of the residual that is named); where
 * all agree they are those of the largest error. Of a least-squares method `problem.gradient` may be NULL. Products are
 * handed over by the handle, which takes its memory for that as optim_prepare does; otherwise it is not changed.
 * Errors: NULL, ARGUMENT, ORDER (no parameter with a gradient or a product), OPEN, SWAPPED, NOMEM, and where there is a
 * product to check those of optim_prepare.
 */
optim_status optim_check_gradient(optim_t *opt, const optim_problem *problem, int directions, uint64_t seed,
                                  optim_gradient_check *check);

/* ---- Constraints around any method ---- */

/* How optim_minimize_constrained works, and what comes of it. Zero-initialise, then set `size`. */
typedef struct optim_constrained {
    size_t size;         /* sizeof(optim_constrained) */
    double feasibility;  /* the largest violation that is allowed; 0: 1e-8 */
    double penalty;      /* the first rho; 0: by loss and constraints at the start. Then: the last one */
    int64_t rounds;      /* the most inner minimizations; 0: 50. Then: how many there were */
    double *multipliers; /* [equalities + inequalities]: where they begin, and what they are in the end (>= 0 for
                            inequalities); NULL: they begin at 0 and are not told */
    double violation;    /* in the end: the largest |c_j(x)| of equalities, c_j(x) of inequalities, 0 at the least */
} optim_constrained;

/*
 * Minimizes under constraints with a method that knows of none, by the augmented Lagrangian (Hestenes, Powell,
 * Rockafellar; penalties and safeguards as in Birgin, Martinez, "Practical Augmented Lagrangian Methods", 2014):
 *
 *     L(x) = f(x) + sum over equalities of   lambda_j c_j + rho/2 c_j^2
 *                 + sum over inequalities of (max(0, lambda_j + rho c_j)^2 - lambda_j^2) / (2 rho)
 *
 * is minimized by optim_minimize, round after round, with lambda_j <- lambda_j + rho c_j (inequalities: not below 0)
 * between them, and rho 10 times as large where the violation has not become half of what it was. Boxes
 * (optim_set_bounds) are the inner method's. With maximize=1 -f is minimized.
 *
 * optim_set_constraints has said how many there are; problem.constraints fills their values, and problem.gradient is
 * called with weights that optim_constraint_weights tells within it: the gradient of loss + sum_j w_j c_j is wanted,
 * with the loss alone in *loss. Every evaluation of loss or gradient comes behind one of the constraints, which is
 * counted. Methods that ask for products or components are refused, and so are those that know constraints themselves.
 *
 * `stop` holds for all rounds together; gradient_norm and gradient_max, of which one must be set unless the method
 * reads no gradients (then loss_change or loss_relative), are of L at the end, with looser ones before. A run that
 * meets them with a violation of at most `feasibility` ends as OPTIM_STOP_FEASIBLE; one whose penalty has grown beyond
 * use as OPTIM_STOP_INFEASIBLE. keep_best and loss_target are refused. Between rounds the handle is reset
 * (optim_reset). `result` counts all rounds; its loss is f. The rest is as in optim_minimize.
 * Errors: those of optim_minimize; VALUE (criteria), ORDER (no constraints told), MISMATCH.
 */
optim_status optim_minimize_constrained(optim_t *opt, const optim_problem *problem, const optim_stop *stop,
                                        optim_constrained *constrained, optim_result *result);

/* ---- Maps ---- */

/*
 * Applies a map to a vector in place, without any optimizer: the prox of a penalty with this step (argmin_x step r(x) +
 * |x - v|^2 / 2), a projection, or a linear minimisation oracle (v becomes the s of the set with the least <v, s>),
 * which need no step: "prox_l1(lam=0.1)", "proj_simplex". `dims` say what the matrix is where a map asks for one:
 * dimension 0 by the others. Entries that are not finite stay as they are (maps by element) or make all of them NaN.
 * Errors: NULL, ARGUMENT (no such dtype), NAME, OPTION, DUPLICATE, VALUE (also: a step that the map cannot have),
 * SHAPE, SIZE, NOMEM; the data are unchanged then.
 */
optim_status optim_map_apply(const char *map, double step, optim_dtype dtype, int ndim, const int64_t *dims,
                             void *data);

/*
 * The penalty r of a proximal map at a vector; of a projection 0 in its set, up to rounding, and infinity outside. NaN
 * for oracles, and where an entry is not finite. Errors: as above.
 */
optim_status optim_map_value(const char *map, optim_dtype dtype, int ndim, const int64_t *dims, const void *data,
                             double *value);

/* ---- Compressed messages ---- */

/*
 * A compressor as a pair: the bytes that go over a wire, and the vector that the receiver has from them, which is to
 * the bit what methods that compress go on with. `compressor` as in their options, "topk(density=0.01)";
 * docs/compressors.md has the format of the bytes, which are the same on every machine. `dims` say what the matrix is
 * where a compressor goes by one: dimension 0 by the others. bf16 and f16 are compressed as f32.
 *
 * What is drawn follows from `seed` and `step` = 0, 1, ..., the number of earlier messages of this tensor: the same two
 * give the same bytes. The receiver needs neither.
 */

/* The most bytes that such a message can have. Errors: NULL, ARGUMENT (no such dtype), NAME, OPTION, DUPLICATE, VALUE,
 * SHAPE, SIZE. */
optim_status optim_compress_size(const char *compressor, optim_dtype dtype, int ndim, const int64_t *dims,
                                 size_t *size);

/*
 * The message. *size becomes the number of its bytes; with buffer NULL nothing is written, otherwise `room` must
 * suffice (ARGUMENT). Errors: those of optim_compress_size, NOMEM; the buffer is unchanged then.
 */
optim_status optim_compress(const char *compressor, uint64_t seed, int64_t step, optim_dtype dtype, int ndim,
                            const int64_t *dims, const void *data, void *buffer, size_t room, size_t *size);

/*
 * The vector from a message, which may come from anywhere: all of it is checked. dtype and dims must be what was
 * compressed; the message does not tell 16-bit numbers from f32. Errors: NULL, ARGUMENT (dtype), SHAPE, SIZE, NOMEM,
 * FORMAT (no message, a damaged one, or one of a newer version); the data are unchanged then.
 */
optim_status optim_decompress(const void *buffer, size_t size, optim_dtype dtype, int ndim, const int64_t *dims,
                              void *data);

/* ---- What there is ---- */

size_t optim_algorithm_count(void);
const char *optim_algorithm_name(size_t i); /* NULL past the end; so below */
size_t optim_wrapper_count(void);
const char *optim_wrapper_name(size_t i);
size_t optim_schedule_count(void);
const char *optim_schedule_name(size_t i);
size_t optim_map_count(void);
const char *optim_map_name(size_t i);
size_t optim_compressor_count(void);
const char *optim_compressor_name(size_t i);

enum {
    OPTIM_ALGORITHM = 0,
    OPTIM_WRAPPER = 1,
    OPTIM_SCHEDULE = 2,
    OPTIM_ENGINE = 3, /* name "engine" */
    OPTIM_MAP = 4,
    OPTIM_COMPRESSOR = 5
};

enum { /* bits of optim_description.needs */
       OPTIM_NEEDS_GRADIENT = 1,
       OPTIM_NEEDS_LOSS = 2,
       OPTIM_NEEDS_MORE_GRADIENTS = 4,
       OPTIM_NEEDS_PRODUCTS = 8,     /* Hessian-vector products */
       OPTIM_NEEDS_COMPONENTS = 16,  /* optim_set_components */
       OPTIM_NEEDS_LOSSES = 32,      /* losses of components, one by one */
       OPTIM_NEEDS_CONSTRAINTS = 64, /* optim_set_constraints */
       OPTIM_NEEDS_INPUTS = 128,     /* reads inputs: optim_set_input */
       OPTIM_NEEDS_PARTICLES = 256,  /* the components are particles: every parameter has a row for each */
       OPTIM_NEEDS_RESIDUALS = 512,  /* optim_set_residuals */
       OPTIM_NEEDS_JACOBIAN_PRODUCTS = 1024 /* and products with their Jacobian, in place of its rows */
};

enum {                      /* bits of optim_description.can */
       OPTIM_CAN_SPLIT = 1, /* cutting a tensor into several changes no bit of the result */
       /* may share a handle with groups of other algorithms; of those that ask for further evaluations one at most, and
        * while it asks the others wait */
       OPTIM_CAN_MIX = 2,
       OPTIM_HAS_OUTPUT = 4, /* optim_output differs from the parameters */
       /* of a method: looks at elements wherever in a tensor they lie. Buffers without gaps may have their axes in any
        * order, the same in data and grad (channels last, transposed); states then lie in that order too */
       OPTIM_ANY_LAYOUT = 8
};

/* All strings are the library's, constant, never NULL ("" where there is nothing to say). */
typedef struct optim_description {
    size_t size; /* sizeof(optim_description) */
    const char *name;
    const char *purpose; /* one line */
    const char *citation;
    const char *evaluations; /* a step's, in words */
    int needs, can;          /* with default options */
    size_t options, states;  /* how many to ask for below */
    const char *family;      /* of an algorithm "gradient", "adaptive", ...; else "wrappers", "schedules", "engine" */
    const char *roles;       /* that its groups may have: "x|y", or "" */
    size_t inputs;           /* how many to ask for below */
} optim_description;

enum { /* optim_option.kind */
       OPTIM_KIND_NUMBER = 1,
       OPTIM_KIND_INTEGER = 2,
       OPTIM_KIND_SWITCH = 3,  /* "0|1" */
       OPTIM_KIND_KEYWORD = 4, /* one of the words in `range` */
       OPTIM_KIND_LIST = 5,    /* numbers separated by ';' */
       OPTIM_KIND_ENTRIES = 6, /* names separated by ';', each alone or as NAME(options) */
       OPTIM_KIND_ENTRY = 7,   /* one such name, of the kind that `range` says */
       OPTIM_KIND_WORD = 8     /* a word of the letters that `range` says */
};

typedef struct optim_option {
    size_t size; /* sizeof(optim_option) */
    const char *name;
    const char *range; /* "[0,inf)", "integer [1,inf)", "0|1", "random|quasi|mean" (keywords), "list", "schedules",
                          "map", "compressor" (an entry of that kind), "word of ABO" */
    const char *meaning;
    double default_value; /* a keyword's position in `range`; a word of n letters as a number with the digits 1 .. n in
                             the base n + 1 */
    int kind;             /* OPTIM_KIND_... */
    /* The range as numbers, which may be infinite; `_open`: the end itself is not allowed, otherwise it is, infinity
     * too. Of a keyword the positions of the first and last word; of a list, of entries and of a word all
     * four are 0. */
    double lowest, highest;
    int lowest_open, highest_open;
    const char *default_entry; /* with range "map": "prox_l1" or "prox_l1(lam=0.1)"; otherwise "" */
} optim_option;

typedef struct optim_state_info {
    size_t size; /* sizeof(optim_state_info) */
    const char *name;
    const char *meaning;
    const char *shape; /* "parameter"; "own": dimensions of its own; "axis": one for each; "tensor", "group", "method",
                          "schedule": numbers */
    const char *condition;      /* option that switches it on, or gives the number of copies ("components",
                                   "constraints": the problem does); "" if always there */
    double bytes_per_parameter; /* with default options and f32 parameters, of a matrix of 1024 by 1024 where shapes
                                   matter; 0 for scalars */
} optim_state_info;

typedef struct optim_input_info {
    size_t size; /* sizeof(optim_input_info) */
    const char *name;
    const char *meaning;
    int of_parameter; /* 1: one for every parameter; 0: the method's own (parameter -1) */
    int optional;     /* 1: steps do without */
} optim_input_info;

/* Description of entry `name` of `kind`; then of its i-th option, state and input. Errors: NULL, ARGUMENT, NAME. */
optim_status optim_describe(int kind, const char *name, optim_description *description);
optim_status optim_describe_option(int kind, const char *name, size_t i, optim_option *option);
optim_status optim_describe_state(int kind, const char *name, size_t i, optim_state_info *state);
optim_status optim_describe_input(int kind, const char *name, size_t i, optim_input_info *input);

/* ---- Checkpoints ---- */

/*
 * Writes the optimizer's state to the file `path`, in the safetensors format, which any language reads: every array
 * under PARAMETER/METHOD.STATE, all else (counters, option values, groups, wrappers, schedules, random stream) as text
 * in the metadata. Parameters are not part of it: they are the caller's, save them beside it.
 *
 * A crash at any instant leaves the old file or the new one: the new one is written to PATH.partial, flushed, and
 * renamed. After an error the old file is intact (unless the sentence says that the new one is in place). A link is
 * followed. Where a file system has no locks, modes or flushes, a save does without: whether it then outlives a power
 * cut is the file system's affair. A folder without read permission is refused (IO), as it could not be flushed.
 * The file is little-endian, and the same, on every machine.
 * Going on after optim_load gives the same bits as never having stopped. Gradients that have been accumulated for a
 * step not yet made are saved with it. Not while a request is open or the output is swapped in.
 * With shard=1 all ranks call it with one path (docs/replicas.md); checkpoint=shares then makes a file for each rank,
 * beside `path`, which names them. Errors: NULL, OPEN, SWAPPED, IO, NOMEM, VALUE (a name that is not UTF-8), COMM.
 */
optim_status optim_save(optim_t *opt, const char *path);

/*
 * Loads what optim_save wrote into a handle that was set up the same way: same algorithms, wrappers, and parameters by
 * name, in any order, with any number of threads and any alignment. Before the first step as well as later, and before
 * or after the parameters are put back. All or nothing: the file is checked throughout before the handle changes, and
 * the error names everything that does not fit. A loss handed over before is forgotten.
 *
 * Option values and schedules are the checkpoint's afterwards; set others after loading. Parameters may lie in more
 * groups than when they were saved: a group that does not hold the very same parameters as one of the checkpoint's
 * keeps its own options and schedules. Errors: NULL, OPEN, SWAPPED, IO, FORMAT, CHECKPOINT, NOMEM, SIZE; NAME, OPTION,
 * VALUE (schedules or values of another version); and those of optim_step before the first step.
 */
optim_status optim_load(optim_t *opt, const char *path);

/*
 * The same into a handle that has changed since: a new head, a dropped layer, a group more, an average begun later.
 * Each member at 1 allows one kind of difference; what begins fresh does so with its first step here, and all that
 * matches goes on. Still all or nothing, and only before the handle's first step (ORDER). Filled in: how many
 * parameters begin fresh, and how many of the checkpoint's are left out. Groups are matched by the parameters that both
 * have; their options and schedules are the checkpoint's where they all come from one group. Errors: as optim_load;
 * ARGUMENT (size).
 */
typedef struct optim_load_rules {
    size_t size;  /* sizeof(optim_load_rules) */
    int missing;  /* parameters that the checkpoint lacks begin fresh */
    int unknown;  /* parameters that only the checkpoint has are left out */
    int reshaped; /* parameters of another shape or precision begin fresh */
    int wrappers; /* wrappers that the checkpoint lacks begin fresh, and those that only it has are left out */
    size_t fresh, left_out;
} optim_load_rules;
optim_status optim_load_matching(optim_t *opt, const char *path, optim_load_rules *rules);

/*
 * The same as optim_save in the background: the call returns at once; a thread copies the state as it is now (into
 * memory, as much as optim_memory says again) and then writes the copy. The copy runs while the caller evaluates the
 * next gradient, which may move buffers and write gradients and parameters; the next step, and every other call that
 * could change the state, waits until it is complete, and then goes on while the file is written. Before writing states
 * through an optim_array that it was given earlier the caller asks for it again, which waits too.
 *
 * What `path` means is looked up before the call returns: the file is put into the folder that was found, whatever the
 * program's current folder, the folder's name or a link become meanwhile. One save at a time: a later save or load, and
 * optim_destroy, wait for it. optim_save_wait waits and returns what became of it; if it failed and nobody waited, the
 * next optim_save, optim_save_async or optim_load returns that error instead of doing its work. In a forked child the
 * save is the parent's: there is nothing to wait for. Errors: those of optim_save.
 *
 * optim_snapshot_begin and optim_snapshot_wait are other names of the same two.
 */
optim_status optim_save_async(optim_t *opt, const char *path);
optim_status optim_save_wait(optim_t *opt);
optim_status optim_snapshot_begin(optim_t *opt, const char *path);
optim_status optim_snapshot_wait(optim_t *opt);

/*
 * The bytes of the file, to memory and back. *size becomes the number of bytes; with buffer NULL nothing is written,
 * otherwise `room` must suffice (ARGUMENT). Errors: those of optim_save and optim_load but IO.
 */
optim_status optim_serialize(const optim_t *opt, void *buffer, size_t room, size_t *size);
optim_status optim_deserialize(optim_t *opt, const void *buffer, size_t size);
optim_status optim_deserialize_matching(optim_t *opt, const void *buffer, size_t size, optim_load_rules *rules);

/*
 * As optim_serialize, but without the arrays of the parameters, for callers who keep those themselves: such a state,
 * loaded, leaves the arrays as they are (before the first step: at what they start from), and the caller writes them
 * through optim_param_array. Errors: as optim_serialize.
 */
optim_status optim_serialize_numbers(const optim_t *opt, void *buffer, size_t room, size_t *size);

/* ---- Words ---- */

const char *optim_error(void); /* this thread's last error: a sentence, one line of UTF-8; "" if there was none */
const char *optim_strerror(optim_status);  /* what a status means in general */
const char *optim_stop_reason(int reason); /* what an OPTIM_STOP_... means: words of the library, never NULL */
const char *optim_version(void);           /* "0.1.0" */

#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
