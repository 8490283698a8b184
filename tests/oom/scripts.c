#include "scripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "needs.h"

void lend(run_t *run, int which, int first, int end, int group) {
    for (int k = first; k < end; ++k)
        CALL(run, optim_add_param(run->opt[which], group, WORLD[k].name, WORLD[k].dtype, WORLD[k].ndim, WORLD[k].dims,
                                  run->world.p[k], run->world.g[k]));
}

static void lose(run_t *run, optim_t *opt) {
    optim_request request = {.size = sizeof request};
    double losses[WORLD_COMPONENTS];
    CHECK_OK(optim_request_info(opt, &request));
    assert_in_range(request.count, 1, WORLD_COMPONENTS);
    for (int64_t i = 0; i < request.count; ++i)
        losses[i] = world_evaluate(&run->world) + (double)i;
    CALL(run, optim_set_losses(opt, losses, (size_t)request.count));
}

void step(run_t *run, int which, int tensors) {
    optim_t **opt = &run->opt[which];
    do {
        if (run->status == OPTIM_EVAL_HVP)
            CHECK_OK(world_product(*opt, tensors));
        else if (run->status == OPTIM_EVAL_CONSTRAINTS)
            CHECK_OK(world_constraints(*opt));
        else if (run->status == OPTIM_EVAL_LOSSES)
            lose(run, *opt);
        else if (run->status == OPTIM_EVAL_RESIDUALS || run->status == OPTIM_EVAL_JACOBIAN ||
                 run->status == OPTIM_EVAL_JVP || run->status == OPTIM_EVAL_VJP)
            CHECK_OK(world_squares(&run->world, *opt, run->status, tensors));
        else {
            const double loss = world_evaluate(&run->world);
            CALL(run, optim_set_loss(*opt, loss));
        }
        CALL(run, optim_step(*opt));
    } while (run->status > 0);
}

void serialize(run_t *run, int which) {
    enum { ROOM = 1 << 16 };
    free(run->bytes);
    run->bytes = check_memory(ROOM, 1);
    CALL(run, optim_serialize(run->opt[which], run->bytes, ROOM, &run->size));
}

static optim_description describe(const char *algorithm) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, algorithm, &about));
    return about;
}

/* Options under which a checkpoint is short. */
static const char *options_of(const char *algorithm) {
    if (strcmp(algorithm, "s_sgld") == 0)
        return "history=4";
    return strncmp(algorithm, "mfac", 4) == 0 ? "window=4" : NULL;
}

/* The inputs that the method must have. */
static double *inputs_for(optim_t *opt, int tensors) {
    needs_sizes_t sizes = {.components = WORLD_COMPONENTS, .first = (size_t)world_elements(0)};
    for (int k = 0; k < tensors; ++k) {
        const size_t rows = (size_t)WORLD[k].dims[0];
        sizes.others += k > 0 ? (size_t)world_elements(k) : 0;
        sizes.rows += rows;
        sizes.columns += (size_t)world_elements(k) / rows;
    }
    return needs_lend(opt, sizes);
}

static void lend_inputs(run_t *run, int which, const subject_t *subject) {
    if (run->left || !(describe(subject->algorithm).needs & OPTIM_NEEDS_INPUTS))
        return;
    run->lent[which] = inputs_for(run->opt[which], subject->tensors);
    if (run->lent[which] == NULL)
        fail_msg("what \"%s\" needs is refused: %s", subject->algorithm, optim_error());
}

/* The first tensor has the first role, the others have the second. */
static void create(run_t *run, int which, const subject_t *subject) {
    optim_t **opt = &run->opt[which];
    int others = 0;
    CALL(run, optim_create(opt, subject->algorithm, options_of(subject->algorithm)));
    lend_inputs(run, which, subject);
    CALL(run, optim_set_components(*opt, WORLD_COMPONENTS));
    CALL(run, optim_set_constraints(*opt, WORLD_CONSTRAINTS, 0));
    CALL(run, optim_set_residuals(*opt, 1));
    CALL(run, optim_set_threads(*opt, 1));
    if (*describe(subject->algorithm).roles != '\0')
        CALL(run, optim_add_group(*opt, "role=y", &others));
    if (subject->wrapper != NULL)
        CALL(run, optim_wrap(*opt, subject->wrapper, NULL));
    lend(run, which, 0, 1, 0);
    lend(run, which, 1, subject->tensors, others);
}

void subject_script(run_t *run, const void *argument) {
    const subject_t *subject = argument;
    run->algorithms[0] = subject->algorithm;
    create(run, 0, subject);
    if (subject->schedule != NULL)
        CALL(run, optim_set_schedule(run->opt[0], 0, "lr", subject->schedule, subject->schedule_options));
    step(run, 0, subject->tensors);
    if (subject->schedule != NULL)
        CALL(run, optim_report(run->opt[0], 1.5));
    step(run, 0, subject->tensors);
    serialize(run, 0);
    run->spared = true;
    create(run, 1, subject);
    run->spared = false;
    CALL(run, optim_deserialize(run->opt[1], run->bytes, run->size));
    step(run, 1, subject->tensors);
}

const char *schedule_example(const char *schedule) {
    static const char *const EXAMPLES[][2] = {
        {"cyclic", "lr_max=0.1,step_up=2"},
        {"onecycle", "steps=4"},
        {"multistep", "milestones=1;3"},
        {"piecewise", "boundaries=1;3,factors=1;0.5;0.25"},
        {"sequence", "children=linear(steps=1);chain(children=constant;step(step_size=2)),milestones=1"},
        {"chain", "children=step(step_size=2);exponential(gamma=0.9)"},
        {"volsched", "window=2,history=3"},
        {"refined", "norms=3;2;1;2;1"},
        {"table", "factors=1;0.5"},
    };
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof *EXAMPLES; ++i)
        if (strcmp(schedule, EXAMPLES[i][0]) == 0)
            return EXAMPLES[i][1];
    return NULL;
}

/* Whether the method takes a matrix at all, and what is handed over with it. */
static bool takes_the_first(const char *algorithm) {
    world_t world;
    double *lent = NULL;
    const world_tensor_t *first = &WORLD[0];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options_of(algorithm)));
    CHECK_OK(optim_set_components(opt, WORLD_COMPONENTS));
    if (describe(algorithm).needs & OPTIM_NEEDS_INPUTS)
        lent = inputs_for(opt, 1);
    CHECK_OK(optim_set_constraints(opt, WORLD_CONSTRAINTS, 0));
    CHECK_OK(optim_set_residuals(opt, 1));
    CHECK_OK(optim_add_param(opt, 0, first->name, first->dtype, first->ndim, first->dims, world.p[0], world.g[0]));
    world_start(&world);
    CHECK_OK(optim_set_loss(opt, world_evaluate(&world)));
    const bool takes = optim_step(opt) != OPTIM_ERR_SHAPE;
    if (!takes)
        print_message("%s is left out: %s\n", algorithm, optim_error());
    optim_destroy(opt);
    free(lent);
    return takes;
}

void torture_algorithm(const char *algorithm) {
    if (!takes_the_first(algorithm))
        return;
    torture_subject((subject_t){algorithm, NULL, NULL, NULL, *describe(algorithm).roles == '\0' ? 1 : 2});
}

void torture_subject(subject_t subject) {
    char *name = check_text("%s%s%s%s%s", subject.algorithm, subject.wrapper == NULL ? "" : " + ",
                            subject.wrapper == NULL ? "" : subject.wrapper, subject.schedule == NULL ? "" : " under ",
                            subject.schedule == NULL ? "" : subject.schedule);
    torture(name, subject_script, &subject);
    free(name);
}
