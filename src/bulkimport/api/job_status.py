"""The status of a job: its JSON, its ETag, and what GET answers.

The `dump` of JobSchema would take twice as long as `text`; a test compares the two.
"""

import json
from functools import lru_cache
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from werkzeug.datastructures import ETags

from bulkimport.api.row_error_schemas import UNSPECIFIED
from bulkimport.api.upload_schemas import JobOptionsSchema
from bulkimport.jobs import estimates
from bulkimport.store import accounts, job_documents, jobs, queue
from bulkimport.store.job_documents import Document, State
from bulkimport.web.idempotency import Answer
from bulkimport.web.problems import Problem
from bulkimport.web.schemas import rfc3339

CACHING = {"Cache-Control": "private, no-cache", "Vary": "Prefer"}
REPRESENTATION = "4"  # part of every ETag: increase it when the JSON form of a job changes

JOB_OPTIONS_SCHEMA = JobOptionsSchema()
ENCODE = json.JSONEncoder(ensure_ascii=False).encode
RECENT_OPTIONS = 1000  # a few hundred bytes each; most uploads have one of a few combinations


def answer(cursor: Cursor, *, account_id: int, job_id: UUID, known: ETags) -> Answer:
    """The job, or 304 if its ETag is among the `known` ones, those of If-None-Match.

    Raises a not-found problem if there is no such job, and Refusal if the account is not active.
    """
    current = known_etag(cursor, account_id=account_id, job_id=job_id, known=known) if known else None
    if current:
        return Answer(304, {**CACHING, "ETag": current}, "")
    job = job_documents.get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        accounts.require_active(cursor, account_id=account_id)
        raise not_found(job_id)
    position = _position(cursor, account_id, job_id, job)
    headers = {**CACHING, "ETag": etag(job.version, position)}
    if job.status not in jobs.FINAL_STATUSES:
        headers["Retry-After"] = str(estimates.poll_after(job))
    return Answer(200, headers, text(job, position))


def text(job: Document, position: int | None = None) -> str:
    """The job as JSON, which JobSchema describes; `position` is None unless the job is pending.

    A job of a page has neither its row errors nor its position in the queue.
    """
    own = ENCODE(
        {
            "job_id": job.id,
            "kind": job.kind,
            "status": job.status,
            "total_rows": job.total_rows,
            "processed_rows": job.processed_rows,
            "created_rows": job.created_rows,
            "updated_rows": job.updated_rows,
            "unchanged_rows": job.unchanged_rows,
            "removed_rows": job.removed_rows,
            "skipped_rows": job.skipped_rows,
            "failed_rows": job.failed_rows,
            "successful_rows": job.processed_rows - job.failed_rows if job.status == jobs.COMPLETED else None,
            "blank_rows": job.blank_rows,
            "progress": estimates.progress(job),
            "rows_per_second": estimates.rows_per_second(job),
            "estimated_completion": rfc3339(estimates.estimated_completion(job)),
            "cancel_requested": job.cancel_requested_at is not None,
            "created_at": rfc3339(job.created_at),
            "started_at": rfc3339(job.started_at),
            "completed_at": rfc3339(job.completed_at),
            "failure": job.failure,
            "parent_job_id": job.parent_job_id,
            "created_by": job.created_by,
            "file": _file(job),
            "request_id": job.request_id,
            "traceparent": job.traceparent,
        }
    )
    stored = (
        f'"options": {_options(job.options)}, "ignored_columns": {job.ignored_columns}, '
        f'"error_summary": {job.error_summary}'
    )
    if job.errors is None:
        return f"{own[:-1]}, {stored}}}"
    return f'{own[:-1]}, {stored}, "queue_position": {ENCODE(position)}, "errors": {_errors(job.errors)}}}'


def known_etag(cursor: Cursor, *, account_id: int, job_id: UUID, known: ETags) -> str | None:
    """The job's ETag if it is among the `known` ones (RFC 9110, section 13.1.2), or None."""
    state = job_documents.get_state(cursor, account_id=account_id, job_id=job_id)
    if state is None:
        return None
    current = etag(state.version, _position(cursor, account_id, job_id, state))
    return current if known.contains_weak(current.strip('"')) else None


def etag(version: str, position: int | None = None) -> str:
    """The ETag of a job's JSON form; `position` is the one in the queue, None unless the job is pending."""
    return f'"{version}.{position or 0}.{REPRESENTATION}"'


def version(current_etag: str) -> str:
    """The version of the job that has the ETag."""
    return current_etag.strip('"').partition(".")[0]


def not_found(job_id: UUID) -> Problem:
    """The problem that there is no such job."""
    return Problem("not-found", f"There is no job {job_id}.")


def _position(cursor: Cursor, account_id: int, job_id: UUID, job: Document | State) -> int | None:
    if job.status != jobs.PENDING:
        return None
    return queue.position(cursor, account_id=account_id, job_id=job_id)


@lru_cache(RECENT_OPTIONS)
def _options(stored: str) -> str:
    """The options in force."""
    return ENCODE(JOB_OPTIONS_SCHEMA.dump(json.loads(stored)))


def _file(job: Document) -> dict[str, Any] | None:
    if job.file_sha256 is None:
        return None
    return {"name": job.file_name, "bytes": job.file_bytes, "sha256": job.file_sha256.hex()}


def _errors(stored: str) -> str:
    """Those of jobs that were inserted by hand have only row, field and error."""
    if stored == "[]":
        return stored
    return ENCODE(
        [
            {
                "row": error.get("row"),
                "line": error.get("line", 0),
                "field": error.get("field"),
                "code": error.get("code", UNSPECIFIED),
                "message": error.get("error"),
                "value": error.get("value"),
                "error": error.get("error"),
            }
            for error in map(_object, json.loads(stored))
        ]
    )


def _object(value: Any) -> dict[str, Any]:
    """The value if it is an object, otherwise an empty one: what was inserted by hand may be anything."""
    return value if isinstance(value, dict) else {}
