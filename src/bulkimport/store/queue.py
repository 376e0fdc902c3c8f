"""The queue: one row an unfinished job, with its checkpoint and its attempts.

A retry begins with turns that copy its parent's chunks, one each. The copies are numbered from the first turn
after those, so that the checkpoint counts copies and imports without a break.

A claim counts the attempt and commits at once; the work then locks the row again, in the transaction that
writes the chunk. (only_check, next_chunk, attempts) is the fencing token: a worker that slept through its
turn finds another's token and stops. A claim that was released frees its token for the next claim of the
same chunk; that is harmless, because whoever holds the row's lock at that checkpoint does the same work.
"""

from dataclasses import dataclass
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

CHANNEL = "bulkimport_queue"
CLAIM_GRACE_S = 2  # from a claim to its lock nobody else claims the job; after that the lock protects it
# No claim and no release puts a job off for as long as this. A not_before that lies further ahead was written
# before the clock was set back.
MAX_WAIT_S = 2 * CLAIM_GRACE_S


@dataclass(frozen=True)
class Claim:
    """A worker's turn at one chunk. `attempt` counts from 1. The first `copies` of the `chunks` are copies.

    `only_check`: nothing of the job is imported any more, and its rows are checked to report what is wrong.
    """

    account_id: int
    job_id: UUID
    next_chunk: int
    chunks: int
    attempt: int
    only_check: bool
    copies: int = 0

    @property
    def is_copy(self) -> bool:
        """Whether a chunk of the job's parent is to be copied, and none imported."""
        return self.next_chunk < self.copies

    @property
    def is_first_chunk(self) -> bool:
        """Whether the import begins with this chunk."""
        return self.next_chunk == self.copies

    @property
    def is_last_chunk(self) -> bool:
        """Whether the job ends with this chunk."""
        return self.next_chunk + 1 == self.chunks


# Until the transaction ends, so that two that are handed in at once cannot both be the last one allowed. The
# numbers of this lock are a space of their own, apart from those of jobs.lock_id.
LOCK_ACCOUNT = """
/* queue.lock_account */
SELECT pg_advisory_xact_lock(1, %(account_id)s)
"""

COUNT = """
/* queue.count */
SELECT count(*)
FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
"""


def lock_account(cursor: Cursor, *, account_id: int) -> None:
    """Wait for others that are queueing a job of this account."""
    cursor.execute(LOCK_ACCOUNT, {"account_id": account_id})


def count(cursor: Cursor, *, account_id: int) -> int:
    """How many unfinished jobs the account has."""
    cursor.execute(COUNT, {"account_id": account_id})
    found: tuple[int] = cursor.fetchone() or (0,)
    return found[0]


# The jobs of other accounts are nobody's business.
POSITION = """
/* queue.position */
SELECT count(*) + 1
FROM trakrf.bulk_import_queue AS before
JOIN trakrf.bulk_import_queue AS own
  ON own.account_id = %(account_id)s
 AND own.job_id     = %(job_id)s
WHERE before.account_id = %(account_id)s
  AND (before.next_chunk + before.ahead, before.enqueued_at) < (own.next_chunk + own.ahead, own.enqueued_at)
"""


def position(cursor: Cursor, *, account_id: int, job_id: UUID) -> int:
    """Which of the account's jobs is served so far down the line: 1 is next."""
    cursor.execute(POSITION, {"account_id": account_id, "job_id": job_id})
    found: tuple[int] = cursor.fetchone() or (1,)
    return found[0]


# A revert reads what its parent did, to its end; a retry its parent's chunks, until it has copied them.
FIND_DEPENDENT = """
/* queue.find_dependent */
SELECT job.id
FROM trakrf.bulk_import_jobs AS job
JOIN trakrf.bulk_import_queue AS queue
  ON queue.account_id = job.account_id
 AND queue.job_id     = job.id
WHERE job.account_id    = %(account_id)s
  AND job.parent_job_id = %(parent_id)s
  AND (job.kind = 'revert' OR queue.next_chunk < queue.copies)
LIMIT 1
"""


