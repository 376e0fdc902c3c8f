"""Workbooks made by hand, part by part."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

from bulkimport.workbook.cells import Row
from bulkimport.workbook.limits import Limits
from bulkimport.workbook.workbook import Workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_DOCUMENT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
# One style each: general, a date, a date and time, a time, a duration, leading zeros, a percentage.
FORMATS = ("General", "yyyy\\-mm\\-dd", "d/m/yy h:mm", "h:mm AM/PM", "[h]:mm", "00000", "0.0%")
GENERAL, DATE, DATE_TIME, TIME, ELAPSED, PADDED, PERCENT = range(len(FORMATS))


def workbook(
    rows: str = "",
    *,
    sheets: Mapping[str, str] | None = None,
    hidden: Sequence[str] = (),
    strings: str = "",
    settings: str = "",
    formats: Sequence[str] = FORMATS,
    content_type: str = XLSX,
    strict: bool = False,
    parts: Mapping[str, str | bytes] | None = None,
) -> io.BytesIO:
    """A workbook with these rows (XML) in its only sheet, or with `sheets` by name.

    `strings` and `settings` are the XML in the shared strings and in front of the list of sheets; `parts` are
    added, or take the place of others.
    """
    main, document = (STRICT_MAIN, STRICT_DOCUMENT) if strict else (MAIN, DOCUMENT)
    sheets = {"Sheet1": rows} if sheets is None else sheets
    numbers = range(1, len(sheets) + 1)
    tabs = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"'
        + (' state="hidden"/>' if name in hidden else "/>")
        for number, name in zip(numbers, sheets, strict=True)
    )
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{TYPES}"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{content_type}"/></Types>',
        "_rels/.rels": relationships({"rId1": (f"{document}/officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{document}">{settings}<sheets>{tabs}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": relationships(
            {f"rId{number}": (f"{document}/worksheet", f"worksheets/sheet{number}.xml") for number in numbers}
            | {
                "strings": (f"{document}/sharedStrings", "/xl/sharedStrings.xml"),
                "styles": (f"{document}/styles", "styles.xml"),
            }
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings}</sst>',
        "xl/styles.xml": styles(formats, main),
    }
    for number, xml in zip(numbers, sheets.values(), strict=True):
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{xml}</sheetData></worksheet>'
        )
    return archive(files | dict(parts or {}))


def archive(files: Mapping[str, str | bytes]) -> io.BytesIO:
    """A zip archive of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    file.seek(0)
    return file


def relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    """The XML of relationships: id → type and target."""
    entries = (
        f'<Relationship Id="{key}" Type="{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{RELATIONSHIPS}">{"".join(entries)}</Relationships>'


def styles(formats: Sequence[str], main: str = MAIN) -> str:
    """The XML of styles with these number formats, one each."""
    codes = "".join(
        f'<numFmt numFmtId="{164 + place}" formatCode={quoteattr(code)}/>'
        for place, code in enumerate(formats)
    )
    cells = "".join(f'<xf numFmtId="{164 + place}"/>' for place in range(len(formats)))
    return (
        f'<styleSheet xmlns="{main}"><numFmts>{codes}</numFmts>'
        f'<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{cells}</cellXfs></styleSheet>'
    )


def rows(file: io.BytesIO, sheet: str | None = None, limits: Limits | None = None) -> list[Row]:
    """All rows of a sheet."""
    return list(Workbook(file, limits).rows(sheet))
