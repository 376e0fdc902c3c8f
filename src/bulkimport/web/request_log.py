"""A request id for each request; one line in the log and one observation when it is answered."""

import logging
import re
import time
from uuid import uuid4

from flask import Flask, Response, g, request

from bulkimport.telemetry import metrics
from bulkimport.telemetry.trace_context import trace_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")  # what may pass from a header into a log
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UPLOAD = "hand_in.hand_in"

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Name each request before anything else happens; log and count it when it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else str(uuid4())
    g.trace_id = trace_id(request.headers.get("traceparent"))
    g.started = time.monotonic()


def _end(response: Response) -> Response:
    seconds = time.monotonic() - g.started
    response.headers["X-Request-ID"] = g.request_id
    _count(response, seconds)
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
    return response


def _count(response: Response, seconds: float) -> None:
    """By the template of the route, never by a path or a method that the caller made up."""
    metrics.HTTP_REQUEST_SECONDS.labels(
        request.method if request.method in METHODS else "other",
        request.url_rule.rule if request.url_rule else "unmatched",
        response.status_code,
        "yes" if "Preference-Applied" in response.headers else "no",
    ).observe(seconds)
    if request.endpoint == UPLOAD and "problem_type" in g:
        metrics.UPLOADS_REFUSED.labels(g.problem_type).inc()
