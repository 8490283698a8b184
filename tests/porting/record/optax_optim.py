#!/usr/bin/env python3
"""Records optax: pip install optax==0.2.8 jax[cpu]==0.10.2; optax_optim.py"""
import jax
import numpy
import optax

from common import GRADIENTS, LOSSES, START, STEPS, TENSORS, write

jax.config.update("jax_enable_x64", True)

CASES = {
    "sgd(0.1, momentum=0.9, nesterov=True)": "sgd lr=0.1,momentum=0.9,nesterov=1",
    "sign_sgd(0.01)": "signsgd lr=0.01",
    "adam(0.01, b1=0.8, b2=0.95, eps=1e-6)": "adam lr=0.01,beta1=0.8,beta2=0.95,eps=1e-6",
    "adam(0.01, eps=0, eps_root=1e-4)": "adam lr=0.01,eps=1e-4,eps_in_root=1",
    "adamw(0.01, weight_decay=0.1)": "adamw lr=0.01,weight_decay=0.1",
    "adamw(0.01, eps=0, eps_root=1e-4, weight_decay=0.1)": "adamw lr=0.01,eps=1e-4,eps_in_root=1,weight_decay=0.1",
    "adam(0.01, nesterov=True)": "nadam lr=0.01,momentum_decay=1e6",
    "nadam(0.01)": "nadam lr=0.01,momentum_decay=1e6",
    "nadam(0.01, eps=0, eps_root=1e-4)": "nadam lr=0.01,momentum_decay=1e6,eps=1e-4,eps_in_root=1",
    "nadamw(0.01, weight_decay=0.1)": "nadam lr=0.01,momentum_decay=1e6,weight_decay=0.1,decoupled=1",
    "adamax(0.01)": "adamax lr=0.01",
    "adamaxw(0.01, weight_decay=0.1)": "adamax lr=0.01,weight_decay=0.1,decoupled=1",
    "adabelief(0.01, eps=1e-8, eps_root=1e-8)": "adabelief lr=0.01,rectify=0,eps=1e-8",
    "adabelief(0.01, eps=0, eps_root=1e-8)": "adabelief lr=0.01,rectify=0,eps=1e-8,eps_in_root=1",
    "radam(0.01, eps=0)": "radam lr=0.01,eps=0",
    "radam(0.01, eps=0, eps_root=1e-4)": "radam lr=0.01,eps=1e-4,eps_in_root=1",
    "rmsprop(0.01)": "rmsprop lr=0.01,alpha=0.9,eps_in_root=1",
    "rmsprop(0.01, decay=0.95, eps=1e-4, initial_scale=1.0, centered=True, momentum=0.9)":
        "rmsprop lr=0.01,alpha=0.95,eps=1e-4,eps_in_root=1,initial_accumulator=1,centered=1,momentum=0.9",
    "rmsprop(0.01, eps_in_sqrt=False, momentum=0.9)": "rmsprop lr=0.01,alpha=0.9,momentum=0.9",
    "rmsprop(0.01, eps=1e-4, bias_correction=True)": "adam lr=0.01,beta1=0,beta2=0.9,eps=1e-4,eps_in_root=1",
    "adagrad(0.1)": "adagrad lr=0.1,initial_accumulator=0.1,eps=1e-7,eps_in_root=1",
    "adagrad(0.1, initial_accumulator_value=0, eps=1e-4)": "adagrad lr=0.1,eps=1e-4,eps_in_root=1",
    "adadelta(1.0, rho=0.8, eps=1e-4)": "adadelta lr=1,rho=0.8,eps=1e-4",
    "lamb(0.01, weight_decay=0.1)": "lamb lr=0.01,weight_decay=0.1",
    "lamb(0.01, eps=0, eps_root=1e-4)": "lamb lr=0.01,eps=1e-4,eps_in_root=1,weight_decay=0",
    "lars(0.1, trust_coefficient=0.01, momentum=0.9)": "lars lr=0.1,trust_coefficient=0.01,eps=0,weight_decay=0",
    "lion(0.01, weight_decay=0.1)": "lion lr=0.01,beta1=0.9,beta2=0.99,weight_decay=0.1",
    "novograd(0.01, b1=0.9, b2=0.25, weight_decay=0.1)":
        "novograd lr=0.01,beta1=0.9,beta2=0.25,eps=1e-6,weight_decay=0.1",
    "novograd(0.01, eps=0, eps_root=1e-4)": "novograd lr=0.01,beta1=0.9,beta2=0.25,eps=1e-4,eps_in_root=1",
    "optimistic_gradient_descent(0.1)": "optimistic_gd lr=0.1",
    "contrib.ademamix(0.01, b3=0.999, alpha=5.0)": "ademamix lr=0.01,beta3=0.999,alpha=5,weight_decay=0",
    "contrib.ademamix(0.01, eps=0, eps_root=1e-4, weight_decay=0.1)":
        "ademamix lr=0.01,beta3=0.9999,alpha=5,eps=1e-4,eps_in_root=1,weight_decay=0.1",
    "contrib.schedule_free_sgd(0.1)": "schedulefree_sgd lr=0.1",
    "contrib.schedule_free_adamw(0.01, weight_decay=0.1)": "schedulefree_adamw lr=0.01,weight_decay=0.1",
    "polyak_sgd(max_learning_rate=0.1, scaling=0.5)": "sps c=0.5,lr_max=0.05,eps=0",
    "chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1))": "sgd lr=0.1,clip_norm=1",
    "chain(optax.clip(0.5), optax.sgd(0.1))": "sgd lr=0.1,clip_value=0.5",
    "chain(optax.centralize(), optax.sgd(0.1))": "sgd lr=0.1; gc",
    "adafactor(0.01, min_dim_size_to_factor=2)":
        "adafactor relative_step=0,lr=0.01,factor_dims=largest2,min_dim_size_to_factor=2",
    "adafactor(0.01, multiply_by_parameter_scale=False, momentum=0.9, dtype_momentum='float64', weight_decay_rate=0.001)":
        "adafactor relative_step=0,lr=0.01,factor_dims=largest2,min_dim_size_to_factor=128,scale_parameter=0,beta1=0.9,"
        "weight_decay=0.1",
    "contrib.galore(0.01, rank=2, base_optimizer=optax.scale_by_adam(eps=0))":
        "galore lr=0.01,rank=2,proj_side=reverse_std,scale=1,eps=0",
    "sm3(0.1)": "sm3 lr=0.1,momentum=0.9,eps=1e-8",
    "sm3(0.1, momentum=0.0)": "sm3 lr=0.1,eps=1e-8",
    "contrib.madgrad(0.01)": "madgrad lr=0.01",
    "contrib.simplified_ademamix(0.001, alpha=2.0, weight_decay=0.1)":
        "simplified_ademamix lr=0.001,alpha=2,weight_decay=0.1",
    "contrib.simplified_ademamix(0.001, b1=0.9, b2=0.99, eps=0, eps_root=1e-4)":
        "simplified_ademamix lr=0.001,beta1=0.9,beta2=0.99,eps=1e-4,eps_in_root=1",
    "contrib.mechanize(optax.sgd(0.1))": "sgd lr=0.1; mechanic",
    "contrib.mechanize(optax.adamw(0.01, weight_decay=0.1), weight_decay=0.5, s_init=0.1, num_betas=3)":
        "adamw lr=0.01,weight_decay=0.1; mechanic weight_decay=0.5,s_init=0.1,num_betas=3",
    "chain(optax.zero_nans(), optax.sgd(0.1))": "sgd lr=0.1; zero_nans",
    "fromage(0.01)": "fromage lr=0.01,min_norm=1e-6",
    "contrib.dowg()": "dowg",
    "contrib.dowg(0.5, init_estim_sq_dist=0.01, eps=1e-3, weight_decay=0.1)":
        "dowg lr=0.5,init_sq_dist=0.01,eps=1e-3,weight_decay=0.1",
    "contrib.acprop(0.01)": "acprop lr=0.01",
    "contrib.acprop(0.01, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4, weight_decay=0.1)":
        "acprop lr=0.01,beta1=0.8,beta2=0.95,eps=1e-3,eps_root=1e-4,weight_decay=0.1",
    "contrib.muon(0.02)": "muon lr=0.02,layout=input_first,bias_correction=1,ns_eps=1e-8",
    "contrib.muon(0.02, ns_coeffs=(2.0, -1.5, 0.5), ns_steps=4, weight_decay=0.1, nesterov=False)":
        "muon lr=0.02,layout=input_first,bias_correction=1,ns_eps=1e-8,coefficients=given,ns_a=2,ns_b=-1.5,ns_c=0.5,ns_steps=4,"
        "weight_decay=0.1,nesterov=0",
}


