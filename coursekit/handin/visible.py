"""What a reader of a text in Markdown would see: whether it says something, or is empty in a
longer way (a blank list, a comment, a space without a width, the placeholder in another form)."""

import html
import re
from unicodedata import category

_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:-->|\Z))", re.DOTALL)
_FORM = re.compile(  # tags that say nothing else, list marks, fences without code
    r"</?(?i:br|hr|p|div|span|center|b|i|u|s|a|em|strong|font|small|code|pre|su[bp]|del|ins|mark"
    r"|[uod]l|li|d[td]|blockquote|details|summary|table|t[dhr]|t(?:head|body)|h[1-6])\s{0,9}/?>"
    r"|^[ \t>]*(?:\d{1,9}[.)]|[-+*])(?=\s|$)"
    r"|^[ \t]*(`{3,}|~{3,})[^\n`]*\n\s*\1[`~]*[ \t]*$",
    re.MULTILINE,
)
# Other tags but for pictures, and links without words: typed, but not shown.
_UNSEEN = re.compile(
    r"</?(?!img\s[^<>]*src)[a-z][\w-]*(?:\s[^<>]*)?/?>|(?<!!)\[\s*\]\([^()\n]*\)", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,30});")
_WORDS = re.compile(r"[^\W_]+")
_PLACEHOLDER = "writeyouranswerhere"
# Signs of Markdown and HTML; letters that no font draws.
_STRUCTURE = {*"*_#<>`~|+=$^\\-[](){}!&"}
_SAY_NOTHING = {*".,:;·…–—。，、：；"}
_NOT_DRAWN = {*"\u115f\u1160\u3164\uffa0\u2800"}


def says_something(text: str) -> bool:
    """Whether a reader would see more than an empty form or a dot: a word, a number, a ✓, a "?".

    >>> [says_something(text) for text in ("C", "-1", "✓", "> ", "<br>", "1.", "<!-- C -->")]
    [True, True, True, False, False, False, False]
    """
    shown = _shown(_UNSEEN.sub(" ", _COMMENT.sub("", text)))
    return not _signs(shown) <= _SAY_NOTHING


def has_signs(text: str) -> bool:
    """Whether anything was typed that should not vanish, though it may say nothing.

    >>> has_signs("..."), has_signs("<!-- a thought -->"), has_signs("- "), has_signs("<br>")
    (True, True, False, False)
    """
    return bool(_signs(_shown(text.replace("<!--", " ").replace("-->", " "))))


def _shown(text: str) -> str:
    """The text without what only gives it a form, and without the placeholder."""
    text = _FORM.sub(" ", text)
    text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if _PLACEHOLDER[:5] in text[:1000].lower():
        words = "".join(_WORDS.findall(text)).lower()
        if not words.replace(_PLACEHOLDER, ""):
            text = _WORDS.sub("", text).translate(dict.fromkeys(map(ord, _SAY_NOTHING)))
    return text


def _signs(text: str) -> set[str]:
    """The signs that can be seen, but for those that Markdown is made of."""
    signs = {*text} - _STRUCTURE - _NOT_DRAWN
    return {sign for sign in signs if category(sign)[0] in "LNPS"}
