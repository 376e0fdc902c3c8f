"""A job's row errors, counted by code and field."""

from collections.abc import Mapping, Sequence
from typing import Any

from bulkimport.assets.rows import Occurrences

FIRST_ROWS = 5

# [{"code", "field", "count", "first_rows"}], as the job keeps and shows it.
Summary = Sequence[Mapping[str, Any]]


def merge(summary: Summary, occurrences: Occurrences) -> Summary:
    """The summary with errors added that occurred in later rows than those in it."""
    counted = {(entry["code"], entry["field"]): (entry["count"], entry["first_rows"]) for entry in summary}
    for error, rows in sorted(occurrences.items(), key=lambda item: min(item[1])):
        count, first_rows = counted.get(error, (0, []))
        counted[error] = count + len(rows), [*first_rows, *sorted(rows)][:FIRST_ROWS]
    return [
        {"code": code, "field": field, "count": count, "first_rows": rows}
        for (code, field), (count, rows) in counted.items()
    ]
