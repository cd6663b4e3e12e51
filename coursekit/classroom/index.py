"""The page that lists the results of ``coursekit run``."""

import platform
import time
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from . import course

LOOK = Path(__file__).with_name("look.css").read_text(encoding="utf-8")
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{summary}</title>
<style>
{look}</style>
</head>
<body>
<main>
<h1>{summary}</h1>
<p>Executed from top to bottom on {when}, Python {python}, torch {torch}.</p>
<div class="wide">
<table>
<caption>Each notebook's page shows what was computed in this run.</caption>
<thead><tr><th scope="col">Notebook</th><th scope="col">Status</th><th scope="col">Scale</th>
<th scope="col">Minutes</th><th scope="col">Copy</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
</main>
</body>
</html>
"""


def write(path: Path, results: list, scale: str) -> None:
    """Write the page for these results of one run."""
    failed = sum(bool(result.error) for result in results)
    summary = (
        f"{len(results) - failed} of {len(results)} notebook{'s' * (len(results) != 1)} passed"
    )
    course.write(
        path,
        PAGE.format(
            summary=summary,
            when=time.strftime("%d %B %Y, %H:%M"),
            python=platform.python_version(),
            torch=version("torch"),
            look=LOOK,
            rows="\n".join(_row(result, scale) for result in results),
        ),
    )


def _row(result, scale: str) -> str:
    stem, link = escape(result.path.stem), quote(result.path.stem)
    title, copy = escape(result.title), ""
    if result.pages:
        title = f'<a href="{link}.html">{title}</a>'
        copy = f'<a href="{link}.ipynb" aria-label="{stem}.ipynb, executed copy">.ipynb</a>'
    status = '<span class="passed">passed</span>'
    if result.error:
        status = f'<span class="failed">failed</span><small>{escape(result.error)}</small>'
    return (
        f'<tr><th scope="row">{title}<small>{stem}</small></th><td>{status}</td><td>{scale}</td>'
        f'<td class="number">{result.seconds / 60:.1f}</td><td>{copy}</td></tr>'
    )
