# ruff: noqa: F811
"""Downloads: whole and checked, or nothing; what bad addresses do; what is there already."""

import contextlib
import email.utils
import hashlib
import re
import signal
import socket
import ssl
import threading
import time

import certifi
import pytest
from mirror import Mirror, answer, everything_below, folder, mirror, place, scripted  # noqa: F401
from patience import HANGS

import coursekit as ck
from coursekit.data import download, reading
from coursekit.data.download import fetch
from coursekit.engine import settings
from coursekit.engine.progress import Progress

GOOD = "sha256:" + hashlib.sha256(Mirror.content).hexdigest()


def test_fetch_stores_the_file(mirror, tmp_path):
    fetch([f"{mirror}good/file"], tmp_path / "new" / "file.gz", GOOD)
    assert (tmp_path / "new" / "file.gz").read_bytes() == Mirror.content
    assert everything_below(tmp_path) == ["new/file.gz"]


def test_the_first_digits_of_a_hash_are_checked_too(mirror, tmp_path):
    """The names of torchvision's weights hold no more."""
    fetch([f"{mirror}good/file"], tmp_path / "file.pth", GOOD[:15])
    assert (tmp_path / "file.pth").read_bytes() == Mirror.content
    with pytest.raises(ConnectionError, match="other bytes"):
        fetch([f"{mirror}wrong/file"], tmp_path / "other.pth", GOOD[:15])
    assert everything_below(tmp_path) == ["file.pth"]
    with pytest.raises(ck.DataError, match="file.pth is damaged .*its publisher expects 12345678"):
        download.check_hash(tmp_path / "file.pth", "sha256:12345678")


# On a busy machine a server may be silent for as long as the whole may take; then the socket says
# it first.
TOO_LATE = "(no answer within 0.4 seconds|timed out)"


@pytest.mark.parametrize(
    ("kind", "reason", "patience"),
    [
        ("wrong", "other bytes", 5),
        ("broken", "broke off after 1 of 102 kB four times", 1),
        ("missing", "404", 5),
        ("silent", "", 0.4),
        ("drip", TOO_LATE, 0.4),
        ("late", TOO_LATE, 0.4),
    ],
)
def test_a_bad_address_is_left_in_time_and_leaves_nothing(mirror, tmp_path, kind, reason, patience):
    start = time.monotonic()
    with pytest.raises(
        ConnectionError, match=f"the download of file.gz failed .*127.0.0.1: .*{reason}"
    ):
        fetch([f"{mirror}{kind}/file"], tmp_path / "file.gz", GOOD, patience=patience)
    assert time.monotonic() - start < HANGS
    time.sleep(2.2 * (kind == "late"))  # its content comes when nobody waits any more
    assert everything_below(tmp_path) == []


def test_the_next_address_is_tried(mirror, tmp_path):
    addresses = [f"{mirror}{kind}/file" for kind in ("missing", "silent", "wrong", "good")]
    fetch(addresses, tmp_path / "file.gz", GOOD, patience=1)
    assert (tmp_path / "file.gz").read_bytes() == Mirror.content


def test_nobody_listens(monkeypatch, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ConnectionError, match="refused"):
        fetch([f"http://127.0.0.1:{port}/file"], tmp_path / "file.gz", GOOD)


# ---- servers that misbehave

BODY = bytes(range(250)) * 1200  # 300 kB
HASH = "sha256:" + hashlib.sha256(BODY).hexdigest()
SO_CALLED = "Content-Encoding: gzip"  # as servers call files that are so by themselves
CUT = answer(BODY[:150_000], "200 OK", 'ETag: "v1"', SO_CALLED, length=len(BODY))
LATER = answer(b"busy", "503 Service Unavailable")


def get(folder, *addresses, patience=1.0, hash=HASH):
    """What is stored of the file, and nothing else."""
    fetch(addresses, folder / "file", hash, patience)
    assert everything_below(folder) == ["file"]
    return (folder / "file").read_bytes()


