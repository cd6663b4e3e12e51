"""Folders and archives of strangers are read within limits."""

import zipfile

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
