"""The progress of a job: its status and its counters."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from bulkimport.store.jobs import MAX_ERRORS

START = """
/* progress.start */
UPDATE trakrf.bulk_import_jobs
SET status     = 'processing',
    started_at = clock_timestamp()
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     = 'pending'
"""


def start(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Make a pending job `processing`; any other stays as it is."""
    cursor.execute(START, {"account_id": account_id, "job_id": job_id})


# The counters only ever grow, and only while the job is unfinished. The path keeps the first 100 errors.
ADVANCE = """
/* progress.advance */
UPDATE trakrf.bulk_import_jobs
SET processed_rows = processed_rows + %(created)s + %(updated)s + %(unchanged)s + %(skipped)s
                     + %(failed)s + %(removed)s,
    created_rows   = created_rows + %(created)s,
    updated_rows   = updated_rows + %(updated)s,
    unchanged_rows = unchanged_rows + %(unchanged)s,
    skipped_rows   = skipped_rows + %(skipped)s,
    failed_rows    = failed_rows + %(failed)s,
    errors         = jsonb_path_query_array(errors || %(errors)s::jsonb, '$[0 to 99]'),
    error_summary  = coalesce(%(error_summary)s::jsonb, error_summary),
    removed_rows   = removed_rows + %(removed)s,
    advanced_at    = clock_timestamp()
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
RETURNING cancel_requested_at IS NOT NULL
"""


def advance(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    created: int = 0,
    updated: int = 0,
    unchanged: int = 0,
    skipped: int = 0,
    failed: int = 0,
    removed: int = 0,
    errors: Sequence[Mapping[str, Any]] = (),
    error_summary: Sequence[Mapping[str, Any]] | None = None,
) -> bool:
    """Add the outcomes of a chunk's rows, and its errors; return whether a cancel was requested.

    `error_summary` replaces the earlier summary, unless it is None. A finished job does not change.
    """
    cursor.execute(
        ADVANCE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "created": created,
            "updated": updated,
            "unchanged": unchanged,
            "skipped": skipped,
            "failed": failed,
            "removed": removed,
            "errors": Json(list(errors[:MAX_ERRORS])),
            "error_summary": None if error_summary is None else Json(list(error_summary)),
        },
    )
    return cursor.fetchone() == (True,)


SKIP_ALL = """
/* progress.skip_all */
UPDATE trakrf.bulk_import_jobs
SET skipped_rows   = skipped_rows + created_rows + updated_rows + unchanged_rows,
    created_rows   = 0,
    updated_rows   = 0,
    unchanged_rows = 0
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def skip_all(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Count all rows without errors as skipped instead, for a job of which nothing was imported."""
    cursor.execute(SKIP_ALL, {"account_id": account_id, "job_id": job_id})


# A finished job never changes again.
FINISH = """
/* progress.finish */
UPDATE trakrf.bulk_import_jobs
SET status       = %(status)s,
    failure      = %(failure)s,
    completed_at = clock_timestamp()
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def finish(cursor: Cursor, *, account_id: int, job_id: UUID, status: str, failure: str | None = None) -> bool:
    """Give an unfinished job one of jobs.FINAL_STATUSES; False if it was finished already."""
    cursor.execute(
        FINISH,
        {"account_id": account_id, "job_id": job_id, "status": status, "failure": failure},
    )
    return cursor.rowcount == 1


# The worker processing the job reads this in the transaction that would otherwise move the job on.
REQUEST_CANCEL = """
/* progress.request_cancel */
UPDATE trakrf.bulk_import_jobs
SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND status     IN ('pending', 'processing')
"""


def request_cancel(cursor: Cursor, *, account_id: int, job_id: UUID) -> bool:
    """Have the worker that is processing the job cancel it; False if the job is finished."""
    cursor.execute(REQUEST_CANCEL, {"account_id": account_id, "job_id": job_id})
    return cursor.rowcount == 1


IS_TO_BE_CANCELLED = """
/* progress.is_to_be_cancelled */
SELECT cancel_requested_at IS NOT NULL
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def is_to_be_cancelled(cursor: Cursor, *, account_id: int, job_id: UUID) -> bool:
    """Whether a cancel was requested, as of now."""
    cursor.execute(IS_TO_BE_CANCELLED, {"account_id": account_id, "job_id": job_id})
    return cursor.fetchone() == (True,)
