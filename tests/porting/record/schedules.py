#!/usr/bin/env python3
"""Records schedules: pip install torch==2.13.0 optax==0.2.8 jax[cpu]==0.10.2 transformers==5.24.0 keras==3.15.1; schedules.py

The files are of the format "gradopt-schedule 1". The base value is 0.1 everywhere: of an optimizer whose rate is scheduled, or
given to the schedule.
"""
import os

os.environ["KERAS_BACKEND"] = "torch"
import jax
import keras
import optax
import torch
import transformers

from common import FOLDER, PROGRAM

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
BASE, LAST = 0.1, 40
METRICS = [2, 1.5, 1.4, 1.41, 1.42, 1.43, 1.44, 1.45, 1.3, 1.31, 1.32, 1.33, 1.34, 1.35, 1.36, 1.37, 1.38, 1.39, 1.4, 1.5]
TORCH, TRANSFORMERS = "torch.optim.lr_scheduler.", "transformers."

CASES = {
    TORCH + "ConstantLR(o, factor=0.5, total_iters=6)": "constant factor=0.5,steps=6",
    TORCH + "LinearLR(o, start_factor=0.2, total_iters=8)": "linear start_factor=0.2,steps=8",
    TORCH + "StepLR(o, step_size=7, gamma=0.5)": "step step_size=7,gamma=0.5",
    TORCH + "MultiStepLR(o, [5, 12], gamma=0.5)": "multistep milestones=5;12,gamma=0.5",
    TORCH + "ExponentialLR(o, 0.9)": "exponential gamma=0.9",
    TORCH + "PolynomialLR(o, total_iters=20, power=2)": "polynomial steps=20,power=2",
    TORCH + "CosineAnnealingLR(o, T_max=40, eta_min=0.01)": "cosine steps=40,past_end=go_on,lr_min=0.01",
    TORCH + "CosineAnnealingWarmRestarts(o, T_0=8, T_mult=2)": "cosine_restarts period=8,mult=2",
    TORCH + "CyclicLR(o, 0.1, 0.5, step_size_up=6, cycle_momentum=False)": "cyclic lr_max=0.5,step_up=6,cycle_momentum=0",
    TORCH + "OneCycleLR(o, 0.1, total_steps=41, cycle_momentum=False)": "onecycle steps=41,cycle_momentum=0",
    TORCH + "SequentialLR(o, [ConstantLR(o, 0.1, 6), ExponentialLR(o, 0.9)], [6])":
        "sequence children=constant(factor=0.1,steps=6);exponential(gamma=0.9),milestones=6",
    TORCH + "ChainedScheduler([ConstantLR(o, 0.1, 6), ExponentialLR(o, 0.9)])":
        "chain children=constant(factor=0.1,steps=6);exponential(gamma=0.9)",
    TORCH + "LambdaLR(o, lambda t: [1, 0.5, 0.8, 0.2][min(t, 3)])": "piecewise boundaries=1;2;3,factors=1;0.5;0.8;0.2",
    TORCH + "ReduceLROnPlateau(o, factor=0.5, patience=2, cooldown=1)": "plateau factor=0.5,patience=2,cooldown=1",
    "torch.optim.swa_utils.SWALR(o, 0.3, anneal_epochs=10)": "piecewise boundaries=10,factors=1;3,interpolate=cos",
    "optax.linear_schedule(0.1, 0.01, 20)": "polynomial steps=20,lr_min=0.01",
    "optax.linear_schedule(0.1, 0.3, 20, transition_begin=5)": "piecewise boundaries=5;25,factors=1;1;3,interpolate=linear",
    "optax.polynomial_schedule(0.1, 0.01, 2, 20, transition_begin=5)":
        "sequence children=constant;polynomial(steps=20,power=2,lr_min=0.01),milestones=5",
    "optax.exponential_decay(0.1, 10, 0.5, staircase=True)": "exponential steps=10,gamma=0.5,staircase=1",
    "optax.cosine_decay_schedule(0.1, 20, alpha=0.1, exponent=2)": "cosine steps=20,lr_min=0.01,exponent=2",
    "optax.warmup_constant_schedule(0.0, 0.1, 5)": "linear start_factor=0,steps=5",
    "optax.warmup_cosine_decay_schedule(0.01, 0.1, 5, 30, 0.001)":
        "warmup_cosine warmup=5,steps=30,lr_init=0.01,lr_min=0.001",
    "optax.warmup_exponential_decay_schedule(0.0, 0.1, 5, 10, 0.5)":
        "sequence children=linear(start_factor=0,steps=5);exponential(steps=10,gamma=0.5),milestones=5",
    "optax.piecewise_constant_schedule(0.1, {5: 0.5, 15: 0.1})": "piecewise boundaries=5;15,factors=1;0.5;0.05",
    "optax.piecewise_interpolate_schedule('linear', 0.1, {5: 0.5, 15: 0.1})":
        "piecewise boundaries=5;15,factors=1;0.5;0.05,interpolate=linear",
    "optax.linear_onecycle_schedule(40, 0.1)": "piecewise boundaries=12;34;40,factors=0.04;1;0.04;4e-6,interpolate=linear",
    "optax.cosine_onecycle_schedule(40, 0.1)": "piecewise boundaries=12;40,factors=0.04;1;4e-6,interpolate=cos",
    "optax.sgdr_schedule([dict(init_value=0.0, peak_value=p, warmup_steps=5, decay_steps=15) for p in (0.1, 0.05)])":
        "sequence children=warmup_cosine(warmup=5,steps=15);"
        "chain(children=constant(factor=0.5,steps=1000);warmup_cosine(warmup=5,steps=15)),milestones=15",
    TRANSFORMERS + "get_constant_schedule_with_warmup(o, 5)": "linear start_factor=0,steps=5",
    TRANSFORMERS + "get_linear_schedule_with_warmup(o, 5, 30)": "warmup_linear warmup=5,steps=30",
    TRANSFORMERS + "get_cosine_schedule_with_warmup(o, 5, 40)": "warmup_cosine warmup=5,steps=40",
    TRANSFORMERS + "get_cosine_with_hard_restarts_schedule_with_warmup(o, 5, 29, num_cycles=2)":
        "sequence children=linear(start_factor=0,steps=5);cosine_restarts(period=12);constant(factor=0,steps=1000),"
        "milestones=5;29",
    TRANSFORMERS + "get_polynomial_decay_schedule_with_warmup(o, 5, 30, lr_end=0.01, power=2)":
        "sequence children=linear(start_factor=0,steps=5);polynomial(steps=25,power=2,lr_min=0.01),milestones=5",
    TRANSFORMERS + "get_inverse_sqrt_schedule(o, 5)": "inverse_sqrt warmup=5",
    TRANSFORMERS + "get_cosine_with_min_lr_schedule_with_warmup(o, 5, 40, min_lr=0.01)":
        "warmup_cosine warmup=5,steps=40,lr_min=0.01",
    TRANSFORMERS + "get_wsd_schedule(o, 5, 10, num_training_steps=30, min_lr_ratio=0.1)":
        "wsd warmup=5,steps=30,cooldown=10,decay=cosine,lr_init=0.01,lr_min=0.01",
    "keras.optimizers.schedules.CosineDecay(0.0, 25, warmup_target=0.1, warmup_steps=5)": "warmup_cosine warmup=5,steps=30",
    "keras.optimizers.schedules.CosineDecayRestarts(0.1, 8, t_mul=2, m_mul=0.5)":
        "cosine_restarts period=8,mult=2,decay=0.5",
    "keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)": "exponential steps=10,gamma=0.5",
    "keras.optimizers.schedules.PolynomialDecay(0.1, 20, 0.01, power=2)": "polynomial steps=20,power=2,lr_min=0.01",
    "keras.optimizers.schedules.PiecewiseConstantDecay([5, 15], [0.1, 0.05, 0.005])":
        "piecewise boundaries=6;16,factors=1;0.5;0.05",
    TORCH + "CosineAnnealingLR(o, T_max=15)": "cosine steps=15,past_end=go_on",
    TORCH + "LambdaLR(o, lambda t: [0.2, 1, 0.5][min(t, 2)])": "table factors=0.2;1;0.5",
    "torch.optim.swa_utils.SWALR(o, 0.3, anneal_epochs=12)": "cosine steps=12,lr_min=0.3",
    "optax.cosine_onecycle_schedule(30, 0.1, pct_start=0.4)": "onecycle steps=30,pct_start=0.4,ends_early=0,cycle_momentum=0",
    TRANSFORMERS + "get_cosine_schedule_with_warmup(o, 5, 30, num_cycles=1.5)":
        "warmup_cosine warmup=5,steps=30,num_cycles=1.5,past_end=go_on",
    TRANSFORMERS + "get_wsd_schedule(o, 5, 10, num_training_steps=30, warmup_type='cosine', decay_type='1-sqrt')":
        "wsd warmup=5,steps=30,cooldown=10,decay=sqrt,rise=cosine",
    TRANSFORMERS + "get_wsd_schedule(o, 8, 10, num_training_steps=30, warmup_type='1-sqrt', min_lr_ratio=0.1)":
        "wsd warmup=8,steps=30,cooldown=10,decay=cosine,rise=sqrt,lr_init=0.01,lr_min=0.01",
    TRANSFORMERS + "optimization.GreedyLR(o, factor=0.5, patience=1, cooldown=1, warmup=1, min_lr=0.01, max_lr=0.3, reset_start=2)":
        "greedy factor=0.5,patience=1,cooldown=1,warmup=1,lr_min=0.01,lr_max=0.3,eps=1e-8,reset=2",
    TRANSFORMERS + "optimization.GreedyLR(o, factor=0.8, patience=2, threshold=0.001, threshold_mode='rel', smooth=True, "
    "window_size=4)": "greedy factor=0.8,patience=2,threshold=0.001,threshold_mode=rel,window=4,lr_min=0.001,eps=1e-8",
    "keras.optimizers.schedules.PolynomialDecay(0.1, 12, 0.01, power=2, cycle=True)":
        "polynomial steps=12,power=2,lr_min=0.01,past_end=cycle",
    "keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)":
        "chain children=inverse_sqrt(warmup=0,timescale=20);inverse_sqrt(warmup=0,timescale=20)",
}


