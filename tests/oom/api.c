/* Scripts that call every function of the API that takes memory, and the others beside them. */
#include <unistd.h>

#include "scripts.h"

/* Groups, many parameters, wrappers, schedules: everything before the first step. */
static void set_up(run_t *run, int which) {
    optim_t **opt = &run->opt[which];
    int group = -1;
    double rates[4];
    run->algorithms[0] = "adamw";
    run->algorithms[1] = "sgd";
    CALL(run, optim_create(opt, "adamw", "lr=0.01,accumulate=1,clip_norm=1e3,state_dtype=int8,state_min=16"));
    CALL(run, optim_add_group(*opt, "algorithm=sgd,lr=0.1,momentum=0.9,state_dtype=full", &group));
    CALL(run, optim_add_group(*opt, "lr=0.02", NULL));
    CALL(run, optim_wrap(*opt, "lookahead", "k=2"));
    CALL(run, optim_wrap(*opt, "ema", NULL));
    lend(run, which, 0, WORLD_TENSORS, 0);
    for (int i = 0; i < 9; ++i) /* so many that lists grow; they are frozen */
        CALL(run, optim_add_param(*opt, i % 3, NULL, OPTIM_F32, 1, (int64_t[]){i}, run->world.g[0], NULL));
    CALL(run, optim_set(*opt, -1, "weight_decay", 0.125));
    CALL(run, optim_set_schedule(*opt, -1, "lr", "onecycle", "steps=9"));
    CALL(run, optim_set_schedule(*opt, 0, "lr", "sequence",
                                 "children=linear(steps=1);chain(children=constant;step(step_size=2)),milestones=1"));
    CALL(run, optim_set_schedule(*opt, 1, "momentum", "plateau", "patience=0"));
    CALL(run, optim_set_schedule(*opt, 2, "lr", NULL, NULL));
    CALL(run, optim_set_schedule(*opt, 0, "ema.decay", "refined", "norms=3;2;1;2;1;0"));
    CALL(run, optim_schedule_values(*opt, 0, "lr", 0, 4, rates));
    CALL(run, optim_memory(*opt, NULL, NULL));
}

static void answer(run_t *run) {
    optim_t *opt = run->opt[0];
    for (int part = 0; part < 2; ++part) {
        CALL(run, optim_set_loss(opt, world_evaluate(&run->world)));
        CALL(run, optim_accumulate(opt));
    }
    step(run, 0, WORLD_TENSORS);
    CALL(run, optim_report(opt, 1));
}

static void whole_life(run_t *run, const void *subject) {
    static const float lower[WORLD_MOST] = {0.25F};
    double values[WORLD_MOST];
    (void)subject;
    set_up(run, 0);
    CALL(run, optim_record_norms(run->opt[0], OPTIM_NORM_L2, run->world.log, WORLD_LOG));
    CALL(run, optim_set_bounds(run->opt[0], 0, lower, NULL));
    answer(run);
    CALL(run, optim_set_threads(run->opt[0], 3));
    answer(run);
    CALL(run, optim_output(run->opt[0], 0, values));
    CALL(run, optim_swap_output(run->opt[0]));
    CALL(run, optim_swap_output(run->opt[0]));
    CALL(run, optim_bind(run->opt[0], 0, run->world.p[0], run->world.g[0]));
    serialize(run, 0);
    answer(run);
    CALL(run, optim_deserialize(run->opt[0], run->bytes, run->size));
    answer(run);
    run->spared = true;
    set_up(run, 1);
    run->spared = false;
    CALL(run, optim_deserialize(run->opt[1], run->bytes, run->size));
    CALL(run, optim_reset(run->opt[0]));
    CALL(run, optim_set_loss(run->opt[0], world_evaluate(&run->world)));
    CALL(run, optim_zero_grad(run->opt[0]));
    CALL(run, optim_accumulate(run->opt[0]));
    CALL(run, optim_accumulate_scale(run->opt[0], 0.5));
    CALL(run, optim_step(run->opt[0]));
}

static optim_status save_and_wait(optim_t *opt, const char *path) {
    const optim_status status = optim_save_async(opt, path);
    return status == OPTIM_OK ? optim_save_wait(opt) : status;
}

