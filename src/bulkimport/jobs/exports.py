"""A job's errors and failed rows, piece by piece; no connection is held between the pieces."""

from collections.abc import Iterator
from itertools import groupby
from typing import BinaryIO
from uuid import UUID

from bulkimport.csvfile import records
from bulkimport.csvfile.failed_rows import FailedRows, FailedRowsWriter
from bulkimport.csvfile.records import Record
from bulkimport.csvfile.writer import LineWriter
from bulkimport.database.connections import Database
from bulkimport.jobs.options import Options
from bulkimport.spreadsheet.failed_rows import Fault, failed_rows_sheet
from bulkimport.spreadsheet.limits import require_room
from bulkimport.store import chunks, row_errors
from bulkimport.store.chunks import StoredChunk
from bulkimport.store.jobs import Job
from bulkimport.store.row_errors import StoredError
from bulkimport.workbook import marks

PAGE_ERRORS = 1000
BEFORE_ALL = (0, 0)
MAX_POSITION = 32767
ERROR_COLUMNS = ("row", "line", "field", "code", "message", "value")


def errors_csv(database: Database, *, account_id: int, job_id: UUID, formula_safe: bool) -> Iterator[bytes]:
    """A header, and all stored row errors, one line each."""
    writer = LineWriter(formula_safe=formula_safe)
    yield writer.line(ERROR_COLUMNS)
    after = BEFORE_ALL
    while errors := _errors_after(database, account_id, job_id, after, PAGE_ERRORS):
        yield b"".join(writer.line(_cells(error)) for error in errors)
        after = errors[-1].row, errors[-1].position


def failed_rows_csv(database: Database, *, account_id: int, job: Job, formula_safe: bool) -> Iterator[bytes]:
    """A header, and the failed rows of a job as they were uploaded, each with its errors."""
    options = Options.from_stored(job.options)
    writer = FailedRowsWriter(job.header, options.delimiter, job_id=job.id, formula_safe=formula_safe)
    yield writer.header()
    for failed in _failed_rows(database, account_id, job, options):
        yield b"".join(
            writer.row(_as_seen(record), [error.message for error in errors]) for record, errors in failed
        )


def _as_seen(record: Record) -> Record:
    """The record with the cells of a workbook as their owner sees them."""
    return record._replace(cells=list(map(marks.without, record.cells)))


def write_failed_rows_workbook(database: Database, *, account_id: int, job: Job, file: BinaryIO) -> None:
    """Write a workbook with the failed rows of a job, each with its errors, to the file.

    Raises Refusal if a workbook cannot hold them.
    """
    options = Options.from_stored(job.options)
    rows = FailedRows(job.header, options.delimiter, job_id=job.id)
    require_room(job.failed_rows * len(rows.header))
    with failed_rows_sheet(file, rows, job.columns, options.date_formats) as sheet:
        for failed in _failed_rows(database, account_id, job, options):
            for record, errors in failed:
                sheet.row(record, [Fault(error.field, error.message) for error in errors])


def _failed_rows(
    database: Database, account_id: int, job: Job, options: Options
) -> Iterator[list[tuple[Record, list[StoredError]]]]:
    """The failed rows of each chunk that has any, with their errors."""
    row = 0
    while first := _errors_after(database, account_id, job.id, (row, MAX_POSITION), 1):
        chunk = _chunk(database, account_id, job.id, first[0].row)
        chunk_records = list(
            records.read(
                chunk.body,
                delimiter=options.delimiter,
                first_row=chunk.first_row,
                first_line=chunk.first_line,
            )
        )
        row = chunk_records[-1].row
        errors = _errors(database, account_id, job.id, chunk.first_row, row)
        yield [(record, errors[record.row]) for record in chunk_records if record.row in errors]


def _errors_after(
    database: Database, account_id: int, job_id: UUID, after: tuple[int, int], limit: int
) -> list[StoredError]:
    with database.tenant_read(account_id) as cursor:
        return row_errors.page(cursor, account_id=account_id, job_id=job_id, after=after, limit=limit)


def _chunk(database: Database, account_id: int, job_id: UUID, row: int) -> StoredChunk:
    with database.tenant_read(account_id) as cursor:
        chunk = chunks.holding(cursor, account_id=account_id, job_id=job_id, row=row)
    if chunk is None:
        raise LookupError(f"job {job_id} has no chunk with row {row}")
    return chunk


def _errors(
    database: Database, account_id: int, job_id: UUID, first_row: int, last_row: int
) -> dict[int, list[StoredError]]:
    """The errors of each failed row from `first_row` to `last_row`, by its number."""
    with database.tenant_read(account_id) as cursor:
        errors = row_errors.between(
            cursor, account_id=account_id, job_id=job_id, first_row=first_row, last_row=last_row
        )
    return {row: list(errors_of_row) for row, errors_of_row in groupby(errors, key=lambda error: error.row)}


def _cells(error: StoredError) -> list[str]:
    return [
        str(error.row),
        str(error.line),
        error.field or "",
        error.code,
        error.message,
        error.value or "",
    ]
