"""Values → array literals, as PostgreSQL reads them."""

from datetime import UTC, datetime

import pytest

from bulkimport.store import row_errors
from bulkimport.store.staging import array_of_numbers, array_of_recurring, array_of_texts


@pytest.mark.parametrize(
    ("texts", "literal"),
    [
        ([], "{}"),
        (["a", "b c", ""], '{"a","b c",""}'),
        (["a", None], '{"a",NULL}'),
        (["NULL", "null"], '{"NULL","null"}'),
        (['say "x"', "b"], r'{"say \"x\"","b"}'),
        (["back\\slash"], r'{"back\\slash"}'),
        (["a,b", "{c}"], '{"a,b","{c}"}'),
        (['","'], r'{"\",\""}'),
    ],
)
def test_texts(texts: list[str | None], literal: str) -> None:
    assert array_of_texts(texts) == literal
    assert array_of_recurring(texts) == literal


def test_other_values() -> None:
    moment = datetime(2024, 1, 15, tzinfo=UTC)
    assert array_of_numbers([1, 20]) == "{1,20}"
    assert array_of_recurring([True, None, False]) == '{"True",NULL,"False"}'
    assert array_of_recurring([moment, moment]) == (
        '{"2024-01-15 00:00:00+00:00","2024-01-15 00:00:00+00:00"}'
    )


def test_positions_count_the_errors_of_a_row() -> None:
    errors = [(row, row, 'metadata."x"', "too_long", "m", None) for row in (2, 3, 3, 3, 5)]
    arrays = row_errors.arrays(errors)
    assert arrays["positions"] == "{0,0,1,2,0}"
    assert arrays["fields"].startswith(r'{"metadata.\"x\"",')
    assert row_errors.arrays([])["rows"] == "{}"