/* Saved over an older file, through a link to it, and while the trainer goes on. */
static void files(run_t *run, const void *subject) {
    static const subject_t ADAM = {"adam", "schedule_free", "plateau", NULL, 1};
    (void)subject;
    run->algorithms[0] = "adam";
    CALL(run, optim_create(&run->opt[0], ADAM.algorithm, "lr=0.01"));
    lend(run, 0, 0, 1, 0);
    CALL(run, optim_save(run->opt[0], run->path)); /* before memory is taken */
    if (!run->left)
        assert_int_equal(symlink("state", run->link), 0);
    step(run, 0, 1);
    CALL(run, optim_save(run->opt[0], run->link));
    step(run, 0, 1);
    CALL(run, save_and_wait(run->opt[0], run->link));
    CALL(run, optim_create(&run->opt[1], ADAM.algorithm, NULL));
    lend(run, 1, 0, 1, 0);
    CALL(run, optim_load(run->opt[1], run->link));
    step(run, 0, 1);
    CALL(run, optim_load(run->opt[0], run->path));
}

/* Parameters, a group, a wrapper, rows and a state that come after the first step. */
static void changes(run_t *run, const void *subject) {
    static const int64_t KEEP[] = {1, 0};
    const world_tensor_t *first = &WORLD[0];
    int group = -1;
    (void)subject;
    run->algorithms[0] = "adamw";
    run->algorithms[1] = "prodigy";
    CALL(run, optim_create(&run->opt[0], "adamw", "lr=0.01,clip_norm=1"));
    lend(run, 0, 0, 1, 0);
    step(run, 0, 1);
    lend(run, 0, 1, 2, 0);
    step(run, 0, 2);
    CALL(run, optim_add_group(run->opt[0], "algorithm=prodigy", &group));
    lend(run, 0, 2, 3, group);
    CALL(run, optim_wrap(run->opt[0], "ema", NULL));
    step(run, 0, 3);
    CALL(run, optim_resize(run->opt[0], 0, KEEP, 2, first->dims[0], run->world.p[0], run->world.g[0]));
    step(run, 0, 3);
    CALL(run, optim_set(run->opt[0], 0, "amsgrad", 1));
    step(run, 0, 3);
    CALL(run, optim_set(run->opt[0], 0, "amsgrad", 0));
    step(run, 0, 3);
    serialize(run, 0);
}

/* A step left open in its middle, gone on with, and given up. */
static void open_steps(run_t *run, const void *subject) {
    (void)subject;
    run->algorithms[0] = "lbfgs";
    CALL(run, optim_create(&run->opt[0], "lbfgs", NULL));
    lend(run, 0, 0, 2, 0);
    CALL(run, optim_set_loss(run->opt[0], world_evaluate(&run->world)));
    CALL(run, optim_step(run->opt[0]));
    CALL(run, optim_cancel(run->opt[0]));
    step(run, 0, 2);
    serialize(run, 0);
}

/* A parameter without a state thaws; a checkpoint with its state goes where it is frozen. */
static void thaws(run_t *run, const void *subject) {
    (void)subject;
    run->algorithms[0] = "nadam";
    for (int which = 0; which < 2; ++which) {
        run->spared = which == 1;
        CALL(run, optim_create(&run->opt[which], "nadam", NULL));
        lend(run, which, 0, 2, 0);
        CALL(run, optim_bind(run->opt[which], 1, run->world.p[1], NULL));
        step(run, which, 2);
    }
    run->spared = false;
    CALL(run, optim_bind(run->opt[0], 1, run->world.p[1], run->world.g[1]));
    step(run, 0, 2);
    serialize(run, 0);
    CALL(run, optim_deserialize(run->opt[1], run->bytes, run->size));
    CALL(run, optim_bind(run->opt[1], 1, run->world.p[1], run->world.g[1]));
    step(run, 1, 2);
}

static int gradient(void *user, const optim_request *request, double *loss) {
    (void)request;
    *loss = world_evaluate(user);
    return 0;
}

static int product(void *user, const optim_request *request, optim_t *opt) {
    (void)user;
    (void)request;
    return world_product(opt, 2) != OPTIM_OK;
}

static void minimized(run_t *run, const void *subject) {
    const optim_problem problem = {
        .size = sizeof problem, .user = &run->world, .gradient = gradient, .product = product};
    const optim_stop stop = {.size = sizeof stop, .steps = 3, .keep_best = 1};
    optim_result result = {.size = sizeof result};
    (void)subject;
    run->algorithms[0] = "oasis";
    CALL(run, optim_create(&run->opt[0], "oasis", NULL));
    lend(run, 0, 0, 2, 0);
    (void)world_evaluate(&run->world);
    CALL(run, optim_minimize(run->opt[0], &problem, &stop, &result));
    if (!run->left)
        assert_int_equal(result.steps, 3);
    CALL(run, optim_minimize(run->opt[0], &problem, &stop, NULL));
}

