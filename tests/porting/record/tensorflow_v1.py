#!/usr/bin/env python3
"""Records TensorFlow's older optimizers: pip install tensorflow-cpu==2.21.0; tensorflow_v1.py

They hold their options in f32, also for f64 variables.
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy
import tensorflow

from common import GRADIENTS, START, STEPS, TENSORS, write

train = tensorflow.compat.v1.train

CASES = {
    "MomentumOptimizer(0.1, 0.9, use_nesterov=True)": "sgd lr=0.1,momentum=0.9,nesterov=1",
    "AdamOptimizer(0.01)": "padam partial=0.5,amsgrad=0,lr=0.01",
    "RMSPropOptimizer(0.01)": "rmsprop lr=0.01,alpha=0.9,eps=1e-10,eps_in_root=1,initial_accumulator=1",
    "RMSPropOptimizer(0.01, decay=0.95, momentum=0.9, epsilon=1e-4, centered=True)":
        "rmsprop lr=0.01,alpha=0.95,eps=1e-4,eps_in_root=1,initial_accumulator=1,momentum=0.9,centered=1",
    "AdagradOptimizer(0.1)": "adagrad lr=0.1,initial_accumulator=0.1,eps=0",
    "AdadeltaOptimizer(1.0, rho=0.8, epsilon=1e-4)": "adadelta lr=1,rho=0.8,eps=1e-4",
}


def run(call):
    tensors = {name: tensorflow.Variable(numpy.array(START[name]).reshape(shape), dtype="float64")
               for name, shape in TENSORS.items()}
    optimizer = eval(f"train.{call}")
    for step in range(STEPS):
        optimizer.apply_gradients([(tensorflow.constant(numpy.array(GRADIENTS[step][name]).reshape(tensor.shape)), tensor)
                                   for name, tensor in tensors.items()])
        yield {name: tensor.numpy().ravel().tolist() for name, tensor in tensors.items()}


for number, (call, ours) in enumerate(CASES.items(), 1):
    write(f"tensorflow_{number:02}_{ours.split()[0]}", f"tensorflow {tensorflow.__version__}",
          f"tf.compat.v1.train.{call}", ours, list(run(call)), 1e-6)
