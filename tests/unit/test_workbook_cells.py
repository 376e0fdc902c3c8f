"""Cells of a worksheet → text, and what of it cannot be trusted."""

import io

import pytest

from bulkimport.errors import Refusal
from bulkimport.workbook.cells import Row
from bulkimport.workbook.limits import Limits
from bulkimport.workbook.parsing import READ_BYTES
from bulkimport.workbook.plain import PlainRows, PlainStrings
from bulkimport.workbook.workbook import Workbook
from tests.support import workbooks
from tests.support.workbooks import DATE, DATE_TIME, ELAPSED, PADDED, PERCENT, TIME, rows, workbook


def shown(cell: str, *, strings: str = "", settings: str = "", **options: object) -> tuple[str, str | None]:
    """The text and the mark of the only cell of a sheet; read as a plain cell, and by the handlers."""
    row = f'<row r="1"><c r="A1" t="str"><v>x</v></c>{cell}</row>'
    results = []
    # White space fills the first piece, and what begins a later one may be plain.
    for before in (" " * READ_BYTES, "<!-- not plain -->"):
        file = workbook(before + row, strings=before + strings, settings=settings, **options)  # type: ignore[arg-type]
        (result,) = rows(file)
        results.append(([*result.cells, ""][1], result.marks.get(1)))
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c r="B1" t="s"><v>0</v></c>', "shared"),
        ('<c r="B1" t="s"><v>1</v></c>', "rich text"),
        ('<c r="B1" t="s"><v>2</v></c>', "課"),
        ('<c r="B1" t="s"><v>3</v></c>', "line\r\nend_x000D_"),
        ('<c r="B1" t="s"><v>4</v></c>', " <&> "),
        ('<c r="B1" t="inlineStr"><is><t>in &amp; line</t></is></c>', "in & line"),
        ('<c r="B1" t="inlineStr"><is><t>two\r\nlines</t></is></c>', "two\nlines"),
        ('<c r="B1" t="s"><v>5</v></c>', "two\nlines"),
        ('<c r="B1" t="inlineStr"><is><t><![CDATA[<b>]]>&#x41;</t></is></c>', "<b>A"),
        ('<c r="B1" t="inlineStr">\n <is>\n <r>\n<t>in</t>\n</r> <r><t> line</t></r>\n</is></c>', "in line"),
        ('<c r="B1" t="inlineStr"><is><t>x</t><rPh><t>phonetic</t></rPh></is></c>', "x"),
        ('<c r="B1" t="str"><f>A1</f><v>formula_x0041_</v></c>', "formulaA"),
        ('<c r="B1" t="str"><f>A1</f><v></v></c>', ""),
        ('<c r="B1"><f t="shared" si="0"/><v>3</v></c>', "3"),
        ('<c r="B1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="B1" t="b"><v>0</v></c>', "FALSE"),
        ('<c r="B1" s="0"/>', ""),
        ('<c r="B1"><v/></c>', ""),
        ('<c r="B1"><v>12</v></c>', "12"),
        ('<c r="B1" t="n"><v>12.0</v></c>', "12"),
        ('<c r="B1"><v>1.5E3</v></c>', "1500"),
        ('<c r="B1"><v>-0</v></c>', "0"),
        ('<c r="B1"><v>123456789012345</v></c>', "123456789012345"),
        ('<c r="B1"><v>0.30000000000000004</v></c>', "0.3"),
        ('<c r="B1"><v>1E-7</v></c>', "0.0000001"),
        (f'<c r="B1" s="{PADDED}"><v>123</v></c>', "00123"),
        (f'<c r="B1" s="{PADDED}"><v>-1234567</v></c>', "-1234567"),
        (f'<c r="B1" s="{PERCENT}"><v>0.125</v></c>', "12.5%"),
        (f'<c r="B1" s="{PERCENT}"><v>0.07</v></c>', "7%"),
        ('<c r="B1" s="99"><v>7</v></c>', "7"),
    ],
)
def test_texts_and_numbers_are_as_the_spreadsheet_shows_them(cell: str, text: str) -> None:
    strings = (
        "<si><t>shared</t></si><si><r><rPr><b/></rPr><t>rich</t></r><r><t xml:space='preserve'> </t></r>"
        "<r><t>text</t></r></si><si><t>課</t><rPh sb='0' eb='1'><t>か</t></rPh></si>"
        "<si><t>line_x000D_\nend_x005F_x000D_</t></si><si><t> &lt;&amp;&gt; </t></si>"
        "<si><t>two\r\nlines</t></si>"
    )
    assert shown(cell, strings=strings) == (text, None)


