"""An account's assets as a CSV file that can be uploaded again."""

import re
from collections.abc import Iterable, Iterator, Mapping
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


def write_csv(
    cursor: Cursor, file: BinaryIO, *, account_id: int, filters: Mapping[str, Any], formula_safe: bool = False
) -> int:
    """Write the assets that match to the file, in the order of their ids; return how many.

    The transaction must be a snapshot: each portion of the assets is read by a statement of its own.
    `filters` are the arguments of asset_columns.filter_parameters. Raises Refusal if an upload could not have
    as many columns.
    """
    parameters = asset_columns.filter_parameters(**filters)
    portions = list(_portions(cursor, account_id))
    named = header.metadata_columns(_keys(cursor, portions, account_id, parameters))
    asset_columns.read_in_order(cursor)
    file.write(LineWriter().line([*FIELDS, *named.values(), VERSION]))
    return sum(
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


def _portions(cursor: Cursor, account_id: int) -> Iterator[Portion]:
    last_id = 0
    while last_id < MAX_ID:
        portion = asset_columns.portion(cursor, account_id=account_id, after_id=last_id)
        yield portion
        last_id = portion.last_id


def _keys(
    cursor: Cursor, portions: Iterable[Portion], account_id: int, filters: Mapping[str, Any]
) -> set[str]:
    """The keys of the metadata of all assets that match; Refusal if there are more than MAX_KEYS."""
    keys: set[str] = set()
    for portion in portions:
        keys |= {
            *asset_columns.keys(cursor, portion, account_id=account_id, filters=filters, limit=MAX_KEYS + 1)
        }
        if len(keys) > MAX_KEYS:
            raise Refusal(
                "too-many-columns",
                f"The metadata of these assets has more than {MAX_KEYS} keys, and a file has a column for "
                "each. Export fewer assets at a time, for example of one type.",
            )
    return keys
