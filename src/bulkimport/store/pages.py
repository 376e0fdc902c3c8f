"""Pages of rows that match a filter, looked for among a bounded number of rows."""

from collections.abc import Sequence
from typing import Any

SCAN_ROWS = 10_000  # that one page looks at, so that its cost does not grow with the account

Row = tuple[Any, ...]


def cut(rows: Sequence[Row], limit: int) -> tuple[list[Row], Row | None]:
    """The rows of a page, and the row behind which the next page begins: None at the end.

    `rows` are the first `limit` + 1 that match, each with two columns more: whether it matches, and whether
    the scan ended with it. The row with which it ended is the last of them even if it does not match.
    """
    page = rows[:limit]
    goes_on = len(rows) > limit or (rows and rows[-1][-1])
    return [row[:-2] for row in page if row[-2]], page[-1][:-2] if goes_on else None