def run(call):
    shapes = {name: shape for name, shape in TENSORS.items()
              if len(shape) == 2 or not ("muon" in call or ("sm3" in call and shape == ()))}  # sm3 has none for scalars
    tensors = {name: numpy.array(START[name], dtype=numpy.float64).reshape(shape) for name, shape in shapes.items()}
    optimizer = optax.with_extra_args_support(eval(f"optax.{call}", {"optax": optax}))
    tensors = jax.tree.map(jax.numpy.asarray, tensors)
    state = optimizer.init(tensors)
    for step in range(STEPS):
        gradients = {name: jax.numpy.asarray(GRADIENTS[step][name], dtype=jax.numpy.float64).reshape(shape)
                     for name, shape in shapes.items()}
        updates, state = optimizer.update(gradients, state, tensors, value=jax.numpy.float64(LOSSES[step]))
        tensors = optax.apply_updates(tensors, updates)
        yield {name: numpy.asarray(tensor).ravel().tolist() for name, tensor in tensors.items()}


def tolerance(call):
    if "galore" in call:
        return 1e-5  # decomposes in f32
    return 1e-8 if "adafactor" in call or "madgrad" in call else 1e-12  # take powers of the step's number in f32


for number, (call, ours) in enumerate(CASES.items(), 1):
    write(f"optax_{number:02}_{ours.split()[0]}", f"optax {optax.__version__} on jax {jax.__version__}",
          f"optax.{call}", ours, list(run(call)), tolerance(call))
