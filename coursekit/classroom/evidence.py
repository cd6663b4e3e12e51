"""What lint asks of the numbers in a notebook's prose.

What one run measured stands in a cell tagged ``recorded``, and each number there is found in that
run. All other text is read at every scale and on every device, so no number there repeats what one
run measured. The rules take a notebook as lint has it.
"""

import html
import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..handin.notebook import Cell, joined
from ..records.stored import Run

MOST = 8  # decimals
CHECKED = "nbval-check-output"  # the tag of cells whose outputs are the same everywhere
SHARES = r"%|per ?cent|points?"
UNITS = rf"{SHARES}|dB|×|times|minutes?|min|seconds?|s|hours?|[MG]B"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d{1,3})?(?!\d)"
ANY = re.compile(rf"((?<![\w.)])[-−])?(?<![\d.])({NUMBER})")  # in code and outputs
# In prose one that stands for itself; those of a list share the unit behind its end.
ALONE = re.compile(rf"((?<![\w.)])[-−])?(?<![\w.,/^])({NUMBER})(?![\w^]|[.,]\d|-[^\W\d])")
LISTED = re.compile(rf"(?:[\s,;/()±–−*+-]|and|or|to|against|{NUMBER}){{0,12}}?({UNITS})(?!\w)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
CODE = re.compile(r"(?:\A|\n\n)(?: {4,}[^\n]*(?:\n|\Z))+|`[^`\n]+`|\$[^$]+\$")
# What has digits and says no quantity: addresses, tags, dates, versions, sizes, names (ResNet-18),
# places (section 8), the usual confidence.
NO_QUANTITY = re.compile(
    r"https?://[^\s)>]+|\]\([^()\s]*\)|<[^<>]+>|\b\d{4}-\d\d-\d\d\b|\b\d+\.\d+\.\d[\w.+]*"
    r"|\b\d+(?:×\d+)+\b|\b[^\W\d_]\w*-?\d[\w-]*|\b95 %(?= (?:confidence|interval)|\))"
    r"|\b(?i:section|week|question|cell|seed|figure|chapter|page|layer|filter|epoch|step|map)s?"
    rf" \d+\b(?!\.\d)(?:(?:,| and| or| to) \d+\b(?!\.\d| ?(?:{UNITS})))*"
)
QUOTES = re.compile(  # a sentence with one of these does not measure
    r"https?://|\]\(|\b(?:19|20)\d\d\b|\b(?:et al|papers?|old course|source|book|d2l|published)\b"
)
SENTENCE = re.compile(
    r"""(?x) (?: (?<=[.!?]) | (?<=[.!?][)*"”]) ) \s+ (?=[A-Z*(\[“"|<-])
    | \n\s*\n | \n(?=\s*[-*|])"""
)
FOLDED = re.compile(
    r"<details>\s*<summary>\s*(The recorded run[^<]*)</summary>\n\n(.*)\n</details>", re.DOTALL
)
DEVICE = re.compile(r"\b(?:CPU|GPU|MPS|[A-Z]{1,3}\d{1,4})\b")
SHOWN = re.compile(r"^device +(\S.*)\nscale +(\w+)", re.MULTILINE)  # as Lab prints them
HIDDEN = re.compile(r"(?s)<(style|script)\b.*?(?:</\1>|\Z)|<[^<>]+>")
TABLE = re.compile(r"""\bck\.recorded\(\s*["']([^"']*)["']""")


class Number(NamedTuple):
    """A number in a text: as written; times ten to the power of its ``decimals``; its unit; whether
    it is ``long``, of three digits or more, and so hardly the same as another one by chance."""

    text: str
    decimals: int
    scaled: int
    unit: str
    long: bool


def unfenced(text: str) -> str:
    """A Markdown text without its fenced code."""
    kept, fence = [], ""  # the mark that ends it
    for line in text.split("\n"):
        mark = found[1] if (found := FENCE.match(line)) else ""
        if not fence and not mark:
            kept.append(line)
        elif not fence:
            fence = mark
        elif mark.startswith(fence):
            fence = ""
    return "\n".join(kept)


def prose_of(text: str) -> str:
    """A Markdown text without code and formulas."""
    return CODE.sub(" ", unfenced(text))


def numbers(prose: str) -> Iterator[Number]:
    """The numbers in a Markdown text that say how much or how many."""
    prose = NO_QUANTITY.sub(" ", prose_of(prose))
    for found in ALONE.finditer(prose):
        value, decimals = _parsed(found)
        listed = LISTED.match(prose, found.end())
        if listed or not re.fullmatch(r"(?:19|20)\d\d", found[2]):  # no year
            digits = re.sub(r"\D", "", found[2]).lstrip("0")
            long = len(digits if decimals else digits.rstrip("0")) > 2
            unit, scaled = listed[1] if listed else "", round(value * 10**decimals)
            yield Number(found[0], decimals, scaled, unit, long)


def _parsed(found: re.Match) -> tuple[float, int]:
    """The value and the decimals of a number."""
    text = found[2].replace(",", "")
    mantissa, _, power = text.partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(power or 0)
    value = min(float(text), 1e15)  # what is larger measures nothing
    return -value if found[1] else value, min(max(decimals, 0), MOST)


class Evidence:
    """Numbers that are known, each with the position of its cell, at every precision at which they
    can be quoted: what is asked takes the logarithm of their count."""

    def __init__(self):
        # by the decimals with which they may be quoted, from and to, and whether in per cent, too
        self.known: dict[tuple[int, int, bool], list[tuple[float, int]]] = defaultdict(list)
        self.sorted = True

    def add(self, value: float, first: int = 0, last: int = MOST, position: int = 0) -> None:
        """A value that may be quoted with ``first`` to ``last`` decimals, two fewer in per cent."""
        self.known[first, last, abs(value) <= 1].append((value, position))
        self.sorted = False

    def read(self, text: str, rounded: bool, position: int = 0) -> "Evidence":
        """The numbers of a text: what was measured may be ``rounded``, what was set may not."""
        for found in ANY.finditer(re.sub(r"(?<=\d)_(?=\d)", "", text)):
            value, decimals = _parsed(found)
            self.add(value, *((0, decimals) if rounded else (decimals, MOST)), position)
        return self

    def places(self, number: Number) -> set[int]:
        """Where a known number is this one at its precision. Words may stand for the minus, and the
        unit may stand at the head of a table."""
        if not self.sorted:
            for known in self.known.values():
                known.sort()
            self.sorted = True
        signs = (1,) if number.text[0] in "-−" else (1, -1)
        share = re.fullmatch(SHARES, number.unit) or number.decimals and not number.unit
        found = set()
        for (first, last, small), known in self.known.items():
            for power in (0, 2) if small and share else (0,):
                if not max(first - power, 0) <= number.decimals <= last - power:
                    continue
                for sign in signs:
                    # a tie may be rounded either way
                    ends = (sign * number.scaled + half for half in (-0.5 - 1e-6, 0.5 + 1e-6))
                    low, high = (end / 10 ** (number.decimals + power) for end in ends)
                    start, stop = bisect_left(known, (low,)), bisect_right(known, (high, math.inf))
                    found.update(position for _, position in known[start:stop])
        return found

    def shows(self, number: Number) -> bool:
        """Whether a known number is this one at its precision."""
        return bool(self.places(number))


def printed(cells: Iterable[Cell]) -> Evidence:
    """What the outputs of these cells show."""
    return Evidence().read("\n".join(map(text_of, cells)), rounded=True)


def settings(cells: Iterable[Cell]) -> Evidence:
    """What stands in the code of these cells."""
    return Evidence().read("\n".join(cell.text for cell in cells), rounded=False)


def measured(runs: Iterable[Run]) -> Evidence:
    """What stored runs hold, and what their figures quote."""
    evidence = Evidence()
    for run in runs:
        evidence.add(run.minutes or 0)
        for one in run.figures.values():
            evidence.read(f"{one.old_course} {one.paper} {one.settings}", rounded=False)
            spread = [one.sd] if len(one.values) > 1 else []
            for value in (*one.values, one.mean, len(one.values), *spread):
                evidence.add(value)
    return evidence


def text_of(cell: Cell) -> str:
    """What a reader sees in a code cell's outputs."""
    texts = []
    for output in cell.outputs:
        data = output.get("data", {})
        texts += [output.get("text"), data.get("text/plain"), data.get("text/markdown")]
        texts.append(html.unescape(HIDDEN.sub(" ", joined(data.get("text/html")))))
    return "\n".join(map(joined, texts))


def shown(cells: Iterable[Cell]) -> tuple[str, str]:
    """Device and scale of the run that made the outputs, as Lab printed them; empty without."""
    found = (SHOWN.search(text_of(cell)) for cell in cells)
    return next((one.groups() for one in found if one), ("", ""))


def own_run(runs: Iterable[Run], device: str, scale: str) -> Run | None:
    """The stored run that made a notebook's outputs."""
    return next((run for run in runs if run.scale == scale and run.device in device), None)


def _sections(notebook) -> Iterator[tuple[Cell, list[Cell]]]:
    """Each text cell, with the code cells since the last heading of level 1 or 2."""
    section: list[Cell] = []
    for cell in notebook.cells:
        if cell.kind == "code" and not TABLE.search(cell.text):  # which shows other runs too
            section.append(cell)
        elif cell.kind == "markdown":
            yield cell, section
            section = [] if re.search(r"^##? ", cell.text, re.MULTILINE) else section


# The rules


def recorded(notebook):
    """A recorded cell is folded and names scale and device, and its numbers are those of its run.

    They are found in the outputs behind the last heading or recorded cell, or in the stored runs of
    the scale that the cell names; without a unit also in the code there, and whole numbers of three
    digits anywhere.
    """
    _, own = shown(notebook.code)
    last = 0  # the recorded cell before
    everywhere = [printed(notebook.code), settings(notebook.code)]
    for cell, section in _sections(notebook):
        folded = FOLDED.fullmatch(cell.text.strip())
        scales = dict.fromkeys(re.findall(r"\b(?:laptop|full)\b", folded[1] if folded else ""))
        if "recorded" not in cell.tags:
            if folded:
                yield cell, "it holds a recorded run, but has no tag recorded: add it"
        elif not folded:
            wanted = "<details><summary>The recorded run (laptop, CPU)</summary> and an empty line"
            yield cell, f"the recorded run is not folded: begin with {wanted}, end with </details>"
        elif not scales or not DEVICE.search(folded[1]):
            wanted = 'write "The recorded run (laptop, CPU)", or "(full, H100)", as its summary'
            yield cell, f"the recorded run does not name scale and device: {wanted}"
        else:
            read = [one for one in section if one.position > last]
            last = cell.position
            of_run = [measured(run for run in notebook.runs if run.scale in scales)]
            of_run += [printed(read)] if own in scales else []
            wrong, set_here = {}, settings(read)
            for number in numbers(folded[2]):
                known = of_run + ([] if number.unit else [set_here])
                known += everywhere if number.long and not (number.unit or number.decimals) else []
                if not any(one.shows(number) for one in known):
                    wrong[number.text] = None
            if wrong:
                where = f"the outputs since the last heading or recorded cell (scale {own or '?'})"
                where += f" or the stored runs at scale {' or '.join(scales)}"
                mend = "correct it, or let a cell between print it or record it (ck.record)"
                yield cell, f"{', '.join(wrong)}: not found in {where}: {mend}"


def unrecorded(notebook):
    """Outside recorded cells no number repeats an output that differs from run to run.

    A number of one or two digits is compared with its section only.
    """
    same = [cell for cell in notebook.code if CHECKED in cell.tags]
    facts = printed(same), settings(notebook.code)
    differing = Evidence()
    for cell in notebook.code:
        if CHECKED not in cell.tags:
            differing.read(text_of(cell), rounded=True, position=cell.position)
    for cell, section in _sections(notebook):
        places, near = {}, {one.position for one in section}
        for sentence in () if "recorded" in cell.tags else SENTENCE.split(prose_of(cell.text)):
            for number in () if QUOTES.search(sentence) else numbers(sentence):
                if number.text in places or not (number.long or number.unit):
                    continue
                at = differing.places(number)
                at = at if number.long else at & near
                if at and not any(one.shows(number) for one in facts):
                    places[number.text] = min(at, key=lambda place: abs(place - cell.position))
        if places:
            found = ", ".join(f"{text} (output of cell {at})" for text, at in places.items())
            yield cell, f"{found} differs from run to run: move the sentence to a recorded cell"


def stored_runs(notebook):
    """What a notebook records is stored, of the run that made its outputs, and shown."""
    name, (device, scale) = notebook.path.stem, shown(notebook.code)
    own = own_run(notebook.runs, device, scale)
    tables = {cell.position: cell for cell in notebook.code if TABLE.search(cell.text)}
    for cell in tables.values():
        if (other := TABLE.search(cell.text)[1]) != name:
            yield cell, f'ck.recorded("{other}") is of another notebook: write "{name}"'
        text = text_of(cell)
        texts = [str(one) for run in notebook.runs for one in run.figures.values()]
        if own and not all(one in text for one in texts):
            yield cell, "its table is not that of the stored runs: coursekit recorded --write"
    if not any("ck.record(" in cell.text for cell in notebook.code):
        return
    if not tables:
        yield None, f'it records figures and does not show them: add a cell ck.recorded("{name}")'
    anew = f"coursekit run {name} --scale {scale} --inplace"
    if not own and scale in ("laptop", "full"):
        yield None, f"no run of its outputs' scale and device ({scale}, {device}) is stored: {anew}"
    outputs = printed(cell for cell in notebook.code if cell.position not in tables)
    missing = []
    for label, one in own.figures.items() if own else ():
        # with the digits of the table, or one decimal less; of a single value two less
        least = one.digits - (1 if len(one.values) > 1 else 2)
        least = 0 if one.mean.is_integer() else max(least, min(one.digits, 1))
        digits = range(least, one.digits + 1)
        near = [*numbers(" ".join(f"{one.mean:.{places}f} {one.unit}" for places in digits))]
        missing += [label] * (not any(map(outputs.shows, near)))
    if missing:
        found = f"no output shows the mean that is stored of {', '.join(missing)}"
        yield None, f"{found}: print it, or, if the outputs are of another run, {anew}"
