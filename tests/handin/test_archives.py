"""Folders and archives of strangers are read within limits."""

import io
import struct
import zipfile
import zlib

import pytest

from coursekit.handin import archives


def test_an_archive_may_not_hold_more_than_the_limits(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for i in range(4):
            archive.writestr(f"{i}.ipynb", b"{}" * 50)

    def why():
        return [
            file.why for file in archives.read([tmp_path / "class.zip"], tmp_path / "x") if file.why
        ]

    assert why() == []
    monkeypatch.setattr(archives, "TOTAL", 250)
    assert why() == ["its archive holds more than 0 GB: unpack it, name the folder"] * 2
    monkeypatch.setattr(archives, "MEMBERS", 3)
    assert why() == ["it has 4 files, and 3 are the limit: unpack it, name the folder"]
    for name, limit in (("TOTAL", 9_999), ("MEMBERS", 4), ("ALL_MEMBERS", 9)):
        monkeypatch.setattr(archives, name, limit)
    inner = (tmp_path / "class.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for name in "abc":
            archive.writestr(f"{name}.zip", inner)
    assert why() == ["its archive holds more than 9 files: unpack it, name the folder"] * 2


def packed(names, page, extra=b""):
    """An archive whose names are in a code page, without a mark; as its bytes."""
    stream, encoded = io.BytesIO(), [name.encode(page) for name in names]
    raw = {bytes([65 + i]) * len(name): name for i, name in enumerate(encoded)}
    with zipfile.ZipFile(stream, "w") as archive:
        for key in raw:
            member = zipfile.ZipInfo(key.decode())
            member.extra = extra
            archive.writestr(member, "{}")
    data = stream.getvalue()
    for key, name in raw.items():
        data = data.replace(key, name)
    return data


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("gbk", ["张伟_week1.ipynb", "2023001-李娜/w.ipynb", "朱镕基.ipynb"]),
        ("gbk", ["张伟.ipynb"]),
        ("cp932", ["山田 太郎.ipynb", "ガス/week1.ipynb"]),
        ("cp437", ["Zoë.ipynb", "Émile_1.ipynb", "Grâce.ipynb", "Müller.ipynb"]),
        ("utf-8", ["张伟.ipynb", "Zoë.ipynb"]),
    ],
)
def test_names_of_any_computer(tmp_path, page, names):
    (tmp_path / "in.zip").write_bytes(packed(names, page))
    found = archives.read([tmp_path / "in.zip"], tmp_path / "x")
    assert sorted(file.shown for file in found) == sorted(f"in.zip/{name}" for name in names)


def test_a_name_that_the_packer_added_in_utf8(tmp_path):
    said = (
        b"\x01" + struct.pack("<I", zlib.crc32("Ä┐.ipynb".encode("cp437"))) + "Пётр.ipynb".encode()
    )
    data = packed(["Ä┐.ipynb"], "cp437", struct.pack("<HH", 0x7075, len(said)) + said)
    (tmp_path / "in.zip").write_bytes(data)
    (file,) = archives.read([tmp_path / "in.zip"], tmp_path / "x")
    assert file.shown == "in.zip/Пётр.ipynb"


def test_a_path_without_end_costs_only_itself(tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in ("ada.ipynb", f"eve/{'a/' * 30_000}x.ipynb", f"eve/{'a/' * 30_000}y.ipynb"):
            archive.writestr(name, "{}")
    used, *others = archives.read([tmp_path / "in.zip"], tmp_path / "x")
    assert used.data == b"{}" and [len(file.parts) for file in others] == [50, 50]
    assert "more than 50 folders" in others[0].why


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a.7z", "unpack it"),
        ("a.tar.gz", "unpack it"),
        ("a.RAR", "unpack it"),
        ("a.py", "no notebook (.py)"),
        ("timestamp.txt", "a program put it there"),
        ("a.ipynb.txt", ""),
        ("a.ipynb (1)", ""),
        ("A.IPYNB.json", ""),
    ],
)
def test_what_is_not_read_is_told_with_what_to_do(tmp_path, name, why):
    (tmp_path / name).write_bytes(b"{}")
    (file,) = archives.read([tmp_path], tmp_path / "x")
    assert why in file.why and bool(file.why) == bool(why)
