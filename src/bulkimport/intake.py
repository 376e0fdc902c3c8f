"""An upload becomes a job, in one transaction: all of it, or nothing."""

import time
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO
from uuid import UUID, uuid4

from psycopg2.extensions import cursor as Cursor

from bulkimport.csvfile import dates, failed_rows, header
from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.header import Columns
from bulkimport.csvfile.refusal import RefusedFileError
from bulkimport.database import Database, DatabaseUnavailableError, UnknownOutcomeError
from bulkimport.options import Asked, Options
from bulkimport.store import accounts, chunks, jobs, queue

SETTLE_ATTEMPTS, SETTLE_INTERVAL_S = 10, 0.5


@dataclass(frozen=True)
class Limits:
    """How a file is cut, and how many rows it may have."""

    chunk_rows: int
    max_rows: int


def submit(database: Database, limits: Limits, asked: Asked, *, account_id: int, file: BinaryIO) -> UUID:
    """Store the file as a job that will be finished whatever happens next; return the job's id.

    The file is read once, as a stream. Where the answer to the commit is lost, the job itself tells. Raises
    InactiveAccountError, RefusedFileError, or DatabaseUnavailableError; then nothing is left behind, unless
    the database could not be asked again.
    """
    job_id = uuid4()
    try:
        _submit(database, limits, asked, account_id=account_id, job_id=job_id, file=file)
    except UnknownOutcomeError:
        if not _was_stored(database, account_id=account_id, job_id=job_id):
            raise
    return job_id


def _submit(
    database: Database, limits: Limits, asked: Asked, *, account_id: int, job_id: UUID, file: BinaryIO
) -> None:
    with database.tenant_transaction(account_id) as cursor:
        jobs.lock_id(cursor, job_id)
        accounts.require_active(cursor, account_id=account_id)
        csv_file = CsvFile(
            file, charset=asked.charset, delimiter=asked.delimiter, mapping=asked.columns or {}
        )
        parent = _parent(cursor, account_id, asked, csv_file)
        options = asked.in_force(
            Options.from_stored(parent.options) if parent else Options(),
            charset=csv_file.charset,
            delimiter=csv_file.delimiter,
        )
        columns = header.map_columns(csv_file.header, options.columns, options.required_fields)
        if options.date_format == dates.AUTO:
            csv_file.look_at_dates(columns)
        total_rows, count = _store(cursor, limits, csv_file, account_id=account_id, job_id=job_id)
        if options.date_format == dates.AUTO:
            options = replace(options, date_format=csv_file.date_evidence.decide())
        jobs.create(
            cursor,
            account_id=account_id,
            job_id=job_id,
            total_rows=total_rows,
            blank_rows=csv_file.blank_rows,
            options=options.stored(),
            header=csv_file.header,
            columns=columns,
            ignored_columns=_ignored(csv_file, columns),
            parent_job_id=parent.id if parent else None,
        )
        queue.enqueue(cursor, account_id=account_id, job_id=job_id, chunks=count)


def _was_stored(database: Database, *, account_id: int, job_id: UUID) -> bool:
    """Whether the transaction was committed whose connection was lost; False where that cannot be known yet.

    Its lock is waited for: it may still be committing.
    """
    for _ in range(SETTLE_ATTEMPTS):
        try:
            with database.tenant_transaction(account_id) as cursor:
                jobs.lock_id(cursor, job_id)
                return jobs.get(cursor, account_id=account_id, job_id=job_id) is not None
        except DatabaseUnavailableError:
            time.sleep(SETTLE_INTERVAL_S)
    return False


def _parent(cursor: Cursor, account_id: int, asked: Asked, csv_file: CsvFile) -> jobs.Job | None:
    """The job whose failed rows these are: by its id, or by what the file itself shows."""
    parent_id = asked.parent_job_id
    origin = failed_rows.origin(csv_file)
    if parent_id is None and origin:
        parent_id = jobs.find_with_error(
            cursor, account_id=account_id, header=origin.header, row=origin.first_row
        )
    if parent_id is None:
        return None
    parent = jobs.get(cursor, account_id=account_id, job_id=parent_id)
    if parent is None:
        raise RefusedFileError("unknown-parent", f"parent_job_id={parent_id}: there is no such job.")
    return parent


def _store(
    cursor: Cursor, limits: Limits, csv_file: CsvFile, *, account_id: int, job_id: UUID
) -> tuple[int, int]:
    """Store the chunks; return how many rows and how many chunks that was."""
    total_rows = count = 0
    for chunk in csv_file.chunks(chunk_rows=limits.chunk_rows, max_rows=limits.max_rows):
        chunks.insert(cursor, account_id=account_id, job_id=job_id, **vars(chunk))
        total_rows += chunk.rows
        count += 1
    return total_rows, count


def _ignored(csv_file: CsvFile, columns: Columns) -> list[dict[str, object]]:
    return [asdict(ignored) for ignored in header.ignored_columns(csv_file.header, columns)]
