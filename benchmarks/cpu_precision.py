"""What makes a training on a CPU faster? bfloat16 against float32 for the networks of the course,
and what else a CPU offers, each against `fit` as it would be without it.

    python benchmarks/cpu_precision.py           about ten minutes
    python benchmarks/cpu_precision.py --save    keeps the figures in benchmarks/results/ too

Three tables. Speed: one step is what `fit` does with a batch (forward, loss, backward, optimizer);
the inputs are random numbers, for the values do not change it. All is timed on one thread, in
seconds of the processor, so that other programs count little; both sides run in turns. Accuracy:
the same training with `fast` and without, a few seeds. And what else there is, each in processes
of its own, for some of it has to be said before torch starts.
"""

import argparse
import contextlib
import ctypes.util
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import bench  # first, for it sets what the runs depend on
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from coursekit.engine.mixed_precision import gains, has_fast_bfloat16

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.notebooks import definitions

TURNS, SECONDS = 3, 0.5  # a turn has at least one step
notebook = cache(definitions)

# name: the network, the shape of its batch, the number of classes (None: it answers with an image)
NETS = {
    "VGG": (lambda: notebook("week2_cifar10_vgg16").VGG(), (128, 3, 32, 32), 10),
    "VGG, a quarter of the width": (
        lambda: notebook("week2_cifar10_vgg16").VGG(width=0.25),
        (128, 3, 32, 32),
        10,
    ),
    "ResNet-18 at 96 px, grey": (
        lambda: notebook("week3_resnet18_fashion_mnist").resnet18(),
        (64, 1, 96, 96),
        10,
    ),
    "ResNet-18 at 32 px, grey": (
        lambda: notebook("week3_resnet18_fashion_mnist").resnet18(),
        (64, 1, 32, 32),
        10,
    ),
    "HybridSN, 30 bands of 25×25": (
        lambda: notebook("week4_hybridsn").HybridSN(),
        (64, 30, 25, 25),
        16,
    ),
    "DnCNN, 17 layers of 64": (
        lambda: notebook("week5_dncnn_denoising").DnCNN(),
        (32, 1, 40, 40),
        None,
    ),
    "DnCNN, 7 layers of 32": (
        lambda: notebook("week5_dncnn_denoising").DnCNN(7, 32),
        (32, 1, 40, 40),
        None,
    ),
    "LeNet": (lambda: notebook("week2_cifar10_vgg16").LeNet(), (64, 3, 32, 32), 10),
    "MNIST CNN": (bench.CNN, (64, 1, 28, 28), 10),
    "MobileNetV2": (lambda: torchvision.models.mobilenet_v2(), (64, 3, 32, 32), 1000),
}
SMALL = ("MNIST CNN", "VGG, a quarter of the width", "DnCNN, 7 layers of 32")

# what else there is: options of `training_step`, and the environment of a process
LEVERS = {
    "float32 (what all the others are compared with)": ({}, {}),
    "bfloat16": ({"bfloat16": True}, {}),
    "bfloat16 on a processor without AMX": (
        {"bfloat16": True},
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"},
    ),
    "the usual order of memory, not channels_last": ({"channels_last": False}, {}),
    "SGD in one kernel (fused)": ({"fused": True}, {}),
    "Adam": ({"optimizer": torch.optim.Adam}, {}),
    "Adam in one kernel (fused)": ({"optimizer": torch.optim.Adam, "fused": True}, {}),
    "torch.compile": ({"compiled": True}, {}),
    "bfloat16 only inside of oneDNN": ({"inside": True}, {}),
    "without oneDNN": ({"onednn": False}, {}),
    "denormal numbers are zero": ({"flush": True}, {}),
    "the C library keeps freed memory": (
        {},
        {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)},
    ),
    "large memory pages": ({}, {"THP_MEM_ALLOC_ENABLE": "1"}),
    "jemalloc": ({}, {"LD_PRELOAD": "jemalloc"}),
    "tcmalloc": ({}, {"LD_PRELOAD": "tcmalloc_minimal"}),
}


def training_step(
    name: str,
    bfloat16: bool = False,
    channels_last: bool = True,
    optimizer: Callable = torch.optim.SGD,
    fused: bool = False,
    compiled: bool = False,
) -> Callable[[], None]:
    """One step of training of this network, as a function."""
    make, shape, classes = NETS[name]
    torch.manual_seed(0)
    net, X = make().train(), torch.randn(shape)
    y = torch.randn(shape) if classes is None else torch.randint(0, classes, shape[:1])
    loss_of = F.mse_loss if classes is None else F.cross_entropy
    if channels_last:
        X = X.to(memory_format=torch.channels_last)
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                module.to(memory_format=torch.channels_last)
    along = optimizer(net.parameters(), lr=1e-4, fused=fused)
    forward = torch.compile(net) if compiled else net
    autocast = torch.autocast("cpu", torch.bfloat16) if bfloat16 else contextlib.nullcontext()

    def step():
        with autocast:
            loss = loss_of(forward(X), y)
        along.zero_grad()
        loss.backward()
        along.step()

    return step


def in_turns(steps: dict[str, Callable], samples: int) -> dict[str, list[float]]:
    """Samples a second of each step, one number for each turn; the first steps do not count."""
    clock = time.thread_time
    speeds = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(TURNS):
        for name, step in steps.items():
            start, done = clock(), 0
            while clock() - start < SECONDS:
                step()
                done += samples
            speeds[name].append(done / (clock() - start))
    return speeds


