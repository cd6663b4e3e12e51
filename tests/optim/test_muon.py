"""Muon beside torch's: the matrices against ``torch.optim.Muon``, all else against Adam."""

import pytest
import torch
from torch import nn

import coursekit as ck
from coursekit.engine import mixed_precision


@pytest.fixture(autouse=True)
def in_float32(monkeypatch):
    """So that a machine with a unit for bfloat16 computes as others do."""
    monkeypatch.setattr(mixed_precision, "has_fast_bfloat16", lambda: False)


def steps(optimizer_of, parameter: torch.Tensor, n: int = 20) -> torch.Tensor:
    """The parameter after n steps along gradients that are the same for everyone."""
    parameter, generator = nn.Parameter(parameter.clone()), torch.Generator().manual_seed(1)
    optimizer = optimizer_of([parameter])
    for _ in range(n):
        parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return parameter.detach()


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9")
@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (7, 7)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_matrix_goes_where_torchs_muon_goes(shape, decay):
    """Which computes in bfloat16: steps of 0.01 agree to a part of their size."""
    start = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    ours = steps(lambda p: ck.optim.Muon(p, lr=0.01, weight_decay=decay), start)
    options = {"weight_decay": decay, "adjust_lr_fn": "match_rms_adamw"}
    theirs = steps(lambda p: torch.optim.Muon(p, lr=0.01, **options), start)
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.03 * moved and moved > 0.1


def test_a_kernel_is_a_matrix_with_a_row_for_each_output():
    start = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    kernel, matrix = nn.Parameter(start.clone()), nn.Parameter(start.flatten(1))
    for parameter in (kernel, matrix):
        parameter.grad = parameter.detach().sin()
        ck.optim.Muon([parameter], lr=0.1).step()
    assert torch.equal(kernel.flatten(1), matrix)


def test_a_bias_goes_where_adam_goes():
    start = torch.randn(9, generator=torch.Generator().manual_seed(0))
    ours = steps(lambda p: ck.optim.Muon(p, lr=0.01, weight_decay=0.5), start)
    theirs = steps(lambda p: torch.optim.Adam(p, lr=0.01), start)
    torch.testing.assert_close(ours, theirs)


def test_the_step_of_a_matrix_is_as_large_as_one_of_adam():
    """0.2 lr an entry (root mean square), whatever the shape and the size of the gradient."""
    for shape, size in (((16, 400), 1e-4), ((400, 16), 1.0), ((50, 50), 1e4)):
        weight = nn.Parameter(torch.zeros(shape))
        weight.grad = size * torch.randn(shape, generator=torch.Generator().manual_seed(0))
        ck.optim.Muon([weight], lr=1.0).step()
        assert 0.12 < weight.detach().square().mean().sqrt() < 0.24, shape


@pytest.mark.parametrize("shape", [(16, 150), (150, 16), (40, 40)])
def test_orthogonal_levels_the_singular_values_and_keeps_the_directions(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    strengths = torch.linspace(1, 0.02, len(s))
    level = ck.optim.orthogonal(u * strengths @ v)
    inside = u.mT @ level @ v.mT
    assert 0.65 < inside.diagonal().min() and inside.diagonal().max() < 1.2
    assert (inside - inside.diagonal().diag()).abs().max() < 1e-4


def test_in_bfloat16_it_is_about_the_same(monkeypatch):
    matrix = torch.randn(16, 150, generator=torch.Generator().manual_seed(0))
    exact = ck.optim.orthogonal(matrix)
    monkeypatch.setattr(mixed_precision, "has_fast_bfloat16", lambda: True)
    half = ck.optim.orthogonal(matrix)
    assert half.dtype == torch.float32 and not torch.equal(half, exact)
    assert (half - exact).norm() < 0.1 * exact.norm()  # five steps with 8 bits each


def test_a_gradient_of_zeros_moves_nothing():
    weight = nn.Parameter(torch.ones(3, 4))
    weight.grad = torch.zeros(3, 4)
    ck.optim.Muon([weight], lr=1.0).step()
    assert torch.equal(weight.detach(), torch.ones(3, 4))


@pytest.mark.parametrize(
    "settings", [{"lr": -1.0}, {"momentum": 1.0}, {"momentum": -0.1}, {"weight_decay": -1.0}]
)
def test_settings_out_of_range_are_refused(settings):
    weight = nn.Parameter(torch.ones(2, 2))
    for make in (
        lambda: ck.optim.Muon([weight], **settings),
        lambda: ck.optim.Muon([{"params": [weight], **settings}]),
    ):
        with pytest.raises(ValueError, match=r"0 or more, momentum < 1"):
            make()


def test_a_training_goes_on_from_a_checkpoint_bit_by_bit(tmp_path):
    def start():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
        images = torch.randint(0, 256, (64, 3, 8, 8), dtype=torch.uint8)
        data = ck.Images(images, torch.arange(64) % 3, ("a", "b", "c"), "made up")
        optimizer = ck.optim.Muon(net.parameters(), lr=0.01, weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.01, total_steps=16, cycle_momentum=False
        )
        loader = data.loader(16, shuffle=True)
        return dict(
            model=net, train=loader, optimizer=optimizer, scheduler=schedule, progress=False
        )

    whole = start()
    history = ck.fit(**whole, epochs=4)
    assert history.train_loss[-1] < history.train_loss[0]
    ck.fit(**start(), epochs=2, checkpoint=tmp_path / "a.pt")
    revived = start()
    ck.fit(**revived, epochs=4, checkpoint=tmp_path / "a.pt")
    for one, other in zip(whole["model"].parameters(), revived["model"].parameters()):
        assert torch.equal(one, other)
