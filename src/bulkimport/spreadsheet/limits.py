"""What a workbook of rows can hold. It loses nothing: what does not fit is refused."""

from collections.abc import Sequence

from bulkimport.csvfile import encoding, header
from bulkimport.errors import Refusal

# XlsxWriter takes about 12 µs for a cell, and nginx waits 60 s for the response: less than half of that
# leaves room for a busy machine. A row has at least four cells, so a worksheet has room for the rows.
MAX_CELLS = 2_000_000
MAX_COLUMNS = header.MAX_COLUMNS + len(header.ADDED_COLUMNS)  # as many as an uploaded workbook may have
MAX_CELL_CHARS = 32_767  # of UTF-16, in a cell of Excel


def require_room(cells: int) -> None:
    """Raise Refusal for more cells than a workbook may have."""
    if cells > MAX_CELLS:
        raise _csv_only(f"they have more than {MAX_CELLS} cells, empty ones and added columns included")


def require_storable(row: int, cells: Sequence[str]) -> None:
    """Raise Refusal if a worksheet cannot hold these cells of a row as they are."""
    if len(cells) > MAX_COLUMNS:
        raise _csv_only(f"row {row} has {len(cells)} cells, of which at most {MAX_COLUMNS} can be uploaded")
    for cell in cells:
        if undecoded := encoding.undecoded(cell):
            raise _csv_only(f"row {row} has bytes that could not be decoded: {undecoded}")
        chars = len(cell) if cell.isascii() else len(cell.encode("utf-16-le")) // 2
        if chars > MAX_CELL_CHARS:
            raise _csv_only(
                f"a cell of row {row} has {chars} characters, and one of Excel at most {MAX_CELL_CHARS}"
            )


def _csv_only(reason: str) -> Refusal:
    return Refusal("csv-only", f"A workbook cannot hold these rows: {reason}.")
