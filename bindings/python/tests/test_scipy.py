"""scipy's door."""

import numpy as np
import pytest

import gradopt

scipy_optimize = pytest.importorskip("scipy.optimize")
from scipy.optimize import minimize, rosen, rosen_der, rosen_hess_prod

import gradopt.scipy as doors

START = np.array([-1.2, 1.0, -1.2, 1.0])


@pytest.mark.parametrize("jac", [rosen_der, None])
def test_lbfgs(jac):
    result = minimize(rosen, START, jac=jac, method=doors.lbfgs, options={"gtol": 1e-4})
    assert result.success and result.fun < 1e-7
    np.testing.assert_allclose(result.x, 1, atol=1e-3)
    assert result.nfev > 10 and result.message


def test_what_the_precision_allows_is_a_success():
    result = minimize(
        lambda x: (np.exp(x) - np.pi * x).sum(), np.array([0.0, 2.0]), jac=lambda x: np.exp(x) - np.pi,
        method=doors.lbfgs, options={"gtol": 1e-300, "maxiter": 500},
    )  # fmt: skip
    assert result.success and ("precision" in result.message or not result.jac.any())
    np.testing.assert_allclose(result.x, np.log(np.pi), rtol=1e-7)


def test_value_and_gradient_together():
    result = minimize(
        lambda x: (rosen(x), rosen_der(x)), START, jac=True, method=doors.ncg, options={"gtol": 1e-6, "maxiter": 500}
    )
    assert result.success and np.abs(result.x - 1).max() < 1e-5


def test_products():
    result = minimize(
        rosen,
        START,
        jac=rosen_der,
        hessp=rosen_hess_prod,
        method=doors.newton_cg,
        options={"gtol": 1e-8, "maxiter": 300},
    )
    assert result.nhev > 0 and np.abs(result.x - 1).max() < 1e-6
    with pytest.raises(TypeError, match="hessp"):
        minimize(rosen, START, jac=rosen_der, method=doors.newton_cg)


def test_values_only():
    result = minimize(lambda x: ((x - 1) ** 2).sum(), np.zeros(3), method=doors.direct_search, options={"maxfev": 2000})
    assert np.abs(result.x - 1).max() < 1e-2


def test_adam_in_a_box():
    result = minimize(
        lambda x: ((x - 3) ** 2).sum(), np.zeros(3), jac=lambda x: 2 * (x - 3), method=doors.adam,
        bounds=[(0, 1), (None, 2), (0, None)], options={"lr": 0.05, "maxiter": 500},
    )  # fmt: skip
    np.testing.assert_allclose(result.x, [1, 2, 3], atol=1e-2)


def test_exceptions_and_callbacks_come_through():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        minimize(broken, START, jac=rosen_der, method=doors.lbfgs)
    seen = []
    minimize(rosen, START, jac=rosen_der, method=doors.lbfgs, callback=lambda x: seen.append(x) or len(seen) == 3)
    assert len(seen) == 3
    with pytest.raises(gradopt.ArgumentError, match="nonsense"):
        minimize(rosen, START, jac=rosen_der, method=doors.lbfgs, options={"nonsense": 1})
    with pytest.raises(AttributeError, match="lbfgs"):
        doors.nothing  # noqa: B018


@pytest.mark.parametrize("name", doors.METHODS)
def test_every_method_runs(name):
    H = np.diag([1.0, 2.0, 3.0])
    result = doors.METHODS[name](
        lambda x: 0.5 * x @ H @ x, np.array([1.0, 1.0, 1.0]), jac=lambda x: H @ x, hessp=lambda x, p: H @ p, maxiter=3
    )
    assert np.isfinite(result.x).all()
