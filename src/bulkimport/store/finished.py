"""Finished jobs, until they are purged."""

from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor


class Expired(NamedTuple):
    """A job that has been kept long enough."""

    account_id: int
    job_id: UUID


ADD = """
/* finished.add */
INSERT INTO trakrf.bulk_import_finished (account_id, job_id)
VALUES (%(account_id)s, %(job_id)s)
ON CONFLICT (account_id, job_id) DO NOTHING
"""


def add(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """The job is finished as of now."""
    cursor.execute(ADD, {"account_id": account_id, "job_id": job_id})


# SKIP LOCKED: workers purge different jobs at the same time. bulk_import_finished_oldest_idx gives the order.
LOCK_EXPIRED = """
/* finished.lock_expired */
SELECT account_id, job_id
FROM trakrf.bulk_import_finished
WHERE finished_at < now() - make_interval(days => %(days)s)
ORDER BY finished_at
LIMIT 1
FOR UPDATE SKIP LOCKED
"""


def lock_expired(cursor: Cursor, *, days: int) -> Expired | None:
    """The oldest job, of any account, that finished more than so many days ago, locked; or None."""
    cursor.execute(LOCK_EXPIRED, {"days": days})
    found = cursor.fetchone()
    return Expired(*found) if found else None


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
