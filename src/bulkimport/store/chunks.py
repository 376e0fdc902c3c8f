"""The text of a job's file, in slices of whole records."""

from dataclasses import dataclass
from uuid import UUID

from psycopg2 import Binary
from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Chunk:
    """A stored slice: where its first record stands in the spreadsheet and in the file, and its rows."""

    first_row: int
    first_line: int
    rows: int
    body: bytes


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
SELECT first_row, first_line, rows, body
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
SELECT first_row, first_line, rows, body
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


def _chunk(first_row: int, first_line: int, rows: int, body: memoryview) -> Chunk:
    return Chunk(first_row, first_line, rows, bytes(body))
