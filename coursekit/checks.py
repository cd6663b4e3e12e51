"""``check``: whether a number or a choice is the answer to a question, without the answer being
written anywhere.

What is kept of an answer is a hash, so that nobody reads it by accident, and nobody without some
work. Numbers are rounded to a step before they are hashed, so all numbers within half a step are
right; coarser steps tell what is close, and some wrong answers have a hint of their own.
"""

import hashlib
import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

_ROUNDS = 20_000  # of the hash: some milliseconds for each try
_LARGEST = 1e300  # beyond it a number of steps is no number any more
_CLOSE = 1.1  # numbers are close when they lie within about this factor


@dataclass(frozen=True)
class Seal:
    """One question: what it ``asks`` for, the hash of the ``right`` answer; for numbers the
    ``step`` and the hash of the neighbourhood that is ``close``; ``hints`` for some wrong answers
    (hash → text)."""

    asks: str
    right: str
    step: float | None = None
    close: str = ""
    hints: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Verdict:
    """What ``check`` says: ``kind`` is right, close, wrong or open (no answer yet)."""

    question: str
    kind: str
    hint: str = ""

    def __repr__(self) -> str:
        return f"{self.question}: {self.kind}" + f", {self.hint}" * bool(self.hint)


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
        raise ValueError(
            f"{question!r} cannot be checked by a program; these can: {', '.join(SEALS)}"
        )
    seal = SEALS[question]
    if answer is ...:
        return Verdict(question, "open", f"put in the place of the three dots: {seal.asks}")
    given = _letter(answer) if seal.step is None else _number(answer)
    if given is None:
        kind = "letter" if seal.step is None else "number"
        return Verdict(
            question, "wrong", f"the answer is a {kind}, not {reprlib.repr(answer)}: {seal.asks}"
        )
    if _hash(question, _rounded(given, seal.step)) == seal.right:
        return Verdict(question, "right")
    hint = (seal.hints or {}).get(
        _hash(question, "hint", _rounded(given, seal.step and seal.step / 10)), ""
    )
    if seal.step is None and not hint:
        hint = seal.asks
    if seal.step and any(
        _hash(question, "close", place) == seal.close for place in _neighbours(given)
    ):
        return Verdict(question, "close", hint or "but not near enough")
    return Verdict(question, "wrong", hint)


def seal(
    question: str, answer, *, asks: str, step: float | None = None, hints: Mapping | None = None
) -> str:
    """The entry of ``SEALS`` for a new question, as code to paste.

    Numbers need a ``step`` of which the answer is a multiple; a choice has none. ``hints`` maps
    wrong answers to what they are told. Raises ``ValueError`` where the answer is no multiple of
    the step, or an answer is no number or letter.
    """
    read, kind = (_letter, "single letter") if step is None else (_number, "number")
    for value in (answer, *(hints or {})):
        if read(value) is None:
            raise ValueError(
                f"{value!r} is no {kind}" + " (a number needs a step)" * (step is None)
            )
    if step is not None and not step > 0:
        raise ValueError(f"a step must be above 0, not {step}")
    given = read(answer)
    if step is not None and not math.isclose(given / step, round(given / step)):
        raise ValueError(
            f"{answer} is not a multiple of the step {step}: choose a smaller step, or round the answer"
        )
    quoted = partial(json.dumps, ensure_ascii=False)
    hashes = [quoted(_hash(question, _rounded(given, step)))]
    if step is not None:
        hashes += [str(step), quoted(_hash(question, "close", _neighbours(given)[1]))]
    lines = [
        f"    {quoted(question)}: Seal(",
        f"        {quoted(asks)},",
        f"        {', '.join(hashes)},",
    ]
    if hints:
        keys = [
            _hash(question, "hint", _rounded(read(wrong), step and step / 10)) for wrong in hints
        ]
        told = [
            f"            {quoted(key)}: {quoted(text)}," for key, text in zip(keys, hints.values())
        ]
        lines += ["        hints={", *told, "        },"]
    return "\n".join([*lines, "    ),"])


def _number(answer) -> float | None:
    if isinstance(answer, (bool, str)):
        return None
    try:
        number = float(answer)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if abs(number) < _LARGEST else None  # NaN is not


def _letter(answer) -> str | None:
    return answer.strip().upper() if isinstance(answer, str) and len(answer.strip()) == 1 else None


def _rounded(given: float | str, step: float | None) -> str:
    return given if step is None else str(round(given / step))


def _neighbours(given: float) -> list[str]:
    """The place of a number on a scale of factors, between the one below and the one above it."""
    place = math.floor(math.log(abs(given)) / math.log(_CLOSE)) if given else -(10**6)
    return [f"{math.copysign(1, given):+.0f} {near}" for near in (place - 1, place, place + 1)]


def _hash(question: str, *parts: str) -> str:
    text = "/".join(parts).encode()
    return hashlib.pbkdf2_hmac(
        "sha256", text, f"coursekit {question}".encode(), _ROUNDS, dklen=8
    ).hex()


