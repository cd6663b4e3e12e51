"""Hyperspectral scenes against the old course's way: preparing the patches, and classifying a whole
scene.

    make bench                             this too, about seven minutes on 2 cores
    python benchmarks/scenes.py --save     the same, and keep the figures in benchmarks/results/

Both sides of a comparison run in one go, preparations in processes of their own, whose peak memory
Linux tells. Real Indian Pines is used where the data folder has it, else the stand-in.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import bench  # first, for it sets what the runs depend on
import numpy as np
import torch
from torch import nn

import coursekit as ck

PATCH, BANDS = 25, 30


class HybridSN(nn.Module):
    """The network of week 4, 5,122,176 parameters."""

    def __init__(self):
        super().__init__()
        self.conv3d = nn.Sequential(
            nn.Conv3d(1, 8, (7, 3, 3)),
            nn.ReLU(),
            nn.Conv3d(8, 16, (5, 3, 3)),
            nn.ReLU(),
            nn.Conv3d(16, 32, 3),
            nn.ReLU(),
        )
        self.conv2d = nn.Sequential(nn.Conv2d(576, 64, 3), nn.ReLU())
        self.head = nn.Sequential(
            nn.Linear(18_496, 256),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(0.4),
            nn.Linear(128, 16),
        )

    def forward(self, x):
        return self.head(self.conv2d(self.conv3d(x.unsqueeze(1)).flatten(1, 2)).flatten(1))


def prepare_ours(scene: ck.hyperspectral.Scene):
    """From the cube to a data set for training and one for testing."""
    reduced, split = scene.pca(BANDS), scene.split_random(0.1)
    return reduced.patches(PATCH, split.train, device="cpu"), reduced.patches(
        PATCH, split.test, device="cpu"
    )


def prepare_as_the_source(scene: ck.hyperspectral.Scene):
    """The old course's way: every patch copied, 64-bit numbers, labelled ones picked afterwards."""
    from sklearn.decomposition import PCA
    from sklearn.model_selection import train_test_split

    height, width = scene.labels.shape
    flat = PCA(BANDS, whiten=True).fit_transform(
        scene.cube.reshape(-1, scene.cube.shape[2]).astype(np.float64)
    )
    padded = np.zeros((height + PATCH - 1, width + PATCH - 1, BANDS))
    padded[PATCH // 2 : -(PATCH // 2), PATCH // 2 : -(PATCH // 2)] = flat.reshape(
        height, width, BANDS
    )
    patches, labels = np.zeros((height * width, PATCH, PATCH, BANDS)), np.zeros(height * width)
    for i, (row, column) in enumerate(np.ndindex(height, width)):
        patches[i] = padded[row : row + PATCH, column : column + PATCH]
        labels[i] = scene.labels[row, column]
    patches, labels = patches[labels > 0], labels[labels > 0] - 1
    return train_test_split(patches, labels, test_size=0.9, random_state=0, stratify=labels)


def map_as_the_source(
    net: nn.Module, scene: ck.hyperspectral.Scene, rows: np.ndarray
) -> np.ndarray:
    """The old course's way: one pixel after the other, cut out and classified, with gradients
    recorded as there."""
    net.eval()
    padded = np.pad(scene.cube, ((PATCH // 2,) * 2, (PATCH // 2,) * 2, (0, 0)))
    classes = np.zeros((len(rows), scene.labels.shape[1]), dtype=np.int64)
    for i, column in np.ndindex(classes.shape):
        patch = padded[rows[i] : rows[i] + PATCH, column : column + PATCH].transpose(2, 0, 1)
        output = net(torch.FloatTensor(np.ascontiguousarray(patch)).unsqueeze(0))
        classes[i, column] = np.argmax(output.detach().numpy(), axis=1)[0] + 1
    return classes


def memory(what: str) -> int:
    """``"VmRSS"``, what this process holds, or ``"VmHWM"``, the most it has held, in bytes."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what)
    )
    return int(line.split()[1]) * 1024


def measure(side: str) -> None:
    """Prepare once and print the seconds and the peak of the additional memory in bytes."""
    import sklearn.decomposition  # noqa: F401, imports do not count
    import sklearn.model_selection  # noqa: F401

    scene = ck.load_scene("indian_pines")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = memory("VmRSS"), time.perf_counter()
    kept = {"ours": prepare_ours, "source": prepare_as_the_source}[side](scene)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "bytes": memory("VmHWM") - before, "made": len(kept)}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--save", action="store_true", help="keep the figures in benchmarks/results/"
    )
    parser.add_argument("--measure", choices=("ours", "source"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)

    scene = ck.load_scene("indian_pines")
    print(f"{scene.source}, {bench.describe_machine()}\n")
    print(f"{'':<62} {'ours':>10} {'other':>10} {'ratio':>8} {'target':>7}")
    rows = []
    if Path("/proc/self/clear_refs").exists():
        sides = {}
        for side in ("ours", "source"):
            done = subprocess.run(
                [sys.executable, __file__, "--measure", side],
                capture_output=True,
                text=True,
                check=True,
            )
            sides[side] = json.loads(done.stdout.splitlines()[-1])
        ours, source = sides["ours"], sides["source"]
        rows += [
            bench.row(
                "prepare for training, peak memory in MB",
                ours["bytes"] / 1e6,
                source["bytes"] / 1e6,
                20,
                1,
            ),
            bench.row("prepare for training, seconds", ours["seconds"], source["seconds"], 20, 3),
        ]

    torch.manual_seed(0)
    net, reduced = HybridSN(), scene.pca(BANDS)
    seconds, other = [], []
    for part in np.array_split(
        np.arange(len(scene.labels)), 3
    ):  # in turns, for a machine is not always equally fast
        start = time.perf_counter()
        ours = ck.hyperspectral.class_map(net, reduced, PATCH)
        middle = time.perf_counter()
        other.append(map_as_the_source(net, reduced, part))
        seconds.append((middle - start, time.perf_counter() - middle))
    whole, parts = zip(*seconds)
    rows.append(
        bench.row(
            "map of the whole scene (mean of three), seconds", sum(whole) / 3, sum(parts), 3, 1
        )
    )
    rows[-1]["same_pixels"] = float((ours == np.concatenate(other)).mean())
    print(f"\nthe two maps agree in {rows[-1]['same_pixels']:.3%} of the pixels")
    if options.save:
        bench.save("scenes", [scene.source], rows)


if __name__ == "__main__":
    sys.exit(main())
