"""Pages of rows that match a filter, with a bound on how many rows are scanned for a page."""

from collections.abc import Sequence
from typing import Any

SCAN_ROWS = 10_000  # scanned for one page, so that its cost does not grow with the account

Row = tuple[Any, ...]


def cut(rows: Sequence[Row], limit: int) -> tuple[list[Row], Row | None]:
    """The rows of a page, and the row after which the next page begins: None at the end.

    `rows` are the first `limit` + 1 that match, each with two more columns: whether it matches, and whether
    the scan ended at it. The row at which the scan ended is the last of them even if it does not match.
    """
    page = rows[:limit]
    has_more = len(rows) > limit or (rows and rows[-1][-1])
    return [row[:-2] for row in page if row[-2]], page[-1][:-2] if has_more else None
