"""Answers GET of a job in front of Flask: the request that services send most often.

Flask's routing and its request and response objects would take as much time as everything else. Whatever
decides about the answer is the same as for any request: access.identify, job_status.answer,
problems.document, and RequestLog around both.
"""

import re
from collections.abc import Iterable
from uuid import UUID
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from werkzeug.http import HTTP_STATUS_CODES, parse_etags

from bulkimport.api import job_status
from bulkimport.web import access, problems
from bulkimport.web.idempotency import Answer
from bulkimport.web.ids import UUID_PATTERN
from bulkimport.web.operations import JSON
from bulkimport.web.request_log import EXCHANGE, Exchange

PATH = re.compile(f"/api/v1/assets/bulk/(?P<job_id>{UUID_PATTERN.pattern})")
ROUTE = "/api/v1/assets/bulk/<job:job_id>"


def register(app: Flask) -> None:
    """Answer GET of a job in front of the application, and leave all other requests to it."""
    app.wsgi_app = QuickStatus(app)  # type: ignore[method-assign]


class QuickStatus:
    """A WSGI application for GET of a job, without a body and without Prefer, which may have to wait."""

    def __init__(self, app: Flask) -> None:
        self._extensions = app.extensions
        self._others = app.wsgi_app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The job, 304 or a problem; for any other request, the application's response."""
        path = PATH.fullmatch(environ["PATH_INFO"])
        has_body = environ.get("CONTENT_LENGTH", "0") not in ("", "0")
        if path is None or environ["REQUEST_METHOD"] != "GET" or "HTTP_PREFER" in environ or has_body:
            return self._others(environ, start_response)
        exchange: Exchange = environ[EXCHANGE]
        exchange.route = ROUTE
        try:
            answer, content_type = self._answer(environ, exchange, UUID(path["job_id"])), JSON
        except Exception as error:  # noqa: BLE001 - as Flask with an error handler for all
            answer = Answer(*problems.document(error, exchange, path[0]))
            content_type = problems.PROBLEM_JSON
        return _respond(start_response, answer, content_type)

    def _answer(self, environ: WSGIEnvironment, exchange: Exchange, job_id: UUID) -> Answer:
        principal = access.identify(self._extensions, exchange, "GET", environ.get("HTTP_AUTHORIZATION"))
        with self._extensions["database"].tenant_read(principal.account_id) as cursor:
            return job_status.answer(
                cursor,
                account_id=principal.account_id,
                job_id=job_id,
                known=parse_etags(environ.get("HTTP_IF_NONE_MATCH")),
            )


def _respond(start_response: StartResponse, answer: Answer, content_type: str) -> Iterable[bytes]:
    headers, body = list(answer.headers.items()), answer.body.encode()
    if body:
        headers += (("Content-Type", content_type), ("Content-Length", str(len(body))))
    start_response(f"{answer.status} {HTTP_STATUS_CODES[answer.status].upper()}", headers)
    return [body]
