/* mpi PATH: the communicator over MPI; started by mpirun. A training must end with the bits that threads of one program
 * have; a checkpoint is made and removed at the path. */
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conformance.h"
#include "optim/comm_mpi.h"

static void fail(const optim_comm *comm, const char *wrong) {
    (void)fprintf(stderr, "rank %d: %s\n", comm->rank, wrong);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

enum { RANKS = 16 };

typedef struct member {
    optim_comm comm;
    uint64_t bits;
} member_t;

static void *train(void *argument) {
    member_t *member = argument;
    if (comm_training(&member->comm, &member->bits) != NULL)
        member->bits = 0;
    return NULL;
}

/* The bits that a team of so many threads has. */
static uint64_t bits_of_team(int ranks) {
    static member_t member[RANKS];
    pthread_t thread[RANKS];
    optim_team_t *team;
    if (optim_team_create(&team, ranks) != OPTIM_OK)
        return 0;
    for (int r = 0; r < ranks; ++r)
        if (optim_comm_team(&member[r].comm, team, r) != OPTIM_OK ||
            pthread_create(&thread[r], NULL, train, &member[r]) != 0)
            abort();
    for (int r = 0; r < ranks; ++r)
        (void)pthread_join(thread[r], NULL);
    optim_team_destroy(team);
    return member[0].bits;
}

/* The last rank stays away until the others have given up. */
static void miss_one(const optim_comm *comm) {
    optim_comm hasty;
    if (optim_comm_mpi(&hasty, MPI_COMM_WORLD) != OPTIM_OK)
        fail(comm, optim_error());
    hasty.timeout = 0.1;
    const int absent = hasty.ranks - 1;
    if (hasty.rank != absent && hasty.barrier(&hasty) != OPTIM_ERR_COMM)
        fail(comm, "a rank that stays away is not missed");
    (void)MPI_Barrier(MPI_COMM_WORLD);
    if (hasty.rank != absent && hasty.barrier(&hasty) != OPTIM_ERR_COMM)
        fail(comm, "a communicator in which a call has failed can be used");
    if (hasty.rank != absent)
        optim_comm_release(&hasty); /* of the absent rank messages wait for receivers that are gone */
}

/* The shares and the file that names them. */
static void remove_files(const char *path) {
    char pattern[1000];
    glob_t found = {.gl_pathc = 0};
    (void)snprintf(pattern, sizeof pattern, "%s*", path);
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; ++i)
            (void)unlink(found.gl_pathv[i]);
    globfree(&found);
}

int main(int count, char **argument) {
    optim_comm comm;
    uint64_t bits = 0;
    if (MPI_Init(&count, &argument) != MPI_SUCCESS)
        return EXIT_FAILURE;
    if (optim_comm_mpi(&comm, MPI_COMM_WORLD) != OPTIM_OK)
        return EXIT_FAILURE;
    const char *wrong = comm_conformance(&comm);
    if (wrong == NULL)
        wrong = comm_training(&comm, &bits);
    if (wrong == NULL && comm.ranks > 1)
        wrong = comm_checkpoint(&comm, argument[count - 1]);
    if (wrong != NULL)
        fail(&comm, wrong);
    if (comm.rank == 0 && bits_of_team(comm.ranks) != bits)
        fail(&comm, "threads and MPI differ in bits");
    (void)MPI_Barrier(MPI_COMM_WORLD); /* all have read them */
    if (comm.rank == 0)
        remove_files(argument[count - 1]);
    if (comm.ranks > 1)
        miss_one(&comm);
    optim_comm_release(&comm);
    (void)MPI_Finalize();
    return EXIT_SUCCESS;
}
