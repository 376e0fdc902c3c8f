"""Problem documents (RFC 9457), and the one handler that turns every error into one."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, request
from psycopg2.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure
from werkzeug.exceptions import HTTPException

from bulkimport.auth.jwks import KeysUnavailableError
from bulkimport.auth.tokens import InsufficientScopeError, UnauthorizedError
from bulkimport.database.connections import DatabaseUnavailableError, PrivilegedRoleError
from bulkimport.errors import Refusal
from bulkimport.web import request_log
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.request_log import Exchange

PROBLEM_JSON = "application/problem+json"
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
    """An error that is an answer: a key of PROBLEM_TYPES, what happened, and the fields at fault, if any."""

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
    """Answer every exception with a problem document."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The problem document for an exception; one that is not the caller's fault is logged."""
    status, headers, body = document(error, request_log.exchange(), request.path)
    return Response(body, status, headers, content_type=PROBLEM_JSON)


def document(error: Exception, exchange: Exchange, path: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and JSON of the answer to a request of this path; see `answer`."""
    problem = _problem(error)
    exchange.problem_type = problem.type
    problem_type = PROBLEM_TYPES[problem.type]
    if problem_type.status >= 500:
        log.error(problem_type.title, exc_info=error, extra={"request_id": exchange.request_id})
    members = {**described(problem), "instance": path, "request_id": exchange.request_id}
    if problem.errors:
        members["errors"] = problem.errors
    return problem_type.status, _headers(problem), json.dumps(members, ensure_ascii=False)


def of_refusal(refusal: Refusal) -> Problem:
    """The problem with which a request is refused."""
    return Problem(refusal.code, refusal.detail, errors=refusal.errors)


def described(problem: Problem) -> dict[str, Any]:
    """The members of a problem document that do not depend on the request, without `errors`."""
    problem_type, headers = PROBLEM_TYPES[problem.type], _headers(problem)
    again = f" Try again in {headers['Retry-After']} s." if problem_type.retry_after_s else ""
    return {
        "type": f"/problems/{problem.type}",
        "code": problem.type,
        "title": problem_type.title,
        "status": problem_type.status,
        "detail": problem.detail + again,
    }


def _headers(problem: Problem) -> dict[str, str]:
    seconds = PROBLEM_TYPES[problem.type].retry_after_s
    return {**({"Retry-After": str(seconds)} if seconds else {}), **problem.headers}


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case Refusal():
            return of_refusal(error)
        case UnauthorizedError():
            return Problem("unauthorized", str(error), headers=_challenge(error))
        case InsufficientScopeError():
            return Problem("insufficient-scope", str(error), headers=_scope_challenge(error))
        case KeysUnavailableError():
            # The exact time of the next fetch, instead of the default of the type.
            return Problem("keys-unavailable", str(error), headers={"Retry-After": str(error.retry_after_s)})
        case LockNotAvailable() | DeadlockDetected() | SerializationFailure():
            return Problem("busy", "Another request is changing what this request needs.")
        case QueryCanceled():
            return Problem("query-timeout", "The database did not finish the query in time.")
        case DatabaseUnavailableError():
            return Problem("unavailable", "The database cannot be reached.")
        case PrivilegedRoleError():
            return Problem(
                "unavailable", "The database login has too many privileges; the log of the service says more."
            )
        case HTTPException(code=int(status)) if status in TYPES_OF_STATUSES:
            return _http_problem(error, status)
        case _:
            return Problem(
                "internal-error",
                "The service failed to process the request; report the request_id to its operators.",
            )


def _http_problem(error: HTTPException, status: int) -> Problem:
    """Flask's own errors: an unknown route, a method that is not allowed, a form that cannot be parsed."""
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return Problem(TYPES_OF_STATUSES[status], error.description or "", headers=headers)


def _challenge(error: UnauthorizedError) -> dict[str, str]:
    """RFC 6750, section 3: no error code if the request has no token at all."""
    challenge = CHALLENGE
    if not error.missing:
        description = NOT_IN_DESCRIPTIONS.sub("'", str(error))[:200]
        challenge += f', error="invalid_token", error_description="{description}"'
    return {"WWW-Authenticate": challenge}


def _scope_challenge(error: InsufficientScopeError) -> dict[str, str]:
    """RFC 6750, section 3.1."""
    return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'}
