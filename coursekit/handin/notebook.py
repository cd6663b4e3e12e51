"""A notebook as a file holds it: its JSON read with plain errors, its cells in any state."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..course import NotANotebook

MOST_CELLS = 5_000  # the course's notebooks have a hundred
MANY = 4_000_000  # brackets in a file: more were made to fill memories
MOST_BYTES = 100_000_000  # and 2 MB

# Colab's and Kaggle's badges as the course writes them, and as Colab writes its own, too. Group 1
# is whose it is, group 2 the address that it opens. Lengths are bounded, so that a text made to be
# slow is not.
EXACT_BADGE = re.compile(
    r"\[!\[[^\[\]\n]{0,80}\]\([^()\s]{0,200}(colab-badge|open-in-kaggle)\.svg\)\]"
    r"\(([^()\s]{0,400})\)"
)
ANY_BADGE = re.compile(
    EXACT_BADGE.pattern
    + r'|<a href="https://colab\.research\.google\.com/[^"\s]{0,400}"[^<>]{0,80}>'
    r'<img src="[^"\s]{0,200}colab-badge\.svg"[^<>]{0,80}></a>'
)
_TITLE = re.compile(r"^#[ \t]+(.+)$", re.MULTILINE)
# An image as Colab pastes it: in the text itself.
_PASTED = re.compile(r"!\[([^\[\]\n]{0,200})\]\(data:(image/[\w+.-]{1,20});base64,([\w+/=]+)\)")


class Attachment(NamedTuple):
    """An image in a cell: its name, its media type, and its bytes in base64."""

    name: str
    kind: str
    data: str


@dataclass
class Cell:
    """One cell as it was found.

    ``position`` counts from 1; ``kind`` is markdown, code or raw; ``text`` has the line ends of
    Unix and names images that were pasted into it as attachments; ``answer`` is the question that
    the metadata name (empty if none), ``count`` the execution count.
    """

    position: int
    kind: str
    id: str
    text: str
    metadata: dict
    tags: frozenset[str] = frozenset()
    answer: str = ""
    count: int | None = None
    outputs: tuple[dict, ...] = ()
    attachments: tuple[Attachment, ...] = ()


def read(path: Path) -> dict:
    """The JSON of one of the course's notebooks. Raises ``NotANotebook`` for a file that is none,
    as ``valid`` does, and for one that cannot be read."""
    return valid(contents(path))


def contents(path: Path) -> bytes:
    """The bytes of one of the course's notebooks. Raises ``NotANotebook`` where there are none."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise NotANotebook("is not a file")
        if (size := path.stat().st_size) > MOST_BYTES:
            most = f"{MOST_BYTES // 10**6} MB are the limit: make its outputs fewer or smaller"
            raise NotANotebook(f"has {size / 1e6:,.0f} MB, and {most}")
        return path.read_bytes()
    except OSError as error:
        raise NotANotebook(f"cannot be read ({error.strerror or error})") from None


def valid(data: bytes) -> dict:
    """The JSON of one of the course's notebooks, which must be in UTF-8 and valid in format 4.

    Raises ``NotANotebook`` for anything else.
    """
    content = parse(data, exact=True)
    for place, problem in faults(content):
        reason = ": ".join(map(str, [*place, problem]))
        why = f"is not valid in format 4 ({reason}): open and save it in JupyterLab"
        raise NotANotebook(why)
    return content


def faults(content: dict) -> Iterator[tuple[list, str]]:
    """Where a notebook's JSON is not valid in format 4, and what is wrong there: as far as nbformat
    is installed, which knows the format."""
    version = content.get("nbformat"), content.get("nbformat_minor")
    if [*map(type, version)] != [int, int] or version[0] != 4 or version[1] < 0:
        yield [], "its format is {!r}.{!r}".format(*version)[:80]
        return
    # a grammar of web addresses, which takes a second to compile, and no notebook has any to check
    sys.modules.setdefault("rfc3987_syntax", None)
    try:
        json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        from nbformat.validator import iter_validate

        # what is wrong takes a millisecond for each output, so the beginning is looked at first
        beginning = {**content, "cells": [*map(_beginning, content["cells"][:200])]}
        for part in (beginning, content):
            right = True
            for error in iter_validate(part):
                right = False
                # for a type that no schema knows, the message would be the whole cell or output
                unknown = error.validator == "oneOf"
                problem = "it is of no known type" if unknown else error.message[-150:]
                yield list(error.relative_path), problem
            if not right:
                return
    except UnicodeEncodeError:
        yield [], "it holds half of a sign, which is no text"
    except ImportError:
        pass
    except (ValueError, TypeError, RecursionError):  # also of nbformat, where a type is a list
        yield [], "it holds what the format does not know, as NaN or a type that is no text"


def _beginning(cell):
    """A cell with its first outputs."""
    outputs = as_list(as_dict(cell).get("outputs"))
    return {**cell, "outputs": outputs[:20]} if outputs else cell