def rest(request, shift=0, body=BODY):
    """The part that is asked for, as a server that can do this gives it."""
    start = int(re.search("(?i)range: bytes=([0-9]+)-", request)[1]) + shift
    where = f"Content-Range: bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    yield answer(body[start:], "206 Partial Content", where, SO_CALLED)


@pytest.mark.parametrize(
    "failures",
    [[LATER] * 3, [answer(b"", "429 Slow Down")], [b""], [answer(b"", "520 Odd")], [CUT]],
)
def test_what_passes_is_no_failure(scripted, tmp_path, failures):
    server = scripted(*failures, answer(BODY))
    assert get(tmp_path, server.address) == BODY
    assert len(server.asked) == len(failures) + 1


def test_a_host_that_is_silent_once_has_a_second_try(scripted, tmp_path):
    server = scripted(b"", answer(BODY), keeps=True)
    assert get(tmp_path, server.address, patience=0.4) == BODY


@pytest.mark.parametrize("length", ["abc", "-5", "", "1e5", "9" * 5000])
def test_a_length_that_is_no_number_tells_nothing(scripted, tmp_path, length):
    assert get(tmp_path, scripted(answer(BODY, length=length)).address) == BODY


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_a_plain_no_is_taken_for_one(scripted, tmp_path, status):
    server = scripted(answer(b"", f"{status} No"))
    with pytest.raises(ConnectionError, match=f"127.0.0.1: answered {status} \\([a-z ]+\\)\\)$"):
        get(tmp_path, server.address)
    assert len(server.asked) == 1


@pytest.mark.parametrize("as_date", [False, True])
def test_a_host_that_asks_to_wait_is_left_alone(scripted, tmp_path, as_date):
    seconds = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    server = scripted(answer(b"", "429 Slow Down", f"Retry-After: {seconds}"), answer(BODY))
    assert get(tmp_path, server.address) == BODY
    (first, *_), (second, *_) = server.asked
    assert 0.9 < second - first < HANGS


def test_a_wait_is_shown_as_soon_as_something_can_be_shown(scripted, tmp_path, monkeypatch):
    shown = []

    def show(self, *_, text=""):
        shown.append((self.due, text))

    monkeypatch.setattr(Progress, "show", show)
    server = scripted(answer(b"", "429 Slow Down", "Retry-After: 1"), answer(BODY))
    assert get(tmp_path, server.address) == BODY
    assert any(due and text.startswith("file: waits 1 s for 127.0.0.1:") for due, text in shown)


def test_a_long_wait_is_none_and_holds_for_all_files_of_the_host(scripted, folder, tmp_path):
    busy = scripted(answer(b"", "429 Slow Down", "Retry-After: 3600"))
    good = scripted(answer(BODY))
    addresses = (busy.address, good.address)
    download.obtain([download.File(name, addresses, HASH) for name in "abc"], "The set")
    assert (len(busy.asked), len(good.asked)) == (1, 3)
    said = r"answered 429 \(too many requests\), and asks to wait 3,600 seconds\)$"
    with pytest.raises(ConnectionError, match=said):
        fetch([busy.address], tmp_path / "d", HASH)


def test_a_cut_transfer_goes_on_where_it_stopped(scripted, tmp_path):
    server = scripted(CUT, rest)
    assert get(tmp_path, server.address) == BODY
    assert server.sent < len(BODY) + 1000
    assert "bytes=150000-" in server.asked[1][2] and 'If-Range: "v1"' in server.asked[1][2]
    with pytest.raises(ConnectionError, match="broke off after 150 of 300 kB four times"):
        get(tmp_path, scripted(CUT).address)


@pytest.mark.parametrize(
    "wrong",
    [
        answer(BODY),  # all of it
        lambda request: rest(request, shift=-7),
        lambda request: rest(request, body=BODY[::-1]),
        answer(b"abc", "206 Partial Content"),
        answer(b"abc", "206 Partial Content", f"Content-Range: bytes {'9' * 5000}-1/2"),
        answer(b"", "416 Range Not Satisfiable", "Content-Range: bytes */5"),
    ],
)
def test_whatever_comes_in_place_of_the_rest_the_file_is_right(scripted, tmp_path, wrong):
    assert get(tmp_path, scripted(CUT, wrong, answer(BODY)).address) == BODY


