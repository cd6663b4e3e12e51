"""The state of a training in a file, so that a stopped run goes on as if it had never stopped."""

import copy
import io
import numbers
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import torch

from . import random_state, saved_run
from .console import say
from .files import write_whole
from .fingerprint import fingerprint
from .function_recipe import unknown
from .steps import check_schedule, check_steps
from .text import printable
from .training_recipe import difference, training_recipe

# For each model and file, what the training itself has changed of its recipe, as (before, after):
# who calls fit again in the same process comes back with trained weights.
_CHANGED: WeakKeyDictionary = WeakKeyDictionary()


class Checkpoint:
    """Everything that a run needs to go on; without a path it only keeps the best weights."""

    def __init__(self, path, model, optimizer, scheduler, train, valid, loss, metric):
        self.path = None if path is None else Path(path).expanduser()
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.train, self.valid, self.loss, self.metric = train, valid, loss, metric
        self.recipe, self.best, self.last_written = None, None, None
        check_steps(model, optimizer, scheduler)

    def restore(self, epochs: int, history, precision, keep_best: bool) -> int:
        """Take up the saved run, if there is one: how many of its epochs are done.

        Raises ``ValueError`` for ``keep_best`` without a held-out part, for no number of epochs, a
        folder that is not there, a file of something else (nothing is changed then), and a schedule
        that is too short.
        """
        if not isinstance(epochs, numbers.Integral) or epochs < 0:
            raise ValueError(f"epochs must be a whole number, not {epochs!r}")
        if keep_best and self.valid is None:
            raise ValueError("keep_best needs a held-out part: pass valid, and not the test part")
        self.epochs, self.history, self.precision = epochs, history, precision
        self.best = {} if keep_best else None
        done = 0 if self.path is None else self._restore()
        check_schedule(self.scheduler, self.train, epochs - done)
        self._choose(done)
        return done

    def _restore(self) -> int:
        saved_run.check_possible(self.path, self.model)
        drawing = self.train, self.valid, self.model, self.loss, self.optimizer
        self.generators = random_state.owned(*drawing)
        parts = {"scheduler": self.scheduler, "scaler": self.precision.scaler, "loss": self.loss}
        self.parts = {"model": self.model, "optimizer": self.optimizer}
        self.parts |= {name: part for name, part in parts.items() if hasattr(part, "state_dict")}
        self.recipe, file = self._recipe(), printable(self.path.name)
        if parts := unknown(self.recipe):
            say(f"{file}: it cannot be told whether this changes: {', '.join(parts)}")
        self.last_written = self._stamp()
        if not self.last_written:
            return 0
        changed = _CHANGED.get(self.model, {}).get(self.path.resolve(), {})
        for name, (before, after) in changed.items():
            if self.recipe.get(name) == after or name == "seed":
                self.recipe[name] = before
        saved = saved_run.read(self.path, self.history)
        if text := difference(saved["recipe"], self.recipe):
            advice = "Delete it, or name another file for this run"
            raise ValueError(f"{file} was saved by another recipe, {text}. {advice}")
        if (epoch := saved["epoch"]) > self.epochs:
            more = f"more than the {self.epochs} asked for: ask for more, or name another file"
            raise ValueError(f"{file} holds {epoch} epochs already, {more}")
        with saved_run.taken_up(self.path, saved, self.parts, self.generators, self.best):
            check_schedule(self.scheduler, self.train, self.epochs - epoch)
        if self.best is not None:
            self.best = saved["best"]
        vars(self.history).update(saved["history"])
        ended = f"all {epoch} epochs are done already, nothing is left to train"
        say(f"{file}: {ended if epoch == self.epochs else f'continues after epoch {epoch}'}")
        return epoch

    def _recipe(self) -> dict[str, str]:
        return {
            "weights at the end": "the last" if self.best is None else "the best",
            "fast": str(self.precision.fast),
            **training_recipe(self),
            "initial weights": fingerprint(dict(self.model.state_dict())),
            "seed": str(torch.initial_seed()),
        }

    def save(self, epoch: int) -> None:
        """Save the run after so many epochs. Raises ``OSError`` when the file cannot be written."""
        if self.best is not None and self.history.best == epoch - 1:
            self.best = copy.deepcopy(dict(self.model.state_dict()))
        if self.path is not None:
            self._write(epoch)
        self._choose(epoch)

    def _choose(self, epoch: int) -> None:
        """After the last epoch, give the model the best weights."""
        if self.best and epoch == self.epochs:
            self.model.load_state_dict(self.best)

    def _write(self, epoch: int) -> None:
        content = {name: part.state_dict() for name, part in self.parts.items()}
        for group in content["optimizer"]["param_groups"]:  # torch.load lets no NumPy through
            group |= {key: x.item() for key, x in group.items() if isinstance(x, np.generic)}
        kept, buffers = dict(content["model"]), dict(self.model.named_buffers())
        content |= {"model": kept, "best": self.best, "epoch": epoch, "recipe": self.recipe}
        content["buffers"] = {name: x for name, x in buffers.items() if name not in kept}
        content |= {"history": asdict(self.history), "random": random_state.take(self.generators)}
        content["sum"] = fingerprint(content)
        buffer = io.BytesIO()  # torch.save has errors of its own for a disk that is full
        torch.save(content, buffer)
        if (there := self._stamp()) and there != self.last_written:
            say(f"{printable(self.path.name)}: another run wrote it too. Name a file for each run")
        try:
            write_whole(self.path, buffer.getbuffer())
            self.last_written = self._stamp()
        except OSError as error:
            kept = "the one of the epoch before is whole" if there else "there is none yet"
            what = f"the checkpoint of epoch {epoch} could not be saved ({error.strerror}); {kept}"
            advice = "Free some space or name another folder, then call fit again to continue"
            raise OSError(error.errno, f"{what}. {advice}") from error

    def _stamp(self) -> tuple[int, int] | None:
        """By which to tell who has written the file last, None where there is none."""
        with suppress(OSError):
            told = self.path.stat()
            return told.st_ino, told.st_mtime_ns
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """However the training ends, remember what it has changed of its recipe."""
        if self.recipe and self.path.exists():
            with suppress(TypeError):
                now = self._recipe()
                changed = {name: (text, now.get(name)) for name, text in self.recipe.items()}
                _CHANGED.setdefault(self.model, {})[self.path.resolve()] = changed
