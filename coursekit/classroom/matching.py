"""Which notebook of the course a file is: found by what stands in it, for names are changed."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .. import questions
from . import course

TITLE = re.compile(r"^#[ \t]+(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A notebook of the course: the name of its file without suffix, its title, its JSON and the
    ids of its questions."""

    stem: str
    title: str
    content: dict
    asked: tuple[str, ...]


class Sources:
    """The notebooks of the course. Raises ``CommandError`` when one of them cannot be read."""

    def __init__(self, root: Path):
        self.all = [self._read(path, root) for path in course.find_notebooks([], root)]
        self.of_text: dict[str, list[Source]] = {}
        for source in self.all:
            for text in _texts(questions.cells(source.content)):
                self.of_text.setdefault(text, []).append(source)
        self.of_question = {question: source for source in self.all for question in source.asked}

    def find(self, notebook: dict, name: str) -> Source | None:
        """The one that this notebook was made from: most cells in common, then questions, title,
        file name. None if none."""
        cells = questions.cells(notebook)
        common = Counter()
        for text in _texts(cells):
            if (
                len(sources := self.of_text.get(text, ())) == 1
            ):  # a text of several notebooks tells nothing
                common[sources[0].stem] += 1
        named = {question for cell in cells for question in questions.named_by(cell)}
        named.update(
            match[1].lower() for cell in cells for match in questions.QUESTION.finditer(cell.text)
        )
        ids = Counter(
            self.of_question[question].stem for question in named & self.of_question.keys()
        )
        heading = _title(cells)

        def likeness(source: Source) -> tuple[int, int, bool, bool]:
            return (
                common[source.stem],
                ids[source.stem],
                heading == source.title,
                source.stem.lower() in name.lower(),
            )

        best = max(self.all, key=likeness)
        cells_alike, questions_alike, *names = likeness(best)
        # one short cell may be alike by chance
        return best if cells_alike > 1 or questions_alike or any(names) else None

    @staticmethod
    def _read(path: Path, root: Path) -> Source:
        try:
            content = course.read_notebook(path)
        except course.NotANotebook as error:
            raise course.CommandError(
                f"{course.shown(path, root)} {error}: mend it first (coursekit lint)"
            ) from None
        return Source(
            path.stem, title(content) or path.stem, content, tuple(questions.asked(content))
        )


def title(notebook: dict) -> str:
    """The first heading of the first level, empty if there is none."""
    return _title(questions.cells(notebook))


def _title(cells: list[questions.Cell]) -> str:
    for cell in cells:
        if cell.kind == "markdown" and (found := TITLE.search(cell.text)):
            return found[1].strip()
    return ""


def _texts(cells: list[questions.Cell]) -> set[str]:
    return {" ".join(cell.text.split()) for cell in cells} - {""}
