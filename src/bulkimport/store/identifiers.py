"""The identifiers that an unfinished job has met, for those whose assets cannot tell."""

from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor


class Repeated(NamedTuple):
    """A staged row, and the earlier row of the file that has its identifier."""

    row: int
    first_row: int


# In file order, so that the first of two rows with one identifier is the one that is noted.
NOTE = """
/* identifiers.note */
INSERT INTO trakrf.bulk_import_identifiers (account_id, job_id, identifier, row_number)
SELECT %(account_id)s, %(job_id)s, identifier, import_row
FROM asset_staging
ORDER BY import_row
ON CONFLICT (account_id, job_id, identifier) DO NOTHING
"""

# LIMIT 1: see staged_assets.REFUSED.
REPEATED = """
/* identifiers.repeated */
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


def note(cursor: Cursor, *, account_id: int, job_id: UUID) -> list[Repeated]:
    """Note what is staged; return the rows whose identifier an earlier row has."""
    cursor.execute(NOTE, {"account_id": account_id, "job_id": job_id})
    cursor.execute(REPEATED, {"account_id": account_id, "job_id": job_id})
    return [Repeated(*found) for found in cursor]


# By their places in the table: see row_errors.DELETE_SOME.
FORGET_SOME = """
/* identifiers.forget_some */
DELETE FROM trakrf.bulk_import_identifiers
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_identifiers
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def forget_some(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Forget at most so many of a finished job's identifiers; return how many it was."""
    cursor.execute(FORGET_SOME, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount
