"""A chunk's rows checked and made ready for the database; the next one ahead of its turn.

While PostgreSQL inserts one chunk this process only waits, so a thread checks the next one meanwhile. What
it makes depends on the chunk's text alone, which never changes: it stays right whatever becomes of the
transaction, and is thrown away when another job's chunk comes first.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from bulkimport.csvfile import records
from bulkimport.csvfile.rows import Asset, RowError, RowRules
from bulkimport.store import assets
from bulkimport.store.chunks import Chunk


@dataclass(frozen=True)
class CheckedChunk:
    """`rows` in all, of which `good` stand in `staging`; the errors of the others."""

    rows: int
    good: int
    staging: assets.Staging
    errors: Sequence[RowError]


def check(chunk: Chunk, columns: Sequence[str | None]) -> CheckedChunk:
    """Check every row of a chunk whose file has these columns."""
    rules = RowRules(tuple(columns))
    good: list[Asset] = []
    errors: list[RowError] = []
    for row, cells in records.read(chunk.body, first_row=chunk.first_row):
        checked = rules.check(row, cells)
        if isinstance(checked, Asset):
            good.append(checked)
        else:
            errors.extend(checked)
    return CheckedChunk(chunk.rows, len(good), assets.staging(good), errors)


class Lookahead:
    """Holds at most one chunk that is being checked ahead."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lookahead")
        self._key: tuple[UUID, int] | None = None
        self._future: Future[CheckedChunk] | None = None

    def begin(self, job_id: UUID, number: int, chunk: Chunk, columns: Sequence[str | None]) -> None:
        """Check this chunk in the background."""
        self._key = job_id, number
        self._future = self._thread.submit(check, chunk, columns)

    def take(self, job_id: UUID, number: int) -> CheckedChunk | None:
        """The chunk, when it is the one that was begun last; waits for it to be done."""
        if self._future is None or self._key != (job_id, number):
            return None
        return self._future.result()
