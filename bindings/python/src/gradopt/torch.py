"""PyTorch's door: for every method a subclass of torch.optim.Optimizer, made from the registry.

    import gradopt.torch

    opt = gradopt.torch.AdamW(model.parameters(), lr=3e-4)
    opt = gradopt.torch.make("prodigy", model.parameters())

Where torch.optim has the method too, the names of its options and states are torch's, and so are the numbers up to
rounding. Parameters live on the CPU; with `offload=True` those on another device are stepped on copies there.
"""

from __future__ import annotations

import inspect
import operator
import re
import weakref
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
import torch

from . import _library as c
from . import registry
from ._handle import Handle, memory

_DTYPES = {torch.float32: c.F32, torch.float64: c.F64, torch.bfloat16: c.BF16, torch.float16: c.F16}

# torch's names of options, and of states, where they differ from the library's.
_OPTIONS = {
    "initial_accumulator": "initial_accumulator_value",
    "decoupled": "decoupled_weight_decay",
}
# Options of the library's that are one tuple in torch, as beta1, beta2, ... are `betas`.
_TUPLES = {"rprop": {"etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max")}}
_STATES = {
    "sgd": {"buf": "momentum_buffer"},
    "adagrad": {"sum": "sum"},
    "rmsprop": {"v": "square_avg", "gavg": "grad_avg", "buf": "momentum_buffer"},
    "adadelta": {"v": "square_avg", "u": "acc_delta"},
    "adamax": {"m": "exp_avg", "u": "exp_inf"},
    "muon": {"B": "momentum_buffer"},
} | {
    name: {"m": "exp_avg", "v": "exp_avg_sq", "vmax": "max_exp_avg_sq"} for name in ("adam", "adamw", "nadam", "radam")
}

# Classes that torch has under another name than the words of the library's, capitalised.
_CLASSES = {
    "sgd": "SGD",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "nadam": "NAdam",
    "radam": "RAdam",
    "lbfgs": "LBFGS",
}
_POINTER, _CONTIGUOUS = torch.Tensor.data_ptr, torch.Tensor.is_contiguous
_IGNORED = ("foreach", "fused", "capturable")


def class_name(algorithm: str) -> str:
    """The class of a method: adamw is AdamW, clip_adagrad ClipAdagrad."""
    return _CLASSES.get(algorithm) or "".join(word[:1].upper() + word[1:] for word in algorithm.split("_"))


def _options(algorithm: str) -> dict[str, registry.Option]:
    """The method's options by torch's names, without those that are parts of a tuple there."""
    parts = [part for tuple_ in _tuples(algorithm).values() for part in tuple_]
    return {_OPTIONS.get(o.name, o.name): o for o in registry.algorithm(algorithm).options if o not in parts}


def _tuples(algorithm: str) -> dict[str, list[registry.Option]]:
    """What torch has as tuples: `betas` of a method that has beta1 and beta2 at least, and those of _TUPLES."""
    options = {o.name: o for o in registry.algorithm(algorithm).options}
    betas = [o for name, o in options.items() if re.fullmatch(r"beta\d", name)]
    tuples = {"betas": betas} if len(betas) > 1 else {}
    return tuples | {name: [options[part] for part in parts] for name, parts in _TUPLES.get(algorithm, {}).items()}


def _default(option: registry.Option) -> Any:
    if option.kind == "integer":
        return int(cast(float, option.default))
    if option.kind == "switch":
        return bool(option.default)
    return option.default


_OF_THE_HANDLE = {"_handle", "_lent", "_params", "_is_simple", "_plain", "_copies", "_seen", "_data", "_grads", "_sent"}


def _torch_defaults(name: str) -> dict[str, Any]:
    """The defaults of torch's own class of this name, where they are numbers."""
    theirs = getattr(torch.optim, name, None)
    if theirs is None or name == "LBFGS":
        return {}
    parameters = inspect.signature(theirs.__init__).parameters
    return {key: p.default for key, p in parameters.items() if isinstance(p.default, int | float | tuple)}


