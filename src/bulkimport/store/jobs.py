"""Jobs: one row per import or revert, with its counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

PENDING, PROCESSING = "pending", "processing"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
FINAL_STATUSES = (COMPLETED, FAILED, CANCELLED)
STATUSES = (PENDING, PROCESSING, *FINAL_STATUSES)

IMPORT, REVERT = "import", "revert"

MAX_ERRORS = 100  # in the job itself; all stored ones are in bulk_import_errors


@dataclass(frozen=True)
class Job:
    """A job; its `version` differs after every change.

    `applies_plan`: it is an import that does what its parent, a dry run, has planned.

    `errors` holds the first MAX_ERRORS row errors. Counts that are unknown, as in a job inserted by hand, are
    None.
    """

    id: UUID
    kind: str
    status: str
    total_rows: int
    processed_rows: int
    failed_rows: int
    created_rows: int | None
    updated_rows: int | None
    unchanged_rows: int
    skipped_rows: int | None
    removed_rows: int | None
    blank_rows: int | None
    errors: Sequence[Mapping[str, Any]]
    error_summary: Sequence[Mapping[str, Any]]
    failure: str | None
    options: Mapping[str, Any]
    header: Sequence[str]
    columns: Sequence[str | None]
    ignored_columns: Sequence[Mapping[str, Any]]
    parent_job_id: UUID | None
    applies_plan: bool
    created_by: str | None
    request_id: str | None
    traceparent: str | None
    file_name: str | None
    file_bytes: int | None
    file_sha256: memoryview | None
    created_at: datetime
    started_at: datetime | None
    advanced_at: datetime | None
    cancel_requested_at: datetime | None
    completed_at: datetime | None
    version: str

    @property
    def plan_id(self) -> UUID | None:
        """The dry run whose chunks and plan this job reads; None if it does not apply a plan."""
        return self.parent_job_id if self.applies_plan else None


# What a statement selects for a Job, in the order of its fields; `version` is xmin, and comes after these.
COLUMNS = ", ".join(field.name for field in fields(Job) if field.name != "version")


@dataclass(frozen=True)
class Receipt:
    """The request that created a job, and the file that it uploaded, if any; `file_bytes` is its size."""

    created_by: str | None = None
    request_id: str | None = None
    traceparent: str | None = None
    file_name: str | None = None
    file_bytes: int | None = None
    file_sha256: bytes | None = None


CREATE = """
/* jobs.create */
INSERT INTO trakrf.bulk_import_jobs (account_id, id, kind, total_rows, blank_rows, created_rows,
                                     updated_rows, skipped_rows, removed_rows, options, header, columns,
                                     ignored_columns, parent_job_id, applies_plan, created_by, request_id,
                                     traceparent, file_name, file_bytes, file_sha256)
VALUES (%(account_id)s, %(job_id)s, %(kind)s, %(total_rows)s, %(blank_rows)s, 0,
        0, 0, CASE %(kind)s WHEN 'revert' THEN 0 END, %(options)s, %(header)s, %(columns)s,
        %(ignored_columns)s, %(parent_job_id)s, %(applies_plan)s, %(created_by)s, %(request_id)s,
        %(traceparent)s, %(file_name)s, %(file_bytes)s, %(file_sha256)s)
"""


def create(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    kind: str = IMPORT,
    total_rows: int,
    blank_rows: int = 0,
    options: Mapping[str, Any],
    header: Sequence[str],
    columns: Sequence[str | None],
    ignored_columns: Sequence[Mapping[str, Any]] = (),
    parent_job_id: UUID | None = None,
    applies_plan: bool = False,
    receipt: Receipt = Receipt(),
) -> None:
    """Create a pending job of `total_rows` rows."""
    cursor.execute(
        CREATE,
        {
            **vars(receipt),
            "account_id": account_id,
            "job_id": job_id,
            "kind": kind,
            "total_rows": total_rows,
            "blank_rows": blank_rows,
            "options": Json(options),
            "header": list(header),
            "columns": list(columns),
            "ignored_columns": Json(list(ignored_columns)),
            "parent_job_id": parent_job_id,
            "applies_plan": applies_plan,
        },
    )


GET = f"""
/* jobs.get */
SELECT {COLUMNS}, xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND deleted_at IS NULL
"""  # noqa: S608 - the columns are a constant


def get(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job | None:
    """The account's job with this id, or None if it does not exist, is deleted, or is another account's."""
    cursor.execute(GET, {"account_id": account_id, "job_id": job_id})
    job = cursor.fetchone()
    return Job(*job) if job else None


def require(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """The account's job with this id; LookupError if there is none."""
    job = get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise LookupError(f"account {account_id} has no job {job_id}")
    return job