def endless(piece, *headers, start="HTTP/1.1 200 OK"):
    def pieces(_):
        yield "\r\n".join([start, *headers, "", ""]).encode()
        while True:
            yield piece

    return pieces


MISBEHAVIOUR = {
    "no proper answer": [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"\xff" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6 + b"\r\n\r\n" + BODY,
        endless(b"1" * 65536, "Transfer-Encoding: chunked"),
    ],
    "Content-Length": [answer(BODY, length="5, 6")],
    "broke off": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        for body in (b"zz\r\nabc", b"-5\r\nabc", b"fffffffff\r\nabc", b"")
    ],
    "redirects to": [
        answer(b"", "302 Found", f"Location: {where}")
        for where in ("http://[::1", "file:///etc/passwd", "ftp://127.0.0.1/file", "javascript:1")
    ]
    + [answer(b"", "301 Moved")],
    "redirects more than 10 times": [answer(b"", "307 There", "Location: /file")],
    "Failed to parse": [answer(b"", "302 Found", "Location: http://127.0.0.1:99999/")],
    "a web page: does the network want a login": [
        answer(b"<html>", "200 OK", "Content-Type: text/html; charset=utf-8")
    ],
    "sends more than the 400 kB that the file may have": [
        endless(bytes(1 << 16)),
        endless(bytes(1 << 16), "Content-Length: 1400000000"),
        endless(b"10000\r\n" + bytes(1 << 16) + b"\r\n", "Transfer-Encoding: chunked"),
    ],
    "no answer within 0.4 seconds": [
        endless(b"HTTP/1.1 100 Continue\r\n\r\n", start="HTTP/1.1 100 Continue")
    ],
}


@pytest.mark.parametrize(
    ("said", "bad"), [(said, bad) for said, all_bad in MISBEHAVIOUR.items() for bad in all_bad]
)
def test_a_server_that_misbehaves_is_one_sentence_and_the_next_address(
    scripted, folder, monkeypatch, said, bad
):
    monkeypatch.setattr(download, "PATIENCE", 0.4 if said.startswith("no answer") else 1)
    server, good = scripted(bad), scripted(answer(BODY))
    with pytest.raises(ConnectionError) as caught:
        download.obtain([download.File("file", (server.address,), HASH, 400_000)], "The set")
    assert said in str(caught.value) and len(str(caught.value)) < 300
    assert str(caught.value).isprintable() and everything_below(folder) == []
    assert server.sent < 20e6
    both = (server.address, good.address)
    download.obtain([download.File("file", both, HASH, 400_000)], "The set")
    assert (folder / "file").read_bytes() == BODY
    assert not [thread for thread in threading.enumerate() if "work" in thread.name]


@pytest.mark.parametrize("where", ["/there", "there?x=1", "//{}/there"])
def test_a_redirection_is_followed_and_its_content_left_alone(scripted, tmp_path, where):
    def pieces(request):
        if "/there" in request:
            yield answer(BODY)
        else:
            yield f"HTTP/1.1 302 Found\r\nLocation: {where.format(host)}\r\n\r\n".encode()
            while True:
                yield bytes(1 << 16)

    server = scripted(pieces)
    host = server.address.split("/")[2]
    assert get(tmp_path, server.address) == BODY
    assert server.sent < 20e6


def test_many_small_files_come_over_one_connection(scripted, folder):
    server = scripted(answer(BODY), keeps=True)
    download.obtain([download.File(n, (server.address,), HASH) for n in "abcdef"], "The set")
    assert len(server.asked) == 6 and len({who for _, who, _ in server.asked}) == 1


