"""How an upload would read a file: its columns, its first rows, and what is wrong with them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, BinaryIO, NamedTuple, Self
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.row_errors import MAX_VALUE_CHARS
from bulkimport.csvfile import dates, encoding, header, signatures
from bulkimport.csvfile.chunks import Chunk, CsvFile
from bulkimport.csvfile.dates import FormatEvidence
from bulkimport.csvfile.failed_rows import JobColumn
from bulkimport.csvfile.header import DATE_FIELDS, SIMILAR, Columns
from bulkimport.csvfile.heading import MAX_HEADER_ROW
from bulkimport.csvfile.records import Records
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs import intake, remembered, row_rules
from bulkimport.jobs.first_rows import Row, first_rows
from bulkimport.jobs.intake import Limits
from bulkimport.jobs.opening import FileOptions, OpenedFile, file_options, opened
from bulkimport.jobs.options import Options, RequestedOptions, date_format
from bulkimport.store import accounts, server
from bulkimport.workbook import marks
from bulkimport.workbook.workbook import Sheet, Workbook

MAX_ROWS = 1000  # that are read
MAX_SAMPLES = 5
ALWAYS_SENT = (
    *("columns", "accept_numbers", "dry_run", "on_conflict", "on_error", "defaults", "identifiers"),
    "empty",
)
HEADER, AMBIGUOUS = "header", "ambiguous"
# About the request, and not about the file.
NOT_LISTED = ("invalid-parameters", "nothing-remembered")


class Detail(NamedTuple):
    """What a file is read by, and how that is known. `value` is None if it is not known."""

    value: str | None
    how: str


class Column(NamedTuple):
    """A column of the file. `field` is what it fills, or a proposal if `how` is SIMILAR."""

    column: str
    position: int
    field: str | None
    how: str
    samples: Sequence[str]


class DateFormats(NamedTuple):
    """A column with dates, and the formats that fit all of them."""

    column: str
    field: str
    formats: Sequence[str]


@dataclass(frozen=True)
class Preview:
    """What is known of a file from its header and its first rows.

    `missing_fields` are the required fields without a column. `options` are those of an upload that would
    read the file in the same way, None if its header cannot be read. `problems` is what an upload would
    refuse.
    """

    charset: Detail | None = None
    delimiter: Detail | None = None
    sheets: Sequence[Sheet] | None = None
    sheet: str | None = None
    header_row: int | None = None
    columns: Sequence[Column] = ()
    missing_fields: Sequence[str] = ()
    date_formats: Sequence[DateFormats] = ()
    rows: Sequence[Row] = ()
    rows_read: int = 0
    is_complete: bool = False
    options: Mapping[str, Any] | None = None
    mapping_from: UUID | None = None
    remembered_job_id: UUID | None = None
    problems: Sequence[Refusal] = ()


def preview(
    database: Database, limits: Limits, requested: RequestedOptions, *, account_id: int, file: BinaryIO
) -> Preview:
    """Read the first rows of a file: at most MAX_ROWS, and what fits in one chunk. Nothing is stored.

    Raises Refusal if the options contradict each other or nothing is remembered.
    """
    with database.tenant_read(account_id) as cursor:
        accounts.require_active(cursor, account_id=account_id)
        today = server.today(cursor)
        result = _with_room(Preview(), cursor, limits, account_id=account_id)
    try:
        result = _with_encoding(result, requested, file)
        with opened(
            database,
            requested,
            account_id=account_id,
            file=file,
            max_rows=limits.max_rows,
            first_rows=MAX_ROWS + 1,
        ) as opened_file:
            result = _with_header(result, opened_file)
            memory = opened_file.remembered or remembered.get(
                database, account_id=account_id, header=opened_file.csv_file.header
            )
            result = replace(result, remembered_job_id=memory.job_id if memory else None)
            options = file_options(database, requested, opened_file, account_id=account_id)
            return _with_rows(result, limits, requested, opened_file.csv_file, options, today)
    except Refusal as refusal:
        if refusal.code in NOT_LISTED:
            raise
        return _with_problem(result, refusal)


def _with_room(result: Preview, cursor: Cursor, limits: Limits, *, account_id: int) -> Preview:
    try:
        intake.require_room(cursor, limits, account_id=account_id)
    except Refusal as refusal:
        return _with_problem(result, refusal)
    return result


def _with_encoding(result: Preview, requested: RequestedOptions, file: BinaryIO) -> Preview:
    """Adds what can be known without the header. Raises Refusal if the file is not CSV or a workbook."""
    if signatures.is_zip(file):
        with suppress(Refusal):  # the sheet that an upload would read may be fine
            result = replace(result, sheets=Workbook(file).sheets())
        return result
    signatures.refuse(file)
    detected = encoding.detected(file, requested.charset)
    return replace(result, charset=Detail(detected.charset, detected.how))


def _with_header(result: Preview, opened_file: OpenedFile) -> Preview:
    """Adds what the header shows."""
    csv_file, sheet, memory = opened_file
    result = replace(
        result,
        header_row=csv_file.header_row,
        sheet=sheet,
        mapping_from=memory.job_id if memory else None,
    )
    if sheet is not None:
        return result
    if result.charset and result.charset.value != csv_file.charset:
        result = replace(result, charset=Detail(csv_file.charset, encoding.DECLARED))
    return replace(result, delimiter=Detail(csv_file.delimiter, _delimiter_reason(csv_file)))


def _delimiter_reason(csv_file: CsvFile) -> str:
    if csv_file.has_declared_delimiter:
        return encoding.DECLARED
    return HEADER if len(csv_file.header) > 1 else encoding.DEFAULT


def _with_problem(result: Preview, refusal: Refusal) -> Preview:
    if refusal.code == "ambiguous-delimiter":
        result = replace(result, delimiter=Detail(None, AMBIGUOUS))
    return replace(result, problems=(*result.problems, refusal))


def _with_rows(
    result: Preview,
    limits: Limits,
    requested: RequestedOptions,
    csv_file: CsvFile,
    known_options: FileOptions,
    today: date,
) -> Preview:
    """Adds the columns, and what the rows show."""
    options = known_options.options
    columns = header.mapped_columns(csv_file.header, options.columns)
    problems = csv_file.refusals(options.columns, options.required_fields)
    chunk = None
    try:
        chunk = _first_chunk(csv_file, limits, known_options.job_column)
        is_complete = csv_file.first_record() is None
    except Refusal as refusal:
        problems.append(refusal)
        is_complete = refusal.code == "no-rows"
    records = row_rules.read_rows(chunk, options) if chunk else Records()
    evidence = _date_evidence(records, columns, options)
    decided = _DateFormats.of(options, evidence, is_complete=is_complete)
    missing = [field for field in options.required_fields if field not in columns]
    read_options = replace(options, date_format=date_format({**options.date_formats, **decided.formats}))
    return replace(
        result,
        columns=_columns(csv_file.header, columns, options, records),
        missing_fields=missing,
        date_formats=[
            DateFormats(
                header.on_one_line(csv_file.header[columns.index(field)]), field, evidence[field].fitting
            )
            for field in DATE_FIELDS
            if field in columns and evidence[field].has_dates
        ],
        rows=first_rows(
            records,
            columns,
            read_options.dated(today),
            unknown={*missing, *decided.unknown},
            has_marks=chunk is not None and marks.occur_in(chunk.body),
        ),
        rows_read=len(records.rows),
        is_complete=is_complete,
        options=_to_send(read_options if is_complete else options, requested),
        problems=[*result.problems, *problems, *decided.problems],
    )


def _first_chunk(csv_file: CsvFile, limits: Limits, job_column: JobColumn | None) -> Chunk:
    on_row = [job_column.require_same] if job_column else []
    return next(csv_file.chunks(chunk_rows=MAX_ROWS, max_rows=limits.max_rows, on_row=on_row))


def _date_evidence(records: Records, columns: Columns, options: Options) -> dict[str, FormatEvidence]:
    evidence = {field: FormatEvidence() for field in DATE_FIELDS}
    add = intake.adding_dates(evidence, columns, options)
    for record in records:
        add(record)
    return evidence


class _DateFormats(NamedTuple):
    """For dates whose format is `auto`: the formats by their fields, or the fields where that is unknown."""

    formats: Mapping[str, str]
    unknown: Sequence[str] = ()
    problems: Sequence[Refusal] = ()

    @classmethod
    def of(cls, options: Options, evidence: Mapping[str, FormatEvidence], *, is_complete: bool) -> Self:
        """What an upload would decide; rows that were not read may decide what these leave open."""
        open_fields = {
            field: evidence[field] for field, name in options.date_formats.items() if name == dates.AUTO
        }
        try:
            return cls(dates.decide(open_fields))
        except Refusal as refusal:
            is_final = is_complete or not all(seen.possible for seen in open_fields.values())
            return cls({}, list(open_fields), [refusal] if is_final else [])


def _columns(names: Sequence[str], columns: Columns, options: Options, records: Records) -> list[Column]:
    rows = [cells for record in records if (cells := intake.cells_in_columns(record, len(columns)))]
    similar = {
        ignored.position: ignored.did_you_mean
        for ignored in header.ignored_columns(names, columns)
        if ignored.did_you_mean
    }
    reasons = header.reasons(names, columns, options.columns)
    return [
        Column(
            header.on_one_line(name),
            position,
            similar.get(position, field),
            SIMILAR if position in similar else reason,
            _samples(cells[position - 1] for cells in rows),
        )
        for position, (name, field, reason) in enumerate(zip(names, columns, reasons, strict=True), start=1)
    ]


def _samples(cells: Iterable[str]) -> list[str]:
    """The first MAX_SAMPLES different texts, as they can be shown."""
    samples: list[str] = []
    for cell in cells:
        text = encoding.printable(marks.without(cell).strip()[:MAX_VALUE_CHARS])[:MAX_VALUE_CHARS]
        if text and text not in samples:
            samples.append(text)
            if len(samples) == MAX_SAMPLES:
                break
    return samples


def _to_send(options: Options, requested: RequestedOptions) -> dict[str, Any]:
    """The options of an upload; without those that do not count for its kind of file, or are not set."""
    read_by: dict[str, Any] = {"charset": options.charset, "delimiter": options.delimiter}
    if options.sheet is not None:
        read_by = {"sheet": options.sheet}
    optional = {
        "header_row": options.header_row if options.header_row <= MAX_HEADER_ROW else None,  # found again
        "clear_value": options.clear_value,
        "parent_job_id": requested.parent_job_id,
    }
    return {
        **read_by,
        **{name: getattr(options, name) for name in ALWAYS_SENT},
        "date_format": options.date_formats,
        **{name: value for name, value in optional.items() if value is not None},
    }
