"""The header: what each column of a file is for."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bulkimport.csvfile import encoding
from bulkimport.csvfile.records import Record, lenient_cells
from bulkimport.errors import Refusal

# The fields of an asset that have a column of their own, in the order of the template.
FIELDS = (
    "identifier",
    "name",
    "type",
    "description",
    "valid_from",
    "valid_to",
    "is_active",
)
DATE_FIELDS = ("valid_from", "valid_to")
REQUIRED_FIELDS = ("identifier", "name", "type", "valid_from", "is_active")
METADATA_PREFIX = "metadata."
# The columns that a file of failed rows has in addition to the original ones.
ADDED_COLUMNS = ("_row", "_errors", "_job")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
MAX_COLUMNS = 500
MAX_COLUMN_NAME_CHARS = 255
NEAR_MISS = 0.75  # difflib's ratio: "discription" is near "description", "colour" is near no field
SEPARATORS = re.compile(r"[\s_-]+")

# For each column of the file, in its order: a field, "metadata.KEY", or None if it is ignored.
Columns = tuple[str | None, ...]


@dataclass(frozen=True)
class IgnoredColumn:
    """A column of the file that is not imported, and the field that its name nearly matches, or None.

    `position` counts from 1, since a column need not have a name.
    """

    column: str
    position: int
    did_you_mean: str | None


def require_readable(record: Record) -> list[str]:
    """The header's cells; Refusal if they cannot be column names."""
    names = record.cells
    if record.fault:
        shown = encoding.printable(names[0][:50])
        raise _unreadable(f'has a fault in its quotes or is too long: "{shown}"')
    count = sum(name.strip() not in ADDED_COLUMNS for name in names)
    if count > MAX_COLUMNS:
        raise Refusal("too-many-columns", f"The header has {count} columns; at most {MAX_COLUMNS} are read.")
    for name in names:
        if "\0" in name or encoding.undecoded(name):
            raise _unreadable(
                f'"{encoding.printable(name[:50])}" is not in the encoding it was read in; '
                "say which it is with charset=, for example windows-1252 or utf-16"
            )
        if len(name) > MAX_COLUMN_NAME_CHARS:
            raise _unreadable(f'"{name[:50]}…" has more than {MAX_COLUMN_NAME_CHARS} characters')
    return names


def map_columns(header: Sequence[str], mapping: Mapping[str, str], required: Sequence[str]) -> Columns:
    """The field of each column; spaces, underscores, hyphens and case in names do not matter.

    `mapping` maps headers of the file to fields. Raises Refusal if a required column or one of
    `mapping` is missing, a column occurs twice, or a field has two columns.
    """
    keys = [_key(name) for name in header]
    if duplicates := _duplicates([key for key in keys if key]):
        raise Refusal("duplicate-columns", f"The header has {_listed(duplicates)} more than once.")
    if unused := [name for name in mapping if _key(name) not in keys]:
        raise Refusal(
            "missing-columns", f"columns= maps {_listed(unused)}; the header has {_listed(header)}."
        )
    foreign = {_key(name): target for name, target in mapping.items()}
    columns = tuple(foreign.get(_key(name)) or _own(name) for name in header)
    if duplicates := _duplicates([target for target in columns if target]):
        raise Refusal("duplicate-columns", f"More than one column is mapped to {_listed(duplicates)}.")
    missing = [field for field in required if field not in columns]
    if missing:
        raise Refusal("missing-columns", _missing(missing, header, columns))
    return columns


def ignored_columns(header: Sequence[str], columns: Columns) -> list[IgnoredColumn]:
    """The columns that are not imported, each with the field that its name nearly matches."""
    free = [field for field in FIELDS if field not in columns]
    return [
        IgnoredColumn(name, position, _near_miss(name, free))
        for position, (name, target) in enumerate(zip(header, columns, strict=True), start=1)
        if target is None and name.strip() not in ADDED_COLUMNS
    ]


def find_delimiter(line: str, mapping: Mapping[str, str]) -> str:
    """The delimiter that divides the header's first line into the most known names.

    Raises Refusal if several do. If no name is known it is the one that makes the most columns.
    """
    foreign = {_key(name) for name in mapping}
    cells = {delimiter: lenient_cells(line, delimiter) for delimiter in DELIMITERS.values()}
    known = {
        delimiter: sum(
            _key(cell) in foreign or _own(cell) is not None or cell.strip() in ADDED_COLUMNS
            for cell in divided
        )
        for delimiter, divided in cells.items()
    }
    best = [delimiter for delimiter in cells if known[delimiter] == max(known.values())]
    if len(best) == len(cells):
        return max(cells, key=lambda delimiter: len(cells[delimiter]))
    if len(best) > 1:
        names = " or by ".join(name for name, delimiter in DELIMITERS.items() if delimiter in best)
        raise Refusal(
            "ambiguous-delimiter", f"The header can be divided by {names}; say which with delimiter=."
        )
    return best[0]


def is_target(text: str) -> bool:
    """Whether columns= may map a header to this text: a field, or metadata.KEY."""
    return text in FIELDS or (text.startswith(METADATA_PREFIX) and len(text) > len(METADATA_PREFIX))


def _key(name: str) -> str:
    return SEPARATORS.sub("_", name.strip().lower())


def _own(name: str) -> str | None:
    key = _key(name)
    if key in FIELDS:
        return key
    if key.startswith(METADATA_PREFIX) and len(key) > len(METADATA_PREFIX):
        return METADATA_PREFIX + name.strip()[len(METADATA_PREFIX) :].strip()
    return None


def _duplicates(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _unreadable(fault: str) -> Refusal:
    return Refusal("unreadable-header", f"The header {fault}.")


def _missing(missing: Sequence[str], header: Sequence[str], columns: Columns) -> str:
    detail = f"The header lacks {_listed(missing)}; it has {_listed(header)}."
    for ignored in ignored_columns(header, columns):
        if ignored.did_you_mean in missing:
            detail += f' Is "{ignored.column}" meant to be "{ignored.did_you_mean}"?'
    return detail


def _near_miss(name: str, fields: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(_key(name), fields, n=1, cutoff=NEAR_MISS)), None)


def _listed(names: Sequence[str], limit: int = 20) -> str:
    shown = ", ".join(f'"{name[:50]}"' for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
