"""A request's body as it comes: counted, not waited for without end, and read on where it is refused."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import IO

from flask import Flask, Response, request

from bulkimport.web.problems import Problem

STALL_TIMEOUT_S = 10.0  # without a byte
BODY_TIMEOUT_S = 300.0  # for the whole body; behind nginx it is there at once
REFUSED_TIMEOUT_S = 10.0  # for what is left of a refused one
BLOCK_BYTES = 64 * 1024
SLOW = 408  # which is answered because nothing more comes


class ReceivedBody:
    """A request's body that knows how much of it came, and does not wait for ever for the rest.

    gunicorn itself waits for ever, and eight such clients would be all that a process serves.
    """

    def __init__(
        self, stream: IO[bytes], connection: socket.socket | None, timeout_s: float = BODY_TIMEOUT_S
    ) -> None:
        self._stream = stream
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self.count = 0
        if connection:
            connection.settimeout(STALL_TIMEOUT_S)

    def read(self, size: int = -1) -> bytes:
        """As of a file; a request-timeout problem where nothing comes, or all of it too slowly."""
        return self._received(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        """As `read`."""
        return self._received(self._stream.readline, size)

    def _received(self, read: Callable[[int], bytes], size: int) -> bytes:
        if time.monotonic() > self._deadline:
            raise Problem("request-timeout", f"The body took longer than {self._timeout_s:g} s.")
        try:
            data = read(size)
        except TimeoutError as error:
            raise Problem("request-timeout", f"No byte came for {STALL_TIMEOUT_S:g} s.") from error
        self.count += len(data)
        return data


def of_request(timeout_s: float = BODY_TIMEOUT_S) -> ReceivedBody:
    """The body of the request in hand."""
    return ReceivedBody(request.environ["wsgi.input"], request.environ.get("gunicorn.socket"), timeout_s)


def register(app: Flask) -> None:
    """Read what is left of a refused body before the answer is sent.

    Otherwise gunicorn closes the connection upon it. A proxy that is still sending then finds a broken
    connection and no answer, and says 502 where 401 or 413 was meant.
    """
    app.after_request(_discard_rest)


def _discard_rest(response: Response) -> Response:
    largest: int | None = request.max_content_length
    refused = response.status_code >= 400 and response.status_code != SLOW
    if refused and 0 < (request.content_length or 0) <= (largest or 0):
        body = of_request(REFUSED_TIMEOUT_S)
        with contextlib.suppress(Problem, OSError):  # who does not send it need not be answered well
            while body.read(BLOCK_BYTES):
                pass
    return response
