"""The output of a cell that a script brings to life, with all that it needs in it.

Plain HTML works in JupyterLab, Colab, VS Code and a saved page alike, without a package of widgets
and without a network.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent


class Moving:
    """A picture that moves, in a notebook and in its saved page.

    ``scripts`` are the names of the files beside this one that make it move from ``data``; the last
    defines ``live(data)``. Wherever no script runs, the picture ``png`` stays, with the text
    ``alt`` and the line ``caption``.
    """

    def __init__(self, scripts: Sequence[str], data: dict, png: bytes, alt: str, caption: str):
        self.alt = alt
        code = "".join(_file(name) for name in ("output.js", *scripts))
        # Inside a script element "<" could begin its end, or a comment that hides the end.
        known = json.dumps({**data, "style": _file("output.css")}).replace("<", "\\u003c")
        still = f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64_of(png)}">'
        still += f"<figcaption>{escape(caption)}</figcaption>"
        mark = hashlib.sha256(f"{code}{known}{still}".encode()).hexdigest()[:16]
        self.html = (
            f'<figure class="coursekit-moving" data-coursekit="{mark}">{still}</figure>\n'
            f'<script>\n(() => {{\n{code}wake("{mark}", {known}, live);\n}})();\n</script>'
        )

    def _repr_mimebundle_(self, **_):
        return {"text/html": self.html, "text/plain": self.alt}, {"text/html": {"alt": self.alt}}

    def __repr__(self) -> str:
        return f"Moving({self.alt})"


def base64_of(content: bytes) -> str:
    """Bytes as letters, which a page can hold."""
    return base64.b64encode(content).decode()


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