@pytest.mark.parametrize(
    ("style", "value", "text"),
    [
        (DATE, "45306", "2024-01-15"),
        (DATE, "1", "1900-01-01"),
        (DATE, "59", "1900-02-28"),
        (DATE, "60", "1900-02-29"),  # which Excel shows, and which is not a date
        (DATE, "61", "1900-03-01"),
        (DATE, "0", "1900-01-00"),
        (DATE, "2958465", "9999-12-31"),
        (DATE, "2958466", "2958466"),
        (DATE, "-5", "-5"),
        (DATE, "1e300", "1" + 300 * "0"),
        (DATE, "45306.354166666664", "2024-01-15T08:30:00Z"),
        (DATE_TIME, "45306.35417", "2024-01-15T08:30:00.288Z"),
        (DATE_TIME, "45306", "2024-01-15"),
        (DATE_TIME, "45306.999999999", "2024-01-16"),
        (TIME, "0.354166666666667", "08:30:00"),
        (TIME, "45306.5", "2024-01-15T12:00:00Z"),
        (ELAPSED, "1.5", "36:00:00"),
        (ELAPSED, "-1.5", "-1.5"),
    ],
)
def test_dates_are_told_by_their_formats(style: int, value: str, text: str) -> None:
    assert shown(f'<c r="B1" s="{style}"><v>{value}</v></c>') == (text, "date")


@pytest.mark.parametrize(
    ("value", "text"), [("0", "1904-01-01"), ("43844", "2024-01-15"), ("59", "1904-02-29"), ("-1", "-1")]
)
def test_the_workbook_says_if_days_are_counted_from_1904(value: str, text: str) -> None:
    cell = f'<c r="B1" s="{DATE}"><v>{value}</v></c>'
    other = '<x14:workbookPr xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"/>'
    assert shown(cell, settings=f'<workbookPr date1904="1"/>{other}') == (text, "date")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-01-15", "2024-01-15"),
        ("2024-01-15T00:00:00.000", "2024-01-15"),
        ("2024-01-15T08:30:00.500Z", "2024-01-15T08:30:00.5Z"),
        ("08:30:00", "08:30:00"),
    ],
)
def test_strict_workbooks_have_dates_in_iso_8601(value: str, text: str) -> None:
    assert shown(f'<c r="B1" t="d"><v>{value}</v></c>', strict=True) == (text, "date")


@pytest.mark.parametrize(
    ("cell", "text", "mark"),
    [
        ('<c r="B1" t="e"><v>#REF!</v></c>', "#REF!", "error"),
        ('<c r="B1" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!", "error"),
        ('<c r="B1"><v>nan</v></c>', "nan", "error"),
        ('<c r="B1"><v>1_000</v></c>', "1_000", "error"),
        ('<c r="B1"><v>1E999</v></c>', "1E999", "error"),
        ('<c r="B1"><f>A1</f></c>', "", "uncalculated"),
        ('<c r="B1"><f>A1</f><v></v></c>', "", "uncalculated"),
        ('<c r="B1" t="str"><f>A1</f></c>', "", "uncalculated"),
        ('<c r="B1"><v>8.9390123456789012E+18</v></c>', "8939012345678900000", "rounded"),
        ('<c r="B1"><v>1234567890123456</v></c>', "1234567890123460", "rounded"),
        (f'<c r="B1" s="{PADDED}"><v>1234567890123456</v></c>', "1234567890123460", "rounded"),
    ],
)
def test_what_cannot_be_trusted_is_marked(cell: str, text: str, mark: str) -> None:
    assert shown(cell) == (text, mark)


@pytest.mark.parametrize(("value", "result"), [("0", ("", "uncalculated")), ("5", ("5", None))])
def test_a_zero_may_stand_for_a_formula_that_is_calculated_later(
    value: str, result: tuple[str, str | None]
) -> None:
    settings = '<calcPr fullCalcOnLoad="1"/>'
    assert shown(f'<c r="B1"><f>A1</f><v>{value}</v></c>', settings=settings) == result
    assert shown(f'<c r="B1"><v>{value}</v></c>', settings=settings) == (value, None)


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("000-00-0000", "12345678", "012-34-5678"),
        ('"INV-"000', "7", "INV-007"),
        ("\\A000", "7", "A007"),
        ("00.00", "7.125", "07.13"),
        ("#000", "12345", "12345"),
        ("[Red]000;-000", "5", "005"),
        ("0", "7", "7"),
        ("#,##0.00", "1234.5", "1234.5"),
        ("0.00E+00", "1500", "1500"),
        ("# ?/?", "0.5", "0.5"),
        ("0,000", "7", "7"),
        ('_-* #,##0.00\\ "€"_-', "3.5", "3.5"),
        ('0 "days"', "3", "3"),
        ("General", "3", "3"),
        ("@", "3", "3"),
        ("0" * 300, "3", "3"),
    ],
)
def test_leading_zeros_are_shown_and_other_formats_are_not(code: str, value: str, text: str) -> None:
    assert shown(f'<c r="B1" s="0"><v>{value}</v></c>', formats=[code]) == (text, None)


