"""Pictures, and the numbers behind them."""

import numpy as np
import pytest

import gradopt
from gradopt import plot


@pytest.mark.parametrize("function", plot.FUNCTIONS.values(), ids=lambda f: f.name)
def test_gradients_and_minima(function):
    x, h = np.array(function.start) + 0.1, 1e-6
    for i in range(2):
        e = np.eye(2)[i] * h
        slope = (function.value(x + e) - function.value(x - e)) / (2 * h)
        assert function.gradient(x)[i] == pytest.approx(slope, rel=1e-5, abs=1e-6)
        bend = (function.gradient(x + e) - function.gradient(x - e)) / (2 * h)
        np.testing.assert_allclose(function.hessian(x)[:, i], bend, rtol=1e-5, atol=1e-5)
    for minimum in function.minima:
        assert np.abs(function.gradient(np.array(minimum))).max() < 1e-3


def test_runs():
    points = plot.run(("adam", {"lr": 0.1}), "rosenbrock", 50)
    assert points.shape == (51, 2) and np.isfinite(points).all()
    np.testing.assert_allclose(plot.run("lbfgs", "rosenbrock", 60)[-1], 1, atol=1e-6)
    np.testing.assert_allclose(plot.run("trust_ncg", "rosenbrock", 60)[-1], 1, atol=1e-6)
    with pytest.raises(ValueError, match="ravine"):
        plot.run("sgd", "ravin")
    with pytest.raises(gradopt.Error):
        plot.run("sgdd", "ravine")


def test_values_of_a_schedule():
    np.testing.assert_allclose(
        plot.values(("linear", {"steps": 4, "start_factor": 0.5}), 6, 2.0)[[0, 2, 4]], [1, 1.5, 2]
    )
    assert plot.values("constant", 3).shape == (3,)


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    assert len(plot.schedules(["linear", ("wsd", {"steps": 20})], 20).lines) == 2
    assert len(plot.race(["sgd", "adam"], "ravine", 10).lines) == 2
    assert len(plot.paths(["adam"], "saddle", 10).lines) == 2  # and the minima
    plot.gallery(tmp_path)
    drawn = list(tmp_path.glob("*.png"))
    assert len(drawn) == 5 and all(1000 < path.stat().st_size < 60000 for path in drawn)
