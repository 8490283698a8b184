/*
 * Every algorithm, and a sample of wrappers, by several ranks: where all ranks evaluate the same, they step as one handle
 * does that is alone, bit for bit, for every number of ranks and whatever a step asks for; with states that are sharded,
 * where the method can be, as without.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/comm.h"
#include "subject.h"
#include "team.h"

enum { STEPS = 2 };

static int failures;

typedef struct run {
    rig_t *rig[TEAM_RANKS];
    optim_status status[TEAM_RANKS];
} run_t;

static void step(const optim_comm *comm, void *context) {
    run_t *run = context;
    run->status[comm->rank] = optim_set_comm(run->rig[comm->rank]->opt, comm);
    if (run->status[comm->rank] == OPTIM_OK)
        run->status[comm->rank] = rig_steps(run->rig[comm->rank], STEPS);
    (void)optim_set_comm(run->rig[comm->rank]->opt, NULL);
}

/* Whether the subject takes part; one that does not says so on every rank. */
static bool run_ranks(const subject_t *s, setup_t setup, int ranks, optim_status expected, const void *bits) {
    static run_t run;
    const bool shards = strstr(setup.extra, "shard=1") != NULL;
    for (int r = 0; r < ranks; ++r)
        run.rig[r] = subject_rig(s, setup);
    team_run(ranks, 60, step, &run);
    const bool may_refuse = shards || (s->needs & OPTIM_NEEDS_RESIDUALS) != 0; /* residuals are not exchanged */
    const bool refused = may_refuse && run.status[0] == OPTIM_ERR_MISMATCH && expected != OPTIM_ERR_MISMATCH;
    for (int r = 0; r < ranks; ++r) {
        char what[200];
        (void)snprintf(what, sizeof what, "%s, %s, rank %d of %d", s->label, setup.extra, r, ranks);
        void *end = rig_snapshot(run.rig[r]);
        const bool same = memcmp(end, bits, rig_elements(run.rig[r]) * sizeof(float)) == 0;
        if (run.status[r] != (refused ? OPTIM_ERR_MISMATCH : expected) || (!refused && !same)) {
            print_error("%s: status %d, alone %d; the bits are %s\n", what, run.status[r], expected,
                        same ? "the same" : "others");
            ++failures;
        }
        free(end);
        rig_free(run.rig[r]);
    }
    return !refused;
}

/* Whether it can be sharded, too. */
static bool check_subject(const subject_t *s) {
    static const int RANKS[] = {3, 1, 2, 4, 7};
    const size_t numbers = s->wraps > 0 ? 1 : sizeof RANKS / sizeof *RANKS;
    const setup_t setup = setup_dtype(subject_setup(s), OPTIM_F32);
    rig_t *alone = subject_try(s, setup);
    if (alone == NULL)
        return false; /* in this precision it takes no such tensors */
    const optim_status status = rig_steps(alone, STEPS);
    void *bits = rig_snapshot(alone);
    bool shards = true;
    for (size_t i = 0; i < numbers; ++i) {
        (void)run_ranks(s, setup_extra(setup, "replicas=mean"), RANKS[i], status, bits);
        if (shards && RANKS[i] > 1)
            shards = run_ranks(s, setup_extra(setup, "replicas=mean,shard=1"), RANKS[i], status, bits);
    }
    free(bits);
    rig_free(alone);
    return shards;
}

static void all_subjects(void **state) {
    size_t count, refused;
    const char *only = getenv("GRADOPT_SUBJECT");
    subject_t *subjects = subjects_new(false, &count, &refused);
    int checked = 0, sharded = 0;
    (void)state;
    for (size_t i = 0; i < count; ++i) {
        char name[200];
        (void)snprintf(name, sizeof name, "replicas: %s", subjects[i].label);
        if (subjects[i].is_variant || (only != NULL && strstr(name, only) == NULL))
            continue;
        sharded += check_subject(&subjects[i]);
        ++checked;
    }
    print_message("%d subjects, %d of them sharded too\n", checked, sharded);
    subjects_free(subjects, count);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_subjects)};
    return cmocka_run_group_tests_name("replicas over the registry", tests, NULL, NULL);
}
