"""Jobs: one row an import, with its counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

PENDING, PROCESSING = "pending", "processing"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
FINAL_STATUSES = (COMPLETED, FAILED, CANCELLED)

MAX_ERRORS = 100  # in the job itself; all of them are in bulk_import_errors


@dataclass(frozen=True)
class Job:
    """A job as it stands, and a `version` that is another after every change.

    `errors` holds the first 100 row errors; counts that nobody kept are None.
    """

    id: UUID
    status: str
    total_rows: int
    processed_rows: int
    failed_rows: int
    created_rows: int | None
    updated_rows: int | None
    skipped_rows: int | None
    blank_rows: int | None
    errors: Sequence[Mapping[str, Any]]
    error_summary: Sequence[Mapping[str, Any]]
    failure: str | None
    options: Mapping[str, Any]
    header: Sequence[str]
    columns: Sequence[str | None]
    ignored_columns: Sequence[Mapping[str, Any]]
    parent_job_id: UUID | None
    created_at: datetime
    completed_at: datetime | None
    version: str


CREATE = """
/* jobs.create */
INSERT INTO trakrf.bulk_import_jobs (account_id, id, total_rows, blank_rows, created_rows, updated_rows,
                                     skipped_rows, options, header, columns, ignored_columns, parent_job_id)
VALUES (%(account_id)s, %(job_id)s, %(total_rows)s, %(blank_rows)s, 0, 0,
        0, %(options)s, %(header)s, %(columns)s, %(ignored_columns)s, %(parent_job_id)s)
"""


def create(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    total_rows: int,
    blank_rows: int = 0,
    options: Mapping[str, Any],
    header: Sequence[str],
    columns: Sequence[str | None],
    ignored_columns: Sequence[Mapping[str, Any]] = (),
    parent_job_id: UUID | None = None,
) -> None:
    """A pending job with its total."""
    cursor.execute(
        CREATE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "total_rows": total_rows,
            "blank_rows": blank_rows,
            "options": Json(options),
            "header": list(header),
            "columns": list(columns),
            "ignored_columns": Json(list(ignored_columns)),
            "parent_job_id": parent_job_id,
        },
    )


GET = """
/* jobs.get */
SELECT id, status, total_rows, processed_rows, failed_rows, created_rows, updated_rows, skipped_rows,
       blank_rows, errors, error_summary, failure, options, header, columns, ignored_columns, parent_job_id,
       created_at, completed_at, xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def get(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job | None:
    """The account's job of this id, or None: absent and foreign are the same."""
    cursor.execute(GET, {"account_id": account_id, "job_id": job_id})
    found = cursor.fetchone()
    return Job(*found) if found else None


# The transaction that wrote the row last: another one with every change, whoever makes it.
GET_VERSION = """
/* jobs.get_version */
SELECT xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def get_version(cursor: Cursor, *, account_id: int, job_id: UUID) -> str | None:
    """The `version` of a job, or None: absent and foreign are the same."""
    cursor.execute(GET_VERSION, {"account_id": account_id, "job_id": job_id})
    found = cursor.fetchone()
    return found[0] if found else None


def require(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """The account's job of this id; LookupError if there is none."""
    job = get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise LookupError(f"account {account_id} has no job {job_id}")
    return job


# The newest one, where the same file was handed in more than once. It may itself have been a file of failed
# rows, with the two columns that those have more.
FIND_WITH_ERROR = """
/* jobs.find_with_error */
SELECT id
FROM trakrf.bulk_import_jobs AS job
WHERE account_id = %(account_id)s
  AND array_remove(array_remove(header, '_row'), '_errors') = %(header)s
  AND failed_rows > 0
  AND EXISTS (SELECT FROM trakrf.bulk_import_errors AS error
              WHERE error.account_id = %(account_id)s
                AND error.job_id     = job.id
                AND error.row_number = %(row)s)
ORDER BY created_at DESC
LIMIT 1
"""


def find_with_error(cursor: Cursor, *, account_id: int, header: Sequence[str], row: int) -> UUID | None:
    """The account's newest job with this header in which this row failed."""
    cursor.execute(FIND_WITH_ERROR, {"account_id": account_id, "header": list(header), "row": row})
    found = cursor.fetchone()
    return found[0] if found else None


START = """
/* jobs.start */
UPDATE trakrf.bulk_import_jobs
SET status = 'processing'
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     = 'pending'
"""


def start(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """A pending job is processing; any other stays what it is."""
    cursor.execute(START, {"account_id": account_id, "job_id": job_id})


# The counters only ever grow, and only while the job is unfinished. The path keeps the first 100 errors.
ADVANCE = """
/* jobs.advance */
UPDATE trakrf.bulk_import_jobs
SET processed_rows = processed_rows + %(created)s + %(updated)s + %(skipped)s + %(failed)s,
    created_rows   = created_rows + %(created)s,
    updated_rows   = updated_rows + %(updated)s,
    skipped_rows   = skipped_rows + %(skipped)s,
    failed_rows    = failed_rows + %(failed)s,
    errors         = jsonb_path_query_array(errors || %(errors)s::jsonb, '$[0 to 99]'),
    error_summary  = coalesce(%(error_summary)s::jsonb, error_summary)
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def advance(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    created: int = 0,
    updated: int = 0,
    skipped: int = 0,
    failed: int = 0,
    errors: Sequence[Mapping[str, Any]] = (),
    error_summary: Sequence[Mapping[str, Any]] | None = None,
) -> bool:
    """Add what became of a chunk's rows, and its errors; False if the job is finished.

    A summary takes the place of the one before.
    """
    cursor.execute(
        ADVANCE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "created": created,
            "updated": updated,
            "skipped": skipped,
            "failed": failed,
            "errors": Json(list(errors[:MAX_ERRORS])),
            "error_summary": None if error_summary is None else Json(list(error_summary)),
        },
    )
    return cursor.rowcount == 1


SKIP_ALL = """
/* jobs.skip_all */
UPDATE trakrf.bulk_import_jobs
SET skipped_rows = skipped_rows + created_rows + updated_rows,
    created_rows = 0,
    updated_rows = 0
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def skip_all(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Nothing of the job was imported: what was counted as created or updated was skipped."""
    cursor.execute(SKIP_ALL, {"account_id": account_id, "job_id": job_id})


# A finished job never changes again.
SET_STATUS = """
/* jobs.set_status */
UPDATE trakrf.bulk_import_jobs
SET status       = %(status)s,
    failure      = %(failure)s,
    completed_at = CASE WHEN %(status)s IN ('completed', 'failed', 'cancelled') THEN clock_timestamp() END
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def set_status(
    cursor: Cursor, *, account_id: int, job_id: UUID, status: str, failure: str | None = None
) -> bool:
    """Move an unfinished job on; a final status gets its completion time. False if it was finished."""
    cursor.execute(
        SET_STATUS,
        {"account_id": account_id, "job_id": job_id, "status": status, "failure": failure},
    )
    return cursor.rowcount == 1


# Its chunks, errors and the rest go with it.
DELETE = """
/* jobs.delete */
DELETE FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def delete(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """The job is forgotten; its assets stay."""
    cursor.execute(DELETE, {"account_id": account_id, "job_id": job_id})


# Held until the transaction ends, also where its client never hears of that.
LOCK_ID = """
/* jobs.lock_id */
SELECT pg_advisory_xact_lock(%(key)s)
"""


def lock_id(cursor: Cursor, job_id: UUID) -> None:
    """Wait for another transaction that has locked this id, which may be of a job that does not exist yet."""
    cursor.execute(LOCK_ID, {"key": (job_id.int & (2**64 - 1)) - 2**63})
