"""How long does one wait for the package itself? Seconds of the processor, median of five turns.

    python benchmarks/waits.py     half a minute on 2 cores; part of ``make bench``

In turns: torch and torchvision imported, coursekit after them, all notebooks linted, and every
drawn stand-in made at its full size.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from coursekit.data import standins
from coursekit.data.catalogue import SETS

TURNS = 5
IMPORTED = """
import time
import torch, torchvision
start = time.process_time()
import coursekit as ck
ck.Lab, ck.load, ck.fit, ck.evaluate, ck.plots, ck.augment, ck.inspection
print(start, time.process_time() - start)
"""


def of_imports() -> list[float]:
    """Of Python with torch and torchvision, and of coursekit after them, in its own process."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True
    )
    return [float(word) for word in done.stdout.split()]


def of_lint() -> float:
    before = os.times()
    command = [sys.executable, "-m", "coursekit", "lint"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def of_a_call(make) -> float:
    before = time.process_time()
    make()
    return time.process_time() - before


def main() -> None:
    makers = {name: getattr(standins, one.drawn) for name, one in SETS.items() if one.drawn}
    costs = defaultdict(list)
    for _ in range(TURNS):
        torch_alone, after = of_imports()
        costs["import torch, torchvision"].append(torch_alone)
        costs["import coursekit after them"].append(after)
        costs["coursekit lint, all notebooks"].append(of_lint())
        for name, make in makers.items():
            costs[f"stand-in of {name}"].append(of_a_call(make))
    for name, some in costs.items():
        middle = statistics.median(some)
        print(f"{name:<32} {middle:6.2f} s ({min(some):.2f} to {max(some):.2f})")
    both = zip(costs["import torch, torchvision"], costs["import coursekit after them"])
    ratio = statistics.median(ours / bare for bare, ours in both)
    print(f"coursekit costs {ratio:.1%} of what torch and torchvision cost")


if __name__ == "__main__":
    main()
