"""What became of the rows of a chunk, and a job's row errors counted over its chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkimport.assets.row_errors import Occurrences, RowError

FIRST_ROWS = 5  # that the summary names of each code and field

# [{"code", "field", "count", "first_rows"}], as the job stores and shows it.
Summary = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What became of some rows: how many were created, updated, unchanged, skipped, failed or removed.

    `errors` are the kept errors of the failed rows, in file order; `occurrences` has all errors. `job_status`
    is the job's final status if it ended with these rows.
    """

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: Sequence[RowError] = ()
    occurrences: Occurrences = field(default_factory=dict)
    removed: int = 0
    unchanged: int = 0
    job_status: str | None = None


def add_to_summary(summary: Summary, occurrences: Occurrences) -> Summary:
    """The summary with the errors of later rows added, in the order in which the file has them."""
    counted = {(entry["code"], entry["field"]): (entry["count"], entry["first_rows"]) for entry in summary}
    for error, rows in sorted(occurrences.items(), key=lambda item: min(item[1])):
        count, first_rows = counted.get(error, (0, []))
        counted[error] = count + len(rows), [*first_rows, *sorted(rows)][:FIRST_ROWS]
    return [
        {"code": code, "field": field, "count": count, "first_rows": rows}
        for (code, field), (count, rows) in counted.items()
    ]
