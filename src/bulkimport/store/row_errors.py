"""The errors of a job's rows."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store.staging import array_of_numbers, array_of_recurring, array_of_texts


class StoredError(NamedTuple):
    """A stored row error; `position` counts the errors of its row from 0."""

    row: int
    position: int
    line: int
    field: str | None
    code: str
    message: str
    value: str | None


# Row, line, field, code, message, value.
NewError = tuple[int, int, str | None, str, str, str | None]

# The columns of new errors, each as an array literal.
NewErrors = dict[str, str]

INSERT = """
/* row_errors.insert */
INSERT INTO trakrf.bulk_import_errors (account_id, job_id, row_number, position, line, field, code, message,
                                       value)
SELECT %(account_id)s, %(job_id)s, error.*
FROM unnest(%(rows)s::int[], %(positions)s::smallint[], %(lines)s::int[], %(fields)s::text[],
            %(codes)s::text[], %(messages)s::text[], %(values)s::text[]) AS error
"""


def insert(cursor: Cursor, *, account_id: int, job_id: UUID, errors: NewErrors) -> None:
    """Store new errors, as arrays() returns them."""
    cursor.execute(INSERT, {**errors, "account_id": account_id, "job_id": job_id})


def arrays(errors: Sequence[NewError]) -> NewErrors:
    """The errors as array literals, one per column. The errors of a row must be adjacent."""
    rows, lines, fields, codes, messages, values = list(zip(*errors, strict=True)) or [()] * 6
    positions: list[int] = []
    for place, row in enumerate(rows):
        positions.append(positions[-1] + 1 if place and rows[place - 1] == row else 0)
    return {
        "rows": array_of_numbers(rows),
        "positions": array_of_numbers(positions),
        "lines": array_of_numbers(lines),
        "fields": array_of_recurring(fields),
        "codes": array_of_recurring(codes),
        "messages": array_of_texts(messages),
        "values": array_of_texts(values),
    }


PAGE = """
/* row_errors.page */
SELECT row_number, position, line, field, code, message, value
FROM trakrf.bulk_import_errors
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND (row_number, position) > (%(after_row)s, %(after_position)s)
ORDER BY row_number, position
LIMIT %(limit)s
"""


def page(
    cursor: Cursor, *, account_id: int, job_id: UUID, after: tuple[int, int], limit: int
) -> list[StoredError]:
    """At most `limit` errors in order of row and position, from the first one after this row and position."""
    cursor.execute(
        PAGE,
        {
            "account_id": account_id,
            "job_id": job_id,
            "after_row": after[0],
            "after_position": after[1],
            "limit": limit,
        },
    )
    return [StoredError(*error) for error in cursor]


BETWEEN = """
/* row_errors.between */
SELECT row_number, position, line, field, code, message, value
FROM trakrf.bulk_import_errors
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
  AND row_number BETWEEN %(first_row)s AND %(last_row)s
ORDER BY row_number, position
"""


def between(
    cursor: Cursor, *, account_id: int, job_id: UUID, first_row: int, last_row: int
) -> list[StoredError]:
    """The errors of these rows, both ends included, in order of row and position."""
    cursor.execute(
        BETWEEN,
        {"account_id": account_id, "job_id": job_id, "first_row": first_row, "last_row": last_row},
    )
    return [StoredError(*error) for error in cursor]
