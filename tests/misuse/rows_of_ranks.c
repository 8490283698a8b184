/* Rows of what optim/comm.h declares. */
#include <limits.h>
#include <math.h>

#include "optim/comm.h"
#include "rows.h"

static void rows_of_teams(world_t *world) {
    optim_team_t *team = NULL;
    optim_comm comm = {.size = 0};
    REFUSED(optim_team_create, (NULL, 2), OPTIM_ERR_NULL, "out");
    REFUSED(optim_team_create, (&team, INT_MIN), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_team_create, (&team, INT_MAX), OPTIM_ERR_ARGUMENT, "2147483647");
    assert_null(team);
    ACCEPTED(optim_team_create, (&team, 2));
    REFUSED(optim_comm_team, (NULL, team, 0), OPTIM_ERR_NULL, "out");
    REFUSED(optim_comm_team, (&comm, NULL, 0), OPTIM_ERR_NULL, "team");
    REFUSED(optim_comm_team, (&comm, team, INT_MIN), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_comm_team, (&comm, team, INT_MAX), OPTIM_ERR_ARGUMENT, "2147483647");
    assert_int_equal(comm.size, 0);
    ACCEPTED(optim_comm_team, (&comm, team, 1));
    optim_comm_release(NULL);
    HOLDS(optim_comm_release, (NULL), true);
    optim_comm_release(&comm);
    optim_comm_release(&comm);
    optim_team_destroy(NULL);
    HOLDS(optim_team_destroy, (NULL), true);
    optim_team_destroy(team);
    REFUSED(optim_comm_fail, (INT_MIN, "is away"), OPTIM_ERR_COMM, "rank -2147483648 is away");
    REFUSED(optim_comm_fail, (INT_MAX, ""), OPTIM_ERR_COMM, "rank 2147483647");
    REFUSED(optim_comm_fail, (1, NULL), OPTIM_ERR_COMM, "rank 1 failed");
    REFUSED(optim_comm_fail, (1, world->control), OPTIM_ERR_COMM, "such\?\?\?");
    REFUSED(optim_comm_fail, (1, world->bytes), OPTIM_ERR_COMM, "such\?\?\?\?\?\?");
    REFUSED(optim_comm_fail, (1, world->endless), OPTIM_ERR_COMM, "kkkk");
}

static void rows_of_communicators(world_t *world) {
    optim_team_t *team;
    optim_comm alone, broken;
    double x[] = {1, 2};
    CHECK_OK(optim_team_create(&team, 1));
    CHECK_OK(optim_comm_team(&alone, team, 0));
    REFUSED(optim_comm_sum, (NULL, OPTIM_F64, 2, x), OPTIM_ERR_NULL, "comm");
    REFUSED(optim_comm_sum, (&alone, INT_MIN, 2, x), OPTIM_ERR_ARGUMENT, "-2147483648");
    REFUSED(optim_comm_sum, (&alone, INT_MAX, 2, x), OPTIM_ERR_ARGUMENT, "2147483647");
    REFUSED(optim_comm_sum, (&alone, OPTIM_F64, 2, NULL), OPTIM_ERR_NULL, "data");
    ACCEPTED(optim_comm_sum, (&alone, OPTIM_F64, 0, NULL));
    ACCEPTED(optim_comm_sum, (&alone, OPTIM_F64, 2, x));
    REFUSED(optim_set_comm, (NULL, &alone), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_set_comm, (world->asking, &alone), OPTIM_ERR_OPEN, "optim_cancel");
    broken = alone;
    broken.size = 0;
    REFUSED(optim_set_comm, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "0 bytes");
    REFUSED(optim_comm_sum, (&broken, OPTIM_F64, 2, x), OPTIM_ERR_ARGUMENT, "0 bytes");
    broken.size = sizeof broken + 8;
    REFUSED(optim_set_comm, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "bytes");
    broken = alone;
    broken.ranks = INT_MIN;
    REFUSED(optim_set_comm, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "-2147483648");
    broken = alone;
    broken.rank = INT_MAX;
    REFUSED(optim_set_comm, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "2147483647");
    broken = alone;
    broken.timeout = (double)NAN;
    REFUSED(optim_set_comm, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "timeout");
    broken = alone;
    broken.barrier = NULL;
    REFUSED(optim_set_comm, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "barrier");
    REFUSED(optim_exchange, (NULL, &alone), OPTIM_ERR_NULL, "opt");
    REFUSED(optim_exchange, (world->fresh, NULL), OPTIM_ERR_NULL, "comm");
    REFUSED(optim_exchange, (world->fresh, &broken), OPTIM_ERR_ARGUMENT, "barrier");
    REFUSED(optim_exchange, (world->fresh, &alone), OPTIM_ERR_CLOSED, "OPTIM_EXCHANGE");
    REFUSED(optim_exchange, (world->asking, &alone), OPTIM_ERR_CLOSED, "OPTIM_EXCHANGE");
    ACCEPTED(optim_set_comm, (world->scratch, &alone));
    ACCEPTED(optim_set_comm, (world->scratch, NULL));
    optim_team_destroy(team);
}

void rows_of_ranks(world_t *world) {
    rows_of_teams(world);
    rows_of_communicators(world);
}