def test_a_host_that_does_not_answer_is_not_asked_for_every_file(scripted, folder, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.4)
    silent, good = scripted(b"", keeps=True), scripted(answer(BODY), keeps=True)
    addresses = (silent.address, good.address)
    download.obtain([download.File(name, addresses, HASH) for name in "abcd"], "The set")
    assert (len(silent.asked), len(good.asked)) == (2, 4)


@pytest.mark.parametrize("dead", [1, 3])
def test_an_address_that_leads_nowhere_leaves_time_for_the_others(
    scripted, tmp_path, monkeypatch, dead
):
    server = scripted(answer(BODY))
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):  # nobody takes them, so that no more are let in
            full = stack.enter_context(socket.socket())
            full.setblocking(False)
            full.connect_ex(deaf.getsockname())
        places = [deaf.getsockname()] * dead + [("127.0.0.1", server.server_address[1])]
        ask = socket.getaddrinfo

        def found(host, *rest, **options):
            if host != "many.example":
                return ask(host, *rest, **options)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]

        monkeypatch.setattr(socket, "getaddrinfo", found)
        assert get(tmp_path, "http://many.example/file", patience=2) == BODY
        assert len(server.asked) == 1


def test_a_host_that_fails_again_and_again_is_not_asked_for_every_file(scripted, folder):
    """A mirror that is out of order would else cost its time for each of a hundred photos."""
    busy, good = scripted(LATER), scripted(answer(BODY))
    addresses = (busy.address, good.address)
    download.obtain([download.File(name, addresses, HASH) for name in "abcd"], "The set")
    assert (len(busy.asked), len(good.asked)) == (4, 4)


def test_a_name_server_that_answers_too_late_leads_to_no_request(scripted, tmp_path, monkeypatch):
    server, ask = scripted(answer(BODY)), socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **o: time.sleep(0.8) or ask(*a, **o))
    with pytest.raises(ConnectionError, match="no answer within 0.3 seconds"):
        fetch([server.address], tmp_path / "file", HASH, 0.3)
    while [thread for thread in threading.enumerate() if "work" in thread.name]:
        time.sleep(0.05)
    assert not server.asked


@pytest.mark.parametrize("address", ["http://[::1", "", "nonsense", "http://ada:secret@[::1/"])
def test_an_address_that_is_none(scripted, tmp_path, address):
    good = scripted(answer(BODY)).address
    with pytest.raises(ConnectionError, match="the download of file failed") as caught:
        fetch([address], tmp_path / "file", HASH)
    assert "secret" not in str(caught.value)
    assert get(tmp_path, address, good) == BODY


PAIR = """\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFi5x9BM1CMa8bNCNSUsrDyGkBt7YMmcM+/UeBOaknfFoAoGCCqGSM49
AwEHoUQDQgAEG61nTwf6lyB4i8IzyU1sGs9wV1+WiPOquAj+Nl/GKUFpyc1FytLP
5WB45eIRZi2SlKuhI9lKDrvZ9n+rLtdEcg==
-----END EC PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUQ8FVinI6HEVQAqvKa1ZxDzrXBjwwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNjIxNTcyOFoYDzIxMjYxMTAy
MjE1NzI4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQbrWdPB/qXIHiLwjPJTWwaz3BXX5aI86q4CP42X8YpQWnJzUXK0s/l
YHjl4hFmLZKUq6Ej2UoOu9n2f6su10Ryo28wbTAdBgNVHQ4EFgQUjDBsaTxtfp43
y8WajtH1bIkmjRIwHwYDVR0jBBgwFoAUjDBsaTxtfp43y8WajtH1bIkmjRIwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAIi5p2Bk5m4Q8BFXcbgsYOSFaHddRHubQbKNTayqeXL1AiAp
rd6qyqnuo9NueWj93Rk32YcqNjR7FAriGXlXs2CmLw==
-----END CERTIFICATE-----
"""  # of nobody but this test, until 2126


