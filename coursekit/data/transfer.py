"""A file from one address: asked again where that may help, and continued where it broke off.

Whatever a host sends, or does not send, becomes a sentence. Only the hash decides what is right.
"""

import hashlib
import http.client
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import SystemRandom
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from urllib3 import HTTPResponse, Retry
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.exceptions import TimeoutError as NoAnswer

from ..engine.progress import Progress
from ..engine.text import printable
from .connections import Hosts

TRIES, OFTEN = 4, ("", "", " twice", " three times", " four times")
DEAF, BRIEFER = 2, 4  # tries where nobody answers, the second with a part of the patience
FAR = 1 << 20  # bytes; a try that got so much further does not count
HOPS = 10  # redirections
ENOUGH = 1 << 14  # bytes within the patience; less is no answer
LARGEST, UNANNOUNCED = 2 << 30, 64 << 20  # bytes, where nobody knows how many the file has


class GivenUp(Exception):
    """An address does not give the file; the message says why."""


class _Passing(Exception):
    """A failure that may pass: it is worth so many tries, each after so many seconds."""

    def __init__(self, what: str, tries: int = TRIES, pause: float = 0):
        super().__init__(what)
        self.tries, self.pause = tries, pause


class _NoAnswer(_Passing):
    """Nothing came, or next to nothing, for as long as the patience lasts."""


