"""Row errors, counted."""

from bulkimport.assets.rows import RowError
from bulkimport.importing import error_summary


def error(row: int, field: str | None, code: str) -> RowError:
    return RowError(row, row, field, code, "message", None)


def test_errors_are_counted_by_code_and_field_over_the_chunks() -> None:
    first = error_summary.merge([], [error(row, "name", "required") for row in range(2, 6)])
    second = error_summary.merge(
        first, [error(6, "name", "required"), error(6, None, "unclosed_quote"), error(7, "name", "required")]
    )
    assert second == [
        {"code": "required", "field": "name", "count": 6, "first_rows": [2, 3, 4, 5, 6]},
        {"code": "unclosed_quote", "field": None, "count": 1, "first_rows": [6]},
    ]


def test_a_row_is_listed_once() -> None:
    summary = error_summary.merge([], [error(2, "x", "too_long"), error(2, "x", "too_long")])
    assert summary == [{"code": "too_long", "field": "x", "count": 2, "first_rows": [2]}]
