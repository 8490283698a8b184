#!/usr/bin/env python3
"""AdamW's step with 8-bit and 4-bit states beside bitsandbytes' and torchao's, and with f32 states beside optax's, on
the CPU: the same tensor, in turns, one thread of ours and as many of theirs as --threads says.

    venv/bin/pip install torch bitsandbytes torchao jax optax
    venv/bin/python bench/peers/more_peers.py build/dev-gcc/libgradopt.so

What is not installed is left out. torchao compiles its step first, which takes half a minute. optax's update is compiled by
jax and gives its buffers back (donated), as one would call it in training.
"""

import argparse
import pathlib
import statistics
import warnings

import peers

ARGUMENTS = {"lr": 1e-3, "weight_decay": 1e-2}
OURS = {"adamw": "lr=1e-3,weight_decay=0.01", "adamw state_dtype=int8": "lr=1e-3,weight_decay=0.01,state_dtype=int8",
        "adamw state_dtype=int4": "lr=1e-3,weight_decay=0.01,state_dtype=int4"}


def bitsandbytes_peers(params):
    import bitsandbytes  # pylint: disable=import-outside-toplevel

    return {f"bitsandbytes {bitsandbytes.__version__} AdamW8bit": bitsandbytes.optim.AdamW8bit(params, **ARGUMENTS)}


def torchao_peers(params):
    import torchao  # pylint: disable=import-outside-toplevel
    from torchao.optim import AdamW4bit, AdamW8bit  # pylint: disable=import-outside-toplevel

    return {f"torchao {torchao.__version__} {kind.__name__}": kind(params, **ARGUMENTS) for kind in (AdamW8bit, AdamW4bit)}


class OptaxPeer:
    def __init__(self, param):
        import jax  # pylint: disable=import-outside-toplevel
        import optax  # pylint: disable=import-outside-toplevel

        self.name = f"optax {optax.__version__} adamw"
        self.param, self.grad = jax.numpy.array(param.detach().numpy()), jax.numpy.array(param.grad.numpy())
        method = optax.adamw(ARGUMENTS["lr"], weight_decay=ARGUMENTS["weight_decay"])
        self.state = method.init(self.param)

        def step(param, grad, state):
            update, state = method.update(grad, state, param)
            return optax.apply_updates(param, update), state

        self.compiled = jax.jit(step, donate_argnums=(0, 2))

    def step(self):
        self.param, self.state = self.compiled(self.param, self.grad, self.state)
        self.param.block_until_ready()


def optax_peers(params):
    peer = OptaxPeer(params[0])
    return {peer.name: peer}


def contenders(torch, library, elements, threads):
    made = {}
    for name, options in OURS.items():
        made[name] = peers.Gradopt(library, "adamw", options, peers.make_params(torch, [elements]), threads)
    for more in (bitsandbytes_peers, torchao_peers, optax_peers):
        try:
            made.update(more(peers.make_params(torch, [elements])))
        except ImportError as error:
            print(f"{more.__name__.split('_', maxsplit=1)[0]}: left out: {error}")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=pathlib.Path, help="libgradopt.so")
    parser.add_argument("--elements", type=int, default=1 << 24, help="of the tensor (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="%(default)s")
    parser.add_argument("--runs", type=int, default=5, help="turns for everyone (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="then there are fewer turns (%(default)s)")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    import torch  # pylint: disable=import-outside-toplevel

    torch.set_num_threads(arguments.threads)
    made = contenders(torch, peers.load_gradopt(arguments.library), arguments.elements, arguments.threads)
    # jax steps in threads of its own: processor time of this one would not count them.
    peers.clock = lambda threads: peers.time.perf_counter_ns()
    samples = peers.take_turns(made, arguments.runs, arguments.seconds, arguments.threads)
    ours = samples["adamw"]
    print(f"{'step':38} {'ms':>9} {'ns/elem':>9} {'over adamw':>11}")
    for name, times in samples.items():
        ratio = statistics.median(t / o for t, o in zip(times, ours))
        median = statistics.median(times)
        print(f"{name:38} {median / 1e6:9.2f} {median / arguments.elements:9.3f} {ratio:11.2f}")


if __name__ == "__main__":
    main()
