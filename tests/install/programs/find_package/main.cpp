// Two methods from C++ on f(w) = |w - target|^2 / 2: heavy ball, whose steps are exact here, and Lion, whose steps have
// the length of its learning rate.
#include <optim/optim.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <stdexcept>

namespace {

constexpr std::array<double, 2> target{1, -2};

void check(optim_status status) {
    if (status != OPTIM_OK)
        throw std::runtime_error(optim_error());
}

std::array<double, 2> minimum_by(const char *algorithm, const char *options, int steps) {
    std::array<double, 2> w{}, gradient{};
    const std::int64_t dims[] = {2};
    optim_t *raw = nullptr;
    check(optim_create(&raw, algorithm, options));
    const std::unique_ptr<optim_t, decltype(&optim_destroy)> opt(raw, optim_destroy);
    check(optim_add_param(opt.get(), 0, "w", OPTIM_F64, 1, dims, w.data(), gradient.data()));
    for (int step = 0; step < steps; ++step) {
        for (std::size_t i = 0; i < w.size(); ++i)
            gradient[i] = w[i] - target[i];
        check(optim_step(opt.get()));
    }
    return w;
}

} // namespace

int main() {
    try {
        // m: -1, -1, -0.5; w: 0.5, 1, 1.25 for target 1, and -2 times that for target -2
        const auto exact = minimum_by("sgd", "lr=0.5,momentum=0.5", 3);
        const auto near = minimum_by("lion", "lr=0.001,weight_decay=0", 3000);
        std::cout << "sgd " << exact[0] << ' ' << exact[1] << ", lion " << near[0] << ' ' << near[1] << '\n';
        const bool good = exact[0] == 1.25 && exact[1] == -2.5 && std::abs(near[0] - target[0]) < 0.02 &&
                          std::abs(near[1] - target[1]) < 0.02;
        return good ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
