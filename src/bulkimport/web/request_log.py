"""What surrounds every request: an id, headers that every response has, a log line, its duration as a metric.

It is WSGI, around Flask, whose hooks would take longer.
"""

import logging
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, request
from prometheus_client import Histogram
from werkzeug.wsgi import get_path_info

from bulkimport.telemetry import metrics
from bulkimport.telemetry.trace_context import trace_id

EXCHANGE = "bulkimport.exchange"  # its key in the environment of a request
REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")  # the ids of callers that may go into the log
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UPLOAD = ("POST", "/api/v1/assets/bulk")
NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
NO_CACHING = ("Cache-Control", "no-store")  # unless the view allows it

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Exchange:
    """A request, and what is known about it so far; `route` is the template that its path matches."""

    request_id: str
    trace_id: str | None
    account_id: int | None = None
    route: str = "unmatched"
    problem_type: str | None = None


def register(app: Flask) -> None:
    """Give each request of the application an Exchange before anything else happens."""
    app.before_request(_note_route)
    app.wsgi_app = RequestLog(app.wsgi_app)  # type: ignore[method-assign]


def exchange() -> Exchange:
    """The exchange of the request that Flask is processing."""
    current: Exchange = request.environ[EXCHANGE]
    return current


class RequestLog:
    """Begins an Exchange for each request; logs and counts it when the application starts its response."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The application's response."""
        started = time.monotonic()
        begun = environ[EXCHANGE] = _begin(environ)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seconds = time.monotonic() - started
            names = {name.lower() for name, _ in headers}
            if "cache-control" not in names:
                headers.append(NO_CACHING)
            headers += (NO_SNIFFING, ("X-Request-ID", begun.request_id))
            method, code = environ["REQUEST_METHOD"], int(status[:3])
            _count(begun, method, code, seconds, waited="preference-applied" in names)
            if log.isEnabledFor(logging.INFO):
                _log(begun, method, get_path_info(environ), code, seconds)
            return start_response(status, headers, exc_info)

        return self._application(environ, start)


def _begin(environ: WSGIEnvironment) -> Exchange:
    callers_id = environ.get("HTTP_X_REQUEST_ID", "")
    return Exchange(
        request_id=callers_id if REQUEST_ID.fullmatch(callers_id) else _new_id(),
        trace_id=trace_id(environ.get("HTTP_TRACEPARENT")),
    )


def _new_id() -> str:
    """A random UUID; uuid4() would let other threads take the interpreter."""
    return str(UUID(int=random.getrandbits(128), version=4))


def _note_route() -> None:
    if request.url_rule:
        exchange().route = request.url_rule.rule


def _log(ended: Exchange, method: str, path: str, status: int, seconds: float) -> None:
    log.info(
        "request",
        extra={
            "request_id": ended.request_id,
            **({"trace_id": ended.trace_id} if ended.trace_id else {}),
            "method": method,
            "path": path,
            "status": status,
            "seconds": round(seconds, 4),
            "account_id": ended.account_id,
        },
    )


def _count(ended: Exchange, method: str, status: int, seconds: float, *, waited: bool) -> None:
    """Labelled by the template of the route, never by a path or a method that a caller invents."""
    _histogram(method if method in METHODS else "other", ended.route, status, waited).observe(seconds)
    if (method, ended.route) == UPLOAD and ended.problem_type:
        metrics.UPLOADS_REFUSED.labels(ended.problem_type).inc()


@cache
def _histogram(method: str, route: str, status: int, waited: bool) -> Histogram:
    return metrics.HTTP_REQUEST_SECONDS.labels(method, route, status, "yes" if waited else "no")
