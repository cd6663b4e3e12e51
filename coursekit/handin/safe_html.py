"""Pages made from templates, and texts and images of strangers as HTML that does nothing: no
script, no form, no style, no address but http(s) and mailto.

A template escapes every value. A text passes two walls, each of which would do: the Markdown
renderer escapes all HTML, and a sanitiser knows only the tags and attributes of prose. And nothing
is lost on the way: a text of which a word is missing afterwards is shown as it was typed.
"""

import base64
import re
from functools import lru_cache
from html import escape, unescape
from pathlib import Path

import mistune
import nh3
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..engine.text import count

LONGEST = 20_000  # letters that are laid out: a long essay; more is a print-out or a prank
LARGEST_IMAGE = 3_000_000  # letters of base64: a large screenshot

_TAGS = {*"p br hr strong em del code pre ul ol li blockquote a table thead tbody tr th td".split()}
_ADDRESS = re.compile(
    r"(?:https?://[a-z0-9.-]+(?::\d{1,5})?(?:[/?#][^\s<>\"'`\\]{0,2000})?|mailto:[^\s<>\"'`\\]{1,200})",
    re.IGNORECASE,
)
_BEGINNINGS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}
# Signs that no text has: controls, halves of signs, and what is no character.
_NO_SIGN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def render(template: Path, **values) -> str:
    """The template's text with these values; a name that it does not get is an error.

    Beside the values it has ``look``, the style that all pages share, and ``count(n, noun)``.
    What is not to be escaped comes as ``Markup``.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    look = Path(__file__).with_name("look.css").read_text(encoding="utf-8")
    return environment.get_template(template.name).render(look=Markup(look), count=count, **values)


def html(text: str) -> Markup:
    """A text in Markdown as HTML; one that is very long as it was typed."""
    if len(text) > LONGEST:
        return as_typed(text)
    text = clean(text)
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
    except Exception:  # whatever breaks the renderer costs only the layout of this text
        return Markup(_typed(text))
    shown = unescape(page)
    if any(word not in shown for word in set(re.findall(r"[^\W_]{4,}", text))):
        return Markup(_typed(text))
    # An empty header says nothing to a screen reader.
    return Markup(page.replace('<th scope="col"></th>', "<td></td>"))


def as_typed(text: str) -> Markup:
    """A text folded away, with every sign that was typed."""
    summary = f"A text of {len(text):,} characters, as it was typed"
    return Markup(f"<details><summary>{summary}</summary>{_typed(clean(text))}</details>")


def image(kind: str, data: str) -> str:
    """The image as an address (a data URL); empty if it is none that may be shown.

    ``kind`` is the media type that it claims to have, ``data`` its bytes in base64.
    """
    if kind not in _BEGINNINGS or len(data) > LARGEST_IMAGE:
        return ""
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except ValueError:
        return ""
    address = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return address if content.startswith(_BEGINNINGS[kind]) else ""


def clean(text: str) -> str:
    """The text with the sign for an unknown one in place of those that no text has."""
    return _NO_SIGN.sub("�", text)


def _typed(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _attribute(tag: str, name: str, value: str) -> str | None:
    return value if name != "href" or _ADDRESS.fullmatch(value) else None


class _Renderer(mistune.HTMLRenderer):
    """Headings stay below those of the page, images are told, and whatever an address or a title
    says can be read."""

    def heading(self, text: str, level: int, **attributes) -> str:
        return f"<p><strong>{text}</strong></p>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        words = text or escape(url)
        if title:
            words += f" ({escape(title)})"
        if not _ADDRESS.fullmatch(url):
            return f"{words} ({escape(url)})"
        return f'<a href="{escape(url)}">{words}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return f"[image: {self.link(text, url, title)}]"

    def inline_math(self, text: str) -> str:
        return escape(f"${text}$")  # as it was typed: the page has no script that could set it

    def block_math(self, text: str) -> str:
        return f"<pre>$$\n{escape(text)}\n$$</pre>\n"

    def block_code(self, code: str, info: str | None = None) -> str:
        language = f"<p><em>{escape(info)}</em></p>" if info else ""
        return f"{language}<pre><code>{escape(code)}</code></pre>\n"


@lru_cache
def _markdown() -> mistune.Markdown:
    plugins = ["table", "strikethrough", "math"]
    markdown = mistune.create_markdown(renderer=_Renderer(escape=True), plugins=plugins)
    # A line like "[note]: text" is not shown, but for a link that uses it.
    markdown.block.rules.remove("ref_link")
    return markdown
