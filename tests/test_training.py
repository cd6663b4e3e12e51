"""fit and evaluate against a loop written by hand and against scikit-learn; what goes wrong, and
what is said then."""

import copy
import time
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import coursekit as ck
from coursekit import training
from coursekit.augment import RandomCrop, RandomHorizontalFlip
from coursekit.engine.mixed_precision import fuse


class Net(nn.Module):
    """A little of everything: convolution, batch normalisation, dropout."""

    def __init__(self, classes=3):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(4 * 3 * 3, classes)

    def forward(self, x):
        return self.out(self.drop(self.features(x).flatten(1)))


def plain_net():
    """Nothing random, nothing that normalises."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 3))


def adam(net, lr=3e-3):
    return torch.optim.Adam(net.parameters(), lr=lr)


def fit(net, train, valid=None, *, epochs=1, **options):
    """ck.fit, silent, with Adam if nothing else is said."""
    return ck.fit(
        net, train, valid, epochs=epochs, **{"optimizer": adam(net), "progress": False} | options
    )


def same_weights(net, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    )


# ---- fit


def test_view_after_a_convolution_is_told_the_way_out(pictures):
    class Viewing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.out = nn.Conv2d(1, 4, 3), nn.Linear(144, 3)

        def forward(self, x):
            return self.out(self.conv(x).view(len(x), -1))

    with pytest.raises(ValueError, match=r"flatten\(1\) .*fast=False"):
        fit(Viewing(), pictures.loader(20))
    assert fit(Viewing(), pictures.loader(20), fast=False).train_loss


def test_fast_changes_the_order_of_memory_and_not_the_training(pictures):
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(96, 3)
    )
    losses = []
    for fast in (True, False):
        mine = copy.deepcopy(net)
        torch.manual_seed(2)
        optimizer = torch.optim.SGD(mine.parameters(), lr=0.05)
        losses.append(
            fit(
                mine, pictures.loader(20, shuffle=True), optimizer=optimizer, epochs=2, fast=fast
            ).batch_loss
        )
        assert mine[2].weight.is_contiguous(memory_format=torch.channels_last) is fast
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_fit_is_the_loop_written_by_hand_bit_for_bit(pictures, kind):
    """In the order of memory that the loop by hand has; ``fast`` sums in another one."""

    def start():
        torch.manual_seed(1)
        net = Net()
        loader = pictures.loader(20, shuffle=True, augment=[RandomCrop(1), RandomHorizontalFlip()])
        optimizer = (
            torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9) if kind == "SGD" else adam(net)
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.05, total_steps=3 * len(loader)
        )
        return net, loader, optimizer, schedule

    net, loader, optimizer, schedule = start()
    history = fit(
        net,
        loader,
        pictures.loader(50),
        epochs=3,
        optimizer=optimizer,
        scheduler=schedule,
        fast=False,
    )

    by_hand, loader, optimizer, schedule = start()
    for epoch in range(3):
        by_hand.train()
        loss_sum, correct, losses = 0.0, 0, []
        for x, y in loader:
            outputs = by_hand(x)
            loss = F.cross_entropy(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            loss_sum += loss.item() * len(y)
            correct += (outputs.argmax(1) == y).sum().item()
        assert history.train_loss[epoch] == pytest.approx(loss_sum / 96, rel=1e-5)
        assert history.train_metric[epoch] == pytest.approx(correct / 96, rel=1e-6)
        assert history.batch_loss[5 * epoch : 5 * (epoch + 1)] == losses
        by_hand.eval()
        with torch.no_grad():
            right = sum((by_hand(x).argmax(1) == y).sum().item() for x, y in pictures.loader(50))
        assert history.valid_metric[epoch] == pytest.approx(right / 96, rel=1e-6)
    assert same_weights(net, by_hand)
    assert history.samples == [96] * 3 and history.speed > 0
    assert history.source == "bands (synthetic)"


def test_fit_learns(pictures, seeded):
    net = Net()
    history = fit(
        net,
        pictures.loader(16, shuffle=True),
        pictures.loader(96),
        epochs=8,
        optimizer=adam(net, 1e-2),
    )
    assert history.valid_metric[-1] > 0.9
    assert history.valid_loss[-1] < history.valid_loss[0]
    assert len(history.train_loss) == len(history.train_metric) == len(history.seconds) == 8


def test_evaluation_between_the_epochs_changes_nothing(pictures):
    """With a list: every pass over a DataLoader, shuffled or not, takes one number from torch's
    generator."""
    nets = []
    for valid in (None, list(pictures.loader(96))):
        torch.manual_seed(0)
        nets.append(Net())
        fit(nets[-1], pictures.loader(20, shuffle=True), valid, epochs=2)
    assert same_weights(*nets)


def test_a_frozen_part_stays_frozen(pictures, seeded):
    net = Net()
    net.features[0].requires_grad_(False)
    before = copy.deepcopy(net.features[0])
    fit(
        net,
        pictures.loader(32),
        optimizer=torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1),
    )
    assert same_weights(net.features[0], before)


def test_the_schedule_steps_with_every_batch(pictures):
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    fit(net, pictures.loader(32), epochs=2, optimizer=optimizer, scheduler=schedule)
    assert schedule.last_epoch == 6
    assert optimizer.param_groups[0]["lr"] == 0.5**6


def test_a_schedule_that_ends_too_early_is_refused_before_it_starts(pictures):
    net = Net()
    before, optimizer = copy.deepcopy(net), adam(net)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=5)
    with pytest.raises(
        ValueError,
        match=r"the schedule ends after 5 steps, 0 of them done, but 2 epochs of 3 batches need 6 "
        r"more: make it with total_steps=epochs \* len\(loader\)",
    ):
        fit(net, pictures.loader(32), epochs=2, optimizer=optimizer, scheduler=schedule)
    assert same_weights(net, before)


def test_other_loss_other_metric(pictures, seeded):
    """Regression on the mean brightness."""

    def nearness(outputs, target):
        return 1 - (outputs.squeeze(1) - target).abs()

    def squared(outputs, target):
        return F.mse_loss(outputs.squeeze(1), target)

    x, _ = next(iter(pictures.loader(96)))
    loader = DataLoader(TensorDataset(x, x.mean((1, 2, 3))), batch_size=25)
    net = Net(classes=1)
    history = fit(net, loader, loader, epochs=2, loss=squared, metric=nearness)
    result = ck.evaluate(net, loader, loss=squared, metric=nearness)
    assert history.metric_name == result.metric_name == "nearness"
    with torch.no_grad():
        outputs = net.eval()(x).squeeze(1)
    target = x.mean((1, 2, 3))
    assert result.loss == pytest.approx(F.mse_loss(outputs, target).item(), rel=1e-5)
    assert result.mean == pytest.approx((1 - (outputs - target).abs()).mean().item(), rel=1e-5)
    assert history.valid_metric[-1] == pytest.approx(result.mean, rel=1e-6)
    assert repr(result).startswith("nearness 0.") and "%" not in repr(result)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.place = nn.Linear(64, 3), nn.Linear(2, 3)

    def forward(self, x, place):
        return self.image(x.flatten(1)) + self.place(place)


def test_several_inputs(pictures, seeded):
    x, y = next(iter(pictures.loader(96)))
    batches = [
        (x[i : i + 32], torch.rand(len(x[i : i + 32]), 2), y[i : i + 32]) for i in (0, 32, 64)
    ]
    net = TwoInputs()
    history = fit(net, batches, batches, epochs=15, optimizer=adam(net, 1e-2))
    assert history.valid_metric[-1] > 0.9


def test_several_outputs(pictures, seeded):
    """A model may return a tuple: loss and metric get it, and an evaluation has each part whole."""

    class Twins(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = plain_net(), plain_net()

        def forward(self, x):
            return self.one(x), self.two(x)

    def loss(outputs, target):
        return sum(F.cross_entropy(each, target) for each in outputs)

    def both_right(outputs, target):
        return (outputs[0].argmax(1) == target) & (outputs[1].argmax(1) == target)

    net = Twins()
    history = fit(
        net,
        pictures.loader(20, shuffle=True),
        pictures.loader(50),
        epochs=3,
        loss=loss,
        metric=both_right,
    )
    result = ck.evaluate(net, pictures.loader(50), loss=loss, metric=both_right)
    X, y = pictures.__getitems__(range(len(pictures)))
    with torch.no_grad():
        expected = net(X)
    assert history.valid_loss[-1] == result.loss == pytest.approx(loss(expected, y).item())
    assert isinstance(result.outputs, tuple) and all(map(torch.allclose, result.outputs, expected))
    assert (
        result.values.sum() == both_right(expected, y).sum() and result.classes == pictures.classes
    )


# ---- the best epoch


def test_the_weights_of_the_best_epoch(pictures, seeded):
    """A rate that turns negative at the end: with keep_best the model is the one of the best epoch
    all the same."""
    train, valid = pictures.split(0.3)
    rates = [0.05, 0.05, 0.05, -0.5, -0.5]
    accuracies, steps = {}, len(train.loader(20))
    for keep in (False, True):
        torch.manual_seed(3)
        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), lr=1)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rates[min(step // steps, 4)]
        )
        history = fit(
            net,
            train.loader(20, shuffle=True),
            valid.loader(50),
            epochs=5,
            optimizer=optimizer,
            scheduler=scheduler,
            keep_best=keep,
        )
        accuracies[keep] = ck.evaluate(net, valid.loader(50)).accuracy
        assert accuracies[keep] == history.valid_metric[history.best if keep else -1]
    assert history.best == history.valid_metric.index(max(history.valid_metric)) < 4
    assert accuracies[True] > accuracies[False]


class Talkative(nn.Module):
    def __init__(self, more):
        super().__init__()
        self.net, self.more = plain_net(), more

    def forward(self, x):
        return {"out": self.net(x), **self.more}


def test_outputs_by_name(pictures):
    options = {
        "loss": lambda outputs, y: F.cross_entropy(outputs["out"], y),
        "metric": lambda outputs, y: training.accuracy(outputs["out"], y),
    }
    net = Talkative({})
    result = ck.evaluate(net, pictures.loader(20), **options)
    assert result.outputs.keys() == {"out"} and len(result.outputs["out"]) == len(pictures)
    with pytest.raises(ValueError, match="tensors, or tuples of them, not str"):
        ck.evaluate(Talkative({"more": "text"}), pictures.loader(20), **options)


def test_a_metric_that_is_nan_is_not_the_best():
    assert ck.History(valid_metric=[float("nan"), 0.2, 0.5, 0.5]).best == 2
    with pytest.raises(ValueError, match="held-out part"):
        _ = ck.History().best


def test_the_best_epoch_is_not_chosen_on_nothing(pictures):
    with pytest.raises(ValueError, match="held-out part"):
        fit(plain_net(), pictures.loader(20), keep_best=True)


def test_any_iterable_of_batches_will_do(pictures):
    """A list, a TensorDataset's loader, a loader that collates single items: the same weights from
    all."""
    x, y = next(iter(pictures.loader(96)))
    whole = TensorDataset(x, y)
    nets = []
    for loader in (
        pictures.loader(32),
        [(x[i : i + 32], y[i : i + 32]) for i in (0, 32, 64)],
        DataLoader(whole, batch_size=32),
        DataLoader([whole[i] for i in range(96)], batch_size=32),
        DataLoader([(x[i], int(y[i])) for i in range(96)], batch_size=32),
    ):
        torch.manual_seed(0)
        nets.append(plain_net())
        history = fit(nets[-1], loader, epochs=2)
        assert history.samples == [96, 96]
    assert all(same_weights(net, nets[0]) for net in nets[1:])
    assert history.source == "data of unknown source"


def test_a_terminal_gets_one_line_an_epoch(pictures, capsys):
    fit(Net(), pictures.loader(32), pictures.loader(96), epochs=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2 of 2 · training loss ") and "held out loss" in lines[1]
    fit(Net(), pictures.loader(32))
    assert capsys.readouterr().out == ""


def test_history_in_words(pictures):
    history = fit(Net(), pictures.loader(32), epochs=2)
    assert repr(history).startswith("2 epochs on bands (synthetic): training loss ")
    assert repr(ck.History()) == "no epoch yet"


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_the_fused_step_gives_nearly_the_same_weights(pictures, kind):
    """What ``fast`` does to the optimizer on a GPU, tried on a CPU, which knows fused steps too."""
    nets = []
    for fused in (False, True):
        torch.manual_seed(0)
        nets.append(plain_net())
        optimizer = kind(nets[-1].parameters(), lr=1e-2)
        if fused:
            fuse(optimizer)
            assert optimizer.param_groups[0]["fused"]
        fit(nets[-1], pictures.loader(20, shuffle=True), epochs=3, optimizer=optimizer)
    for a, b in zip(nets[0].state_dict().values(), nets[1].state_dict().values()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_fusing_leaves_other_optimizers_alone():
    net = Net()
    plain = torch.optim.Rprop(net.parameters())
    fuse(plain)
    assert "fused" not in plain.param_groups[0]
    used = adam(net)
    net.out.bias.sum().backward()
    used.step()
    fuse(used)
    assert not used.param_groups[0]["fused"], "a step that was begun is not changed"


# ---- evaluate


@given(st.integers(2, 60), st.integers(2, 6), st.integers(1, 30), st.integers(0, 99))
def test_evaluate_agrees_with_scikit_learn(n, classes, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    outputs, labels = (
        torch.randn(n, classes, generator=generator),
        torch.randint(classes, (n,), generator=generator),
    )
    net = nn.Linear(classes, classes, bias=False)
    net.weight.data = torch.eye(classes)
    result = ck.evaluate(net, DataLoader(TensorDataset(outputs, labels), batch_size=batch_size))
    predictions = outputs.argmax(1)
    assert result.accuracy == metrics.accuracy_score(labels, predictions)
    assert (result.correct, result.total) == ((labels == predictions).sum(), n)
    assert np.array_equal(
        result.confusion, metrics.confusion_matrix(labels, predictions, labels=range(classes))
    )
    assert torch.equal(result.targets, labels) and torch.equal(result.predictions, predictions)
    torch.testing.assert_close(result.outputs, outputs)
    assert result.loss == pytest.approx(
        metrics.log_loss(labels, outputs.double().softmax(1), labels=range(classes)), rel=1e-4
    )
    for label, share in result.per_class.items():
        mine = labels == int(label)
        if mine.any():
            assert share == pytest.approx(
                metrics.accuracy_score(labels[mine], predictions[mine]), rel=1e-6
            )


def test_evaluate_does_not_depend_on_the_batch_size(pictures, seeded):
    net = Net()
    fit(net, pictures.loader(32), epochs=2)
    results = [ck.evaluate(net, pictures.loader(size)) for size in (96, 50, 7, 1)]
    assert len({result.correct for result in results}) == 1
    assert all(result.loss == pytest.approx(results[0].loss, rel=1e-5) for result in results)


def test_evaluate_works_in_eval_mode_and_gives_every_mode_back(pictures, seeded):
    net = Net().train()
    net.features[1].eval()  # a frozen batch normalisation in a model that trains
    modes = [module.training for module in net.modules()]
    before = copy.deepcopy(net)
    first, second = (ck.evaluate(net, pictures.loader(40)) for _ in range(2))
    assert torch.equal(first.outputs, second.outputs), "dropout was at work"
    with torch.no_grad():
        x, _ = next(iter(pictures.loader(96)))
        expected = before.eval()(x)
    torch.testing.assert_close(first.outputs, expected)
    assert [module.training for module in net.modules()] == modes
    assert same_weights(net, before), "the running statistics moved"
    assert not first.outputs.requires_grad


def test_the_mode_comes_back_after_an_error_too(pictures):
    net = Net().train()
    with pytest.raises(ValueError):
        ck.evaluate(net, [(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))])
    assert all(module.training for module in net.modules())


def test_evaluation_in_words(pictures, seeded):
    result = ck.evaluate(Net(), pictures.loader(96))
    share, n = result.accuracy, result.total
    assert result.margin == pytest.approx(1.96 * (share * (1 - share) / n) ** 0.5, rel=0.01)
    assert list(result.per_class) == ["high", "middle", "low"]
    assert repr(result) == (
        f"accuracy {100 * share:.2f} % ± {100 * result.margin:.2f} ({result.correct} of 96), "
        f"loss {result.loss:.4f} (bands (synthetic))"
    )


# ---- what goes wrong


@pytest.mark.parametrize("batch", [1, 2])
def test_a_loss_that_is_not_finite_stops_the_run(pictures, batch):
    calls = []

    def loss(outputs, y):
        calls.append(1)
        return F.cross_entropy(outputs, y) * (float("nan") if len(calls) == 3 + batch else 1)

    with pytest.raises(
        FloatingPointError,
        match=f"the loss became nan in epoch 2, batch {batch}: lower the learning rate",
    ):
        fit(Net(), pictures.loader(32), epochs=3, loss=loss)


def test_a_learning_rate_that_explodes_is_noticed(pictures):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 3))
    with pytest.raises(FloatingPointError, match="the loss became (nan|inf) in epoch"):
        fit(
            net, pictures.loader(8), epochs=20, optimizer=torch.optim.SGD(net.parameters(), lr=1e18)
        )


@pytest.mark.parametrize(
    "empty", [[], DataLoader(TensorDataset(torch.zeros(0, 1, 8, 8), torch.zeros(0).long()))]
)
def test_an_empty_loader(pictures, empty):
    with pytest.raises(ValueError, match="the training loader is empty"):
        fit(Net(), empty)
    with pytest.raises(ValueError, match="the loader is empty"):
        ck.evaluate(Net(), empty)
    with pytest.raises(ValueError, match="the loader is empty"):
        fit(Net(), pictures.loader(32), empty)


FLAT = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(9, 3))


@pytest.mark.parametrize(
    ("net", "batch", "words"),
    [
        (
            Net(),
            torch.zeros(4, 3, 8, 8),
            ["layer 'features.0'", "Conv2d(1, 4", "float32 4×3×8×8", "weight float32 4×1×3×3"],
        ),
        (Net(), torch.zeros(4, 1, 9, 12), ["layer 'out'", "float32 4×60", "weight float32 3×36"]),
        (
            Net(),
            torch.zeros(4, 1, 8, 8, dtype=torch.uint8),
            ["layer 'features.0'", "uint8 4×1×8×8", "weight float32 4×1×3×3"],
        ),
        (
            Net(),
            torch.zeros(4, 1, 8, 8, dtype=torch.float64),
            ["layer 'features.0'", "float64 4×1×8×8", "float32"],
        ),
        (Net(), torch.zeros(4, 1, 2, 8), ["layer 'features.0'", "float32 4×1×2×8"]),
        (
            FLAT,
            torch.zeros(4, 1, 8, 8),
            ["layer '3'", "Linear(in_features=9", "float32 4×8", "weight float32 3×9"],
        ),
    ],
)
@pytest.mark.parametrize("call", [fit, ck.evaluate])
def test_a_batch_that_does_not_fit_names_the_layer_and_both_shapes(net, batch, words, call):
    with pytest.raises(ValueError) as caught:
        call(net, [(batch, torch.zeros(4, dtype=torch.long))])
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value), "one sentence"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


class Adds(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return self.a(x) + self.b(x)


def test_a_failure_between_the_layers_names_the_model():
    with pytest.raises(
        ValueError,
        match="Adds.forward got an input float32 5×4, which do not fit: The size of tensor a",
    ):
        ck.evaluate(Adds(), [(torch.zeros(5, 4), torch.zeros(5, dtype=torch.long))])


@pytest.mark.parametrize("call", [fit, ck.evaluate])
@pytest.mark.parametrize(
    ("labels", "words"), [([0, 1, 3], "labels from 0 to 3"), ([0, -1, 2], "labels from -1 to 2")]
)
def test_labels_out_of_range(call, labels, words):
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    batches = [
        (torch.zeros(3, 4), torch.tensor([0, 1, 2])),
        (torch.zeros(3, 4), torch.tensor(labels)),
    ]
    with pytest.raises(
        ValueError,
        match=f"labels must lie in 0 … 2 for a model with 3 outputs, but this batch has {words}",
    ):
        call(net, batches)


class LosesTheBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 3)

    def forward(self, x):
        return self.out(x.view(-1, 2))


@pytest.mark.parametrize("call", [fit, ck.evaluate])
def test_a_lost_batch_dimension(call):
    with pytest.raises(ValueError, match=r"the model made 6 outputs for 3 labels: .*flatten\(1\)"):
        call(LosesTheBatch(), [(torch.zeros(3, 4), torch.zeros(3, dtype=torch.long))])


# ---- a metric is one value for each sample, and accuracy is for classes


def near(outputs, target):
    """A metric for one output, right where it is on the target's side of one half."""
    return (outputs.squeeze(1) > 0) == (target > 0.5)


