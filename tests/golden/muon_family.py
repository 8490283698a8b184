#!/usr/bin/env python3
"""Trajectories of muon with its coefficients, normuon, adamuon and dion, written from the papers' equations in plain
Python: no arrays, no library, lists of rows. Run it from the top of the repository; it writes tests/golden/data.

    python3 tests/golden/muon_family.py
"""

import math
import pathlib

FOLDER = pathlib.Path(__file__).parent / "data"
POLAR = [(8.28721201814563, -23.595886519098837, 17.300387312530933),
         (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
         (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
         (3.3184196573706015, -2.488488024314874, 0.51004894012372),
         (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
         (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
         (1.8750014808534479, -1.2500016453999487, 0.3750001645474248)]
COEFFICIENTS = {
    "jordan": [(3.4445, -4.7750, 2.0315)],
    "you": [(4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037),
            (2.8769, -3.1427, 1.2046), (2.8366, -3.0525, 1.2012)],
    "polar_express": [(a / 1.01, b / 1.01**3, c / 1.01**5) for a, b, c in POLAR] + [(1.875, -1.25, 0.375)],
    "classical": [(1.875, -1.25, 0.375)],
}


# ---- Matrices: lists of rows ----

def product(a, b):
    return [[math.fsum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def transposed(a):
    return [list(row) for row in zip(*a)]


def combined(factor, a, other, b):
    return [[factor * x + other * y for x, y in zip(p, q)] for p, q in zip(a, b)]


def each(function, a):
    return [[function(x) for x in row] for row in a]


def length(a):
    return math.sqrt(math.fsum(x * x for row in a for x in row))


def orthogonal(u, steps, name):
    """The factor by Newton-Schulz iterations."""
    if len(u) > len(u[0]):
        return transposed(orthogonal(transposed(u), steps, name))
    norm = length(u) * (1.01 if name == "polar_express" else 1) + 1e-7
    x = each(lambda entry: entry / norm, u)
    for i in range(steps):
        a, b, c = COEFFICIENTS[name][min(i, len(COEFFICIENTS[name]) - 1)]
        gram = product(x, transposed(x))
        x = combined(a, x, 1, product(combined(b, gram, c, product(gram, gram)), x))
    return x


def orthonormal(a):
    """Q of the QR factorization whose R has a diagonal >= 0: Gram and Schmidt, each column twice."""
    columns = []
    for column in zip(*a):
        column = list(column)
        for _ in range(2):
            for q in columns:
                along = math.fsum(x * y for x, y in zip(q, column))
                column = [x - along * y for x, y in zip(column, q)]
        norm = math.sqrt(math.fsum(x * x for x in column))
        columns.append([x / norm for x in column])
    return transposed(columns)


# ---- The library's stream: word k of seed 1, and normal numbers ----

def word(k, seed=1):
    mask = 2**64 - 1
    z = (seed + k * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def normal(k):
    u, v = (word(k) >> 11) * 2.0**-53, (word(k + 1) >> 11) * 2.0**-53
    return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


# ---- The methods: a step of one matrix; `o` are its options, `s` its state ----

def momentum(g, o, s):
    mu = o["momentum"]
    s["B"] = combined(mu, s.get("B", each(lambda _: 0.0, g)), 1 - mu, g)
    return combined(mu, s["B"], 1 - mu, g) if o["nesterov"] else s["B"]


def move(w, d, o, scale):
    return combined(1 - o["lr"] * o["weight_decay"], w, -o["lr"] * scale, d)


def scale_of(name, rows, columns):
    return {"original": math.sqrt(max(1, rows / columns)), "none": 1.0,
            "match_rms_adamw": 0.2 * math.sqrt(max(rows, columns))}[name]


def muon(w, g, o, s, _):
    d = orthogonal(momentum(g, o, s), o["ns_steps"], o["coefficients"])
    return move(w, d, o, scale_of(o["scale"], len(w), len(w[0])))


def normuon(w, g, o, s, _):
    orth = orthogonal(momentum(g, o, s), o["ns_steps"], o["coefficients"])
    old = s.get("v", [0.0] * len(w))
    s["v"] = [o["beta2"] * v + (1 - o["beta2"]) * math.fsum(x * x for x in row) / len(row)
              for v, row in zip(old, orth)]
    d = [[x / (math.sqrt(v) + o["eps"]) for x in row] for v, row in zip(s["v"], orth)]
    rows, columns = len(w), len(w[0])
    long = 0.2 * math.sqrt(rows * columns)
    if o["scale"] != "match_rms_adamw":
        long = length(orth) * scale_of(o["scale"], rows, columns)
    return move(w, d, o, long / length(d))


def adamuon(w, g, o, s, _):
    u = momentum(g, o, s)
    if o["sign"]:
        u = each(lambda x: float((x > 0) - (x < 0)), u)
    orth = orthogonal(u, o["ns_steps"], o["coefficients"])
    s["v"] = combined(o["beta2"], s.get("v", each(lambda _: 0.0, g)), 1 - o["beta2"], each(lambda x: x * x, orth))
    d = [[x / (math.sqrt(v) + o["eps"]) for x, v in zip(p, q)] for p, q in zip(orth, s["v"])]
    return move(w, d, o, 0.2 * math.sqrt(len(w) * len(w[0])) / length(d))


def dion(w, g, o, s, first):
    rows, columns = len(w), len(w[0])
    k = min(o["rank"], rows, columns)
    if "Q" not in s: # element i of the method's elements has the words 1 + 2 i and 2 + 2 i
        s["Q"] = [[normal(1 + 2 * (first + i * k + j)) for j in range(k)] for i in range(columns)]
    m = combined(1, s.get("M", each(lambda _: 0.0, g)), 1, g)
    p = orthonormal(product(m, s["Q"]))
    r = product(transposed(m), p)
    s["M"] = combined(1, m, -(1 - o["momentum"]), product(p, transposed(r)))
    norms = [math.sqrt(math.fsum(x * x for x in column)) for column in zip(*r)]
    s["Q"] = [[x / n for x, n in zip(row, norms)] for row in r]
    return move(w, product(p, transposed(s["Q"])), o, math.sqrt(rows / columns))


def adamw(w, g, o, s, _):
    s["t"] = t = s.get("t", 0) + 1
    s["m"] = combined(0.9, s.get("m", each(lambda _: 0.0, g)), 1 - 0.9, g)
    s["v"] = combined(0.95, s.get("v", each(lambda _: 0.0, g)), 1 - 0.95, each(lambda x: x * x, g))
    d = [[m / (1 - 0.9**t) / (math.sqrt(v / (1 - 0.95**t)) + 1e-10) for m, v in zip(p, q)]
         for p, q in zip(s["m"], s["v"])]
    return combined(1, w, -3e-4, d)


# ---- Cases ----

MUON = {"lr": 0.02, "weight_decay": 0.0, "momentum": 0.95, "nesterov": 1, "ns_steps": 5, "coefficients": "jordan",
        "scale": "original"}
METHODS = {
    "muon": (muon, MUON, "Jordan et al. 2024 with the polynomials of Amsel et al. 2025 alg. 1, You 2025"),
    "normuon": (normuon, {**MUON, "beta2": 0.95, "eps": 1e-10}, "Li et al. 2025, and the authors' normuon.py"),
    "adamuon": (adamuon, {**MUON, "lr": 1e-3, "nesterov": 0, "beta2": 0.95, "eps": 1e-8, "sign": 1},
                "Si et al. 2025 alg. 1, and the authors' adamuon.py"),
    "dion": (dion, {"lr": 0.01, "weight_decay": 0.0, "momentum": 0.95, "rank": 128}, "Ahn et al. 2025 alg. 1"),
}
CASES = [
    ("muon_polar_express", "muon", {"lr": 0.03, "coefficients": "polar_express", "weight_decay": 0.1}),
    ("muon_polar_express_long", "muon", {"coefficients": "polar_express", "ns_steps": 10, "scale": "none"}),
    ("muon_you", "muon", {"coefficients": "you", "ns_steps": 6}),
    ("muon_classical", "muon", {"coefficients": "classical", "ns_steps": 12, "nesterov": 0}),
    ("normuon_default", "normuon", {}),
    ("normuon_paper", "normuon", {"scale": "match_rms_adamw", "nesterov": 0, "eps": 1e-8, "weight_decay": 0.1}),
    ("normuon_options", "normuon", {"scale": "none", "beta2": 0.5, "momentum": 0.8,
                                    "coefficients": "polar_express"}),
    ("adamuon_default", "adamuon", {}),
    ("adamuon_code", "adamuon", {"lr": 0.02, "sign": 0, "nesterov": 1, "beta2": 0.999, "weight_decay": 0.01}),
    ("adamuon_options", "adamuon", {"lr": 0.01, "momentum": 0.5, "ns_steps": 3, "coefficients": "you"}),
    ("dion_default", "dion", {}),
    ("dion_rank", "dion", {"lr": 0.05, "rank": 2, "momentum": 0.8, "weight_decay": 0.1}),
]
SHAPES = {"w": (5, 3), "k": (3, 8), "b": (1, 7)}
DIMS = {"w": "2 5 3", "k": "3 3 4 2", "b": "1 7"}
CHECKED = (1, 2, 3, 5, 8, 13, 20)


def flat(a):
    return " ".join(repr(x) for row in a for x in row)


def write(case, method, chosen):
    step, defaults, source = METHODS[method]
    options, names = {**defaults, **chosen}, list(SHAPES)
    if method == "muon":
        names = ["w", "k"] # what takes vectors is held elsewhere
    values, first, offset = {}, {}, 0
    for name in names:
        rows, columns = SHAPES[name]
        first[name] = offset
        values[name] = [[math.sin(1.3 * (offset + i * columns + j) + 0.7) for j in range(columns)] for i in range(rows)]
        offset += rows * columns
    lines = ["format gradopt-golden 1", f"case {case}", f"source {source}; by tests/golden/muon_family.py",
             f"algorithm {method}", "options " + ",".join(f"{k}={v}" for k, v in chosen.items()), "oracle quadratic",
             "rtol 1e-9", f"steps {CHECKED[-1]}"]
    lines += [f"param {name} {DIMS[name]}" for name in names]
    lines += [f"init {name} {flat(values[name])}" for name in names]
    states = {name: {} for name in names}
    for t in range(1, CHECKED[-1] + 1):
        for name in names:
            rows, columns = SHAPES[name]
            index = [[first[name] + i * columns + j for j in range(columns)] for i in range(rows)]
            g = [[(1 + i % 7) * (x - ((37 * i) % 11 / 11 - 0.5)) for x, i in zip(p, q)]
                 for p, q in zip(values[name], index)]
            take = adamw if name == "b" else step
            values[name] = take(values[name], g, options, states[name], first[name])
        if t in CHECKED:
            lines.append(f"step {t}")
            lines += [f"want {name} {flat(values[name])}" for name in names]
    (FOLDER / f"{case}.golden").write_text("\n".join(lines) + "\nend\n", encoding="utf-8")


for entry in CASES:
    write(*entry)
