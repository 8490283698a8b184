"""torch's door, beside torch's own optimizers."""

import copy
import io
import pickle
import sys

import pytest

import gradopt

torch = pytest.importorskip("torch")
import gradopt.torch as doors

PAIRS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.01, "momentum_decay": 0.1}),
    ("RAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-6, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.1}),
    ("Adadelta", {"lr": 1.0, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}),
]


def model(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()


DATA = torch.linspace(-1, 1, 40, dtype=torch.float64).reshape(10, 4)


def loss_of(net):
    return ((net(DATA) - DATA.sum(1, keepdim=True).sin()) ** 2).mean()


def train(net, opt, steps, scheduler=None):
    for _ in range(steps):
        opt.zero_grad()
        loss_of(net).backward()
        opt.step()
        if scheduler is not None:
            scheduler.step()


def close(a, b, rtol=1e-9):
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name,options", PAIRS)
def test_one_line_changes_and_no_number(name, options):
    theirs, ours = model(), model()
    train(theirs, getattr(torch.optim, name)(theirs.parameters(), **options), 25)
    train(ours, getattr(doors, name)(ours.parameters(), **options), 25)
    close(theirs, ours, 1e-8 if name == "NAdam" else 1e-9)  # torch keeps nadam's product of momenta in float32


@pytest.mark.parametrize("name,options", [p for p in PAIRS if p[0] not in ("NAdam",)])
def test_their_state_dict_goes_on_here(name, options):
    theirs, ours = model(), model()
    old = getattr(torch.optim, name)(theirs.parameters(), **options)
    train(theirs, old, 5)
    ours.load_state_dict(theirs.state_dict())
    new = getattr(doors, name)(ours.parameters(), **options)
    new.load_state_dict(old.state_dict())
    train(theirs, old, 5)
    train(ours, new, 5)
    close(theirs, ours)


@pytest.mark.parametrize(
    "scheduler",
    [
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 4),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=20),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: 0.9**step),
    ],
)
def test_torchs_schedulers_drive_it(scheduler):
    theirs, ours = model(), model()
    a = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    b = doors.AdamW(ours.parameters(), lr=0.01)
    train(theirs, a, 15, scheduler(a))
    train(ours, b, 15, scheduler(b))
    close(theirs, ours)


def test_groups_and_a_group_more():
    theirs, ours = model(), model()
    nets, opts = [theirs, ours], []
    for net, cls in ((theirs, torch.optim.Adam), (ours, doors.Adam)):
        opt = cls([{"params": net[0].parameters(), "lr": 0.02}], lr=0.01)
        train(net, opt, 3)
        opt.add_param_group({"params": list(net[2].parameters()), "weight_decay": 0.1})
        train(net, opt, 3)
        opts.append(opt)
    close(*nets)
    assert opts[1].param_groups[1]["weight_decay"] == 0.1


def test_groups_may_maximize():
    a, b = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    opt = doors.SGD([{"params": [a]}, {"params": [b], "maximize": True}], lr=0.5)
    for value in (0.5, 1.5), (0.75, 2.25):
        a.grad, b.grad = a.detach().clone(), b.detach().clone()
        opt.step()
        assert (a[0].item(), b[0].item()) == value
        opt.param_groups[0]["maximize"] = True


@pytest.mark.parametrize("options", [{}, {"etas": (0.4, 1.1), "step_sizes": (1e-3, 0.2)}, {"etas": (0.5, 1.5)}])
def test_rprops_pairs(options):
    a, b = model(), model()
    train(a, torch.optim.Rprop(a.parameters(), lr=0.01, **options), 12)
    train(b, ours := doors.Rprop(b.parameters(), lr=0.01, **options), 12)
    close(a, b)
    group = ours.param_groups[0]
    assert group["etas"] == options.get("etas", (0.5, 1.2)) and "eta_minus" not in group
    assert group["step_sizes"] == options.get("step_sizes", (1e-6, 50))
    one = doors.Rprop(b.parameters(), eta_plus=1.3)
    assert one.param_groups[0]["etas"] == (0.5, 1.3)
    group["etas"] = (0.3, 1.3)  # between steps, as any option
    train(b, ours, 1)
    assert [ours._handle.get(0, name) for name in ("eta_minus", "eta_plus")] == [0.3, 1.3]


