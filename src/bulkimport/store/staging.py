"""Rows on their way to becoming assets: a temporary table that holds one chunk at a time."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store.asset_columns import COLUMNS, DISTINCT, NAMES, RECURRING, sql_list

# Used by array_of_texts; neither occurs in a text that PostgreSQL can store.
SEPARATOR = "\0"
NULL = "\ud800"

# Array literals: one for each column whose values are distinct, with an element per row, and one for each
# column whose values recur, with an element per combination of them. `alike` says for each row which
# combination is its own, counting from 1. This way PostgreSQL reads a fifth less.
Staging = dict[str, str]


class Repeated(NamedTuple):
    """A staged row, and the earlier row of the file with the same identifier."""

    row: int
    first_row: int


class Taken(NamedTuple):
    """A row whose identifier a live asset or an earlier row has.

    `holder_job_id` and `holder_row` say from where the asset came, if there is one (`exists`); `noted_row` is
    the row that the job has noted with the identifier.
    """

    row: int
    exists: bool
    holder_job_id: UUID | None
    holder_row: int | None
    noted_row: int | None


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


# For jobs whose assets do not show which identifiers the file has had so far.
# In file order, so that the first of two rows with one identifier is the one that is noted.
NOTE_IDENTIFIERS = """
/* staging.note_identifiers */
INSERT INTO trakrf.bulk_import_identifiers (account_id, job_id, identifier, row_number)
SELECT %(account_id)s, %(job_id)s, identifier, import_row
FROM asset_staging
ORDER BY import_row
ON CONFLICT (account_id, job_id, identifier) DO NOTHING
"""

# LIMIT 1: see staged_assets.REFUSED.
REPEATED = """
/* staging.repeated */
SELECT staged.import_row, first.row_number
FROM asset_staging AS staged
LEFT JOIN LATERAL (
    SELECT row_number
    FROM trakrf.bulk_import_identifiers
    WHERE account_id = %(account_id)s
      AND job_id     = %(job_id)s
      AND identifier = staged.identifier
    LIMIT 1
) AS first ON true
WHERE first.row_number <> staged.import_row
ORDER BY staged.import_row
"""


def note_identifiers(cursor: Cursor, *, account_id: int, job_id: UUID, count: int) -> list[Repeated]:
    """Note the `count` staged identifiers; return the staged rows whose identifier an earlier row has."""
    cursor.execute(NOTE_IDENTIFIERS, {"account_id": account_id, "job_id": job_id})
    if cursor.rowcount == count:  # all of them are new
        return []
    cursor.execute(REPEATED, {"account_id": account_id, "job_id": job_id})
    return [Repeated(*row) for row in cursor]


# LIMIT 1: see staged_assets.REFUSED.
OTHER_VERSIONS = """
/* staging.other_versions */
SELECT staged.import_row
FROM unnest(%(rows)s::int[], %(versions)s::int[]) AS named (import_row, version)
JOIN asset_staging AS staged USING (import_row)
LEFT JOIN LATERAL (
    SELECT version
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS asset ON true
WHERE asset.version IS DISTINCT FROM named.version
ORDER BY staged.import_row
"""


def other_versions(cursor: Cursor, *, account_id: int, versions: Mapping[int, int]) -> list[int]:
    """The staged rows whose asset has another version than `versions` has for them, or does not exist."""
    cursor.execute(
        OTHER_VERSIONS,
        {
            "account_id": account_id,
            "rows": array_of_numbers(versions),
            "versions": array_of_numbers(versions.values()),
        },
    )
    return [row for (row,) in cursor]


# For rows that are not staged, since they have errors already.
TAKEN = """
/* staging.taken */
SELECT failed.import_row, holder.id IS NOT NULL, holder.import_job_id, holder.import_row, noted.row_number
FROM unnest(%(rows)s::int[], %(identifiers)s::text[]) AS failed (import_row, identifier)
LEFT JOIN LATERAL (
    SELECT id, import_job_id, import_row
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = failed.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS holder ON true
LEFT JOIN LATERAL (
    SELECT row_number
    FROM trakrf.bulk_import_identifiers
    WHERE account_id = %(account_id)s
      AND job_id     = %(job_id)s
      AND identifier = failed.identifier
    LIMIT 1
) AS noted ON true
WHERE holder.id IS NOT NULL
   OR noted.row_number IS NOT NULL
ORDER BY failed.import_row
"""


def taken(
    cursor: Cursor, *, account_id: int, job_id: UUID, rows: Sequence[int], identifiers: Sequence[str]
) -> list[Taken]:
    """Those of these rows, in file order, whose identifier a live asset has or the job has noted."""
    cursor.execute(
        TAKEN,
        {
            "account_id": account_id,
            "job_id": job_id,
            "rows": array_of_numbers(rows),
            "identifiers": array_of_texts(identifiers),
        },
    )
    return [Taken(*row) for row in cursor]


def arrays(rows: Sequence[int], columns: Mapping[str, Sequence[Any]]) -> Staging:
    """The columns of rows as array literals; `rows` are the numbers of the rows in the file.

    `columns` has a sequence for each column of NewAsset, with an element per row. Metadata is a mapping in
    each row, in which None stands for a key to remove; in the other columns None stands for an empty cell,
    and CLEARED for a value to remove. The literals are made here, ahead of time, and not by the driver, which
    would make them while a transaction waits.
    """
    documents = [json.dumps(metadata) if metadata else None for metadata in columns["metadata"]]
    places: dict[tuple[Any, ...], int] = {}
    alike = [
        places.setdefault(combination, len(places) + 1)
        for combination in zip(*(columns[name] for name in RECURRING), documents, strict=True)
    ]
    *recurring, metadata = list(zip(*places, strict=True)) or [()] * (len(RECURRING) + 1)
    return {
        "import_row": array_of_numbers(rows),
        "alike": array_of_numbers(alike),
        **{name: array_of_texts(columns[name]) for name in ("identifier", *DISTINCT)},
        **{
            name: array_of_recurring(values, empty=COLUMNS[name].cleared)
            for name, values in zip(RECURRING, recurring, strict=True)
        },
        "metadata": array_of_recurring(metadata),
    }


def array_of_numbers(numbers: Iterable[int]) -> str:
    """The literal of an array of integers (PostgreSQL manual, Array Input and Output Syntax)."""
    return _array(map(str, numbers))


def array_of_recurring(values: Sequence[str | datetime | bool | None], *, empty: str = "") -> str:
    """The literal of an array with few different values, such as dates: each is converted once.

    `empty` is written in place of an empty text.
    """
    written = {value: _quoted(None if value is None else str(value) or empty) for value in set(values)}
    return _array(map(written.__getitem__, values))


def array_of_texts(texts: Sequence[str | None]) -> str:
    """The literal of an array of texts, which must contain neither NUL nor lone surrogates."""
    if not texts:
        return "{}"
    has_nulls = None in texts
    marked = cast(Sequence[str], [NULL if text is None else text for text in texts] if has_nulls else texts)
    # All of them at once: a call for each text would cost more than the escaping itself.
    escaped = SEPARATOR.join(marked).replace("\\", r"\\").replace('"', r"\"").replace(SEPARATOR, '","')
    literal = f'{{"{escaped}"}}'
    return literal.replace(f'"{NULL}"', "NULL") if has_nulls else literal


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