def _real(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor as the library takes it: complex numbers as pairs of reals."""
    tensor = tensor.detach()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _memory_order(tensor: torch.Tensor) -> tuple[int, ...] | None:
    """The axes from the slowest to the fastest, of a tensor that lies without gaps in another order than its axes'."""
    strides = tensor.stride()
    order = tuple(sorted(range(tensor.dim()), key=strides.__getitem__, reverse=True))
    return order if not tensor.is_contiguous() and tensor.permute(order).is_contiguous() else None


class _Lent:
    """The memory of one parameter, and of its gradient, as the library sees them in this step. A parameter that lies
    without gaps in `any_layout` (channels_last, transposed) has its axes in the order of memory there."""

    def __init__(self, param: torch.Tensor, offload: bool, any_layout: bool) -> None:
        if param.device.type != "cpu" and not offload:
            raise TypeError(
                f"a parameter lies on {param.device}: give the optimizer offload=True to step a copy on the CPU, "
                "or move the model there"
            )
        self.param = param
        self.in_place = True
        self.order = _memory_order(_real(param)) if any_layout else None
        self.shape = tuple(_real(param).shape)
        self.grad: torch.Tensor | None = None
        self.rows: tuple[torch.Tensor, torch.Tensor] | None = None  # numbers and values, where they stand for `grad`
        self.refresh()

    def refresh(self) -> None:
        """The parameter may have been moved, or changed by others."""
        self.real = self.ordered(_real(self.param))
        self.in_place = self.in_place and self.real.device.type == "cpu" and self.real.is_contiguous()
        self.data = self.real if self.in_place else self.real.to("cpu").contiguous()

    def ordered(self, values: torch.Tensor) -> torch.Tensor:
        """What has the parameter's axes last, with them in the order of memory."""
        if self.order is None or tuple(values.shape[values.dim() - len(self.order) :]) != self.shape:
            return values
        copies = values.dim() - len(self.order)
        return values.permute(*range(copies), *(copies + axis for axis in self.order))

    def unordered(self, values: torch.Tensor) -> torch.Tensor:
        """A state of the parameter's shape, whose elements lie in the order of the parameter's memory."""
        if self.order is None or tuple(values.shape[values.dim() - len(self.order) :]) != self.shape:
            return values
        copies = values.dim() - len(self.order)
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        values = values.reshape(*values.shape[:copies], *self.data.shape)
        return values.permute(*range(copies), *(copies + axis for axis in back))

    def take_gradient(self, later: bool, by_rows: bool = False) -> int:
        """The address of the gradient; without one 0, or, if it may come `later` in the step, that of zeros. 0 too where
        a sparse gradient is to be handed over by rows."""
        grad, dtype = self.param.grad, self.real.dtype
        self.rows = None
        if by_rows and grad is not None and grad.is_sparse and grad.sparse_dim() == 1:
            self.grad = None
            self.rows = grad._indices()[0].contiguous(), _real(grad._values()).to("cpu", dtype).contiguous()
            return 0
        if grad is None and not (later and self.param.requires_grad):
            self.grad = None
            return 0
        if grad is None:
            self.grad = torch.zeros_like(self.data)
            return self.grad.data_ptr() or 1
        grad = self.ordered(_real(grad.to_dense() if grad.is_sparse else grad))
        if grad.dtype != dtype or grad.device.type != "cpu" or not grad.is_contiguous():
            grad = grad.to("cpu", dtype).contiguous()
        self.grad = grad
        return grad.data_ptr() or 1

    def give_back(self) -> None:
        """What was stepped on a copy goes to the parameter."""
        if not self.in_place:
            self.real.copy_(self.data)


class Optimizer(torch.optim.Optimizer):
    """The base of the classes; `algorithm` names the method. See the class of each method for its options."""

    algorithm = ""
    _by_rows = False

    def __init__(
        self,
        params: Iterable[Any],
        *arguments: Any,
        wrappers: Iterable[str | tuple[str, dict[str, Any]]] = (),
        engine: dict[str, Any] | None = None,
        offload: bool = False,
        rows: bool = False,
        maximize: bool = False,
        **options: Any,
    ) -> None:
        names = _options(self.algorithm)
        tuples = _tuples(self.algorithm)
        defaults: dict[str, Any] = {name: _default(option) for name, option in names.items()}
        for name, parts in tuples.items():
            defaults[name] = tuple(float(part.default) for part in parts)
        for name, value in _torch_defaults(type(self).__name__).items():
            if name in defaults and isinstance(value, tuple) == isinstance(defaults[name], tuple):
                defaults[name] = value
        if options.pop("differentiable", False):
            raise TypeError("differentiable=True: the library's steps are not recorded by autograd")
        for ignored in _IGNORED:
            options.pop(ignored, None)
        options |= dict(zip(("lr",), arguments, strict=False))
        if len(arguments) > 1:
            raise TypeError("of the options only lr may be given by position")
        for name, parts in tuples.items():
            for i, part in enumerate(parts):
                if part.name in options:
                    given = list(options.get(name, defaults[name]))
                    given[i] = options.pop(part.name)
                    options[name] = tuple(given)
        for name in options:
            if name not in defaults:
                raise TypeError(f'{type(self).__name__} has no option "{name}"; it has: {", ".join(defaults)}')
        defaults |= options
        defaults["maximize"] = maximize
        self._wrappers = [(w, {}) if isinstance(w, str) else w for w in wrappers]
        self._engine = dict(engine or {})
        self._offload = offload
        self._by_rows = rows or type(self)._by_rows  # a sparse gradient moves its rows alone
        self._handle: Handle | None = None
        self._pending: dict[str, Any] | None = None
        super().__init__(params, defaults)
        Handle(self.algorithm, self._group_options(self.param_groups[0]) | self._engine)  # refuses bad values now

    # ---- The handle ----

    def _group_options(self, group: dict[str, Any]) -> dict[str, Any]:
        """A group's options by the library's names."""
        result: dict[str, Any] = {"maximize": group.get("maximize", False)}
        for name, parts in _tuples(self.algorithm).items():
            given = group.get(name, ())
            if len(given) not in (0, len(parts)):
                raise ValueError(f"{name} are {len(parts)} numbers ({', '.join(p.name for p in parts)}), not {given!r}")
            result |= {part.name: value for part, value in zip(parts, given, strict=False)}
        for option in registry.algorithm(self.algorithm).options:
            for name in (_OPTIONS.get(option.name, option.name), option.name):
                if name in group:
                    result[option.name] = group[name]
        return {k: float(v) if isinstance(v, torch.Tensor) else v for k, v in result.items()}

    def _any_layout(self) -> bool:
        """Whether elements are stepped one by one, wherever they lie: the library then never asks for the shape."""
        entry = registry.algorithm(self.algorithm)
        return entry.any_layout and not self._wrappers and not self._by_rows

    def _make_handle(self) -> Handle:
        first = self.param_groups[0]
        handle = Handle(self.algorithm, self._group_options(first) | self._engine)
        self._sent = [self._group_options(first)]
        for group in self.param_groups[1:]:
            self._sent.append(self._group_options(group))
            handle.add_group(self._sent[-1])
        self._lent: list[_Lent] = []
        for g, group in enumerate(self.param_groups):
            for param in group["params"]:
                lent = _Lent(param, self._offload, self._any_layout())
                if lent.real.dtype not in _DTYPES:
                    raise TypeError(f"parameters must be float32, float64, float16 or bfloat16, not {lent.real.dtype}")
                handle.add_param(
                    g,
                    f"{len(self._lent)}",
                    _DTYPES[lent.real.dtype],
                    lent.shape,
                    lent.data.data_ptr(),
                    None,
                )
                self._lent.append(lent)
        for name, options in self._wrappers:
            handle.wrap(name, options)
        self._params = [lent.param for lent in self._lent]
        self._is_simple = all(lent.in_place and not lent.param.is_complex() for lent in self._lent)
        self._plain: list[weakref.ref[torch.Tensor]] | None = None  # the gradients that were bound, if they were plain
        self._copies = True
        self._seen: list[Any] = [None] * len(self.param_groups)
        self._data = np.zeros(len(self._lent), np.uintp)
        self._grads = np.zeros(len(self._lent), np.uintp)
        return handle

    def _ready(self) -> Handle:
        """The handle, with the options of the groups as they stand."""
        if self._handle is None:
            self._handle = self._make_handle()
            if self._pending is not None:
                pending, self._pending = self._pending, None
                self._restore(self._handle, pending)
        handle = self._handle
        for g, group in enumerate(self.param_groups):
            values = [float(v) if isinstance(v, torch.Tensor) else v for k, v in group.items() if k != "params"]
            if values != self._seen[g]:
                self._send(handle, g, self._group_options(group))
                self._seen[g] = values
        return handle

    def _send(self, handle: Handle, g: int, now: dict[str, Any]) -> None:
        entry = registry.algorithm(self.algorithm)
        changes: dict[str, float] = {}
        for key, value in now.items():
            if value == self._sent[g].get(key):
                continue
            option = entry.setting(key)
            if option is None or option.kind not in ("number", "integer", "switch", "keyword"):
                if key in self._sent[g]:
                    raise TypeError(f'option "{key}" is what a state is made for: it cannot change between steps')
                continue
            changes[key] = entry.number(key, value)
        while changes:  # what only goes with another's new value (nesterov without momentum) comes behind that
            refused: dict[str, float] = {}
            for key, number in changes.items():
                try:
                    handle.set(g, key, number)
                except c.OptionValueError:
                    if len(refused) + 1 == len(changes):
                        raise
                    refused[key] = number
            changes = refused
        self._sent[g] = now

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """At any time: what has been stepped goes on, the new parameters begin with their own first step."""
        pending = self._snapshot() if getattr(self, "_handle", None) is not None else self.__dict__.get("_pending")
        super().add_param_group(param_group)
        self._handle, self._pending = None, pending

    # ---- Steps ----

    def _bind_quickly(self, handle: Handle) -> bool:
        """Where every parameter is used in place and every gradient is a plain tensor of the same kind: only what has
        moved is looked at. False: it is not so."""
        params = self._params
        grads = cast(list[torch.Tensor], [param.grad for param in params])  # some may be None
        if self._plain is None or not all(map(operator.is_, grads, (seen() for seen in self._plain))):
            if any(
                g is None or g.dtype is not p.dtype or g.layout is not torch.strided or not g.is_contiguous()
                for g, p in zip(grads, params, strict=True)
            ):
                return False
            self._plain = list(map(weakref.ref, grads))
        count = len(params)
        data = np.fromiter(map(_POINTER, params), np.uintp, count)
        lent = np.fromiter(map(_POINTER, grads), np.uintp, count)
        if not (np.array_equal(data, self._data) and np.array_equal(lent, self._grads)):
            if not data.all() or not lent.all() or not all(map(_CONTIGUOUS, params)):
                return False
            self._data, self._grads = data, lent
            c.check(c.lib.optim_bind_all(handle, data.ctypes.data, lent.ctypes.data, count))
        self._copies = False
        return True

    def _bind(self, handle: Handle) -> None:
        if self._is_simple and self._bind_quickly(handle):
            return
        self._copies, self._plain = True, None
        later = not c.lib.optim_wants_gradient(handle)
        for i, lent in enumerate(self._lent):
            lent.refresh()
            self._data[i] = lent.data.data_ptr() or 1
            self._grads[i] = lent.take_gradient(later, self._by_rows)
        c.check(c.lib.optim_bind_all(handle, self._data.ctypes.data, self._grads.ctypes.data, len(self._lent)))
        for i, lent in enumerate(self._lent):
            if lent.rows is not None:
                index, values = lent.rows
                c.check(c.lib.optim_set_sparse_grad(handle, i, index.numel(), index.data_ptr(), values.data_ptr()))
                lent.rows = None

    def _bind_gradients(self, handle: Handle) -> None:
        self._plain = None
        for i, lent in enumerate(self._lent):
            if self._grads[i] != 0:  # one that stands still in this step goes on doing so
                self._grads[i] = lent.take_gradient(True)
        c.check(c.lib.optim_bind_all(handle, None, self._grads.ctypes.data, len(self._lent)))

    def _give_back(self) -> None:
        if self._copies:
            with torch.no_grad():
                for lent in self._lent:
                    lent.give_back()

    @torch.no_grad()
    def step(
        self, closure: Callable[[], Any] | None = None, *, forward: Callable[[], torch.Tensor] | None = None
    ) -> Any:
        """One step. `closure` evaluates the loss and its gradients anew, as in torch; methods that want more within a
        step (sam, lbfgs, extragradient, ...) call it as often. `forward` returns the loss alone, as a tensor with its
        graph: it stands for a closure, and gives Hessian-vector products."""
        evaluate = closure if closure is not None else self._closure_of(forward)
        handle = self._ready()
        loss = None
        if evaluate is not None and c.lib.optim_wants_gradient(handle):
            with torch.enable_grad():
                loss = evaluate()
        self._bind(handle)
        if loss is not None:
            c.check(c.lib.optim_set_loss(handle, float(loss)))
        status = 0
        try:
            while (status := c.check(c.lib.optim_step(handle))) > 0:
                c.refuse_exchange(status)
                self._give_back()
                answer = self._answer(handle, status, evaluate, forward)
                loss = answer if loss is None else loss
        finally:
            if status > 0:
                c.lib.optim_cancel(handle)
            self._give_back()
            for lent in self._lent if self._copies else ():
                lent.grad = None  # torch frees gradients between steps; so does this
        return loss

    def _closure_of(self, forward: Callable[[], torch.Tensor] | None) -> Callable[[], torch.Tensor] | None:
        if forward is None:
            return None

        def closure() -> torch.Tensor:
            self.zero_grad()
            loss = forward()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        return closure

    def _answer(
        self,
        handle: Handle,
        status: int,
        evaluate: Callable[[], Any] | None,
        forward: Callable[[], torch.Tensor] | None,
    ) -> Any:
        if status == c.EVAL_HVP:
            if forward is None:
                raise TypeError(
                    f'"{self.algorithm}" asks for Hessian-vector products: give step() forward=..., a function of the loss'
                )
            self._multiply(handle, forward)
            return None
        if status not in (c.EVAL_GRAD, c.EVAL_LOSS):
            raise TypeError(f'"{self.algorithm}" asks for what a closure cannot answer: use gradopt.Optimizer')
        if evaluate is None:
            raise TypeError(f'"{self.algorithm}" evaluates the loss within a step: give step() a closure')
        with torch.enable_grad():
            loss = evaluate()
        if loss is not None:
            c.check(c.lib.optim_set_loss(handle, float(loss)))
        if status == c.EVAL_GRAD:
            self._bind_gradients(handle)
        return loss

    def _multiply(self, handle: Handle, forward: Callable[[], torch.Tensor]) -> None:
        """Hessian times the direction that the library lends, by two passes of autograd."""
        wanted: list[tuple[int, torch.Tensor]] = []
        for i, lent in enumerate(self._lent):
            address = handle.lent(c.lib.optim_hvp_vector, i)
            if address is not None and lent.param.requires_grad:
                wanted.append((i, self._lent_tensor(address, lent)))
        params = [self._lent[i].param for i, _ in wanted]
        with torch.enable_grad():
            first = torch.autograd.grad(forward(), params, create_graph=True, allow_unused=True)
            inner = sum(
                (g * v.to(g).view_as(g)).sum()
                for g, (_, v) in zip(first, wanted, strict=True)
                if g is not None and g.requires_grad
            )
            products = (
                torch.autograd.grad(inner, params, allow_unused=True)
                if isinstance(inner, torch.Tensor)
                else [None] * len(params)
            )
        for (i, _), product in zip(wanted, products, strict=True):
            address = handle.lent(c.lib.optim_hvp_result, i)
            to = self._lent_tensor(address or 0, self._lent[i])
            to.copy_(torch.zeros_like(to) if product is None else product.reshape(to.shape))

    @staticmethod
    def _lent_tensor(address: int, lent: _Lent) -> torch.Tensor:
        dtype = np.float64 if lent.real.dtype == torch.float64 else np.float32
        buffer = memory(address, lent.real.numel() * np.dtype(dtype).itemsize)
        return torch.from_numpy(np.ndarray(tuple(lent.real.shape), dtype, buffer))

    # ---- State ----

    def _torch_name(self, name: str) -> str:
        """adamw.m is exp_avg; what torch has no word for keeps its own."""
        method, _, state = name.partition(".")
        return _STATES.get(method, {}).get(state, state if method == self.algorithm else name)

    def _snapshot(self) -> dict[str, Any]:
        """All that goes on, in torch's layout beside what torch has no place for."""
        handle = self._handle
        if handle is None:
            return self._pending or {"state": {}, "gradopt": None}
        state: dict[int, dict[str, Any]] = {}
        for i, lent in enumerate(self._lent):
            info = handle.describe(i)
            arrays = {}
            for array in handle.arrays(i):
                values = torch.from_numpy(array.values.copy())
                values = values.view(torch.bfloat16) if array.dtype == "BF16" else values
                values = lent.unordered(values)
                arrays[self._torch_name(array.name)] = (
                    torch.view_as_complex(values) if _is_complex(lent, values) else values
                )
            if arrays or info.steps:
                state[i] = {"step": torch.tensor(float(info.steps))} | arrays
        numbers = torch.frombuffer(bytearray(handle.serialize_numbers()), dtype=torch.uint8)
        return {"state": state, "gradopt": numbers}

    def _bind_zeros(self, handle: Handle, state: dict[int, Any]) -> None:
        """Gradients of 0 for those that have states: memory for states is taken where a gradient is."""
        for i, lent in enumerate(self._lent):
            lent.grad = torch.zeros_like(lent.data) if state.get(i) else None
            self._data[i] = lent.data.data_ptr() or 1
            self._grads[i] = 0 if lent.grad is None else lent.grad.data_ptr() or 1
        c.check(c.lib.optim_bind_all(handle, self._data.ctypes.data, self._grads.ctypes.data, len(self._lent)))

    def _restore(self, handle: Handle, snapshot: dict[str, Any]) -> None:
        state, numbers = snapshot["state"], snapshot.get("gradopt")
        self._bind_zeros(handle, state)
        if numbers is not None:
            handle.deserialize_matching(bytes(numbers.numpy().tobytes()), missing=1, unknown=1)
            self._seen = [None] * len(self.param_groups)
            self._sent = [{} for _ in self.param_groups]  # the options are the groups', whatever they were
        if state:
            c.check(c.lib.optim_prepare(handle))
        for i in range(len(self._lent)):
            self._write(handle, i, state.get(i, {}), numbers is None)

    def _write(self, handle: Handle, i: int, kept: dict[str, Any], sets_steps: bool) -> None:
        for array in handle.arrays(i):
            values = kept.get(self._torch_name(array.name))
            if isinstance(values, torch.Tensor):
                values = torch.view_as_real(values) if values.is_complex() else values
                values = values.view(torch.int16) if values.dtype == torch.bfloat16 else values
                values = self._lent[i].ordered(values)
                array.values[...] = (
                    values.detach().cpu().numpy().reshape(array.values.shape).astype(array.values.dtype, copy=False)
                )
        if sets_steps and kept:  # torch's SGD does not count; its first step is behind it
            c.check(c.lib.optim_set_param_steps(handle, i, int(kept.get("step", 1))))

    def state_dict(self) -> dict[str, Any]:
        """In torch's layout: states by parameter, torch's names where it has them, and under "gradopt" the rest."""
        snapshot = self._snapshot()
        self.state.clear()
        params = [param for group in self.param_groups for param in group["params"]]
        for i, kept in snapshot["state"].items():
            self.state[params[i]] = kept
        result = super().state_dict()
        self.state.clear()
        if snapshot["gradopt"] is not None:
            result["gradopt"] = snapshot["gradopt"]
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes what state_dict() gave, of this class or of torch's own for the same method."""
        plain = {key: value for key, value in state_dict.items() if key != "gradopt"}
        super().load_state_dict(plain)
        params = [param for group in self.param_groups for param in group["params"]]
        state = {
            i: {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in self.state[param].items()}
            for i, param in enumerate(params)
            if param in self.state
        }
        self.state.clear()
        numbers = state_dict.get("gradopt")
        self._handle = None
        self._pending = {"state": state, "gradopt": None if numbers is None else numbers.clone()}

    def __getstate__(self) -> dict[str, Any]:
        plain = {k: v for k, v in self.__dict__.items() if k not in _OF_THE_HANDLE}
        return plain | {"_handle": None, "_pending": self._snapshot()}


def _is_complex(lent: _Lent, values: torch.Tensor) -> bool:
    return (
        lent.param.is_complex() and values.shape == lent.real.shape and values.dtype in (torch.float32, torch.float64)
    )


def _make_class(algorithm: str) -> type[Optimizer]:
    entry = registry.algorithm(algorithm)
    members = {"algorithm": algorithm, "__doc__": registry.docstring(entry), "__module__": __name__}
    return type(class_name(algorithm), (Optimizer,), members)


CLASSES: dict[str, type[Optimizer]] = {algorithm: _make_class(algorithm) for algorithm in registry.algorithms()}
globals().update({cls.__name__: cls for cls in CLASSES.values()})


SparseAdam: type[Optimizer] = type(
    "SparseAdam",
    (CLASSES["adam"],),
    {
        "__doc__": "torch.optim.SparseAdam: adam whose sparse gradients move their rows alone, averages included. Every "
        "class does so with rows=True; otherwise a sparse gradient counts as one with zeros.",
        "__module__": __name__,
        "_by_rows": True,
    },
)


def __getattr__(name: str) -> Any:
    raise AttributeError(
        f'gradopt.torch has no "{name}": its classes are {", ".join(cls.__name__ for cls in CLASSES.values())}'
    )


def make(algorithm: str, params: Iterable[Any], **options: Any) -> Optimizer:
    """The method of this name over these parameters."""
    if algorithm not in CLASSES:
        raise c.ArgumentError(f'no algorithm is called "{algorithm}"; gradopt.algorithms() lists them')
    return CLASSES[algorithm](params, **options)
