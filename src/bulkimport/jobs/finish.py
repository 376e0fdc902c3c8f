"""The end of a job: its final status, and removing what is no longer needed; in the caller's transaction."""

from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import finished, jobs, progress, queue

BATCH_IDENTIFIERS = 5_000


def end(cursor: Cursor, *, account_id: int, job_id: UUID, status: str, failure: str | None = None) -> bool:
    """Give an unfinished job its final status; False if it has one. Needs the lock of its queue row.

    Only one batch of its identifiers is deleted here; workers delete the others later.
    """
    ended = progress.finish(cursor, account_id=account_id, job_id=job_id, status=status, failure=failure)
    finished.delete_identifiers(cursor, account_id=account_id, job_id=job_id, limit=BATCH_IDENTIFIERS)
    finished.add(cursor, account_id=account_id, job_id=job_id)
    queue.remove(cursor, account_id=account_id, job_id=job_id)
    return ended


def hide(cursor: Cursor, *, account_id: int, job_id: UUID) -> UUID | None:
    """Make a finished job invisible, for workers to remove piece by piece; None.

    If an unfinished job still reads what it has stored, that job's id is returned and nothing is hidden.
    """
    # Before the job is locked, in the order in which a purging worker locks both.
    finished.expire(cursor, account_id=account_id, job_id=job_id)
    jobs.lock(cursor, account_id=account_id, job_id=job_id)
    dependent = queue.find_dependent(cursor, account_id=account_id, parent_id=job_id)
    if dependent is None:
        jobs.hide(cursor, account_id=account_id, job_id=job_id)
    return dependent
