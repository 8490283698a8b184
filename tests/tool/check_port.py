#!/usr/bin/env python3
"""What gradopt port prints, against the recorded pairs of the pages; what it refuses; the page's list of what it knows.

usage: check_port.py TOOL ROOT [--update]        ROOT: of the repository; --update: the page's list is written anew
"""
import json
import pathlib
import re
import subprocess
import sys

TOOL, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
LEAST = 170  # rows that the table knows
BEGIN, END = "<!-- what gradopt port prints: check_port.py --update -->\n\n", "<!-- end of the generated part -->"

REFUSED = {
    "torch.optim.AdamWW(lr=1)": "torch.optim.AdamW",
    "torch.optim.AdamW(lr=1": "is not a call",
    "torch.optim.AdamW": "is not a call",
    "torch.optim.SGD(lr=1, speed=3)": '"speed"',
    "torch.optim.SGD(0.1, 0.9, 0, 0, False, False, None, None, False, False, 12)": '"12"',
    "torch.optim.SGD(lr=-1)": "not to be had here",
    "keras.optimizers.Nadam(0.1, clipnorm='x')": "clip_norm",
    "torch.optim.Adam(lr=1, differentiable=True)": '"differentiable" has no counterpart',
    "pytorch_optimizer.RACS(params, weight_decouple=False)": '"weight_decouple" has no counterpart',
    "optax.adam(0.01, eps_root=1e-4)": "only with eps=0",
    "optax.chain(optax.clip(1.0))": "no method",
    "optax.chain(optax.chain(optax.clip(1.0)))": "optax.chain",
    "": "is not a call",
}


def run(*words):
    done = subprocess.run([TOOL, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def meaning(string, defaults={}):
    """Layers of a string as (name, {option: value}), without what is the default anyway."""
    layers = []
    for layer in string.split("; "):
        name, _, options = layer.partition(" ")
        for entry in (name, "engine"):
            if entry not in defaults:
                defaults[entry] = {o["name"]: number(str(o["default"])) for o in json.loads(run("describe", "--json", entry)[1])["options"]}
        said = dict(pair.split("=", 1) for pair in re.split(r",(?=\w+=)", options) if pair)
        usual = {**defaults["engine"], **defaults[name]}
        layers.append((name, {k: number(v) for k, v in said.items() if number(v) != usual.get(k)}))
    return layers


def list_of_known():
    """A table of the names that the tool knows, by library."""
    modules = {}
    for line in run("port")[1].splitlines():
        name, _, here = line.partition(" ")
        module, _, short = name.rpartition(".")
        modules.setdefault(module, []).append(f"`{short}`" + (f" {here.strip()}" if here.strip() else ""))
    rows = [f"| {f'`{module}`' if module else 'DeepSpeed'} | {', '.join(names)} |" for module, names in modules.items()]
    head = ["| module | what it has, and the method or schedule here with what is always said |", "| --- | --- |"]
    return "\n".join([*head, *rows, "", ""])


known, wrong = 0, []
page = ROOT / "docs/porting.md"
head, _, rest = page.read_text().partition(BEGIN)
listed, _, tail = rest.partition(END)
if "--update" in sys.argv:
    page.write_text(head + BEGIN + list_of_known() + END + tail)
elif listed != list_of_known():
    wrong.append("docs/porting.md: the list of known names is not the tool's; check_port.py --update writes it anew")
for page in ("docs/porting.md", "docs/schedules/README.md"):
    for call, string in ROW.findall((ROOT / page).read_text()):
        status, said, complaint = run("port", call)
        if status != 0:
            if status != 2 or not complaint.startswith("gradopt port: "):
                wrong.append(f"{call}: exit status {status}, {complaint}")
            continue
        known += 1
        if "(" not in string and meaning(said) != meaning(string):
            wrong.append(f"{call}: {said}, but the recording says {string}")
for call, offender in REFUSED.items():
    status, said, complaint = run("port", call)
    if status != 2 or said or offender not in complaint:
        wrong.append(f"{call}: {status} {said} {complaint}, not {offender}")
status, said, complaint = run("port", "torch.optim.AdamW(lr=3e-4, betas=(0.9, 0.95))")
if (status, said) != (0, "adamw lr=3e-4,beta1=0.9,beta2=0.95"):
    wrong.append(f"{said} {complaint}")
status, said, complaint = run("port", "torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)")
if (status, said) != (0, "sgd lr=0.1,momentum=0.9"):
    wrong.append(f"{said} {complaint}")
if known < LEAST:
    wrong.append(f"only {known} of the rows are known")
print("\n".join(wrong) or f"{known} rows agree with their recordings")
sys.exit(bool(wrong))
