"""Dates in the format that a column declares or implies."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkimport.csvfile.dates import FORMATS, ISO, FormatEvidence, decide, parse
from bulkimport.errors import Refusal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAYS_TO_2069 = 36_159
DAY = datetime(2024, 2, 1, tzinfo=UTC)
# The formats as strptime knows them; it takes one digit for two, and names of months in English (C locale).
STRPTIME = {
    ISO: "%Y-%m-%d",
    "YYYY/MM/DD": "%Y/%m/%d",
    "DD/MM/YYYY": "%d/%m/%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD-Mon-YYYY": "%d-%b-%Y",
    "D/M/YY": "%d/%m/%y",
    "M/D/YY": "%m/%d/%y",
}
DATE_CHARACTERS = st.text("0123456789/-.: TZAPMJanFeb", max_size=12)


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("2024-02-01", ISO),
        ("01/02/2024", "DD/MM/YYYY"),
        ("1/2/2024", "DD/MM/YYYY"),
        ("02/01/2024", "MM/DD/YYYY"),
        ("01-02-2024", "DD-MM-YYYY"),
        ("01.02.2024", "DD.MM.YYYY"),
        ("2024-2-1", ISO),
        ("2024/02/01", "YYYY/MM/DD"),
        ("2024/2/1", "YYYY/MM/DD"),
        ("1-Feb-2024", "DD-Mon-YYYY"),
        ("01-FEB-2024", "DD-Mon-YYYY"),
        ("1/2/24", "D/M/YY"),
        ("2/1/24", "M/D/YY"),
    ],
)
def test_a_day_is_its_midnight_in_utc(text: str, date_format: str) -> None:
    assert parse(text, date_format) == DAY
    assert [name for name in FORMATS if parse(text, name) == DAY] == [date_format]


@pytest.mark.parametrize("date_format", FORMATS)
@given(
    moment=st.integers(0, DAYS_TO_2069).map(lambda days: EPOCH + timedelta(days, days * 7 % 86_400, days)),
    padded=st.booleans(),
    time=st.sampled_from(["", "T%H:%M", " %H:%M:%S", "  %I:%M %p", " %I:%M:%S%p", " %H:%M:%S.%f"]),
)
def test_a_date_is_read_as_strptime_reads_it(
    date_format: str, moment: datetime, padded: bool, time: str
) -> None:
    date = STRPTIME[date_format]
    if not padded:
        date = date.replace("%d", str(moment.day)).replace("%m", str(moment.month))
    text = moment.strftime(date + time)
    expected = datetime.strptime(text, STRPTIME[date_format] + time).replace(tzinfo=UTC)
    assert parse(text, date_format) == expected


@given(text=DATE_CHARACTERS)
def test_what_is_read_as_a_date_is_one_for_strptime(text: str) -> None:
    for date_format in FORMATS:
        if len(text) <= 11 and ":" not in text and (moment := parse(text, date_format)):
            assert datetime.strptime(text, STRPTIME[date_format]).replace(tzinfo=UTC) == moment


@pytest.mark.parametrize(("year", "expected"), [("00", 2000), ("68", 2068), ("69", 1969), ("99", 1999)])
def test_years_of_two_digits_are_from_1969_to_2068(year: str, expected: int) -> None:
    assert parse(f"1/2/{year}", "D/M/YY") == datetime(expected, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("date_format", FORMATS)
def test_a_time_of_day_may_follow_every_date(date_format: str) -> None:
    date = DAY.strftime(STRPTIME[date_format])
    half_past_noon = DAY + timedelta(hours=12, minutes=30)
    for time in ("T12:30", " 12:30:00Z", " 12:30 PM", " 12:30pm", "  14:30+02:00", " 12:30:00." + "0" * 50):
        assert parse(date + time, date_format) == half_past_noon
    assert parse(f"{date} 8:05", date_format) == DAY + timedelta(hours=8, minutes=5)
    assert parse(f"{date} 0:00:00.{'9' * 100_000}", date_format) == DAY + timedelta(microseconds=999_999)
    for time in ("8:05", "T", " 8", " 13:05 PM", " 0:05 AM", " 24:00", " 12:60", " 12:30:00."):
        assert parse(date + time, date_format) is None


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
        *("", "31/02/2024", "2023-02-29", "2024-13-01", "20240115", "2024-W03-1", "24-01-05"),
        *("2024-01-15T25:00", "2024-01-15T00:00+99:00", "0001-01-01T00:00+14:00", "0000-01-01"),
        *("٢٠٢٤-٠١-١٥", "+024-01-15", "tomorrow", "2024-01-15\n", "2024-Jan-15"),
    ],
)
def test_anything_else_is_not_an_iso_date(text: str) -> None:
    assert parse(text, ISO) is None


@pytest.mark.parametrize("text", ["1-Foo-2024", "1-\u017fep-2024", "31-Feb-2024", "1-1-2024", "1-Sept-2024"])
def test_a_month_has_its_name_in_english(text: str) -> None:
    assert parse(text, "DD-Mon-YYYY") is None


def decided(**columns: list[str]) -> dict[str, str]:
    evidence = {field: FormatEvidence() for field in columns}
    for field, cells in columns.items():
        for row, cell in enumerate(cells, 2):
            evidence[field].add(row, cell)
            evidence[field].add(row, "")
    return decide(evidence)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["01/02/2024", "31/12/2024", "03/04/2024"], "DD/MM/YYYY"),
        (["01/02/2024", "12/31/2024"], "MM/DD/YYYY"),
        (["01.02.2024"], "DD.MM.YYYY"),
        (["01-02-2024", "soon", " "], "DD-MM-YYYY"),
        (["2024-02-01"], ISO),
        (["2024-2-1 8:00", "2024-02-01T08:00:00Z"], ISO),
        (["2024/2/1"], "YYYY/MM/DD"),
        (["1-Feb-2024"], "DD-Mon-YYYY"),
        (["1/2/24", "1/13/24"], "M/D/YY"),
        (["1/2/24", "13/1/24"], "D/M/YY"),
        ([], ISO),
    ],
)
def test_the_format_fits_all_dates_of_a_column(cells: list[str], expected: str) -> None:
    assert decided(valid_from=cells) == {"valid_from": expected}
    assert decided(valid_from=[*reversed(cells)]) == {"valid_from": expected}


def test_each_column_has_a_format_of_its_own() -> None:
    assert decided(valid_from=["13/02/2024"], valid_to=["2024-12-31"]) == {
        "valid_from": "DD/MM/YYYY",
        "valid_to": ISO,
    }


@pytest.mark.parametrize("cells", [["03/04/2024"], [], ["soon"]])
def test_what_a_column_leaves_open_the_other_one_decides(cells: list[str]) -> None:
    assert decided(valid_from=["13/02/2024"], valid_to=cells)["valid_to"] == "DD/MM/YYYY"
    assert decided(valid_from=cells, valid_to=["02/13/2024"])["valid_from"] == "MM/DD/YYYY"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["05/06/2024", "01/02/2024"], ["DD/MM/YYYY and as MM/DD/YYYY", '"05/06/2024" in row 2']),
        (["31/12/2024", "12/31/2024"], ['"31/12/2024" in row 2 (DD/MM/YYYY)', '"12/31/2024" in row 3']),
        (["2024-01-15", "x", "15.01.2024"], ["no format in common", '"15.01.2024" in row 4 (DD.MM.YYYY)']),
        (["soon", "Feb 1st"], ["cannot be read as dates", '"soon" in row 2 and "Feb 1st" in row 3']),
        (["01/02/24"], ["D/M/YY and as M/D/YY"]),
    ],
)
def test_what_stays_open_is_refused_with_cells_and_the_formats_that_were_tried(
    cells: list[str], words: list[str]
) -> None:
    with pytest.raises(Refusal) as refusal:
        decided(valid_from=cells)
    assert refusal.value.code == "ambiguous-dates"
    for word in ["valid_from", "date_format=", *words, *FORMATS]:
        assert word in refusal.value.detail
    assert "expected" not in refusal.value.detail


@given(st.lists(st.dates().map(str) | st.sampled_from(["01/02/2024", "2/13/2024", "1/2/24", "soon", ""])))
def test_a_format_is_decided_exactly_if_it_is_the_only_one_that_fits_all_dates(cells: list[str]) -> None:
    fits = [{name for name in FORMATS if parse(cell, name)} for cell in cells]
    common = set(FORMATS).intersection(*filter(None, fits))
    try:
        assert {decided(valid_from=cells)["valid_from"]} == (common if any(fits) else {ISO})
    except Refusal:
        assert len(common) != 1
        assert any(fits) or any(cells)
