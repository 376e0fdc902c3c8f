"""Formats that are zip archives too, told apart by what they declare inside, and what to upload instead."""

import posixpath
from collections.abc import Mapping

from bulkimport.errors import Refusal
from bulkimport.workbook.archive import Archive
from bulkimport.workbook.parsing import visit

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


def require_xlsx(archive: Archive) -> None:
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
