"""Dates in the format that a file declares or implies."""

from datetime import UTC, datetime

import pytest

from bulkimport.csvfile.dates import FORMATS, ISO, FormatEvidence, parse
from bulkimport.csvfile.refusal import RefusedFileError

DAY = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("2024-02-01", ISO),
        ("01/02/2024", "DD/MM/YYYY"),
        ("1/2/2024", "DD/MM/YYYY"),
        ("02/01/2024", "MM/DD/YYYY"),
        ("01-02-2024", "DD-MM-YYYY"),
        ("01.02.2024", "DD.MM.YYYY"),
    ],
)
def test_a_day_is_its_midnight_in_utc(text: str, date_format: str) -> None:
    assert parse(text, date_format) == DAY
    assert [name for name in FORMATS if parse(text, name) == DAY] == [date_format]


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-01T12:30",
        "2024-02-01 12:30:00",
        "2024-02-01t12:30:00z",
        "2024-02-01T12:30:00.000Z",
        "2024-02-01T14:30:00+02:00",
        "2024-02-01T07:00:00-0530",
    ],
)
def test_a_timestamp_is_a_moment(text: str) -> None:
    assert parse(text, ISO) == datetime(2024, 2, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "31/02/2024", "2023-02-29", "2024-13-01", "20240115", "2024-W03-1", "2024-1-5"),
        *("2024-01-15T25:00", "2024-01-15T00:00+99:00", "0001-01-01T00:00+14:00", "0000-01-01"),
        *("٢٠٢٤-٠١-١٥", "+024-01-15", "tomorrow", "2024-01-15\n", "2024-01-15T00:00:00.1234567"),
    ],
)
def test_anything_else_is_not_an_iso_date(text: str) -> None:
    assert parse(text, ISO) is None


def evidence(*cells: str) -> FormatEvidence:
    seen = FormatEvidence()
    for cell in cells:
        seen.add([cell, ""])
    return seen


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["01/02/2024", "31/12/2024", "03/04/2024"], "DD/MM/YYYY"),
        (["01/02/2024", "12/31/2024"], "MM/DD/YYYY"),
        (["01.02.2024"], "DD.MM.YYYY"),
        (["01-02-2024", "soon", " "], "DD-MM-YYYY"),
        (["2024-02-01"], ISO),
        ([], ISO),
        (["soon"], ISO),
    ],
)
def test_the_format_fits_all_dates(cells: list[str], expected: str) -> None:
    assert evidence(*cells).decide() == expected
    assert evidence(*reversed(cells)).decide() == expected


@pytest.mark.parametrize(
    ("cells", "examples"),
    [
        (["05/06/2024", "01/02/2024", "05/06/2024"], '"01/02/2024" and "05/06/2024"'),
        (["31/12/2024", "12/31/2024"], '"31/12/2024" and "12/31/2024"'),
        (["2024-01-15", "15.01.2024"], '"2024-01-15" and "15.01.2024"'),
    ],
)
def test_what_stays_ambiguous_is_refused_with_two_examples(cells: list[str], examples: str) -> None:
    with pytest.raises(RefusedFileError) as refusal:
        evidence(*cells).decide()
    assert refusal.value.code == "ambiguous-dates"
    assert examples in refusal.value.detail