def test_certificates_of_certifi_and_of_a_school(scripted, tmp_path, monkeypatch):
    """Where Python has none of its own, as python.org's on a Mac, too."""
    pair = tmp_path / "pair.pem"
    pair.write_text(PAIR)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    address = scripted(answer(BODY), tls=context).address
    with pytest.raises(ConnectionError, match="certificate is not accepted .self-signed"):
        fetch([address], tmp_path / "a" / "file", HASH)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as patch:
            patch.setenv(name, str(pair))
            assert get(tmp_path / name, address) == BODY
    with monkeypatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(pair))
        patch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: None)
        assert get(tmp_path / "certifi", address) == BODY
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with pytest.raises(ConnectionError, match="REQUESTS_CA_BUNDLE names no file of certificates"):
        fetch([address], tmp_path / "b" / "file", HASH)


def test_a_proxy_of_the_environment(scripted, tmp_path, monkeypatch):
    proxy = scripted(answer(BODY)).address.split("/")[2]
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", f"http://ada:pass%40word@{proxy}")
    assert get(tmp_path, "http://nobody.example/file") == BODY
    monkeypatch.setenv("http_proxy", "http://ada:secret@127.0.0.1:1")
    with pytest.raises(ConnectionError, match="nobody.example: the proxy: .*refused twice.$"):
        fetch(["http://nobody.example/file"], tmp_path / "b", HASH, 1)


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.0 200 OK\r\n\r\nand then silence",
        answer(b"", "429 Slow Down", "Retry-After: 60"),
    ],
)
@pytest.mark.posix
def test_ctrl_c_ends_the_transfer(scripted, tmp_path, script):
    server = scripted(script, keeps=True)

    def interrupt():
        while not server.asked:
            time.sleep(0.02)
        time.sleep(0.3)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        fetch([server.address], tmp_path / "file", HASH)
    end = time.monotonic()
    while not server.left and time.monotonic() - end < 1:
        time.sleep(0.02)
    assert server.left, "the connection is closed"
    assert not [thread for thread in threading.enumerate() if "work" in thread.name]
    assert everything_below(tmp_path) == []


# ---- hashes that a folder lists


@pytest.mark.parametrize("line", ["{}  a.npz", "{} *a.npz", "{}\ta.npz", "# {} a.npz", "{}", ""])
def test_a_listing_is_read_as_sha256sum_writes_it(tmp_path, line):
    (tmp_path / "SHA256SUMS").write_text(f"x\n{line.format('7' * 64)}\n{'8' * 64}  below/a.npz\n")
    listed = reading.listed(tmp_path)
    assert listed.get("a.npz") == ("7" * 64 if line.endswith("a.npz") and "#" not in line else None)
    assert listed["below/a.npz"] == "8" * 64


# ---- obtain

CONTENTS = {"new/first.bin": b"first" * 600, "new/second.bin": b"second" * 600}


def files(*addresses):
    """The two files, each at these addresses (a kind of ``Mirror`` each); the first with its md5,
    the second its sha256."""
    return tuple(
        download.File(
            path,
            tuple(f"{address}/{path.split('/')[-1]}" for address in addresses),
            f"{kind}:{hashlib.new(kind, content).hexdigest()}",
        )
        for kind, (path, content) in zip(("md5", "sha256"), CONTENTS.items())
    )


@pytest.fixture
def publisher(mirror, monkeypatch):
    """The address of a server that has the two files; ``Mirror.asked`` lists what it was asked
    for."""
    asked = []

    def content(self):
        asked.append(self.path)
        return next(
            content for path, content in CONTENTS.items() if path.endswith(self.path.split("/")[-1])
        )

    monkeypatch.setattr(Mirror, "content", property(content))
    monkeypatch.setattr(Mirror, "asked", asked, raising=False)
    return mirror


def test_files_that_are_there_need_no_network(folder, monkeypatch):
    place(folder, CONTENTS)
    monkeypatch.setattr(download, "fetch", None)
    download.obtain(files("http://nobody"), "The set")
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    download.obtain(files("http://nobody"), "The set")


