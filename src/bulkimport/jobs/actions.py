"""What may be asked of a job that exists: to cancel, delete, retry or revert it.

All in the caller's transaction, which must be rolled back after an error.
"""

from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.jobs import finish, intake
from bulkimport.jobs.intake import Limits
from bulkimport.jobs.options import Options
from bulkimport.store import chunks, jobs, progress, queue, reverting
from bulkimport.store.chunks import Undone
from bulkimport.store.jobs import Job, Receipt


class UnknownJobError(Exception):
    """The account has no such job."""


class JobStateError(Exception):
    """What is asked for does not fit the job as it is; `code` says which of the reasons it is."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def cancel(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """End the job: at once, or by the worker that has it in hand, behind that chunk.

    What was imported stays. Raises UnknownJobError or JobStateError.
    """
    _require(cursor, account_id, job_id)
    # The lock in the queue before that of the job, as workers have it.
    if queue.is_in_hand(cursor, account_id=account_id, job_id=job_id):
        progress.request_cancel(cursor, account_id=account_id, job_id=job_id)
    else:
        finish.end(cursor, account_id=account_id, job_id=job_id, status=jobs.CANCELLED)
    job = _require(cursor, account_id, job_id)
    if job.status in (jobs.COMPLETED, jobs.FAILED):
        raise JobStateError("job-finished", f"The job is {job.status}; there is nothing left to cancel.")
    return job


def delete(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Hide a finished job, with its errors and its file, until workers have removed them; its assets stay.

    Raises UnknownJobError or JobStateError.
    """
    _require_finished(cursor, account_id, job_id)
    if dependent_id := finish.hide(cursor, account_id=account_id, job_id=job_id):
        raise JobStateError(
            "job-unfinished",
            f"Job {dependent_id} still needs this one; wait until it is finished, or cancel it.",
        )


def retry(
    cursor: Cursor, limits: Limits, *, account_id: int, job_id: UUID, new_job_id: UUID, receipt: Receipt
) -> None:
    """Make a job of the rows that failed, and of those that were never reached; with the same options.

    Workers copy the rows before they import them; they keep their numbers. Raises UnknownJobError,
    JobStateError, or intake.TooManyJobsError.
    """
    jobs.lock(cursor, account_id=account_id, job_id=job_id)
    parent = _require_finished(cursor, account_id, job_id)
    undone = _require_undone(cursor, account_id, parent)
    jobs.create(
        cursor,
        account_id=account_id,
        job_id=new_job_id,
        total_rows=undone.rows,
        options=parent.options,
        header=parent.header,
        columns=parent.columns,
        ignored_columns=parent.ignored_columns,
        parent_job_id=job_id,
        receipt=receipt,
    )
    intake.enqueue(
        cursor,
        limits,
        account_id=account_id,
        job_id=new_job_id,
        chunks=2 * undone.chunks,  # each is copied in one turn and imported in another
        copies=undone.chunks,
    )


def revert(
    cursor: Cursor, limits: Limits, *, account_id: int, job_id: UUID, new_job_id: UUID, receipt: Receipt
) -> None:
    """Make a job that undoes what this one did to the assets.

    Raises UnknownJobError, JobStateError, or intake.TooManyJobsError.
    """
    jobs.lock(cursor, account_id=account_id, job_id=job_id)
    parent = _require_finished(cursor, account_id, job_id)
    if revert_id := reverting.find(cursor, account_id=account_id, parent_id=job_id):
        raise JobStateError("already-reverted", f"Job {revert_id} reverts this job, or has done so.")
    touched_rows = _touched_rows(parent)
    if not touched_rows:
        raise JobStateError("nothing-to-revert", "The job created and changed no asset.")
    try:
        jobs.create(
            cursor,
            account_id=account_id,
            job_id=new_job_id,
            kind=jobs.REVERT,
            total_rows=touched_rows,
            options=Options().stored(),
            header=(),
            columns=(),
            parent_job_id=job_id,
            receipt=receipt,
        )
    except UniqueViolation as error:
        raise JobStateError("already-reverted", "Another job has just begun to revert this one.") from error
    count = reverting.plan(
        cursor,
        account_id=account_id,
        job_id=new_job_id,
        last_row=reverting.last_row(cursor, account_id=account_id, parent_id=job_id),
        chunk_rows=limits.chunk_rows,
    )
    intake.enqueue(cursor, limits, account_id=account_id, job_id=new_job_id, chunks=count)


def _require(cursor: Cursor, account_id: int, job_id: UUID) -> Job:
    job = jobs.get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise UnknownJobError(f"There is no job {job_id}.")
    return job


def _require_finished(cursor: Cursor, account_id: int, job_id: UUID) -> Job:
    job = _require(cursor, account_id, job_id)
    if job.status not in jobs.FINAL_STATUSES:
        raise JobStateError(
            "job-unfinished", f"The job is {job.status}; wait until it is finished, or cancel it."
        )
    return job


def _require_undone(cursor: Cursor, account_id: int, job: Job) -> Undone:
    """What is still to be done of a finished job."""
    if job.kind == jobs.REVERT:
        raise JobStateError("nothing-to-retry", "The job reverts another one; revert that one again.")
    undone = chunks.undone(cursor, account_id=account_id, job_id=job.id, failed_rows=job.failed_rows)
    if job.processed_rows == 0 and undone.rows < job.total_rows:
        instead = f"retry job {job.parent_job_id} again" if job.parent_job_id else "upload the file again"
        raise JobStateError("nothing-to-retry", f"The job ended before its rows were copied; {instead}.")
    if not undone.chunks:
        raise JobStateError("nothing-to-retry", "No row failed, and every row was reached.")
    return undone


def _touched_rows(job: Job) -> int:
    """How many rows of a job created or changed an asset."""
    if job.kind == jobs.REVERT or Options.from_stored(job.options).dry_run:
        return 0
    return (job.created_rows or 0) + (job.updated_rows or 0)
