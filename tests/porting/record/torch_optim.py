#!/usr/bin/env python3
"""Records torch.optim: pip install torch==2.13.0; torch_optim.py"""
import torch

from common import GRADIENTS, START, STEPS, TENSORS, write

torch.set_default_dtype(torch.float64)  # NAdam keeps the product of its momenta in this precision

CASES = {
    "SGD(lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01)":
        "sgd lr=0.1,momentum=0.9,dampening=0.1,weight_decay=0.01",
    "SGD(lr=0.1, momentum=0.9, nesterov=True, maximize=True)": "sgd lr=0.1,momentum=0.9,nesterov=1,maximize=1",
    "Adam(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)":
        "adam lr=0.01,beta1=0.8,beta2=0.95,eps=1e-6,weight_decay=0.1",
    "Adam(lr=0.01, amsgrad=True)": "adam lr=0.01,amsgrad=1",
    "Adam(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)": "adam lr=0.01,weight_decay=0.1,decoupled=1",
    "AdamW(lr=0.01)": "adamw lr=0.01",
    "AdamW(lr=0.01, weight_decay=0.1, amsgrad=True)": "adamw lr=0.01,weight_decay=0.1,amsgrad=1",
    "Adamax(lr=0.01, weight_decay=0.1)": "adamax lr=0.01,weight_decay=0.1",
    "NAdam(lr=0.01, momentum_decay=0.1)": "nadam lr=0.01,momentum_decay=0.1",
    "NAdam(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True)": "nadam lr=0.01,weight_decay=0.1,decoupled=1",
    "RAdam(lr=0.01, weight_decay=0.1)": "radam lr=0.01,weight_decay=0.1",
    "RMSprop(lr=0.01)": "rmsprop lr=0.01",
    "RMSprop(lr=0.01, alpha=0.9, eps=1e-6, momentum=0.9, centered=True, weight_decay=0.1)":
        "rmsprop lr=0.01,alpha=0.9,eps=1e-6,momentum=0.9,centered=1,weight_decay=0.1",
    "Adagrad(lr=0.1, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.1)":
        "adagrad lr=0.1,lr_decay=0.01,weight_decay=0.1,initial_accumulator=0.1",
    "Adadelta(lr=1.0, rho=0.8, eps=1e-4, weight_decay=0.1)": "adadelta lr=1,rho=0.8,eps=1e-4,weight_decay=0.1",
    "Muon(lr=0.02, weight_decay=0.1)": "muon lr=0.02,weight_decay=0.1",
    "Muon(lr=0.02, weight_decay=0, adjust_lr_fn='match_rms_adamw')": "muon lr=0.02,weight_decay=0,scale=match_rms_adamw",
    "Adafactor()": "adafactor",
    "Adafactor(lr=0.05, beta2_decay=-0.6, eps=(None, 0.01), d=1.5)":
        "adafactor relative_step=0,lr=0.05,decay_rate=0.6,eps2=0.01,clip_threshold=1.5",
    "Rprop(lr=0.01)": "rprop lr=0.01",
    "Rprop(lr=0.1, etas=(0.4, 1.5), step_sizes=(1e-3, 0.2))": "rprop lr=0.1,eta_minus=0.4,eta_plus=1.5,step_min=1e-3,step_max=0.2",
    "ASGD(lr=0.1)": "asgd lr=0.1",
    "ASGD(lr=0.1, lambd=0.1, alpha=0.5, weight_decay=0.1)": "asgd lr=0.1,lambd=0.1,alpha=0.5,weight_decay=0.1",
    "SGD(lr=0.01, momentum=1.1)": "sgd lr=0.01,momentum=1.1",
    "RMSprop(lr=0.01, momentum=1.0)": "rmsprop lr=0.01,momentum=1",
    "Muon(lr=0.02, weight_decay=0, ns_coefficients=(2.0, -1.5, 0.5), ns_steps=8, eps=0.1)":
        "muon lr=0.02,coefficients=given,ns_a=2,ns_b=-1.5,ns_c=0.5,ns_steps=8,ns_eps=0.1,ns_clamp=1,iterate=bf16",
}


def run(call):
    tensors = {name: torch.tensor(START[name], dtype=torch.float64).reshape(shape) for name, shape in TENSORS.items()
               if len(shape) == 2 or "Muon" not in call}
    name, options = call[:-1].split("(", 1)
    optimizer = eval(f"torch.optim.{name}(list(tensors.values()), {options})", {"torch": torch, "tensors": tensors})
    for step in range(STEPS):
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(GRADIENTS[step][key], dtype=torch.float64).reshape(tensor.shape)
        optimizer.step()
        yield {key: tensor.flatten().tolist() for key, tensor in tensors.items()}


for number, (call, ours) in enumerate(CASES.items(), 1):
    write(f"torch_{number:02}_{ours.split()[0]}", f"torch {torch.__version__}", f"torch.optim.{call}", ours,
          list(run(call)), 2e-2 if "Muon" in call else 1e-12)  # torch's Muon iterates in bf16
