"""The queue: one row per unfinished job, with its checkpoint and its attempts.

A retry begins with turns that copy its parent's chunks, one each. The copies are numbered from the first turn
after those, so that one checkpoint counts both kinds of turns.

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
# No claim or release postpones a job by more than this. A not_before that lies further ahead was written
# before the clock was set back.
MAX_WAIT_S = 2 * CLAIM_GRACE_S


@dataclass(frozen=True)
class Claim:
    """A worker's turn at one chunk. `attempt` counts from 1. The first `copies` of the `chunks` are copies.

    `only_check`: nothing of the job is imported any more; its rows are only checked, to report their errors.
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
        """Whether this turn copies a chunk of the job's parent, and imports none."""
        return self.next_chunk < self.copies

    @property
    def is_first_chunk(self) -> bool:
        """Whether the import begins with this chunk."""
        return self.next_chunk == self.copies

    @property
    def is_last_chunk(self) -> bool:
        """Whether the job ends with this chunk."""
        return self.next_chunk + 1 == self.chunks


# Held until the transaction ends, so that two jobs created at once cannot both be the last one allowed. Locks
# of two numbers are a space of their own, apart from the locks of one number of jobs.lock_id.
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
    """Wait for other transactions that are queueing a job of this account."""
    cursor.execute(LOCK_ACCOUNT, {"account_id": account_id})


def count(cursor: Cursor, *, account_id: int) -> int:
    """How many unfinished jobs the account has."""
    cursor.execute(COUNT, {"account_id": account_id})
    (jobs,) = cursor.fetchone() or (0,)
    return int(jobs)


# The jobs of other accounts do not count: how many there are is not this account's business.
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
    """The job's position among the account's unfinished jobs, in the order of their next turns; from 1."""
    cursor.execute(POSITION, {"account_id": account_id, "job_id": job_id})
    (place,) = cursor.fetchone() or (1,)
    return int(place)


# Until it ends, a revert reads its parent's changes, and a job that applies a plan its parent's chunks. A
# retry reads its parent's chunks until it has copied them.
FIND_DEPENDENT = """
/* queue.find_dependent */
SELECT job.id
FROM trakrf.bulk_import_jobs AS job
JOIN trakrf.bulk_import_queue AS queue
  ON queue.account_id = job.account_id
 AND queue.job_id     = job.id
WHERE job.account_id    = %(account_id)s
  AND job.parent_job_id = %(parent_id)s
  AND (job.kind = 'revert' OR job.applies_plan OR queue.next_chunk < queue.copies)
LIMIT 1
"""


def find_dependent(cursor: Cursor, *, account_id: int, parent_id: UUID) -> UUID | None:
    """An unfinished job that still reads what this one has stored, or None."""
    cursor.execute(FIND_DEPENDENT, {"account_id": account_id, "parent_id": parent_id})
    dependent = cursor.fetchone()
    return dependent[0] if dependent else None


# SKIP LOCKED: ending a job must not wait for a chunk.
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


def is_being_processed(cursor: Cursor, *, account_id: int, job_id: UUID) -> bool:
    """Whether a worker is processing the job. If not, none will until the transaction ends."""
    cursor.execute(HOLD, {"account_id": account_id, "job_id": job_id})
    if cursor.fetchone():
        return False
    cursor.execute(IS_QUEUED, {"account_id": account_id, "job_id": job_id})
    return cursor.fetchone() is not None


# A row's xmax is the transaction that locked it last, which holds its own number in pg_locks until it ends.
# FOR UPDATE SKIP LOCKED would show the same, but would lock the free rows for a moment, and a worker that is
# about to lock one of them would lose its turn.
BEING_PROCESSED = """
/* queue.being_processed */
SELECT job_id, xmax IN (SELECT transactionid
                        FROM pg_locks
                        WHERE locktype = 'transactionid'
                          AND granted)
FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
ORDER BY job_id
"""


def being_processed(cursor: Cursor, *, account_id: int) -> list[UUID]:
    """The account's jobs of which a worker is processing a chunk at this moment."""
    cursor.execute(BEING_PROCESSED, {"account_id": account_id})
    return [job_id for job_id, is_locked in cursor if is_locked]


LISTEN = """
/* queue.listen */
LISTEN bulkimport_queue
"""


def listen(cursor: Cursor) -> None:
    """Have this session notified of new jobs. LISTEN binds the session: never use it through a pooler."""
    cursor.execute(LISTEN)


ENQUEUE = """
/* queue.enqueue */
INSERT INTO trakrf.bulk_import_queue (account_id, job_id, chunks, copies, next_chunk, ahead)
VALUES (%(account_id)s, %(job_id)s, %(chunks)s, %(copies)s, %(next_chunk)s, %(ahead)s)
"""

NOTIFY = """
/* queue.notify */
SELECT pg_notify(%(channel)s, '')
"""


def enqueue(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    chunks: int,
    copies: int = 0,
    next_chunk: int = 0,
    ahead: int = 0,
) -> None:
    """Queue a job, as if it had `ahead` chunks done already; idle workers are notified at the commit.

    `chunks` counts its turns, and `copies` those of them that only copy; the first turn is `next_chunk`.
    """
    cursor.execute(
        ENQUEUE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "chunks": chunks,
            "copies": copies,
            "next_chunk": next_chunk,
            "ahead": ahead,
        },
    )
    cursor.execute(NOTIFY, {"channel": CHANNEL})


# SKIP LOCKED passes over jobs that other workers are processing instead of waiting for them. MATERIALIZED,
# because a planner that inlined the sub-select could run it again for each row it meets, and lock more than
# one. The order walks bulk_import_queue_fair_order_idx. A job whose chunk a slow worker is importing is past
# its not_before, but locked.
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
    """Claim the next chunk of the job with the fewest chunks done, `ahead` included; None if no job is free.

    Commit before processing it.
    """
    cursor.execute(CLAIM, {"grace_s": CLAIM_GRACE_S, "max_wait_s": MAX_WAIT_S})
    claimed = cursor.fetchone()
    return Claim(*claimed) if claimed else None


# Without SKIP LOCKED a late worker would wait for the one processing its job, only to learn that it lost it.
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
    """Move the job on to its next chunk, with 0 attempts. Needs the lock."""
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
    """Have the job only checked from here on, with 0 attempts. Needs the lock."""
    cursor.execute(BEGIN_CHECK, vars(claim))


REMOVE = """
/* queue.remove */
DELETE FROM trakrf.bulk_import_queue
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def remove(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Remove a job that is finished. Needs the lock."""
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
    """Give the claim back, its attempt not counted; the job can be claimed again after `delay_s` seconds.

    `delay_s` is at most MAX_WAIT_S. Does nothing if the claim is no longer the newest.
    """
    cursor.execute(RELEASE, {**vars(claim), "delay_s": delay_s})


@dataclass(frozen=True)
class Sample:
    """The queue of all accounts at one moment.

    `pending` jobs wait for the import of their first chunk, the oldest for `oldest_pending_s` seconds (0 if
    there is none); `processing` jobs have begun. `chunks` counts the turns that are left, copies included.
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
