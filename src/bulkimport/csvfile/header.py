"""The header: what each column of a file is for."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bulkimport.csvfile import encoding
from bulkimport.csvfile.records import Record
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
# The column of an export in which a row names the version that its asset had.
VERSION = "_version"
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
MAX_COLUMNS = 500
MAX_COLUMN_NAME_CHARS = 255
# Names in other systems' files that mean a field as surely as its own; closed, since a wrong guess is stored.
ALIASES = {
    "asset_id": "identifier",
    "asset_tag": "identifier",
    "external_key": "identifier",
    "asset_name": "name",
    "active": "is_active",
}
NEAR_MISS = 0.75  # difflib's ratio: "discription" is near "description", "colour" is near no field
SEPARATORS = re.compile(r"[\s_-]+")
LINE_BREAK = re.compile("\r\n|\r|\n")

# How the field of a column was decided.
EXACT, ALIAS, MAPPED, SIMILAR, NONE = "exact", "alias", "mapped", "similar", "none"

# For each column of the file, in its order: a field, "metadata.KEY", VERSION, or None if it is ignored.
Columns = tuple[str | None, ...]


@dataclass(frozen=True)
class IgnoredColumn:
    """A column of the file that is not imported, and the field whose name is similar, or None.

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
        if len(name.strip()) > MAX_COLUMN_NAME_CHARS:
            raise _unreadable(f'"{_shown(name)}…" has more than {MAX_COLUMN_NAME_CHARS} characters')
    return names


def map_columns(
    header: Sequence[str],
    mapping: Mapping[str, str],
    required: Sequence[str],
    *,
    below: Iterable[tuple[int, Sequence[str]]] = (),
) -> Columns:
    """The field of each column; white space, underscores, hyphens and case in names do not matter.

    `mapping` maps headers of the file to fields. An alias counts unless `mapping` has another column for its
    field. Raises the first of `refusals`.
    """
    for refusal in refusals(header, mapping, required, below=below):
        raise refusal
    return mapped_columns(header, mapping)


