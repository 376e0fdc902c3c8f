"""Rows on their way to becoming assets: a temporary table that holds one chunk at a time."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import array_literal
from bulkimport.store.asset_columns import DISTINCT, NAMES, RECURRING, sql_list

# Array literals: one for each column whose values are distinct, with an element per row, and one for each
# column whose values recur, with an element per combination of them. `alike` says for each row which
# combination is its own, counting from 1. This way PostgreSQL reads a fifth less.
Staging = dict[str, str]

ARRAY = "%({column})s::{type}[]"

# The arrays as rows.
ROWS = (
    f"unnest(%(import_row)s::int[], %(identifier)s::text[], {sql_list(ARRAY, DISTINCT)}, %(alike)s::int[])"
    f" AS new (import_row, identifier, {sql_list('{column}', DISTINCT)}, alike)"
    f" JOIN unnest({sql_list(ARRAY, RECURRING)}, %(metadata)s::jsonb[]) WITH ORDINALITY"
    f" AS recurring ({sql_list('{column}', RECURRING)}, metadata, alike) USING (alike)"
)

# A table of the session, so that one statement can insert the rows and another ask which ones were left out.
# A row of a partial file may lack any column but its identifier.
DEFINITIONS = sql_list("{column} {type}")
CREATE = f"""
/* staging.create */
CREATE TEMPORARY TABLE IF NOT EXISTS asset_staging (
    import_row int  NOT NULL,
    identifier text NOT NULL,
    {DEFINITIONS},
    metadata   jsonb
) ON COMMIT DELETE ROWS
"""

# Not COPY FROM STDIN: while a backend waits for the rest of a COPY no time-out applies, so a worker that is
# stopped halfway would hold its job forever. A statement is read whole before it runs, and until then
# idle_in_transaction_session_timeout applies.
STAGE = f"""
/* staging.stage */
INSERT INTO asset_staging (import_row, identifier, {NAMES}, metadata)
SELECT import_row, identifier, {NAMES}, metadata
FROM {ROWS}
"""


def stage(cursor: Cursor, rows: Staging) -> None:
    """Put rows into the staging table, to be inserted in the same transaction."""
    cursor.execute(CREATE)
    cursor.execute(STAGE, rows)


# Not DELETE: its dead rows would stay in the way until the transaction ends. The table need not exist.
CLEAR = """
/* staging.clear */
DROP TABLE IF EXISTS pg_temp.asset_staging
"""


def clear(cursor: Cursor) -> None:
    """Make room for the next chunk of the same transaction; the end of a transaction does so by itself."""
    cursor.execute(CLEAR)


DISCARD = """
/* staging.discard */
DELETE FROM asset_staging
WHERE import_row = ANY (%(rows)s)
"""


def discard(cursor: Cursor, rows: Sequence[int]) -> None:
    """Remove rows from the staging table, by their numbers in the file."""
    cursor.execute(DISCARD, {"rows": list(rows)})


def arrays(rows: Sequence[int], columns: Mapping[str, Sequence[Any]]) -> Staging:
    """The columns of rows as array literals; `rows` are the numbers of the rows in the file.

    `columns` has a sequence for each column of NewAsset, with an element per row. Metadata is a mapping in
    each row; in the other columns None stands for an empty cell.
    """
    documents = [json.dumps(metadata) if metadata else None for metadata in columns["metadata"]]
    places: dict[tuple[Any, ...], int] = {}
    alike = [
        places.setdefault(combination, len(places) + 1)
        for combination in zip(*(columns[name] for name in RECURRING), documents, strict=True)
    ]
    names = (*RECURRING, "metadata")
    recurring = list(zip(*places, strict=True)) or [()] * len(names)
    return {
        "import_row": array_literal.of_numbers(rows),
        "alike": array_literal.of_numbers(alike),
        **{name: array_literal.of_texts(columns[name]) for name in ("identifier", *DISTINCT)},
        **{name: array_literal.of_recurring(values) for name, values in zip(names, recurring, strict=True)},
    }