def find_dependent(cursor: Cursor, *, account_id: int, parent_id: UUID) -> UUID | None:
    """An unfinished job that still needs what this one has kept, or None."""
    cursor.execute(FIND_DEPENDENT, {"account_id": account_id, "parent_id": parent_id})
    found = cursor.fetchone()
    return found[0] if found else None


# SKIP LOCKED: who wants to end a job must not wait for a chunk.
HOLD = """
/* queue.hold */
SELECT 1
FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
FOR UPDATE SKIP LOCKED
"""

IS_QUEUED = """
/* queue.is_queued */
SELECT 1
FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def is_in_hand(cursor: Cursor, *, account_id: int, job_id: UUID) -> bool:
    """Whether a worker has the job in hand. If not, none will have until the transaction ends."""
    cursor.execute(HOLD, {"account_id": account_id, "job_id": job_id})
    if cursor.fetchone():
        return False
    cursor.execute(IS_QUEUED, {"account_id": account_id, "job_id": job_id})
    return cursor.fetchone() is not None


# A row's xmax is the transaction that locked it last, which holds its own number in pg_locks until it ends.
# FOR UPDATE SKIP LOCKED would show the same, but would lock the free rows for a moment, and a worker that is
# about to lock one of them would lose its turn.
IN_HAND = """
/* queue.in_hand */
SELECT job_id, xmax IN (SELECT transactionid
                        FROM pg_locks
                        WHERE locktype = 'transactionid'
                          AND granted)
FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
ORDER BY job_id
"""


def in_hand(cursor: Cursor, *, account_id: int) -> list[UUID]:
    """The account's jobs that are in the hands of a worker at this moment."""
    cursor.execute(IN_HAND, {"account_id": account_id})
    return [job_id for job_id, is_in_hand in cursor if is_in_hand]


LISTEN = """
/* queue.listen */
LISTEN bulkimport_queue
"""


def listen(cursor: Cursor) -> None:
    """Have this session told of new jobs. It belongs to the session: never through a pooler."""
    cursor.execute(LISTEN)


ENQUEUE = """
/* queue.enqueue */
INSERT INTO trakrf.bulk_import_queue (account_id, job_id, chunks, copies, ahead)
VALUES (%(account_id)s, %(job_id)s, %(chunks)s, %(copies)s, %(ahead)s)
"""

NOTIFY = """
/* queue.notify */
SELECT pg_notify(%(channel)s, '')
"""


def enqueue(
    cursor: Cursor, *, account_id: int, job_id: UUID, chunks: int, copies: int = 0, ahead: int = 0
) -> None:
    """Queue a job behind so many of its account; idle workers hear of it when the transaction commits.

    `chunks` counts its turns, and `copies` those of them that only copy.
    """
    cursor.execute(
        ENQUEUE,
        {"account_id": account_id, "job_id": job_id, "chunks": chunks, "copies": copies, "ahead": ahead},
    )
    cursor.execute(NOTIFY, {"channel": CHANNEL})


# SKIP LOCKED passes over jobs in other workers' hands instead of waiting for them. MATERIALIZED, because a
# planner that inlined the sub-select could run it again for each row it meets, and lock more than one.
# The order walks bulk_import_queue_fair_order_idx. A job whose chunk is being imported by a slow worker is
# past its not_before, but locked.
CLAIM = """
/* queue.claim */
WITH candidate AS MATERIALIZED (
    SELECT account_id, job_id
    FROM trakrf.bulk_import_queue
    WHERE not_before <= clock_timestamp()
       OR not_before >  clock_timestamp() + make_interval(secs => %(max_wait_s)s)
    ORDER BY next_chunk + ahead, enqueued_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE trakrf.bulk_import_queue AS queue
SET attempts   = queue.attempts + 1,
    not_before = clock_timestamp() + make_interval(secs => %(grace_s)s)
FROM candidate
WHERE queue.account_id = candidate.account_id
  AND queue.job_id     = candidate.job_id
RETURNING queue.account_id, queue.job_id, queue.next_chunk, queue.chunks, queue.attempts,
          queue.only_check, queue.copies
"""


