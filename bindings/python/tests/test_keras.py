"""Keras' door, in the backend that KERAS_BACKEND names, or torch."""

import os

import numpy as np
import pytest

import gradopt

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
if keras.backend.backend() not in ("torch", "jax"):
    pytest.skip("gradopt.keras runs on torch and jax", allow_module_level=True)
import gradopt.keras as door

X = np.linspace(-1, 1, 60, dtype=np.float32).reshape(20, 3)
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype(np.float32)


def model(optimizer, seed=1):
    keras.utils.set_random_seed(seed)
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    net.compile(optimizer=optimizer, loss="mse")
    return net


def fit(net, epochs=3):
    net.fit(X, Y, batch_size=10, epochs=epochs, verbose=0, shuffle=False)
    return np.concatenate([w.ravel() for w in net.get_weights()])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda: keras.optimizers.SGD(0.1), lambda: door.Optimizer("sgd", 0.1)),
        (
            lambda: keras.optimizers.Adam(0.01, clipnorm=0.5),
            lambda: door.Optimizer("adam", 0.01, eps=1e-7, clipnorm=0.5),
        ),
        (
            lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)),
            lambda: door.Optimizer("adam", keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5), eps=1e-7),
        ),
    ],
)
def test_beside_keras_own(theirs, ours):
    np.testing.assert_allclose(
        fit(model(ours())), fit(model(theirs())), rtol=1e-3, atol=5e-5
    )  # Keras adds eps elsewhere


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [("prodigy", {"wrappers": [["ema", {"decay": 0.9}]]}), ("adamw", {"state_dtype": "bf16", "learning_rate": 0.01})],
)
def test_a_saved_model_goes_on(tmp_path, algorithm, options):
    net = model(door.Optimizer(algorithm, **options))
    fit(net, 2)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(fit(again, 1), fit(net, 1))
    assert again.optimizer.algorithm == algorithm


@pytest.mark.parametrize("algorithm", ["lion", "muon", "adam8bit", "schedulefree_adamw", "lamb"])
def test_methods_train(algorithm):
    net = model(door.Optimizer(algorithm))
    before = net.evaluate(X, Y, verbose=0)
    fit(net, 3)
    after = net.evaluate(X, Y, verbose=0)
    assert np.isfinite(after) and after != before


def test_a_variable_without_a_gradient_stands_still():
    a, b = keras.Variable(np.ones(2, np.float32)), keras.Variable(np.ones(3, np.float32))
    optimizer = door.Optimizer("adam", 0.1)
    optimizer.build([a, b])
    optimizer.apply([keras.ops.ones(3)], [b])
    assert keras.ops.convert_to_numpy(a).tolist() == [1, 1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(b), 0.9, rtol=1e-5)


def test_what_is_refused():
    with pytest.raises(TypeError, match="more than gradients"):
        door.Optimizer("lbfgs")
    with pytest.raises(gradopt.ArgumentError, match="beta3"):
        door.Optimizer("adam", beta3=0.1)