def test_pairs_are_pairs():
    p = [torch.nn.Parameter(torch.zeros(2))]
    with pytest.raises(ValueError, match="eta_minus"):
        doors.Rprop(p, etas=(1.0, 1.2))
    with pytest.raises(ValueError, match="etas are 2 numbers"):
        doors.Rprop(p, etas=(0.5,))
    with pytest.raises(ValueError, match="betas are 2 numbers"):
        doors.AdamW(p, betas=(0.9, 0.99, 0.999))


def test_momentum_begins_and_ends_between_steps():
    a, b = model(), model()
    theirs, ours = torch.optim.SGD(a.parameters(), lr=0.05), doors.SGD(b.parameters(), lr=0.05)
    for options in ({}, {"momentum": 0.9}, {"nesterov": True}, {"momentum": 0, "nesterov": False}):
        for opt in (theirs, ours):
            opt.param_groups[0].update(options)
        train(a, theirs, 5)
        train(b, ours, 5)
        close(a, b)
    assert not any("momentum_buffer" in kept for kept in ours.state_dict()["state"].values())


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_amsgrad_begins_and_ends_between_steps(name):
    a, b = model(), model()
    theirs, ours = getattr(torch.optim, name)(a.parameters(), lr=0.05), getattr(doors, name)(b.parameters(), lr=0.05)
    for amsgrad in (False, True, False, True):
        for opt in (theirs, ours):
            opt.param_groups[0]["amsgrad"] = amsgrad
        for kept in theirs.state.values():  # torch has no maximum then; a fresh one is what ours begins with
            kept["max_exp_avg_sq"] = torch.zeros_like(kept["exp_avg_sq"])
        train(a, theirs, 5)
        train(b, ours, 5)
        close(a, b)
        kept = ours.state_dict()["state"][0]
        assert ("max_exp_avg_sq" in kept) == amsgrad


def test_a_late_first_gradient():
    theirs, ours = model(), model()
    for net, cls in ((theirs, torch.optim.AdamW), (ours, doors.AdamW)):
        opt = cls(net.parameters(), lr=0.01)
        net[0].weight.requires_grad_(False)
        train(net, opt, 3)
        net[0].weight.requires_grad_(True)
        train(net, opt, 3)
    close(theirs, ours)


@pytest.mark.parametrize("way", ["state_dict", "torch.save", "pickle", "deepcopy"])
def test_the_state_survives(way):
    net, twin = model(), model()
    opt, other = doors.NAdam(net.parameters(), lr=0.02), None
    train(net, opt, 4)
    twin.load_state_dict(net.state_dict())
    if way == "state_dict":
        other = doors.NAdam(twin.parameters(), lr=0.5)
        other.load_state_dict(copy.deepcopy(opt.state_dict()))
    elif way == "torch.save":
        file = io.BytesIO()
        torch.save(opt.state_dict(), file)
        file.seek(0)
        other = doors.NAdam(twin.parameters())
        other.load_state_dict(torch.load(file, weights_only=True))
    elif way == "pickle":
        twin, other = pickle.loads(pickle.dumps((net, opt)))
    else:
        twin, other = copy.deepcopy((net, opt))
    train(net, opt, 4)
    train(twin, other, 4)
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)


