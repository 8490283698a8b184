"""The floors of the architecture: a folder of src/ uses those below it only."""

CORE = ["base", "kernels", "engine", "optimizer"]  # each may use those before it
SERVICES = ["base", "kernels", "engine"]  # what the entries of the registry are written with
BELOW = {
    **{folder: CORE[:i] for i, folder in enumerate(CORE)},
    "methods": SERVICES,
    "wrappers": SERVICES,
    "schedules": SERVICES + ["optimizer/schedule.h"],
    "io": CORE,
    "rules": SERVICES + ["optimizer/abi.h"],
    "registry": CORE + ["methods", "wrappers", "schedules"],
}


def folder_of(name):
    """Of a file, named from src/ on."""
    return name.split("/")[0].removesuffix(".c").removesuffix(".def")
