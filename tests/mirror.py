"""What tests of data share: a server that misbehaves, small files of sets, an empty data folder."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import socketserver
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from coursekit.data import download, packages, standins
from coursekit.data.catalogue import IMAGES, SETS
from coursekit.data.download import File

TEN = tuple("0123456789")


class Mirror(http.server.BaseHTTPRequestHandler):
    """A server on this machine that misbehaves as its path says."""

    content, over = bytes(range(256)) * 400, None  # over: an event that ends what hangs

    def do_GET(self):
        kind = self.path.split("/")[1]
        if kind == "silent":
            self.over.wait(60)
        elif kind == "missing":
            self.send_error(404)
        elif kind == "late":  # every header line in time, but one after the other
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for i in range(20):
                if self.over.wait(0.1):
                    return
                self.wfile.write(f"X-{i}: slow\r\n".encode())
            self.wfile.write(b"\r\n" + self.content)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            if kind == "good":
                self.wfile.write(self.content)
            elif kind == "wrong":
                self.wfile.write(self.content[::-1])
            elif kind == "broken":
                self.wfile.write(self.content[:1000])
            elif kind == "drip":
                for byte in self.content:
                    self.wfile.write(bytes([byte]))
                    if self.over.wait(1):
                        return

    def handle(self):
        with contextlib.suppress(OSError):  # the other side has gone
            super().handle()

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """The address of a ``Mirror``; the network is on."""
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(Mirror, "over", threading.Event())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        Mirror.over.set()
        server.shutdown()


class Scripted(socketserver.BaseRequestHandler):
    """Gives the next answer of the server's script, its last one for ever: bytes, or a function of
    the request that yields them."""

    def handle(self):
        server, request = self.server, b""
        with contextlib.suppress(OSError):  # the other side has gone
            while part := self.request.recv(1 << 16):
                request += part
                if b"\r\n\r\n" not in request:
                    continue
                answer = server.script[min(len(server.asked), len(server.script) - 1)]
                server.asked.append((time.monotonic(), self.client_address, request.decode()))
                for piece in answer(request.decode()) if callable(answer) else [answer]:
                    self.request.sendall(piece)
                    server.sent += len(piece)
                if not server.keeps:
                    break
                request = b""
        server.left.append(time.monotonic())


@pytest.fixture
def scripted(monkeypatch):
    """``scripted(*answers)`` starts a server: ``server.address``, what it was ``asked``, how much
    it ``sent``, and when others ``left``. The network is on."""
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    servers = []

    def start(*script, tls=None, keeps=False):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Scripted)
        server.daemon_threads = True
        server.script, server.keeps = script, keeps  # keeps: a connection, for the next request
        server.asked, server.sent, server.left = [], 0, []
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.address = f"http{'s' * bool(tls)}://127.0.0.1:{server.server_address[1]}/file"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(body=b"", status="200 OK", *headers, length=None):
    """What a server says, as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def everything_below(folder):
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def of_kind(kind):
    """The sets of the course of this kind, by name."""
    return {name: one for name, one in SETS.items() if one.kind == kind}


def change_set(monkeypatch, name, **changes):
    """As if this set had other files, or whatever else."""
    monkeypatch.setitem(SETS, name, replace(SETS[name], **changes))


def file_of(path, below):
    """A publisher's file that is here already."""
    digits = download.hash_of(path, "sha256")
    return File(path.relative_to(below).as_posix(), (), f"sha256:{digits}")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty data folder at a scale that uses real data, with small stand-ins; no package ships
    data, installed or not."""
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    sides = {"digits": (1, 28), "clothing": (1, 28), "objects": (3, 32), "pets": (3, 16)}
    for one in of_kind(IMAGES).values():
        channels, side = sides[one.drawn]
        x = torch.zeros(20, channels, side, side, dtype=torch.uint8)
        y = torch.arange(20) % len(one.classes)
        monkeypatch.setattr(standins, one.drawn, lambda size=None, x=x, y=y: (x, y, x, y))
    monkeypatch.setattr(standins, "scene", functools.partial(standins.scene, side=40))
    return tmp_path


def prepared(**changes):
    """The arrays of a small prepared file."""
    random = np.random.default_rng(0)
    arrays = {
        "train_images": random.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "train_labels": np.arange(30) % 10,
        "test_images": random.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "test_labels": np.arange(10),
        "classes": np.array(TEN),
        "source": "a prepared set",
    }
    return {key: value for key, value in (arrays | changes).items() if value is not None}


def idx(array, *header):
    """A gzipped file in MNIST's format."""
    return gzip.compress(
        b"".join(int(number).to_bytes(4, "big") for number in header) + array.tobytes(), mtime=0
    )


@pytest.fixture
def published(monkeypatch):
    """MNIST's four files by name, small, with their own hashes registered: {name: bytes}."""
    arrays = prepared()
    contents = []
    for part in ("train", "test"):
        x, y = arrays[f"{part}_images"], arrays[f"{part}_labels"].astype(np.uint8)
        contents += [idx(x, 2051, len(x), 28, 28), idx(y, 2049, len(y))]
    files = tuple(
        replace(file, hash=f"md5:{hashlib.md5(content).hexdigest()}")
        for file, content in zip(SETS["mnist"].files, contents)
    )
    change_set(monkeypatch, "mnist", files=files)
    return {file.path: content for file, content in zip(files, contents)}


def place(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
