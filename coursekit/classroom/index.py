"""The page that lists the results of ``coursekit run``."""

import platform
import time
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from . import course

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{summary}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2733; --faint: #5b6875; --line: #d5dce3; --page: #fff; --band: #f4f7fa;
  --link: #0b5cad; --good: #17663a; --bad: #a3211b; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e6ebf0; --faint: #a3b0bd; --line: #3a4652; --page: #151b21;
  --band: #1e262e; --link: #7db8f5; --good: #7fd6a0; --bad: #ff9d94; }} }}
body {{ margin: 0 auto; padding: 2.5rem 1.25rem; max-width: 62rem; font: 1.0625rem/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--page); }}
h1 {{ margin: 0 0 .25rem; font-size: 1.75rem; line-height: 1.25; }}
p {{ margin: 0 0 1.75rem; color: var(--faint); }}
.wide {{ overflow-x: auto; }}
table {{ width: 100%; border-collapse: collapse; }}
caption {{ padding-bottom: .5rem; text-align: left; color: var(--faint); }}
th, td {{ padding: .7rem .75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }}
thead th {{ background: var(--band); }}
tbody th {{ font-weight: 600; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
small {{ display: block; font-size: .875rem; font-weight: 400; color: var(--faint); overflow-wrap: anywhere; }}
a {{ color: var(--link); }}
a:focus-visible {{ outline: 3px solid var(--link); outline-offset: 2px; }}
.passed {{ color: var(--good); font-weight: 600; }}
.failed {{ color: var(--bad); font-weight: 600; }}
</style>
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
    summary = f"{len(results) - failed} of {len(results)} notebook{'s' * (len(results) != 1)} passed"
    course.write(path, PAGE.format(
        summary=summary, when=time.strftime("%d %B %Y, %H:%M"), python=platform.python_version(), torch=version("torch"),
        rows="\n".join(_row(result, scale) for result in results)))


def _row(result, scale: str) -> str:
    stem, link = escape(result.path.stem), quote(result.path.stem)
    title, copy = escape(result.title), ""
    if result.pages:
        title = f'<a href="{link}.html">{title}</a>'
        copy = f'<a href="{link}.ipynb" aria-label="Executed copy of {stem}">.ipynb</a>'
    status = '<span class="passed">passed</span>'
    if result.error:
        status = f'<span class="failed">failed</span><small>{escape(result.error)}</small>'
    return (f'<tr><th scope="row">{title}<small>{stem}</small></th><td>{status}</td><td>{scale}</td>'
            f'<td class="number">{result.seconds / 60:.1f}</td><td>{copy}</td></tr>')
