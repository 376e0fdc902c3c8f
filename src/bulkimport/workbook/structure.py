"""The structure of a workbook: whether it is one, which sheets it has, and in which parts they are."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bulkimport.errors import Refusal
from bulkimport.workbook.archive import Archive
from bulkimport.workbook.limits import damaged
from bulkimport.workbook.parsing import is_true, visit

RELATIONSHIP_ID = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships}id",
    "http://purl.oclc.org/ooxml/officeDocument/relationships}id",
)
MAX_SHEETS = 10_000

CONTENT_TYPES = "[Content_Types].xml"
MIMETYPE = "mimetype"
SAVE_AS_XLSX = "open it in a spreadsheet program, save it as an Excel workbook (.xlsx) and upload that"

# The end of the content type of a package's main part → what it is.
XLSX = "spreadsheetml.sheet.main+xml"
OTHER_TYPES = {
    "sheet.macroenabled.main+xml": "an Excel workbook with macros (.xlsm)",
    "template.macroenabled.main+xml": "an Excel template with macros (.xltm)",
    "addin.macroenabled.main+xml": "an Excel add-in (.xlam)",
    "sheet.binary.macroenabled.main": "a binary Excel workbook (.xlsb)",
    "spreadsheetml.template.main+xml": "an Excel template (.xltx)",
    "wordprocessingml.document.main+xml": "a Word document",
    "presentationml.presentation.main+xml": "a presentation",
}


class SheetPart(NamedTuple):
    """A worksheet: its name, whether its tab is visible, and the name of its part."""

    name: str
    is_visible: bool
    part: str


@dataclass
class Structure:
    """The worksheets in the order of their tabs; charts and macro sheets are left out.

    `recalculates`: the program that wrote the workbook left its formulas to be calculated when it is opened.
    """

    sheets: list[SheetPart] = field(default_factory=list)
    since_1904: bool = False
    recalculates: bool = False
    shared_strings_part: str | None = None
    styles_part: str | None = None


class _Relationship(NamedTuple):
    kind: str  # the last word of its type, which transitional and strict OOXML share
    part: str


def read(archive: Archive) -> Structure:
    """Read the structure. Raises Refusal if the archive is not an .xlsx workbook."""
    _require_xlsx(archive)
    main = next(
        (part for kind, part in _relationships(archive, "").values() if kind == "officeDocument"), None
    )
    if main is None:
        raise damaged("it does not say where its sheets are")
    relationships = _relationships(archive, main)
    structure = Structure()
    for kind, part in relationships.values():
        if kind == "sharedStrings":
            structure.shared_strings_part = part
        elif kind == "styles":
            structure.styles_part = part

    def on_element(parent: str, name: str, attributes: Mapping[str, str]) -> None:
        if parent == "workbook" and name == "workbookPr":
            structure.since_1904 = is_true(attributes.get("date1904"))
        elif parent == "workbook" and name == "calcPr":
            structure.recalculates = is_true(attributes.get("fullCalcOnLoad"))
        elif parent == "sheets" and name == "sheet":
            _add_sheet(structure, relationships, attributes)

    with archive.open(main) as stream:
        visit(stream, on_element)
    return structure


def _require_xlsx(archive: Archive) -> None:
    """Raise Refusal, with a sentence that helps, if the archive is anything but an .xlsx workbook."""
    if CONTENT_TYPES in archive:
        types = _content_types(archive)
        other = next(
            (name for end, name in OTHER_TYPES.items() for kind in types if kind.endswith(end)), None
        )
        if other is None and any(kind.endswith(XLSX) for kind in types):
            return
        raise _not_csv(f"This is {other or 'an Office document, but not a workbook'}; {SAVE_AS_XLSX}")
    if MIMETYPE in archive:
        with archive.open(MIMETYPE) as stream:
            if b"opendocument.spreadsheet" in stream.read(200):
                raise _not_csv(f"This is an OpenDocument spreadsheet (.ods); {SAVE_AS_XLSX}")
    if any(posixpath.basename(name) == "index.zip" or name.endswith(".iwa") for name in archive.names()):
        raise _not_csv(
            "This is a Numbers spreadsheet; export it as an Excel workbook (.xlsx) and upload that"
        )
    raise _not_csv("This is a zip archive; upload the file that is in it")


def _content_types(archive: Archive) -> set[str]:
    """The content types that the package declares, in lower case (ECMA-376 part 2, section 10.1.2.2)."""
    types = set()

    def on_element(_: str, name: str, attributes: Mapping[str, str]) -> None:
        if name in ("Override", "Default"):
            types.add(attributes.get("ContentType", "").lower())

    with archive.open(CONTENT_TYPES) as stream:
        visit(stream, on_element)
    return types


def _not_csv(advice: str) -> Refusal:
    return Refusal("not-csv", f"{advice}.")


def _add_sheet(
    structure: Structure, relationships: Mapping[str, _Relationship], attributes: Mapping[str, str]
) -> None:
    identifiers = (attributes.get(name) for name in RELATIONSHIP_ID)
    relationship = relationships.get(next(filter(None, identifiers), ""))
    if relationship is None or relationship.kind != "worksheet":
        return
    if len(structure.sheets) == MAX_SHEETS:
        raise damaged(f"it has more than {MAX_SHEETS} sheets")
    is_visible = attributes.get("state", "visible") == "visible"
    structure.sheets.append(SheetPart(attributes.get("name", ""), is_visible, relationship.part))


def _relationships(archive: Archive, source: str) -> dict[str, _Relationship]:
    """The relationships of a part, "" for the package, by their ids (ECMA-376 part 2, section 9.3)."""
    folder, name = posixpath.split(source)
    relationships: dict[str, _Relationship] = {}

    def on_element(_: str, name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            part = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
            kind = attributes.get("Type", "").rpartition("/")[2]
            relationships[attributes.get("Id", "")] = _Relationship(kind, part.lstrip("/"))

    with archive.open(posixpath.join(folder, "_rels", f"{name}.rels")) as stream:
        visit(stream, on_element)
    return relationships