def mapped_columns(header: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """The field of each column, as map_columns returns it, whatever is wrong with the header."""
    return _columns(header, _by_key(mapping))


def refusals(
    header: Sequence[str],
    mapping: Mapping[str, str],
    required: Sequence[str],
    *,
    below: Iterable[tuple[int, Sequence[str]]] = (),
) -> Iterator[Refusal]:
    """What is wrong with a header: a required column or one of `mapping` is missing, or several stand for one
    field.

    A refusal names the first row of `below` (number and cells) that would be a header.
    """
    by_key = _by_key(mapping)
    if unused := by_key.keys() - map(_key, header):
        names = [name for name in mapping if _key(name) in unused]
        detail = f"columns= maps {listed(names)}; the header has {listed(header)}."
        yield Refusal("missing-columns", detail + _better(below, by_key, required))
    columns = _columns(header, by_key)
    yield from _duplicates(header, columns)
    missing = [field for field in required if field not in columns]
    if missing:
        detail = _missing(missing, header, columns) + _better(below, by_key, required)
        yield Refusal("missing-columns", detail)


def reasons(header: Sequence[str], columns: Columns, mapping: Mapping[str, str]) -> list[str]:
    """How the field of each column was decided: EXACT, ALIAS or MAPPED; NONE if the column has no field."""
    by_key = _by_key(mapping)
    return [
        _reason(_key(name), by_key) if target else NONE for name, target in zip(header, columns, strict=True)
    ]


def ignored_columns(header: Sequence[str], columns: Columns) -> list[IgnoredColumn]:
    """The columns that are not imported; `did_you_mean` names each field once at most."""
    names = {
        position: name
        for position, (name, target) in enumerate(zip(header, columns, strict=True), start=1)
        if target is None and name.strip() not in ADDED_COLUMNS
    }
    similar = _similar(names, [field for field in FIELDS if field not in columns])
    return [IgnoredColumn(name, position, similar.get(position)) for position, name in names.items()]


def metadata_columns(keys: Iterable[str]) -> dict[str, str]:
    """The name of the column of each key of metadata that a header can name, by the keys, sorted.

    It cannot name a key that is too long, or has white space around it. Of several keys that differ only in
    what does not matter in a name, it can name one: the first.
    """
    named: dict[str, str] = {}
    for key in sorted(keys):
        name = METADATA_PREFIX + key
        if len(name) <= MAX_COLUMN_NAME_CHARS and _own(name) == name:
            named.setdefault(_key(name), key)
    return {key: METADATA_PREFIX + key for key in named.values()}


def find_delimiter(cells: Mapping[str, Sequence[str]], mapping: Mapping[str, str]) -> str:
    """The delimiter that divides the header into the most known names; `cells` has those of each delimiter.

    Raises Refusal if several do. If no name is known it is the one that makes the most columns.
    """
    by_key = _by_key(mapping)
    known = {
        delimiter: sum(
            _key(cell) in by_key or _own(cell) is not None or cell.strip() in ADDED_COLUMNS
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


def _by_key(mapping: Mapping[str, str]) -> dict[str, str]:
    return {_key(name): target for name, target in mapping.items()}


def _key(name: str) -> str:
    return SEPARATORS.sub("_", name.strip().lower())


def _own(name: str) -> str | None:
    """The field that a column stands for by its name alone."""
    key = _key(name)
    if key == VERSION or key in FIELDS:
        return key
    if key.startswith(METADATA_PREFIX) and len(key) > len(METADATA_PREFIX):
        return METADATA_PREFIX + on_one_line(name.strip()[len(METADATA_PREFIX) :]).strip()
    return ALIASES.get(key)


def _columns(header: Sequence[str], by_key: Mapping[str, str]) -> Columns:
    decided = set(by_key.values())
    return tuple(
        by_key.get(key) or (None if ALIASES.get(key) in decided else _own(name))
        for key, name in zip(map(_key, header), header, strict=True)
    )


def _reason(key: str, by_key: Mapping[str, str]) -> str:
    if key in by_key:
        return MAPPED
    return ALIAS if key in ALIASES else EXACT


def _duplicates(header: Sequence[str], columns: Columns) -> Iterator[Refusal]:
    """A refusal if two of the columns that are imported have the same field or the same name."""
    by_target: dict[str, list[str]] = defaultdict(list)
    by_key: dict[str, list[str]] = defaultdict(list)
    for name, target in zip(header, columns, strict=True):
        if target:
            by_target[target].append(name)
            by_key[_key(name)].append(name)
    for wanted, names in (*by_target.items(), *by_key.items()):
        if len(names) > 1:
            yield Refusal(
                "duplicate-columns",
                f'More than one column stands for "{wanted}": {listed(names)}. Remove or rename all but '
                "one, or map the others elsewhere with columns=.",
            )
            return


def _unreadable(fault: str) -> Refusal:
    return Refusal("unreadable-header", f"The header {fault}.")


def _missing(missing: Sequence[str], header: Sequence[str], columns: Columns) -> str:
    detail = f"The header lacks {listed(missing)}; it has {listed(header)}."
    for ignored in ignored_columns(header, columns):
        if ignored.did_you_mean in missing:
            detail += f' Is "{_shown(ignored.column)}" meant to be "{ignored.did_you_mean}"?'
    return detail + " Map other columns with columns=, or set a value for every row with defaults=."


def _better(
    below: Iterable[tuple[int, Sequence[str]]], by_key: Mapping[str, str], required: Sequence[str]
) -> str:
    """A sentence that names the first row with every column that the header needs; "" if there is none."""
    for row, cells in below:
        if by_key.keys() <= set(map(_key, cells)) and {*required} <= set(_columns(cells, by_key)):
            return f" But row {row} looks like the header: header_row={row}."
    return ""


def _similar(names: Mapping[int, str], fields: Sequence[str]) -> dict[int, str]:
    """For the positions of these names the most similar of the fields, each for one position at most."""
    pairs = sorted(
        (-_similarity(name, field), position, field) for position, name in names.items() for field in fields
    )
    similar: dict[int, str] = {}
    for likeness, position, field in pairs:
        if -likeness >= NEAR_MISS and position not in similar and field not in similar.values():
            similar[position] = field
    return similar


def _similarity(name: str, field: str) -> float:
    """The ratio by difflib; NEAR_MISS at least if the name contains that of the field as words."""
    key = _key(name)
    matcher = difflib.SequenceMatcher(None, field, key)
    least = NEAR_MISS if f"_{field}_" in f"_{key}_" else 0.0
    return max(least, matcher.ratio()) if matcher.real_quick_ratio() >= NEAR_MISS else least


def listed(names: Sequence[str], limit: int = 20) -> str:
    """These names as messages list them, without blank ones: in quotes, cut, and `limit` at most."""
    names = list(filter(str.strip, names))
    shown = ", ".join(f'"{_shown(name)}"' for name in names[:limit]) or "no names"
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _shown(name: str) -> str:
    """A header as messages show it: as written, on one line and cut."""
    return on_one_line(name.strip())[:50]


def on_one_line(name: str) -> str:
    """The name with spaces in place of line breaks, as `columns` can map it."""
    return LINE_BREAK.sub(" ", name)
