"""Texts and pictures of strangers as HTML that does nothing: no script, no form, no style, no
address but http(s) and mailto.

Two walls, each of which would do: the Markdown renderer escapes all HTML, and what it makes passes
a sanitiser that knows only the tags and attributes of prose. And nothing is lost on the way: a text
of which a word is missing afterwards is shown as it was typed.
"""

import base64
import binascii
import re
from functools import lru_cache
from html import escape, unescape

import mistune
import nh3
from markupsafe import Markup

LONGEST = 20_000  # letters that are laid out: a long essay; more is a print-out or a prank, and is shown as it was typed
LARGEST_PICTURE = 3_000_000  # letters of base64: a large screenshot

_TAGS = {
    "p",
    "br",
    "hr",
    "strong",
    "em",
    "del",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "blockquote",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "a",
}
_ADDRESS = re.compile(
    r"(?:https?://[a-z0-9.-]+(?::\d{1,5})?(?:[/?#][^\s<>\"'`\\]{0,2000})?|mailto:[^\s<>\"'`\\]{1,200})",
    re.IGNORECASE,
)
_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}
# Signs that no text has: controls, halves of signs, and what is no character. A page shows the sign
# for an unknown one.
_NO_SIGN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def html(text: str) -> Markup:
    """A text in Markdown as HTML."""
    text = clean(text)
    if len(text) > LONGEST:
        summary = f"A text of {len(text):,} characters, as it was typed"
        return Markup(f"<details><summary>{summary}</summary>{_typed(text)}</details>")
    try:
        page = nh3.clean(
            _markdown()(text),
            tags=_TAGS,
            clean_content_tags=set(),
            attributes={"a": {"href"}, "ol": {"start"}},
            attribute_filter=_attribute,
            set_tag_attribute_values={"th": {"scope": "col"}},
            link_rel="noopener noreferrer nofollow",
        )
    except (
        Exception
    ):  # whatever a text made to break the renderer brings about costs only its layout
        return Markup(_typed(text))
    shown = unescape(page)
    if any(word not in shown for word in set(re.findall(r"[^\W_]{4,}", text))):
        return Markup(_typed(text))
    return Markup(
        page.replace('<th scope="col"></th>', "<td></td>")
    )  # an empty header says nothing to a screen reader


def picture(kind: str, data: str) -> str:
    """The address of a picture that holds the picture itself; empty if it is none that may be
    shown."""
    if kind not in _BEGINNINGS or len(data) > LARGEST_PICTURE:
        return ""
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return (
        f"data:{kind};base64,{base64.b64encode(content).decode()}"
        if content.startswith(_BEGINNINGS[kind])
        else ""
    )


def clean(text: str) -> str:
    """The text without the signs that no text has."""
    return _NO_SIGN.sub("�", text)


def _typed(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "a" and name == "href":
        return value if _ADDRESS.fullmatch(value) else None
    return value


class _Renderer(mistune.HTMLRenderer):
    """Headings stay below those of the page, pictures are told, and whatever an address or a title
    says can be read."""

    def heading(self, text: str, level: int, **attributes) -> str:
        return f"<p><strong>{text}</strong></p>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        words = f"{text or escape(url)}{f' ({escape(title)})' if title else ''}"
        return (
            f'<a href="{escape(url)}">{words}</a>'
            if _ADDRESS.fullmatch(url)
            else f"{words} ({escape(url)})"
        )

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return f"[picture: {self.link(text, url, title)}]"

    def inline_math(self, text: str) -> str:
        return escape(f"${text}$")  # as it was typed: the page has no script that could set it

    def block_math(self, text: str) -> str:
        return f"<pre>$$\n{escape(text)}\n$$</pre>\n"

    def block_code(self, code: str, info: str | None = None) -> str:
        return f"{f'<p><em>{escape(info)}</em></p>' if info else ''}<pre><code>{escape(code)}</code></pre>\n"


@lru_cache
def _markdown() -> mistune.Markdown:
    markdown = mistune.create_markdown(
        renderer=_Renderer(escape=True), plugins=["table", "strikethrough", "math"]
    )
    markdown.block.rules.remove(
        "ref_link"
    )  # a line like "[note]: text" is not shown, but for a link that uses it
    return markdown
