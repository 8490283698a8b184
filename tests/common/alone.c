#include "alone.h"

#include "optim/comm.h"

static optim_status exchange(optim_t *opt) {
    optim_team_t *team;
    optim_comm comm = {0};
    optim_status status = optim_team_create(&team, 1);
    if (status == OPTIM_OK)
        status = optim_comm_team(&comm, team, 0);
    if (status == OPTIM_OK)
        do
            status = optim_exchange(opt, &comm);
        while (status == OPTIM_EXCHANGE); /* another wrapper's */
    optim_comm_release(&comm);
    optim_team_destroy(team);
    return status;
}

optim_status alone_step(optim_t *opt) {
    const optim_status status = optim_step(opt);
    return status == OPTIM_EXCHANGE ? exchange(opt) : status;
}
