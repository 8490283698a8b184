"""scipy's door: methods for scipy.optimize.minimize.

    import gradopt.scipy
    from scipy.optimize import minimize

    minimize(f, x0, jac=gradient, method=gradopt.scipy.lbfgs, bounds=bounds, options={"gradient_norm": 1e-8})

Every method of the library that needs no more than values, gradients and Hessian-vector products of one function is
here by its name. Options: those of the method, `steps`, `evaluations` (maxiter and maxfun are understood),
`gradient_norm` (gtol), `loss_change` (ftol), `seconds`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, approx_fprime

from . import _library as c
from . import registry
from ._handle import Handle

_CRITERIA = {
    "maxiter": "steps",
    "maxfun": "evaluations",
    "maxfev": "evaluations",
    "gtol": "gradient_norm",
    "ftol": "loss_change",
}
_STOPS = ("steps", "evaluations", "seconds", "gradient_norm", "loss_change")
_CANNOT = {"components", "losses", "constraints", "inputs", "particles", "residuals"}


class _Run:
    """One call of minimize: the callbacks that answer the library, and the exception that one of them raised."""

    def __init__(self, fun: Callable[..., Any], x0: Any, args: Any, jac: Any, hessp: Any, hess: Any) -> None:
        self.fun, self.args, self.jac, self.hessp, self.hess = fun, args, jac, hessp, hess
        self.x = np.array(x0, np.float64).ravel()
        self.gradient = np.zeros_like(self.x)
        self.raised: BaseException | None = None
        self.nfev = self.njev = self.nhev = 0

    def guarded(self, work: Callable[..., None]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            try:
                work(*arguments)
            except BaseException as error:  # noqa: BLE001 - raised again behind the library's frames
                self.raised = error
                return 1
            return 0

        return call

    def value(self, user: Any, request: Any, loss: Any) -> None:
        self.nfev += 1
        value = self.fun(self.x.copy(), *self.args)
        loss[0] = float(value[0] if self.jac is True else value)

    def value_and_gradient(self, user: Any, request: Any, loss: Any) -> None:
        self.nfev += 1
        self.njev += 1
        x = self.x.copy()
        if self.jac is True:
            value, gradient = self.fun(x, *self.args)
        elif callable(self.jac):
            value, gradient = self.fun(x, *self.args), self.jac(x, *self.args)
        else:
            value, gradient = self.fun(x, *self.args), approx_fprime(x, self.fun, 1.5e-8, *self.args)
        self.gradient[:] = np.ravel(gradient)
        loss[0] = float(value)

    def product(self, handle: Any, user: Any, request: Any, opt: Any) -> None:
        self.nhev += 1
        x = self.x.copy()
        lent = handle.lent(c.lib.optim_hvp_vector, 0)
        direction = np.ctypeslib.as_array((ctypes.c_double * x.size).from_address(lent)).copy()
        if self.hessp is not None:
            product = self.hessp(x, direction, *self.args)
        elif callable(self.hess):
            product = np.asarray(self.hess(x, *self.args)) @ direction
        else:
            raise TypeError("this method wants Hessian-vector products: give minimize hessp= or hess=")
        result = handle.lent(c.lib.optim_hvp_result, 0)
        np.ctypeslib.as_array((ctypes.c_double * x.size).from_address(result))[:] = np.ravel(product)


def _criteria(options: dict[str, Any], tol: float | None) -> c.Stop:
    stop = c.Stop()
    for key in list(options):
        name = _CRITERIA.get(key, key)
        if name in _STOPS:
            setattr(stop, name, options.pop(key))
    if tol is not None and not stop.gradient_norm:
        stop.gradient_norm = tol
    if not stop.gradient_norm and not stop.loss_change:
        stop.gradient_norm = 1e-8
    stop.steps = stop.steps or 100000
    return stop


def _bind_bounds(handle: Handle, bounds: Any, n: int) -> list[Any]:
    if bounds is None:
        return []
    pairs = list(zip(bounds.lb, bounds.ub, strict=True)) if hasattr(bounds, "lb") else list(bounds)
    sides = [
        np.array([default if pair[i] is None else pair[i] for pair in pairs], np.float64)
        for i, default in ((0, -np.inf), (1, np.inf))
    ]
    kept = [np.ascontiguousarray(np.broadcast_to(side, (n,))) for side in sides]
    c.check(c.lib.optim_set_bounds(handle, 0, kept[0].ctypes.data, kept[1].ctypes.data))
    return kept


def _minimize(algorithm: str, fun: Any, x0: Any, args: Any, options: dict[str, Any]) -> OptimizeResult:
    needs = registry.algorithm(algorithm).needs
    run = _Run(fun, x0, args, options.pop("jac", None), options.pop("hessp", None), options.pop("hess", None))
    bounds, callback, tol = options.pop("bounds", None), options.pop("callback", None), options.pop("tol", None)
    if options.pop("constraints", ()):
        raise ValueError(f'"{algorithm}" takes no constraints here')
    stop = _criteria(options, tol)
    reads = bool(needs & {"gradient", "more gradients"})
    if "gradient" not in needs:
        stop.gradient_norm = 0  # of gradients that nobody reads
    handle = Handle(algorithm, options)
    handle.add_param(0, "x", c.F64, (run.x.size,), run.x.ctypes.data, run.gradient.ctypes.data if reads else None)
    kept = _bind_bounds(handle, bounds, run.x.size)

    def progress(user: Any, said: Any) -> None:
        if callback is not None and callback(run.x.copy()):
            raise StopIteration

    stop.progress = c.PROGRESS(run.guarded(progress))
    problem = c.Problem(
        gradient=c.EVALUATE(run.guarded(run.value_and_gradient)),
        loss=c.EVALUATE(run.guarded(run.value)),
        product=c.PRODUCT(run.guarded(lambda *a: run.product(handle, *a))),
    )
    result = c.Result()
    status = c.lib.optim_minimize(handle, ctypes.byref(problem), ctypes.byref(stop), ctypes.byref(result))
    if run.raised is not None and not isinstance(run.raised, StopIteration):
        raise run.raised
    message = c.lib.optim_stop_reason(result.reason).decode()
    if status < 0:
        error = c.failure(status)
        if not isinstance(error, c.NumericError):
            raise error
        message = str(error)
    del kept
    return OptimizeResult(
        x=run.x.reshape(np.shape(x0)) if np.ndim(x0) == 1 else run.x,
        fun=result.loss,
        jac=run.gradient.copy() if reads else None,
        nit=result.steps,
        nfev=run.nfev,
        njev=run.njev,
        nhev=run.nhev,
        status=result.reason,
        success=status >= 0 and result.reason in c.SUCCESS,
        message=message,
    )


def _method(algorithm: str) -> Callable[..., OptimizeResult]:
    def method(fun: Any, x0: Any, args: Any = (), **options: Any) -> OptimizeResult:
        return _minimize(algorithm, fun, x0, args, options)

    method.__name__ = method.__qualname__ = algorithm
    method.__doc__ = registry.docstring(registry.algorithm(algorithm))
    return method


METHODS = {
    name: _method(name)
    for name in registry.algorithms()
    if not registry.algorithm(name).needs & _CANNOT and len(registry.algorithm(name).roles) < 2
}
globals().update(METHODS)


def __getattr__(name: str) -> Any:
    raise AttributeError(f'gradopt.scipy has no "{name}"; it has: {", ".join(METHODS)}')
