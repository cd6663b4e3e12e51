"""Connections to the hosts of files, kept for the next file: through the environment's proxy, with
certificates that work everywhere, whichever address of a host is dead, and to be ended at once."""

import os
import socket
import ssl
from contextlib import suppress
from functools import cached_property, partial
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import make_headers

LONGEST = 20  # times the patience: so long hosts may ask to wait, for all files together
OWN_CERTIFICATES = "REQUESTS_CA_BUNDLE"  # SSL_CERT_FILE and SSL_CERT_DIR are known to Python


def certificates() -> ssl.SSLContext:
    """What is trusted: the system's certificates or those of ``SSL_CERT_FILE``, certifi's, for
    Python on a Mac finds none of its own, and those of ``REQUESTS_CA_BUNDLE``. Raises
    ``ValueError`` where these cannot be read."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    if own := os.environ.get(OWN_CERTIFICATES):
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(own) else "cafile": own})
        except OSError as error:
            raise ValueError(f"{OWN_CERTIFICATES} names no file of certificates") from error
    # many a school's own certificate is no strict one; what is downloaded has a hash
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Line:
    """A connection that another thread can end.

    Each address of the host has its share of the time for connecting, so that dead ones leave some.
    """

    ended, kept = False, None

    def connect(self) -> None:
        super().connect()
        self.kept = self.sock  # which is forgotten while the last answer is still read
        if self.ended:  # while it was connecting
            raise ConnectionAbortedError

    def end(self) -> None:
        self.ended = True
        with suppress(OSError, AttributeError):  # not connected
            self.kept.shutdown(socket.SHUT_RDWR)

    def _new_conn(self) -> socket.socket:  # where urllib3 opens a socket
        addresses = len(socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM))
        made = socket.create_connection((self.host, self.port), self.timeout / max(addresses, 1))
        made.settimeout(self.timeout)
        return made


class _PlainLine(_Line, HTTPConnection):
    pass


class _SecureLine(_Line, HTTPSConnection):
    pass


class Hosts:
    """The hosts of files that are wanted together, each with ``patience`` seconds to answer; when
    each may be asked again, and the connections to them, which ``with`` closes at the end."""

    def __init__(self, patience: float):
        self.patience = patience
        self.free_from, self.to_wait = {}, LONGEST * patience
        self.given_up = set()  # addresses of folders
        self.managers, self.lines = {}, []  # by proxy; all that may be in use

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for line in self.lines:
            line.close()

    def end(self) -> None:
        """Break off what is under way, in whatever thread it is; what comes next connects anew."""
        for line in self.lines:
            line.end()
        self.managers, self.lines = {}, []

    @cached_property
    def certificates(self) -> ssl.SSLContext:
        """Read once, where they are needed, for that takes a moment."""
        return certificates()

    def get(self, address: str, headers: dict[str, str]) -> HTTPResponse:
        """The answer, its content not yet read, redirects not followed. Raises ``OSError``,
        ``ValueError`` and the errors of urllib3 and http.client."""
        where, proxies = urlsplit(address), getproxies()
        if where.scheme not in ("http", "https"):
            raise ValueError("this is no address of the web")
        proxy = proxies.get(where.scheme) or proxies.get("all") or ""
        if proxy_bypass(where.netloc.rpartition("@")[2]):
            proxy = ""
        if proxy not in self.managers:
            self.managers[proxy] = self._manager(proxy)
        return self.managers[proxy].urlopen(
            "GET",
            address,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
            timeout=self.patience,
        )

    def _manager(self, proxy: str) -> PoolManager:
        """Pools of connections, through this proxy or without one."""
        if proxy:
            proxy = proxy if "://" in proxy else f"http://{proxy}"
            who = urlsplit(proxy)
            pair = f"{unquote(who.username or '')}:{unquote(who.password or '')}"
            headers = make_headers(proxy_basic_auth=pair) if who.username else None
            manager = ProxyManager(proxy, proxy_headers=headers)
        else:
            manager = PoolManager()
        manager.pool_classes_by_scheme = {
            "http": partial(self._pool, HTTPConnectionPool, _PlainLine),
            "https": partial(self._pool, HTTPSConnectionPool, _SecureLine),
        }
        return manager

    def _pool(self, kind, line, host: str, port: int, **options) -> HTTPConnectionPool:
        """A pool whose connections this object can end."""

        def connection(**options) -> _Line:
            self.lines.append(line(**options))
            return self.lines[-1]

        if kind is HTTPSConnectionPool:
            options["ssl_context"] = self.certificates
        pool = kind(host, port, **options)
        pool.ConnectionCls = connection
        return pool
