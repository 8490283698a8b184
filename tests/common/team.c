#include "team.h"

#include <pthread.h>

#include "check.h"

typedef struct member {
    optim_comm comm;
    void (*act)(const optim_comm *comm, void *context);
    void *context;
} member_t;

static void *be_member(void *argument) {
    const member_t *member = argument;
    member->act(&member->comm, member->context);
    return NULL;
}

void team_run(int ranks, double timeout, void (*act)(const optim_comm *comm, void *context), void *context) {
    optim_team_t *team;
    pthread_t thread[TEAM_RANKS];
    member_t member[TEAM_RANKS];
    CHECK_OK(optim_team_create(&team, ranks));
    for (int r = 0; r < ranks; ++r) {
        member[r] = (member_t){.act = act, .context = context};
        CHECK_OK(optim_comm_team(&member[r].comm, team, r));
        member[r].comm.timeout = timeout;
        assert_int_equal(pthread_create(&thread[r], NULL, be_member, &member[r]), 0);
    }
    for (int r = 0; r < ranks; ++r)
        assert_int_equal(pthread_join(thread[r], NULL), 0);
    for (int r = 0; r < ranks; ++r)
        optim_comm_release(&member[r].comm);
    optim_team_destroy(team);
}
