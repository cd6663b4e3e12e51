"""What all tests share: one thread, no GPU, no network, scale smoke, an empty data folder."""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("course", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("course")


def pytest_configure():
    """Before torch is imported, and for the processes that tests start: results are compared bit by
    bit, which only one thread of a CPU promises, and two test processes with two threads each stand
    in each other's way. A shell's background job ignores Ctrl-C, and so would all that it starts,
    which the tests that press it would wait for in vain."""
    os.environ.update(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="", MPLBACKEND="Agg")
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item):
    """What Windows has not (signals, links, pipes in folders, bash) some tests need, and some of
    their fixtures."""
    fixtures = {"hard", "hostile", "interrupted"}.intersection(item.fixturenames)
    if os.name == "nt" and (fixtures or item.get_closest_marker("posix")):
        pytest.skip("needs Linux or macOS")


@pytest.fixture(autouse=True)
def quiet_place(request, monkeypatch, tmp_path_factory):
    """No test touches the network or a person's data folder, but for those marked ``real``, which
    read it."""
    monkeypatch.setenv("COURSEKIT_OFFLINE", "1")
    if "real" not in request.keywords:
        monkeypatch.setenv("COURSEKIT_SCALE", "smoke")
        monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path_factory.mktemp("data")))


@pytest.fixture
def seeded():
    """The same random numbers in every run of the test."""
    import torch

    torch.manual_seed(0)


@pytest.fixture
def pictures():
    """A small data set that can be learned: 96 grey images of 8×8 in 3 classes, noise with a bright
    band."""
    import torch

    import coursekit as ck

    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(96) % 3
    images = torch.randint(0, 120, (96, 1, 8, 8), dtype=torch.uint8, generator=generator)
    for image, label in zip(images, labels):
        image[0, 1 + 2 * label] += 130
    return ck.Images(images, labels, ("high", "middle", "low"), "bands (synthetic)", 0.4, 0.25)


@pytest.fixture
def machine(monkeypatch):
    """Gives this machine an accelerator that is not there; see ``made_devices``."""
    import made_devices

    yield from made_devices.machine(monkeypatch)
