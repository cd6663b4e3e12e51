"""What a checkpoint goes on with: the same recipe always, another one never, and random numbers of
every kind as if the run had not been stopped."""

import copy
import os
import random
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

import coursekit as ck
from coursekit.augment import RandomCrop, RandomHorizontalFlip
from coursekit.engine.fingerprint import fingerprint

SLOPE = 0.5


class Noise:
    """An augmentation with a generator of its own."""

    def __init__(self, generator, strength=3):
        self.generator, self.strength = generator, strength

    def __call__(self, images):
        if isinstance(self.generator, torch.Generator):
            draw = int(torch.randint(self.strength, (1,), generator=self.generator))
        elif isinstance(self.generator, np.random.Generator):
            draw = int(self.generator.integers(self.strength))
        else:
            draw = self.generator.randrange(self.strength)
        return images + draw


class Net(nn.Module):
    def __init__(self, width=4, p=0.2, hidden=nn.ReLU, factor=1.0):
        super().__init__()
        self.conv, self.norm, self.hidden = nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), hidden()
        self.drop, self.out, self.factor = nn.Dropout(p), nn.Linear(width * 36, 3), factor

    def forward(self, x):
        x = self.hidden(self.norm(self.conv(x)))
        return self.out(self.drop(x.flatten(1)))


class Steeper(Net):
    def forward(self, x):
        return super().forward(x) * SLOPE