SEALS: dict[str, Seal] = {
    "w1-q4": Seal(
        'which pair is the real mistake, "A", "B" or "C"',
        "8de1334d42bedb58",
        hints={
            "875231050d1372e7": "the second log_softmax changes nothing, for its input is normalised already",
            "33a34741e501f010": "these two belong together",
        },
    ),
    "w2-q3": Seal(
        "the steps of 10 epochs with batch 64",
        "92b8af5c64850065",
        1,
        "dce062bdf0f97609",
        hints={
            "4cbf8523de7485a1": "the last batch of an epoch is smaller, but it is a step too",
            "a93da265d2334cf1": "there are no half steps: how many batches does *one* epoch have?",
            "01ca8e4b0127a06a": "round up in *each* epoch, not at the end",
            "80bbd554cc3b2161": "that is one epoch",
            "7f75d08f11196add": "that is batch 32",
        },
    ),
    "w2-q6": Seal(
        "how many numbers arrive at the classifier",
        "968bb7bdcbb04e4e",
        1,
        "0403a6413815d5b2",
        hints={
            "faeb0e339515fc09": 'that is what the printed line says; count the "M"s',
            "f066139abd355315": "a maximum pooling halves the side, and there are five",
        },
    ),
    "w2-q6-size": Seal(
        "the side of the images, in pixels, for which the printed line would have been right",
        "944602b26b8cf26a",
        1,
        "a02d6202f3216a17",
        hints={
            "7fc66abbc03755c2": "these are the images of CIFAR-10, for which it fails",
            "02f2b2c2c9e9925a": "what side would the last map have?",
            "687f246be5267c6d": "ImageNet's images would give a last map of 7×7",
        },
    ),
    "w3-q3": Seal(
        "the share of the pixels that it never sees, in per cent",
        "adf62aefe4a9171f",
        1,
        "5786d11a0c0aa67e",
        hints={
            "834d2e49c59f65b1": "every second row *and* every second column",
            "0f00a74cac860df0": "that is what it sees",
            "498dd851fd6a13c5": "in per cent",
        },
    ),
    "w3-q8": Seal(
        "the runs of each that see 0.3 points with a standard deviation of 0.2",
        "b651dc771b0dd76b",
        1,
        "2f907cbd20c92515",
        hints={
            "8732872241fcaf55": "that is with a standard deviation of 1.9 points",
        },
    ),
    "w3-q12": Seal(
        'what has changed, "A" the weights, "B" the running means and variances, "C" both',
        "d1a2ae77890f72d9",
        hints={
            "d9275a98d3228d07": "the weights are frozen, and stay",
            "d95ce1d41e3a5a41": "the weights are frozen, and stay",
        },
    ),
    "w3-q13": Seal(
        "half the width of the 95 % interval of one of the figures, in points",
        "2b1817c110cd975f",
        0.2,
        "1e989cb29b70349d",
        hints={
            "664a9970d27bcc65": "that is one standard error; 95 % are 1.96 of them",
            "6119d26cc91606d2": "in points, that is, in per cent",
        },
    ),
    "w4-q4": Seal(
        "the multiplications of the two linear layers of the SE block",
        "50723f4ec394d578",
        1,
        "8fd714285130631d",
        hints={
            "0c17091f54c4dcb4": "that is with the reweighting of the pixels; the two layers alone",
            "c326343e83a68d80": "that is one of the two layers",
            "64029dbd9ff5dacc": "the squeeze leaves one number per channel, not 256",
        },
    ),
    "w4-q4-conv": Seal(
        "the multiplications of one 3×3 convolution, 128 channels to 128, on 16×16 pixels",
        "7ff7dd570a3e62ec",
        1,
        "edacaca454b2055b",
        hints={
            "59542a9f45e3a716": "these are its weights; each is used once for every pixel",
            "29ecc6f485f2d2b7": "each output channel looks at all 128 input channels",
        },
    ),
    "w4-q6": Seal(
        "the parameters of the 3-D layer",
        "22e5c580959530a3",
        1,
        "3d17b21dfdd1afcf",
        hints={
            "ce2a9434c0afa36f": "the biases are parameters too",
            "2dbed37c66e58848": "that is the 2-D layer",
        },
    ),
    "w4-q6-flat": Seal(
        "the parameters of the 2-D layer",
        "7649559b59132baf",
        1,
        "b51f8b8d57c1c68b",
        hints={
            "693e89845d8599ca": "the biases are parameters too",
            "cae2e7d742411d55": "that is the 3-D layer",
        },
    ),
    "w4-q12": Seal(
        "half the width of the 95 % interval of 96 % on 10,000 images, in points",
        "452388283e51e313",
        0.1,
        "613bd37658152766",
        hints={
            "c267280ddb04fab9": "that is one standard error; 95 % are 1.96 of them",
            "ea333e70d164d756": "in points, that is, in per cent",
        },
    ),
    "w5-q1": Seal(
        "by which factor the squared errors differ",
        "728d32feca452b72",
        0.1,
        "5583f38a711f4cd2",
        hints={
            "7e69e0ec57e58456": "three decibels are not a factor of three: ten are a factor of ten",
            "58768c4033e9afc2": "the other way round: how many times larger is the larger one?",
            "f9c1ad3bc88b875e": "decibels count tenths of a power of ten",
            "0d09e1bd77843280": "that is the factor between the *roots* of the squared errors",
        },
    ),
    "w5-q1-photos": Seal(
        "how many photos of 20.17 dB make at least 31 dB when they are averaged",
        "513721594af66660",
        1,
        "204c8b4562355fd5",
        hints={
            "c5ca0c9cf778e2b0": "nearly: 12 photos make 30.96 dB",
            "c309c836ff5a7257": "at least, so round up",
            "e0132d623ad35fbc": "each doubling brings 3 dB; count again",
        },
    ),
    "w5-q10": Seal(
        "the memory for a hundred million items as signs, in GB",
        "76e676a83b510de8",
        0.2,
        "5da574750b0a0e72",
        hints={
            "82c62450789dbf4a": "that is without signs",
            "9d9e67014ae1ee81": "a GB has 10⁹ bytes",
            "a304465f0933116f": "in GB of 10⁹ bytes, not of 2³⁰",
        },
    ),
}
