"""An account's assets as a CSV file that can be uploaded again."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.fields import SCIENTIFIC
from bulkimport.csvfile import header
from bulkimport.csvfile.header import FIELDS, VERSION
from bulkimport.csvfile.writer import FORMULA_STARTS, LineWriter
from bulkimport.errors import Refusal
from bulkimport.store import asset_columns
from bulkimport.store.asset_columns import MAX_ID, Portion

MAX_KEYS = header.MAX_COLUMNS - len(FIELDS) - 1
# Both are regular expressions of PostgreSQL. An upload refuses metadata that looks like a shortened number.
UNREADABLE = f"(?i)^(?:{SCIENTIFIC.pattern})$"
FORMULA = f"^[{''.join(map(re.escape, FORMULA_STARTS))}]"


@dataclass(frozen=True)
class Exported:
    """The columns of a file of assets, and how many rows there are below the header."""

    columns: list[str]
    rows: int


def write_csv(
    cursor: Cursor, file: BinaryIO, *, account_id: int, filters: Mapping[str, Any], formula_safe: bool = False
) -> Exported:
    """Write the assets that match to the file, in the order of their ids, and return what was written.

    The transaction must be a snapshot, so that no page of it is older than another. `filters` are the
    arguments of asset_columns.filter_parameters. Raises Refusal if an upload could not have that many columns.
    """
    parameters = asset_columns.filter_parameters(**filters)
    portions = list(_portions(cursor, account_id, parameters))
    named = header.metadata_columns(_keys(portions))
    columns = [*FIELDS, *named.values(), VERSION]
    file.write(LineWriter().line(columns))
    rows = sum(
        asset_columns.export(
            cursor,
            file,
            portion,
            account_id=account_id,
            filters=parameters,
            keys=list(named),
            unreadable=UNREADABLE,
            formula=FORMULA if formula_safe else None,
        )
        for portion in portions
    )
    return Exported(columns, rows)


def _portions(cursor: Cursor, account_id: int, filters: Mapping[str, Any]) -> Iterator[Portion]:
    last_id = 0
    while last_id < MAX_ID:
        portion = asset_columns.portion(
            cursor, account_id=account_id, after_id=last_id, filters=filters, max_keys=MAX_KEYS + 1
        )
        yield portion
        last_id = portion.last_id


def _keys(portions: list[Portion]) -> set[str]:
    keys = {key for portion in portions for key in portion.keys}
    if len(keys) > MAX_KEYS:
        raise Refusal(
            "too-many-columns",
            f"The metadata of these assets has more than {MAX_KEYS} keys, and a file has a column for each. "
            "Export fewer assets at a time, for example of one type.",
        )
    return keys
