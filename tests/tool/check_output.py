"""check_output.py TOOL WRITER: output that cannot be written, and output in JSON."""
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

tool, writer = sys.argv[1:]


def call(*arguments, **more):
    return subprocess.run([tool, *map(str, arguments)], stderr=subprocess.PIPE, text=True, check=False, **more)


def read(*arguments):
    """What the tool prints, as text and as JSON."""
    plain = call(*arguments, stdout=subprocess.PIPE)
    done = call(*arguments, "--json", stdout=subprocess.PIPE)
    assert (plain.returncode, done.returncode, done.stderr) == (0, 0, ""), (arguments, plain, done)
    assert done.stdout.endswith("}\n") and done.stdout.count("\n") == 1, arguments
    return plain.stdout, json.loads(done.stdout)


def check_full_disk(state):
    commands = [["list"], ["list", "wrappers"], ["list", "--json"], ["describe", "adamw"], ["describe", "adamw", "--json"],
                ["inspect", state], ["inspect", state, "--json"], ["--help"], ["--version"], ["help", "list"]]
    for command in commands:
        with open("/dev/full", "w") as full:
            done = call(*command, stdout=full)
        assert done.returncode == 1, (command, done)
        assert "the output cannot be written: No space left on device" in done.stderr, (command, done)
        assert call(*command, stdout=subprocess.DEVNULL).returncode == 0, command


def into_closed_pipe(handler):
    """Prints into a pipe that nobody reads."""
    reader, end = os.pipe()
    os.close(reader)
    try:
        return call("list", stdout=end, restore_signals=False,
                    preexec_fn=lambda: signal.signal(signal.SIGPIPE, handler))
    finally:
        os.close(end)


def check_closed_pipe():
    """As every tool: the signal ends it silently; where it is ignored, the output could not be written."""
    done = into_closed_pipe(signal.SIG_DFL)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, ""), done
    done = into_closed_pipe(signal.SIG_IGN)
    assert done.returncode == 1 and "cannot be written: Broken pipe" in done.stderr, done


def check_list():
    text, families = read("list")
    assert list(families) == ["methods", "wrappers", "schedules", "maps", "compressors"]
    named = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert named == [entry["name"] for family in families.values() for entry in family]
    assert [e["name"] for e in read("list", "methods", "bfgs")[1]["methods"]] == ["lbfgs", "bfgs"]
    assert read("list", "adaptive")[1] == {"methods": [e for e in families["methods"] if e["family"] == "adaptive"]}
    assert {e["family"] for e in families["wrappers"]} == {"wrappers"}
    return families


def check_describe(families):
    for family, entries in families.items():
        for entry in entries:
            about = json.loads(call("describe", "--json", entry["name"], stdout=subprocess.PIPE).stdout)
            assert about["name"] == entry["name"] and about["purpose"] == entry["purpose"], about
            assert about["family"] == entry["family"], about
            assert about["kind"] + "s" == family, about
            for option in about["options"]:
                words = option["range"].split("|")
                if option["range"] in ("list", "schedules"):
                    assert option["default"] is None, option
                elif option["range"] in ("map", "compressor"):
                    assert option["default"], option
                elif option["range"].startswith("word of "):
                    assert set(option["default"]) <= set(option["range"].split()[-1]), option
                elif len(words) > 1 and words != ["0", "1"]:
                    assert option["default"] in words, option
                else:
                    assert isinstance(option["default"], (int, float)) or option["default"] in ("inf", "-inf"), option
    about = read("describe", "lbfgs")[1]
    defaults = {option["name"]: option["default"] for option in about["options"]}
    assert defaults["line_search"] == "strong_wolfe" and defaults["curvature_min"] == 0 and defaults["c2"] == 0.9, defaults
    assert about["needs"][:2] == ["gradient", "loss"], about
    assert "nonfinite" in [option["name"] for option in read("describe", "engine")[1]["options"]]


def check_inspect(folder, state):
    text, told = read("inspect", state)
    assert told["sound"] and all(array["sound"] for array in told["arrays"]), told
    assert told["record"]["parameters"]["w"] == {"group": 0, "dtype": "F32", "shape": [3, 4]}, told
    assert f"{len(told['arrays'])} arrays, {sum(a['bytes'] for a in told['arrays'])} bytes" in text
    assert {"name": "b/adamw.v", "dtype": "F64", "shape": [5], "bytes": 40, "sound": True} in told["arrays"], told

    names = folder / "names"
    subprocess.run([writer, names, "names"], stdout=subprocess.DEVNULL, check=True)
    text, told = read("inspect", names)
    assert all(ord(c) >= 0xA0 or c == "\n" or " " <= c <= "~" for c in text), "a terminal may act on it"
    assert "\u009b[31m/ema.avg" in [array["name"] for array in told["arrays"]], told
    assert "two\nlines\tand a bell \a" in told["record"]["parameters"], told
    assert '"quoted" \\ and {braces}/ema.avg' in [array["name"] for array in told["arrays"]], told

    damaged = folder / "damaged"
    content = bytearray(state.read_bytes())
    content[-3] ^= 1
    damaged.write_bytes(content)
    done = call("inspect", damaged, "--json", stdout=subprocess.PIPE)
    told = json.loads(done.stdout)
    assert done.returncode == 1 and not told["sound"] and sum(not a["sound"] for a in told["arrays"]) == 1, done
    assert [a["wrong"] for a in told["arrays"] if "wrong" in a] == ["its checksum is wrong"], told
    damaged.write_bytes(content[:100])
    done = call("inspect", damaged, "--json", stdout=subprocess.PIPE)
    assert done.returncode == 1 and done.stdout == "" and done.stderr != "", done


def check_tune(folder):
    race = ["tune", "--folder", folder / "race", "--problem", "quadratic", "--rule", "max_resource=9,min_resource=3",
            "sgd:lr=1..1e6", "lbfgs"]  # the first ones diverge
    with open("/dev/full", "w") as full:
        assert call(*race, stdout=full).returncode == 1
    told = json.loads(call(*race, "--json", stdout=subprocess.PIPE).stdout)["configurations"]
    assert {entry["method"] for entry in told} == {"sgd", "lbfgs"}, told
    losses = [math.inf if entry["loss"] is None else entry["loss"] for entry in told]
    assert losses == sorted(losses) and told[0]["method"] == "lbfgs", told
    assert len({entry["config"] for entry in told}) == len(told) and {e["budget"] for e in told} <= {3, 9}, told


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        state = folder / "state"
        subprocess.run([writer, state], stdout=subprocess.DEVNULL, check=True)
        check_full_disk(state)
        check_closed_pipe()
        check_describe(check_list())
        check_inspect(folder, state)
        check_tune(folder)


main()