/* Its products too: the handle takes its memory. */
static void checked(run_t *run, const void *subject) {
    const optim_problem problem = {
        .size = sizeof problem, .user = &run->world, .gradient = gradient, .product = product};
    optim_gradient_check check = {.size = sizeof check};
    (void)subject;
    run->algorithms[0] = "newton_cg";
    CALL(run, optim_create(&run->opt[0], "newton_cg", NULL));
    lend(run, 0, 0, 2, 0);
    CALL(run, optim_check_gradient(run->opt[0], &problem, 1, 1, &check));
}

static void batches(run_t *run, const void *subject) {
    const int64_t counts[] = {WORLD_MOST, 5};
    const void *const gradients[] = {run->world.g[0], run->world.g[1]};
    int64_t size = 0;
    (void)subject;
    (void)world_evaluate(&run->world);
    CALL(run, optim_batch_create(&run->batch, "test=augmented,max=64,gradients=3", OPTIM_F32, 2, counts));
    for (int i = 0; i < 3; ++i)
        CALL(run, optim_batch_add(run->batch, gradients));
    CALL(run, optim_batch_next(run->batch, &size));
    run->size = (size_t)size;
}

static void open_server(run_t *run, int which, const char *rule) {
    const double times[] = {1, 2, 3};
    CALL(run, optim_server_create(&run->server[which], rule, NULL));
    CALL(run, optim_server_add_param(run->server[which], "w", OPTIM_F64, 1, (int64_t[]){WORLD_MOST}, run->world.p[0]));
    CALL(run, optim_server_set_clients(run->server[which], 3));
    CALL(run, optim_server_set_numbers(run->server[which], "time", times, 3));
    CALL(run, optim_server_set_input(run->server[which], 1, "data", OPTIM_F64, 1, 2, times));
}

/* Half a round, saved and loaded into another server, then the rest of it. */
static void serve(run_t *run, const void *rule) {
    const int64_t clients[] = {2, 0, 1};
    size_t count;
    void *const data[] = {run->world.p[1]}, *const grad[] = {run->world.g[0]};
    open_server(run, 0, rule);
    CALL(run, optim_server_select(run->server[0], NULL, 0, &count));
    for (int i = 0; i < 3; ++i) {
        CALL(run, optim_server_begin(run->server[0], clients[i], data));
        CALL(run, optim_server_local(run->server[0], clients[i], data, grad));
        if (i < 2)
            CALL(run, optim_server_end(run->server[0], clients[i], (const void *const *)data, 1));
    }
    CALL(run, optim_server_save(run->server[0], run->path));
    open_server(run, 1, rule);
    CALL(run, optim_server_load(run->server[1], run->path));
    CALL(run, optim_server_end(run->server[1], 1, (const void *const *)data, 1));
    CALL(run, optim_server_commit(run->server[1]));
}

static void code(run_t *run, const void *subject) {
    (void)subject;
    CALL(run, optim_coding_create(&run->coding, "sequential_gradient_coding", "scheme=m,n=5,b=1,w=3,lambda=2"));
    CALL(run, optim_coding_late(run->coding, NULL, 0, NULL));
    CALL(run, optim_coding_serialize(run->coding, NULL, 0, &run->size));
    if (run->left)
        return;
    run->bytes = check_memory(run->size, 1);
    CALL(run, optim_coding_serialize(run->coding, run->bytes, run->size, &run->size));
    CALL(run, optim_coding_deserialize(run->coding, run->bytes, run->size));
}

void torture_api(void) {
    static const struct {
        const char *name;
        script_t *script;
    } SCRIPTS[] = {{"whole life", whole_life}, {"files", files},     {"changes", changes},
                   {"open steps", open_steps}, {"thaws", thaws},     {"minimized", minimized},
                   {"checked", checked},       {"batches", batches}, {"code", code}};
    for (size_t i = 0; i < sizeof SCRIPTS / sizeof *SCRIPTS; ++i)
        torture(SCRIPTS[i].name, SCRIPTS[i].script, NULL);
    torture("a server", serve, "scaffold");
    torture("a server that knows all", serve, "fedfix");
}
