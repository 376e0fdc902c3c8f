"""The columns of an asset that callers set: defined once, for statements, rows and JSON alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, get_args, get_type_hints


@dataclass(frozen=True)
class Column:
    """How PostgreSQL stores a column of text, or of any type whose values recur.

    `recurs` says that many rows share a value, as they do a type or a date: a chunk then sends each
    combination of such values once. `cleared` is what CLEARED is staged as, a value that no asset has.
    """

    sql_type: str
    recurs: bool = False
    cleared: str = ""


@dataclass(frozen=True)
class NewAsset:
    """What callers set of an asset. A column that cannot be None is required.

    Statements spell out `identifier`, by which they find an asset, and `metadata`, which an import merges.
    The columns between the two go into statements through sql_list.
    """

    identifier: str
    name: Annotated[str, Column("text")]
    type: Annotated[str, Column("text", recurs=True)]
    description: Annotated[str | None, Column("text")]
    valid_from: Annotated[datetime, Column("timestamptz", recurs=True)]
    valid_to: Annotated[datetime | None, Column("timestamptz", recurs=True, cleared="infinity")]
    is_active: Annotated[bool, Column("boolean", recurs=True)]
    metadata: Mapping[str, Any]


# In place of a value that may be None: an update removes the value that the asset has. None keeps it.
CLEARED = ""

_HINTS = get_type_hints(NewAsset, include_extras=True)
COLUMNS: Mapping[str, Column] = {
    name: column for name, hint in _HINTS.items() for column in getattr(hint, "__metadata__", ())
}
REQUIRED = tuple(name for name in COLUMNS if NoneType not in get_args(get_args(_HINTS[name])[0]))
OPTIONAL = tuple(name for name in COLUMNS if name not in REQUIRED)
RECURRING = tuple(name for name, column in COLUMNS.items() if column.recurs)
DISTINCT = tuple(name for name, column in COLUMNS.items() if not column.recurs)


def sql_list(template: str, names: Iterable[str] = COLUMNS, separator: str = ", ") -> str:
    """The template for each of these columns.

    `{column}` stands for the name, `{type}` for the SQL type, and `{cleared}` for the literal of CLEARED.
    """
    return separator.join(
        template.format(column=name, type=COLUMNS[name].sql_type, cleared=f"'{COLUMNS[name].cleared}'")
        for name in names
    )


NAMES = sql_list("{column}")
