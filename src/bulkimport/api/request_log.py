"""A request id for each request, and one line in the log."""

import logging
import re
import time
from uuid import uuid4

from flask import Flask, Response, g, request

REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")  # what may pass from a header into a log

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Name each request before anything else happens, and log it when it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else str(uuid4())
    g.started = time.monotonic()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    log.info(
        "request",
        extra={
            "request_id": g.request_id,
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "seconds": round(time.monotonic() - g.started, 4),
            "account_id": g.principal.account_id if "principal" in g else None,
        },
    )
    return response
