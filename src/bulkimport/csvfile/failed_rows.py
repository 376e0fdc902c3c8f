"""The file of a job's failed rows, which its owner fixes and uploads again."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from bulkimport.csvfile import encoding
from bulkimport.csvfile.chunks import CsvFile
from bulkimport.csvfile.header import ADDED_COLUMNS
from bulkimport.csvfile.records import Record, fitted, lenient_cells, unparsed_cells
from bulkimport.csvfile.writer import LineWriter
from bulkimport.errors import Refusal

ROW, ERRORS, JOB = ADDED_COLUMNS
BETWEEN_ERRORS = "; "
MAX_ROW_DIGITS = 9
MAX_SHOWN_CHARS = 50
WAY_OUT = (
    "Name the job whose failed rows these are with parent_job_id=, or leave out that option and the columns "
    f'"{ROW}", "{ERRORS}" and "{JOB}".'
)


class JobColumn:
    """The column in which a row names the job that it failed in; all rows that name one must name the same.

    The upload inherits that job's options, so a row of another job could be read with the wrong ones.
    """

    def __init__(self, place: int, width: int, named: str) -> None:
        """`named`: the job that the first row names, or "". Rows of another width fail anyway."""
        self._place = place
        self._width = width
        self._named = named

    def job_id(self) -> UUID | None:
        """The job, or None if the first row names none; Refusal if it is not the id of a job."""
        if not self._named:
            return None
        job_id = _job_id(self._named)
        if job_id is None:
            raise Refusal("unknown-parent", f"There is no job {_shown(self._named)}. {WAY_OUT}")
        return job_id

    def require_same(self, record: Record) -> None:
        """Raise Refusal if the row names another job than the first row does."""
        cells = None if record.fault else fitted(record.cells, self._width)
        if cells is None or cells[self._place] == self._named:
            return
        named = cells[self._place].strip()
        if named and named.lower() != self._named.lower():
            first = _shown(self._named) if self._named else "none"
            raise Refusal(
                "ambiguous-parent",
                f'In the column "{JOB}" row {record.row} names the job {_shown(named)}, and the first row '
                f"{first}. Upload the rows of each job in a file of their own, or name one job for all rows "
                "with parent_job_id=.",
            )


def job_column(csv_file: CsvFile) -> JobColumn | None:
    """The column that names the job, or None if the file does not have it."""
    names = _names(csv_file)
    if JOB not in names:
        return None
    place, record = names.index(JOB), csv_file.first_record()
    cells = record.cells if record else []
    if record and record.fault:
        cells = unparsed_cells(record.cells[0], csv_file.delimiter)
    named = cells[place].strip() if place < len(cells) else ""
    if fitted(cells, len(names)) is None and not _job_id(named):
        named = ""  # the cells are not in their columns
    return JobColumn(place, len(names), named)


class FailedRow(NamedTuple):
    """How to find the job of a failed row that does not name it: by header, row number, and messages."""

    header: list[str]
    row: int
    errors: str


def first_failed_row(csv_file: CsvFile) -> FailedRow | None:
    """The first row of a file of failed rows without the column `_job`; None for any other file."""
    names = _names(csv_file)
    record = csv_file.first_record() if {ROW, ERRORS} <= set(names) and JOB not in names else None
    if record is None or len(record.cells) < len(names):
        return None
    row = record.cells[names.index(ROW)].strip()
    if not (row.isascii() and row.isdigit() and len(row) <= MAX_ROW_DIGITS):
        return None
    errors = encoding.printable(record.cells[names.index(ERRORS)])
    return FailedRow([csv_file.header[place] for place in _original(csv_file.header)], int(row), errors)


class FailedRows:
    """The original columns, then `_row`, `_errors` and `_job`. `places` has those of the original ones."""

    def __init__(self, header: Sequence[str], delimiter: str, *, job_id: UUID) -> None:
        self.places = _original(header)
        self.header = [*(header[place] for place in self.places), *ADDED_COLUMNS]
        self._width = len(header)
        self._delimiter = delimiter
        self._job_id = str(job_id)

    def cells(self, record: Record, messages: Sequence[str]) -> list[str]:
        """A failed row with its original cells, its row number, its messages, and its job.

        Missing cells are empty ones, and extra cells follow the last column.
        """
        cells = lenient_cells(record.cells[0], self._delimiter) if record.fault else record.cells
        original, own, surplus = self.parts(cells, record, messages)
        return [*original, *own, *surplus]

    def parts(
        self, cells: Sequence[str], record: Record, messages: Sequence[str]
    ) -> tuple[list[str], tuple[str, str, str], list[str]]:
        """Of these cells the original ones and the surplus, and between the two what is added."""
        padded = [*cells, *[""] * (self._width - len(cells))]
        original = [padded[place] for place in self.places]
        own = (str(record.row), BETWEEN_ERRORS.join(messages), self._job_id)
        return original, own, padded[self._width :]


class FailedRowsWriter:
    """Writes failed rows as CSV, with the original delimiter."""

    def __init__(
        self, header: Sequence[str], delimiter: str, *, job_id: UUID, formula_safe: bool = False
    ) -> None:
        self._rows = FailedRows(header, delimiter, job_id=job_id)
        self._delimiter = delimiter
        self._writer = LineWriter(delimiter, formula_safe=formula_safe)

    def header(self) -> bytes:
        """The first line."""
        return self._writer.line(self._rows.header)

    def row(self, record: Record, messages: Sequence[str]) -> bytes:
        """A failed row, as a line; the cells of a faulty record are as they were, fault included."""
        if not record.fault:
            return self._writer.line(self._rows.cells(record, messages))
        cells = unparsed_cells(record.cells[0], self._delimiter)
        original, own, surplus = self._rows.parts(cells, record, messages)
        return self._writer.line(own, before=original, after=surplus)


def _original(header: Sequence[str]) -> list[int]:
    """The places of the original columns, from 0; a file of failed rows may itself have failed rows."""
    return [place for place, name in enumerate(header) if name.strip() not in ADDED_COLUMNS]


def _names(csv_file: CsvFile) -> list[str]:
    return [name.strip() for name in csv_file.header]


def _job_id(text: str) -> UUID | None:
    """The UUID in its usual form; uuid.UUID alone also takes braces, urn:uuid: and no dashes at all."""
    try:
        job_id = UUID(text)
    except ValueError:
        return None
    return job_id if str(job_id) == text.lower() else None


def _shown(cell: str) -> str:
    return f'"{encoding.printable(cell[:MAX_SHOWN_CHARS])}"'