def with_targets(shape, dtype, classes=1):
    """A net and batches of eight 1×8×8 images with targets of this shape."""
    target = torch.randint(0, 2, shape).to(dtype)
    return Net(classes=classes), [(torch.rand(8, 1, 8, 8), target)]


def binary(outputs, target):
    return F.binary_cross_entropy_with_logits(outputs.reshape(-1), target.reshape(-1).float())


@pytest.mark.parametrize("call", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("shape", "dtype", "metric", "words"),
    [
        ((8, 1), torch.float32, None, "accuracy compares .* not float32 8×1 with float32 8×1"),
        ((8,), torch.float32, None, "accuracy compares .* not float32 8×1 with float32 8"),
        ((8,), torch.int64, None, "accuracy compares .* not float32 8×1 with int64 8"),
        ((8, 1), torch.int64, None, "accuracy compares .* with int64 8×1"),
        ((8, 1), torch.float32, near, "metric near must give one value .* 8 samples.*not bool 8×8"),
        ((8,), torch.int64, lambda o, y: 0.5, "metric <lambda> must give .* not float"),
        ((8,), torch.int64, partial(lambda o, y: o), "metric <lambda> .*not float32 8×1"),
        ((8,), torch.int64, lambda o, y: o.mean(), "metric <lambda> .* not float32 .one number."),
    ],
)
def test_a_metric_that_lies_is_refused_by_name(shape, dtype, metric, words, call):
    net, batches = with_targets(shape, dtype)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    options = {"loss": binary} | ({"metric": metric} if metric else {})
    with pytest.raises(ValueError, match=words):
        if call == "evaluate":
            ck.evaluate(net, batches, **options)
        else:
            fit(net, batches, epochs=1, optimizer=adam(net), **options)
    for name, value in net.named_parameters():
        assert torch.equal(value, before[name]), "it was trained before the metric was looked at"


