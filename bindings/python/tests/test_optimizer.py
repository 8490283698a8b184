"""The optimizer over numpy arrays."""

import copy
import pickle

import numpy as np
import pytest

import gradopt


def quadratic(w):
    return float(((w - 3) ** 2).sum()), {"w": 2 * (w - 3)}


def test_six_lines_train():
    w = np.zeros(10)
    opt = gradopt.Optimizer("adamw", {"w": w}, lr=0.1, weight_decay=0)
    for _ in range(300):
        opt.step({"w": 2 * (w - 1)})
    assert np.abs(w - 1).max() < 1e-3


def test_adam_is_the_papers():
    """Three steps by hand."""
    w, m, v, x = np.array([1.0, -2.0]), 0.0, 0.0, np.array([1.0, -2.0])
    opt = gradopt.Optimizer("adam", {"w": w}, lr=0.1, beta1=0.8, beta2=0.9, eps=1e-6)
    for t in range(1, 4):
        g = 2 * x
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g * g
        opt.step({"w": 2 * w})
        x = x - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-6)
    np.testing.assert_allclose(w, x, rtol=1e-14)
    np.testing.assert_allclose(opt.state()["w"]["adam.m"], m, rtol=1e-14)


def test_groups_wrappers_schedules():
    a, b = np.ones(3, np.float32), np.ones((2, 2), np.float32)
    opt = gradopt.Optimizer(
        "adamw",
        [{"params": {"a": a}, "weight_decay": 0.0}, {"params": {"b": b}, "algorithm": "sgd", "lr": 0.5}],
        wrappers=[("ema", {"decay": 0.5})],
        schedules={"lr": ("linear", {"steps": 10})},
        lr=0.25,
    )
    opt.step({"a": a * 0, "b": b.copy()})
    assert a.tolist() == [1, 1, 1]
    assert opt.get("lr", 1) < 0.5
    assert b[0, 0] == pytest.approx(1 - 0.5 / 3)  # the schedule begins at a third
    assert opt.output()["b"][0, 0] == pytest.approx(1 - 0.25 / 3)