def of_optimizer(call, metrics):
    o = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE)
    schedule = eval(call, {"torch": torch, "transformers": transformers, "o": o, **vars(torch.optim.lr_scheduler)})
    for t in range(LAST + 1):
        yield o.param_groups[0]["lr"]
        o.step()
        if t < LAST:
            schedule.step(*([METRICS[t % len(METRICS)]] if metrics else []))


def of_function(call):
    schedule = eval(call, {"optax": optax, "keras": keras})
    for t in range(LAST + 1):
        yield float(schedule(t))


VERSIONS = {package.__name__: package.__version__ for package in (torch, optax, transformers, keras)}

for number, (call, ours) in enumerate(CASES.items(), 1):
    peer = call.split(".")[0]
    metrics = "Plateau" in call or "Greedy" in call
    values = list(of_optimizer(call, metrics) if peer in ("torch", "transformers") else of_function(call))
    case = f"schedule_{number:02}_{peer}_{ours.split()[0]}"
    lines = ["format gradopt-schedule 1", f"case {case}", f"source {peer} {VERSIONS[peer]}, by {PROGRAM}: {call}", f"schedule {ours}",
             f"base_lr {BASE}", "rtol 1e-12"]
    for t, value in enumerate(values):
        lines += [f"lr {t} {value!r}"] + [f"metric {t} {METRICS[t % len(METRICS)]!r}"] * metrics
    (FOLDER / f"{case}.golden").write_text("\n".join(lines + ["end", ""]))
