"""A request that changes something is carried out once, however often it comes.

What is done and the answer that is kept for its Idempotency-Key commit together. So the answer is there if
and only if the work is done, whoever died in between, and a repeated request finds it.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import Database, DatabaseUnavailableError, UnknownOutcomeError
from bulkimport.store import accounts, idempotency_keys, jobs, queue
from bulkimport.store.idempotency_keys import Kept

SETTLE_ATTEMPTS, SETTLE_INTERVAL_S = 10, 0.5
ATTEMPTS, MAX_PAUSE_S = 3, 0.05  # of a transaction that PostgreSQL rolls back so that others can go on
THE_QUEUE = "the account's queue of jobs"


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP; `replayed` where it was given before."""

    status: int
    headers: Mapping[str, str]
    body: str
    replayed: bool = False


@dataclass(frozen=True)
class Key:
    """An Idempotency-Key, and the SHA-256 of all that makes up its request."""

    text: str
    fingerprint: bytes


class KeyReusedError(Exception):
    """Another request has had this key."""


class KeyInUseError(Exception):
    """The first request with this key is still being worked on."""


class BusyError(Exception):
    """Others hold what the request needs; nothing was done."""


def earlier_answer(database: Database, *, account_id: int, key: Key) -> Answer | None:
    """The answer that is kept for the key, or None; does not wait for a first request in progress.

    Raises KeyReusedError. once() decides; this spares a repeated request the work in front of it.
    """
    with database.tenant_read(account_id, accounts.HIDE_FROM_INACTIVE) as cursor:
        kept = idempotency_keys.get(cursor, account_id=account_id, key=key.text)
    return _again(kept, key) if kept else None


def once(
    database: Database,
    act: Callable[[Cursor], Answer],
    *,
    account_id: int,
    subject: str = THE_QUEUE,
    key: Key | None = None,
    creates_job: UUID | None = None,
) -> Answer:
    """Do `act` in a transaction and return its answer, or the one that is kept for the key.

    After a deadlock or a serialization failure `act` is called again. `subject` is what it changes, for the
    message of a BusyError. Where the answer to the commit is lost, the key, or else the job that is created,
    tells whether it was done. Raises what `act` raises, InactiveAccountError, KeyReusedError, KeyInUseError,
    BusyError, or DatabaseUnavailableError; then nothing was done, unless the database could not be asked
    again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _once(database, act, account_id, key, creates_job)
        except (LockNotAvailable, DeadlockDetected, SerializationFailure) as error:
            # A lock that timed out was waited for long enough.
            if attempt == ATTEMPTS or isinstance(error, LockNotAvailable):
                holder = _holder(database, account_id, subject)
                raise BusyError(f"{subject} is being changed by {holder}") from error
            time.sleep(random.uniform(0, MAX_PAUSE_S))  # noqa: S311 - not a secret
    raise AssertionError("unreachable")


def _once(
    database: Database,
    act: Callable[[Cursor], Answer],
    account_id: int,
    key: Key | None,
    creates_job: UUID | None,
) -> Answer:
    transaction_id = creates_job or uuid4()
    answer: Answer | None = None
    try:
        with database.tenant_transaction(account_id) as cursor:
            jobs.lock_id(cursor, transaction_id)
            accounts.require_active(cursor, account_id=account_id)
            answer = _kept(cursor, account_id, key) if key else None
            if answer is None:
                answer = act(cursor)
                if key:
                    _keep(cursor, account_id, key, answer)
    except UnknownOutcomeError:
        if answer is None:
            raise
        if not answer.replayed and not _was_done(database, account_id, transaction_id, key, creates_job):
            raise
    return answer


def _holder(database: Database, account_id: int, subject: str) -> str:
    """Who holds what the request needs, as far as that can be known.

    PostgreSQL does not say whose lock it was. Requests hold theirs for milliseconds, and workers, which never
    lock the queue of an account, for as long as a chunk or an all-or-nothing job takes.
    """
    in_hand: list[UUID] = []
    if subject != THE_QUEUE:
        with database.tenant_read(account_id) as cursor:
            in_hand = queue.in_hand(cursor, account_id=account_id)
    if not in_hand:
        return "another request"
    return f"{' or '.join(f'job {job_id}' for job_id in in_hand)}, which a worker is processing"


def _kept(cursor: Cursor, account_id: int, key: Key) -> Answer | None:
    """The answer to the first request with this key; None if this one is the first."""
    try:
        if idempotency_keys.reserve(cursor, account_id=account_id, key=key.text, fingerprint=key.fingerprint):
            return None
    except LockNotAvailable as error:
        raise KeyInUseError("the first request with this Idempotency-Key is still being worked on") from error
    return _again(idempotency_keys.require(cursor, account_id=account_id, key=key.text), key)


def _again(kept: Kept, key: Key) -> Answer:
    if kept.fingerprint != key.fingerprint:
        raise KeyReusedError("another request has had this Idempotency-Key; each request needs its own")
    return Answer(kept.status, kept.headers, kept.body, replayed=True)


def _keep(cursor: Cursor, account_id: int, key: Key, answer: Answer) -> None:
    idempotency_keys.record(
        cursor,
        account_id=account_id,
        key=key.text,
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
    )


def _was_done(
    database: Database, account_id: int, transaction_id: UUID, key: Key | None, creates_job: UUID | None
) -> bool:
    """Whether the transaction was committed whose connection was lost; False where that cannot be known yet.

    Its lock is waited for: it may still be committing. The job tells more than the key, which a repeated
    request may have taken after a rollback.
    """
    if not key and not creates_job:
        return False
    for _ in range(SETTLE_ATTEMPTS):
        try:
            with database.tenant_transaction(account_id) as cursor:
                jobs.lock_id(cursor, transaction_id)
                if creates_job:
                    return jobs.get_state(cursor, account_id=account_id, job_id=creates_job) is not None
                if key:
                    return idempotency_keys.get(cursor, account_id=account_id, key=key.text) is not None
        except DatabaseUnavailableError:
            time.sleep(SETTLE_INTERVAL_S)
        except LockNotAvailable:
            break
    return False
