#!/usr/bin/env python3
"""Records ensmallen: ensmallen.py ENSMALLEN INCLUDE

ENSMALLEN is a clone of the repository, INCLUDE a folder with Armadillo's headers (Debian's libarmadillo-dev). Its source is
compiled here with c++ and called as it is, in f64, on all tensors as one vector.
"""
import pathlib
import subprocess
import sys
import tempfile

from common import ELEMENTS, GRADIENTS, LOSSES, START, STEPS, TENSORS, write

PROGRAM = """
#define ARMA_DONT_USE_WRAPPER
#define ARMA_DONT_USE_LAPACK
#define ARMA_DONT_USE_BLAS
#include <ensmallen.hpp>
#include <cstdio>
#include <iostream>

struct Problem {
    arma::mat gradients;
    arma::vec losses;
    size_t NumFunctions() const { return losses.n_elem; }
    void Shuffle() {}
    double Evaluate(const arma::mat &, size_t i, size_t) { return losses[i]; }
    void Gradient(const arma::mat &, size_t i, arma::mat &g, size_t) { g = gradients.col(i); }
    double EvaluateWithGradient(const arma::mat &, size_t i, arma::mat &g, size_t) {
        g = gradients.col(i);
        return losses[i];
    }
};

struct Print {
    template <typename O, typename F, typename M> bool StepTaken(O &, F &, const M &x) {
        for (size_t i = 0; i < x.n_elem; ++i)
            printf("%.17g ", (double)x[i]);
        printf("\\n");
        return false;
    }
};

int main() {
    size_t n, steps;
    std::cin >> n >> steps;
    arma::mat x(n, 1);
    Problem problem{arma::mat(n, steps), arma::vec(steps)};
    for (size_t i = 0; i < n; ++i)
        std::cin >> x[i];
    for (size_t t = 0; t < steps; ++t) {
        for (size_t i = 0; i < n; ++i)
            std::cin >> problem.gradients(i, t);
        std::cin >> problem.losses[t];
    }
    ens::CALL.Optimize(problem, x, Print());
}
"""
# maxIterations, tolerance and shuffle follow the arguments that are shown
CASES = {
    "ens::NadaMax(0.01, 1, 0.9, 0.99, 1e-8)": "nadamax lr=0.01",
    "ens::NadaMax(0.1, 1, 0.8, 0.95, 1e-3)": "nadamax lr=0.1,beta1=0.8,beta2=0.95,eps=1e-3",
    "ens::AdaSqrt(0.01, 1, 1e-8)": "adasqrt",
    "ens::AdaSqrt(0.1, 1, 1e-3)": "adasqrt lr=0.1,eps=1e-3",
    "ens::WNGrad(0.562, 1)": "wngrad",
    "ens::WNGrad(2.0, 1)": "wngrad lr=2",
    "ens::Eve(0.01, 1, 0.9, 0.999, 0.999, 0, 10)": "eve lr=0.01,eps=0",
    "ens::Eve(0.1, 1, 0.8, 0.95, 0.5, 0, 2)": "eve lr=0.1,beta1=0.8,beta2=0.95,beta3=0.5,eps=0,clip=2",
}


def flat(values):
    return [x for name in TENSORS for x in values[name]]


def run(folder, call):
    full = call.removeprefix("ens::")[:-1] + f", {STEPS}, -1, false)"
    source, program = folder / "program.cpp", folder / "program"
    source.write_text(PROGRAM.replace("CALL", full))
    subprocess.run(["c++", "-O1", "-std=c++17", f"-I{ENSMALLEN / 'include'}", f"-isystem{INCLUDE}", "-o", program, source],
                   check=True)
    words = [len(flat(START)), STEPS, *flat(START)]
    for gradient, loss in zip(GRADIENTS, LOSSES):
        words += [*flat(gradient), loss]
    said = subprocess.run([program], input=" ".join(map(repr, words)), text=True, check=True, capture_output=True).stdout
    for line in said.splitlines()[:STEPS]:
        rest = iter(map(float, line.split()))
        yield {name: [next(rest) for _ in range(ELEMENTS[name])] for name in TENSORS}


def version():
    words = (ENSMALLEN / "include/ensmallen_bits/ens_version.hpp").read_text().split()
    return ".".join(words[words.index(f"ENS_VERSION_{part}") + 1] for part in ("MAJOR", "MINOR", "PATCH"))


ENSMALLEN, INCLUDE = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
with tempfile.TemporaryDirectory() as folder:
    for number, (call, ours) in enumerate(CASES.items(), 1):
        write(f"ensmallen_{number:02}_{ours.split()[0]}", f"ensmallen {version()}", call, ours,
              list(run(pathlib.Path(folder), call)))