def one(outputs, target):
    return torch.ones(len(target))


def vector(outputs, target):
    return F.cross_entropy(outputs, target, reduction="none")


@pytest.mark.parametrize("call", ["fit", "evaluate"])
@pytest.mark.parametrize(
    ("loss", "target", "words"),
    [
        (F.mse_loss, torch.rand(8), "mse_loss failed on outputs float32 8×3 and targets float32 8"),
        (F.cross_entropy, torch.ones(8).int(), "cross_entropy failed .*int64, as target.long"),
        (vector, torch.ones(8).long(), "vector must give one number for a batch.* not float32 8"),
        (lambda o, y: 1.0, torch.ones(8).long(), "<lambda> must give one number .* not float"),
        (nn.CrossEntropyLoss, torch.ones(8).long(), "is a class: .*loss=CrossEntropyLoss()"),
        (nn.CrossEntropyLoss(reduction="sum"), torch.ones(8).long(), "reduction='mean'"),
        (partial(F.cross_entropy, reduction="sum"), torch.ones(8).long(), "reduction='mean'"),
    ],
)
def test_a_loss_that_lies_is_refused_by_name(loss, target, words, call):
    net = Net()
    before = copy.deepcopy(net.state_dict())
    if loss is F.mse_loss:
        net.out = nn.Linear(36, 1)
        words = words.replace("8×3", "8×1")
    batches, options = [(torch.rand(8, 1, 8, 8), target)], {"loss": loss, "metric": one}
    with pytest.raises(ValueError, match=words):
        fit(net, batches, **options) if call == "fit" else ck.evaluate(net, batches, **options)
    assert torch.equal(net.features[0].weight, before["features.0.weight"]), "it was trained"