def test_state_dict_has_torchs_layout():
    net, ref = model(), model()
    opt, theirs = (
        doors.AdamW(net.parameters(), lr=0.01, amsgrad=True),
        torch.optim.AdamW(ref.parameters(), lr=0.01, amsgrad=True),
    )
    train(net, opt, 2)
    train(ref, theirs, 2)
    mine, wanted = opt.state_dict(), theirs.state_dict()
    assert set(mine["state"][0]) == set(wanted["state"][0])
    for name, value in wanted["state"][1].items():
        torch.testing.assert_close(mine["state"][1][name].double(), value.double(), rtol=1e-9, atol=1e-14)
    assert mine["param_groups"][0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_other_dtypes_and_gradients_of_another(dtype):
    p = torch.nn.Parameter(torch.ones(40, dtype=dtype))
    opt = doors.SGD([p], lr=0.5)
    p.grad = torch.full((40,), 0.25, dtype=dtype)
    opt.step()
    assert p.unique().tolist() == [0.875]


def test_complex_strided_sparse_and_empty():
    z = torch.nn.Parameter(torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128))
    s = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).t())
    e = torch.nn.Parameter(torch.zeros(0, 3))
    assert not s.is_contiguous()
    opt = doors.SGD([z, s, e], lr=0.5)
    z.grad = torch.tensor([1j, 2.0], dtype=torch.complex128)
    s.grad = torch.eye(3, 2).to_sparse()
    e.grad = torch.zeros(0, 3)
    opt.step()
    assert z.tolist() == [1 + 1.5j, 2 - 1j]
    assert s.tolist() == [[-0.5, 3.0], [1.0, 3.5], [2.0, 5.0]]


def embedding(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Embedding(50, 8, sparse=True, dtype=torch.float64)


@pytest.mark.parametrize("name, options", [("SparseAdam", {}), ("Adagrad", {"rows": True}), ("SGD", {"rows": True})])
def test_sparse_gradients_step_as_in_torch(name, options):
    ours, theirs = embedding(), embedding()
    both = {"lr": 0.1} | ({"eps": 1e-13} if name == "SparseAdam" else {})  # torch adds it before the root's correction
    a = getattr(doors, name)(ours.parameters(), **both, **options)
    b = getattr(torch.optim, name)(theirs.parameters(), **both)
    for step in range(10):
        for net, opt in ((ours, a), (theirs, b)):
            opt.zero_grad()
            rows = torch.tensor([step, 3, 3, 7 + 2 * step])
            (net(rows) * torch.arange(4.0).unsqueeze(1)).cos().sum().backward()
            opt.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-9, atol=1e-9)


def test_rows_that_no_batch_looked_up_stand_still():
    net = embedding()
    before = net.weight.detach().clone()
    opt = doors.AdamW(net.parameters(), lr=0.1, weight_decay=0.5, rows=True)
    for rows in ([1, 2], [2, 3]):
        opt.zero_grad()
        net(torch.tensor(rows)).sum().backward()
        opt.step()
    assert (net.weight != before).any(dim=1).nonzero().flatten().tolist() == [1, 2, 3]


def test_closures_answer_requests():
    net = model()
    opt = doors.LBFGS(net.parameters())

    def closure():
        opt.zero_grad()
        loss = loss_of(net)
        loss.backward()
        return loss

    first = opt.step(closure).item()
    for _ in range(30):
        last = opt.step(closure).item()
    assert last < 0.02 * first
    wrapped = doors.SGD(net.parameters(), lr=0.01, wrappers=["sam"])
    with pytest.raises(TypeError, match="closure"):
        net.zero_grad()
        loss_of(net).backward()
        wrapped.step()
    wrapped.step(closure)


def test_products_come_from_autograd():
    net = model()
    opt = doors.make("newton_cg", net.parameters())
    first = loss_of(net).item()
    for _ in range(10):
        opt.step(forward=lambda: loss_of(net))
    assert loss_of(net).item() < 0.1 * first


def test_bad_options_have_good_sentences():
    p = [torch.nn.Parameter(torch.zeros(2))]
    with pytest.raises(TypeError, match='no option "beta7"'):
        doors.AdamW(p, beta7=1)
    with pytest.raises(gradopt.ArgumentError, match="beta1"):
        doors.AdamW(p, betas=(1.5, 0.9))
    with pytest.raises(ValueError, match="lr"):
        doors.AdamW(p, lr=-1)
    with pytest.raises(gradopt.ArgumentError, match="nothing"):
        doors.make("nothing", p)
    with pytest.raises(AttributeError, match="Nothing"):
        doors.Nothing  # noqa: B018


