"""The text of a job's file, in slices of whole records."""

from dataclasses import dataclass
from uuid import UUID

from psycopg2 import Binary
from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Chunk:
    """A stored slice; `first_row` is the number of its first record in the spreadsheet."""

    first_row: int
    rows: int
    body: bytes


INSERT = """
/* chunks.insert */
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, rows, body)
VALUES (%(account_id)s, %(job_id)s, %(number)s, %(first_row)s, %(rows)s, %(body)s)
"""


def insert(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    number: int,
    first_row: int,
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
            "rows": rows,
            "body": Binary(body),
        },
    )


READ = """
/* chunks.read */
SELECT first_row, rows, body
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
    first_row, rows, body = found
    return Chunk(first_row, rows, bytes(body))
