"""Testing a denoiser on photos as the loader does by default (one by one on a CPU, 8 of one shape
on a GPU) against one by one and against batches of 4; judging a search at once against rank by
rank.

    make bench                                        this too, about four minutes on 2 cores
    python benchmarks/denoise_and_search.py --save    keeps the figures in benchmarks/results/ too

Both sides of a comparison run in one go and take turns; the best of each counts. Real BSD68 and
Wikipedia are used where the data folder has them, else the stand-ins.
"""

import argparse
import sys
import time
from collections.abc import Callable

import bench  # first, for it sets what the runs depend on
import torch
from torch import nn
from torch.nn import functional as F

import coursekit as ck


def psnr(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return -10 * ((outputs - target) ** 2).mean((1, 2, 3)).log10()


def network() -> nn.Module:
    """DnCNN of week 5 as its notebook takes it on a CPU: 7 layers of 32 channels."""
    layers = [nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.ReLU()]
    for _ in range(5):
        layers += [nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(32, 1, 3, padding=1, bias=False))


def search_as_the_source(similarity: torch.Tensor, labels: torch.Tensor) -> float:
    """The old course's way: one query after the other, rank by rank."""
    order, labels, total = similarity.argsort(dim=1, descending=True).tolist(), labels.tolist(), 0.0
    for query, ranked in zip(labels, order):
        hits, precision = 0, 0.0
        for rank, i in enumerate(ranked, 1):
            if labels[i] == query:
                hits += 1
                precision += hits / rank
        total += precision / hits
    return total / len(order)


def in_turns(ours: Callable, other: Callable, times: int) -> tuple[float, float, tuple]:
    """The best seconds of each, and what they gave."""
    seconds, results = ([], []), [None, None]
    for _ in range(times):
        for i, side in enumerate((ours, other)):
            start = time.perf_counter()
            results[i] = side()
            seconds[i].append(time.perf_counter() - start)
    return min(seconds[0]), min(seconds[1]), tuple(results)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--save", action="store_true", help="keep the figures in benchmarks/results/"
    )
    options = parser.parse_args()

    torch.manual_seed(0)
    net, photos, (_, pairs) = network(), ck.load_grey("bsd68").noisy(25), ck.load_pairs("wikipedia")
    print(f"{photos.source}; {pairs.source}; {bench.describe_machine()}\n")
    print(f"{'':<62} {'ours':>10} {'other':>10} {'ratio':>8} {'target':>7}")

    net = net.to(bench.DEVICE)

    def tested(batch_size: int | None) -> float:
        return ck.evaluate(net, photos.loader(batch_size), loss=F.mse_loss, metric=psnr).mean

    rows = []
    for size, name in ((1, "one by one"), (4, "batches of 4 of one shape")):
        ours, other, results = in_turns(lambda: tested(None), lambda: tested(size), 3)  # noqa: B023 (called at once)
        rows.append(
            bench.row(
                f"test {len(photos)} photos as by default, against {name}, seconds",
                ours,
                other,
                1,
                3,
            )
        )
        assert abs(results[0] - results[1]) < 1e-3, results

    similarity = torch.randn(len(pairs), len(pairs))
    ours, other, results = in_turns(
        lambda: ck.retrieval.search(similarity, pairs.labels, pairs.labels).mean,
        lambda: search_as_the_source(similarity, pairs.labels),
        5,
    )
    rows.append(bench.row(f"mAP of {len(pairs)} queries, seconds", ours, other, 1, 3))
    assert abs(results[0] - results[1]) < 1e-6, results
    reached = "yes" if ours < 1 else "NO"
    print(f"\nboth sides give the same; the mAP takes {ours:.3f} s (below 1 s: {reached})")
    if options.save:
        bench.save("denoise_and_search", [photos.source, pairs.source], rows)


if __name__ == "__main__":
    sys.exit(main())
