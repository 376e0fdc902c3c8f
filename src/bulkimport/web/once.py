"""The Idempotency-Key of a request, and its answer: given once, and then again."""

import hashlib
import re
from collections.abc import Callable
from uuid import UUID

from flask import Response, request
from psycopg2.extensions import cursor as Cursor

from bulkimport.web import access, idempotency
from bulkimport.web.idempotency import Answer, Key
from bulkimport.web.problems import Problem

HEADER = "Idempotency-Key"
OF_A_KEY = ("invalid-idempotency-key", "request-in-progress", "idempotency-key-reused")
KEY = re.compile(r"[!-~]{1,255}")  # visible characters of ASCII, with or without quotes around them


def answer_once(
    act: Callable[[Cursor], Answer],
    *,
    subject: str = idempotency.THE_QUEUE,
    body: bytes = b"",
    creates_job: UUID | None = None,
) -> Response:
    """Do `act` in a transaction of the principal's account, or give the answer that its key has had.

    `act` may be called more than once. `subject` is what it changes, `body` what tells this request's body
    from others.
    """
    return responded(
        idempotency.once(
            access.database(),
            act,
            account_id=access.principal().account_id,
            subject=subject,
            key=request_key(body),
            creates_job=creates_job,
        )
    )


def responded(answer: Answer) -> Response:
    """The answer as Flask sends it."""
    replayed = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    return Response(
        answer.body, answer.status, {**answer.headers, **replayed}, content_type="application/json"
    )


def request_key(body: bytes) -> Key | None:
    """The request's Idempotency-Key, or None; `body` is what tells this request's body from others.

    Only a POST has one: the other methods can be repeated as they are, with If-Match where it matters.
    """
    given = request.headers.get(HEADER)
    if given is None or request.method != "POST":
        return None
    if not KEY.fullmatch(given):
        raise Problem(
            "invalid-idempotency-key", f"The {HEADER} must have 1 to 255 visible characters of ASCII."
        )
    parameters = sorted(request.args.items(multi=True))
    parts = (request.method, request.path, repr(parameters), hashlib.sha256(body).hexdigest())
    return Key(given, hashlib.sha256("\n".join(parts).encode()).digest())
