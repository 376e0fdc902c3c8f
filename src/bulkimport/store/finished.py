"""Finished jobs, until they are purged.

Two values of `finished_at` stand for what a worker has to do soon: `-infinity` for a job that is deleted and
to be removed, `infinity` for one whose identifiers are to be forgotten before its retention begins.
"""

from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor


class Finished(NamedTuple):
    """A finished job; whether it is deleted, or is only due to be."""

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
    """The job is finished as of now; its identifiers, if there are any, are still to be forgotten."""
    cursor.execute(ADD, {"account_id": account_id, "job_id": job_id})


# SKIP LOCKED: workers tidy up different jobs at the same time. bulk_import_finished_oldest_idx finds them.
LOCK_UNTIDY = """
/* finished.lock_untidy */
SELECT account_id, job_id, false
FROM trakrf.bulk_import_finished
WHERE finished_at = 'infinity'
LIMIT 1
FOR UPDATE SKIP LOCKED
"""


def lock_untidy(cursor: Cursor) -> Finished | None:
    """A job, of any account, whose identifiers are still to be forgotten, locked; or None."""
    cursor.execute(LOCK_UNTIDY)
    found = cursor.fetchone()
    return Finished(*found) if found else None


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
    """A deleted job of any account, or else the oldest that finished so many days ago, locked; or None."""
    cursor.execute(LOCK_EXPIRED, {"days": days})
    found = cursor.fetchone()
    return Finished(*found) if found else None


# A job that was inserted by hand is not there yet.
EXPIRE = """
/* finished.expire */
INSERT INTO trakrf.bulk_import_finished (account_id, job_id, finished_at)
VALUES (%(account_id)s, %(job_id)s, '-infinity')
ON CONFLICT (account_id, job_id) DO UPDATE
SET finished_at = '-infinity'
"""


def expire(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Have the job removed before any other."""
    cursor.execute(EXPIRE, {"account_id": account_id, "job_id": job_id})


RENEW = """
/* finished.renew */
UPDATE trakrf.bulk_import_finished
SET finished_at = now()
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def renew(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Keep the job as long as one that has just finished."""
    cursor.execute(RENEW, {"account_id": account_id, "job_id": job_id})
