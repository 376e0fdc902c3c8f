"""The text of a job's file, in chunks of whole records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg2 import Binary
from psycopg2.extensions import QuotedString
from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class StoredChunk:
    """A chunk as stored. `first_row` and `first_line`: the first record's spreadsheet row and physical line.

    `rows` counts the rows to import. `only_rows` has their numbers if `body` has other rows too, else None.
    """

    first_row: int
    first_line: int
    rows: int
    body: bytes
    only_rows: Sequence[int] | None = None


class Undone(NamedTuple):
    """What a retry of a finished job would import: the number of its stored chunks, and of rows in them."""

    chunks: int
    rows: int


# As text if it is text, because bytes are sent in hexadecimal, which takes twice as long.
INSERT = """
/* chunks.insert */
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, first_line, rows, body)
VALUES (%(account_id)s, %(job_id)s, %(number)s, %(first_row)s, %(first_line)s, %(rows)s,
        coalesce(convert_to(%(text)s, 'UTF8'), %(bytes)s))
"""


def insert(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    number: int,
    first_row: int,
    first_line: int,
    rows: int,
    body: bytes,
) -> None:
    """Store a chunk; its job must exist when the transaction commits."""
    is_text = _is_text(body)
    cursor.execute(
        INSERT,
        {
            "account_id": account_id,
            "job_id": job_id,
            "number": number,
            "first_row": first_row,
            "first_line": first_line,
            "rows": rows,
            "text": QuotedString(body) if is_text else None,
            "bytes": None if is_text else Binary(body),
        },
    )


def _is_text(body: bytes) -> bool:
    """Whether PostgreSQL takes it as text: it is valid UTF-8 without NUL."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


READ = """
/* chunks.read */
SELECT first_row, first_line, rows, body, only_rows
FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND number     = %(number)s
"""


def require(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> StoredChunk:
    """The job's chunk with this number; LookupError if it is not stored."""
    cursor.execute(READ, {"account_id": account_id, "job_id": job_id, "number": number})
    stored = cursor.fetchone()
    if stored is None:
        raise LookupError(f"job {job_id} has no chunk {number}")
    return _chunk(*stored)


HOLDING = """
/* chunks.holding */
SELECT first_row, first_line, rows, body, only_rows
FROM trakrf.bulk_import_chunks
WHERE account_id =  %(account_id)s
  AND job_id     =  %(job_id)s
  AND first_row  <= %(row)s
ORDER BY number DESC
LIMIT 1
"""


def holding(cursor: Cursor, *, account_id: int, job_id: UUID, row: int) -> StoredChunk | None:
    """The job's chunk that has this row, or None if it is no longer stored."""
    cursor.execute(HOLDING, {"account_id": account_id, "job_id": job_id, "row": row})
    stored = cursor.fetchone()
    return _chunk(*stored) if stored else None


SET_HANDLED = """
/* chunks.set_handled */
UPDATE trakrf.bulk_import_chunks
SET handled = true
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND number     = %(number)s
"""


def set_handled(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> None:
    """Mark the chunk as handled: a retry imports only its failed rows."""
    cursor.execute(SET_HANDLED, {"account_id": account_id, "job_id": job_id, "number": number})


# A retry imports the failed rows of chunks that were handled, and all rows of the others. If any chunk was
# handled, those that were have all of the job's failed rows; an all-or-nothing job may have failed rows, and
# has no chunk that was handled.
UNDONE = """
/* chunks.undone */
SELECT count(*),
       coalesce(sum(rows) FILTER (WHERE NOT handled), 0)::int
       + CASE WHEN bool_or(handled) THEN %(failed_rows)s ELSE 0 END
FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def undone(cursor: Cursor, *, account_id: int, job_id: UUID, failed_rows: int) -> Undone:
    """How much copy_undone would copy, chunk by chunk, of a job with this many failed rows."""
    cursor.execute(UNDONE, {"account_id": account_id, "job_id": job_id, "failed_rows": failed_rows})
    return Undone(*cursor.fetchone() or (0, 0))


# Errors with row numbers from a chunk's first row up to the next stored chunk's belong to this chunk, because
# chunks without errors are deleted. lead() has a default because, with row-level security, a coalesce() would
# not become an index condition, and all later errors of the job would be read. MATERIALIZED, because `undone`
# is used twice and the errors would be read twice.
COPY_UNDONE = """
/* chunks.copy_undone */
WITH kept AS (
    SELECT *, lead(first_row, 1, 2147483647) OVER (ORDER BY number) AS next_row
    FROM (
        SELECT *
        FROM trakrf.bulk_import_chunks
        WHERE account_id = %(account_id)s
          AND job_id     = %(parent_id)s
        ORDER BY number
        LIMIT 2
        OFFSET %(place)s
    ) AS this_and_next
    ORDER BY number
    LIMIT 1
), copied AS MATERIALIZED (
    SELECT first_row, first_line, rows, body,
           CASE WHEN handled
                THEN ARRAY(SELECT DISTINCT row_number
                           FROM trakrf.bulk_import_errors AS error
                           WHERE error.account_id  = %(account_id)s
                             AND error.job_id      = %(parent_id)s
                             AND error.row_number >= kept.first_row
                             AND error.row_number <  kept.next_row
                           ORDER BY row_number)
                ELSE only_rows
           END AS undone
    FROM kept
)
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, first_line, rows, body,
                                       only_rows)
SELECT %(account_id)s, %(job_id)s, %(number)s, first_row, first_line, coalesce(cardinality(undone), rows),
       body, undone
FROM copied
"""


def copy_undone(
    cursor: Cursor, *, account_id: int, job_id: UUID, number: int, parent_id: UUID | None, place: int
) -> None:
    """Copy to a job, as its chunk `number`, what a retry imports of one of its parent's stored chunks.

    `place` counts the parent's stored chunks from 0. Raises LookupError if there is no such chunk.
    """
    cursor.execute(
        COPY_UNDONE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "number": number,
            "parent_id": parent_id,
            "place": place,
        },
    )
    if cursor.rowcount != 1:
        raise LookupError(f"job {parent_id} has no kept chunk {place} for job {job_id}")


NUMBERS = """
/* chunks.numbers */
SELECT min(number), max(number)
FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def numbers(cursor: Cursor, *, account_id: int, job_id: UUID) -> range:
    """The numbers of the job's chunks, of which none must have been deleted."""
    cursor.execute(NUMBERS, {"account_id": account_id, "job_id": job_id})
    first, last = cursor.fetchone() or (None, None)
    return range(0) if first is None else range(first, last + 1)


COPY_HANDLED = """
/* chunks.copy_handled */
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, first_line, rows, body,
                                       only_rows, handled)
SELECT account_id, %(job_id)s, number, first_row, first_line, rows, body, only_rows, true
FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(parent_id)s
  AND number     = %(number)s
"""


def copy_handled(
    cursor: Cursor, *, account_id: int, job_id: UUID, number: int, parent_id: UUID | None
) -> None:
    """Copy a chunk that was handled from a job's parent, for the download of its failed rows."""
    cursor.execute(
        COPY_HANDLED,
        {"account_id": account_id, "job_id": job_id, "number": number, "parent_id": parent_id},
    )


DELETE = """
/* chunks.delete */
DELETE FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND number     = %(number)s
"""


def delete(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> None:
    """Delete a chunk."""
    cursor.execute(DELETE, {"account_id": account_id, "job_id": job_id, "number": number})


def _chunk(
    first_row: int, first_line: int, rows: int, body: memoryview, only_rows: Sequence[int] | None
) -> StoredChunk:
    return StoredChunk(first_row, first_line, rows, bytes(body), only_rows)
