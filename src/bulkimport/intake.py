"""An upload becomes a job, in one transaction: all of it, or nothing."""

from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID, uuid4

from bulkimport.csvfile.chunks import split
from bulkimport.database import Database
from bulkimport.store import accounts, chunks, jobs, queue


@dataclass(frozen=True)
class Limits:
    """How a file is cut, and how many rows it may have."""

    chunk_rows: int
    max_rows: int


def submit(database: Database, limits: Limits, *, account_id: int, file: BinaryIO) -> UUID:
    """Store the file as a job that will be finished whatever happens next; return the job's id.

    The file is read once, as a stream. Raises InactiveAccountError, RefusedFileError, or
    DatabaseUnavailableError; then nothing is left behind.
    """
    job_id = uuid4()
    with database.tenant_transaction(account_id) as cursor:
        accounts.require_active(cursor, account_id=account_id)
        columns, slices = split(file, chunk_rows=limits.chunk_rows, max_rows=limits.max_rows)
        total_rows = count = 0
        for chunk in slices:
            chunks.insert(cursor, account_id=account_id, job_id=job_id, **vars(chunk))
            total_rows += chunk.rows
            count += 1
        jobs.create(cursor, account_id=account_id, job_id=job_id, total_rows=total_rows, columns=columns)
        queue.enqueue(cursor, account_id=account_id, job_id=job_id, chunks=count)
    return job_id
