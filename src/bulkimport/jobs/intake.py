"""An upload becomes a job, in one transaction: all of it, or nothing."""

from dataclasses import asdict, dataclass, replace
from typing import BinaryIO
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.csvfile import dates, failed_rows, header
from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.header import Columns
from bulkimport.csvfile.refusal import RefusedFileError
from bulkimport.jobs.options import Asked, Options
from bulkimport.store import chunks, jobs, queue
from bulkimport.store.jobs import Receipt


@dataclass(frozen=True)
class Limits:
    """How a file is cut, how many rows it may have, and how many unfinished jobs an account."""

    chunk_rows: int
    max_rows: int
    max_active_jobs: int


class TooManyJobsError(Exception):
    """The account has as many unfinished jobs as it may have."""


def store_file(
    cursor: Cursor,
    limits: Limits,
    asked: Asked,
    *,
    account_id: int,
    job_id: UUID,
    file: BinaryIO,
    receipt: Receipt = Receipt(),  # noqa: B008 - frozen
) -> int:
    """Store the file, read once as a stream, as a job that will be finished whatever happens next.

    Returns how many rows it has. In the caller's transaction, which must be rolled back after
    RefusedFileError or TooManyJobsError.
    """
    require_room(cursor, limits, account_id=account_id)
    csv_file = CsvFile(file, charset=asked.charset, delimiter=asked.delimiter, mapping=asked.columns or {})
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
        receipt=receipt,
    )
    enqueue(cursor, limits, account_id=account_id, job_id=job_id, chunks=count)
    return total_rows


def enqueue(cursor: Cursor, limits: Limits, *, account_id: int, job_id: UUID, chunks: int) -> None:
    """Queue a job that is stored; TooManyJobsError where the account has no room for it."""
    queue.lock_account(cursor, account_id=account_id)
    ahead = require_room(cursor, limits, account_id=account_id)
    queue.enqueue(cursor, account_id=account_id, job_id=job_id, chunks=chunks, ahead=ahead)


def require_room(cursor: Cursor, limits: Limits, *, account_id: int) -> int:
    """How many unfinished jobs the account has; TooManyJobsError where that is all that it may have."""
    count = queue.count(cursor, account_id=account_id)
    if count >= limits.max_active_jobs:
        raise TooManyJobsError(
            f"the account has {count} unfinished jobs, and may have {limits.max_active_jobs}; "
            "wait until one is finished, or cancel one"
        )
    return count


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
