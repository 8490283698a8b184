#!/usr/bin/env python3
"""Records Keras over jax: pip install keras==3.15.1 jax[cpu]==0.10.2; keras_optim.py

Over torch ScheduleFreeAdamW is another method: "momentum_old" there is the new momentum, which torch changes in place.
"""
import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy

from common import GRADIENTS, START, STEPS, TENSORS, write

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")

CASES = {
    "SGD(0.1, momentum=0.9)": "sgd lr=0.1,momentum=0.9",
    "SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1)":
        "sgd lr=0.1,momentum=0.9,nesterov=1,weight_decay=0.1,decoupled=1",
    "Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4)":
        "padam partial=0.5,amsgrad=0,lr=0.01,beta1=0.8,beta2=0.95,eps=1e-4",
    "Adam(0.01, amsgrad=True)": "padam partial=0.5,lr=0.01,eps=1e-7",
    "AdamW(0.01, weight_decay=0.1)": "padam partial=0.5,amsgrad=0,lr=0.01,eps=1e-7,weight_decay=0.1,decoupled=1",
    "Adamax(0.01, epsilon=0)": "adamax lr=0.01,eps=1e-30",
    "Nadam(0.01)": "nadam lr=0.01,momentum_decay=1,eps=1e-7",
    "RMSprop(0.01)": "rmsprop lr=0.01,alpha=0.9,eps=1e-7,eps_in_root=1",
    "RMSprop(0.01, rho=0.95, epsilon=1e-4, momentum=0.9, centered=True, weight_decay=0.1)":
        "rmsprop lr=0.01,alpha=0.95,eps=1e-4,eps_in_root=1,momentum=0.9,centered=1,weight_decay=0.1,decoupled=1",
    "Adagrad(0.1)": "adagrad lr=0.1,initial_accumulator=0.1,eps=1e-7,eps_in_root=1",
    "Adagrad(0.1, initial_accumulator_value=0, epsilon=1e-4)": "adagrad lr=0.1,eps=1e-4,eps_in_root=1",
    "Adadelta(1.0)": "adadelta lr=1,rho=0.95,eps=1e-7",
    "Lion(0.01, weight_decay=0.1)": "lion lr=0.01,weight_decay=0.1",
    "Lamb(0.01)": "lamb lr=0.01,eps=1e-7,weight_decay=0",
    "ScheduleFreeAdamW(0.01, warmup_steps=5)": "schedulefree_adamw lr=0.01,warmup_steps=5,weight_lr_power=0",
    "Muon(0.02, weight_decay=0.1)": "muon lr=0.02,weight_decay=0.1,scale=match_rms_adamw",
    "SGD(0.1, global_clipnorm=1.0)": "sgd lr=0.1,clip_norm=1",
    "SGD(0.1, clipvalue=0.5)": "sgd lr=0.1,clip_value=0.5",
    "Adafactor(0.01)": "adafactor relative_step=0,lr=0.01",
    "Adafactor(0.05, beta_2_decay=-0.6, epsilon_1=1e-12, epsilon_2=0.01, clip_threshold=0.7)":
        "adafactor relative_step=0,lr=0.05,decay_rate=0.6,eps=1e-12,eps2=0.01,clip_threshold=0.7",
    "Ftrl(0.1)": "ftrl lr=0.1",
    "Ftrl(0.1, learning_rate_power=-0.7, initial_accumulator_value=0.5, l1_regularization_strength=0.3, "
    "l2_regularization_strength=0.2, l2_shrinkage_regularization_strength=0.05, beta=0.1)":
        "ftrl lr=0.1,lr_power=-0.7,initial_accumulator=0.5,l1=0.3,l2=0.4,l2_shrinkage=0.05,beta=0.1",
}


def run(call):
    tensors = {name: keras.Variable(numpy.array(START[name]).reshape(shape), dtype="float64", name=name)
               for name, shape in TENSORS.items() if len(shape) == 2 or "Muon" not in call}
    optimizer = eval(f"keras.optimizers.{call}")
    optimizer.build(list(tensors.values()))
    for step in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(numpy.array(GRADIENTS[step][name]).reshape(tensor.shape))
                         for name, tensor in tensors.items()])
        yield {name: keras.ops.convert_to_numpy(tensor.value).ravel().tolist() for name, tensor in tensors.items()}


def tolerance(call):
    if "Muon" in call:
        return 1e-5  # the norm's eps is beside another length
    return 1e-7 if "Adafactor" in call else 1e-12  # over jax keras.ops.mean is an f32 one


for number, (call, ours) in enumerate(CASES.items(), 1):
    write(f"keras_{number:02}_{ours.split()[0]}", f"keras {keras.__version__}", f"keras.optimizers.{call}", ours,
          list(run(call)), tolerance(call))
