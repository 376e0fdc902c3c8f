"""A request that changes something is carried out once, however often it is sent.

The work and the answer that is stored for its Idempotency-Key commit together. So the answer exists if and
only if the work was done, whatever fails in between, and a repeated request gets that answer.
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from flask import Response, request
from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import Database, DatabaseUnavailableError, UnknownOutcomeError
from bulkimport.store import accounts, idempotency_keys, jobs, queue
from bulkimport.store.idempotency_keys import StoredAnswer
from bulkimport.web import access
from bulkimport.web.problems import Problem

HEADER = "Idempotency-Key"
KEY_PATTERN = re.compile(r"[!-~]{1,255}")  # visible ASCII characters, with or without quotes
KEY_PROBLEMS = ("invalid-idempotency-key", "request-in-progress", "idempotency-key-reused")
SETTLE_ATTEMPTS, SETTLE_INTERVAL_S = 10, 0.5
ATTEMPTS, MAX_PAUSE_S = 3, 0.05  # for a transaction that PostgreSQL aborts so that others can go on
THE_QUEUE = "The account's queue of jobs"


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP; `replayed` if it was stored for an earlier request."""

    status: int
    headers: Mapping[str, str]
    body: str
    replayed: bool = False


@dataclass(frozen=True)
class IdempotencyKey:
    """An Idempotency-Key, and the SHA-256 of everything that identifies its request."""

    text: str
    fingerprint: bytes


def answer_once(
    act: Callable[[Cursor], Answer],
    *,
    subject: str = THE_QUEUE,
    body: bytes = b"",
    creates_job: UUID | None = None,
) -> Response:
    """Do `act` in a transaction of the principal's account, or return the answer stored for its key.

    `act` may be called more than once. `subject` is what it changes, for the problem `busy`; `body` is what
    distinguishes this request's body from others.
    """
    return to_response(
        once(
            access.database(),
            act,
            account_id=access.principal().account_id,
            subject=subject,
            key=request_key(body),
            creates_job=creates_job,
        )
    )


def to_response(answer: Answer) -> Response:
    """The answer as Flask sends it."""
    replayed = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    headers = {**answer.headers, **replayed}
    response = Response(answer.body, answer.status, headers, content_type="application/json")
    if not answer.body:
        del response.headers["Content-Type"]
    return response


def request_key(body: bytes) -> IdempotencyKey | None:
    """The request's Idempotency-Key, or None; `body` is what distinguishes this request's body from others.

    Only POST takes one: the other methods can be repeated as they are, with If-Match where it matters.
    """
    text = request.headers.get(HEADER)
    if text is None or request.method != "POST":
        return None
    if not KEY_PATTERN.fullmatch(text):
        raise Problem("invalid-idempotency-key", f"The {HEADER} must be 1 to 255 visible ASCII characters.")
    parameters = sorted(request.args.items(multi=True))
    parts = (request.method, request.path, repr(parameters), hashlib.sha256(body).hexdigest())
    return IdempotencyKey(text, hashlib.sha256("\n".join(parts).encode()).digest())


def earlier_answer(database: Database, *, account_id: int, key: IdempotencyKey) -> Answer | None:
    """The answer stored for the key, or None; does not wait for a first request in progress.

    Raises a Problem if another request used the key. once() decides; this spares a repeated request the work
    that comes before it.
    """
    with database.tenant_read(account_id, accounts.HIDE_FROM_INACTIVE) as cursor:
        stored = idempotency_keys.get(cursor, account_id=account_id, key=key.text)
    return _replay(stored, key) if stored else None


