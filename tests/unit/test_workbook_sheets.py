"""Which sheet of a workbook is read, and which archives are not workbooks."""

import io
import re
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkimport.errors import Refusal
from bulkimport.workbook.parsing import READ_BYTES
from bulkimport.workbook.workbook import Sheet, Workbook
from tests.support.workbooks import MAIN, RELATIONSHIPS, XLSX, archive, rows, workbook

FULL = '<row r="1"><c r="A1"><v>{}</v></c></row>'
STYLED = '<row r="1"><c r="A1" s="1"/></row>'


def refusal_of(file: io.BytesIO, sheet: str | None = None) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        list(Workbook(file).rows(sheet))
    return refusal.value


def test_the_only_visible_sheet_with_content_is_read() -> None:
    sheets = {"Notes": STYLED, "Secret": FULL.format(1), "Assets": FULL.format(2), "Empty": ""}
    file = workbook(sheets=sheets, hidden=["Secret"])
    assert Workbook(file).sheets() == [
        Sheet("Notes", True, False),
        Sheet("Secret", False, True),
        Sheet("Assets", True, True),
        Sheet("Empty", True, False),
    ]
    assert Workbook(file).require_sheet(None) == "Assets"
    assert rows(file)[0].cells == ["2"]


def test_of_several_sheets_one_must_be_named() -> None:
    file = workbook(sheets={"One & only": FULL.format(1), "Two": FULL.format(2)})
    refusal = refusal_of(file)
    assert refusal.code == "ambiguous-sheet"
    assert '"One & only", "Two"' in refusal.detail


@pytest.mark.parametrize(
    ("sheet", "value"),
    [("2", "3"), ("3", "9"), ("1", "1"), ("hidden", "2"), ("Hidden", "2"), ("THIRD", "9"), (" Third ", "9")],
)
def test_a_sheet_is_read_by_its_name_or_its_number_among_the_visible_ones(sheet: str, value: str) -> None:
    sheets = {
        "First": FULL.format(1),
        "Hidden": FULL.format(2),
        "Second": FULL.format(3),
        "Third": FULL.format(9),
    }
    assert rows(workbook(sheets=sheets, hidden=["Hidden"]), sheet)[0].cells == [value]


def test_a_name_counts_before_a_number() -> None:
    assert rows(workbook(sheets={"2": FULL.format(1), "Two": FULL.format(2)}), "2")[0].cells == ["1"]


@pytest.mark.parametrize("sheet", ["Other", "0", "3", "-1", "1.0", "", "9" * 5000])
def test_an_unknown_sheet_is_refused(sheet: str) -> None:
    refusal = refusal_of(workbook(sheets={"One": FULL.format(1), "Two": ""}), sheet)
    assert refusal.code == "unknown-sheet"
    assert '"One", "Two"' in refusal.detail


@pytest.mark.parametrize("hidden", [[], ["One"]])
def test_a_workbook_without_visible_content_is_refused(hidden: list[str]) -> None:
    refusal = refusal_of(workbook(sheets={"One": STYLED}, hidden=hidden))
    assert refusal.code == "empty-file"
    assert ("Hidden sheets" in refusal.detail) == bool(hidden)


def test_strict_workbooks_and_odd_names_of_parts_are_read() -> None:
    assert rows(workbook(FULL.format(1), strict=True))[0].cells == ["1"]
    file = workbook(FULL.format(1))
    with zipfile.ZipFile(file) as source:
        parts = {name.upper().replace("/", "\\"): source.read(name) for name in source.namelist()}
    assert rows(archive(parts))[0].cells == ["1"]


def test_charts_are_not_sheets() -> None:
    relationships = (
        f'<Relationships xmlns="{RELATIONSHIPS}">'
        '<Relationship Id="rId1" Type="urn:x/chartsheet" Target="c.xml"/>'
        '<Relationship Id="rId2" Type="urn:x/worksheet" Target="worksheets/sheet2.xml"/></Relationships>'
    )
    file = workbook(
        sheets={"Chart": "", "Data": FULL.format(1)}, parts={"xl/_rels/workbook.xml.rels": relationships}
    )
    assert [sheet.name for sheet in Workbook(file).sheets()] == ["Data"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (workbook(content_type="application/vnd.ms-excel.sheet.macroEnabled.main+xml"), r"macros \(.xlsm\)"),
        (workbook(content_type="application/vnd.ms-excel.sheet.binary.macroEnabled.main"), r"\(.xlsb\)"),
        (workbook(content_type=XLSX.replace("sheet.main", "template.main")), r"template \(.xltx\)"),
        (workbook(content_type=XLSX.replace("spreadsheetml.sheet", "wordprocessingml.document")), "Word"),
        (workbook(content_type="application/x-other"), "not a workbook"),
        (archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), r"\(.ods\)"),
        (archive({"Index/Document.iwa": "x"}), "Numbers"),
        (archive({"assets.csv": "identifier"}), "zip archive"),
        (io.BytesIO(b"PK\x03\x04 and nothing else"), "cannot be read"),
        (io.BytesIO(workbook().getvalue()[:-30]), "cannot be read"),
        (workbook(parts={"xl/workbook.xml": f'<workbook xmlns="{MAIN}">'}), "not well-formed"),
    ],
)
def test_anything_else_is_refused_with_advice(file: io.BytesIO, words: str) -> None:
    refusal = refusal_of(io.BytesIO(file.getvalue()))
    assert refusal.code == "not-csv"
    assert re.search(words, refusal.detail)


def test_an_encrypted_part_is_refused() -> None:
    data = bytearray(workbook(FULL.format(1)).getvalue())
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"xl/worksheets/sheet1.xml"))
    data[place + 8] |= 1
    assert "encrypted" in refusal_of(io.BytesIO(data)).detail


def table_row(number: int, cells: Sequence[str]) -> str:
    return f'<row r="{number}">{"".join(cell.format(number) for cell in cells)}</row>'


TABLE_CELLS = (
    st.sampled_from(['<c r="A{}" t="s"><v>0</v></c>', '<c r="A{}" t="s"><v>1</v></c>', ""]),
    st.sampled_from(
        ['<c r="C{}" s="1"><v>45306</v></c>', '<c r="C{}" s="1"><v>1e-400</v></c>', '<c r="C{}" s="1"/>']
    ),
    st.sampled_from(['<c r="D{}" t="b"><v>1</v></c>', '<c r="D{}" t="b"><v>true</v></c>', ""]),
    st.sampled_from(['<c r="E{}"><v>123</v></c>', '<c r="E{}"><v>1234567890123456789</v></c>', ""]),
    st.sampled_from(['<c r="F{}" t="e"><v>#N/A</v></c>', ""]),
    st.sampled_from(
        [
            '<c r="AA{}" t="inlineStr"><is><t>a &amp;amp; b</t></is></c>',
            '<c r="AA{}" t="inlineStr"><is><t xml:space="preserve"> _x0041_</t></is></c>',
            "",
        ]
    ),
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(table=st.lists(st.tuples(*TABLE_CELLS), min_size=1, max_size=12))
def test_a_table_is_read_alike_column_by_column_and_cell_by_cell(table: list[tuple[str, ...]]) -> None:
    rows_xml = [table_row(number, table[number % len(table)]) for number in range(1, 1_500)]
    strings = "<si><t>one</t></si><si><t></t></si>"
    as_table = workbook(" " * READ_BYTES + "".join(rows_xml), strings=strings)
    by_handlers = workbook("".join(f"<!-- -->{row}" for row in rows_xml), strings=strings)
    assert rows(as_table, "1") == rows(by_handlers, "1")
