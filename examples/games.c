/*
 * Two players on f(x, y) = x'A y: x descends, y ascends, the solution is x = y = 0. Prints the distance to it against the
 * number of gradients: plain descent-ascent flies away, methods for games come home.
 * Usage: games [EVERY]    a line for so many gradients (50); examples/games.sh draws the lines of `games 1`
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 4, GRADIENTS = 600 };

typedef struct player {
    double z[N], grad[N];
} player_t;

static const struct {
    const char *name, *options;
} METHODS[] = {
    {"sgd", "lr=0.2"}, /* simultaneous descent-ascent */
    {"extragradient", "lr=0.7"},
    {"optimistic_gd", "lr=0.5"},
    {"anchored_gradient", "lr=0.3"},
    {"complex_momentum", "lr=0.2,beta_mag=0.8,beta_arg=0.6"},
    {"aog", "lr=0.4"},
};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

/* A is tridiagonal; its singular values lie between 0.45 and 0.95. */
static double entry(int i, int j) {
    return i == j ? 0.7 : abs(i - j) == 1 ? 0.15 : 0;
}

static void gradient(player_t *x, player_t *y) {
    for (int i = 0; i < N; ++i) {
        x->grad[i] = y->grad[i] = 0;
        for (int j = 0; j < N; ++j) {
            x->grad[i] += entry(i, j) * y->z[j];
            y->grad[i] += entry(j, i) * x->z[j];
        }
    }
}

/* |(x, y)| at the point that the method stands for. */
static int measure(const optim_t *opt, double *distance) {
    double z[2 * N], sum = 0;
    if (optim_output(opt, 0, z) < 0 || optim_output(opt, 1, z + N) < 0)
        return -1;
    for (int i = 0; i < 2 * N; ++i)
        sum += z[i] * z[i];
    *distance = sqrt(sum);
    return 0;
}

/* distance[k]: after k gradients; those of a step that is not complete yet change nothing. */
static int play(optim_t *opt, double distance[GRADIENTS + 1]) {
    player_t x = {.z = {1, 1, -1, 1}}, y = {.z = {-1, 1, 1, 1}};
    const int64_t dims[] = {N};
    int group, count = 0;
    if (optim_add_param(opt, 0, "x", OPTIM_F64, 1, dims, x.z, x.grad) < 0 ||
        optim_add_group(opt, "maximize=1", &group) < 0 ||
        optim_add_param(opt, group, "y", OPTIM_F64, 1, dims, y.z, y.grad) < 0 || measure(opt, &distance[0]) < 0)
        return -1;
    while (count < GRADIENTS) {
        optim_status status = OPTIM_EVAL_GRAD;
        while (status == OPTIM_EVAL_GRAD && count < GRADIENTS) {
            gradient(&x, &y);
            ++count;
            distance[count] = distance[count - 1];
            status = optim_step(opt);
        }
        if (status < 0 || (status == OPTIM_OK && measure(opt, &distance[count]) < 0))
            return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    static double distance[METHOD_COUNT][GRADIENTS + 1];
    const long every = argc > 1 ? strtol(argv[1], NULL, 10) : 50;
    int failed = 0;
    for (int m = 0; m < METHOD_COUNT && !failed; ++m) {
        optim_t *opt;
        failed = optim_create(&opt, METHODS[m].name, METHODS[m].options) < 0 || play(opt, distance[m]) < 0;
        if (failed)
            fprintf(stderr, "%s\n", optim_error());
        optim_destroy(opt);
    }
    printf("%9s", "gradients");
    for (int m = 0; m < METHOD_COUNT; ++m)
        printf(" %17s", METHODS[m].name);
    for (long k = 0; k <= GRADIENTS && !failed && every > 0; k += every) {
        printf("\n%9ld", k);
        for (int m = 0; m < METHOD_COUNT; ++m)
            printf(" %17.1e", distance[m][k]);
    }
    printf("\n");
    return failed || every <= 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
