"""Rows before they are assets: a temporary table that a chunk is put into."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

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

# The columns of asset_staging, each as an array literal.
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
SELECT *
FROM unnest(%(import_row)s::int[], %(identifier)s::text[], %(name)s::text[], %(type)s::text[],
            %(description)s::text[], %(valid_from)s::timestamptz[], %(valid_to)s::timestamptz[],
            %(is_active)s::boolean[], %(metadata)s::jsonb[])
"""


def stage(cursor: Cursor, rows: Staging) -> None:
    """Put rows before the database, to be inserted in the same transaction."""
    cursor.execute(CREATE)
    cursor.execute(STAGE, rows)


# Not DELETE: its dead rows would stay in the way until the transaction ends.
CLEAR = """
/* staging.clear */
TRUNCATE asset_staging
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


def arrays(rows: Iterable[StagedRow]) -> Staging:
    """Rows as array literals, a column each (PostgreSQL manual, Array Input and Output Syntax).

    Made here and not by the driver, which would take the time of the thread that holds the transaction.
    """
    columns = list(zip(*rows, strict=True)) or [()] * 10
    numbers, _, identifiers, names, types, descriptions, valid_from, valid_to, is_active, metadata = columns
    return {
        "import_row": _array(map(str, numbers)),
        "identifier": _array(map(_quoted, identifiers)),
        "name": _array(map(_quoted, names)),
        "type": _array(type_ or "NULL" for type_ in types),
        "description": _array(map(_quoted, descriptions)),
        "valid_from": _array(map(_moment, valid_from)),
        "valid_to": _array(map(_moment, valid_to)),
        "is_active": _array("NULL" if active is None else str(active) for active in is_active),
        "metadata": _array(_quoted(json.dumps(found)) if found else "NULL" for found in metadata),
    }


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    if '"' in text or "\\" in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{text}"'


def _moment(moment: datetime | None) -> str:
    return "NULL" if moment is None else f'"{moment.isoformat()}"'
