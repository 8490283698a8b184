#!/usr/bin/env python3
"""Records Hugging Face transformers and the authors' galore-torch: pip install torch==2.13.0 transformers==5.24.0
galore-torch==1.0; transformers_galore.py

galore_torch imports bitsandbytes for an optimizer that is not recorded here: the package is entered without its __init__.
"""
import importlib.metadata
import importlib.util
import sys
import types

import torch
import transformers
from transformers.optimization import Adafactor

from common import GRADIENTS, START, STEPS, TENSORS, write

package = types.ModuleType("galore_torch")
package.__path__ = importlib.util.find_spec("galore_torch").submodule_search_locations
sys.modules["galore_torch"] = package
from galore_torch.adamw import AdamW as GaLoreAdamW

TRANSFORMERS = f"transformers {transformers.__version__} on torch {torch.__version__}"
GALORE = f"galore-torch {importlib.metadata.version('galore-torch')} on torch {torch.__version__}"
ADAFACTOR = {
    "Adafactor(tensors)": "adafactor",
    "Adafactor(tensors, warmup_init=True, clip_threshold=0.7, decay_rate=-0.6, eps=(1e-12, 0.01), weight_decay=0.1)":
        "adafactor warmup_init=1,clip_threshold=0.7,decay_rate=0.6,eps=1e-12,eps2=0.01,weight_decay=0.1",
    "Adafactor(tensors, lr=0.01, relative_step=False, scale_parameter=False, beta1=0.9, weight_decay=0.1)":
        "adafactor relative_step=0,lr=0.01,scale_parameter=0,beta1=0.9,weight_decay=0.1",
}
GALORE_ADAMW = {
    "GaLoreAdamW([{'params': matrices, 'rank': 2, 'update_proj_gap': 200, 'scale': 0.25, 'proj_type': 'std'}, "
    "{'params': others}], lr=0.01)": "galore lr=0.01,rank=2",
    "GaLoreAdamW([{'params': matrices, 'rank': 1, 'update_proj_gap': 50, 'scale': 1.0, 'proj_type': 'left'}, "
    "{'params': others}], lr=0.01, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1, correct_bias=False)":
        "galore lr=0.01,rank=1,update_gap=50,scale=1,proj_side=left,beta1=0.8,beta2=0.95,eps=1e-4,weight_decay=0.1,"
        "bias_correction=0",
}


def run(call):
    tensors = {name: torch.tensor(START[name], dtype=torch.float64).reshape(shape) for name, shape in TENSORS.items()}
    matrices = [tensor for tensor in tensors.values() if tensor.dim() == 2]
    others = [tensor for tensor in tensors.values() if tensor.dim() != 2]
    optimizer = eval(call, {"Adafactor": Adafactor, "GaLoreAdamW": GaLoreAdamW, "tensors": list(tensors.values()),
                            "matrices": matrices, "others": others})
    for step in range(STEPS):
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(GRADIENTS[step][key], dtype=torch.float64).reshape(tensor.shape)
        optimizer.step()
        yield {key: tensor.flatten().tolist() for key, tensor in tensors.items()}


for number, (call, ours) in enumerate(ADAFACTOR.items(), 1):
    write(f"transformers_{number:02}_adafactor", TRANSFORMERS, f"transformers.{call}", ours, list(run(call)))
for number, (call, ours) in enumerate(GALORE_ADAMW.items(), 1):
    write(f"galore_{number:02}_galore", GALORE, f"galore_torch.{call}", ours, list(run(call)), 1e-5)  # decomposes in f32
