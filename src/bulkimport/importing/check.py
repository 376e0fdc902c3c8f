"""Checks the rows of a chunk and prepares them for the database; the next chunk is checked ahead of its turn.

While PostgreSQL inserts one chunk this process only waits, so a thread checks the next one meanwhile. Its
result depends on the chunk's text alone, which never changes: it stays correct whatever becomes of the
transaction, and is dropped if another job's chunk comes first.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

from bulkimport.assets.rows import CheckedRows, Occurrences, RowError, RowRules
from bulkimport.csvfile import records
from bulkimport.csvfile.header import Columns
from bulkimport.jobs.options import UPDATE, Options
from bulkimport.store import row_errors, staging
from bulkimport.store.chunks import StoredChunk
from bulkimport.telemetry import metrics
from bulkimport.workbook import marks


@dataclass(frozen=True)
class CheckedChunk:
    """The good rows and the kept errors of the others, each also in the form that the statements take.

    `occurrences` has all errors.
    """

    good: CheckedRows
    staged: staging.Staging
    errors: Sequence[RowError]
    stored_errors: row_errors.NewErrors
    occurrences: Occurrences


@metrics.stage("check")
def check(chunk: StoredChunk, columns: Columns, options: Options) -> CheckedChunk:
    """Check every row of a chunk of a file with these columns."""
    rules = RowRules(columns, date_format=options.date_format, partial=options.on_conflict == UPDATE)
    read = records.read(
        chunk.body, delimiter=options.delimiter, first_row=chunk.first_row, first_line=chunk.first_line
    )
    if options.sheet is not None:
        read = replace(read, lines=read.rows)  # the lines of the text that a workbook became mean nothing
    if chunk.only_rows is not None:
        read = read.only(set(chunk.only_rows))
    good, errors, occurrences = rules.check(read, has_marks=marks.occur_in(chunk.body))
    staged = staging.arrays(good.rows, good.columns)
    return CheckedChunk(good, staged, errors, row_errors.arrays(errors), occurrences)


class Lookahead:
    """Checks at most one chunk ahead, in a thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lookahead")
        self._key: tuple[UUID, int] | None = None
        self._future: Future[CheckedChunk] | None = None

    def begin(
        self, job_id: UUID, number: int, chunk: StoredChunk, columns: Columns, options: Options
    ) -> None:
        """Start to check this chunk in the background."""
        self._key = job_id, number
        self._future = self._thread.submit(check, chunk, columns, options)

    def take(self, job_id: UUID, number: int) -> CheckedChunk | None:
        """The result for this chunk if it was begun last, waiting until it is there; otherwise None."""
        if self._future is None or self._key != (job_id, number):
            return None
        return self._future.result()
