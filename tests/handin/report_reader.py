"""Reading a report as a browser does, and a table as a spreadsheet does."""

import csv
import re
from io import StringIO

import html5lib

FORBIDDEN = {
    *"script iframe frame object embed applet form input button".split(),
    *"link base template video audio source noscript textarea select".split(),
}
DOING = "style srcdoc srcset action formaction background ping".split()
ADDRESS = re.compile(r"https?://[a-z0-9.-]+(:\d+)?([/?#]\S*)?|mailto:\S+", re.IGNORECASE)
DATA_URL = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/]+=*")


class Page:
    """A report, read with the parser that the standard of HTML prescribes."""

    def __init__(self, text):
        self.root = html5lib.parse(text, namespaceHTMLElements=False)
        self.elements = [element for element in self.root.iter() if isinstance(element.tag, str)]
        self.of_id = {element.get("id"): element for element in self.elements if element.get("id")}

    @staticmethod
    def text(element):
        return "".join(element.itertext())

    def faults(self):
        """What must not be in a report, wherever it comes from."""
        found = []
        ids = [element.get("id") for element in self.elements if element.get("id")]
        found += [f"the id {name} is there twice" for name in {*ids} if ids.count(name) > 1]
        levels = [
            int(element.tag[1]) for element in self.elements if re.fullmatch("h[1-6]", element.tag)
        ]
        found += [f"h{b} under h{a}" for a, b in zip(levels, levels[1:]) if b > a + 1]
        if levels.count(1) != 1:
            found.append("not one h1")
        policies = [
            element.get("content")
            for element in self.elements
            if element.tag == "meta"
            and (element.get("http-equiv") or "").lower() == "content-security-policy"
        ]
        if policies != [
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
            "form-action 'none'"
        ]:
            found.append(f"the policies {policies}")
        for element in self.elements:
            found += self._of(element)
        return found

    def _of(self, element):
        tag, text = element.tag, f"<{element.tag} {dict(element.attrib)}>"[:200]
        if tag.startswith("{"):  # drawings and formulas have a namespace
            yield text
        if tag in FORBIDDEN or (tag == "style" and element not in list(self.root.find("head"))):
            yield text
        if tag == "meta" and element.get("http-equiv", "").lower() not in (
            "",
            "content-security-policy",
        ):
            yield text
        if tag == "th" and element.get("scope") not in ("col", "row"):
            yield f"{text} without a scope"
        if tag == "img" and not (DATA_URL.fullmatch(element.get("src", "")) and element.get("alt")):
            yield text
        for name, value in element.attrib.items():
            if name.startswith("on") or name in DOING:
                yield text
            if name == "src" and tag != "img":
                yield text
            if name == "href" and value.startswith("#"):
                if value[1:] not in self.of_id:
                    yield f"{text} leads nowhere"
            elif name == "href" and not (
                ADDRESS.fullmatch(value) and "noopener" in (element.get("rel") or "")
            ):
                yield text


def typed(page):
    """The parts of a page that students wrote."""
    return [element for element in page.elements if "typed" in (element.get("class") or "").split()]


def rows(path):
    """The rows of a table, each a dict by the names of the columns."""
    text = path.read_text(encoding="utf-8-sig")
    csv.field_size_limit(10_000_000)  # for the two megabytes
    return list(csv.DictReader(StringIO(text, newline="")))