# A job's header has the added columns if its file was itself one of failed rows. Two jobs are enough to know
# that there is more than one.
WITH_FAILED_ROW = """
/* jobs.with_failed_row */
SELECT id
FROM trakrf.bulk_import_jobs AS job
WHERE account_id = %(account_id)s
  AND array_remove(array_remove(array_remove(header, '_row'), '_errors'), '_job') = %(header)s
  AND failed_rows > 0
  AND deleted_at IS NULL
  AND %(row_errors)s = (SELECT string_agg(message, %(separator)s ORDER BY position)
                        FROM trakrf.bulk_import_errors AS error
                        WHERE error.account_id = %(account_id)s
                          AND error.job_id     = job.id
                          AND error.row_number = %(row)s)
LIMIT 2
"""


def with_failed_row(
    cursor: Cursor, *, account_id: int, header: Sequence[str], row: int, errors: str, separator: str
) -> list[UUID]:
    """Jobs of the account with this header in which this row failed with these messages; two at most."""
    cursor.execute(
        WITH_FAILED_ROW,
        {
            "account_id": account_id,
            "header": list(header),
            "row": row,
            "row_errors": errors,
            "separator": separator,
        },
    )
    return [job_id for (job_id,) in cursor]


class Remembered(NamedTuple):
    """A job, and the options that it has stored."""

    job_id: UUID
    options: Mapping[str, Any]


# bulk_import_jobs_header_idx has no more than a hash, since 500 names are too long for an index. The header
# itself is compared outside: inside, it would make the planner expect a single job, and sort all jobs with
# the hash instead of reading the first one in the index. Should another header have the same 64 bits, no job
# is returned.
LATEST_WITH_HEADER = """
/* jobs.latest_with_header */
SELECT id, options
FROM (
    SELECT id, options, header
    FROM trakrf.bulk_import_jobs
    WHERE account_id = %(account_id)s
      AND hash_array_extended(header, 0) = hash_array_extended(%(header)s::text[], 0)
      AND status     = 'completed'
      AND kind       = 'import'
      AND deleted_at IS NULL
    ORDER BY completed_at DESC
    LIMIT 1
) AS latest
WHERE header = %(header)s
"""


def latest_with_header(cursor: Cursor, *, account_id: int, header: Sequence[str]) -> Remembered | None:
    """The account's import with exactly this header that was completed last; None if there is none."""
    cursor.execute(LATEST_WITH_HEADER, {"account_id": account_id, "header": list(header)})
    job = cursor.fetchone()
    return Remembered(*job) if job else None


# A job that was deleted while a retry or a revert of it was being created would leave that one without its
# rows. NO KEY UPDATE lets others add rows that refer to the job meanwhile.
LOCK = """
/* jobs.lock */
SELECT 1
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
FOR NO KEY UPDATE
"""


def lock(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Lock the job until the transaction ends; waits for others that have locked it."""
    cursor.execute(LOCK, {"account_id": account_id, "job_id": job_id})


# With its parent, a deleted revert would keep the job that it reverted from being reverted again.
HIDE = """
/* jobs.hide */
UPDATE trakrf.bulk_import_jobs
SET deleted_at    = now(),
    parent_job_id = NULL
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND deleted_at IS NULL
"""


def hide(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Make the job invisible to every request. Needs its lock."""
    cursor.execute(HIDE, {"account_id": account_id, "job_id": job_id})


# Foreign keys remove with it whatever else is left of it.
DELETE = """
/* jobs.delete */
DELETE FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def delete(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Remove the job, after everything that belongs to it; its assets stay."""
    cursor.execute(DELETE, {"account_id": account_id, "job_id": job_id})


# Held until the transaction ends, even if its client never learns of that.
LOCK_ID = """
/* jobs.lock_id */
SELECT pg_advisory_xact_lock(%(key)s)
"""


def lock_id(cursor: Cursor, job_id: UUID) -> None:
    """Lock an id, which need not be a job's yet, for this transaction; waits for others that have."""
    cursor.execute(LOCK_ID, {"key": (job_id.int & (2**64 - 1)) - 2**63})


class Origin(NamedTuple):
    """The id of the request that created a job, and its trace (W3C Trace Context, traceparent)."""

    request_id: str | None
    traceparent: str | None


GET_ORIGIN = """
/* jobs.get_origin */
SELECT request_id, traceparent
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def get_origin(cursor: Cursor, *, account_id: int, job_id: UUID) -> Origin:
    """The request that created the job; None for what is unknown, and for both if there is no such job."""
    cursor.execute(GET_ORIGIN, {"account_id": account_id, "job_id": job_id})
    return Origin(*cursor.fetchone() or (None, None))
