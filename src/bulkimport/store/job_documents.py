"""Jobs as web shows them: all of their columns, and their versions."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import assets


class Document(NamedTuple):
    """A job; `version` differs after every change.

    What is JSON in the database is its text here: web passes most of it on as it is. `errors` is None in a
    page of jobs.
    """

    version: str
    errors: str | None
    id: str
    kind: str
    status: str
    total_rows: int
    processed_rows: int
    created_rows: int | None
    updated_rows: int | None
    unchanged_rows: int
    removed_rows: int | None
    skipped_rows: int | None
    failed_rows: int
    blank_rows: int | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    advanced_at: datetime | None
    completed_at: datetime | None
    failure: str | None
    options: str
    ignored_columns: str
    error_summary: str
    parent_job_id: str | None
    created_by: str | None
    request_id: str | None
    traceparent: str | None
    file_name: str | None
    file_bytes: int | None
    file_sha256: memoryview | None


class Page(NamedTuple):
    """Some jobs without their row errors, and the key after which the next page begins: None at the end."""

    documents: list[Document]
    next_key: tuple[datetime, UUID] | None


class State(NamedTuple):
    """The status of a job, and the version that Document has."""

    status: str
    version: str


# Plain columns, since PostgreSQL plans a statement anew each time, and each function call adds to that: to
# make JSON of them would take it as long as everything else.
COLUMNS = """\
id::text, kind, status, total_rows, processed_rows, created_rows, updated_rows, unchanged_rows, removed_rows,
       skipped_rows, failed_rows, blank_rows, cancel_requested_at, created_at, started_at, advanced_at,
       completed_at, failure, options::text, ignored_columns::text, error_summary::text, parent_job_id::text,
       created_by, request_id, traceparent, file_name, file_bytes, file_sha256"""

# One statement for the job and its account, since most of its time is planning. The account is a scalar
# subquery, because EXISTS would be planned as a join.
GET = f"""
/* job_documents.get */
SELECT xmin::text, errors::text, {COLUMNS}
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND deleted_at IS NULL
  AND (SELECT is_active FROM trakrf.accounts WHERE id = %(account_id)s)
"""  # noqa: S608 - the columns are constants


def get(cursor: Cursor, *, account_id: int, job_id: UUID) -> Document | None:
    """The account's job with this id; None if it does not exist, is deleted, or the account is not active."""
    cursor.execute(GET, {"account_id": account_id, "job_id": job_id})
    document = cursor.fetchone()
    return Document(*document) if document else None


# xmin is the transaction that wrote the row last: another one after every change, whoever makes it.
GET_STATE = """
/* job_documents.get_state */
SELECT status, xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
  AND deleted_at IS NULL
  AND (SELECT is_active FROM trakrf.accounts WHERE id = %(account_id)s)
"""


def get_state(cursor: Cursor, *, account_id: int, job_id: UUID) -> State | None:
    """The status and version of the job that `get` would return."""
    cursor.execute(GET_STATE, {"account_id": account_id, "job_id": job_id})
    state = cursor.fetchone()
    return State(*state) if state else None


GET_STATES = """
/* job_documents.get_states */
SELECT id, status, xmin::text
FROM trakrf.bulk_import_jobs
WHERE account_id = %(account_id)s
  AND id         = ANY (%(job_ids)s::uuid[])
  AND deleted_at IS NULL
  AND (SELECT is_active FROM trakrf.accounts WHERE id = %(account_id)s)
"""


def get_states(cursor: Cursor, *, account_id: int, job_ids: Collection[UUID]) -> dict[UUID, State]:
    """As `get_state`, for each of these jobs, by its id."""
    cursor.execute(GET_STATES, {"account_id": account_id, "job_ids": list(job_ids)})
    return {job_id: State(status, version) for job_id, status, version in cursor.fetchall()}


# A filter that is NULL does not apply. The order walks bulk_import_jobs_newest_idx, as far as in
# assets.PAGE_BY_ID.
PAGE = f"""
/* job_documents.page */
SELECT version, NULL, {COLUMNS}, matches, is_end_of_scan
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
"""  # noqa: S608 - the columns are constants


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
    """The account's jobs that match, newest first, from the first one older than `before`.

    At most assets.SCAN_ROWS jobs are scanned for a page; it is shorter than `limit` if fewer of them match.
    """
    before_time, before_id = before or (None, None)
    cursor.execute(
        PAGE,
        {
            "account_id": account_id,
            "before_time": before_time,
            "before_id": before_id,
            "limit": limit + 1,
            "scan_rows": assets.SCAN_ROWS,
            "status": status,
            "created_by": created_by,
            "created_after": created_after,
            "created_before": created_before,
        },
    )
    rows, last = assets.cut_page(cursor.fetchall(), limit)
    last_job = Document(*last) if last else None
    next_key = (last_job.created_at, UUID(last_job.id)) if last_job else None
    return Page([Document(*row) for row in rows], next_key)
