"""``predict``: a number that a student expects of an experiment, kept in the notebook's output;
``predicted`` shows it beside the result.

What is predicted, in which unit and range, stands in ``predictions.json``.
"""

import html
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Quantity:
    """``what`` is predicted, in which ``unit``, and the range from ``low`` to ``high`` of what is
    possible."""

    what: str
    unit: str
    low: float
    high: float

    def shown(self, value: float) -> str:
        """The value in its unit, with four digits."""
        return f"{value:.4g} {self.unit}".strip()

    def apart(self, one: float, other: float) -> str:
        """How far two values are from each other: percentages in points."""
        unit = "points" if self.unit == "%" else self.unit
        return f"{round(abs(one - other), 6):.4g} {unit}".strip()


@dataclass(frozen=True)
class Prediction:
    """What was predicted first, and last; None: nothing yet. ``early`` are the numbers that were
    made before the result was shown."""

    question: str
    first: float | None = None
    last: float | None = None
    early: tuple[float, ...] = ()

    def _text(self) -> str:
        if self.last is None:
            return "–"
        quantity = QUANTITIES[self.question]
        before = f" (first {quantity.shown(self.first)})" if self.first != self.last else ""
        late = "" if self.last in self.early else " (after the result)"
        return f"{quantity.shown(self.last)}{before}{late}"

    def __repr__(self) -> str:
        quantity = QUANTITIES[self.question]
        if self.last is None:
            wanted = f"put a number in the place of the three dots, in {quantity.unit}"
            return f"{self.question}: open, {wanted}\n  {quantity.what}"
        return f"{self.question}: your prediction is {self._text()}\n  {quantity.what}"


_KEPT = json.loads(Path(__file__).with_name("predictions.json").read_text(encoding="utf-8"))
QUANTITIES = {question: Quantity(**entry) for question, entry in _KEPT.items()}
MADE: dict[str, Prediction] = {}  # in this process
_SHOWN: set[str] = set()  # whose results were shown


def predict(question: str, value=...) -> Prediction:
    """Keep what you expect, before you see the result. A later number does not hide the first.

    ``value`` is a number (Python's, NumPy's, or a tensor of one element) in the unit that the
    answer names; three dots mean: nothing yet. Raises ``ValueError`` for an unknown question, and
    for what is no number or lies outside what is possible.

    >>> predict("w1-cnn")
    w1-cnn: open, put a number in the place of the three dots, in %
      CNN, pixels in order: test accuracy
    """
    quantity = _quantity(question)
    made = MADE.get(question, Prediction(question))
    if value is ...:
        return made
    number = _number(question, value)
    if not quantity.low <= number <= quantity.high:
        span = f"between {quantity.low:g} and {quantity.shown(quantity.high)}"
        raise ValueError(f"{question}: {quantity.what} lies {span}, so {value} cannot come out")
    first = number if made.first is None else made.first
    early = made.early if question in _SHOWN else (*made.early, number)
    MADE[question] = Prediction(question, first, number, early)
    return MADE[question]


def predicted(results: Mapping[str, float]) -> "Beside":
    """The predictions beside the results, which are given by question: ``{"w1-cnn": 95.1}``.

    Raises ``ValueError`` for an unknown question and a result that is no number.
    """
    if not isinstance(results, Mapping):
        wanted = 'results are given by question, {"w1-cnn": 95.1}'
        raise ValueError(f"{wanted}, not {reprlib.repr(results)}")
    rows = []
    for question, value in results.items():
        quantity, result = _quantity(question), _number(question, value)
        made = MADE.get(question, Prediction(question))
        away = "–" if made.last is None else quantity.apart(made.last, result)
        rows.append((quantity.what, made._text(), quantity.shown(result), away))
    _SHOWN.update(results)
    return Beside(rows)


class Beside:
    """A table: the predictions, the results of this run, and their difference."""

    HEAD = ("", "your prediction", "this run", "difference")

    def __init__(self, rows: list[tuple[str, ...]]):
        self.rows = rows

    def __repr__(self) -> str:
        lines = [self.HEAD, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines)]
        cells = (zip(line, widths) for line in lines)
        return "\n".join("  ".join(f"{x:<{n}}" for x, n in line).rstrip() for line in cells)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{one}</th>' for one in self.HEAD[1:])
        body = ""
        for what, *cells in self.rows:
            shown = "".join(f"<td>{html.escape(one)}</td>" for one in cells)
            body += f'<tr><th scope="row">{html.escape(what)}</th>{shown}</tr>'
        return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"


def _quantity(question: str) -> Quantity:
    if not isinstance(question, str) or question not in QUANTITIES:
        known = ", ".join(QUANTITIES)
        raise ValueError(f"{question!r} is nothing to be predicted; these are: {known}")
    return QUANTITIES[question]


def _number(question: str, value) -> float:
    try:
        kind = str(getattr(value, "dtype", type(value).__name__))  # a tensor of truth values, too
        number = math.nan if "bool" in kind or isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{question}: a number is wanted, as in 90, not {reprlib.repr(value)}")
    return number
