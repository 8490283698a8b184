"""Flower's door, beside Flower's own strategies, over nodes that are simulated here."""

import numpy as np
import pytest

import gradopt

flwr = pytest.importorskip("flwr")
from flwr.app import Array, ArrayRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp.strategy import FedAdagrad, FedAvg, FedAvgM

from gradopt.flower import Strategy

try:  # newer versions know messages only within a run
    from flwr.supercore.task_identity import TaskIdentity

    TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1
except ImportError:
    pass

CENTERS = np.array([[1.0, 0], [0, 2], [-1, 1], [3, 3]])
SHARES = np.array([1, 2, 3, 4]) / 2


class Nodes:
    """A grid of four nodes that answer at once; node 17 + `broken` fails."""

    def __init__(self, broken=None):
        self.broken = broken

    def get_node_ids(self):
        return [17, 18, 19, 20]

    def send_and_receive(self, messages, timeout=None):
        return [self.answer(message) for message in sorted(messages, key=lambda m: m.metadata.dst_node_id)]

    def answer(self, message):
        message.metadata.__dict__["_message_id"] = f"{message.metadata.dst_node_id}"
        node = message.metadata.dst_node_id - 17
        if node == self.broken:
            return Message(Error(code=0, reason="lost"), reply_to=message)
        if message.metadata.message_type == "evaluate":
            return Message(RecordDict({"metrics": MetricRecord({"num-examples": 1.0})}), reply_to=message)
        w = {key: array.numpy() for key, array in message.content["arrays"].items()}
        correction = message.content["correction"]["w"].numpy() if "correction" in message.content else 0
        mu = message.content["config"].get("proximal-mu", 0)
        y = w["w"].copy()
        for _ in range(5):
            y -= 0.1 * (SHARES[node] * (y - CENTERS[node]) + correction + mu * (y - w["w"]))
        arrays = ArrayRecord({"w": Array(y), "count": Array(np.asarray(w["count"] + node))})
        metrics = MetricRecord({"num-examples": float(1 + node)})
        return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)


def run(strategy, rounds=5, nodes=None):
    start = ArrayRecord({"w": Array(np.zeros(2)), "count": Array(np.zeros((), np.int64))})
    result = strategy.start(nodes or Nodes(), start, num_rounds=rounds)
    return result.arrays["w"].numpy(), result.arrays["count"].numpy()


SAME = {"min_available_nodes": 4}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (FedAvg(**SAME), Strategy("fedavg", **SAME)),
        (FedAvgM(server_momentum=0.9, **SAME), Strategy("fedavg", momentum=0.9, **SAME)),
        (
            FedAdagrad(eta=0.1, eta_l=0.1, tau=1e-3, **SAME),
            Strategy("fedavg", optimizer=("adagrad", {"lr": 0.1, "eps": 1e-3}), **SAME),
        ),
    ],
)
def test_beside_flowers_own(theirs, ours):
    np.testing.assert_allclose(run(ours)[0], run(theirs)[0], rtol=1e-12)


def test_rules_beyond_flowers():
    w, count = run(Strategy("scaffold", lr=0.1, **SAME), rounds=40)
    np.testing.assert_allclose(w, [1, 1.9], atol=0.02)
    assert count.dtype == np.int64 and count == 40 * 2  # the mean by num-examples
    near, far = run(Strategy("fedprox", mu=1.0, **SAME))[0], run(Strategy("fedavg", **SAME))[0]
    assert np.linalg.norm(near) < np.linalg.norm(far)
    assert np.isfinite(run(Strategy("fedau", **SAME), rounds=2)[0]).all()
    assert np.isfinite(run(Strategy("diloco", outer_lr=0.5, **SAME), rounds=2)[0]).all()
    assert np.isfinite(run(Strategy("fedavg", optimizer=("lion", {"lr": 0.01}), **SAME), rounds=2)[0]).all()


def test_a_node_that_fails_is_left_out():
    theirs, ours = FedAvg(**SAME), Strategy("fedavg", **SAME)
    np.testing.assert_allclose(run(ours, nodes=Nodes(broken=2))[0], run(theirs, nodes=Nodes(broken=2))[0], rtol=1e-12)
    assert ours.server["met"] == 4 and ours.server.get("handed_in", 2) == 0


def test_what_is_refused():
    with pytest.raises(ValueError, match="fedbuff"):
        Strategy("fedbuff")
    with pytest.raises(gradopt.ArgumentError, match="momentumm"):
        Strategy("fedavg", momentumm=0.9)
    with pytest.raises(ValueError, match="clients=2|2 clients"):
        run(Strategy("fedavg", clients=2, **SAME))
