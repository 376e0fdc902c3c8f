"""The end of a job: its status, and what is no longer needed; in the caller's transaction."""

from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import finished, identifiers, jobs, progress, queue

BATCH_IDENTIFIERS = 5_000


def end(cursor: Cursor, *, account_id: int, job_id: UUID, status: str, failure: str | None = None) -> bool:
    """Give an unfinished job its final status; False if it has one. Needs the job's lock in the queue.

    Of its identifiers only the first batch goes at once.
    """
    ended = progress.set_status(cursor, account_id=account_id, job_id=job_id, status=status, failure=failure)
    identifiers.forget_some(cursor, account_id=account_id, job_id=job_id, limit=BATCH_IDENTIFIERS)
    finished.add(cursor, account_id=account_id, job_id=job_id)
    queue.remove(cursor, account_id=account_id, job_id=job_id)
    return ended


def hide(cursor: Cursor, *, account_id: int, job_id: UUID) -> UUID | None:
    """Hide a finished job from everybody and have it removed, piece by piece, by workers.

    Where another job still needs it, nothing is hidden, and that job is returned.
    """
    # Before the job's lock, in the order in which a worker that purges takes both.
    finished.expire(cursor, account_id=account_id, job_id=job_id)
    jobs.lock(cursor, account_id=account_id, job_id=job_id)
    dependent = queue.find_dependent(cursor, account_id=account_id, parent_id=job_id)
    if dependent is None:
        jobs.hide(cursor, account_id=account_id, job_id=job_id)
    return dependent
