"""The marks by which questions and answers are known.

Every question of the course has an id (``w2-q3``), and its answer cell says so twice: in its
metadata (``{"coursekit": {"answer": "w2-q3"}}``) and in its first line (``**Answer w2-q3**``).
"""

import re
from collections.abc import Iterable
from itertools import islice

from .notebook import Cell

# As the course writes them, which `coursekit lint` holds it to.
PLACEHOLDER = "*Write your answer here.*"
EXACT_QUESTION = re.compile(r"### Question (w(\d+)-q\d+)\b")
EXACT_ANSWER = re.compile(r"\*\*Answer (w\d+-q\d+)\*\*[ ]*(?:\n|$)")
# As people leave them: other signs around them, another case, text behind them.
ANY_PLACEHOLDER = re.compile(r"(?im)^[ \t]*[*_]*Write your answer here[.…]*[*_]*[.…]*[ \t]*")
ANY_QUESTION = re.compile(r"(?im)^#{1,6}[ \t]+Question[ \t]+(w\d+-q\d+)\b")
_ANY_ANSWER = re.compile(  # signs before, week, question, signs behind
    r"(?im)^([ \t>*_#-]*)Answer[ \t]+(w\d+)-?(q\d+)\b([*_]*[:：.]?[*_]*)[ \t]*"
)
MOST = 2_000  # marks in one cell; what comes behind them is text
HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t].*$")


def questions(text: str) -> list[tuple[re.Match, str]]:
    """The headings in a text that ask a question, each with its id."""
    return [(found, found[1].lower()) for found in islice(ANY_QUESTION.finditer(text), MOST)]


def answer_lines(text: str) -> list[tuple[re.Match, str]]:
    """The lines in a text that name the question they answer, each with its id.

    A sentence may begin with the words, too, so a line must be set off by signs, stand alone, or
    come first of all.
    """
    first = len(text) - len(text.lstrip())
    return [
        (found, f"{found[2]}-{found[3]}".lower())
        for found in islice(_ANY_ANSWER.finditer(text), MOST)
        if found[1].strip()
        or found[4]
        or found.start() <= first
        or text[found.end() : found.end() + 1] in ("", "\n")
    ]


def asked(cells: Iterable[Cell]) -> list[str]:
    """The ids of the questions in these cells, in their order."""
    texts = (cell.text for cell in cells if cell.kind == "markdown")
    return list(dict.fromkeys(question for text in texts for _, question in questions(text)))


def answered_by(cell: Cell) -> list[str]:
    """The questions that a cell's metadata and lines say it answers."""
    named = [cell.answer] if cell.answer else []
    return [*named, *(question for _, question in answer_lines(cell.text))]
