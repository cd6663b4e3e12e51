"""The page that ``coursekit run`` makes of a notebook: nbconvert's own, with what it lacks for all
readers."""

import re
from pathlib import Path

from . import course

# Every colour of code and prompts has the contrast that WCAG asks for (4.5) on white and on the
# grey of code; some of nbconvert's own have half of it. Printed text and tracebacks have one
# colour: programs choose theirs for a terminal. Links do not differ from the text around them by
# colour alone, and on a phone or on paper no line of code is cut off.
TEMPLATE = """\
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_css -%}
<style>
:root {
  --jp-cell-prompt-not-active-opacity: 1;
  --jp-cell-prompt-not-active-font-color: #5f5f5f;
  --jp-mirror-editor-atom-color: #3333cc;
  --jp-mirror-editor-builtin-color: #006b00;
  --jp-mirror-editor-comment-color: #2f6666;
  --jp-mirror-editor-error-color: #b30000;
  --jp-mirror-editor-keyword-color: #006b00;
  --jp-mirror-editor-meta-color: #8a1ad6;
  --jp-mirror-editor-number-color: #006b00;
  --jp-mirror-editor-operator-color: #8a1ad6;
}
.jp-RenderedText pre span { color: inherit !important; }
.jp-RenderedHTMLCommon a[href] { text-decoration: underline; }
.jp-InputArea-editor .highlight pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
{%- endblock -%}
"""


def write(path: Path, notebook, title: str) -> None:
    """Write the page of an executed notebook."""
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(raw_template=TEMPLATE).from_notebook_node(
        notebook, resources={"metadata": {"name": title}}
    )
    # Markdown makes a header of every cell in a table's first row; the empty one in the corner is
    # none.
    course.write(path, re.sub(r"<th([^<>]*)></th>", r"<td\1></td>", page))
