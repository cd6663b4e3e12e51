"""``check``: whether a number or a choice is right, without the answer being written anywhere.

Kept is a hash of it, in ``seals.json``, so that nobody reads it by accident, and nobody without
some work. Numbers are rounded to a step before they are hashed, so all within half a step are
right; coarser steps tell what is close, and some wrong answers have a hint of their own.
"""

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ROUNDS = 20_000  # of the hash: some milliseconds for each try
_LARGEST = 1e300  # beyond it a number of steps is no number any more
_CLOSE = 1.1  # numbers are close when they lie within about this factor


@dataclass(frozen=True)
class Seal:
    """A question: what it ``asks`` for, the hash of the ``right`` answer, ``hints`` to wrong ones
    (hash → text); for numbers the ``step`` and the hash of the neighbourhood that is ``close``."""

    asks: str
    right: str
    step: float | None = None
    close: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What ``check`` says: ``kind`` is right, close, wrong or open (no answer yet)."""

    question: str
    kind: str
    hint: str = ""

    def __repr__(self) -> str:
        return f"{self.question}: {', '.join(filter(None, (self.kind, self.hint)))}"


_KEPT = json.loads(Path(__file__).with_name("seals.json").read_text(encoding="utf-8"))
SEALS = {question: Seal(**entry) for question, entry in _KEPT.items()}


def check(question: str, answer=...) -> Verdict:
    """Whether the answer is right, close or wrong, with a hint where there is one.

    ``answer`` is a number (Python's, NumPy's, or a tensor of one element) or the letter of a
    choice; three dots mean: not answered yet. Raises ``ValueError`` for a question that cannot be
    checked.

    >>> check("w5-q1")
    w5-q1: open, put in the place of the three dots: by which factor the squared errors differ
    >>> check("w5-q1", 3)
    w5-q1: wrong, three decibels are not a factor of three: ten are a factor of ten
    """
    if question not in SEALS:
        known = ", ".join(SEALS)
        raise ValueError(f"{question!r} cannot be checked by a program; these can: {known}")
    sealed = SEALS[question]
    if answer is ...:
        return Verdict(question, "open", f"put in the place of the three dots: {sealed.asks}")
    given = _read(answer, sealed.step)
    if given is None:
        kind = "single letter" if sealed.step is None else "number"
        told = f"the answer is a {kind}, not {reprlib.repr(answer)}: {sealed.asks}"
        return Verdict(question, "wrong", told)
    if _hash(question, _rounded(given, sealed.step)) == sealed.right:
        return Verdict(question, "right")
    hint = sealed.hints.get(_hint(question, given, sealed.step), "")
    if sealed.step is None:
        return Verdict(question, "wrong", hint or sealed.asks)
    if sealed.close in (_hash(question, "close", place) for place in _neighbours(given)):
        return Verdict(question, "close", hint or "but not near enough")
    return Verdict(question, "wrong", hint)


def seal(question: str, answer, *, asks: str, step: float | None = None, hints=None) -> str:
    """The entry of a new question, as JSON to be pasted into ``seals.json``.

    Numbers need a ``step`` of which the answer is a multiple; a choice has none. ``hints`` maps
    wrong answers to what they are told. Raises ``ValueError`` where the answer is no multiple of
    the step, or an answer is no number or letter.
    """
    hints = hints or {}
    for value in (answer, *hints):
        if _read(value, step) is None:
            kind = "single letter (a number needs a step)" if step is None else "number"
            raise ValueError(f"{value!r} is no {kind}")
    given = _read(answer, step)
    if step is not None and not step > 0:
        raise ValueError(f"a step must be above 0, not {step}")
    if step is not None and not math.isclose(given / step, round(given / step)):
        choose = "choose a smaller step, or round the answer"
        raise ValueError(f"{answer} is not a multiple of the step {step}: {choose}")
    entry = {"asks": asks, "right": _hash(question, _rounded(given, step))}
    if step is not None:
        entry |= {"step": step, "close": _hash(question, "close", _neighbours(given)[1])}
    if hints:
        read = {_read(wrong, step): told for wrong, told in hints.items()}
        entry["hints"] = {_hint(question, wrong, step): told for wrong, told in read.items()}
    return json.dumps({question: entry}, ensure_ascii=False, indent=2)[2:-2]  # without its braces


def _read(answer, step: float | None) -> float | str | None:
    """The answer to a question with this step, a number or a capital letter; None if it is none."""
    if step is None:
        one = isinstance(answer, str) and len(answer.strip()) == 1
        return answer.strip().upper() if one else None
    if isinstance(answer, (bool, str)):
        return None
    try:
        number = float(answer)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if abs(number) < _LARGEST else None  # NaN is not


def _rounded(given: float | str, step: float | None) -> str:
    return given if step is None else str(round(given / step))


def _hint(question: str, given: float | str, step: float | None) -> str:
    """The key of a hint: numbers within a twentieth of a step share it."""
    return _hash(question, "hint", _rounded(given, step and step / 10))


def _neighbours(given: float) -> list[str]:
    """The place of a number on a scale of factors, between the one below and the one above it."""
    place = math.floor(math.log(abs(given)) / math.log(_CLOSE)) if given else -(10**6)
    return [f"{math.copysign(1, given):+.0f} {near}" for near in (place - 1, place, place + 1)]


def _hash(question: str, *parts: str) -> str:
    text, salt = "/".join(parts).encode(), f"coursekit {question}".encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt, _ROUNDS, dklen=8).hex()