def test_a_loss_that_nothing_can_be_learned_from():
    for frozen, loss in [(True, F.cross_entropy), (False, lambda o, y: (o.argmax(1) != y).sum())]:
        net = Net().requires_grad_(not frozen)
        with pytest.raises(ValueError, match="does not depend on any parameter that is trained"):
            fit(net, [(torch.rand(8, 1, 8, 8), torch.ones(8).long())], loss=loss)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (None, "the metric NoneType failed on outputs float32 8×3 and targets int64 8: "),
        (lambda o: 1, "the metric <lambda> failed on .* takes 1 positional argument"),
        (lambda o, y: o[:, 0] + 1j, "one value for each of the 8 .*, not complex64 8"),
    ],
)
def test_a_metric_that_fails_is_named(metric, words):
    with pytest.raises(ValueError, match=words):
        fit(Net(), [(torch.rand(8, 1, 8, 8), torch.ones(8).long())], metric=metric)


def test_batches_of_nothing_and_single_samples():
    x, y = torch.rand(8, 1, 8, 8), torch.ones(8).long()
    with pytest.raises(ValueError, match="no sample in it .float32 0×1×8×8, int64 0.: leave it"):
        ck.evaluate(Net(), [(x, y), (x[:0], y[:0])])
    with pytest.raises(ValueError, match="a batch must be tensors .*pass a loader"):
        fit(Net(), TensorDataset(x, y))


