"""A job's row errors, counted by code and field."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bulkimport.assets.rows import RowError

FIRST_ROWS = 5

# [{"code", "field", "count", "first_rows"}], as the job keeps and shows it.
Summary = Sequence[Mapping[str, Any]]


def merge(summary: Summary, errors: Iterable[RowError]) -> Summary:
    """The summary with these errors added, which come in order of their rows."""
    counted = {(entry["code"], entry["field"]): (entry["count"], entry["first_rows"]) for entry in summary}
    for error in errors:
        count, rows = counted.get((error.code, error.field), (0, []))
        if len(rows) < FIRST_ROWS and error.row not in rows:
            rows = [*rows, error.row]
        counted[error.code, error.field] = count + 1, rows
    return [
        {"code": code, "field": field, "count": count, "first_rows": rows}
        for (code, field), (count, rows) in counted.items()
    ]
