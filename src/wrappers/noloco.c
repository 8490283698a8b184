/*
 * noloco: ranks that train by themselves, and exchange with a random partner now and then.
 *
 * Kolehmainen, Blagoev, Donaghy, Ersoy, Nies, "NoLoCo: No-all-reduce Low Communication Training Method for Large
 * Models", 2025, arXiv:2506.10911.
 *
 *     after every `period` steps of the inner method, theta being where they have led from phi, each rank's own:
 *     1. pairs at random: of a permutation of the N ranks, members k and k + N/2
 *     2. m <- outer_momentum m + outer_lr mean(theta - phi) + gamma (mean(phi) - phi), means over the pair
 *     3. phi <- phi + m;   p <- phi
 *
 * The permutation follows from `seed`, N, and how many periods the steps of the handle make, so that no rank tells
 * another. The last of an odd number of ranks is a pair of its own. phi begins at p. State: phi, m, and for the
 * exchange two vectors, 16 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/meeting.h"
#include "kernels/random.h"

enum { PERIOD, OUTER_LR, OUTER_MOMENTUM, GAMMA, SEED };
static const option_t OPTIONS[] = {
    [PERIOD] = {"period", 500, "integer [1,inf)", "steps between two exchanges"},
    [OUTER_LR] = {"outer_lr", 0.7, "[0,inf)", "rate of the outer step"},
    [OUTER_MOMENTUM] = {"outer_momentum", 0.5, "[0,1)", "of the outer step"},
    [GAMMA] = {"gamma", -1, "[-1,inf)", "pull towards the mean of the pair; below 0: outer_lr"},
    [SEED] = {"seed", 1, "integer [0,9007199254740992]", "of the pairs"},
    {0},
};

enum { PHI, M, MOVE, STOOD };
static const state_t STATE[] = {
    [PHI] = {"phi", "where the rank began", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    [M] = {"m", "its outer momentum", LIKE_PARAM, KEPT},
    [MOVE] = {"move", "theta - phi, of the partner", LIKE_PARAM, EXCHANGED},
    [STOOD] = {"stood", "phi, of the partner", LIKE_PARAM, EXCHANGED},
    {0},
};

typedef struct constants {
    real momentum, lr, gamma;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, gamma = o[GAMMA] < 0 ? o[OUTER_LR] : o[GAMMA];
    *(constants_t *)constants = (constants_t){(real)o[OUTER_MOMENTUM], (real)o[OUTER_LR], (real)gamma};
}

static void offer(const tile_t *t) {
    const real *restrict p = t->p, *restrict phi = t->state[PHI];
    real *restrict move = t->state[MOVE], *restrict stood = t->state[STOOD];
    for (size_t i = 0; i < t->n; ++i) {
        move[i] = p[i] - phi[i];
        stood[i] = phi[i];
    }
}

static void step(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict phi = t->state[PHI], *restrict m = t->state[M];
    const real *restrict move = t->state[MOVE], *restrict stood = t->state[STOOD];
    for (size_t i = 0; i < t->n; ++i) {
        const real moved = (p[i] - phi[i] + move[i]) / 2, mean = (phi[i] + stood[i]) / 2;
        m[i] = settled(k.momentum * m[i] + k.lr * moved + k.gamma * (mean - phi[i]));
        p[i] = phi[i] += m[i];
    }
}

enum { OFFER, STEP };

static bool exchanges(step_t *s) {
    return meeting_begins(s, s->option[PERIOD], OFFER);
}

/* The swap of place i with one up to it, i = ranks - 1 .. 1, that makes a permutation. */
static int swap_of(const step_t *s, int i, int ranks) {
    const double round = floor((s->t - 1) / s->option[PERIOD]);
    const uint64_t first = (uint64_t)round * (uint64_t)(ranks - 1);
    const int j = (int)((i + 1) * random_uniform((uint64_t)s->option[SEED], first + (uint64_t)(ranks - i)));
    return j < i ? j : i;
}

static int swapped(int place, int i, int j) {
    if (place == i)
        return j;
    return place == j ? i : place;
}

/* A permutation is not kept: one member is followed to its place, and the other back from its own. */
static int partner(const step_t *s, int rank, int ranks) {
    int place = rank;
    for (int i = ranks - 1; i > 0; --i)
        place = swapped(place, i, swap_of(s, i, ranks));
    const int pairs = ranks / 2;
    if (place == 2 * pairs)
        return rank;
    place += place < pairs ? pairs : -pairs;
    for (int i = 1; i < ranks; ++i)
        place = swapped(place, i, swap_of(s, i, ranks));
    return place;
}

static void finish(step_t *s) {
    meeting_ends(s, STEP);
}

const method_t METHOD(noloco) = {
    .name = "noloco",
    .purpose = "ranks that train by themselves, and exchange with a random partner now and then",
    .citation = "Kolehmainen et al.: NoLoCo: No-all-reduce Low Communication Training Method for Large Models, 2025, "
                "arXiv:2506.10911",
    .evaluations = "none of its own; each rank exchanges two vectors with another one once in `period` steps",
    .options = OPTIONS,
    .states = STATE,
    .fields = MEETING_FIELDS,
    .memory = sizeof(meeting_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .exchanges = exchanges,
    .partner = partner,
    .finish = finish,
    .kernels = {[OFFER] = offer, [STEP] = step},
};