def precision(name: str) -> dict:
    """float32 against bfloat16 for one network; prints the row and gives it."""
    make, shape, _ = NETS[name]
    steps = {half: training_step(name, half == "bfloat16") for half in ("float32", "bfloat16")}
    speeds = in_turns(steps, shape[0])
    median = {side: statistics.median(values) for side, values in speeds.items()}
    ratio = statistics.median(b / a for a, b in zip(speeds["float32"], speeds["bfloat16"]))
    used = "bfloat16" if gains(make()) else "float32"
    row = f"{name:<30} {median['float32']:>10,.0f} {median['bfloat16']:>10,.0f} {ratio:>8.2f}"
    print(f"{row}  {used}", flush=True)
    return {
        "network": name,
        "samples_per_second": median,
        "ratio": ratio,
        "fit_uses": used,
        "repeats": TURNS,
    }


def accuracy(seeds: range = range(5)) -> tuple[dict, str]:
    """Accuracy in % of a VGG after the same training with ``fast`` and without, pair by pair."""
    train, test = ck.load("cifar10")
    part, test, reached = train.take(4_000), test.take(3_000), {True: [], False: []}
    print(f"\nVGG, a quarter of the width, {len(part):,} images of {train.source}, 4 epochs")
    for seed in seeds:
        for fast, found in reached.items():
            torch.manual_seed(seed)
            net = notebook("week2_cifar10_vgg16").VGG(width=0.25)
            loader = part.loader(128, shuffle=True, augment=[ck.augment.RandomHorizontalFlip()])
            adam = torch.optim.Adam(net.parameters(), lr=2e-3)
            ck.fit(net, loader, epochs=4, optimizer=adam, fast=fast, progress=False)
            found.append(100 * ck.evaluate(net, test.loader(1000)).accuracy)
        pair = f"fast=True {reached[True][-1]:.2f} %   fast=False {reached[False][-1]:.2f} %"
        print(f"seed {seed}   {pair}", flush=True)
    differences = [a - b for a, b in zip(*reached.values())]
    mean, error = statistics.mean(differences), statistics.stdev(differences) / len(seeds) ** 0.5
    print(f"difference {mean:+.2f} points, standard error {error:.2f}")
    row = {"accuracy": "VGG, a quarter of the width", "fast": reached[True], "slow": reached[False]}
    return row | {"difference": mean, "standard_error": error}, train.source


def measure(lever: str) -> None:
    """Print the samples a second of the small networks with this lever, in this process."""
    options = dict(LEVERS[lever][0])
    if options.pop("inside", False):
        torch.backends.mkldnn.conv.fp32_precision = "bf16"
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.set_flush_denormal(options.pop("flush", False))
    found = {}
    usual = options.pop("onednn", True)
    with contextlib.nullcontext() if usual else torch.backends.mkldnn.flags(enabled=False):
        for name in SMALL:
            step = training_step(name, **options)
            found |= in_turns({name: step}, NETS[name][1][0])
    print(json.dumps({name: statistics.median(speeds) for name, speeds in found.items()}))


def levers(turns: int = 3) -> list[dict]:
    """Every lever in processes of its own, all of them in turns; prints a table and gives it."""
    speeds = {lever: [] for lever in LEVERS}
    for _ in range(turns):
        for lever, (_, environment) in LEVERS.items():
            environment = dict(environment)
            if library := environment.get("LD_PRELOAD"):
                environment["LD_PRELOAD"] = ctypes.util.find_library(library) or ""
                if not environment["LD_PRELOAD"]:
                    continue
            done = subprocess.run(
                [sys.executable, __file__, "--measure", lever],
                env=os.environ | environment,
                capture_output=True,
                text=True,
                check=True,
            )
            speeds[lever].append(json.loads(done.stdout.splitlines()[-1]))
    print(f"\n{'how many times as fast':<50}" + "".join(f"{name:>30}" for name in SMALL))
    usual, rows = next(iter(speeds.values())), []
    for lever, turns_of_it in speeds.items():
        ratios = {
            name: statistics.median(a[name] / b[name] for a, b in zip(turns_of_it, usual))
            for name in SMALL
            if turns_of_it
        }
        shown = "".join(f"{ratio:>30.2f}" for ratio in ratios.values()) or "  not installed"
        print(f"{lever:<50}{shown}")
        rows.append({"lever": lever, "ratio": ratios or "not installed", "repeats": turns})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--save", action="store_true", help="keep the figures in benchmarks/results/"
    )
    parser.add_argument("--measure", choices=LEVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)

    unit = "fast" if has_fast_bfloat16() else "not fast"
    print(f"{bench.describe_machine()}, {unit} in bfloat16\n")
    print(f"{'samples a second':<30} {'float32':>10} {'bfloat16':>10} {'ratio':>8}  fit uses")
    rows = [precision(name) for name in NETS]
    pairs, source = accuracy()
    rows += [pairs, *levers()]
    if options.save:
        sources, processor = ["random numbers", source], torch.backends.cpu.get_cpu_capability()
        bench.save(
            "cpu_precision", sources, rows, vectors=processor, fast_bfloat16=has_fast_bfloat16()
        )


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "Applied workaround")
    sys.exit(main())
