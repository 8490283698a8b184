"""Rules of servers over numpy arrays."""

import numpy as np
import pytest

import gradopt

CENTERS = np.array([[1.0, 0], [0, 2], [-1, 1], [3, 3]])
SHARES = np.array([1, 2, 3, 4]) / 2


def a_round(server):
    for client in server.select():
        y = server.begin(client)
        steps = int(server.get("steps", client))
        for _ in range(steps):
            while True:
                grads = {"w": SHARES[client] * (y["w"] - CENTERS[client])}
                if server.local(client, y, grads):
                    break
            y["w"] -= server.get("rate", client) * grads["w"]
        server.end(client, y, steps)
    server.commit()


def test_the_example_of_the_documentation():
    w = np.zeros(2)
    server = gradopt.Server("scaffold", {"w": w}, clients=4, lr=0.1, local_steps=10, participation="random", s=2)
    for _ in range(100):
        a_round(server)
    np.testing.assert_allclose(w, [1, 1.9], atol=1e-5)
    assert server["round"] == 100 and server["met"] == 4


def test_a_rule_that_asks_again():
    w = np.zeros(2)
    server = gradopt.Server("fedspeed", {"w": w}, clients=4, lr=0.1, rho=0.01, clip=0, lamb=1)
    for _ in range(60):
        a_round(server)
    np.testing.assert_allclose(w, [1, 1.9], atol=0.05)


def test_the_mean_by_size_in_any_order():
    a, b = np.zeros(3, np.float32), np.zeros((2, 2))
    server = gradopt.Server("fedavg", {"a": a, "b": b}, clients=3, weights="size", momentum=0.5)
    server.set_numbers("size", [1, 2, 5])
    for client, value in ((2, 8.0), (0, -8.0)):
        server.begin(client)
        server.end(client, {"a": np.full(3, value), "b": np.full((2, 2), value)})
    server.commit()
    np.testing.assert_allclose(a, 32 / 6, rtol=1e-7)
    np.testing.assert_allclose(server.state("v")["b"], 32 / 6)


def test_state_resumes_in_the_middle_of_a_round(tmp_path):
    w = np.ones(2)
    server = gradopt.Server("scaffold", {"w": w}, clients=4)
    a_round(server)
    y = server.begin(1)
    server.save(tmp_path / "server")
    other = gradopt.Server("scaffold", {"w": w.copy()}, clients=4)
    other.load(tmp_path / "server")
    np.testing.assert_array_equal(other.state("start", 1)["w"], y["w"])
    again = gradopt.Server("scaffold", {"w": w.copy()}, clients=4)
    again.deserialize(server.serialize())
    np.testing.assert_array_equal(again.state("c_i", 2)["w"], server.state("c_i", 2)["w"])
    with pytest.raises(TypeError, match="serialize"):
        server.__getstate__()


def test_options_and_listing():
    server = gradopt.Server("fedbuff", {"w": np.zeros(1)}, clients=9)
    server["staleness"] = "none"
    assert server["staleness"] == 1
    assert "fedavg" in gradopt.rules() and gradopt.rule("fedavg").option("momentum").default == 0
    for name in gradopt.rules():
        assert gradopt.rule(name).purpose


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: gradopt.Server("fedavgg", {}), gradopt.ArgumentError, "fedavg"),
        (lambda s: gradopt.Server("fedavg", {"w": [1.0]}), TypeError, '"w"'),
        (lambda s: s.end(0, {"w": np.zeros(2)}), gradopt.OrderError, "client 0 has not begun"),
        (lambda s: s.begin(7), gradopt.ArgumentError, "client 7"),
        (lambda s: s.end(0, {"v": np.zeros(2)}), KeyError, "arrays for w"),
        (lambda s: s.end(0, {"w": np.zeros(3)}), ValueError, "shape"),
        (lambda s: s.begin(0, {"w": np.zeros(2, np.float32)}), TypeError, '"w"'),
        (lambda s: s.set("lrr", 1), gradopt.ArgumentError, "lrr"),
        (lambda s: s.set_numbers("weight", [1] * 4), gradopt.ArgumentError, "size, probability"),
        (lambda s: s.get("what"), gradopt.ArgumentError, "what"),
        (lambda s: gradopt.Coding("fedavg"), gradopt.ArgumentError, "fedavg"),
    ],
)
def test_what_is_refused(call, error, words):
    server = gradopt.Server("fedavg", {"w": np.zeros(2)}, clients=4)
    with pytest.raises(error, match=words):
        call(server)


def test_coded_gradients():
    coding = gradopt.Coding("gradient_coding", n=5, s=2)
    parts = np.arange(10.0).reshape(5, 2)
    sums = {worker: coding.weights(worker) @ parts for worker in range(5)}
    alive = [0, 2, 3]
    np.testing.assert_allclose(coding.decode(alive) @ [sums[w] for w in alive], parts.sum(0), rtol=1e-12)