def test_labels_of_pixels_out_of_range():
    net, labels = nn.Conv2d(1, 3, 3, padding=1), torch.full((4, 8, 8), 7)
    with pytest.raises(ValueError, match="labels must lie in 0 … 2 .* from 7 to 7"):
        fit(net, [(torch.rand(4, 1, 8, 8), labels)], metric=one)


def test_labels_of_embeddings_are_the_affair_of_loss_and_metric():
    """Ten classes on a plane: right for a loss that compares pairs."""

    def pairs(outputs, target):
        same = (target[:, None] == target).float()
        return (torch.cdist(outputs, outputs) * (2 * same - 1)).mean()

    batches = [(torch.rand(20, 1, 8, 8), torch.arange(20) % 10)]
    history = fit(Net(classes=2), batches, loss=pairs, metric=one)
    assert np.isfinite(history.train_loss[0])
    with pytest.raises(ValueError, match="labels must lie in 0 … 1"):
        fit(Net(classes=2), batches, loss=pairs)


# ---- a last batch of one


ALONE = {
    "1-D": nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)),
    "2-D, the second of two": nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 6), nn.BatchNorm2d(4)),
        *(nn.Flatten(), nn.Linear(4, 3)),
    ),
    "3-D": nn.Sequential(
        nn.Unflatten(2, (1, 8)), nn.Conv3d(1, 4, (1, 8, 8)), nn.BatchNorm3d(4), nn.Flatten(1)
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_batch_of_one_and_batch_normalisation(name, pictures):
    net, layer = copy.deepcopy(ALONE[name]), {"1": "2", "2": "3", "3": "2"}[name[0]]
    some = pictures.take(9)
    told = f"layer '{layer}', BatchNorm{name[0]}d.* one sample, the others had up to 4 samples: "
    with pytest.raises(ValueError, match=f"{told}.*drop_last=True"):
        fit(net, some.loader(4))
    assert fit(net, some.loader(4, drop_last=True)).samples == [8]
    with pytest.raises(ValueError, match="one sample: make batches of at least two") as caught:
        fit(net, some.loader(1))
    assert "drop_last" not in str(caught.value)
    ck.evaluate(net, some.loader(1))
    with pytest.raises(ValueError, match="its 9 samples fill no batch"):
        some.loader(10, drop_last=True)


class NoReturn(Net):
    def forward(self, x):
        super().forward(x)


class NoMemory(Net):
    def forward(self, x):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("call", [fit, ck.evaluate])
def test_a_model_that_gives_nothing_back_or_finds_no_memory(call, pictures):
    with pytest.raises(ValueError, match="forward gives nothing back: end it with return"):
        call(NoReturn(), pictures.loader(20))
    with pytest.raises(RuntimeError, match="^DefaultCPUAllocator: can't"):
        call(NoMemory(), pictures.loader(20))


@pytest.mark.parametrize("epochs", [2.5, "3", -1])
def test_epochs_are_a_whole_number(epochs, pictures):
    with pytest.raises(ValueError, match=f"epochs must be a whole number, not {epochs!r}"):
        fit(Net(), pictures.loader(20), epochs=epochs)


@pytest.mark.filterwarnings("error")
def test_a_single_sample_has_no_margin(pictures):
    assert "± nan (" in repr(ck.evaluate(Net(), pictures.take(1).loader(1)))


def test_photos_as_targets_need_a_metric(seeded):
    net = nn.Conv2d(1, 1, 3, padding=1)
    photos = torch.rand(4, 1, 6, 6)
    with pytest.raises(ValueError, match="accuracy compares .* pass another one, as in metric="):
        fit(net, [(photos, photos)], epochs=1, optimizer=adam(net), loss=F.mse_loss)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_one_output_is_the_affair_of_the_loss(seeded, dtype):
    net, batches = with_targets((8,), dtype)
    history = fit(net, batches, epochs=20, optimizer=adam(net, 1e-2), loss=binary, metric=near)
    result = ck.evaluate(net, batches, loss=binary, metric=near)
    assert result.mean == 1 and 0 <= min(history.train_metric) <= max(history.train_metric) <= 1


def test_partials_and_objects_have_a_name(pictures, seeded):
    def top(outputs, target, k):
        return (outputs.topk(k).indices == target[:, None]).any(1)

    class Right:
        def __call__(self, outputs, target):
            return outputs.argmax(1) == target

    net = Net()
    history = fit(net, pictures.loader(32), epochs=1, optimizer=adam(net), metric=partial(top, k=2))
    result = ck.evaluate(net, pictures.loader(32), metric=Right())
    assert (history.metric_name, result.metric_name) == ("top", "Right")
    assert result.mean == result.accuracy == ck.evaluate(net, pictures.loader(32)).accuracy


def test_an_evaluation_of_something_else_has_no_accuracy(seeded):
    net, batches = with_targets((8,), torch.float32)
    result = ck.evaluate(net, batches, loss=binary, metric=near)
    for name in ("accuracy", "correct", "predictions", "confusion", "per_class"):
        with pytest.raises(ValueError, match="an evaluation of near, not of classes.*is .mean"):
            getattr(result, name)
    assert 0 <= result.mean <= 1 and result.margin >= 0


def test_the_time_of_the_evaluation_does_not_count(pictures, monkeypatch):
    clock, late = time.perf_counter, 0

    class Slow:
        def __iter__(self):
            nonlocal late
            late += 1000
            yield from pictures.loader(96)

    monkeypatch.setattr(time, "perf_counter", lambda: clock() + late)
    history = fit(Net(), pictures.loader(96), Slow(), epochs=1)
    assert late == 1000 and history.seconds[0] < 1000


def test_a_loader_without_a_length_will_do(pictures, seeded):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter([(torch.rand(1, 8, 8), i % 3) for i in range(24)])

    history = fit(Net(), DataLoader(Stream(), 8), epochs=2)
    assert history.samples == [24, 24]
    with pytest.raises(ValueError, match="the training loader is used up"):
        fit(Net(), iter([*pictures.loader(32)]), epochs=2)


def test_labels_that_the_loss_leaves_out_are_no_fault(seeded):
    target = torch.tensor([0, 1, -100, 2])
    history = fit(Net(), [(torch.rand(4, 1, 8, 8), target)], epochs=1)
    assert np.isfinite(history.train_loss[0])


def test_small_whole_numbers_are_counted_right():
    """200 classes as uint8: 199 · 200 needs more than eight bits."""
    outputs, target = torch.eye(200), torch.arange(200, dtype=torch.uint8)
    result = ck.evaluate(nn.Identity(), [(outputs, target)])
    assert torch.equal(result.confusion, torch.eye(200, dtype=torch.int64))
