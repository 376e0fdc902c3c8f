"""A job's row errors, counted by code and field."""

from bulkimport.importing.outcome import add_to_summary


def test_errors_are_counted_by_code_and_field_over_the_chunks() -> None:
    first = add_to_summary([], {("required", "name"): [2, 3, 4, 5]})
    second = add_to_summary(first, {("required", "name"): [6, 7], ("unclosed_quote", None): [6]})
    assert second == [
        {"code": "required", "field": "name", "count": 6, "first_rows": [2, 3, 4, 5, 6]},
        {"code": "unclosed_quote", "field": None, "count": 1, "first_rows": [6]},
    ]


def test_errors_are_in_the_order_in_which_the_file_has_them() -> None:
    summary = add_to_summary([], {("b", "x"): [9, 3], ("c", "y"): [2], ("a", "z"): [3]})
    assert [(entry["code"], entry["first_rows"]) for entry in summary] == [
        *(("c", [2]), ("b", [3, 9]), ("a", [3])),
    ]
