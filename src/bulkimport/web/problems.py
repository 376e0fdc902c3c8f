"""Problem documents (RFC 9457), and the one handler that turns every error into one."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, g, json, request
from psycopg2.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure
from werkzeug.exceptions import HTTPException

from bulkimport.auth.jwks import KeysUnavailableError
from bulkimport.auth.tokens import InsufficientScopeError, UnauthorizedError
from bulkimport.database.connections import DatabaseUnavailableError, PrivilegedRoleError
from bulkimport.errors import Refusal
from bulkimport.web.problem_types import PROBLEM_TYPES

CHALLENGE = 'Bearer realm="bulkimport"'
NOT_IN_DESCRIPTIONS = re.compile(r"[^ !#-\[\]-~]")  # RFC 6750, section 3: error_description

log = logging.getLogger(__name__)


TYPES_OF_STATUSES = {
    400: "malformed-request",
    404: "not-found",
    405: "method-not-allowed",
    411: "length-required",
    413: "too-large",
    415: "unsupported-media-type",
}


class Problem(Exception):  # noqa: N818 - RFC 9457's word; it is an answer as much as an error
    """An error that is an answer. `errors` names the fields that are to blame."""

    def __init__(
        self,
        type_: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.type = type_
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def register(app: Flask) -> None:
    """Answer every error of the application with a problem document."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The problem document for an error; what is no fault of the caller's is logged."""
    problem = _problem(error)
    g.problem_type = problem.type
    kind = PROBLEM_TYPES[problem.type]
    if kind.status >= 500:
        log.error(kind.title, exc_info=error, extra={"request_id": g.request_id})
    detail, headers = problem.detail, dict(problem.headers)
    if kind.retry_after_s:
        seconds = headers.setdefault("Retry-After", str(kind.retry_after_s))
        detail += f" Try again in {seconds} s."
    document = {
        "type": f"/problems/{problem.type}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request.path,
        "request_id": g.request_id,
    }
    if problem.errors:
        document["errors"] = problem.errors
    return Response(json.dumps(document), kind.status, headers, content_type="application/problem+json")


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case Refusal():
            return Problem(error.code, error.detail, errors=error.errors)
        case UnauthorizedError():
            return Problem("unauthorized", str(error), headers=_challenge(error))
        case InsufficientScopeError():
            return Problem("insufficient-scope", str(error), headers=_scope_challenge(error))
        case KeysUnavailableError():
            # Known to the second, unlike what the type says.
            return Problem("keys-unavailable", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case LockNotAvailable() | DeadlockDetected() | SerializationFailure():
            return Problem("busy", "Another request is changing what this one needs.")
        case QueryCanceled():
            return Problem("query-timeout", "The database did not finish the query in time.")
        case DatabaseUnavailableError():
            return Problem("unavailable", "The database cannot be reached.")
        case PrivilegedRoleError():
            return Problem("unavailable", "The database login is privileged. The log says more.")
        case HTTPException(code=int(status)) if status in TYPES_OF_STATUSES:
            return _http_problem(error, status)
        case _:
            return Problem("internal-error", "The fault is ours; please report the request_id.")


def _http_problem(error: HTTPException, status: int) -> Problem:
    """Flask's own errors: no such route, no such method, a body that is no form."""
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return Problem(TYPES_OF_STATUSES[status], error.description or "", headers=headers)


def _challenge(error: UnauthorizedError) -> dict[str, str]:
    """RFC 6750, section 3: no error code where there was no token at all."""
    challenge = CHALLENGE
    if not error.missing:
        description = NOT_IN_DESCRIPTIONS.sub("'", str(error))[:200]
        challenge += f', error="invalid_token", error_description="{description}"'
    return {"WWW-Authenticate": challenge}


def _scope_challenge(error: InsufficientScopeError) -> dict[str, str]:
    """RFC 6750, section 3.1."""
    return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'}