def once(
    database: Database,
    act: Callable[[Cursor], Answer],
    *,
    account_id: int,
    subject: str = THE_QUEUE,
    key: IdempotencyKey | None = None,
    creates_job: UUID | None = None,
) -> Answer:
    """Do `act` in a transaction and return its answer, or return the one stored for the key.

    After a deadlock or a serialization failure `act` is called again. `subject` is what it changes, for the
    problem `busy`. If the reply to the commit is lost, the job that is created, or else the key, shows
    whether it was done.

    Raises what `act` raises, Refusal if the account is not active, Problem if the key is in use or belongs to
    another request or somebody else holds a lock, or DatabaseUnavailableError. Then nothing was done, unless
    the database could not be asked again after a lost commit.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _once(database, act, account_id, key, creates_job)
        except (LockNotAvailable, DeadlockDetected, SerializationFailure) as error:
            # A lock that timed out has been waited for long enough.
            if attempt == ATTEMPTS or isinstance(error, LockNotAvailable):
                holder = _holder(database, account_id, subject)
                raise Problem("busy", f"{subject} is being changed by {holder}.") from error
            time.sleep(random.uniform(0, MAX_PAUSE_S))  # noqa: S311 - not a secret
    raise AssertionError("unreachable")


def _once(
    database: Database,
    act: Callable[[Cursor], Answer],
    account_id: int,
    key: IdempotencyKey | None,
    creates_job: UUID | None,
) -> Answer:
    transaction_id = creates_job or uuid4()
    answer: Answer | None = None
    try:
        with database.tenant_transaction(account_id) as cursor:
            jobs.lock_id(cursor, transaction_id)
            accounts.require_active(cursor, account_id=account_id)
            answer = _stored(cursor, account_id, key) if key else None
            if answer is None:
                answer = act(cursor)
                if key:
                    _store(cursor, account_id, key, answer)
    except UnknownOutcomeError:
        if answer is None:
            raise
        if not answer.replayed and not _was_done(database, account_id, transaction_id, key, creates_job):
            raise
    return answer


def _holder(database: Database, account_id: int, subject: str) -> str:
    """Who holds the lock that the request needs, as far as that can be known.

    PostgreSQL does not say whose lock it was. Requests hold theirs for milliseconds; workers, which never
    lock an account's queue, hold theirs for as long as a chunk or an all-or-nothing job takes.
    """
    job_ids: list[UUID] = []
    if subject != THE_QUEUE:
        with database.tenant_read(account_id) as cursor:
            job_ids = queue.being_processed(cursor, account_id=account_id)
    if not job_ids:
        return "another request"
    return f"{' or '.join(f'job {job_id}' for job_id in job_ids)}, which a worker is processing"


def _stored(cursor: Cursor, account_id: int, key: IdempotencyKey) -> Answer | None:
    """The answer to the first request with this key, or None if this is the first."""
    try:
        if idempotency_keys.reserve(cursor, account_id=account_id, key=key.text, fingerprint=key.fingerprint):
            return None
    except LockNotAvailable as error:
        raise Problem(
            "request-in-progress", "The first request with this Idempotency-Key is still being processed."
        ) from error
    return _replay(idempotency_keys.require(cursor, account_id=account_id, key=key.text), key)


def _replay(stored: StoredAnswer, key: IdempotencyKey) -> Answer:
    if stored.fingerprint != key.fingerprint:
        raise Problem(
            "idempotency-key-reused",
            "Another request used this Idempotency-Key; each request needs its own.",
        )
    return Answer(stored.status, stored.headers, stored.body, replayed=True)


def _store(cursor: Cursor, account_id: int, key: IdempotencyKey, answer: Answer) -> None:
    idempotency_keys.record(
        cursor,
        account_id=account_id,
        key=key.text,
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
    )


def _was_done(
    database: Database,
    account_id: int,
    transaction_id: UUID,
    key: IdempotencyKey | None,
    creates_job: UUID | None,
) -> bool:
    """Whether the transaction whose connection was lost has committed; False if that cannot be known yet.

    Waits for its lock, because it may still be committing. The job is better evidence than the key, which a
    repeated request may have taken after a rollback.
    """
    if not key and not creates_job:
        return False
    for _ in range(SETTLE_ATTEMPTS):
        try:
            with database.tenant_transaction(account_id) as cursor:
                jobs.lock_id(cursor, transaction_id)
                if creates_job:
                    return jobs.get(cursor, account_id=account_id, job_id=creates_job) is not None
                if key:
                    return idempotency_keys.get(cursor, account_id=account_id, key=key.text) is not None
        except DatabaseUnavailableError:
            time.sleep(SETTLE_INTERVAL_S)
        except LockNotAvailable:
            break
    return False