def test_every_method_has_a_class():
    assert set(doors.CLASSES) == set(gradopt.algorithms())
    assert doors.AdamW is doors.CLASSES["adamw"] and doors.ClipAdagrad.algorithm == "clip_adagrad"
    for name, cls in doors.CLASSES.items():
        assert cls.__doc__ and issubclass(cls, torch.optim.Optimizer), name


PLAIN = [
    name
    for name in gradopt.algorithms()
    if not gradopt.algorithm(name).needs & {"components", "losses", "constraints", "inputs", "particles", "residuals"}
    and len(gradopt.algorithm(name).roles) < 2
]


@pytest.mark.parametrize("name", PLAIN)
def test_every_plain_method_steps(name):
    torch.manual_seed(1)
    p = torch.nn.Parameter(torch.rand(3, 4, dtype=torch.float64))
    opt = doors.make(name, [p])
    try:
        for _ in range(3):
            opt.step(forward=lambda: (p**2).sum())
    except (gradopt.OrderError, gradopt.ArgumentError) as error:
        pytest.skip(str(error))
    assert torch.isfinite(p).all()
    twin = doors.make(name, [torch.nn.Parameter(p.detach().clone())])
    twin.load_state_dict(opt.state_dict())
    q = twin.param_groups[0]["params"][0]
    opt.step(forward=lambda: (p**2).sum())
    twin.step(forward=lambda: (q**2).sum())
    assert torch.equal(p, q)


def test_gradients_are_not_kept_alive():
    import weakref

    for wide in (torch.ones(4, 4), torch.ones(4, 4).t()[:2]):
        p = torch.nn.Parameter(wide)
        opt = doors.AdamW([p])
        for _ in range(2):
            p.grad = torch.ones_like(p)
            seen = weakref.ref(p.grad)
            opt.step()
            opt.zero_grad()
            assert seen() is None


def test_two_threads_and_a_fork():
    import multiprocessing
    import threading

    nets = [model(i) for i in range(4)]
    alone = [model(i) for i in range(4)]

    def work(net):
        train(net, doors.AdamW(net.parameters(), lr=0.01), 20)

    threads = [threading.Thread(target=work, args=(net,)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for net, other in zip(nets, alone, strict=True):
        work(other)
        close(net, other, 0)
    for way in ("fork", "spawn") if "jax" not in sys.modules else ("spawn",):  # jax's threads do not survive a fork
        with multiprocessing.get_context(way).Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Lion", "Adagrad"])
def test_any_dense_layout_without_copies(name: str) -> None:
    torch.manual_seed(0)
    plain = torch.nn.Parameter(torch.randn(4, 3, 5, 6))
    last = torch.nn.Parameter(
        plain.detach().clone(memory_format=torch.preserve_format).to(memory_format=torch.channels_last)
    )
    turned = torch.nn.Parameter(plain.detach().permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0))
    make = getattr(gradopt.torch, name)
    opts = [make([p], lr=0.01) for p in (plain, last, turned)]
    for step in range(4):
        for p in (plain, last, turned):
            p.grad = torch.sin(p.detach() + step)
        for opt in opts:
            opt.step()
        if step == 2:  # through a state of the other layout
            states = [opt.state_dict() for opt in opts]
            for kept in states[1]["state"][0]:
                a, b = (torch.as_tensor(states[k]["state"][0][kept]) for k in (0, 1))
                assert a.shape == b.shape and torch.equal(a, b)
            opts[1].load_state_dict(states[2])
    assert not last.is_contiguous() and not turned.is_contiguous()
    assert torch.equal(plain, last) and torch.equal(plain, turned)
    assert all(lent.in_place for opt in opts for lent in opt._lent)
