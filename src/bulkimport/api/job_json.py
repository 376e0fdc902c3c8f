"""Jobs as JSON, which JobSchema describes.

The schema's own `dump` would take twice as long; a test compares the two.
"""

import json
from functools import lru_cache
from typing import Any

from bulkimport.api.row_error_schemas import UNSPECIFIED
from bulkimport.api.upload_schemas import JobOptionsSchema
from bulkimport.jobs import estimates
from bulkimport.store import jobs
from bulkimport.store.job_documents import Document
from bulkimport.web.schemas import rfc3339

JOB_OPTIONS_SCHEMA = JobOptionsSchema()
ENCODE = json.JSONEncoder(ensure_ascii=False).encode
RECENT_OPTIONS = 1000  # a few hundred bytes each; most uploads have one of a few combinations


def text(job: Document, position: int | None = None) -> str:
    """The job as JSON; without its row errors and its position in the queue if it is of a page of jobs.

    `position` is None unless the job is pending.
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
            for error in json.loads(stored)
        ]
    )
