"""optax's door."""

import numpy as np
import pytest

import gradopt

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

import gradopt.optax as doors

PARAMS = {"w": jnp.linspace(-1.0, 1.0, 6).reshape(2, 3), "b": [jnp.ones(3)]}


def loss(params):
    return (jnp.sin(params["w"]) ** 2).sum() + ((params["b"][0] - 2) ** 2).sum()


def run(tx, steps, params=PARAMS, jit=True):
    def one(params, state):
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    one = jax.jit(one) if jit else one
    state = tx.init(params)
    for _ in range(steps):
        params, state = one(params, state)
    return params, state


@pytest.mark.parametrize(
    "ours,theirs",
    [
        (doors.adamw(lr=0.01, weight_decay=0.1), optax.adamw(0.01, weight_decay=0.1)),
        (doors.sgd(lr=0.1, momentum=0.9, nesterov=True), optax.sgd(0.1, momentum=0.9, nesterov=True)),
        (doors.lion(lr=0.01, weight_decay=0.1), optax.lion(0.01, weight_decay=0.1)),
    ],
)
@pytest.mark.parametrize("jit", [True, False])
def test_as_optax(ours, theirs, jit):
    a, b = run(ours, 12, jit=jit)[0], run(theirs, 12, jit=jit)[0]
    for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-9, atol=1e-12)


def test_scan_and_chain():
    tx = optax.chain(optax.clip_by_global_norm(0.5), doors.adam(lr=0.01))

    def body(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), loss(params)

    _, losses = jax.lax.scan(body, (PARAMS, tx.init(PARAMS)), None, length=20)
    assert losses[-1] < losses[0]
    straight = run(tx, 20)[0]
    assert float(loss(straight)) < float(losses[0])


def test_the_state_is_a_pytree_of_arrays():
    tx = doors.nadam(lr=0.02)
    params, state = run(tx, 3)
    saved = jax.tree.map(np.asarray, state)
    on, _ = run(tx, 6)
    for _ in range(3):
        updates, saved = tx.update(jax.grad(loss)(params), saved, params)
        params = optax.apply_updates(params, updates)
    for p, q in zip(jax.tree.leaves(on), jax.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(p, q)


def test_updates_of_bfloat16_lose_nothing():
    params = {"w": jnp.ones(2, jnp.bfloat16)}
    tx = doors.sgd(lr=2.0**-10)
    updates, _ = tx.update({"w": jnp.ones(2, jnp.bfloat16)}, tx.init(params), params)
    assert updates["w"].dtype == jnp.float32
    np.testing.assert_array_equal(updates["w"], -(2.0**-10) * np.ones(2))


def test_what_it_cannot():
    with pytest.raises(TypeError, match="more than gradients"):
        doors.transformation("svrg")
    with pytest.raises(gradopt.ArgumentError, match="beta1"):
        doors.adam(beta1=2)
    with pytest.raises(ValueError, match="parameters"):
        tx = doors.adam()
        tx.update(PARAMS, tx.init(PARAMS))


@pytest.mark.parametrize("name", doors.METHODS)
def test_every_method_updates(name):
    if "loss" in gradopt.algorithm(name).needs:
        pytest.skip("reads the loss")
    params, _ = run(doors.METHODS[name](), 2, jit=False)
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(params))
