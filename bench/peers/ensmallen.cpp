// Adam of ensmallen on one vector of the caller's, behind three C functions that peers.py calls.
#include <cstddef>
#include <ensmallen.hpp>

namespace {

struct adam {
    ens::AdamUpdate update;
    ens::AdamUpdate::Policy<arma::fmat, arma::fmat> policy;
    arma::fmat parameters;
    const arma::fmat gradient;

    // The matrices use the caller's memory.
    adam(float *data, float *grad, std::size_t n)
        : update(1e-8, 0.9, 0.999), policy(update, n, 1), parameters(data, n, 1, false, true),
          gradient(grad, n, 1, false, true) {}
};

} // namespace

extern "C" {

void *ensmallen_create(float *data, float *grad, std::size_t n) {
    return new adam(data, grad, n);
}

void ensmallen_step(void *optimizer, double step_size) {
    adam *self = static_cast<adam *>(optimizer);
    self->policy.Update(self->parameters, step_size, self->gradient);
}

void ensmallen_destroy(void *optimizer) {
    delete static_cast<adam *>(optimizer);
}

const char *ensmallen_version() {
    static const std::string version = ens::version::as_string() + ", Armadillo " + arma::arma_version::as_string();
    return version.c_str();
}

} // extern "C"
