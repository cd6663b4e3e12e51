"""The other tests rely on it: whatever a script in a page does is seen, and a page without scripts
does nothing."""

import pytest

pytestmark = pytest.mark.browser

PAGE = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A page</title>'
    "<body>{}</body></html>"
)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<script>alert('hello')</script>", "dialog: hello"),
        ("<script>console.log('hello')</script>", "console: hello"),
        ("<script>nothing()</script>", "error: nothing is not defined"),
        ("<script>window.__owned = 'hello'</script>", "mark: hello"),
        ("<img src=missing onerror='window.__owned = 1'>", "mark: 1"),
        ("<details open ontoggle='window.__owned = 2'>x</details>", "mark: 2"),
        ("<svg onload='window.__owned = 3'></svg>", "mark: 3"),
        ("<iframe srcdoc='<script>window.__owned = 4</script>'></iframe>", "mark: 4"),
        ("<script>window.open('about:blank#hello')</script>", "popup: "),
        (
            "<a download=it.txt href='data:,x'>x</a>"
            "<script>document.querySelector('a').click()</script>",
            "download: it.txt",
        ),
        (
            "<img src='https://example.org/who-reads-this.png'>",
            "request: https://example.org/who-reads-this.png",
        ),
        (
            "<meta http-equiv=refresh content='0; url=https://example.org/'>",
            "request: https://example.org/",
        ),
    ],
)
def test_what_a_page_does_is_seen(tmp_path, open_page, what_ran, text, seen):
    path = tmp_path / "page.html"
    path.write_text(PAGE.format(text), encoding="utf-8")
    assert any(line.startswith(seen) for line in what_ran(open_page(path)))


def test_a_page_that_shows_a_script_as_text_does_nothing(tmp_path, open_page, what_ran):
    path = tmp_path / "page.html"
    text = "&lt;script>window.__owned = 1&lt;/script> 学习 "
    text += "<img alt='' src='data:image/gif;base64,R0lGODlhAQABAAAA'>"
    path.write_text(PAGE.format(text), encoding="utf-8")
    page = open_page(path)
    assert what_ran(page) == [] and "<script>" in page.inner_text("body")
