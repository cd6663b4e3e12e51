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

WHERE = "Where scripts may run, as in a trusted notebook,"


class Moving:
    """A picture that moves, in a notebook and in its saved page.

    ``scripts`` are the names of the files beside this one that make it move from ``data``; the last
    defines ``live(data)``. Wherever no script runs, the picture ``png`` stays, with the text
    ``alt``, and a line of ``data``'s title and the ``caption``.
    """

    def __init__(self, scripts: Sequence[str], data: dict, png: bytes, alt: str, caption: str):
        self.alt = alt
        files = (Path(__file__).with_name(name) for name in ("output.css", "output.js", *scripts))
        style, *codes = (file.read_text(encoding="utf-8") for file in files)
        code = "".join(codes)
        # Inside a script element "<" could begin its end, or a comment that hides the end.
        known = json.dumps(data | {"style": style}).replace("<", "\\u003c")
        caption = escape(f"{data['title']}. {caption}" if data["title"] else caption)
        still = f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64_of(png)}">'
        still += f"<figcaption>{caption}</figcaption>"
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
