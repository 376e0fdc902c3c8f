"""Jobs: one row an import, with its counters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from bulkimport.store import pages

PENDING, PROCESSING = "pending", "processing"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"
FINAL_STATUSES = (COMPLETED, FAILED, CANCELLED)
STATUSES = (PENDING, PROCESSING, *FINAL_STATUSES)

IMPORT, REVERT = "import", "revert"

MAX_ERRORS = 100  # in the job itself; all that are kept are in bulk_import_errors


@dataclass(frozen=True)
class Job:
    """A job as it stands, and a `version` that is another after every change.

    `errors` holds the first 100 row errors; counts that nobody kept are None.
    """

    id: UUID
    kind: str
    status: str
    total_rows: int
    processed_rows: int
    failed_rows: int
    created_rows: int | None
    updated_rows: int | None
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
    def file(self) -> "Job | None":
        """The file's part of the receipt, where the job was made from one."""
        return self if self.file_sha256 is not None else None


class Page(NamedTuple):
    """Some jobs, and the key behind which the next page begins: None at the end."""

    jobs: list[Job]
    next_key: tuple[datetime, UUID] | None


class State(NamedTuple):
    """What changes when a job goes on."""

    status: str
    version: str


@dataclass(frozen=True)
class Receipt:
    """What was handed in, and by whom."""

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
                                     ignored_columns, parent_job_id, created_by, request_id, traceparent,
                                     file_name, file_bytes, file_sha256)
VALUES (%(account_id)s, %(job_id)s, %(kind)s, %(total_rows)s, %(blank_rows)s, 0,
        0, 0, CASE %(kind)s WHEN 'revert' THEN 0 END, %(options)s, %(header)s, %(columns)s,
        %(ignored_columns)s, %(parent_job_id)s, %(created_by)s, %(request_id)s, %(traceparent)s,
        %(file_name)s, %(file_bytes)s, %(file_sha256)s)
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
    receipt: Receipt = Receipt(),
) -> None:
    """A pending job with its total."""
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
        },
    )


GET = """
/* jobs.get */
SELECT id, kind, status, total_rows, processed_rows, failed_rows, created_rows, updated_rows, skipped_rows,
       removed_rows, blank_rows, errors, error_summary, failure, options, header, columns, ignored_columns,
       parent_job_id, created_by, request_id, traceparent, file_name, file_bytes, file_sha256, created_at,
       started_at, advanced_at, cancel_requested_at, completed_at, xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND deleted_at IS NULL
"""


def get(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job | None:
    """The account's job of this id, or None: absent, deleted and foreign are the same."""
    cursor.execute(GET, {"account_id": account_id, "job_id": job_id})
    found = cursor.fetchone()
    return Job(*found) if found else None


# The transaction that wrote the row last: another one with every change, whoever makes it.
GET_STATE = """
/* jobs.get_state */
SELECT status, xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND deleted_at IS NULL
"""


def get_state(cursor: Cursor, *, account_id: int, job_id: UUID) -> State | None:
    """The status and the version of a job, or None: absent, deleted and foreign are the same."""
    cursor.execute(GET_STATE, {"account_id": account_id, "job_id": job_id})
    found = cursor.fetchone()
    return State(*found) if found else None


# What is not asked for is NULL, and then no condition. The order walks bulk_import_jobs_newest_idx, so far as
# in assets.PAGE_BY_ID.
PAGE = """
/* jobs.page */
SELECT id, kind, status, total_rows, processed_rows, failed_rows, created_rows, updated_rows, skipped_rows,
       removed_rows, blank_rows, errors, error_summary, failure, options, header, columns, ignored_columns,
       parent_job_id, created_by, request_id, traceparent, file_name, file_bytes, file_sha256, created_at,
       started_at, advanced_at, cancel_requested_at, completed_at, version, matches, is_end_of_scan
FROM (
    SELECT *,
           (%(status)s IS NULL OR status = %(status)s)
           AND (%(created_by)s IS NULL OR created_by = %(created_by)s) AS matches,
           row_number() OVER (ORDER BY created_at DESC, id DESC) = %(scan_rows)s AS is_end_of_scan
    FROM (
        SELECT *, xmin::text AS version
        FROM trakrf.bulk_import_jobs
        WHERE account_id = %(account_id)s
          AND deleted_at IS NULL
          AND (%(created_after)s  IS NULL OR created_at >  %(created_after)s)
          AND (%(created_before)s IS NULL OR created_at <  %(created_before)s)
          AND (%(before_time)s    IS NULL OR (created_at, id) < (%(before_time)s, %(before_id)s))
        ORDER BY created_at DESC, id DESC
        LIMIT %(scan_rows)s
    ) AS scanned
) AS looked_at
WHERE matches OR is_end_of_scan
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s
"""


def page(
    cursor: Cursor,
    *,
    account_id: int,
    before: tuple[datetime, UUID] | None,
    limit: int,
    status: str | None = None,
    created_by: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> Page:
    """The account's jobs, newest first, from the first one older than `before`.

    A page looks at pages.SCAN_ROWS jobs at most, and is shorter than `limit` where fewer of those match.
    """
    before_time, before_id = before or (None, None)
    cursor.execute(
        PAGE,
        {
            "account_id": account_id,
            "before_time": before_time,
            "before_id": before_id,
            "limit": limit + 1,
            "scan_rows": pages.SCAN_ROWS,
            "status": status,
            "created_by": created_by,
            "created_after": created_after,
            "created_before": created_before,
        },
    )
    rows, last = pages.cut(cursor.fetchall(), limit)
    ended = Job(*last) if last else None
    return Page([Job(*row) for row in rows], (ended.created_at, ended.id) if ended else None)


def require(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """The account's job of this id; LookupError if there is none."""
    job = get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise LookupError(f"account {account_id} has no job {job_id}")
    return job


# The header of a job has our own columns where its file was one of failed rows itself. Two jobs are enough to
# know that it is not one alone.
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


# A job that was deleted while another one was made of it would leave that one without its rows. Rows that
# refer to the job may be added all the same.
LOCK = """
/* jobs.lock */
SELECT 1
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
FOR NO KEY UPDATE
"""


def lock(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Wait for others that have locked the job, and keep it as it is until the transaction ends."""
    cursor.execute(LOCK, {"account_id": account_id, "job_id": job_id})


# Without a parent, or a deleted revert would keep the job that it reverted from being reverted again.
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
    """From here on the job is there for nobody; needs its lock."""
    cursor.execute(HIDE, {"account_id": account_id, "job_id": job_id})


# Whatever else is left of it goes with it.
DELETE = """
/* jobs.delete */
DELETE FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""


def delete(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Remove the job, of which nothing else should be left; its assets stay."""
    cursor.execute(DELETE, {"account_id": account_id, "job_id": job_id})


# Held until the transaction ends, also where its client never hears of that.
LOCK_ID = """
/* jobs.lock_id */
SELECT pg_advisory_xact_lock(%(key)s)
"""


def lock_id(cursor: Cursor, job_id: UUID) -> None:
    """Wait for another transaction that has locked this id, which may be of a job that does not exist yet."""
    cursor.execute(LOCK_ID, {"key": (job_id.int & (2**64 - 1)) - 2**63})


class Origin(NamedTuple):
    """The request that handed the job in, and its trace."""

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
    """Where the job comes from; nothing is known of one that is not there."""
    cursor.execute(GET_ORIGIN, {"account_id": account_id, "job_id": job_id})
    return Origin(*cursor.fetchone() or (None, None))
