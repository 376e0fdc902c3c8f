"""The text of a job's file, in slices of whole records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg2 import Binary
from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Chunk:
    """A stored slice: where its first record stands in the spreadsheet and in the file, and its rows.

    `only_rows`: the numbers of those that count, where not all of the body's do.
    """

    first_row: int
    first_line: int
    rows: int
    body: bytes
    only_rows: Sequence[int] | None = None


class Undone(NamedTuple):
    """How much of a finished job is still to be done: its kept slices, and the rows in them that count."""

    chunks: int
    rows: int


INSERT = """
/* chunks.insert */
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, first_line, rows, body)
VALUES (%(account_id)s, %(job_id)s, %(number)s, %(first_row)s, %(first_line)s, %(rows)s, %(body)s)
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
    """Keep one slice; its job must exist when the transaction commits."""
    cursor.execute(
        INSERT,
        {
            "account_id": account_id,
            "job_id": job_id,
            "number": number,
            "first_row": first_row,
            "first_line": first_line,
            "rows": rows,
            "body": Binary(body),
        },
    )


READ = """
/* chunks.read */
SELECT first_row, first_line, rows, body, only_rows
FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND number     = %(number)s
"""


def require(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> Chunk:
    """The job's slice of this number; LookupError if it is not there."""
    cursor.execute(READ, {"account_id": account_id, "job_id": job_id, "number": number})
    found = cursor.fetchone()
    if found is None:
        raise LookupError(f"job {job_id} has no chunk {number}")
    return _chunk(*found)


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


def holding(cursor: Cursor, *, account_id: int, job_id: UUID, row: int) -> Chunk | None:
    """The job's slice in which a row stands, or None if the file is no longer kept."""
    cursor.execute(HOLDING, {"account_id": account_id, "job_id": job_id, "row": row})
    found = cursor.fetchone()
    return _chunk(*found) if found else None


SET_HANDLED = """
/* chunks.set_handled */
UPDATE trakrf.bulk_import_chunks
SET handled = true
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND number     = %(number)s
"""


def set_handled(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> None:
    """Of this slice only the rows that failed are still to be done."""
    cursor.execute(SET_HANDLED, {"account_id": account_id, "job_id": job_id, "number": number})


# Of a slice that was handled, the rows that failed are still to be done; of any other, all that counts. Where
# slices were handled, they have all of the job's failed rows; an all-or-nothing job may have failed rows, and
# has no slice that was handled.
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
    """What copy_undone would copy, slice by slice, of a job that has so many failed rows."""
    cursor.execute(UNDONE, {"account_id": account_id, "job_id": job_id, "failed_rows": failed_rows})
    return Undone(*cursor.fetchone() or (0, 0))


# The errors from a slice's first row on to the next kept slice are its own: slices with no errors are not
# kept. lead() has a default, since with row-level security a coalesce() would not be a condition of the
# index, and all later errors of the job would be read. MATERIALIZED, or they are read twice, for `undone` is
# used twice.
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
    """Give a job, under this number, what is still to be done of another one's kept slice.

    `place` counts the kept slices from 0. Raises LookupError if there is no such slice.
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


DELETE = """
/* chunks.delete */
DELETE FROM trakrf.bulk_import_chunks
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND number     = %(number)s
"""


def delete(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> None:
    """The slice is needed no longer."""
    cursor.execute(DELETE, {"account_id": account_id, "job_id": job_id, "number": number})


# By their places in the table: see row_errors.DELETE_SOME.
DELETE_SOME = """
/* chunks.delete_some */
DELETE FROM trakrf.bulk_import_chunks
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_chunks
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def delete_some(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete at most so many slices of a job; return how many it was."""
    cursor.execute(DELETE_SOME, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount


def _chunk(
    first_row: int, first_line: int, rows: int, body: memoryview, only_rows: Sequence[int] | None
) -> Chunk:
    return Chunk(first_row, first_line, rows, bytes(body), only_rows)
