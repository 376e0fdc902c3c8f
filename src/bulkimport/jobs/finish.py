"""The end of a job: its status, and what is no longer needed; in the caller's transaction."""

from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import finished, identifiers, progress, queue


def end(cursor: Cursor, *, account_id: int, job_id: UUID, status: str, failure: str | None = None) -> bool:
    """Give an unfinished job its final status; False if it has one. Needs the job's lock in the queue."""
    ended = progress.set_status(cursor, account_id=account_id, job_id=job_id, status=status, failure=failure)
    identifiers.forget(cursor, account_id=account_id, job_id=job_id)
    finished.add(cursor, account_id=account_id, job_id=job_id)
    queue.remove(cursor, account_id=account_id, job_id=job_id)
    return ended