def parse(data: bytes, exact: bool = False) -> dict:
    """The JSON of a notebook, of which no more is sure than that it has a list of cells.

    What students hand in may be in any encoding that JSON allows and have any signs in its texts,
    and format 3 is made format 4 without a loss of text (it keeps its ``worksheets``, too);
    ``exact`` allows none of it. Raises ``NotANotebook`` when there is none in these bytes; the
    message goes on after the file's name.
    """
    content, why = {}, "it has no list of cells"
    try:
        if exact:
            content = as_dict(json.loads(data.decode("utf-8-sig")))
        elif why_not := _other_kind(data):
            raise ValueError(why_not)
        else:
            content = as_dict(_READER.decode(_text(data)))
    except UnicodeDecodeError:
        why = "it is not text in UTF-8: save it in this encoding"
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}: {error.msg}"
        why = f"it is not JSON ({where})" if data.strip(b"\0 \t\r\n") else "it is empty"
    except RecursionError:
        why = "its JSON is nested too deep"
    except (ValueError, MemoryError) as error:
        why = str(error) or "it needs too much memory"
    if not exact and isinstance(content.get("worksheets"), list):
        sheets = [as_dict(sheet) for sheet in content["worksheets"]]
        old = [cell for sheet in sheets for cell in as_list(sheet.get("cells"))]
        content["cells"] = [_renewed(cell) for cell in old if isinstance(cell, dict)]
    if not isinstance(content.get("cells"), list):
        raise NotANotebook(f"is not a notebook, for {why}")
    if (n := len(content["cells"])) > MOST_CELLS:
        raise NotANotebook(f"has {n:,} cells, and {MOST_CELLS:,} are the limit: read it by itself")
    return content


def cells(notebook: dict, badges: bool = True) -> list[Cell]:
    """The cells of a notebook's JSON of format 4. What is no cell at all is left out.

    ``badges=False`` takes the badges, which differ from copy to copy, out of the texts.
    """
    found = enumerate(notebook.get("cells", ()), 1)
    return [_cell(position, cell, badges) for position, cell in found if isinstance(cell, dict)]


def title(notebook: dict) -> str:
    """The first heading of the first level, empty if there is none."""
    texts = (cell.text for cell in cells(notebook, badges=False) if cell.kind == "markdown")
    return next((found[1].strip() for text in texts if (found := _TITLE.search(text))), "")


def joined(text) -> str:
    """A text of a notebook's JSON, where it may be a list of its lines; empty for anything else."""
    if isinstance(text, list):
        return "".join(part for part in text if isinstance(part, str))
    return text if isinstance(text, str) else ""


def as_dict(value) -> dict:
    """The value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value) -> list:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def _cell(position: int, cell: dict, badges: bool) -> Cell:
    metadata = as_dict(cell.get("metadata"))
    text = joined(cell.get("source")).replace("\r\n", "\n").replace("\r", "\n")
    attachments = [
        Attachment(str(name), str(kind), joined(data))
        for name, kinds in as_dict(cell.get("attachments")).items()
        for kind, data in as_dict(kinds).items()
    ]
    if not badges and ".svg" in text:
        text = ANY_BADGE.sub("", text)
    if ";base64," in text:
        attachments += [Attachment(*found) for found in _PASTED.findall(text)]
        text = _PASTED.sub(r"![\1](attachment:\1)", text)
    answer = str(as_dict(metadata.get("coursekit")).get("answer"))
    count = cell.get("execution_count")
    return Cell(
        position,
        kind=str(cell.get("cell_type")),
        id=str(cell.get("id") or metadata.get("id") or ""),
        text=text,
        metadata=metadata,
        tags=frozenset(tag for tag in as_list(metadata.get("tags")) if isinstance(tag, str)),
        answer=answer if re.fullmatch(r"w\d+-q\d+", answer) else "",
        count=count if type(count) is int else None,
        outputs=tuple(one for one in as_list(cell.get("outputs")) if isinstance(one, dict)),
        attachments=tuple(attachments),
    )


def _renewed(cell: dict) -> dict:
    """A cell of format 3 as it is in format 4."""
    kind, text = cell.get("cell_type"), cell.get("source", "")
    if kind == "code":
        code, count = cell.get("input", text), cell.get("prompt_number")
        return {**cell, "source": code, "execution_count": count}
    if kind == "heading":
        level = cell.get("level") if cell.get("level") in range(1, 7) else 1
        return {**cell, "cell_type": "markdown", "source": f"{'#' * level} {joined(text)}"}
    return cell


def _text(data: bytes) -> str:
    """The text of a file as any editor or disk may have left it."""
    return data.decode(json.detect_encoding(data), "surrogatepass").lstrip("\ufeff").rstrip("\0")


def _other_kind(data: bytes) -> str:
    """What a file is in truth, by its first bytes; empty if it may be a notebook."""
    begin = data[:100].lstrip()
    kinds = {b"%PDF": "a PDF", b"PK\3\4": "a zip archive", b"<": "a web page", b"#": "a program"}
    kinds |= {b"Rar!": "a rar archive", b"7z\xbc": "a 7z archive", b"\x1f\x8b": "a gz archive"}
    kind = next((kind for sign, kind in kinds.items() if begin.startswith(sign)), "")
    if not kind and len(data) > MANY and sum(map(data.count, (b"{", b"["))) > MANY:
        return f"it has more than {MANY:,} lists and objects"
    return kind and f"it is {kind}: ask for the notebook"


def _object(pairs: list[tuple]) -> dict:
    """An object of JSON; where cells or a text are there twice, both are kept."""
    made = dict(pairs)
    if len(made) < len(pairs):
        for name in made.keys() & {"cells", "worksheets", "source", "input"}:
            values = [value for other, value in pairs if other == name]
            if {*map(type, values)} == {str}:
                made[name] = "\n".join(values)
            elif {*map(type, values)} == {list}:
                made[name] = [part for value in values for part in value]
    return made


def _whole(digits: str) -> int:
    """A whole number of JSON. One that no notebook has, and that takes long to read, is none."""
    return int(digits) if len(digits) <= 18 else 0


_READER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_whole, strict=False)
