"""An upload becomes a job: first it is read and cut, then it is stored, in one transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO
from uuid import UUID

from psycopg2.errors import ForeignKeyViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.csvfile import dates, header
from bulkimport.csvfile.chunks import OnRow
from bulkimport.csvfile.dates import FormatEvidence
from bulkimport.csvfile.header import Columns
from bulkimport.csvfile.records import Record, fitted
from bulkimport.csvfile.spooled_chunks import SpooledChunks, spooled
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs.opening import OpenedFile, file_options, opened, unknown_parent
from bulkimport.jobs.options import (
    GENERATE,
    DateFormat,
    Options,
    RequestedOptions,
    date_format,
)
from bulkimport.store import accounts, chunks, jobs, queue, server
from bulkimport.store.accounts import HighestNumber
from bulkimport.store.jobs import Receipt


@dataclass(frozen=True)
class Limits:
    """The most rows of a chunk, rows of a file, and unfinished jobs of an account."""

    chunk_rows: int
    max_rows: int
    max_active_jobs: int


@dataclass(frozen=True)
class CutFile:
    """A file that was read to its end and can be stored: its chunks, and the attributes of its job.

    `mapping_from` is the job whose mapping and options it has because `columns` is REMEMBERED.
    """

    options: Options
    header: Sequence[str]
    columns: Columns
    parent_job_id: UUID | None
    mapping_from: UUID | None
    chunks: SpooledChunks


@contextmanager
def cut(
    database: Database, limits: Limits, requested: RequestedOptions, *, account_id: int, file: BinaryIO
) -> Iterator[CutFile]:
    """Read the file, once, as a stream; with no transaction open, since a file may take any time to read.

    Raises Refusal if no job can be made of it, or the account may not have another one.
    """
    with database.tenant_read(account_id) as cursor:
        accounts.require_active(cursor, account_id=account_id)
        require_room(cursor, limits, account_id=account_id)
    with (
        opened(
            database, requested, account_id=account_id, file=file, max_rows=limits.max_rows
        ) as opened_file,
        _cut(database, limits, requested, opened_file, account_id=account_id) as cut_file,
    ):
        yield cut_file


@contextmanager
def _cut(
    database: Database,
    limits: Limits,
    requested: RequestedOptions,
    opened_file: OpenedFile,
    *,
    account_id: int,
) -> Iterator[CutFile]:
    csv_file, _, remembered = opened_file
    options, parent_id, job_column = file_options(database, requested, opened_file, account_id=account_id)
    columns = csv_file.map_columns(options.columns, options.required_fields)
    on_row, decide_date_format = _date_format(options, columns)
    highest = HighestNumber()
    if options.identifiers == GENERATE and "identifier" in columns:
        on_row.append(_adding_identifier(highest, columns))
    if job_column:
        on_row.append(job_column.require_same)
    with spooled(
        csv_file, chunk_rows=limits.chunk_rows, max_rows=limits.max_rows, on_row=on_row
    ) as spooled_chunks:
        options = replace(options, date_format=decide_date_format(), numbers_above=highest.number)
        mapping_from = remembered.job_id if remembered else None
        yield CutFile(options, csv_file.header, columns, parent_id, mapping_from, spooled_chunks)


def store(
    cursor: Cursor,
    limits: Limits,
    file: CutFile,
    *,
    account_id: int,
    job_id: UUID,
    receipt: Receipt = Receipt(),  # noqa: B008 - frozen
) -> None:
    """Store a file as a job that will be finished whatever happens next.

    In the caller's transaction, which must be rolled back after a Refusal.
    """
    for chunk in file.chunks:
        chunks.insert(cursor, account_id=account_id, job_id=job_id, **vars(chunk))
    try:
        jobs.create(
            cursor,
            account_id=account_id,
            job_id=job_id,
            total_rows=file.chunks.rows,
            blank_rows=file.chunks.blank_rows,
            options=file.options.dated(server.today(cursor)).stored(),
            header=file.header,
            columns=file.columns,
            ignored_columns=[asdict(column) for column in header.ignored_columns(file.header, file.columns)],
            parent_job_id=file.parent_job_id,
            receipt=receipt,
        )
    except ForeignKeyViolation as error:  # the parent was deleted while the file was read
        raise unknown_parent(file.parent_job_id) from error
    enqueue(cursor, limits, account_id=account_id, job_id=job_id, chunks=len(file.chunks))


def enqueue(
    cursor: Cursor,
    limits: Limits,
    *,
    account_id: int,
    job_id: UUID,
    chunks: int,
    copies: int = 0,
    next_chunk: int = 0,
) -> None:
    """Queue a job of `chunks` turns, of which the first `copies` copy its parent's chunks.

    It begins with the turn `next_chunk`.

    Raises Refusal if the account has as many unfinished jobs as it may have.
    """
    queue.lock_account(cursor, account_id=account_id)
    ahead = require_room(cursor, limits, account_id=account_id)
    queue.enqueue(
        cursor,
        account_id=account_id,
        job_id=job_id,
        chunks=chunks,
        copies=copies,
        next_chunk=next_chunk,
        ahead=ahead,
    )


def require_room(cursor: Cursor, limits: Limits, *, account_id: int) -> int:
    """How many unfinished jobs the account has; Refusal if it may not have another."""
    count = queue.count(cursor, account_id=account_id)
    if count >= limits.max_active_jobs:
        raise Refusal(
            "too-many-jobs",
            f"The account has {count} unfinished jobs, and may have {limits.max_active_jobs}; "
            "wait until one is finished, or cancel one.",
        )
    return count


def _date_format(options: Options, columns: Columns) -> tuple[list[OnRow], Callable[[], DateFormat]]:
    """What to call with each row, and what returns the date format once all rows were read.

    That is the format of the options, or for `auto` the only one that all dates of the column have.
    """
    formats = options.date_formats
    evidence = {field: FormatEvidence() for field, name in formats.items() if name == dates.AUTO}
    if not evidence:
        return [], lambda: options.date_format
    return [adding_dates(evidence, columns, options)], lambda: date_format(
        {**formats, **dates.decide(evidence)}
    )


def adding_dates(evidence: Mapping[str, FormatEvidence], columns: Columns, options: Options) -> OnRow:
    """Returns a function that adds the dates of a row, if its cells are in their columns."""
    width = len(columns)
    adds = [(columns.index(field), seen.add) for field, seen in evidence.items() if field in columns]

    def add(record: Record) -> None:
        if cells := cells_in_columns(record, width):
            for place, add_cell in adds:
                if cells[place].strip() != options.clear_value:
                    add_cell(record.row, cells[place])

    return add


def _adding_identifier(highest: HighestNumber, columns: Columns) -> OnRow:
    """Returns a function that adds the identifier of a row, if its cells are in their columns."""
    width, place = len(columns), columns.index("identifier")

    def add(record: Record) -> None:
        if cells := cells_in_columns(record, width):
            highest.add(cells[place])

    return add


def cells_in_columns(record: Record, width: int) -> Sequence[str] | None:
    """The cells of a row, as many as the header has; None if they are not in their columns."""
    if record.fault:
        return None
    return record.cells if len(record.cells) == width else fitted(record.cells, width)