def test_what_is_missing_is_not_downloaded_offline(folder, monkeypatch):
    place(folder, {"new/first.bin": CONTENTS["new/first.bin"]})
    monkeypatch.setattr(download, "fetch", None)
    with pytest.raises(ConnectionError) as caught:
        download.obtain(files("http://nobody"), "The set")
    assert caught.value.args == (
        "The set is not in the data folder, and COURSEKIT_OFFLINE forbids the network",
    )


def test_only_what_is_missing_is_downloaded(folder, publisher):
    place(folder, {"new/first.bin": CONTENTS["new/first.bin"]})
    download.obtain(files(f"{publisher}good"), "The set")
    assert set(Mirror.asked) == {"/good/second.bin"}
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == CONTENTS


@pytest.mark.parametrize("first", ["missing", "wrong", "broken"])
def test_the_second_address_is_tried(folder, publisher, monkeypatch, first):
    monkeypatch.setattr(download, "PATIENCE", 1)
    download.obtain(files(f"{publisher}{first}", f"{publisher}good"), "The set")
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == CONTENTS


def test_no_address_gives_the_file(folder, publisher):
    with pytest.raises(ConnectionError) as caught:
        download.obtain(files(f"{publisher}missing", f"{publisher}wrong"), "The set")
    (reason,) = caught.value.args
    assert reason.startswith(
        "The set is not in the data folder, and the download of first.bin failed (127.0.0.1: "
    )
    assert "404" in reason and "other bytes" in reason
    assert everything_below(folder) == []


@pytest.mark.parametrize("path", CONTENTS)
def test_a_damaged_file_is_refused_and_left_alone(folder, path):
    place(folder, CONTENTS)
    (folder / path).write_bytes(b"3" * 3000)
    known = next(file for file in files() if file.path == path)
    with pytest.raises(
        ck.DataError,
        match=f"{path.split('/')[-1]} is damaged .*{known.hash.split(':')[1]}.*move it away",
    ):
        download.obtain(files(), "The set")
    assert (folder / path).read_bytes() == b"3" * 3000


def test_what_killed_processes_left_is_swept_away(folder):
    place(folder, CONTENTS | {"new/.first.bin.0123456789ab.part": b"half"})
    download.obtain(files(), "The set")
    assert sorted(everything_below(folder)) == sorted(CONTENTS)


# ---- a mirror


def test_a_mirror_is_asked_first_and_believed_no_more_than_others(scripted, folder, monkeypatch):
    def pieces(request):
        yield answer(BODY if " /copy/my%20set/a " in request else b"other bytes")

    mirror, publisher = scripted(pieces), scripted(answer(BODY))
    monkeypatch.setenv("COURSEKIT_MIRROR", mirror.address.replace("/file", "/copy"))
    for name in ("a", "b"):
        file = download.File(f"my set/{name}", (publisher.address,), HASH)
        download.obtain([file], "The set")
        assert (folder / file.path).read_bytes() == BODY
    assert (len(mirror.asked), len(publisher.asked)) == (2, 1)


MIRRORS = {
    "https://example.org": "https://example.org/",
    " http://example.org:8080/a/b// ": "http://example.org:8080/a/b/",
    "http://[::1]/data": "http://[::1]/data/",
    "": "",
}
NO_MIRRORS = [
    "example.org/data",
    "/srv/data",
    "file:///srv",
    "https://",
    "http://[::1",
    "http://a:b",
]
NO_MIRRORS += ["https://ada:secret@example.org", "http://a b", "http://x/?data", "http://x/#data"]


@pytest.mark.parametrize("named", [*MIRRORS, *NO_MIRRORS])
def test_a_mirror_that_is_none_is_told_and_not_asked(scripted, folder, monkeypatch, capsys, named):
    monkeypatch.setenv("COURSEKIT_MIRROR", named)
    if named in MIRRORS:
        assert settings.mirror() == MIRRORS[named]
        return
    server = scripted(answer(BODY))
    download.obtain([download.File("file", (server.address,), HASH)], "The set")
    said = capsys.readouterr().out
    assert said.startswith("COURSEKIT_MIRROR is no address of a folder") and "secret" not in said
    assert len(server.asked) == 1
