"""How far something is: one display for downloads, decoding, repeated runs and training.

In a notebook it is HTML written by hand: nothing goes to stderr, no widget state is saved, and at
the end one line of text stays.
"""

import html
import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

from .console import can_print, say, shown_on

EVERY = 0.3  # seconds between two looks


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this (IPython in a terminal has none)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def total_of(batches: Iterable) -> int | None:
    """How many there will be, None where that cannot be known."""
    try:
        return len(batches)
    except TypeError:  # no length, or a loader over data that have none
        return None


class Progress:
    """A bar in a terminal, a bar in a notebook, and nothing where neither is.

    ``total`` may become known later; ``unit`` is what is counted, with its prefix for large
    numbers (``"B"``); ``visible=False`` shows nothing anywhere.

    >>> with Progress("photos", total=2) as progress:
    ...     progress.show(1)
    """

    def __init__(
        self, what: str, total: float | None = None, unit: str = "", *, visible: bool = True
    ):
        self.what, self.total, self.unit, self.visible = what, total, unit, visible
        self.handle, self.summary = None, ""
        self.started = self.shown = time.monotonic()

    def __enter__(self):
        if self.visible and in_notebook():
            from IPython.display import display

            self.handle = display({"text/plain": f"{self.what} …"}, raw=True, display_id=True)
        self.bar = tqdm(
            total=self.total,
            desc=shown_on(sys.stderr, self.what),
            unit=self.unit,
            unit_scale=bool(self.unit),
            leave=False,
            # None: where stderr is no terminal
            disable=True if self.handle or not self.visible or not can_print(sys.stderr) else None,
        )
        return self

    @property
    def due(self) -> bool:
        """Whether the last look is so long ago that something should be shown."""
        return time.monotonic() - self.shown > EVERY

    def show(
        self, done: float, total: float | None = None, *, text: str = "", image: str = ""
    ) -> None:
        """So much is done. ``text`` says it in other words, ``image`` is HTML to show below."""
        self.bar.total = self.total = total or self.total
        self.bar.update(done - self.bar.n)
        if not self.due:
            return
        self.shown = time.monotonic()
        if self.handle:
            plain = text or f"{self.what}: {self._amount(done)}"
            page = html.escape(plain) + image
            if self.total:
                bar = f'max="{self.total:g}" value="{done:g}" aria-label="{html.escape(self.what)}"'
                page = f"<progress {bar}></progress> {page}"
            self.handle.update({"text/plain": plain, "text/html": page}, raw=True)

    def say(self, line: str) -> None:
        """A line that stays, in a terminal or a log; a notebook has its display."""
        if self.visible and not self.handle:
            with tqdm.external_write_mode():
                say(line)

    def _amount(self, done: float) -> str:
        numbers = [n for n in (done, self.total) if n]
        shown = [f"{tqdm.format_sizeof(n)}{self.unit}" if self.unit else f"{n:,}" for n in numbers]
        return " of ".join(shown)

    def __exit__(self, error, *_):
        self.bar.close()
        if self.handle:
            end = f"stopped by {error.__name__}" if error else "done"
            took = time.monotonic() - self.started
            left = self.summary or f"{self.what}: {end} after {took:.0f} s"
            self.handle.update({"text/plain": left}, raw=True)
