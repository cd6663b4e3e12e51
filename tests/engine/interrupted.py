"""Runs that are killed, and a full disk: started by test_checkpoint in a process of its own, prints
what came out as JSON.

Each run is a child made with ``fork``, so that the long import of torch is paid once. ``python
interrupted.py FOLDER``
"""

import contextlib
import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

import coursekit as ck

EPOCHS = 10


def run(checkpoint: Path, epochs: int = EPOCHS) -> None:
    """A small run with everything random that there is; at its end the weights and the history lie
    beside the checkpoint."""
    lab = ck.Lab(seed=1)
    images = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8)
    data = ck.Images(images, torch.arange(64) % 3, ("a", "b", "c"), "noise", 0.5, 0.25)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(288, 64),
        nn.ReLU(),
        nn.Linear(64, 3),
    ).to(lab.device)
    loader = data.loader(
        16, shuffle=True, augment=[ck.augment.RandomCrop(1), ck.augment.RandomHorizontalFlip()]
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2, total_steps=EPOCHS * len(loader)
    )
    history = ck.fit(
        net,
        loader,
        data.loader(64),
        epochs=epochs,
        optimizer=optimizer,
        scheduler=schedule,
        checkpoint=checkpoint,
        progress=False,
    )
    measured = {key: value for key, value in vars(history).items() if key != "seconds"}
    torch.save({"weights": net.state_dict(), "history": measured}, checkpoint.with_suffix(".end"))


def start(work) -> int:
    """Begin ``work`` in a child process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with contextlib.redirect_stdout(sys.stderr):
                work()
            code = 0
        finally:
            os._exit(code)
    return child


def end(child: int) -> int:
    """Its exit status, negative for a signal, when it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def same(a: Path, b: Path) -> bool:
    """Whether two runs ended with the same bits."""
    a, b = (torch.load(path.with_suffix(".end"), weights_only=True) for path in (a, b))
    return (
        a["history"] == b["history"]
        and a["weights"].keys() == b["weights"].keys()
        and all(torch.equal(value, b["weights"][name]) for name, value in a["weights"].items())
    )


def kill_at_random(path: Path) -> int:
    """Kill soon after the second saved epoch, and start again, until a run comes through: how many
    were killed."""
    for kills in range(EPOCHS):
        child = start(lambda: run(path))
        wait_for_save(path, child)
        begin = time.monotonic()
        wait_for_save(path, child)
        time.sleep(
            random.uniform(0, time.monotonic() - begin)
        )  # the kill falls anywhere in the epoch after it
        os.kill(child, signal.SIGKILL)
        status = end(child)
        if status == 0:
            return kills
        if status != -signal.SIGKILL:
            raise SystemExit(f"a run that was started again ended with status {status}")
    raise SystemExit("a run that got further each time never came to its end")


def wait_for_save(path: Path, child: int) -> None:
    """Until the file has changed, or the child has ended."""

    def state():
        return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None

    before = state()
    while (
        state() == before
        and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    ):
        time.sleep(0.0005)


def die_in(module, name: str, count: int, after: bool):
    """From now on the ``count``-th call of this function kills the process, before or after its
    work."""
    original, calls = getattr(module, name), []

    def deadly(*args):
        calls.append(1)
        result = original(*args) if after or len(calls) != count else None
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(module, name, deadly)


def die_while_saving(path: Path, name: str, after: bool) -> list[int]:
    """Die in the third save, before or after the file is flushed or put in its place; then run to
    the end."""

    def doomed():
        die_in(os, name, 3, after)
        run(path)

    return [end(start(doomed)), end(start(lambda: run(path)))]


def full_disk(path: Path) -> dict:
    """Two epochs, then a disk that takes no more than 1,000 bytes a file, then room again."""
    end(start(lambda: run(path, epochs=2)))
    before = path.read_bytes()
    message = path.with_suffix(".message")

    def without_room():
        message.touch()
        report = os.open(message, os.O_WRONLY)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
        try:
            run(path, epochs=4)
        except OSError as error:
            os.write(report, str(error).encode())

    end(start(without_room))
    return {
        "message": message.read_text(),
        "kept": path.read_bytes() == before,
        "left": sorted(file.name for file in path.parent.iterdir() if "full.pt" in file.name),
        "then": end(start(lambda: run(path))),
    }


def main(folder: Path) -> None:
    random.seed(0)
    torch.set_num_threads(1)
    run(folder / "first.pt", epochs=1)  # imports what it needs: before the children, not in each
    reference = folder / "reference.pt"
    found = {
        "reference": end(start(lambda: run(reference))),
        "kills": kill_at_random(folder / "killed.pt"),
        "killed": same(reference, folder / "killed.pt"),
    }
    for name, after in (("fsync", False), ("fsync", True), ("replace", False), ("replace", True)):
        path = folder / f"{name}-{after}.pt"
        found[f"{name}-{after}"] = [*die_while_saving(path, name, after), same(reference, path)]
    found["full disk"] = full_disk(folder / "full.pt") | {
        "same": same(reference, folder / "full.pt")
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
