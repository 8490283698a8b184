#!/usr/bin/env python3
"""Hugging Face's Trainer with an optimizer of the library: a tiny GPT-2, made from its configuration, learns to count.

usage: huggingface.py [METHOD [STEPS]]     muon and 60, unless said otherwise

The Trainer takes the optimizer in `optimizers=(optimizer, None)` and makes the learning-rate schedule itself, which sets
the groups' rates as it does for torch's own; checkpoints of the Trainer hold the optimizer's state.
"""

import sys
import tempfile

import torch
import transformers

import gradopt.torch

VOCABULARY, LENGTH = 16, 12


class Counting(torch.utils.data.Dataset):
    """Rows that count up by one from somewhere, modulo the vocabulary."""

    def __len__(self):
        return 256

    def __getitem__(self, i):
        row = (torch.arange(LENGTH) + i) % VOCABULARY
        return {"input_ids": row, "labels": row}


def make_model():
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config)


def make_optimizer(model, method):
    """Muon for the matrices inside the layers, AdamW for all else; any other method for everything."""
    if method != "muon":
        return gradopt.torch.make(method, model.parameters())
    inside = [p for name, p in model.named_parameters() if ".h." in name and p.ndim == 2]
    others = [p for name, p in model.named_parameters() if not (".h." in name and p.ndim == 2)]
    return gradopt.torch.Muon([{"params": inside, "lr": 0.02}, {"params": others, "algorithm": "adamw", "lr": 0.01}])


def train(method, steps, folder):
    """The losses that the Trainer logs."""
    model = make_model()
    arguments = transformers.TrainingArguments(
        output_dir=folder,
        max_steps=steps,
        per_device_train_batch_size=16,
        lr_scheduler_type="cosine",
        warmup_steps=steps // 10,
        logging_steps=max(steps // 6, 1),
        save_steps=steps,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        seed=0,
    )
    trainer = transformers.Trainer(
        model=model, args=arguments, train_dataset=Counting(), optimizers=(make_optimizer(model, method), None)
    )
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def main():
    method = sys.argv[1] if len(sys.argv) > 1 else "muon"
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory() as folder:
        losses = train(method, steps, folder)
    print(method, "losses:", " ".join(f"{float(loss):.3f}" for loss in losses))


if __name__ == "__main__":
    main()
