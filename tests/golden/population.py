"""Usage: population.py FOLDER

Writes the golden trajectories of nelder_mead, spsa and cma_es into FOLDER: of SciPy's own Nelder-Mead, and of spsa and
cma_es written down here from the papers, with the stream of the library (see src/kernels/random.h).
"""
import math
import pathlib
import sys

import numpy
import scipy
import scipy.optimize

MASK = (1 << 64) - 1


class Stream:
    """SplitMix64 by position; two words make a normal number."""

    def __init__(self, seed):
        self.seed, self.next = seed, 1

    def uniform(self):
        z = (self.seed + self.next * 0x9E3779B97F4A7C15) & MASK
        self.next += 1
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())


def quad(x):
    i = numpy.arange(len(x))
    return 0.5 * numpy.sum((1 + i % 7) * (x - ((37 * i) % 11 / 11 - 0.5)) ** 2)


def rosenbrock(x):
    return numpy.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def nelder_mead(f, x, steps, adaptive=True):
    points = scipy.optimize.minimize(f, x, method="Nelder-Mead", options={
        "adaptive": adaptive, "maxiter": steps + 1, "maxfev": 10**9, "xatol": 0, "fatol": 0, "return_all": True}).allvecs
    return points[1:]


def spsa(f, x, steps, seed, lr=0.1, c=0.1, alpha=0.602, gamma=0.101, stability=0, samples=1):
    stream, points = Stream(seed), []
    for k in range(1, steps + 1):
        g = numpy.zeros_like(x)
        for _ in range(samples):
            signs = numpy.array([1.0 if stream.uniform() < 0.5 else -1.0 for _ in x])
            c_k = c / k**gamma
            g += (f(x + c_k * signs) - f(x - c_k * signs)) / (2 * c_k * signs)
        x = x - lr / (k + stability) ** alpha * g / samples
        points.append(x)
    return points


def cma_es(f, x, steps, seed, sigma=0.3, popsize=0, active=1, restarts=0, tol_f=1e-12):
    """The tutorial's figure 6 as it is printed, with matrices. C is decomposed as often as the method says."""
    n, stream, points, begin = len(x), Stream(seed), [], x.copy()
    lam, best, first_sigma = popsize or 4 + int(3 * math.log(n)), (math.inf, x), sigma

    def fresh():
        return numpy.eye(n), numpy.eye(n), numpy.ones(n), numpy.zeros(n), numpy.zeros(n), 0, 0, []

    C, B, D, path_s, path_c, generation, since, history = fresh()
    for _ in range(steps):
        raw = math.log((lam + 1) / 2) - numpy.log(numpy.arange(1, lam + 1))
        mu = lam // 2
        effective = numpy.sum(raw[:mu]) ** 2 / numpy.sum(raw[:mu] ** 2)
        negative = raw[raw < 0]
        effective_minus = numpy.sum(negative) ** 2 / numpy.sum(negative**2)
        c_s = (effective + 2) / (n + effective + 5)
        d_s = 1 + 2 * max(0, math.sqrt((effective - 1) / (n + 1)) - 1) + c_s
        c_c = (4 + effective / n) / (n + 4 + 2 * effective / n)
        c_1 = 2 / ((n + 1.3) ** 2 + effective)
        c_mu = min(1 - c_1, 2 * (1 / 4 + effective + 1 / effective - 2) / ((n + 2) ** 2 + effective))
        least = min(1 + c_1 / c_mu, 1 + 2 * effective_minus / (effective + 2), (1 - c_1 - c_mu) / (n * c_mu))
        w = numpy.where(raw >= 0, raw / numpy.sum(raw[raw >= 0]), active * least * raw / -numpy.sum(negative))
        length = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
        y, values = [], []
        for _ in range(lam):
            z = numpy.array([stream.normal() for _ in range(n)])
            y.append(B @ (D * z))
            values.append(f(x + sigma * y[-1]))
            if values[-1] < best[0]:
                best = (values[-1], x + sigma * y[-1])
        order = numpy.argsort(values, kind="stable")
        y, values = numpy.array(y)[order], numpy.array(values)[order]
        step = w[:mu] @ y[:mu]
        whitened = B @ ((B.T @ step) / D)
        x = x + sigma * step
        path_s = (1 - c_s) * path_s + math.sqrt(c_s * (2 - c_s) * effective) * whitened
        path = numpy.linalg.norm(path_s)
        h = float(path / math.sqrt(1 - (1 - c_s) ** (2 * (generation + 1))) < (1.4 + 2 / (n + 1)) * length)
        path_c = (1 - c_c) * path_c + h * math.sqrt(c_c * (2 - c_c) * effective) * step
        adapted = numpy.array([v if v >= 0 else v * n / numpy.sum(((B.T @ yi) / D) ** 2) for v, yi in zip(w, y)])
        C = ((1 + c_1 * (1 - h) * c_c * (2 - c_c) - c_1 - c_mu * numpy.sum(w)) * C
             + c_1 * numpy.outer(path_c, path_c) + c_mu * (y.T * adapted) @ y)
        sigma *= math.exp(c_s / d_s * (path / length - 1))
        generation, since = generation + 1, since + 1
        history.append(values[0])
        wanted = 10 + math.ceil(30 * n / lam)
        recent = history[-wanted:] + [values[0], values[-1]]
        if restarts > 0 and generation >= wanted and max(recent) - min(recent) <= tol_f:
            x, sigma, lam, restarts = begin.copy(), first_sigma, 2 * lam, restarts - 1
            C, B, D, path_s, path_c, generation, since, history = fresh()
        elif since * 10 * n * (c_1 + c_mu) >= 1:
            values, B = numpy.linalg.eigh(C)
            B = B * numpy.sign(B[numpy.argmax(abs(B), axis=0), numpy.arange(n)])  # the library's choice of signs
            D, since = numpy.sqrt(values), 0
        points.append((best[1], [sigma]))
    return points


