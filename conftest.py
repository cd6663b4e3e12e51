"""For the tests and for the notebooks, which nbval executes: asserts count, and no start-up file or
profile of one person takes part."""

import os
import tempfile

import pytest

from coursekit.classroom.kernel import environment


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Before any kernel starts, which takes the environment of this process."""
    if not __debug__:
        why = "asserts are off, and every test hangs on them: unset PYTHONOPTIMIZE, leave out -O"
        raise pytest.UsageError(why)
    for name in os.environ.keys() - environment().keys():
        del os.environ[name]
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    os.environ["IPYTHONDIR"] = folder.name
