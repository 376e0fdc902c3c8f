"""Finished jobs, until they are purged.

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
