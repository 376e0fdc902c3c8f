"""The keys of an issuer, fetched from its URL (JWKS: RFC 7517, section 5) and kept fresh.

A thread fetches them; a request whose key is known never waits for it. Whatever tokens arrive, a process
fetches at most once in 30 s, and keeps the keys it has until the endpoint returns usable ones.
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

FETCH_INTERVAL_S = 30  # at least, between two fetches
REFRESH_AFTER_S = 300  # a withdrawn key is accepted for this long, and until the next fetch ends
FETCH_TIMEOUT_S = 3  # for a whole fetch; also the longest time that a request waits
MAX_SET_BYTES = 256 * 1024
MAX_WAITING = 2  # requests that may hold a thread while there are keys, but not theirs

log = logging.getLogger(__name__)

Keys = Mapping[tuple[str, str], VerifyingKey]


class KeysUnavailableError(Exception):
    """No key has been fetched yet, so no token can be verified; the next fetch is in `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("The keys that verify tokens could not be fetched yet.")
        self.retry_after_s = retry_after_s


class KeySet:
    """The keys at a URL, by algorithm and kid; thread-safe. Fetched when they are first needed."""

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
        """The key with this kid for this algorithm, or None.

        Raises KeysUnavailableError if no keys have been fetched yet.
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
        """Wait for the fetch under way, or a new one if due; leave most threads to requests with a key."""
        fetched = self._begin_fetch()
        if fetched is None:
            return
        if not self._keys:  # no request could be answered anyway
            fetched.wait(FETCH_TIMEOUT_S)
        elif self._waiting_places.acquire(blocking=False):
            try:
                fetched.wait(FETCH_TIMEOUT_S)
            finally:
                self._waiting_places.release()

    def _begin_fetch(self) -> threading.Event | None:
        """The event that ends the fetch under way, of a new one if it is due; None if there is no fetch."""
        with self._lock:
            if self._fetched is None and self._clock() >= self._next_fetch_at:
                self._next_fetch_at = self._clock() + FETCH_INTERVAL_S
                fetched = threading.Event()
                threading.Thread(target=self._fetch, args=(fetched,), daemon=True).start()
                self._fetched = fetched  # only now: if the thread cannot start, no request waits for it
            return self._fetched

    def _fetch(self, fetched: threading.Event) -> None:
        try:
            self._keys = _usable_keys(_get(self._url))
            self._fresh_until = self._clock() + REFRESH_AFTER_S
        except (OSError, HTTPException, ValueError) as error:
            # Our own ValueErrors are for people; those of the JSON parser name a place in the text.
            log.error("JWT_JWKS_URL returned no usable keys: %s; earlier keys stay in use", error)
        finally:
            with self._lock:
                self._fetched = None
            fetched.set()


def _get(url: str) -> bytes:
    """The body at the URL; follows no redirect and uses no proxy."""
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
    """Cut the connection after FETCH_TIMEOUT_S: a socket's own time-out starts again with each byte."""

    def end() -> None:
        with suppress(OSError):  # the other side has closed it already
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(FETCH_TIMEOUT_S, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _usable_keys(data: bytes) -> Keys:
    """The usable keys of a set, at least one; ValueError if it has none or is not a set."""
    jwks = strict_json.parse(data).get("keys")
    if not isinstance(jwks, list):
        raise ValueError('it has no list of "keys"')
    usable: dict[tuple[str, str], VerifyingKey] = {}
    reasons = []
    for jwk in jwks:
        try:
            key_id, key = _usable(jwk)
            usable.setdefault((key.algorithm, key_id), key)
        except UnusableKeyError as error:
            reasons.append(str(error))
    if not usable:
        raise ValueError(f"none of its {len(jwks)} keys can be used: {', '.join(reasons[:5])}")
    log.info("fetched keys", extra={"kids": [key_id for _, key_id in usable], "unusable": reasons})
    return usable


def _usable(jwk: object) -> tuple[str, VerifyingKey]:
    if not isinstance(jwk, dict):
        raise UnusableKeyError("is not an object")
    key_id = jwk.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_CHARS:
        raise UnusableKeyError("has no kid")
    return key_id, keys.from_jwk(jwk)
