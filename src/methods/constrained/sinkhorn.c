/*
 * sinkhorn: optimal transport with an entropy, by matching the marginals in turn.
 *
 * Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", 2013; the form of Tang, Shavlovsky,
 * Rahmanian, Tardini, Thekumparampil, Xiao, Ying, "Accelerating Sinkhorn Algorithm with Sparse Newton Iterations",
 * 2024, arXiv:2401.12253.
 *
 *     P_ij = exp(eta (x_i + y_j - C_ij) - 1), with row sums r and column sums c in the end
 *     1. x_i <- x_i + (ln r_i - ln sum_j P_ij) / eta
 *     2. y_j <- y_j + (ln c_j - ln sum_i P_ij) / eta
 *     3. err = sum_i |r_i - sum_j P_ij|
 *
 * The potentials x and y are the parameters; several of one role count as one vector. Everything is read from inputs,
 * nothing is asked for. Sums are of exp(a - max a), in double, so that no eta is too large. Each half is exact ascent
 * on the concave dual r'x + c'y - sum_ij P_ij / eta. State: err.
 */
#include "blocks/transport.h"

static const option_t OPTIONS[] = {[TRANSPORT_ETA] = TRANSPORT_ETA_ROW, {0}};

typedef struct memory {
    double err;
} memory_t;
static const field_t FIELDS[] = {
    TRANSPORT_ERR_ROW("how far the row sums are from r, in the sum of moduli", memory_t, err), {0}};

static optim_status advance(step_t *s) {
    transport_sweep(s);
    ((memory_t *)s->memory)->err = transport_err(s, X_ROLE);
    return OPTIM_OK;
}

const method_t METHOD(sinkhorn) = {
    .name = "sinkhorn",
    .purpose = "optimal transport with an entropy, by matching the marginals in turn",
    .citation = "Cuturi: Sinkhorn Distances: Lightspeed Computation of Optimal Transport, NeurIPS 2013; "
                "Tang et al.: Accelerating Sinkhorn Algorithm with Sparse Newton Iterations, 2024, arXiv:2401.12253",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = TRANSPORT_INPUTS,
    .roles = TRANSPORT_ROLES,
    .flags = WHOLE_TENSORS | VALUES_ONLY,
    .constants = sizeof(transport_constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = transport_refuses_inputs,
    .prepare = transport_prepare,
    .advance = advance,
    .kernels = {TRANSPORT_KERNELS},
    .arguments = {TRANSPORT_ARGUMENTS},
};