def number(x):
    return repr(float(x))


def write(folder, case, source, method, options, problem, f, seed, x, points, rtol, outputs=("x",)):
    lines = ["format gradopt-solver 1", f"case {case}", f"source {source}", f"method {method}",
             f"options {options}".rstrip(), f"problem {problem} d={len(x)}"]
    lines += [f"rng splitmix64 {seed}"] if seed is not None else []
    lines += [f"rtol {rtol}", f"steps {len(points)}", f"param x 1 {len(x)}",
              "init x " + " ".join(map(number, x))] + [f"output {name} 1 {len(x) if name == 'x' else 1}" for name in outputs]
    for k, point in enumerate(points, 1):
        if k <= 5 or k % 5 == 0 or k == len(points):
            lines.append(f"step {k}")
            for name, values in zip(outputs, [point] if len(outputs) == 1 else point):
                lines.append(f"want {name} " + " ".join(map(number, values)))
    (folder / f"{case}.golden").write_text("\n".join(lines + ["end"]) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    by_scipy = f"scipy.optimize.minimize, method Nelder-Mead, SciPy {scipy.__version__}; numpy {numpy.__version__}"
    start4, start3 = numpy.sin(1.0 + 2.0 * numpy.arange(4)), numpy.array([-1.2, 1.0, 0.0])
    for case, options, problem, f, x, steps in (
            ("default", "", "quad", quad, start4, 60), ("rosenbrock", "", "rosenbrock", rosenbrock, start3, 90),
            ("plain", "adaptive=0", "rosenbrock", rosenbrock, start3, 90),
            ("plane", "adaptive=0", "quad", quad, numpy.array([0.7, -0.9]), 40)):
        write(folder, f"nelder_mead_{case}", by_scipy, "nelder_mead", options, problem, f, None, x,
              nelder_mead(f, x, steps, options == ""), "1e-10")
    for case, options, problem, f, seed in (
            ("default", {}, "quad", quad, 1), ("samples", {"samples": 3, "stability": 10, "lr": 0.2}, "quad", quad, 2),
            ("gains", {"alpha": 1, "gamma": 1 / 6, "c": 0.05, "lr": 0.01}, "quad", quad, 3)):
        write(folder, f"spsa_{case}", "Spall 1992 and 1998; from the equations", "spsa",
              ",".join(f"{k}={v!r}" for k, v in options.items()), problem, f, seed, start4,
              spsa(f, start4, 40, seed, **options), "1e-9")
    for case, options, problem, f, seed, x, steps in (
            ("default", {}, "quad", quad, 1, start4, 40), ("rosenbrock", {"sigma": 0.5}, "rosenbrock", rosenbrock, 2, start3, 40),
            ("positive", {"active": 0, "popsize": 12}, "quad", quad, 3, start4, 40),
            ("restarts", {"restarts": 2, "tol_f": 1e-3, "popsize": 7}, "quad", quad, 4, start4, 60)):
        write(folder, f"cma_es_{case}", "Hansen 2016, arXiv:1604.00772, figure 6 and table 1; Auger & Hansen 2005; from "
              f"the equations, eigenvectors by numpy {numpy.__version__}", "cma_es",
              ",".join(f"{k}={v!r}" for k, v in options.items()), problem, f, seed, x,
              cma_es(f, x, steps, seed, **options), "1e-6", ("x", "sigma"))


main()
