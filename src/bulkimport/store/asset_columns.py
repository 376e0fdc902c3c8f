"""The columns of an asset that callers set: defined once, for statements, rows, JSON and exports alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, BinaryIO, NamedTuple, get_args, get_type_hints
from uuid import UUID

from psycopg2.extensions import cursor as Cursor


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

# A filter that is NULL matches every asset.
MATCHES_JOB = "(%(import_job_id)s IS NULL OR import_job_id = %(import_job_id)s)"
MATCHES_QUERY = (
    "(%(type)s IS NULL OR type = %(type)s) AND (%(is_active)s IS NULL OR is_active = %(is_active)s)"
    " AND (%(pattern)s IS NULL OR identifier ILIKE %(pattern)s OR name ILIKE %(pattern)s"
    " OR description ILIKE %(pattern)s)"
)


def filter_parameters(
    *,
    identifier: str | None = None,
    type: str | None = None,
    is_active: bool | None = None,
    import_job_id: UUID | None = None,
    q: str | None = None,
) -> dict[str, Any]:
    """The parameters of the filters. `q` is a text that the identifier, name or description contains."""
    return {
        "identifier": identifier,
        "type": type,
        "is_active": is_active,
        "import_job_id": import_job_id,
        "pattern": _containing(q) if q else None,
    }


class Portion(NamedTuple):
    """Some of an account's assets, those with ids above `after_id` and up to `last_id`."""

    after_id: int
    last_id: int


PORTION_ASSETS = 20_000  # so few that a statement about them takes a fraction of its time-out
MAX_ID = 2**63 - 1

# Read from the primary key alone.
LAST_ID = """
/* asset_columns.last_id */
SELECT id
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND id         > %(after_id)s
ORDER BY id
OFFSET %(scan_rows)s - 1
LIMIT 1
"""


def portion(cursor: Cursor, *, account_id: int, after_id: int) -> Portion:
    """The next PORTION_ASSETS assets, or all there are; then the portion ends at MAX_ID."""
    parameters = {"account_id": account_id, "after_id": after_id, "scan_rows": PORTION_ASSETS}
    cursor.execute(LAST_ID, parameters)
    (last_id,) = cursor.fetchone() or (MAX_ID,)
    return Portion(after_id, last_id)


IS_IN_PORTION = f"""account_id = %(account_id)s
  AND id         > %(after_id)s
  AND id        <= %(last_id)s
  AND deleted_at IS NULL
  AND (%(identifier)s IS NULL OR identifier = %(identifier)s)
  AND {MATCHES_JOB}
  AND {MATCHES_QUERY}"""
KEYS = f"""
/* asset_columns.keys */
SELECT DISTINCT jsonb_object_keys(metadata)
FROM trakrf.assets
WHERE {IS_IN_PORTION}
  AND metadata  <> '{{}}'
LIMIT %(limit)s
"""  # noqa: S608 - the filters are constants


def keys(
    cursor: Cursor, portion: Portion, *, account_id: int, filters: Mapping[str, Any], limit: int
) -> list[str]:
    """At most `limit` keys of the metadata of the matching assets; `filters`: see filter_parameters."""
    cursor.execute(KEYS, {**filters, **portion._asdict(), "account_id": account_id, "limit": limit})
    return [key for (key,) in cursor]


# A bitmap scan would need a sort, which costs more than it gains where the assets lie in order of their ids.
READ_IN_ORDER = """
/* asset_columns.read_in_order */
SELECT set_config('enable_bitmapscan', 'off', true)
"""


def read_in_order(cursor: Cursor) -> None:
    """Make the statements of this transaction read assets in the order of an index."""
    cursor.execute(READ_IN_ORDER)


# A column as the cell of a file. A text that begins as a formula gets an apostrophe if `formula`, a regular
# expression, is not NULL. The time zone of the session is UTC.
CELL_OF_TEXT = "CASE WHEN {column} ~ %(formula)s THEN '''' || {column} ELSE {column} END"
CELLS = {
    "text": CELL_OF_TEXT,
    "timestamptz": "CASE WHEN {column} = {column}::date THEN {column}::date::text"
    """ ELSE to_char({column}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END""",
    "boolean": "{column}::text",
}
CELLS_OF_COLUMNS = ", ".join(
    (
        CELL_OF_TEXT.format(column="identifier"),
        *(CELLS[column.sql_type].format(column=name) for name, column in COLUMNS.items()),
    )
)
VALUE_OF_KEY = "(metadata ->> (%(keys)s::text[])[{place}])"
CELL_OF_KEY = (
    f", CASE WHEN {VALUE_OF_KEY} !~ %(unreadable)s"
    " AND jsonb_typeof(metadata -> (%(keys)s::text[])[{place}]) = 'string'"
    f" THEN {CELL_OF_TEXT.format(column=VALUE_OF_KEY)} END"
)
CELLS_OF_KEYS = "/* metadata */"  # where the statement has a CELL_OF_KEY for each key
EXPORT = f"""
/* asset_columns.export */
SELECT {CELLS_OF_COLUMNS}{CELLS_OF_KEYS}, version
FROM trakrf.assets
WHERE {IS_IN_PORTION}
ORDER BY id
"""  # noqa: S608 - the cells and filters are constants


def export(
    cursor: Cursor,
    file: BinaryIO,
    portion: Portion,
    *,
    account_id: int,
    filters: Mapping[str, Any],
    keys: Sequence[str],
    unreadable: str,
    formula: str | None,
) -> int:
    """Write a line of CSV for each asset of a portion that matches; return how many there are.

    A line has the cells of `identifier`, COLUMNS, these keys of the metadata, and `version`. The cell of a
    key is empty unless its value is a text that does not match `unreadable`, a regular expression.
    """
    cells = "".join(CELL_OF_KEY.replace("{place}", str(place)) for place in range(1, len(keys) + 1))
    select = cursor.mogrify(
        EXPORT.replace(CELLS_OF_KEYS, cells),
        {
            **filters,
            "account_id": account_id,
            **portion._asdict(),
            "keys": list(keys),
            "unreadable": unreadable,
            "formula": formula,
        },
    )
    cursor.copy_expert(f"COPY ({select.decode()}) TO STDOUT (FORMAT csv)", file)
    return cursor.rowcount


def _containing(text: str) -> str:
    """A LIKE pattern for texts that contain this one, taken literally."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
