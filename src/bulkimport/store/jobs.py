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
    """A job as it stands. `errors` holds the first 100 row errors."""

    id: UUID
    status: str
    total_rows: int
    processed_rows: int
    failed_rows: int
    errors: Sequence[Mapping[str, Any]]
    failure: str | None
    columns: Sequence[str | None]
    created_at: datetime
    completed_at: datetime | None


CREATE = """
/* jobs.create */
INSERT INTO trakrf.bulk_import_jobs (account_id, id, total_rows, columns)
VALUES (%(account_id)s, %(job_id)s, %(total_rows)s, %(columns)s)
"""


def create(
    cursor: Cursor, *, account_id: int, job_id: UUID, total_rows: int, columns: Sequence[str | None]
) -> None:
    """A pending job with its total."""
    cursor.execute(
        CREATE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "total_rows": total_rows,
            "columns": list(columns),
        },
    )


GET = """
/* jobs.get */
SELECT id, status, total_rows, processed_rows, failed_rows, errors, failure, columns,
       created_at, completed_at
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def get(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job | None:
    """The account's job of this id, or None: absent and foreign are the same."""
    cursor.execute(GET, {"account_id": account_id, "job_id": job_id})
    found = cursor.fetchone()
    return Job(*found) if found else None


def require(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """The account's job of this id; LookupError if there is none."""
    job = get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise LookupError(f"account {account_id} has no job {job_id}")
    return job


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
SET processed_rows = processed_rows + %(processed)s,
    failed_rows    = failed_rows + %(failed)s,
    errors         = jsonb_path_query_array(errors || %(errors)s::jsonb, '$[0 to 99]')
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def advance(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    processed: int,
    failed: int,
    errors: Sequence[Mapping[str, Any]],
) -> bool:
    """Add a chunk's rows (`processed` includes `failed`) and errors; False if the job is finished."""
    cursor.execute(
        ADVANCE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "processed": processed,
            "failed": failed,
            "errors": Json(errors[:MAX_ERRORS]),
        },
    )
    return cursor.rowcount == 1


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
