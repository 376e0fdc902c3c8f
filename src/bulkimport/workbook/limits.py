"""What a workbook may cost at most, and how one is refused."""

from dataclasses import dataclass

from bulkimport.errors import Refusal

MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """The most that is read of a workbook.

    `part_bytes` is the uncompressed size of the worksheet or of the shared strings, `other_part_bytes` that
    of any other part. `ratio` is the uncompressed size of a part divided by its compressed size, and counts
    only if the part has more than `ratio_from_bytes`. `rows` are those with content, the header and titles
    above it included; `columns` includes the three that failed rows have in addition.
    """

    part_bytes: int = 1024 * MIB
    other_part_bytes: int = 8 * MIB
    ratio: int = 200
    ratio_from_bytes: int = 8 * MIB
    shared_strings: int = 4_000_000
    shared_string_bytes: int = 256 * MIB
    columns: int = 503
    rows: int = 1_048_576


def damaged(reason: str) -> Refusal:
    """The refusal of a workbook that no reader can make sense of."""
    return Refusal(
        "not-csv",
        f"This Excel workbook is damaged: {reason}. Open it in a spreadsheet program, save it again and "
        "upload that.",
    )


def too_large(reason: str) -> Refusal:
    """The refusal of a workbook that would cost too much to read."""
    return Refusal("too-large", f"The workbook {reason}.")
