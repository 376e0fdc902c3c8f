"""The beginning of a file: its header is read, and with it the options in force are known."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import BinaryIO, NamedTuple
from uuid import UUID

from bulkimport.csvfile import encoding, failed_rows, signatures
from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.failed_rows import JobColumn
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs import remembered as remembered_imports
from bulkimport.jobs.options import REMEMBERED, Options, RequestedOptions
from bulkimport.jobs.remembered import Remembered
from bulkimport.store import jobs
from bulkimport.workbook.as_csv import DELIMITER, csv_text
from bulkimport.workbook.limits import Limits
from bulkimport.workbook.workbook import Workbook

MAX_ROWS_ABOVE = 20  # titles and the header, which are not rows of assets


class OpenedFile(NamedTuple):
    """A file whose header was read: as CSV, and for a workbook the name of the sheet that is read."""

    csv_file: CsvFile
    sheet: str | None
    remembered: Remembered | None


class FileOptions(NamedTuple):
    """The options of a file in force, and the job whose failed rows it has, if any."""

    options: Options
    parent_job_id: UUID | None
    job_column: JobColumn | None


@contextmanager
def opened(
    database: Database,
    requested: RequestedOptions,
    *,
    account_id: int,
    file: BinaryIO,
    max_rows: int,
    first_rows: int | None = None,
) -> Iterator[OpenedFile]:
    """Read the file's header.

    The sheet of a workbook is read at once: it may have `max_rows` rows, or only the first `first_rows` are
    read.
    What is remembered is looked up only if `columns` is REMEMBERED. Then the file is read in the remembered
    encoding if nothing says which one it has. Raises Refusal if the header cannot be read, or nothing is
    remembered.
    """
    open_csv = partial(_csv_file, file=file, max_rows=max_rows, first_rows=first_rows)
    is_charset_open = requested.charset is None and encoding.detected(file, None).how == encoding.DEFAULT
    with open_csv(requested) as (csv_file, sheet):
        remembered = None
        if requested.columns == REMEMBERED:
            remembered = remembered_imports.require(database, account_id=account_id, header=csv_file.header)
        charset = remembered.options.charset if remembered else csv_file.charset
        if sheet or not is_charset_open or not _has_same_header(csv_file, charset):
            yield OpenedFile(csv_file, sheet, remembered)
            return
        file.seek(0)  # csv_file is kept, since the file is closed with it
        with open_csv(replace(requested, charset=charset)) as (again, _):
            yield OpenedFile(again, None, remembered)


@contextmanager
def _csv_file(
    requested: RequestedOptions, *, file: BinaryIO, max_rows: int, first_rows: int | None
) -> Iterator[tuple[CsvFile, str | None]]:
    """The file as CSV; for a workbook also the name of the sheet that is read.

    A workbook says itself how it is to be read, so the options `charset` and `delimiter` do not count.
    """
    open_file = partial(CsvFile, mapping=requested.mapping or {}, header_row=requested.header_row)
    if not signatures.is_zip(file):
        yield open_file(file, charset=requested.charset, delimiter=requested.delimiter), None
        return
    workbook = Workbook(file, Limits(rows=max_rows + MAX_ROWS_ABOVE))
    sheet = workbook.require_sheet(requested.sheet)
    rows_read = first_rows and first_rows + MAX_ROWS_ABOVE
    with csv_text(workbook, sheet, header_row=requested.header_row, max_rows=rows_read) as text:
        yield open_file(text, charset=None, delimiter=DELIMITER, is_encoded_as_chunks=True), sheet


def _has_same_header(csv_file: CsvFile, charset: str) -> bool:
    """Whether another encoding than the file was read in would read the same header."""
    if charset == csv_file.charset:
        return False
    header = "".join(csv_file.header)
    return header.encode(charset, "replace") == header.encode(csv_file.charset)


def file_options(
    database: Database, requested: RequestedOptions, opened_file: OpenedFile, *, account_id: int
) -> FileOptions:
    """The options in force: those requested, else those that are remembered, else those of the parent."""
    csv_file, sheet, remembered = opened_file
    job_column = None if requested.parent_job_id else failed_rows.job_column(csv_file)
    parent_id = requested.parent_job_id or _parent_id(database, account_id, csv_file, job_column)
    inherited = _options_of(database, account_id, parent_id) if parent_id else Options()
    options = requested.in_force(
        remembered.options if remembered else inherited,
        charset=csv_file.charset,
        delimiter=csv_file.delimiter,
        sheet=sheet,
        header_row=csv_file.header_row,
    )
    return FileOptions(options, parent_id, job_column)


def _parent_id(
    database: Database, account_id: int, csv_file: CsvFile, job_column: JobColumn | None
) -> UUID | None:
    """The job whose failed rows these are, or None if the file does not show that."""
    if job_column:
        return job_column.job_id()
    failed_row = failed_rows.first_failed_row(csv_file)
    if failed_row is None:
        return None
    with database.tenant_read(account_id) as cursor:
        candidates = jobs.with_failed_row(
            cursor,
            account_id=account_id,
            header=failed_row.header,
            row=failed_row.row,
            errors=failed_row.errors,
            separator=failed_rows.BETWEEN_ERRORS,
        )
    if len(candidates) > 1:
        raise Refusal(
            "ambiguous-parent",
            "These may be failed rows of more than one job. Name the job with parent_job_id=, or download "
            "its failed rows again: each row then names it.",
        )
    return candidates[0] if candidates else None


def _options_of(database: Database, account_id: int, job_id: UUID) -> Options:
    with database.tenant_read(account_id) as cursor:
        job = jobs.get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise unknown_parent(job_id)
    return Options.from_stored(job.options)


def unknown_parent(job_id: UUID | None) -> Refusal:
    return Refusal("unknown-parent", f'There is no job "{job_id}". {failed_rows.WAY_OUT}')
