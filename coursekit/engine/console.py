"""The one way to print: what a console cannot show comes in other signs, never as an error."""

import codecs
import sys
from typing import TextIO

# What a console of an old code page sees in place of signs that it may not have.
_OTHERS = {"┌": "+", "│": "|", "└": "+", "─": "-", "·": "-", "…": "...", "→": "->", "–": "-"}
_OTHERS |= {"×": "x", "±": "+-", "−": "-", "≤": "<=", "≥": ">=", "’": "'", "“": '"', "”": '"'}
SIGNS = "coursekit"  # how codecs call these errors


def _in_other_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    others = (_OTHERS.get(sign) or sign.encode("unicode_escape").decode() for sign in signs)
    return "".join(others), error.end


codecs.register_error(SIGNS, _in_other_signs)


def shown_on(stream: TextIO | None, text: str) -> str:
    """The text in signs that the stream can show; those of people's names are given by number.

    >>> import io
    >>> shown_on(io.TextIOWrapper(io.BytesIO(), "cp1252"), "┌── 张伟 · Zoë")
    '+-- \\\\u5f20\\\\u4f1f · Zoë'
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, SIGNS).decode(encoding)
    except (LookupError, UnicodeError):  # no encoding that Python knows, or one of few signs
        return text.encode("ascii", SIGNS).decode()


def can_print(stream: TextIO | None) -> bool:
    """Whether there is such a stream: a program without a window has none, a service may have
    closed it."""
    return stream is not None and not getattr(stream, "closed", False)


def say(*values, sep: str = " ", error: bool = False) -> None:
    """Print, at once, to the standard output, or to that of errors; without one, nowhere."""
    stream = sys.stderr if error else sys.stdout
    if can_print(stream):
        stream.write(shown_on(stream, sep.join(map(str, values)) + "\n"))
        stream.flush()


def show_all_signs() -> None:
    """Let the standard streams of a command write whatever others print, too."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=SIGNS)
