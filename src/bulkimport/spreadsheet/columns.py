"""How the columns of a file of assets look in a worksheet."""

from collections.abc import Sequence
from datetime import time

from bulkimport.assets.fields import TYPES
from bulkimport.csvfile import dates
from bulkimport.csvfile.header import DATE_FIELDS
from bulkimport.spreadsheet.sheet import FIRST_DATE, Cell, SheetColumn

CHOICES = {"type": TYPES, "is_active": ("true", "false")}
WIDTHS = {"name": 30, "description": 40, "valid_from": 12, "valid_to": 12, "type": 12, "is_active": 10}
USUAL_WIDTH = 20


def sheet_columns(header: Sequence[str], fields: Sequence[str | None]) -> list[SheetColumn]:
    """A column for each name of the header, holding the field of the same place, if any."""
    return [
        SheetColumn(
            name,
            WIDTHS.get(field or "", USUAL_WIDTH),
            holds_dates=field in DATE_FIELDS,
            choices=CHOICES.get(field or "", ()),
        )
        for name, field in zip(header, fields, strict=True)
    ]


def date_or_text(text: str, date_format: str) -> Cell:
    """The date, if the text is one that a worksheet can hold; otherwise the text as it is."""
    moment = dates.parse(text.strip(), date_format)
    if moment is None or moment.time() != time.min or moment.date() < FIRST_DATE:
        return text
    return moment.date()