@pytest.mark.parametrize(
    "code",
    [
        "m/d/yy",
        "[$-407]d. mmmm yyyy;@",
        "mmm",
        '"Q"yyyy',
        "yyyy/mm/dd\\ hh:mm:ss",
        "[$-F800]dddd",
        "General\\ dd",
    ],
)
def test_custom_formats_of_dates(code: str) -> None:
    assert shown('<c r="B1" s="0"><v>45306</v></c>', formats=[code]) == ("2024-01-15", "date")


@pytest.mark.parametrize("number_format", [14, 17, 22, 27, 45, 47, 57])
def test_built_in_formats_of_dates(number_format: int) -> None:
    styles = workbooks.styles(["General"]).replace(
        '<cellXfs><xf numFmtId="164"', f'<cellXfs><xf numFmtId="{number_format}"'
    )
    cell = '<c r="B1" s="0"><v>45306</v></c>'
    assert shown(cell, parts={"xl/styles.xml": styles}) == ("2024-01-15", "date")


def test_rows_and_cells_are_where_their_references_say() -> None:
    file = workbook(
        '<row r="3"><c r="C3"><v>3</v></c><c r="A3"><v>1</v></c></row><row r="5"/>'
        '<row r="7"><c r="B7" s="1"/></row><row><c><v>8</v></c><c/><c><v>9</v></c></row>'
        '<row><c r="B12"><v>12</v></c><c><v>13</v></c></row>'
    )
    assert rows(file) == [
        Row(3, ["1", "", "3"], {}),
        Row(8, ["8", "", "9"], {}),
        Row(12, ["", "12", "13"], {}),
    ]


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ('<row r="1"><c r="1A"><v>1</v></c></row>', "reference"),
        ('<row r="1"><c r="ZZZ1"><v>1</v></c></row>', "reference"),
        ('<row r="1"><c r="AAAAAAAAAA1"><v>1</v></c></row>', "reference"),
        ('<row r="1048577"><c r="A1"><v>1</v></c></row>', "1048577"),
        ('<row r="0"><c r="A1"><v>1</v></c></row>', '"0"'),
        ('<row r="x"><c r="A1"><v>1</v></c></row>', '"x"'),
        ('<row r="1"><c r="A1" t="s"><v>1</v></c></row>', "text that does not exist"),
        ('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>', '"-1"'),
        ('<row r="1"><c r="A1"><v>1</c></row>', "not well-formed"),
        ('<row r="1"><c r="A1" t="s"><v>&nbsp;</v></c></row>', "not well-formed"),
    ],
)
def test_a_damaged_sheet_is_refused(xml: str, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refusal:
        rows(workbook(xml, strings="<si><t>only</t></si>"))
    assert refusal.value.code == "not-csv"


def test_as_many_columns_as_the_limit_are_read() -> None:
    limits = Limits(columns=3)
    assert rows(workbook('<row r="1"><c r="C1"><v>1</v></c><c r="D1" s="1"/></row>'), limits=limits)
    for cell in ('<c r="D1"><v>1</v></c>', '<c r="XFD1"><v>1</v></c>', "<c><v>1</v></c>" * 4):
        with pytest.raises(Refusal) as refusal:
            rows(workbook(f'<row r="1">{cell}</row>'), limits=limits)
        assert refusal.value.code == "too-many-columns"


def test_as_many_rows_as_the_limit_are_read() -> None:
    xml = "".join(f'<row r="{number}"><c r="A{number}"><v>1</v></c></row>' for number in (1, 5, 9))
    assert len(rows(workbook(xml), limits=Limits(rows=3))) == 3
    with pytest.raises(Refusal) as refusal:
        rows(workbook(xml), limits=Limits(rows=2))
    assert refusal.value.code == "too-many-rows"


def test_shared_strings_are_read_in_any_order_and_beyond_those_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bulkimport.workbook.shared_strings.MAX_KNOWN", 10)
    count = 5_000
    xml = "".join(
        f'<row r="{row}"><c r="A{row}" t="s"><v>{count - row}</v></c><c r="B{row}" t="s"><v>0</v></c></row>'
        for row in range(1, count + 1)
    )
    file = workbook(xml, strings="".join(f"<si><t>größe {number}</t></si>" for number in range(count)))
    expected = [Row(row, [f"größe {count - row}", "größe 0"], {}) for row in range(1, count + 1)]
    assert rows(file) == expected


@pytest.mark.parametrize(
    ("encoding", "prefix"),
    [("utf-8", ""), ("utf-8", "x:"), ("utf-16", ""), ("iso-8859-1", ""), ("utf-8-sig", "")],
)
def test_sheets_in_any_encoding_and_with_any_prefix(encoding: str, prefix: str) -> None:
    declared = encoding.removesuffix("-sig")
    count = 5_000  # several pieces
    body = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>Ã©&lt;{row}</t></is></c></row>'
        for row in range(1, count + 1)
    )
    xml = (
        f'<worksheet xmlns{":x" * bool(prefix)}="{workbooks.MAIN}"><sheetData>{body}</sheetData></worksheet>'
    )
    if prefix:
        xml = xml.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    part = f'<?xml version="1.0" encoding="{declared}"?>{xml}'.encode(encoding)
    file = workbook(parts={"xl/worksheets/sheet1.xml": part})
    assert rows(file) == [Row(row, [f"Ã©<{row}"], {}) for row in range(1, count + 1)]


