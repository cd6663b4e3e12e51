"""The report of ``coursekit collect`` in a real browser: hostile hand-ins do nothing, and everybody
can read it."""

import made_submissions
import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return made_submissions.hostile_report(tmp_path_factory.mktemp("hostile"))


def test_what_was_handed_in_runs_no_script(report, open_page, what_ran):
    """Not when the page opens, and not when everything in it is unfolded, pointed at and
    visited."""
    page = open_page(report)
    assert "owned" not in page.title()
    page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    page.evaluate("""for (const element of document.querySelectorAll('body *'))
        for (const name of ['mouseover', 'focus', 'toggle', 'load', 'error'])
            element.dispatchEvent(new Event(name, {bubbles: true}))""")
    inside = [link.get_attribute("href") for link in page.locator("a[href^='#']").all()]
    for address in dict.fromkeys(inside):
        page.evaluate("address => { location.hash = address }", address)
    assert what_ran(page) == [] and "owned" not in page.title()
    assert page.locator("script, iframe, object, embed, form, base, svg").count() == 0


def test_the_page_is_still_whole(report, open_page):
    """No student's markup hides or moves what others wrote."""
    page = open_page(report)
    assert page.locator("h1").count() == 1 and page.locator("main").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).display") == "block"
