"""What may be asked of a job that exists: to cancel, delete, retry or revert it.

All in the caller's transaction, which must be rolled back after an error. All raise Refusal where the account
has no such job, or the job does not fit.
"""

from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.errors import Refusal
from bulkimport.jobs import finish, intake
from bulkimport.jobs.intake import Limits
from bulkimport.jobs.options import Options
from bulkimport.store import chunks, jobs, progress, queue, reverting
from bulkimport.store.jobs import Job, Receipt


def cancel(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """End the job: at once, or by the worker that has it in hand, behind that chunk.

    What was imported stays.
    """
    _require(cursor, account_id, job_id)
    # The lock in the queue before that of the job, as workers have it.
    if queue.is_in_hand(cursor, account_id=account_id, job_id=job_id):
        progress.request_cancel(cursor, account_id=account_id, job_id=job_id)
    else:
        finish.end(cursor, account_id=account_id, job_id=job_id, status=jobs.CANCELLED)
    job = _require(cursor, account_id, job_id)
    if job.status in (jobs.COMPLETED, jobs.FAILED):
        raise Refusal("job-finished", f"The job is {job.status}; there is nothing left to cancel.")
    return job


def delete(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Forget a finished job, with its errors and its file; its assets stay."""
    _require_finished(cursor, account_id, job_id)
    if revert_id := reverting.find_unfinished(cursor, account_id=account_id, parent_id=job_id):
        raise Refusal("job-unfinished", f"The job is being reverted by job {revert_id}.")
    jobs.delete(cursor, account_id=account_id, job_id=job_id)


def retry(
    cursor: Cursor, limits: Limits, *, account_id: int, job_id: UUID, new_job_id: UUID, receipt: Receipt
) -> None:
    """Make a job of the rows that failed, and of those that were never reached; with the same options.

    Rows keep their numbers.
    """
    parent = _require_finished(cursor, account_id, job_id)
    if parent.kind == jobs.REVERT:
        raise Refusal("nothing-to-retry", "The job reverts another one; revert that one again.")
    copied = chunks.copy_undone(cursor, account_id=account_id, job_id=new_job_id, parent_id=job_id)
    if not copied:
        raise Refusal("nothing-to-retry", "No row failed, and every row was reached.")
    jobs.create(
        cursor,
        account_id=account_id,
        job_id=new_job_id,
        total_rows=sum(copied),
        options=parent.options,
        header=parent.header,
        columns=parent.columns,
        ignored_columns=parent.ignored_columns,
        parent_job_id=job_id,
        receipt=receipt,
    )
    intake.enqueue(cursor, limits, account_id=account_id, job_id=new_job_id, chunks=len(copied))


def revert(
    cursor: Cursor, limits: Limits, *, account_id: int, job_id: UUID, new_job_id: UUID, receipt: Receipt
) -> None:
    """Make a job that undoes what this one did to the assets."""
    parent = _require_finished(cursor, account_id, job_id)
    if revert_id := reverting.find(cursor, account_id=account_id, parent_id=job_id):
        raise Refusal("already-reverted", f"Job {revert_id} reverts this job, or has done so.")
    extent = reverting.extent(cursor, account_id=account_id, parent_id=job_id)
    if parent.kind == jobs.REVERT or not extent.assets:
        raise Refusal("nothing-to-revert", "The job created and changed no asset.")
    try:
        jobs.create(
            cursor,
            account_id=account_id,
            job_id=new_job_id,
            kind=jobs.REVERT,
            total_rows=extent.assets,
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
        last_row=extent.last_row,
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
