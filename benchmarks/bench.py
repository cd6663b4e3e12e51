"""How fast is the course's code against the usual ways? Both sides run in one go, in turns, and the
ratio is printed.

    make bench                           all comparisons, about four minutes on 2 cores
    python benchmarks/bench.py --save    the same, and keep the figures in benchmarks/results/

Real MNIST and CIFAR-10 are used where the data folder has them (nothing is downloaded), else what
packages ship, or the stand-ins: the first line says which.

`fit` is also compared with Lightning, skorch and fastai where they are installed. The course does
not need them, so add them to a copy of the environment: `pip install lightning skorch fastai`.
Every side trains the same network for an epoch, with the same loader and optimizer, then tests it;
none of them logs to a file, saves or draws. All are called as by default: `fit` with `fast=True`.
"""

import argparse
import contextlib
import datetime
import importlib.util
import io
import json
import logging
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("COURSEKIT_OFFLINE", "1")
os.environ.setdefault("COURSEKIT_SCALE", "laptop")
os.environ.setdefault("MPLBACKEND", "Agg")

import matplotlib_inline
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import coursekit as ck
from coursekit.engine import devices
from coursekit.engine.text import count

DEVICE = ck.lab.default_device()
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


class OneByOne(Dataset):
    """What torchvision's data sets do: an image at a time, through PIL and a chain of
    transforms."""

    def __init__(self, images: ck.Images, transform: Callable):
        pixels = images.pixels()
        self.pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
        self.labels, self.transform = images.labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int):
        return self.transform(Image.fromarray(self.pixels[i])), self.labels[i]


class CNN(nn.Module):
    """Week 1's network with 6 maps and 6,422 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 6, 5)
        self.fc1, self.fc2 = nn.Linear(96, 50), nn.Linear(50, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x.flatten(1)))), dim=1)


def lenet() -> nn.Module:
    """Week 2's LeNet for three channels and ten classes."""
    return nn.Sequential(
        *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def resnet18() -> nn.Module:
    """torchvision's ResNet-18 for one channel and ten classes."""
    net = torchvision.models.resnet18(num_classes=10)
    net.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return net


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)


def iterate(loader) -> int:
    """Only fetch the batches; how many images came."""
    return sum(len(y) for _, y in loader)


def by_fit(
    train: DataLoader,
    test: DataLoader | None = None,
    make: Callable = CNN,
    loss: Callable = F.nll_loss,
) -> int:
    net = make().to(DEVICE)
    ck.fit(net, train, test, epochs=1, optimizer=sgd(net), loss=loss, progress=False)
    return len(train.dataset)


def by_source_loop(loader) -> int:
    """The old course's loop: images one by one, and the loss printed now and then (here: read)."""
    net = CNN()
    optimizer = sgd(net)
    net.train()
    for i, (X, y) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.nll_loss(net(X), y)
        loss.backward()
        optimizer.step()
        if i % 100 == 0:
            loss.item()
    return len(loader.dataset)


