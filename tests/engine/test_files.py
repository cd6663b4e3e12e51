"""Files: written whole or not at all, swept after a kill, held by others, read in any form."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coursekit.engine import leftovers
from coursekit.engine.files import (
    ChangedMeanwhile,
    NotText,
    folder_beside,
    read_text,
    write_whole,
)

KILLED = """
import sys, time
from pathlib import Path
from coursekit.engine.files import folder_beside, write_whole

def slowly(file):
    file.write(b"half"); file.flush(); print("writing", flush=True); time.sleep(60)

path = Path(sys.argv[2])
if sys.argv[1] == "file":
    write_whole(path, slowly)
else:
    with folder_beside(path) as place:
        (place / "half").write_text("half"); print("writing", flush=True); time.sleep(60)
"""


def writing(kind: str, path: Path) -> subprocess.Popen:
    """Another process, in the middle of writing."""
    words = [sys.executable, "-c", KILLED, kind, str(path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    return process


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_gone_at_the_next_call(kind, tmp_path):
    path = tmp_path / "a [1]*.txt"
    path.write_text("old")
    process = writing(kind, path)
    write_whole(path, "new")
    assert len(list(tmp_path.iterdir())) == 2, "what another process writes stays"
    kill(process)
    assert path.read_text() == "new" and len(list(tmp_path.iterdir())) == 2
    write_whole(path, "newer")
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_a_folder_sweeps_and_is_removed(tmp_path):
    kill(writing("folder", tmp_path / "set"))
    with folder_beside(tmp_path / "set") as place:
        (place / "new").write_text("new")
        assert [*tmp_path.iterdir()] == [place]
    assert not [*tmp_path.iterdir()]


def test_what_others_have_beside_it_stays(tmp_path):
    for name in (".a.txt.part", ".a.txt.b.other", ".b.txt.0.part", "a.txt.0.part"):
        (tmp_path / name).write_text("theirs")
    write_whole(tmp_path / "a.txt", "mine")
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.posix
def test_without_locks_the_age_tells(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(leftovers.fcntl, "flock", no_locks)
    young, old = tmp_path / ".a.0.part", tmp_path / ".a.1.part"
    for path in (young, old):
        path.write_text("half")
    os.utime(old, (0, time.time() - leftovers.ABANDONED - 10))
    write_whole(tmp_path / "a", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"a", young.name}


@pytest.mark.parametrize("windows", [False, True])
def test_many_at_once_write_whole_files(windows, tmp_path, monkeypatch):
    """Threads sweep beside each other: no writer loses its file, and nothing is left."""
    if windows:  # neither locks nor moves of open files
        monkeypatch.setattr(leftovers, "fcntl", None)
        monkeypatch.setattr("coursekit.engine.files.MOVES_OPEN_FILES", False)
        with folder_beside(tmp_path / "set") as place:
            assert place.is_dir()
    path, errors = tmp_path / "a", []

    def write(letter: str) -> None:
        try:
            for _ in range(60):
                write_whole(path, letter * 1000)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and [*tmp_path.iterdir()] == [path]
    assert len(set(path.read_text())) == 1 and path.stat().st_size == 1000


def test_who_is_swept_away_before_the_lock_begins_again(tmp_path, monkeypatch):
    hold, lost = leftovers.hold, []

    def late(descriptor, path):
        if not lost:
            lost.append(shutil.rmtree(path) if path.is_dir() else path.unlink())
        return hold(descriptor, path)

    monkeypatch.setattr(leftovers, "hold", late)
    write_whole(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole" and lost
    lost.clear()
    with folder_beside(tmp_path / "b") as place:
        assert place.is_dir() and lost


@pytest.mark.posix
def test_a_link_and_the_permissions_stay(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink() and real.read_text() == "new" and real.stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_held_for_a_moment_is_waited_for(tmp_path, monkeypatch):
    """As a virus scanner does on Windows, where the file is closed before it is moved."""
    replace, tries = os.replace, []

    def held(*paths):
        tries.append(paths)
        if len(tries) < 3:
            raise PermissionError(13, "Access is denied")
        replace(*paths)

    monkeypatch.setattr("coursekit.engine.files.os.replace", held)
    monkeypatch.setattr("coursekit.engine.files.MOVES_OPEN_FILES", False)
    write_whole(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole" and len(tries) == 3
    monkeypatch.setattr("coursekit.engine.files.HELD", (0.01,))
    tries[:] = ()
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "a", "other")
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and len(tries) == 2


@pytest.mark.posix
def test_what_is_no_file_is_written_to(tmp_path):
    """As /dev/stdout, which must not become a file."""
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "whole")
    reader.join()
    assert read == ["whole"] and pipe.is_fifo() and [*tmp_path.iterdir()] == [pipe]
    with pytest.raises(IsADirectoryError, match="Is a directory: .*[^t]$"):
        write_whole(tmp_path, "whole")


def test_what_others_have_changed_meanwhile_stays(tmp_path):
    path = tmp_path / "a"
    write_whole(path, "one", replacing=None)
    write_whole(path, "two", replacing=b"one")
    for before in (None, b"one"):
        with pytest.raises(ChangedMeanwhile, match="a was changed meanwhile$"):
            write_whole(path, "three", replacing=before)
    assert path.read_text() == "two" and [*tmp_path.iterdir()] == [path]


def test_a_long_name_can_be_written(tmp_path):
    for name in ("a" * 255, "张" * 85):
        write_whole(tmp_path / name, "whole")
        assert (tmp_path / name).read_text() == "whole"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_is_read_in_any_form(encoding, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("张伟 ┌ é\r\nzwei\rdrei".encode(encoding))
    assert read_text(path) == "张伟 ┌ é\nzwei\ndrei"
    assert read_text(path, exact=True) == "张伟 ┌ é\r\nzwei\rdrei"


@pytest.mark.parametrize("data", [b"eins\nz\xfcnf", "eins\n张".encode("gbk"), b"\xff\xfe1"])
def test_what_is_no_text_is_told(data, tmp_path):
    (tmp_path / "names.txt").write_bytes(data)
    with pytest.raises(NotText, match=r"^names.txt is not text in UTF-8 \(line [12]\): save it"):
        read_text(tmp_path / "names.txt")


def test_a_drive_without_permissions_can_be_written(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.chmod", refused)
    for text in ("one", "two"):
        write_whole(tmp_path / "a", text)
    assert (tmp_path / "a").read_text() == "two"
