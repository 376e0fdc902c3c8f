"""Rows and cells as the XML of a worksheet has them."""

from typing import NamedTuple

# What RawCell.formula says; "" of a cell without a formula.
CALCULATED, UNCALCULATED = "calculated", "uncalculated"


class RawCell(NamedTuple):
    """A cell: the letters of its column ("" if it is next to the cell before), the number of its style, its
    type, its value, and what is known of its formula.
    """

    column: str
    style: str
    type: str
    value: str
    formula: str


class RawRow(NamedTuple):
    """A row: its number ("" if it is next to the row before), and its cells."""

    number: str
    cells: list[RawCell]
