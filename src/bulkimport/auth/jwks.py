"""The keys of an issuer, fetched from its URL (JWKS: RFC 7517, section 5) and kept fresh.

Requests only look: a thread fetches, and who has its key already never waits for it. Whatever arrives, a
process fetches at most once in 30 s, and keeps what it has until the endpoint gives it something better.
"""

import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from bulkimport.auth import keys, strict_json
from bulkimport.auth.keys import MAX_KEY_ID_CHARS, UnusableKeyError, VerifyingKey

FETCH_INTERVAL_S = 30  # between two fetches, whatever arrives
REFRESH_AFTER_S = 300  # a key that is withdrawn verifies no longer than this and a fetch
FETCH_TIMEOUT_S = 3  # for all of it; also the longest that a request waits
MAX_SET_BYTES = 256 * 1024
MAX_WAITING = 2  # requests that hold a thread of the process while there are keys, only not theirs

log = logging.getLogger(__name__)

Keys = Mapping[tuple[str, str], VerifyingKey]


class KeysUnavailableError(Exception):
    """No key could be fetched yet, so that no token can be told from another; try after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("the keys that verify tokens cannot be fetched")
        self.retry_after_s = retry_after_s


class KeySet:
    """The keys at a URL, by algorithm and kid; safe between threads. Fetched when first needed."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting_places = threading.BoundedSemaphore(MAX_WAITING)
        self._keys: Keys = {}
        self._fresh_until = -math.inf
        self._next_fetch_at = -math.inf
        self._fetched: threading.Event | None = None  # of the fetch under way

    def find(self, algorithm: str, key_id: str | None) -> VerifyingKey | None:
        """The key of that kid for that algorithm, or None.

        Raises KeysUnavailableError where no set could be fetched yet.
        """
        if key_id is None:
            return None
        key = self._keys.get((algorithm, key_id))
        if key is not None:
            if self._clock() >= self._fresh_until:
                self._begin_fetch()
            return key
        self._await_fetch()
        if not self._keys:
            raise KeysUnavailableError(max(1, math.ceil(self._next_fetch_at - self._clock())))
        return self._keys.get((algorithm, key_id))

    def _await_fetch(self) -> None:
        """Fetch, where that is due, or wait for who does; but leave most threads to those that have a key."""
        fetched = self._begin_fetch()
        if fetched is None:
            return
        if not self._keys:  # nobody could be answered
            fetched.wait(FETCH_TIMEOUT_S)
        elif self._waiting_places.acquire(blocking=False):
            try:
                fetched.wait(FETCH_TIMEOUT_S)
            finally:
                self._waiting_places.release()

    def _begin_fetch(self) -> threading.Event | None:
        """The end of the fetch that is under way, a new one if that is due; None if there is none."""
        with self._lock:
            if self._fetched is None and self._clock() >= self._next_fetch_at:
                self._next_fetch_at = self._clock() + FETCH_INTERVAL_S
                fetched = threading.Event()
                threading.Thread(target=self._fetch, args=(fetched,), daemon=True).start()
                self._fetched = fetched  # only now: a thread that cannot start leaves nobody waiting
            return self._fetched

    def _fetch(self, fetched: threading.Event) -> None:
        try:
            self._keys = _usable_keys(_get(self._url))
            self._fresh_until = self._clock() + REFRESH_AFTER_S
        except (OSError, HTTPException, ValueError) as error:
            # A ValueError of our own is a sentence; others name a place in the text.
            log.error("JWT_JWKS_URL gave no keys: %s; any from before are kept", error)
        finally:
            with self._lock:
                self._fetched = None
            fetched.set()


def _get(url: str) -> bytes:
    """What is at the URL: no redirect is followed and no proxy asked."""
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=FETCH_TIMEOUT_S)
    try:
        connection.connect()
        with _cut_off(connection.sock):
            target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            connection.request(
                "GET", target, headers={"Accept": "application/jwk-set+json, application/json"}
            )
            response = connection.getresponse()
            body = response.read(MAX_SET_BYTES + 1)
    finally:
        connection.close()
    if response.status != 200:
        raise ValueError(f"it answered {response.status}")
    if len(body) > MAX_SET_BYTES:
        raise ValueError(f"it answered more than {MAX_SET_BYTES} bytes")
    return body


@contextmanager
def _cut_off(connected: socket.socket) -> Iterator[None]:
    """End the connection when the time is up: a socket's own time-out begins anew with each byte."""

    def end() -> None:
        with suppress(OSError):  # the other side was faster
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(FETCH_TIMEOUT_S, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _usable_keys(data: bytes) -> Keys:
    """The keys of a set that verify tokens, of which there is at least one, or ValueError."""
    given = strict_json.parse(data).get("keys")
    if not isinstance(given, list):
        raise ValueError('it has no list of "keys"')
    found: dict[tuple[str, str], VerifyingKey] = {}
    passed_over = []
    for jwk in given:
        try:
            key_id, key = _usable(jwk)
            found.setdefault((key.algorithm, key_id), key)
        except UnusableKeyError as error:
            passed_over.append(str(error))
    if not found:
        raise ValueError(f"none of its {len(given)} keys can be used: {', '.join(passed_over[:5])}")
    log.info("fetched keys", extra={"kids": [key_id for _, key_id in found], "passed_over": passed_over})
    return found


def _usable(jwk: object) -> tuple[str, VerifyingKey]:
    if not isinstance(jwk, dict):
        raise UnusableKeyError("is no object")
    key_id = jwk.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_CHARS:
        raise UnusableKeyError("has no kid")
    return key_id, keys.from_jwk(jwk)
