/* A stranger's program over MPI: two ranks whose gradients differ end where their mean leads. */
#include <optim/comm_mpi.h>
#include <stdio.h>

int main(int count, char **argument) {
    float w = 1, g = 0;
    const int64_t one = 1;
    optim_comm comm;
    optim_t *opt = NULL;
    if (MPI_Init(&count, &argument) != MPI_SUCCESS || optim_comm_mpi(&comm, MPI_COMM_WORLD) != OPTIM_OK)
        return 1;
    if (optim_create(&opt, "sgd", "lr=0.5,replicas=mean") != OPTIM_OK ||
        optim_add_param(opt, 0, "w", OPTIM_F32, 1, &one, &w, &g) != OPTIM_OK || optim_set_comm(opt, &comm) != OPTIM_OK)
        return 2;
    g = (float)(2 * comm.rank); /* 0 and 2: the mean is 1 */
    if (optim_step(opt) != OPTIM_OK || w != 0.5F) {
        fprintf(stderr, "rank %d: w is %g; %s\n", comm.rank, (double)w, optim_error());
        return 3;
    }
    optim_destroy(opt);
    optim_comm_release(&comm);
    MPI_Finalize();
    return 0;
}