def by_bare_loop(train: ck.Images) -> int:
    """Nothing but the arithmetic: no loader, no metric, no check."""
    net = CNN().to(DEVICE)
    optimizer = sgd(net)
    order = torch.randperm(len(train), device=train.images.device)
    for start in range(0, len(train), 64):
        index = order[start : start + 64]
        X, y = (train.images[index].float() / 255 - 0.1307) / 0.3081, train.labels[index]
        loss = F.nll_loss(net(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(train)


def by_d2l(train: DataLoader, test: DataLoader, make: Callable = CNN) -> int:
    """d2l's chapter 6 loop. It draws its curve five times an epoch and tests after it."""
    from d2l import torch as d2l

    # d2l 0.17.0 calls a switch that IPython 9 no longer has; this is the same switch at its new
    # place.
    d2l.use_svg_display = lambda: matplotlib_inline.backend_inline.set_matplotlib_formats("svg")
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Attempting to set identical"
        )  # its axis from epoch 1 to epoch 1
        d2l.train_ch6(make(), train, test, 1, 0.01, DEVICE)
    return len(train.dataset)


def by_lightning(train: DataLoader, test: DataLoader, make: Callable, loss: Callable) -> int:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = make()

        def training_step(self, batch, _):
            return loss(self.net(batch[0]), batch[1])

        def validation_step(self, batch, _):
            outputs = self.net(batch[0])
            right = (outputs.argmax(1) == batch[1]).float().mean()
            self.log_dict({"loss": loss(outputs, batch[1]), "accuracy": right})

        def configure_optimizers(self):
            return sgd(self)

    names = ("checkpointing", "progress_bar", "model_summary")
    quiet = {"logger": False, "num_sanity_val_steps": 0} | {f"enable_{x}": False for x in names}
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it advises more processes for the loader
        lightning.Trainer(max_epochs=1, devices=1, **quiet).fit(Module(), train, test)
    return len(train.dataset)


def by_skorch(train: DataLoader, test: DataLoader, make: Callable, loss: Callable) -> int:
    """It records the loss of both parts, and no accuracy."""
    from skorch import NeuralNet
    from skorch.helper import predefined_split

    NeuralNet(
        make,
        loss,
        optimizer=torch.optim.SGD,
        lr=0.01,
        optimizer__momentum=0.5,
        max_epochs=1,
        iterator_train=lambda *_, **__: train,
        iterator_valid=lambda *_, **__: test,
        train_split=predefined_split(test.dataset),
        verbose=0,
        device=DEVICE,
    ).fit(train.dataset, None)
    return len(train.dataset)


def by_fastai(train: DataLoader, test: DataLoader, make: Callable, loss: Callable) -> int:
    import fastai.callback.progress  # noqa: F401 (gives the learner its no_bar)
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.metrics import accuracy
    from fastai.optimizer import OptimWrapper

    learner = Learner(
        DataLoaders(train, test, device=DEVICE),
        make().to(DEVICE),
        loss,
        opt_func=partial(OptimWrapper, opt=partial(torch.optim.SGD, momentum=0.5)),
        metrics=accuracy,
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, 0.01)
    return len(train.dataset)


PEERS = {"Lightning": by_lightning, "skorch": by_skorch, "fastai": by_fastai}


def against_peers(
    name: str, train: DataLoader, test: DataLoader, make: Callable, loss: Callable, targets: dict
) -> list[dict]:
    """One comparison with each of the libraries that are installed; a row for the others too."""
    rows = []
    for peer, by_peer in PEERS.items():
        title = f"{name}, against {peer}, same loader"
        if importlib.util.find_spec(peer.lower()):
            ours, other = (partial(by, train, test, make, loss) for by in (by_fit, by_peer))
            rows.append(compare(title, ours, other, targets.get(peer, 1), 5))
        else:
            print(f"{title:<62} not installed", flush=True)
            rows.append({"comparison": title, "not installed": peer.lower()})
    return rows


def compare(
    name: str, ours: Callable[[], int], other: Callable[[], int], target: float, repeats: int
) -> dict:
    """Run both in turns and print the ratio of the median speeds. The first turn warms up and does
    not count."""
    speeds = {"ours": [], "other": []}
    for turn in range(repeats + 1):
        for side, function in (("ours", ours), ("other", other)):
            start = time.perf_counter()
            images = function()
            if turn:
                speeds[side].append(images / (time.perf_counter() - start))
    median = {side: statistics.median(values) for side, values in speeds.items()}
    # Each turn's own ratio: what slows the machine down for a while slows both sides.
    ratio = statistics.median(a / b for a, b in zip(speeds["ours"], speeds["other"]))
    verdict = "reached" if ratio >= target else "MISSED"
    speed = f"{median['ours']:>10,.0f} {median['other']:>10,.0f}"
    print(f"{name:<62} {speed} {ratio:>8.2f} {target:>7.2f}  {verdict}", flush=True)
    return {
        "comparison": name,
        "images_per_second": median,
        "ratio": ratio,
        "target": target,
        "repeats": repeats,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--save", action="store_true", help="keep the figures in benchmarks/results/"
    )
    options = parser.parse_args()

    mnist, mnist_test = ck.load("mnist", mean=0.1307, std=0.3081)
    cifar, cifar_test = ck.load("cifar10", mean=MEAN, std=STD)
    to_tensor = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    augmented = [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        transforms.Normalize(MEAN, STD),
    ]
    crop_and_flip = [ck.augment.RandomCrop(4), ck.augment.RandomHorizontalFlip()]
    slow_mnist = DataLoader(
        OneByOne(mnist.take(3_200), transforms.Compose(to_tensor)), batch_size=64, shuffle=True
    )
    slow_cifar = DataLoader(
        OneByOne(cifar.take(2_560), transforms.Compose(augmented)), batch_size=128, shuffle=True
    )
    part, held_out = mnist.take(12_800), mnist_test.take(2_000).loader(1000)
    small, _ = ck.load("fashion_mnist", mean=0, std=1)
    middle, _ = ck.load("fashion_mnist", mean=0, std=1, size=32)
    large, _ = ck.load("fashion_mnist", mean=0, std=1, size=96)
    clothes, tests = large.take(320).loader(64, shuffle=True), large.take(64).loader(64)
    slow_clothes, slow_tests = (
        DataLoader(
            OneByOne(
                small.take(n), transforms.Compose([transforms.Resize(96), transforms.ToTensor()])
            ),
            batch_size=64,
            shuffle=n > 64,
        )
        for n in (320, 64)
    )

    print(f"{mnist.source}, {large.source} and {cifar.source}, {describe_machine()}\n")
    print(f"{'images a second':<62} {'ours':>10} {'other':>10} {'ratio':>8} {'target':>7}")
    rows = [
        compare(
            "data path, MNIST, against torchvision's way",
            lambda: iterate(mnist.loader(64, shuffle=True)),
            lambda: iterate(slow_mnist),
            40,
            5,
        ),
        compare(
            "data path, CIFAR-10 with crop and flip, against the same",
            lambda: iterate(cifar.take(25_600).loader(128, shuffle=True, augment=crop_and_flip)),
            lambda: iterate(slow_cifar),
            40,
            5,
        ),
        compare(
            "fit, MNIST CNN, against the old course's loop",
            lambda: by_fit(part.loader(64, shuffle=True)),
            lambda: by_source_loop(slow_mnist),
            2.5,
            5,
        ),
        compare(
            "fit, MNIST CNN, against d2l.train_ch6 on the same tensors",
            lambda: by_fit(part.loader(64, shuffle=True), held_out),
            lambda: by_d2l(part.loader(64, shuffle=True), held_out),
            1,
            5,
        ),
        compare(
            "fit, MNIST CNN, against a bare tensor loop",
            lambda: by_fit(part.loader(64, shuffle=True)),
            lambda: by_bare_loop(part),
            0.97,
            15,
        ),
        compare(
            "fit, ResNet-18 at 96 px, against d2l.train_ch6, same loader",
            lambda: by_fit(slow_clothes, slow_tests, resnet18, F.cross_entropy),
            lambda: by_d2l(slow_clothes, slow_tests, resnet18),
            1,
            5,
        ),
        compare(
            "the same, fit with the course's own data path",
            lambda: by_fit(clothes, tests, resnet18, F.cross_entropy),
            lambda: by_d2l(slow_clothes, slow_tests, resnet18),
            1,
            5,
        ),
        *against_peers(
            "fit, MNIST CNN",
            part.loader(64, shuffle=True),
            held_out,
            CNN,
            nn.NLLLoss(),
            {"Lightning": 2.2, "skorch": 2.0},
        ),
        *against_peers(
            "fit, LeNet",
            cifar.take(6_400).loader(64, shuffle=True),
            cifar_test.take(1_000).loader(1000),
            lenet,
            nn.CrossEntropyLoss(),
            {},
        ),
        *against_peers(
            "fit, ResNet-18 at 32 px",
            middle.take(640).loader(64, shuffle=True),
            middle.take(64).loader(64),
            resnet18,
            nn.CrossEntropyLoss(),
            {},
        ),
    ]
    if options.save:
        save("throughput", [mnist.source, cifar.source, large.source], rows)


def row(name: str, ours: float, other: float, target: float, digits: int) -> dict:
    """Print a comparison of two costs, of which less is better, and give it for ``save``."""
    verdict = "reached" if other / ours >= target else "MISSED"
    costs = f"{ours:>10.{digits}f} {other:>10.{digits}f}"
    print(f"{name:<62} {costs} {other / ours:>8.2f} {target:>7g}  {verdict}", flush=True)
    return {
        "comparison": name,
        "ours": ours,
        "other": other,
        "ratio": other / ours,
        "target": target,
    }


def save(name: str, sources: list[str], rows: list[dict], **more) -> None:
    """Keep the figures in benchmarks/results/, with what they were made from, and ``more`` of
    it."""
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    provenance = {
        "date": datetime.date.today().isoformat(),
        "machine": describe_machine(),
        "data": sources,
        **more,
    }
    path.write_text(
        json.dumps({"provenance": provenance, "results": rows}, indent=2, ensure_ascii=False)
        + "\n",
        encoding="utf-8",
    )
    print(f"\nkept in {path.relative_to(Path.cwd())}")


def describe_machine() -> str:
    """What the speeds depend on, without naming anybody's machine."""
    model = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), model
        )
    device = devices.found().device
    where = devices.name_of(device)
    if device.type == "cpu":
        where = f"{model}, {count(torch.get_num_threads(), 'thread')}"
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    return f"{where}, Python {platform.python_version()}, {versions}"


if __name__ == "__main__":
    sys.exit(main())
