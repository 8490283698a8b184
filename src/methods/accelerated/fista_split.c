/*
 * fista_split: accelerated gradient steps that treat a quadratic part implicitly.
 *
 * Akande et al., "Momentum-based minimization of the Ginzburg-Landau functional on Euclidean spaces and graphs", 2024:
 * the case that needs no linear solver, with the convex part (split / 2) |x|^2 implicit and f - (split / 2) |x|^2
 * explicit.
 *
 *     1. x_new = (y - lr (g - split y)) / (1 + lr split) = y - lr / (1 + lr split) g,   g at y
 *     2. y <- x_new + rho (x_new - x),   rho = k / (k + 3) at step k = 1, 2, ..., or momentum if that is not negative
 *     3. x <- x_new
 *
 * The second form of line 1 is computed: no cancellation at large lr. The parameters are y. split = 0 is Nesterov's
 * method with k / (k + 3). Output: x. State: x, 4 bytes a parameter in f32.
 */
#include "blocks/iterate.h"

enum { LR, SPLIT, MOMENTUM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "tau: step size"},
    [SPLIT] = {"split", 0, "[0,inf)", "curvature of the implicit part"},
    [MOMENTUM] = {"momentum", -1, "[-1,1)", "rho; negative: k / (k + 3)"},
    {0},
};

enum { X = ITERATE };
static const state_t STATE[] = {
    [X] = {"x", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct constants {
    real step, rho;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->t;
    *(constants_t *)constants = (constants_t){
        .step = (real)(o[LR] / (1 + o[LR] * o[SPLIT])),
        .rho = (real)(o[MOMENTUM] < 0 ? k / (k + 3) : o[MOMENTUM]),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    extrapolate(t, k.step, k.rho);
}

const method_t METHOD(fista_split) = {
    .name = "fista_split",
    .purpose = "accelerated gradient steps that treat a quadratic part implicitly",
    .citation =
        "Akande et al.: Momentum-based minimization of the Ginzburg-Landau functional on Euclidean spaces and graphs, "
        "2024",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
    .output = output_iterate,
};