@pytest.mark.parametrize(
    "wrapped",
    ["<!--{}-->", "<![CDATA[{}]]>", "<?x {}?>", '<other xmlns="urn:other">{}</other>'],
    ids=["comment", "verbatim text", "instruction", "other namespace"],
)
def test_what_only_looks_like_rows_is_not_read(wrapped: str) -> None:
    false_rows = "".join(f'<row r="{row}"><c r="A{row}"><v>0</v></c></row>' for row in range(1, 10_000))
    true_row = '<row r="{0}"><c r="A{0}"><v>1</v></c></row>'
    file = workbook(true_row.format(1) + wrapped.format(false_rows) + true_row.format(20_000))
    assert rows(file) == [Row(1, ["1"], {}), Row(20_000, ["1"], {})]


def test_plain_rows_and_strings_are_read_without_handlers() -> None:
    cells = '<c r="A1" s="2" t="s"><v>0</v></c><c r="B1" s="1"/><c r="C1"><v>&lt;</v></c>'
    row = f'<row r="1" spans="1:2">{cells}</row>'
    expected = [("A", "2", "s", "0", ""), ("B", "1", "", "", ""), ("C", "", "", "<", "")]
    assert PlainRows("").read(f"\n{row}".encode()) == [("1", expected)]
    assert PlainRows("x:").read(row.encode()) is None
    for odd in ("<!---->", "<v>1</v>", '<row r="2"/>', "<c/>", "\r"):
        assert PlainRows("").read((odd + row).encode()) is None
    assert PlainStrings("").read(b"<si><t>a</t></si><si><t>_x0041_&amp;</t></si>") == ["a", "A&"]
    assert PlainStrings("").read(b"<si><r><t>a</t></r></si><si><t>a</t></si>") is None


def test_a_namespace_that_changes_within_plain_rows_is_refused() -> None:
    plain = "".join(f'<row r="{row}"><c r="A{row}"><v>0</v></c></row>' for row in range(1, 9_000))
    odd = '<row r="9000" xmlns="urn:other"><c r="A9000"><v>0</v></c></row>'
    with pytest.raises(Refusal, match="namespaces"):
        rows(workbook(plain + odd + plain))


def test_nothing_below_the_table_is_read() -> None:
    sheet = (
        f'<worksheet xmlns="{workbooks.MAIN}"><dimension ref="A1"/><sheetData>'
        f'<row r="2"><c r="B2"><v>1</v></c></row></sheetData><pageMargins/>'
        + "<x/>" * 100_000
        + "<not well-formed"
    )
    assert rows(workbook(parts={"xl/worksheets/sheet1.xml": sheet})) == [Row(2, ["", "1"], {})]


def test_a_part_that_is_cut_off_is_refused() -> None:
    file = workbook('<row r="1"><c r="A1"><v>1</v></c></row>' * 3)
    data = bytearray(file.getvalue())
    place = data.index(b"xl/worksheets/sheet1.xml") + len("xl/worksheets/sheet1.xml")
    data[place + 20] ^= 0xFF
    with pytest.raises(Refusal) as refusal:
        list(Workbook(io.BytesIO(data)).rows(None))
    assert refusal.value.code == "not-csv"
