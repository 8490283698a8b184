"""The example for Hugging Face's Trainer."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")
EXAMPLE = Path(__file__).parents[3] / "examples" / "huggingface.py"


@pytest.mark.parametrize("method", ["muon", "adamw"])
def test_it_learns_and_leaves_a_checkpoint(tmp_path, method):
    spec = importlib.util.spec_from_file_location("huggingface", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    losses = [float(loss) for loss in example.train(method, 30, str(tmp_path))]
    assert losses[-1] < losses[0] - 0.1
    assert (tmp_path / "checkpoint-30" / "optimizer.pt").exists()
