"""Actions on an existing job: cancel, delete, retry, revert.

All run in the caller's transaction, which must be rolled back after an error. All raise Refusal if the
account has no such job, or its state does not allow the action.
"""

from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.errors import Refusal
from bulkimport.jobs import finish, intake
from bulkimport.jobs.intake import Limits
from bulkimport.jobs.options import Options
from bulkimport.store import chunks, jobs, progress, queue, reverting
from bulkimport.store.chunks import Undone
from bulkimport.store.jobs import Job, Receipt


def cancel(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Cancel the job: at once, or by the worker processing it, after the current chunk.

    Rows that were imported stay imported.
    """
    _require(cursor, account_id, job_id)
    # The queue row is locked before the job, as workers do.
    if queue.is_being_processed(cursor, account_id=account_id, job_id=job_id):
        progress.request_cancel(cursor, account_id=account_id, job_id=job_id)
    else:
        finish.end(cursor, account_id=account_id, job_id=job_id, status=jobs.CANCELLED)
    job = _require(cursor, account_id, job_id)
    if job.status in (jobs.COMPLETED, jobs.FAILED):
        raise Refusal("job-finished", f"The job is {job.status}; there is nothing left to cancel.")


def delete(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Hide a finished job, its errors and its file, for workers to remove; its assets stay."""
    _require_finished(cursor, account_id, job_id)
    if dependent_id := finish.hide(cursor, account_id=account_id, job_id=job_id):
        raise Refusal(
            "job-unfinished",
            f"Job {dependent_id} still needs this one; wait until it is finished, or cancel it.",
        )


def retry(
    cursor: Cursor, limits: Limits, *, account_id: int, job_id: UUID, new_job_id: UUID, receipt: Receipt
) -> None:
    """Create a job of the rows that failed and those that were not reached, with the same options.

    Workers copy the rows before they import them; row numbers stay the same.
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
    """Create a job that undoes what this one did to assets."""
    jobs.lock(cursor, account_id=account_id, job_id=job_id)
    parent = _require_finished(cursor, account_id, job_id)
    if revert_id := reverting.find(cursor, account_id=account_id, parent_id=job_id):
        raise Refusal("already-reverted", f"Job {revert_id} reverts this job, or has done so.")
    touched_rows = _touched_rows(parent)
    if not touched_rows:
        raise Refusal("nothing-to-revert", "The job neither created nor changed an asset.")
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
        raise Refusal("already-reverted", "Another job has just begun to revert this one.") from error
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
        raise Refusal("not-found", f"There is no job {job_id}.")
    return job


def _require_finished(cursor: Cursor, account_id: int, job_id: UUID) -> Job:
    job = _require(cursor, account_id, job_id)
    if job.status not in jobs.FINAL_STATUSES:
        raise Refusal("job-unfinished", f"The job is {job.status}; wait until it is finished, or cancel it.")
    return job


def _require_undone(cursor: Cursor, account_id: int, job: Job) -> Undone:
    """How much a retry of a finished job would import; Refusal if that is nothing."""
    if job.kind == jobs.REVERT:
        raise Refusal("nothing-to-retry", "The job reverts another one; revert that one again.")
    if job.applies_plan:
        raise Refusal("nothing-to-retry", "The job applies a plan; make another dry run.")
    undone = chunks.undone(cursor, account_id=account_id, job_id=job.id, failed_rows=job.failed_rows)
    if job.processed_rows == 0 and undone.rows < job.total_rows:
        instead = f"retry job {job.parent_job_id} again" if job.parent_job_id else "upload the file again"
        raise Refusal("nothing-to-retry", f"The job ended before its rows were copied; {instead}.")
    if not undone.rows:
        raise Refusal("nothing-to-retry", "No row failed, and every row was reached.")
    return undone


def _touched_rows(job: Job) -> int:
    """How many rows of a job created or changed an asset."""
    if job.kind == jobs.REVERT or Options.from_stored(job.options).dry_run:
        return 0
    return (job.created_rows or 0) + (job.updated_rows or 0)
