"""Workbooks as real writers write them, and as nobody does."""

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bulkimport.csvfile.chunks import CsvFile
from bulkimport.errors import Refusal
from bulkimport.workbook.as_csv import DELIMITER, ENCODING, ERRORS, csv_text
from bulkimport.workbook.cells import Row
from bulkimport.workbook.marks import DATE, ERROR, PREFIXES, UNCALCULATED, unmarked
from bulkimport.workbook.workbook import Workbook
from tests.support.workbooks import rows, workbook
from tests.workbooks.make import DATES, HEADER

CORPUS = Path(__file__).parents[1] / "workbooks"
FILES = sorted(path.stem for path in CORPUS.glob("*.xlsx"))
# What XML can contain: neither halves of surrogate pairs nor U+FFFE and U+FFFF.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=20)
INTEGERS = st.integers(-(10**15) + 1, 10**15 - 1)
TABLES = st.lists(st.lists(TEXTS | INTEGERS | st.booleans() | st.none(), max_size=6), max_size=8)


@pytest.mark.parametrize("name", FILES)
def test_each_writer_s_workbook_has_the_same_table(name: str) -> None:
    is_calculated = not name.startswith("openpyxl")
    with (CORPUS / f"{name}.xlsx").open("rb") as file:
        assert list(Workbook(file).rows(None)) == [
            Row(1, ["Our assets"], {}),
            Row(3, list(HEADER), {}),
            *(
                Row(
                    4 + 2 * number,
                    [
                        f"00{number}",
                        f'Größe "{number}" <&>\nline 2',
                        day.isoformat(),
                        "2024-05-06T07:08:09Z",
                        f"000{42 + number}",
                        "12.5%",
                        "FALSE" if number == 1 else "TRUE",
                        f"{1_000_000 * number}",
                        f"{1_000_000 * number + 1}" if is_calculated else "",
                    ],
                    {2: DATE, 3: DATE} | ({} if is_calculated else {8: UNCALCULATED}),
                )
                for number, day in enumerate(DATES)
            ),
        ]


def test_there_are_workbooks_of_three_writers() -> None:
    assert {name.partition("-")[0] for name in FILES} == {"libreoffice", "openpyxl", "xlsxwriter"}


@given(table=TABLES, constant_memory=st.booleans())
@example(
    table=[["_x000D_", "\r", "\r\n", "\t ", "_x", "\0", "\x1f", "\ufdd0", "&amp;"]], constant_memory=True
)
@example(table=[[], ["<si><t>x</t></si>", "]]>", "<!--"], [0, -1, True]], constant_memory=False)
def test_any_table_reads_back_as_it_was_written(
    table: list[list[str | int | bool | None]], constant_memory: bool
) -> None:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"constant_memory": constant_memory, "in_memory": not constant_memory})
    sheet = book.add_worksheet()
    for row, cells in enumerate(table):
        for column, value in enumerate(cells):
            if isinstance(value, bool):
                sheet.write_boolean(row, column, value)
            elif isinstance(value, int):
                sheet.write_number(row, column, value)
            elif value:
                sheet.write_string(row, column, value)
    book.close()
    texts = [[as_text(value) for value in cells] for cells in table]
    expected = [Row(number, trimmed(cells), {}) for number, cells in enumerate(texts, start=1) if any(cells)]
    assert rows(file, "1") == expected


def as_text(value: str | int | bool | None) -> str:
    """As a spreadsheet shows it; XML makes one line feed of what ends a line."""
    if isinstance(value, bool):
        return str(value).upper()
    return "" if value is None else str(value)


def trimmed(cells: list[str]) -> list[str]:
    return cells if cells[-1] else trimmed(cells[:-1])


@given(
    name=st.sampled_from(FILES),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), max_size=4),
    end=st.floats(0, 1),
)
def test_any_bytes_are_a_workbook_or_refused(
    name: str, changes: list[tuple[float, bytes]], end: float
) -> None:
    data = bytearray((CORPUS / f"{name}.xlsx").read_bytes())
    for place, replacement in changes:
        start = int(place * len(data))
        data[start : start + len(replacement)] = replacement
    read_or_refuse(io.BytesIO(data[: int(len(data) * end)] if end < 0.5 else data))


