"""An .xlsx workbook: its sheets, and the rows of one of them as text."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import BinaryIO, NamedTuple

from bulkimport.errors import Refusal
from bulkimport.workbook import structure, styles
from bulkimport.workbook.archive import Archive
from bulkimport.workbook.cells import CellReader, Row
from bulkimport.workbook.limits import Limits
from bulkimport.workbook.shared_strings import SharedStrings
from bulkimport.workbook.structure import SheetPart
from bulkimport.workbook.styles import NumberFormat
from bulkimport.workbook.worksheet import raw_rows

MAX_NAMED_SHEETS = 20


class Sheet(NamedTuple):
    """A worksheet: the name and visibility of its tab, and whether any of its cells has content."""

    name: str
    is_visible: bool
    has_content: bool


class Workbook:
    """A workbook in a seekable file, which must stay open."""

    def __init__(self, file: BinaryIO, limits: Limits | None = None) -> None:
        """Read its structure. Raises Refusal if it is not an .xlsx workbook or is too large."""
        self._limits = limits or Limits()
        self._archive = Archive(file, self._limits)
        self._structure = structure.read(self._archive)

    def sheets(self) -> list[Sheet]:
        """The worksheets in the order of their tabs. Reads each as far as its first cell with content."""
        return [Sheet(part.name, part.is_visible, self._has_content(part)) for part in self._structure.sheets]

    def require_sheet(self, wanted: str | None) -> str:
        """The name of the sheet to read: `wanted` is a name, or a number that counts the visible ones from 1.

        For None it is the only visible one with content. Raises Refusal if there is no such sheet, or if
        there are several.
        """
        return self._require(wanted).name

    def rows(self, wanted: str | None) -> Iterator[Row]:
        """The rows of a sheet that have content, in the order of the file; few are not in that of the sheet.

        `wanted` as in require_sheet. Raises Refusal as it does, and if not every row can be read.
        """
        part = self._require(wanted)
        formats = self._formats()
        count = 0
        with self._shared_strings() as strings:
            for row in self._rows(part, strings, formats):
                count += 1
                if count > self._limits.rows:
                    raise Refusal(
                        "too-many-rows", f"The sheet has more than {self._limits.rows} rows; split it."
                    )
                yield row

    def _rows(
        self, part: SheetPart, strings: SharedStrings, formats: Sequence[NumberFormat]
    ) -> Iterator[Row]:
        reader = CellReader(
            strings,
            formats,
            self._limits,
            since_1904=self._structure.since_1904,
            recalculates=self._structure.recalculates,
        )
        with self._archive.open(part.part, large=True) as stream:
            for batch in raw_rows(stream):
                for row in reader.rows(batch):
                    if row.cells:
                        yield row

    def _require(self, wanted: str | None) -> SheetPart:
        parts = self._structure.sheets
        if wanted is None:
            return self._only_one()
        for part in parts:
            if part.name.strip().casefold() == wanted.strip().casefold():
                return part
        visible = [part for part in parts if part.is_visible]
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
        if 1 <= number <= len(visible):
            return visible[number - 1]
        raise Refusal(
            "unknown-sheet", f'The workbook has no sheet "{wanted[:50]}"; it has {_listed(visible)}.'
        )

    def _only_one(self) -> SheetPart:
        visible = [part for part in self._structure.sheets if part.is_visible]
        filled = [part for part in visible if self._has_content(part)]
        if len(filled) == 1:
            return filled[0]
        if filled:
            raise Refusal(
                "ambiguous-sheet",
                f"The workbook has several sheets, {_listed(filled)}; say which with sheet=.",
            )
        hidden = (
            " Hidden sheets are read if sheet= names them."
            if len(visible) < len(self._structure.sheets)
            else ""
        )
        raise Refusal("empty-file", f"The workbook has no visible sheet with content.{hidden}")

    def _has_content(self, part: SheetPart) -> bool:
        """Whether any cell has a value or a formula."""
        with self._archive.open(part.part, large=True) as stream:
            return any(
                cell[3] or cell[4] for batch in raw_rows(stream) for raw in batch for cell in raw.cells
            )

    def _formats(self) -> list[NumberFormat]:
        if self._structure.styles_part is None or self._structure.styles_part not in self._archive:
            return []
        with self._archive.open(self._structure.styles_part) as stream:
            return styles.read(stream)

    @contextmanager
    def _shared_strings(self) -> Iterator[SharedStrings]:
        part = self._structure.shared_strings_part
        if part is None or part not in self._archive:
            with closing(SharedStrings(None, self._limits)) as strings:
                yield strings
        else:
            with (
                self._archive.open(part, large=True) as stream,
                closing(SharedStrings(stream, self._limits)) as strings,
            ):
                yield strings


def _listed(parts: Sequence[SheetPart]) -> str:
    names = ", ".join(f'"{part.name[:50]}"' for part in parts[:MAX_NAMED_SHEETS])
    return (
        names + (f" and {len(parts) - MAX_NAMED_SHEETS} more" if len(parts) > MAX_NAMED_SHEETS else "")
        or "no visible sheet"
    )