def claim(cursor: Cursor) -> Claim | None:
    """Take the turn of the job with the fewest chunks done, as counted with `ahead`, or None.

    Commit before working on it.
    """
    cursor.execute(CLAIM, {"grace_s": CLAIM_GRACE_S, "max_wait_s": MAX_WAIT_S})
    found = cursor.fetchone()
    return Claim(*found) if found else None


# Without SKIP LOCKED a late worker would wait for the one that has its job, only to learn that it lost it.
RELOCK = """
/* queue.relock */
SELECT 1
FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND next_chunk = %(next_chunk)s
  AND attempts   = %(attempt)s
  AND only_check = %(only_check)s
FOR UPDATE SKIP LOCKED
"""


def relock(cursor: Cursor, claim: Claim) -> bool:
    """Lock the job for this transaction; False if the claim is no longer the newest."""
    cursor.execute(RELOCK, vars(claim))
    return cursor.fetchone() is not None


CHECKPOINT = """
/* queue.checkpoint */
UPDATE trakrf.bulk_import_queue
SET next_chunk = next_chunk + 1,
    attempts   = 0,
    not_before = clock_timestamp()
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def checkpoint(cursor: Cursor, claim: Claim) -> None:
    """The chunk is done: on to the next, with no attempts against it. Needs the lock."""
    cursor.execute(CHECKPOINT, vars(claim))


BEGIN_CHECK = """
/* queue.begin_check */
UPDATE trakrf.bulk_import_queue
SET only_check = true,
    attempts   = 0,
    not_before = clock_timestamp()
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def begin_check(cursor: Cursor, claim: Claim) -> None:
    """From here on the job is only checked. Needs the lock."""
    cursor.execute(BEGIN_CHECK, vars(claim))


REMOVE = """
/* queue.remove */
DELETE FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def remove(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """The job is finished. Needs the lock."""
    cursor.execute(REMOVE, {"account_id": account_id, "job_id": job_id})


RELEASE = """
/* queue.release */
UPDATE trakrf.bulk_import_queue
SET attempts   = attempts - 1,
    not_before = clock_timestamp() + make_interval(secs => %(delay_s)s)
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND next_chunk = %(next_chunk)s
  AND attempts   = %(attempt)s
  AND only_check = %(only_check)s
"""


def release(cursor: Cursor, claim: Claim, *, delay_s: float) -> None:
    """Give the claim back uncharged, to be claimed again after the delay, at most MAX_WAIT_S.

    Does nothing if the claim is another's.
    """
    cursor.execute(RELEASE, {**vars(claim), "delay_s": delay_s})


@dataclass(frozen=True)
class Sample:
    """The queue of all accounts at one moment.

    `pending` jobs wait for the import of their first chunk, and the oldest of them for `oldest_pending_s`
    seconds (0 where there is none); `processing` ones have begun. `chunks` are still to be done, copies too.
    """

    pending: int
    processing: int
    chunks: int
    oldest_pending_s: float


SAMPLE = """
/* queue.sample */
SELECT count(*) FILTER (WHERE is_pending),
       count(*) FILTER (WHERE NOT is_pending),
       coalesce(sum(chunks - next_chunk), 0)::int,
       greatest(extract(epoch FROM clock_timestamp() - min(enqueued_at) FILTER (WHERE is_pending)), 0)::float8
FROM (
    SELECT next_chunk, chunks, enqueued_at,
           next_chunk < copies
           OR (next_chunk = copies AND attempts = 0 AND NOT only_check) AS is_pending
    FROM trakrf.bulk_import_queue
) AS queue
"""


def sample(cursor: Cursor) -> Sample:
    """The queue as a worker's login sees it: of all accounts."""
    cursor.execute(SAMPLE)
    return Sample(*cursor.fetchone() or (0, 0, 0, 0.0))