SNIPPETS = st.sampled_from(
    (
        *(
            "<row>",
            '<row r="2">',
            "</row>",
            '<c r="A1">',
            '<c r="B1" t="s">',
            '<c t="inlineStr">',
            "<c/>",
            "</c>",
        ),
        *(
            "<v>",
            "</v>",
            "1",
            "0",
            "-5e300",
            "&#x41;",
            "&lt;",
            "]]>",
            "<![CDATA[",
            "<!--",
            "-->",
            "<?x ?>",
            " ",
        ),
        *("<f>", "<f/>", "</f>", "<is>", "</is>", "<t>", "</t>", "<rPh>", "</rPh>", "</sheetData>", "\r\n"),
    )
)


@settings(max_examples=300)
@given(snippets=st.lists(SNIPPETS, max_size=30), strings=st.lists(SNIPPETS, max_size=10))
def test_any_bytes_are_a_sheet_or_refused(snippets: list[str], strings: list[str]) -> None:
    read_or_refuse(workbook("".join(snippets), strings="".join(strings)))


def read_or_refuse(file: io.BytesIO) -> None:
    with suppress(Refusal), csv_text(Workbook(file), "1") as text:
        text.read()


def sheet(*numbers: int) -> io.BytesIO:
    return workbook("".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in numbers))


def records(file: io.BytesIO, header_row: int | None = None) -> list[list[str]]:
    with csv_text(Workbook(file), None, header_row=header_row) as text:
        return list(csv.reader(io.TextIOWrapper(text, ENCODING, ERRORS, newline=""), delimiter=DELIMITER))


def test_a_row_is_the_record_of_its_number() -> None:
    assert records(sheet(3, 4, 7)) == [[], [], ["3"], ["4"], [], [], ["7"]]


def test_rows_out_of_order_are_sorted() -> None:
    assert records(sheet(4, 2, 1)) == [["1"], ["2"], [], ["4"]]
    with pytest.raises(Refusal, match="row 2 twice"):
        records(sheet(4, 2, 2))


@pytest.mark.parametrize(
    ("header_row", "expected"),
    [(None, [["t"], ["a", "b", "c"], ["1"]]), (2, [["t"], ["a", "b", "c"], ["1", "", ""]])],
)
def test_rows_below_the_header_are_padded_to_its_width(
    header_row: int | None, expected: list[list[str]]
) -> None:
    file = workbook("".join(map(row_of, ("t", "abc", "1"))))
    assert records(file, header_row) == expected


def row_of(texts: str) -> str:
    return "<row>" + "".join(f'<c t="str"><v>{text}</v></c>' for text in texts) + "</row>"


def test_marks_survive_in_csv_text_below_the_header() -> None:
    wrong = '<row><c t="e"><v>#N/A</v></c><c s="1"><v>45306</v></c></row>'
    header, row = records(workbook(wrong * 2))
    assert header == ["#N/A", "2024-01-15"]
    assert list(map(unmarked, row)) == [("#N/A", ERROR), ("2024-01-15", DATE)]
    assert unmarked("2024-01-15") == ("2024-01-15", None)


@pytest.mark.parametrize("prefix", PREFIXES.values())
@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "gb18030"])
def test_no_upload_can_contain_a_mark(prefix: str, charset: str) -> None:
    forged = f"a,b\n{prefix}1,2\n".encode(charset if charset != "gb18030" else "utf-8", "surrogatepass")
    csv_file = CsvFile(io.BytesIO(forged), charset=charset, delimiter=",", mapping={})
    for chunk in csv_file.chunks(chunk_rows=10, max_rows=10):
        assert prefix not in chunk.body.decode("utf-8", "surrogatepass")


def test_a_text_in_the_workbook_cannot_be_a_mark() -> None:
    escaped = "".join(f"_x{ord(prefix):04X}_" for prefix in PREFIXES.values())
    assert rows(workbook(f'<row><c t="str"><v>{escaped}</v></c></row>'))[0].cells == [escaped]