def images(seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 250, (48, 1, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.arange(48) % 3
    return ck.Images(pixels, labels, ("a", "b", "c"), "noise", 0.5, 0.25, **options)


def loader(data=None, batch_size=16, **options):
    data = images(augment=[RandomCrop(1)]) if data is None else data
    return DataLoader(data, batch_size, collate_fn=tuple, **{"shuffle": True} | options)


def sampled(sampler, **options):
    return lambda: loader(shuffle=None, sampler=sampler(), **options)


def adam(net, **options):
    return torch.optim.Adam(net.parameters(), **{"lr": 1e-2} | options)


def sgd(net, **options):
    return torch.optim.SGD(net.parameters(), **{"lr": 1e-2, "momentum": 0.9} | options)


def two_groups(net, lr=1e-3):
    first = {"params": net.conv.parameters(), "lr": lr}
    return torch.optim.SGD([first, {"params": net.out.parameters()}], lr=1e-2)


def one_cycle(optimizer, **options):
    return lr_scheduler.OneCycleLR(optimizer, **{"max_lr": 0.05, "total_steps": 12} | options)


def in_a_row(optimizer, function):
    second = lr_scheduler.CosineAnnealingLR(optimizer, 9)
    return lr_scheduler.SequentialLR(
        optimizer, [lr_scheduler.LambdaLR(optimizer, function), second], [3]
    )


def frozen(net):
    net.conv.requires_grad_(False)
    return net


def hooked(net, factor=0.5):
    optimizer = adam(net)
    optimizer.register_step_post_hook(lambda *_: net.out.bias.data.mul_(factor))
    return optimizer


class Clipped(nn.Sequential):
    def __init__(self, most=1.0):
        super().__init__(Net())
        self[0].out.weight.register_hook(lambda gradient: gradient.clamp(max=most))


def focal(outputs, target, gamma=2.0):
    right = F.softmax(outputs, 1).gather(1, target[:, None])
    return (-((1 - right) ** gamma) * right.log()).mean()


def run(path, epochs=3, *, seed=0, net=Net, train=loader, held_out=None, **options):
    """A small run with all that a recipe has; what is asked for takes the place of the usual."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    model = net()
    make_optimizer, make_schedule = options.pop("optimizer", adam), options.pop("scheduler", None)
    optimizer = make_optimizer(model)
    scheduler = make_schedule and make_schedule(optimizer)
    valid = held_out and held_out()
    history = ck.fit(
        model,
        train(),
        valid,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=scheduler,
        checkpoint=path,
        progress=False,
        **options,
    )
    return model, history


def ends_alike(one, other):
    (model, history), (same, expected) = one, other
    weights = zip(model.state_dict().values(), same.state_dict().values(), strict=True)
    measured = [
        (one.train_loss, one.batch_loss, one.valid_loss, one.valid_metric)
        for one in (history, expected)
    ]
    return measured[0] == measured[1] and all(torch.equal(a, b) for a, b in weights)


def near(outputs, target):
    return outputs.argmax(1) == target


def nearer(outputs, target):
    return (outputs.argmax(1) == target).float()


def top(outputs, target, k):
    return (outputs.topk(k).indices == target[:, None]).any(1)


def downhill(sign):
    class Own(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data -= sign * group["lr"] * parameter.grad

    return lambda net: Own(net.parameters(), lr=1e-3)


def ordered(step):
    class Ordered(torch.utils.data.Sampler):
        def __iter__(self):
            return iter(range(48)[::step])

        def __len__(self):
            return 48

    return Ordered()


def shifted(data, change):
    change(data)
    return data


# name: the usual run's settings, what is changed, what the refusal says
CHANGED = {
    "seed of the weights": ({}, {"seed": 1}, "initial weights"),
    "learning rate": (
        {},
        {"optimizer": partial(adam, lr=0.5)},
        "learning rate: 0.5 asked for, 0.01",
    ),
    "betas": ({}, {"optimizer": partial(adam, betas=(0.8, 0.99))}, r"betas: \(0.8, 0.99\)"),
    "decay": ({}, {"optimizer": partial(adam, weight_decay=0.1)}, "weight_decay: 0.1"),
    "optimizer": ({}, {"optimizer": sgd}, "optimizer: SGD asked for, Adam saved"),
    "momentum": ({"optimizer": sgd}, {"optimizer": partial(sgd, momentum=0.5)}, "momentum: 0.5"),
    "rate of one group": (
        {"optimizer": two_groups},
        {"optimizer": partial(two_groups, lr=0.3)},
        "learning rate of group 0: 0.3 asked for, 0.001 saved",
    ),
    "a parameter left out": ({"optimizer": two_groups}, {"optimizer": sgd}, "asked for"),
    "frozen layers": ({}, {"net": lambda: frozen(Net())}, "frozen parameters: conv.weight"),
    "dropout": ({}, {"net": partial(Net, p=0.5)}, r"Dropout\(p=0.5.* asked for, .*Dropout\(p=0.2"),
    "activation": ({}, {"net": partial(Net, hidden=nn.Tanh)}, r"Tanh\(\) asked for, .*ReLU"),
    "width": ({}, {"net": partial(Net, width=5)}, "Conv2d"),
    "forward": ({"net": Net}, {"net": Steeper}, "Steeper"),
    "loss": ({}, {"loss": focal}, "loss: focal"),
    "option of the loss": (
        {"loss": partial(F.cross_entropy, label_smoothing=0.1)},
        {"loss": partial(F.cross_entropy, label_smoothing=0.2)},
        "loss: cross_entropy",
    ),
    "weights in the loss": (
        {"loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1, 1]))},
        {"loss": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2, 1]))},
        "loss: CrossEntropyLoss",
    ),
    "default of the loss": (
        {"loss": focal},
        {"loss": partial(focal, gamma=3.0)},
        "loss: focal",
    ),
    "schedule": ({}, {"scheduler": one_cycle}, "schedule: OneCycleLR asked for, none saved"),
    "largest rate": (
        {"scheduler": one_cycle},
        {"scheduler": partial(one_cycle, max_lr=0.1)},
        "largest rate: 0.1 asked for, 0.05 saved",
    ),
    "warm-up": (
        {"scheduler": one_cycle},
        {"scheduler": partial(one_cycle, pct_start=0.5)},
        "of the schedule",
    ),
    "step of the schedule": (
        {"scheduler": partial(lr_scheduler.StepLR, step_size=3)},
        {"scheduler": partial(lr_scheduler.StepLR, step_size=4)},
        "step_size of the schedule: 4 asked for, 3 saved",
    ),
    "milestones": (
        {"scheduler": partial(lr_scheduler.MultiStepLR, milestones=[2, 4])},
        {"scheduler": partial(lr_scheduler.MultiStepLR, milestones=[2, 5])},
        "milestones of the schedule",
    ),
    "function of the schedule": (
        {"scheduler": partial(lr_scheduler.LambdaLR, lr_lambda=lambda step: 0.9**step)},
        {"scheduler": partial(lr_scheduler.LambdaLR, lr_lambda=lambda step: 0.8**step)},
        "lr_lambdas of the schedule",
    ),
    "a function in a row of schedules": (
        {"scheduler": partial(in_a_row, function=lambda step: 0.9**step)},
        {"scheduler": partial(in_a_row, function=lambda step: 0.8**step)},
        "lr_lambdas of the schedule 1",
    ),
    "batch size": ({}, {"train": partial(loader, batch_size=12)}, "batch"),
    "drop_last": (
        {"train": partial(loader, batch_size=20)},
        {"train": partial(loader, batch_size=20, drop_last=True)},
        "asked for",
    ),
    "order": ({}, {"train": partial(loader, shuffle=False)}, "order: SequentialSampler"),
    "seed of the order": (
        {"train": lambda: loader(generator=torch.Generator().manual_seed(1))},
        {"train": lambda: loader(generator=torch.Generator().manual_seed(2))},
        "order: RandomSampler, seed 2",
    ),
    "weights of the sampler": (
        {"train": sampled(lambda: WeightedRandomSampler([1.0] * 48, 48))},
        {"train": sampled(lambda: WeightedRandomSampler([1.0] * 24 + [2.0] * 24, 48))},
        "order: WeightedRandomSampler",
    ),
    "images of the sampler": (
        {"train": sampled(lambda: SubsetRandomSampler(range(32)))},
        {"train": sampled(lambda: SubsetRandomSampler(range(16, 48)))},
        "order: SubsetRandomSampler",
    ),
    "pixels": ({}, {"train": lambda: loader(images(1, augment=[RandomCrop(1)]))}, "training data"),
    "labels": (
        {"train": lambda: loader(images())},
        {"train": lambda: loader(shifted(images(), lambda data: data.labels.add_(1).fmod_(3)))},
        "training data",
    ),
    "normalisation": (
        {"train": lambda: loader(images())},
        {"train": lambda: loader(shifted(images(), lambda data: setattr(data, "mean", 0.4)))},
        "training data",
    ),
    "no augmentation": ({}, {"train": lambda: loader(images())}, "training data"),
    "more augmentation": (
        {},
        {"train": lambda: loader(images(augment=[RandomCrop(1), RandomHorizontalFlip()]))},
        "training data",
    ),
    "padding": ({}, {"train": lambda: loader(images(augment=[RandomCrop(2)]))}, "training data"),
    "strength of an own augmentation": (
        {"train": lambda: loader(images(augment=[Noise(random.Random(0))]))},
        {"train": lambda: loader(images(augment=[Noise(random.Random(0), strength=9)]))},
        "training data",
    ),
    "held-out data": (
        {"held_out": lambda: images().loader(48)},
        {"held_out": lambda: images(1).loader(48)},
        "held-out data",
    ),
    "choice of the epoch": (
        {"held_out": lambda: images().loader(48)},
        {"held_out": lambda: images().loader(48), "keep_best": True},
        "weights at the end: the best asked for, the last saved",
    ),
    "an attribute of the model": (
        {"net": partial(Net, factor=1.0)},
        {"net": partial(Net, factor=2.0)},
        "attributes of the model",
    ),
    "metric": ({"metric": near}, {"metric": nearer}, "metric: nearer"),
    "option of the metric": (
        {"metric": partial(top, k=1)},
        {"metric": partial(top, k=2)},
        "metric: top",
    ),
    "code of an own optimizer": ({"optimizer": downhill(1)}, {"optimizer": downhill(-1)}, "Own"),
    "hook of the optimizer": (
        {"optimizer": hooked},
        {"optimizer": partial(hooked, factor=0.1)},
        "hooks of the optimizer",
    ),
    "hook of a gradient": ({"net": Clipped}, {"net": partial(Clipped, 0.1)}, "and of gradients"),
    "order of an own sampler": (
        {"train": sampled(lambda: ordered(1))},
        {"train": sampled(lambda: ordered(-1))},
        "training order",
    ),
    "order of the held-out part": (
        {"held_out": lambda: loader(images(), shuffle=False)},
        {"held_out": lambda: loader(images(), sampler=SubsetRandomSampler([0, 1]), shuffle=None)},
        "held-out",
    ),
    "memory order": ({}, {"fast": False}, "fast: False asked for, True saved"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_another_recipe_is_refused_and_named(tmp_path, name):
    usual, changed, words = CHANGED[name]
    path = tmp_path / "run.pt"
    run(path, 1, **usual)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"run.pt was saved by another recipe, .*{words}"):
        run(path, 2, **usual | changed)
    assert path.read_bytes() == before


def test_the_seed_counts_where_the_weights_do_not_tell(tmp_path):
    """Weights from a file, and another seed for order and dropout."""
    kept = Net().state_dict()

    def loaded():
        net = Net()
        net.load_state_dict(kept)
        return net

    run(tmp_path / "run.pt", 1, net=loaded)
    with pytest.raises(ValueError, match="another recipe, seed: 1 asked for, 0 saved"):
        run(tmp_path / "run.pt", 2, net=loaded, seed=1)


def test_code_of_the_model_counts(tmp_path):
    """The same layers, which print the same, with another forward."""

    def make(slope):
        class Sloping(Net):
            def forward(self, x):
                return super().forward(x) * slope

        return Sloping

    run(tmp_path / "run.pt", 1, net=make(1.0))
    run(tmp_path / "run.pt", 2, net=make(1.0))
    with pytest.raises(ValueError, match="another recipe, code of the model"):
        run(tmp_path / "run.pt", 3, net=make(2.0))


SETTINGS = {
    **{f"{name}, as it was": usual for name, (usual, _, _) in CHANGED.items()},
    **{f"{name}, as it is": usual | changed for name, (usual, changed, _) in CHANGED.items()},
    "sampler of its own": {"train": sampled(lambda: RandomSampler(range(48), generator=seeded(3)))},
    "torch's generator": {"train": lambda: loader(images(augment=[Noise(seeded(1))]))},
    "NumPy's generator": {
        "train": lambda: loader(images(augment=[Noise(np.random.default_rng(1))]))
    },
    "NumPy's old generator": {
        "train": lambda: loader(images(augment=[Noise(np.random.Generator(np.random.MT19937(2)))]))
    },
    "Python's generator": {"train": lambda: loader(images(augment=[Noise(random.Random(1))]))},
    "a generator in a closure": {"train": lambda: loader(images(augment=[drawing(seeded(4))]))},
    "a generator of the held-out part": {
        "held_out": lambda: images(augment=[Noise(seeded(5), strength=200)]).loader(16),
        "keep_best": True,
    },
    "a loader of tensors": {
        "train": lambda: DataLoader(TensorDataset(torch.ones(8, 1, 8, 8), torch.arange(8) % 3), 4)
    },
    "a list of batches": {"train": lambda: [(torch.ones(4, 1, 8, 8), torch.arange(4) % 3)] * 3},
    "schedules in a row": {
        "scheduler": lambda optimizer: lr_scheduler.SequentialLR(
            optimizer,
            [lr_scheduler.LinearLR(optimizer), lr_scheduler.CosineAnnealingLR(optimizer, 9)],
            [3],
        )
    },
}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def drawing(generator):
    return lambda images: images + torch.randint(9, (1,), generator=generator).to(torch.uint8)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_unchanged_recipe_goes_on_to_the_same_end(tmp_path, name, capsys):
    settings, path = SETTINGS[name], tmp_path / "run.pt"
    whole = run(None, **settings)
    run(path, 1, **settings)
    torch.rand(3), np.random.rand(), random.random()  # drawn in between
    assert ends_alike(run(path, **settings), whole)
    assert "run.pt: continues after epoch 1" in capsys.readouterr().out


def test_the_same_model_goes_on_in_the_same_process(tmp_path):
    """Who calls fit again with what was trained already, as after a stop, is not refused."""
    torch.manual_seed(0)
    net, path = Net(), tmp_path / "run.pt"
    optimizer = adam(net)
    for epochs in (1, 2, 3):
        ck.fit(net, loader(), epochs=epochs, optimizer=optimizer, checkpoint=path, progress=False)
    optimizer.param_groups[0]["lr"] = 0.5
    with pytest.raises(ValueError, match="learning rate: 0.5 asked for, 0.01 saved"):
        ck.fit(net, loader(), epochs=4, optimizer=optimizer, checkpoint=path, progress=False)


RESTART = """
import sys
sys.path.insert(0, {folder!r})
import test_training_recipe as recipes
for name in {names!r}:
    path = {path!r} + name[0] + ".pt"
    print(recipes.end(recipes.run(path, {epochs}, **recipes.SETTINGS[name])))
"""


def end(done):
    """What a run came to, as a text."""
    model, history = done
    return sum(float(x.double().sum()) for x in model.state_dict().values()), history.train_loss


def test_another_process_goes_on(tmp_path):
    """With other hashes of texts, as every new kernel has."""
    said, names = [], ["milestones, as it is", "a generator in a closure"]
    for seed, epochs in (("1", 1), ("2", 3)):
        program = RESTART.format(
            folder=os.path.dirname(__file__), path=f"{tmp_path}/", epochs=epochs, names=names
        )
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.splitlines())
    told = zip(said[1][::2], said[1][1::2], names, strict=True)
    for line, came_to, name in told:
        assert line == f"{name[0]}.pt: continues after epoch 1"
        assert came_to == str(end(run(None, **SETTINGS[name])))


def test_a_generator_in_worker_processes_cannot_be_saved(tmp_path):
    data = images(augment=[Noise(seeded(1))])
    options = {"num_workers": 1, "persistent_workers": True}
    with pytest.raises(ValueError, match="worker processes.*persistent_workers=False"):
        run(tmp_path / "run.pt", 1, train=lambda: loader(data, **options))


class Centred(nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, outputs, target):
        return F.cross_entropy(outputs * self.scale, target)


class Counting(Net):
    """A network with a buffer that no state_dict has."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x):
        if self.training:
            self.seen += 1
        return super().forward(x) * (1 + 0.1 * self.seen)


def test_a_loss_with_weights_and_a_buffer_apart_go_on_too(tmp_path):
    def train(path, epochs):
        torch.manual_seed(0)
        net, loss = Counting(), Centred()
        optimizer = torch.optim.Adam([*net.parameters(), *loss.parameters()], lr=1e-2)
        options = {"optimizer": optimizer, "loss": loss, "checkpoint": path, "progress": False}
        return net, ck.fit(net, loader(), epochs=epochs, **options)

    whole = train(None, 3)
    train(tmp_path / "run.pt", 1)
    assert ends_alike(train(tmp_path / "run.pt", 3), whole)


def test_who_has_made_the_weights_anew_is_told(tmp_path):
    torch.manual_seed(0)
    net, path = Net(), tmp_path / "run.pt"
    for _ in range(2):  # the second time as it was left
        ck.fit(net, loader(), epochs=1, optimizer=adam(net), checkpoint=path, progress=False)
    net.conv.reset_parameters()
    with pytest.raises(ValueError, match="another recipe, initial weights"):
        ck.fit(net, loader(), epochs=2, optimizer=adam(net), checkpoint=path, progress=False)


def test_schedules_with_progress_of_their_own_go_on_in_the_same_process(tmp_path):
    torch.manual_seed(0)
    net, path = Net(), tmp_path / "run.pt"
    optimizer = adam(net)
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    options = {"optimizer": optimizer, "scheduler": schedule, "checkpoint": path}
    for epochs in (1, 3):
        history = ck.fit(net, loader(), epochs=epochs, progress=False, **options)
    assert len(history.train_loss) == 3


def test_a_schedule_that_ends_below_zero_is_taken_up(tmp_path, capsys):
    """A linear cycle is one step past its end when all epochs are done, and its rate negative."""
    settings = {"scheduler": partial(one_cycle, total_steps=9, anneal_strategy="linear")}
    path = tmp_path / "run.pt"
    whole = run(path, **settings)
    assert torch.load(path, weights_only=True)["optimizer"]["param_groups"][0]["lr"] < 0
    assert ends_alike(run(path, **settings), whole)
    assert "all 3 epochs are done already" in capsys.readouterr().out


def crafted(**changes):
    return lambda saved: saved.update(changes)


@pytest.mark.parametrize(
    "craft",
    [
        crafted(epoch="2"),
        crafted(epoch=-5),
        crafted(epoch=2.5),
        crafted(history={}),
        crafted(epoch=True),
        crafted(recipe=5),
        crafted(recipe={5: "x"}),
        crafted(random={}),
        crafted(model={}),
        crafted(best={"conv.weight": torch.zeros(1)}),
        crafted(buffers={"another": torch.zeros(1)}),
        crafted(optimizer=None),
        lambda saved: saved.pop("history"),
        lambda saved: saved.pop("sum"),
        lambda saved: saved.pop("optimizer"),
        lambda saved: saved["history"].update(train_loss=["no number"]),
        lambda saved: saved["history"]["train_loss"].append(1.0),
        lambda saved: saved["history"].update(weather=[]),
        lambda saved: saved["model"].update({"conv.weight": torch.zeros(4, 1, 2, 2)}),
        lambda saved: saved["model"].update({"conv.weight": torch.zeros(4, 1, 3, 3).half()}),
        lambda saved: saved["optimizer"]["state"][0].update(exp_avg=torch.zeros(2, 2)),
        lambda saved: saved["optimizer"]["state"][0].pop("exp_avg"),
        lambda saved: saved["optimizer"]["param_groups"][0].update(lr="9"),
        lambda saved: saved["optimizer"]["param_groups"][0].pop("initial_lr"),
        lambda saved: saved["optimizer"]["param_groups"][0].update(lr=float("nan")),
        lambda saved: saved["scheduler"].update(last_epoch=-5),
        lambda saved: saved["scheduler"].update(base_lrs=[]),
        lambda saved: saved["scheduler"].update(step=1),
        lambda saved: saved["random"]["others"].pop(),
        lambda saved: saved["random"]["others"].__setitem__(0, torch.zeros(3, dtype=torch.uint8)),
    ],
)
def test_a_crafted_checkpoint_changes_nothing_and_gets_one_sentence(tmp_path, craft):
    """Neither with the sum that it had nor with one that fits what was put in."""
    path = tmp_path / "run.pt"
    run(path, 1, scheduler=one_cycle)
    saved = torch.load(path, weights_only=True)
    craft(saved)
    for right in [False, True] if "sum" in saved else [False]:
        if right:
            without = {name: part for name, part in saved.items() if name != "sum"}
            saved["sum"] = fingerprint(without)
        torch.save(saved, path)
        torch.manual_seed(0)
        net = Net()
        before, optimizer = copy.deepcopy(net.state_dict()), adam(net)
        schedule = one_cycle(optimizer)
        kept, drawn = copy.deepcopy(schedule.state_dict()), torch.get_rng_state()
        options = {"optimizer": optimizer, "scheduler": schedule, "checkpoint": path}
        with pytest.raises(ValueError, match="^run.pt is damaged or not a checkpoint of fit: del"):
            ck.fit(net, loader(), epochs=2, progress=False, **options)
        assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
        assert not optimizer.state and torch.equal(torch.get_rng_state(), drawn)
        assert (
            schedule.state_dict() == kept and optimizer.param_groups[0]["lr"] == kept["_last_lr"][0]
        )


def test_a_schedule_that_is_too_short_is_told_before_anything_is_taken_up(tmp_path):
    path = tmp_path / "run.pt"
    run(path, 2, scheduler=one_cycle)
    torch.manual_seed(0)
    net = Net()
    before, optimizer = copy.deepcopy(net.state_dict()), adam(net)
    options = {"optimizer": optimizer, "scheduler": one_cycle(optimizer), "checkpoint": path}
    with pytest.raises(ValueError, match="the schedule ends after 12 steps, 6 of them done"):
        ck.fit(net, loader(), epochs=9, progress=False, **options)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
