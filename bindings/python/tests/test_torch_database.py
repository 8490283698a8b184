"""torch's own database of optimizers and their arguments, each beside ours."""

import pytest

torch = pytest.importorskip("torch")
database = pytest.importorskip("torch.testing._internal.common_optimizers")
import gradopt.torch as doors

# Of arguments that ours do not have: what they would do.
LEFT_OUT = {
    "differentiable": "the library's steps are not recorded by autograd",
    "capturable": "of CUDA graphs",
    "max_iter": "one iteration a step",
    "max_eval": "one iteration a step",
    "tolerance_grad": "the caller decides when to stop",
    "tolerance_change": "one iteration a step",
    "history_size": "history",
    "line_search_fn": "line_search",
    "ns_coefficients": "the options of the methods' page",
    "adjust_lr_fn": "scale",
    "beta2_decay": "decay_rate",
    "d": "clip_threshold",
}


def cases():
    for info in database.optim_db:
        name = info.optim_cls.__name__
        if not hasattr(doors, name) or name in ("LBFGS", "Adafactor", "SparseAdam"):
            continue  # SparseAdam wants sparse gradients: test_torch.py
        for given in info.optim_inputs_func(device="cpu", dtype=torch.float64):
            arguments = {k: v for k, v in given.kwargs.items() if k not in ("foreach", "fused")}
            if not LEFT_OUT.keys() & arguments.keys():
                yield pytest.param(info, arguments, id=f"{name}-{given.desc}")


def problem(matrices):
    torch.manual_seed(3)
    shapes = [(4, 5), (3, 2)] if matrices else [(4, 5), (5,), (), (2, 1, 3)]
    return [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]


def train(params, optimizer, steps):
    for step in range(steps):
        for i, param in enumerate(params):
            param.grad = (param.detach() - i) * (1 + 0.1 * step) + 0.01 * param.detach() ** 3
        optimizer.step()


@pytest.mark.parametrize("info,arguments", list(cases()))
def test_the_same_numbers(info, arguments):
    name = info.optim_cls.__name__
    theirs, ours = problem(name == "Muon"), problem(name == "Muon")
    train(theirs, info.optim_cls(theirs, **arguments), 10)
    train(ours, getattr(doors, name)(ours, **arguments), 10)
    tolerance = {"Muon": 2e-2, "NAdam": 1e-8}.get(name, 1e-9)  # bfloat16, float32 inside theirs
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance / 10)


def errors():
    for info in database.optim_db:
        name = info.optim_cls.__name__
        if hasattr(doors, name) and name != "SparseAdam" and info.optim_error_inputs_func is not None:
            for given in info.optim_error_inputs_func(device="cpu", dtype=torch.float64):
                if not LEFT_OUT.keys() & given.optimizer_error_input.kwargs.keys():
                    yield pytest.param(info, given, id=f"{name}-{given.optimizer_error_input.desc}")


@pytest.mark.parametrize("info,given", list(errors()))
def test_wrong_arguments_are_refused(info, given):
    if "only support 2D" in given.optimizer_error_input.desc:
        pytest.skip("muon steps what is no matrix by AdamW")
    if given.error_on is not database.OptimizerErrorEnum.CONSTRUCTION_ERROR:
        pytest.skip("an error of a later step")
    params, kwargs = given.optimizer_error_input.params, given.optimizer_error_input.kwargs
    kwargs = {k: v for k, v in kwargs.items() if k not in ("foreach", "fused")}
    if given.optimizer_error_input.kwargs.get("foreach") or isinstance(kwargs.get("lr"), torch.Tensor):
        pytest.skip("of forms that this has not")
    refused = pytest.warns if issubclass(given.error_type, Warning) else pytest.raises
    with refused(
        given.error_type if issubclass(given.error_type, Warning) else (ValueError, TypeError, given.error_type)
    ):
        getattr(doors, info.optim_cls.__name__)(params, **kwargs)
