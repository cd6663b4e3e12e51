"""What a training shows while it runs: how far it is, and the curve so far."""

import base64
import html
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from .misfits import check_finite
from .progress import Progress, total_of

REDRAW = 3  # seconds between two pictures of the curve


class Display:
    """Bar and live curve in a notebook; a bar and one line an epoch in a terminal."""

    def __init__(self, history, epochs: int, visible: bool):
        self.history, self.epochs = history, epochs
        self.progress = Progress("training", visible=visible)
        self.image, self.drawn, self.told = "", time.monotonic(), None

    def __enter__(self):
        self.progress.__enter__()
        return self

    def batches(self, train: Iterable, losses: list[Tensor]) -> Iterator:
        """The batches of one epoch, with the losses looked at a few times a second.

        Raises ``ValueError`` when there was none, ``FloatingPointError`` for a loss that is not
        finite.
        """
        self._tell()
        epoch, total = self.told, total_of(train)
        started = time.monotonic()
        for i, batch in enumerate(train, 1):
            yield batch
            if self.progress.due:
                check_finite(losses, epoch)
                self._draw(losses, total)
                speed = i / (time.monotonic() - started)
                text = f"epoch {epoch + 1} of {self.epochs} · batch {i} of {total or '?'}"
                text += f" · {speed:.1f} batches/s"
                if epoch:
                    text += f" · last epoch: {self.history.line()}"
                done, all_of_them = epoch * (total or 0) + i, self.epochs * (total or 0)
                self.progress.show(done, all_of_them, text=text, image=self.image)
        if not losses:
            what = "is used up: one that can be gone through once serves one epoch"
            if not epoch:
                what = "is empty: it gave no batch, so there is nothing to learn from"
            raise ValueError(f"the training loader {what}")
        check_finite(losses, epoch)

    def _tell(self) -> None:
        """Say how the last epoch went, if one has ended since the last time."""
        ended = len(self.history.train_loss)
        if self.told is not None and ended > self.told:
            took = f"{self.history.seconds[-1]:.1f} s"
            self.progress.say(f"epoch {ended} of {self.epochs} · {self.history.line()} · {took}")
        self.told = ended

    def _draw(self, losses: list[Tensor], steps: int | None) -> None:
        """Draw the curve again, but not more often than it is worth the time."""
        if not self.progress.handle or time.monotonic() - self.drawn < REDRAW:
            return
        so_far = self.history.batch_loss + torch.stack(losses).tolist()
        shown = replace(self.history, batch_loss=so_far, steps=steps or self.history.steps)
        picture = shown.plot()
        data = base64.b64encode(picture.png()).decode()
        self.image = (
            f'<br><img alt="{html.escape(picture.alt)}" src="data:image/png;base64,{data}">'
        )
        self.drawn = time.monotonic()

    def __exit__(self, error, *rest):
        if not error:
            self._tell()
        end = f"stopped by {error.__name__} after " if error else ""
        seconds, speed = sum(self.history.seconds), self.history.speed
        self.progress.summary = f"{end}{self.history!r} · {seconds:.0f} s, {speed:,.0f} samples/s"
        self.progress.__exit__(error, *rest)
