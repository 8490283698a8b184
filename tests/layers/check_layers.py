"""Usage: check_layers.py SRC

A folder of src/ is a layer, and an include may only go downwards. Quoted includes are names from src/ or include/.
"""
import pathlib
import re
import sys

CORE = ["base", "kernels", "linear", "engine", "optimizer"]  # each may include those before it
SERVICES = ["base", "kernels", "linear", "engine"]
WRITTEN_WITH = SERVICES + ["blocks"]  # what the entries of the registry are written with
BELOW = {
    **{layer: CORE[:i] for i, layer in enumerate(CORE)},
    "blocks": SERVICES,
    "methods": WRITTEN_WITH,
    "wrappers": WRITTEN_WITH,
    "schedules": WRITTEN_WITH + ["optimizer/schedule.h"],
    "io": CORE,
    "advice": SERVICES + ["optimizer/abi.h"],
    "registry": CORE + ["methods", "wrappers", "schedules"],
}


def layer_of(name):
    return name.split("/")[0].removesuffix(".c").removesuffix(".def")


def allowed(layer, included):
    return layer_of(included) in ["optim", layer] + BELOW[layer] or included in BELOW[layer]


def check(file, src):
    layer = layer_of(str(file.relative_to(src)))
    if layer not in BELOW:
        yield f"{file}: {layer} is no layer; src/ has {', '.join(BELOW)}"
        return
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if match and not allowed(layer, match[1]):
            below = ", ".join(["optim", layer] + BELOW[layer])
            yield f"{file}:{number}: {layer} must not include {match[1]}, only: {below}"


def main():
    src = pathlib.Path(sys.argv[1])
    files = sorted(file for file in src.rglob("*") if file.suffix in (".c", ".h", ".def"))
    wrong = [complaint for file in files for complaint in check(file, src)]
    sys.exit("\n".join(wrong) or (None if files else f"no sources under {src}"))


main()
