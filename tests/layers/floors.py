"""The floors of the architecture: a folder of src/ uses those below it only."""

CORE = ["base", "kernels", "linear", "engine", "comm", "optimizer"]  # each may use those before it
SERVICES = ["base", "kernels", "linear", "engine"]
WRITTEN_WITH = SERVICES + ["blocks"]  # what the entries of the registry are written with
BELOW = {
    **{folder: CORE[:i] for i, folder in enumerate(CORE)},
    "blocks": SERVICES,
    "methods": WRITTEN_WITH,
    "wrappers": WRITTEN_WITH,
    "maps": WRITTEN_WITH,
    "compressors": WRITTEN_WITH,
    "schedules": WRITTEN_WITH + ["optimizer/schedule.h"],
    "io": CORE,
    "federated": CORE + ["io"],
    "comm_mpi": [],
    "advice": SERVICES + ["optimizer/abi.h"],
    "registry": CORE + ["methods", "wrappers", "schedules", "maps", "compressors", "federated"],
}


def folder_of(name):
    """Of a file, named from src/ on."""
    return name.split("/")[0].removesuffix(".c").removesuffix(".def")
