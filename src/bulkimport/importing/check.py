"""Checks the rows of a chunk and prepares them for the database; the next chunk is checked ahead of its turn.

While PostgreSQL inserts one chunk this process only waits, so a thread checks the next one meanwhile. Its
result depends on the chunk's text alone, which never changes: it stays correct whatever becomes of the
transaction, and is dropped if another job's chunk comes first.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

from bulkimport.assets.row_errors import Occurrences, RowError, first_of_each_row, occurrences
from bulkimport.assets.rows import NO_ROWS, CheckedRows, Identified
from bulkimport.csvfile.header import Columns
from bulkimport.jobs import row_rules
from bulkimport.jobs.options import GENERATE, Options
from bulkimport.store import row_errors, staging
from bulkimport.store.chunks import StoredChunk
from bulkimport.telemetry import metrics
from bulkimport.workbook import marks


@dataclass(frozen=True)
class CheckedChunk:
    """The good rows and the kept errors of the others, each also in the form that the statements take.

    `unnumbered` has the good rows whose identifiers are to be generated; they are not in `good`.
    `occurrences` has all errors; `identified` are the others whose identifier is valid.
    """

    good: CheckedRows
    staged: staging.Staging
    unnumbered: staging.Staging
    unnumbered_rows: Sequence[int]
    errors: Sequence[RowError]
    stored_errors: row_errors.NewErrors
    occurrences: Occurrences
    identified: Identified

    def with_errors(self, errors: Sequence[RowError]) -> Self:
        """This with further errors of rows that have some already, which come first in their rows."""
        merged = first_of_each_row([*errors, *self.errors])
        return replace(
            self,
            errors=merged,
            stored_errors=row_errors.arrays(merged),
            occurrences=occurrences(errors, self.occurrences),
        )

    def __len__(self) -> int:
        """How many good rows there are, with an identifier or without."""
        return len(self.good) + len(self.unnumbered_rows)


@metrics.stage("check")
def check(chunk: StoredChunk, columns: Columns, options: Options) -> CheckedChunk:
    """Check every row of a chunk of a file with these columns."""
    read = row_rules.read_rows(chunk, options)
    if chunk.only_rows is not None:
        read = read.only(set(chunk.only_rows))
    rules = row_rules.of_job(columns, options)
    good, errors, occurred, identified = rules.check(read, has_marks=marks.occur_in(chunk.body))
    unnumbered = NO_ROWS
    if options.identifiers == GENERATE:
        good, unnumbered = good.divided()
    return CheckedChunk(
        good,
        staging.arrays(good.rows, good.columns),
        staging.arrays(unnumbered.rows, unnumbered.columns),
        unnumbered.rows,
        errors,
        row_errors.arrays(errors),
        occurred,
        identified,
    )


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
