"""What the tests of hand-ins share."""

import pytest
from made_submissions import ROOT
from small_course import course


@pytest.fixture
def at_home(monkeypatch):
    """The working folder is the course's."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def notebook():
    """The small course as it is handed out, to be edited."""
    return course()
