"""Rows before they are assets: a temporary table that a chunk is put into."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import array_literal

# Row, line, identifier, name, type, description, valid_from, valid_to, is_active, metadata; None where
# a partial row says nothing. The line is not staged.
StagedRow = tuple[
    int,
    int,
    str,
    str | None,
    str | None,
    str | None,
    datetime | None,
    datetime | None,
    bool | None,
    Mapping[str, str],
]

# Array literals: a column each of what is another from row to row, and of the rest, which recurs, each
# combination once. `alike` says for each row which one is its own, from 1. So PostgreSQL reads a fifth less.
Staging = dict[str, str]

# Rows are staged in a table of the session, so that one statement inserts them and another can ask which
# of them were left out.
CREATE = """
/* staging.create */
CREATE TEMPORARY TABLE IF NOT EXISTS asset_staging (
    import_row  int  NOT NULL,
    identifier  text NOT NULL,
    name        text,
    type        text,
    description text,
    valid_from  timestamptz,
    valid_to    timestamptz,
    is_active   boolean,
    metadata    jsonb
) ON COMMIT DELETE ROWS
"""

# Not COPY FROM STDIN: a backend that waits for the rest of a COPY hears no time-out at all, so a worker that
# is stopped in the middle of one would hold its job for ever. A statement is read whole before it runs, and
# until then idle_in_transaction_session_timeout applies.
STAGE = """
/* staging.stage */
INSERT INTO asset_staging (import_row, identifier, name, type, description, valid_from, valid_to, is_active,
                           metadata)
SELECT import_row, identifier, name, type, description, valid_from, valid_to, is_active, metadata
FROM unnest(%(import_row)s::int[], %(identifier)s::text[], %(name)s::text[], %(description)s::text[],
            %(alike)s::int[])
     AS new (import_row, identifier, name, description, alike)
JOIN unnest(%(type)s::text[], %(valid_from)s::timestamptz[], %(valid_to)s::timestamptz[],
            %(is_active)s::boolean[], %(metadata)s::jsonb[]) WITH ORDINALITY
     AS recurring (type, valid_from, valid_to, is_active, metadata, alike) USING (alike)
"""


def stage(cursor: Cursor, rows: Staging) -> None:
    """Put rows before the database, to be inserted in the same transaction."""
    cursor.execute(CREATE)
    cursor.execute(STAGE, rows)


# Not DELETE: its dead rows would stay in the way until the transaction ends. The table need not be there.
CLEAR = """
/* staging.clear */
DROP TABLE IF EXISTS pg_temp.asset_staging
"""


def clear(cursor: Cursor) -> None:
    """Make room for the next chunk in a transaction that imports several; otherwise its end does that."""
    cursor.execute(CLEAR)


DISCARD = """
/* staging.discard */
DELETE FROM asset_staging
WHERE import_row = ANY (%(rows)s)
"""


def discard(cursor: Cursor, rows: Sequence[int]) -> None:
    """Take these rows away again, by their numbers."""
    cursor.execute(DISCARD, {"rows": list(rows)})


def arrays(columns: Sequence[Sequence[Any]]) -> Staging:
    """The columns of StagedRow as array literals."""
    numbers, _, identifiers, names, types, descriptions, valid_from, valid_to, is_active, metadata = columns
    documents = [json.dumps(found) if found else None for found in metadata]
    places: dict[tuple[Any, ...], int] = {}
    alike = [
        places.setdefault(combination, len(places) + 1)
        for combination in zip(types, valid_from, valid_to, is_active, documents, strict=True)
    ]
    recurring = list(zip(*places, strict=True)) or [()] * 5
    return {
        "import_row": array_literal.of_numbers(numbers),
        "identifier": array_literal.of_texts(identifiers),
        "name": array_literal.of_texts(names),
        "description": array_literal.of_texts(descriptions),
        "alike": array_literal.of_numbers(alike),
        "type": array_literal.of_recurring(recurring[0]),
        "valid_from": array_literal.of_recurring(recurring[1]),
        "valid_to": array_literal.of_recurring(recurring[2]),
        "is_active": array_literal.of_recurring(recurring[3]),
        "metadata": array_literal.of_recurring(recurring[4]),
    }
