"""The styles of a workbook → the number format of each."""

from collections.abc import Mapping
from typing import IO

from bulkimport.workbook import number_formats
from bulkimport.workbook.limits import too_large
from bulkimport.workbook.number_formats import BUILT_IN, NUMBER, NumberFormat
from bulkimport.workbook.parsing import visit

MAX_STYLES = 100_000  # Excel has at most 65,490


def read(stream: IO[bytes]) -> list[NumberFormat]:
    """The number format of each style, in the order in which cells refer to them."""
    codes = dict(BUILT_IN)
    format_ids: list[int] = []

    def on_element(parent: str, name: str, attributes: Mapping[str, str]) -> None:
        if parent == "numFmts" and name == "numFmt":
            codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif parent == "cellXfs" and name == "xf":
            format_ids.append(_number(attributes.get("numFmtId")))
        if len(format_ids) > MAX_STYLES or len(codes) > MAX_STYLES:
            raise too_large(f"has more than {MAX_STYLES} styles")

    visit(stream, on_element)
    formats = {
        format_id: number_formats.parse(codes[format_id]) for format_id in set(format_ids) & set(codes)
    }
    return [formats.get(format_id, NUMBER) for format_id in format_ids]


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