def test_gradients_of_rows():
    table, head = np.ones((5, 2)), np.ones(3)
    opt = gradopt.Optimizer("sgd", {"table": table, "head": head}, lr=0.5)
    g = np.ones(3)
    opt.step({"table": gradopt.Rows(np.array([3, 0, 3]), np.array([[1, 2], [4, 4], [1, 0.0]])), "head": g})
    np.testing.assert_array_equal(table, [[-1, -1], [1, 1], [1, 1], [0, 0], [1, 1]])
    opt.step({"table": gradopt.Rows(np.array([1]), np.array([[2, 2.0]])), "head": g})
    opt.step({"head": g})
    np.testing.assert_array_equal(table, [[-1, -1], [0, 0], [1, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(head, np.full(3, -0.5))
    opt.step({"table": np.ones((5, 2))})
    assert table[4, 0] == 0.5
    with pytest.raises(ValueError, match="2 rows of .table."):
        opt.step({"table": gradopt.Rows(np.array([1, 2]), np.ones(4))})
    with pytest.raises(gradopt.ArgumentError, match="rows 0 to 4"):
        opt.step({"table": gradopt.Rows(np.array([5]), np.ones((1, 2)))})


def test_updates_are_handed_out():
    w, v = np.linspace(-1, 1, 5), np.linspace(-1, 1, 5)
    ours, twin = gradopt.Optimizer("adamw", {"w": w}, lr=0.1), gradopt.Optimizer("adamw", {"w": v}, lr=0.1)
    for _ in range(3):
        before = w.copy()
        update = ours.update({"w": 2 * w + 1})["w"]
        np.testing.assert_array_equal(w, before)
        twin.step({"w": 2 * v + 1})
        np.testing.assert_allclose(w + update, v, rtol=2e-16, atol=2e-16)
        w[...] = v
    with pytest.raises(gradopt.ArgumentError, match="moves the parameters"):
        gradopt.Optimizer("extragradient", {"w": w}, lr=0.1).update({"w": 2 * w})


def test_a_parameter_without_a_gradient_stands_still():
    w, b = np.ones(2), np.ones(2)
    opt = gradopt.Optimizer("sgd", {"w": w, "b": b}, lr=0.5)
    opt.step({"w": w.copy()})
    assert b.tolist() == [1, 1] and w.tolist() == [0.5, 0.5]
    opt.step({"b": b.copy()})
    assert b.tolist() == [0.5, 0.5] and w.tolist() == [0.5, 0.5]
    opt.step({"b": b.astype(np.float32)})
    opt.step({"w": w.copy()})
    assert b.tolist() == [0.25, 0.25] and w.tolist() == [0.25, 0.25]


@pytest.mark.parametrize("door", ["callback", "iterator"])
@pytest.mark.parametrize("algorithm", ["lbfgs", "extragradient", "newton_cg", "direct_search"])
def test_requests(algorithm, door):
    w = np.zeros(4)
    opt = gradopt.Optimizer(algorithm, {"w": w})

    def evaluate(request):
        if request.kind == "loss":
            return quadratic(w)[0]
        if request.kind == "product":
            return {"w": 2 * request.direction["w"]}
        return quadratic(w)

    for _ in range(60):
        if door == "callback":
            opt.step(evaluate=evaluate)
        else:
            for request in opt.requests():
                request.answer(evaluate(request))
    start = quadratic(np.zeros(4))[0]
    assert quadratic(w)[0] < 0.95 * start


def test_an_error_within_a_step_undoes_it():
    w = np.zeros(4)
    opt = gradopt.Optimizer("extragradient", {"w": w}, lr=0.1)
    calls = []

    def evaluate(request):
        calls.append(request)
        if len(calls) > 1:
            raise KeyError("mine")
        return quadratic(w)

    with pytest.raises(KeyError, match="mine"):
        opt.step(evaluate=evaluate)
    assert w.tolist() == [0, 0, 0, 0]
    with pytest.raises(TypeError, match="asks for a gradient"):
        opt.step(quadratic(w)[1])
    assert opt.steps == 0


def test_checkpoints_go_on_to_the_bit(tmp_path):
    def made():
        w = np.linspace(-1, 1, 7)
        return w, gradopt.Optimizer("nadam", {"w": w})

    (w, opt), (v, other) = made(), made()
    for _ in range(3):
        opt.step(quadratic(w)[1])
    opt.save(tmp_path / "run.optim")
    v[:] = w
    other.load(tmp_path / "run.optim")
    for _ in range(3):
        opt.step(quadratic(w)[1])
        other.step(quadratic(v)[1])
    assert w.tobytes() == v.tobytes()
    state = opt.serialize()
    other.deserialize(state)
    assert other.serialize() == state


def test_a_snapshot_is_the_state_at_its_beginning(tmp_path):
    w = np.linspace(-1, 1, 1000)
    opt = gradopt.Optimizer("adamw", {"w": w})
    opt.step(quadratic(w)[1])
    state = opt.serialize()
    opt.snapshot(tmp_path / "run.optim")
    opt.step(quadratic(w)[1])
    opt.wait()
    assert (tmp_path / "run.optim").read_bytes() == state
    opt.snapshot(tmp_path / "none" / "run.optim")
    with pytest.raises(gradopt.CheckpointError, match="none"):
        opt.wait()
    opt.wait()


def test_into_a_changed_model(tmp_path):
    w, head = np.ones(3), np.ones(2)
    opt = gradopt.Optimizer("adam", {"w": w})
    opt.step({"w": w.copy()})
    opt.save(tmp_path / "run.optim")
    larger = gradopt.Optimizer("adam", {"w": w.copy(), "head": head})
    with pytest.raises(gradopt.CheckpointError, match="head"):
        larger.load(tmp_path / "run.optim")
    larger.load(tmp_path / "run.optim", matching=True)
    assert larger.steps == 1
    larger.step({"w": w, "head": head.copy()})


def test_errors_are_exceptions_with_the_librarys_sentence():
    w = np.zeros(3)
    with pytest.raises(gradopt.ArgumentError, match="no algorithm"):
        gradopt.Optimizer("nothing", {"w": w})
    with pytest.raises(gradopt.ArgumentError, match="beta1") as caught:
        gradopt.Optimizer("adam", {"w": w}, beta1=2)
    assert caught.value.status == -14
    with pytest.raises(TypeError, match="contiguous"):
        gradopt.Optimizer("adam", {"w": np.zeros((3, 3))[:, 1]})
    with pytest.raises(TypeError, match="int64"):
        gradopt.Optimizer("adam", {"w": np.zeros(3, int)})
    opt = gradopt.Optimizer("adam", {"w": w}, nonfinite="error")
    with pytest.raises(gradopt.NumericError, match="w"):
        opt.step({"w": np.array([1, np.nan, 1])})
    with pytest.raises(KeyError, match="there are: w"):
        opt.step({"x": w})
    with pytest.raises(ValueError, match="shape"):
        opt.step({"w": np.zeros(2)})
    with pytest.raises(gradopt.CheckpointError):
        opt.load("/nothing/here")
    with pytest.raises(TypeError, match="serialize"):
        pickle.dumps(opt)
    with pytest.raises(TypeError, match="serialize"):
        copy.deepcopy(opt)


def test_the_registry_is_whole():
    assert len(gradopt.algorithms()) >= 200
    for name in gradopt.algorithms():
        entry = gradopt.algorithm(name)
        assert entry.name == name and entry.purpose and entry.citation
    assert gradopt.schedule("cosine").options
    assert gradopt.wrapper("ema").option("decay") is not None
    adamw = gradopt.algorithm("adamw")
    assert adamw.option("lr").default == 1e-3
    assert gradopt.algorithm("muon").option("scale").default == "original"


def test_it_describes_itself():
    w = np.zeros(3, np.float32)
    opt = gradopt.Optimizer("adamw", {"w": w}, lr=0.125)
    opt.step({"w": w.copy()})
    text = opt.describe()
    assert "lr = 0.125" in text and "adamw.m F32[3]" in text and "1 steps" in text


def test_memory_forms():
    w = np.ones(5000, np.float16)
    opt = gradopt.Optimizer("adamw", {"w": w}, state_dtype="int8", master="f32")
    opt.step({"w": w.copy()})
    assert opt.state()["w"]["adamw.m"].dtype == np.uint8
    assert np.isfinite(w).all() and (w < 1).all()


# Methods that want more of the problem than gradients, losses and products of one function.
def plain(name):
    needs = gradopt.algorithm(name).needs
    return not needs & {"components", "losses", "constraints", "inputs", "particles", "residuals"}


@pytest.mark.parametrize("name", [name for name in gradopt.algorithms() if plain(name)])
def test_every_plain_method_steps(name):
    w = np.linspace(0.1, 1.2, 12).reshape(3, 4)
    roles = gradopt.algorithm(name).roles
    groups = (
        [{"params": {"w": w}}] if len(roles) < 2 else [{"params": {"w": w}}, {"params": {"v": w + 1}, "role": roles[1]}]
    )
    try:
        opt = gradopt.Optimizer(name, groups)
    except gradopt.ArgumentError as error:
        pytest.skip(str(error))
    params = opt.params

    def evaluate(request):
        if request.kind == "loss":
            return sum(float((p**2).sum()) for p in params.values())
        if request.kind == "product":
            return {key: 2 * request.direction.get(key, np.zeros(3)) for key in params}
        return sum(float((p**2).sum()) for p in params.values()), {key: 2 * p for key, p in params.items()}

    try:
        for _ in range(3):
            opt.step(evaluate=evaluate)
    except (gradopt.OrderError, gradopt.ArgumentError) as error:
        pytest.skip(str(error))
    assert opt.steps == 3
    assert all(np.isfinite(p).all() for p in params.values())


def test_text_of_what_there_is():
    w = np.ones(2)
    opt = gradopt.Optimizer(
        "sgd", {"w": w}, wrappers=[("ema", {"decay": 0.5}), "sam"], schedules={"lr": ("linear", {"steps": 10})}
    )
    text = opt.describe()
    assert "wrapper ema" in text and "decay = 0.5" in text and "schedule of lr: linear(steps=10)" in text
    assert "lookahead" in gradopt.listing("wrappers") and "adamw" not in gradopt.listing("wrappers")
    assert "fedavg" in gradopt.listing(word="federated")
    assert "warmup" in gradopt.describe("warmup_cosine") and "clip_norm" in gradopt.describe("engine")
    with pytest.raises(ValueError, match="schedules"):
        gradopt.listing("nothing")


@pytest.mark.parametrize(
    ("call", "error", "offender", "suggestion"),
    [
        (lambda: gradopt.Optimizer("adamww", {}), gradopt.UnknownNameError, "adamww", "adamw"),
        (lambda: gradopt.describe("adamww"), gradopt.UnknownNameError, "adamww", "adamw"),
        (lambda: gradopt.Optimizer("adamw", {}, lrr=1), gradopt.UnknownOptionError, "lrr", "lr"),
        (lambda: gradopt.Optimizer("adamw", {}, lr=-1), gradopt.OptionValueError, "lr", None),
        (
            lambda: gradopt.Optimizer("sgd", {"w": np.ones(2)}, nonfinite="error").step({"w": np.full(2, np.nan)}),
            gradopt.NonfiniteError,
            "w",
            None,
        ),
    ],
)
def test_errors_name_the_offender(call, error, offender, suggestion):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.offender == offender and caught.value.suggestion == suggestion


def test_parameters_are_added_after_steps() -> None:
    w, late, twin, frozen = np.ones(4), np.ones(3), np.ones(4), np.ones(3)
    added, thawed = gradopt.Optimizer("adamw", {"w": w}), gradopt.Optimizer("adamw", {"w": twin, "late": frozen})
    for _ in range(3):
        added.step({"w": 2 * w})
        thawed.step({"w": 2 * twin})
    added.add({"late": late})
    for _ in range(3):
        added.step({"w": 2 * w, "late": 2 * late})
        thawed.step({"w": 2 * twin, "late": 2 * frozen})
    assert np.array_equal(w, twin) and np.array_equal(late, frozen)
    added.add({"m": np.eye(3)}, algorithm="muon", lr=0.02)
    added.step({"w": 2 * w, "late": 2 * late, "m": np.eye(3)})
    with pytest.raises(gradopt.UnknownNameError):
        added.add({"n": np.ones(1)}, algorithm="nothing")


def test_rows_are_kept_dropped_and_appended() -> None:
    table, grads = np.arange(8.0).reshape(4, 2), np.ones((4, 2))
    opt = gradopt.Optimizer("adam", {"table": table}, lr=0.1)
    opt.step({"table": grads})
    before = {name: array.copy() for name, array in opt.state()["table"].items()}
    larger = np.concatenate([table[[3, 1]], np.zeros((3, 2))])
    opt.resize("table", larger, [3, 1])
    after = opt.state()["table"]
    for name, array in before.items():
        if array.shape == table.shape:
            assert np.array_equal(after[name][:2], array[[3, 1]]) and not after[name][2:].any()
    opt.step({"table": np.ones((5, 2))})
    assert np.all(opt.params["table"] is larger) and np.all(larger[2:] < 0)
    with pytest.raises(ValueError, match="rows of shape"):
        opt.resize("table", np.zeros((5, 3)), [])
    with pytest.raises(gradopt.ArgumentError, match="kept"):
        opt.resize("table", np.zeros((1, 2)), [9])


def test_products_with_a_jacobian():
    a = np.random.default_rng(0).normal(size=(30, 5))
    x = np.zeros(5)
    b = a @ np.arange(5.0)
    opt = gradopt.Optimizer("gauss_newton", {"x": x}, residuals=30)

    def evaluate(request):
        if request.kind == "residuals":
            return a @ x - b
        return a @ request.direction["x"] if request.kind == "jvp" else {"x": a.T @ request.weights}

    for _ in range(6):
        opt.step(evaluate=evaluate)
    np.testing.assert_allclose(x, np.arange(5.0), atol=1e-12)


def test_ranks_do_not_meet_here() -> None:
    x = np.ones(3)
    opt = gradopt.Optimizer("sgd", {"x": x}, wrappers=[("diloco", {"period": 1})], lr=0.5)
    with pytest.raises(gradopt.OrderError, match="exchange with other ranks"):
        opt.step({"x": np.ones(3)})
    assert x.tolist() == [0.5, 0.5, 0.5]  # the rank's own step stands, and nothing is open
    assert opt.steps == 1
