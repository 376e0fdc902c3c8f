"""An id for each request; a log line and an observation of its duration when it is answered."""

import logging
import random
import re
import time
from uuid import UUID

from flask import Flask, Response, g, request

from bulkimport.telemetry import metrics
from bulkimport.telemetry.trace_context import trace_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")  # the ids of callers that may go into the log
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UPLOAD = "uploads.upload"

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Give each request an id before anything else happens; log and count it when it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    headers = request.headers
    callers_id = headers.get("X-Request-ID", "")
    g.request_id = callers_id if REQUEST_ID.fullmatch(callers_id) else _new_id()
    g.trace_id = trace_id(headers.get("traceparent"))
    g.started = time.monotonic()


def _new_id() -> str:
    """A random UUID; uuid4() would let other threads take the interpreter."""
    return str(UUID(int=random.getrandbits(128), version=4))


def _end(response: Response) -> Response:
    seconds = time.monotonic() - g.started
    response.headers["X-Request-ID"] = g.request_id
    _count(response, seconds)
    if log.isEnabledFor(logging.INFO):
        _log(response, seconds)
    return response


def _log(response: Response, seconds: float) -> None:
    log.info(
        "request",
        extra={
            "request_id": g.request_id,
            **({"trace_id": g.trace_id} if g.trace_id else {}),
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "seconds": round(seconds, 4),
            "account_id": g.principal.account_id if "principal" in g else None,
        },
    )


def _count(response: Response, seconds: float) -> None:
    """Labelled by the template of the route, never by a path or a method that a caller invents."""
    rule = request.url_rule
    metrics.HTTP_REQUEST_SECONDS.labels(
        request.method if request.method in METHODS else "other",
        rule.rule if rule else "unmatched",
        response.status_code,
        "yes" if "Preference-Applied" in response.headers else "no",
    ).observe(seconds)
    if rule and rule.endpoint == UPLOAD and "problem_type" in g:
        metrics.UPLOADS_REFUSED.labels(g.problem_type).inc()
