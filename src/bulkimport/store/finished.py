"""Finished jobs, and what is stored of them until they are purged.

Two values of `finished_at` mark what workers have to do: `-infinity` is a deleted job that is to be removed,
`infinity` a job whose identifiers are to be deleted before its retention begins.
"""

from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor


class Finished(NamedTuple):
    """A finished job; `is_deleted` tells a deleted one from one whose retention is over."""

    account_id: int
    job_id: UUID
    is_deleted: bool


ADD = """
/* finished.add */
INSERT INTO trakrf.bulk_import_finished (account_id, job_id, finished_at)
SELECT %(account_id)s, %(job_id)s,
       CASE WHEN EXISTS (SELECT FROM trakrf.bulk_import_identifiers
                         WHERE account_id = %(account_id)s
                           AND job_id     = %(job_id)s)
            THEN 'infinity'
            ELSE now()
       END
ON CONFLICT (account_id, job_id) DO NOTHING
"""


def add(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Add a job that finishes now; if it has identifiers, these are to be deleted first."""
    cursor.execute(ADD, {"account_id": account_id, "job_id": job_id})


# SKIP LOCKED: workers tidy up different jobs at the same time. Reads bulk_import_finished_oldest_idx.
LOCK_UNTIDY = """
/* finished.lock_untidy */
SELECT account_id, job_id, false
FROM trakrf.bulk_import_finished
WHERE finished_at = 'infinity'
LIMIT 1
FOR UPDATE SKIP LOCKED
"""


def lock_untidy(cursor: Cursor) -> Finished | None:
    """Lock a job, of any account, whose identifiers are still to be deleted; None if there is none."""
    cursor.execute(LOCK_UNTIDY)
    job = cursor.fetchone()
    return Finished(*job) if job else None


# As above; the same index gives the order.
LOCK_EXPIRED = """
/* finished.lock_expired */
SELECT account_id, job_id, finished_at = '-infinity'
FROM trakrf.bulk_import_finished
WHERE finished_at < now() - make_interval(days => %(days)s)
ORDER BY finished_at
LIMIT 1
FOR UPDATE SKIP LOCKED
"""


def lock_expired(cursor: Cursor, *, days: int) -> Finished | None:
    """Lock a deleted job of any account, else the first that finished over `days` days ago; or None."""
    cursor.execute(LOCK_EXPIRED, {"days": days})
    job = cursor.fetchone()
    return Finished(*job) if job else None


# A job that was inserted by hand has no row yet.
EXPIRE = """
/* finished.expire */
INSERT INTO trakrf.bulk_import_finished (account_id, job_id, finished_at)
VALUES (%(account_id)s, %(job_id)s, '-infinity')
ON CONFLICT (account_id, job_id) DO UPDATE
SET finished_at = '-infinity'
"""


def expire(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Have workers remove the job, before those whose retention is over."""
    cursor.execute(EXPIRE, {"account_id": account_id, "job_id": job_id})


RENEW = """
/* finished.renew */
UPDATE trakrf.bulk_import_finished
SET finished_at = now()
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def renew(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Begin the job's retention anew, as if it had just finished."""
    cursor.execute(RENEW, {"account_id": account_id, "job_id": job_id})


# By ctid: that is a TID scan, whatever the planner knows about the table. By key, and with stale statistics,
# it chose a nested loop that took minutes.
DELETE_IDENTIFIERS = """
/* finished.delete_identifiers */
DELETE FROM trakrf.bulk_import_identifiers
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_identifiers
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def delete_identifiers(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete at most `limit` of the identifiers that a job noted; return how many were deleted."""
    cursor.execute(DELETE_IDENTIFIERS, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount


# By ctid, as above.
DELETE_ERRORS = """
/* finished.delete_errors */
DELETE FROM trakrf.bulk_import_errors
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_errors
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def delete_errors(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete at most `limit` of the errors of a job's rows; return how many were deleted."""
    cursor.execute(DELETE_ERRORS, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount


# By ctid, as above.
DELETE_CHUNKS = """
/* finished.delete_chunks */
DELETE FROM trakrf.bulk_import_chunks
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_chunks
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def delete_chunks(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete at most `limit` of the chunks of a job; return how many were deleted."""
    cursor.execute(DELETE_CHUNKS, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount


# By ctid, as above.
DELETE_PLANS = """
/* finished.delete_plans */
DELETE FROM trakrf.bulk_import_plans
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_plans
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def delete_plans(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete the plans of at most `limit` chunks of a job; return of how many they were deleted."""
    cursor.execute(DELETE_PLANS, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount


# By ctid, as above.
DELETE_CHANGES = """
/* finished.delete_changes */
DELETE FROM trakrf.bulk_import_changes
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_changes
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def delete_changes(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete at most `limit` of the changes that a job noted; return how many were deleted."""
    cursor.execute(DELETE_CHANGES, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount
