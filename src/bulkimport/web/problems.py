"""Problem documents (RFC 9457), and the one handler that turns every error into one."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response, g, json, request
from psycopg2.errors import DeadlockDetected, LockNotAvailable, QueryCanceled, SerializationFailure
from werkzeug.exceptions import HTTPException

from bulkimport.assets.documents import InvalidAssetError
from bulkimport.auth.jwks import KeysUnavailableError
from bulkimport.auth.tokens import InsufficientScopeError, UnauthorizedError
from bulkimport.csvfile.refusal import RefusedFileError
from bulkimport.database.connections import DatabaseUnavailableError, PrivilegedRoleError
from bulkimport.jobs.actions import JobStateError, UnknownJobError
from bulkimport.jobs.intake import TooManyJobsError
from bulkimport.store.accounts import InactiveAccountError
from bulkimport.store.assets import IdentifierTakenError
from bulkimport.web.idempotency import BusyError, KeyInUseError, KeyReusedError
from bulkimport.web.problem_types import PROBLEM_TYPES

RETRY_AFTER_S = 5
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
    document = {
        "type": f"/problems/{problem.type}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": request.path,
        "request_id": g.request_id,
    }
    if problem.errors:
        document["errors"] = problem.errors
    return Response(
        json.dumps(document), kind.status, problem.headers, content_type="application/problem+json"
    )


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case RefusedFileError():
            return Problem(error.code, error.detail)
        case UnauthorizedError():
            return Problem("unauthorized", str(error), headers=_challenge(error))
        case InsufficientScopeError():
            return Problem("insufficient-scope", _sentence(error), headers=_scope_challenge(error))
        case KeysUnavailableError():
            return Problem(
                "keys-unavailable", _sentence(error), headers={"Retry-After": str(error.retry_after_s)}
            )
        case InactiveAccountError():
            return Problem("inactive-account", str(error))
        case UnknownJobError():
            return Problem("not-found", str(error))
        case JobStateError():
            return Problem(error.code, str(error))
        case TooManyJobsError():
            return Problem("too-many-jobs", _sentence(error), headers={"Retry-After": str(RETRY_AFTER_S)})
        case InvalidAssetError():
            return Problem("invalid-asset", "The asset breaks rules; see errors.", errors=error.faults)
        case IdentifierTakenError():
            detail = f'Another asset has the identifier "{error}".'
            return Problem("identifier-taken", detail)
        case KeyReusedError():
            return Problem("idempotency-key-reused", _sentence(error))
        case KeyInUseError():
            return Problem(
                "request-in-progress", _sentence(error), headers={"Retry-After": str(RETRY_AFTER_S)}
            )
        case BusyError():
            return _retry_later("busy", _sentence(error))
        case LockNotAvailable() | DeadlockDetected() | SerializationFailure():
            return _retry_later("busy", "Another request is changing what this one needs.")
        case QueryCanceled():
            return _retry_later("query-timeout", "The database did not finish the query in time.")
        case DatabaseUnavailableError():
            return _retry_later("unavailable", "The database cannot be reached.")
        case PrivilegedRoleError():
            return _retry_later("unavailable", "The database login is privileged. The log says more.")
        case HTTPException(code=int(status)) if status in TYPES_OF_STATUSES:
            return _http_problem(error, status)
        case _:
            return Problem("internal-error", "The fault is ours; please report the request_id.")


def _retry_later(type_: str, detail: str) -> Problem:
    return Problem(
        type_, f"{detail} Try again in {RETRY_AFTER_S} s.", headers={"Retry-After": str(RETRY_AFTER_S)}
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


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