class Transfer:
    """What has come of a file, and how to get the rest.

    ``title`` is for the progress bar, ``size`` how many bytes it has at most, 0 where that is not
    known.
    """

    def __init__(self, title: str, address: str, known_hash: str, size: int, hosts: Hosts):
        self.title, self.address, self.size, self.hosts = title, address, size, hosts
        self.algorithm, self.expected = known_hash.split(":")
        self.resumes = True  # no more, once that gave other bytes
        self.silent = False  # at the try before

    def run(self, file: BinaryIO) -> None:
        """Fill the file. Raises ``GivenUp``, and ``OSError`` where it cannot be stored."""
        self.file = file
        self._begin_anew()
        host = self.address.partition("://")[2].partition("/")[0].rpartition("@")[2]
        folder, failures, furthest = self.address.rpartition("/")[0], [], 0
        if folder in self.hosts.given_up:  # 200 files need not find that out each for itself
            raise GivenUp("failed before")
        with Progress(self.title, unit="B") as progress:
            while True:
                self._wait_for(host, progress)
                try:
                    self._try(progress)
                except _Passing as error:
                    if self.received - furthest >= FAR:
                        failures.clear()
                    furthest = max(furthest, self.received)
                    failures.append(str(error))
                    self.silent = isinstance(error, _NoAnswer)
                    self.hosts.free_from[host] = time.monotonic() + error.pause
                    patient = error.pause <= self.hosts.to_wait
                    if len(failures) >= error.tries or not patient:
                        self.hosts.given_up.add(folder)
                        times = len(failures) if len({*failures}) == 1 else 0
                        asks = f", and asks to wait {error.pause:,.0f} seconds"
                        raise GivenUp(f"{error}{OFTEN[times]}{'' if patient else asks}") from error
                    if not error.pause:
                        # not all students of a class shall come back in the same moment
                        longer = 2 ** len(failures) * SystemRandom().uniform(1, 1.5)
                        time.sleep(self.hosts.patience / 24 * longer)
                else:
                    if self.found.hexdigest().startswith(self.expected):
                        return
                    if not self.pieced:
                        page = ", but a web page: does the network want a login?"
                        what = "it sent other bytes than the published file"
                        raise GivenUp(what + page * self.is_page)
                    self.resumes = False

    def _wait_for(self, host: str, progress: Progress) -> None:
        """Leave the host alone for as long as it asked, whichever file that was for."""
        free_from = self.hosts.free_from.get(host, 0)
        pause = free_from - time.monotonic()
        if pause > self.hosts.to_wait:
            raise GivenUp(f"may be asked again only in {pause:,.0f} seconds")
        self.hosts.to_wait -= max(pause, 0)
        while (left := free_from - time.monotonic()) > 0:
            text = f"{progress.what}: waits {left:.0f} s for {printable(host)}"
            progress.show(self.received, self.whole, text=text)
            time.sleep(min(left, 0.3))

    def _try(self, progress: Progress) -> None:
        """Ask once, and end it when it stalls.

        This goes on in a thread of its own, for a name server that does not answer cannot be
        interrupted.
        """
        over, done, failures, stalled = threading.Event(), threading.Event(), [], False
        patience = self.hosts.patience / (BRIEFER if self.silent else 1)

        def work() -> None:
            try:
                self._ask(over)
            except Exception as error:  # whatever it is, it belongs to the waiting thread
                failures.append(error)
            finally:
                done.set()

        self._alive()
        self.at_first = self.received
        threading.Thread(target=work, daemon=True).start()
        try:
            while not done.wait(0.1) and not stalled:
                progress.show(self.received, self.whole)
                since, before = self.mark
                if time.monotonic() - since > patience:
                    stalled = self.received - before < ENOUGH
                    self._alive()
        finally:  # after Ctrl-C, too
            if not done.is_set():
                over.set()
                self.hosts.end()
                done.wait(1)
        if over.is_set():
            raise self._no_answer()
        if failures:
            raise failures.pop()  # that what it holds, a connection too, ends with it

    def _ask(self, over: threading.Event) -> None:
        """Send one request, and keep what comes."""
        if not self.resumes:
            self._begin_anew()
        with self._in_words():
            response = self._answer()
        try:
            self._check(response)
            self._alive()
            while True:
                with self._in_words():
                    piece = response.read1(1 << 16)
                if not piece or over.is_set():
                    break
                self._keep(piece)
        finally:
            response.close()  # the connection too, unless all was read
        if self.whole and self.received < self.whole:
            raise self._broke_off()

    def _answer(self) -> HTTPResponse:
        """The answer to a request for what is missing, from where redirections lead."""
        headers = {"User-Agent": "coursekit", "Accept-Encoding": "identity"}
        if self.received:
            headers["Range"] = f"bytes={self.received}-"
            if self.version:
                headers["If-Range"] = self.version
        address = self.address
        for _ in range(HOPS):
            response = self.hosts.get(address, headers)
            self._alive()
            if response.status not in (301, 302, 303, 307, 308):
                return response
            response.close()  # its content is of no use, and may have no end
            target = response.headers.get("Location", "")
            try:
                address = urljoin(address, target)
                usable = bool(target) and urlsplit(address).scheme in ("http", "https")
            except ValueError:
                usable = False
            if not usable:
                where = _quoted(target) or "nothing"
                raise GivenUp(f"redirects to {where}, where no file can be had")
        raise GivenUp(f"redirects more than {HOPS} times")

    def _check(self, response: HTTPResponse) -> None:
        """Make ready for the file or its missing part. Raises what says that it does not come."""
        status, headers = response.status, response.headers
        phrase = http.client.responses.get(status, "unknown")
        what = f"answered {status} ({phrase.lower()})"
        if status in (408, 425, 429) or status >= 500 and status not in (501, 505):
            raise _Passing(what, pause=_asked_to_wait(headers.get("Retry-After", "")))
        begun = self.received
        if status == 200:
            self._begin_anew()
            mark = headers.get("ETag") or headers.get("Last-Modified") or ""
            self.version = "" if mark.startswith("W/") else mark
        elif not begun or status not in (206, 416):
            raise GivenUp(what)
        length = response.length_remaining  # None for what is no number: the hash will tell
        if length is not None and status == 206:
            length += begun
        if status != 200:
            part = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/(\S+)", headers.get("Content-Range", ""))
            fits = part and part[1] == str(begun) and part[2] in ("*", str(self.whole or part[2]))
            if status == 416 or not fits:
                self.resumes = False
                raise _Passing(f"{what} in place of the rest")
            self.pieced = True
        self.whole = self.whole or length
        self.limit = self.size or (LARGEST if self.whole else UNANNOUNCED)
        if (self.whole or 0) > self.limit:
            raise self._too_much()
        self.limit = self.whole or self.limit
        self.is_page = headers.get("Content-Type", "").lower().startswith("text/html")

    def _begin_anew(self) -> None:
        self.file.seek(0)
        self.file.truncate()
        self.found, self.received, self.pieced = hashlib.new(self.algorithm), 0, False
        self.whole, self.version = None, ""  # its size and its mark, as the host says

    def _keep(self, piece: bytes) -> None:
        if self.received + len(piece) > self.limit:
            raise self._too_much()
        self.file.write(piece)
        self.found.update(piece)
        self.received += len(piece)

    def _alive(self) -> None:
        """The patience counts from now, and from so many bytes."""
        self.mark = time.monotonic(), self.received

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Let every error of the network say what it means."""
        try:
            yield
        except (OSError, ValueError, HTTPError, http.client.HTTPException) as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Exception) -> Exception:
        where = "the proxy: " if isinstance(error, ProxyError) else ""
        while inner := [one for one in error.args if isinstance(one, Exception)]:
            error = inner[-1]
        if isinstance(error, (TimeoutError, NoAnswer)):
            return self._no_answer()
        if isinstance(error, ssl.SSLCertVerificationError):
            return GivenUp(f"its certificate is not accepted ({error.verify_message})")
        cut = isinstance(error, (ConnectionError, http.client.IncompleteRead, ssl.SSLEOFError))
        if cut and not isinstance(error, ConnectionRefusedError):
            return self._broke_off()
        what = _quoted(getattr(error, "strerror", "") or str(error) or type(error).__name__)
        if isinstance(error, ssl.SSLError):
            return _Passing(f"no safe connection ({(error.reason or what).lower()})", DEAF)
        if isinstance(error, OSError):
            return _Passing(where + what, DEAF)
        return GivenUp(what if isinstance(error, ValueError) else f"no proper answer: {what}")

    def _no_answer(self) -> _Passing:
        what = f"no answer within {self.hosts.patience:g} seconds"
        if self.received - self.at_first >= ENOUGH:
            return _Passing(f"{what}, after {_amount(self.received, self.whole)}")
        return _NoAnswer(what + ", nor at a second try" * self.silent, DEAF)

    def _broke_off(self) -> _Passing:
        so_far = f" after {_amount(self.received, self.whole)}" if self.received else ""
        return _Passing(f"broke off{so_far}")

    def _too_much(self) -> GivenUp:
        return GivenUp(f"sends more than the {_amount(self.limit)} that the file may have")


def _amount(n: int, whole: int | None = None) -> str:
    """So many bytes, perhaps of so many, in one unit."""
    unit, name = next(
        (one for one in ((1e9, "GB"), (1e6, "MB")) if (whole or n) >= one[0]), (1e3, "kB")
    )
    numbers = [f"{x / unit:.0f}" if x >= 9.5 * unit else f"{x / unit:.2g}" for x in (n, whole or n)]
    return f"{' of '.join(numbers if whole else numbers[:1])} {name}"


def _asked_to_wait(text: str) -> float:
    """The seconds of a header Retry-After, a number or a date; 0 where it makes no sense."""
    try:
        return Retry().parse_retry_after(text)
    except (HTTPError, ValueError, OverflowError, TypeError):
        return 0


def _quoted(text: str) -> str:
    text = printable(re.sub("//[^/]*@", "//", text[:1000]).strip())  # no password
    return text if len(text) <= 80 else f"{text[:80]}…"
