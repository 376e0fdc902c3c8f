"""What was wrong, row by row."""

from collections.abc import Sequence
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

# Row, field, code, message, value.
RowError = tuple[int, str | None, str, str, str | None]

INSERT = """
/* row_errors.insert */
INSERT INTO trakrf.bulk_import_errors (account_id, job_id, row_number, position, field, code, message, value)
SELECT %(account_id)s, %(job_id)s, row_number,
       row_number() OVER (PARTITION BY row_number ORDER BY ordinality) - 1,
       field, code, message, value
FROM unnest(%(rows)s::int[], %(fields)s::text[], %(codes)s::text[], %(messages)s::text[], %(values)s::text[])
     WITH ORDINALITY AS error (row_number, field, code, message, value, ordinality)
"""


def insert(cursor: Cursor, *, account_id: int, job_id: UUID, errors: Sequence[RowError]) -> None:
    """Keep the errors, in their order within each row."""
    if not errors:
        return
    rows, fields, codes, messages, values = (list(column) for column in zip(*errors, strict=True))
    cursor.execute(
        INSERT,
        {
            "account_id": account_id,
            "job_id": job_id,
            "rows": rows,
            "fields": fields,
            "codes": codes,
            "messages": messages,
            "values": values,
        },
    )
