"""The body of a request: read within time limits, parsed as JSON, and read to its end if it is refused."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import IO, Any

from flask import Flask, Response, json, request

from bulkimport.web.content import ContentDigests
from bulkimport.web.operations import MERGE_PATCH
from bulkimport.web.problems import Problem

STALL_TIMEOUT_S = 10.0  # without a byte
BODY_TIMEOUT_S = 300.0  # for the whole body; nginx has buffered it before it forwards the request
REFUSED_TIMEOUT_S = 10.0  # for the rest of a refused body
BLOCK_BYTES = 64 * 1024
MAX_JSON_BYTES = 1024 * 1024
SLOW = 408  # the status if no more bytes arrive, so there is no point in reading on


class ReceivedBody:
    """A request's body that counts and digests the bytes that arrive, and limits the wait for the rest.

    gunicorn itself waits without limit, so eight stalled clients would occupy every thread of a process.
    """

    def __init__(
        self,
        stream: IO[bytes],
        connection: socket.socket | None,
        timeout_s: float = BODY_TIMEOUT_S,
        digests: ContentDigests | None = None,
    ) -> None:
        self._stream = stream
        self.digests = digests or ContentDigests(None)
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self.count = 0
        if connection:
            connection.settimeout(STALL_TIMEOUT_S)

    def read(self, size: int = -1) -> bytes:
        """As a file's read; raises a request-timeout problem if the body stalls or takes too long."""
        return self._received(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        """As a file's readline; raises as `read` does."""
        return self._received(self._stream.readline, size)

    def _received(self, read: Callable[[int], bytes], size: int) -> bytes:
        if time.monotonic() > self._deadline:
            raise Problem("request-timeout", f"The body took longer than {self._timeout_s:g} s.")
        try:
            data = read(size)
        except TimeoutError as error:
            raise Problem(
                "request-timeout", f"No byte of the body arrived for {STALL_TIMEOUT_S:g} s."
            ) from error
        self.count += len(data)
        self.digests.update(data)
        return data


def of_request(timeout_s: float = BODY_TIMEOUT_S, digests: ContentDigests | None = None) -> ReceivedBody:
    """The body of the current request."""
    environ = request.environ
    return ReceivedBody(environ["wsgi.input"], environ.get("gunicorn.socket"), timeout_s, digests)


def json_object(*media_types: str) -> dict[str, Any]:
    """The request's body, which must be a JSON object of one of these media types."""
    if request.mimetype not in media_types:
        raise Problem(
            "unsupported-media-type",
            f'The body is "{request.mimetype[:80]}"; send {" or ".join(media_types)}.',
            headers={"Accept-Patch": MERGE_PATCH} if MERGE_PATCH in media_types else None,
        )
    body = raw()
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        json.dumps(document).encode("utf-8")  # a lone surrogate, such as \ud800, is not text
    except (ValueError, RecursionError) as error:
        raise Problem("malformed-request", "The body is not JSON (RFC 8259) in UTF-8.") from error
    if not isinstance(document, dict):
        raise Problem("malformed-request", "The body is not a JSON object.")
    return document


def raw() -> bytes:
    """The body, if it has at most MAX_JSON_BYTES; a too-large problem otherwise, even without a length."""
    request.max_content_length = MAX_JSON_BYTES
    return request.get_data()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def register(app: Flask) -> None:
    """Read the rest of a refused body before the answer is sent.

    Otherwise gunicorn closes the connection with bytes unread. A proxy that is still sending then sees a
    broken connection instead of the answer, and returns 502 in place of 401 or 413.
    """
    app.after_request(_discard_rest)


def _discard_rest(response: Response) -> Response:
    refused = response.status_code >= 400 and response.status_code != SLOW
    if refused and 0 < (request.content_length or 0) <= (request.max_content_length or 0):
        body = of_request(REFUSED_TIMEOUT_S)
        # A client that does not send the rest may miss the answer.
        with contextlib.suppress(Problem, OSError):
            while body.read(BLOCK_BYTES):
                pass
    return response
