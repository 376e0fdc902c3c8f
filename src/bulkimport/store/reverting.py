"""What a job changed is noted, so that it can be undone: a range of the file's rows at a time."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store.asset_columns import NAMES, sql_list


@dataclass(frozen=True)
class Span:
    """A range of rows in the file of the job to undo, both ends included."""

    account_id: int
    parent_id: UUID
    first_row: int
    last_row: int


class ChangedAsset(NamedTuple):
    """An asset that was changed after the import, and the row that had created or changed it before."""

    row: int
    identifier: str


FIND = """
/* reverting.find */
SELECT id
FROM trakrf.bulk_import_jobs
WHERE account_id    = %(account_id)s
  AND parent_job_id = %(parent_id)s
  AND kind          = 'revert'
  AND status        IN ('pending', 'processing', 'completed')
"""


def find(cursor: Cursor, *, account_id: int, parent_id: UUID) -> UUID | None:
    """The job that is undoing or has undone this one, if any; there is at most one."""
    cursor.execute(FIND, {"account_id": account_id, "parent_id": parent_id})
    row = cursor.fetchone()
    return row[0] if row else None


# Each from the end of an index: assets_import_idx, and the primary key of the changes. For max(),
# PostgreSQL 15 and 16 read all rows of the job if the table has no statistics yet.
LAST_ROW = """
/* reverting.last_row */
SELECT greatest(
    (SELECT import_row
     FROM trakrf.assets
     WHERE account_id    = %(account_id)s
       AND import_job_id = %(parent_id)s
     ORDER BY import_row DESC
     LIMIT 1),
    (SELECT row_number
     FROM trakrf.bulk_import_changes
     WHERE account_id = %(account_id)s
       AND job_id     = %(parent_id)s
     ORDER BY row_number DESC
     LIMIT 1),
    2)
"""


def last_row(cursor: Cursor, *, account_id: int, parent_id: UUID) -> int:
    """The last row of a job's file that created or changed an asset; the first row, 2, if nothing is left."""
    cursor.execute(LAST_ROW, {"account_id": account_id, "parent_id": parent_id})
    (row,) = cursor.fetchone() or (2,)
    return int(row)


# The header is row 1.
PLAN = """
/* reverting.plan */
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, rows, body)
SELECT %(account_id)s, %(job_id)s, number, 2 + number * %(chunk_rows)s, %(chunk_rows)s, ''
FROM generate_series(0, (%(last_row)s - 2) / %(chunk_rows)s) AS number
"""


def plan(cursor: Cursor, *, account_id: int, job_id: UUID, last_row: int, chunk_rows: int) -> int:
    """Cut the rows of the file into ranges, each a chunk without a body; return the number of chunks."""
    cursor.execute(
        PLAN, {"account_id": account_id, "job_id": job_id, "last_row": last_row, "chunk_rows": chunk_rows}
    )
    return cursor.rowcount


# In order of the identifier, as imports lock them, so that there is no deadlock.
LOCK = """
/* reverting.lock */
SELECT count(*)
FROM (
    SELECT id, identifier
    FROM trakrf.assets
    WHERE account_id    = %(account_id)s
      AND import_job_id = %(parent_id)s
      AND import_row    BETWEEN %(first_row)s AND %(last_row)s
    UNION ALL
    SELECT asset_id, asset.identifier
    FROM trakrf.bulk_import_changes AS before
    CROSS JOIN LATERAL (
        SELECT identifier
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND id         = before.asset_id
        LIMIT 1
    ) AS asset
    WHERE before.account_id = %(account_id)s
      AND before.job_id     = %(parent_id)s
      AND before.row_number BETWEEN %(first_row)s AND %(last_row)s
    ORDER BY identifier, id
) AS touched
CROSS JOIN LATERAL (
    SELECT 1
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND id         = touched.id
    LIMIT 1
    FOR NO KEY UPDATE
) AS locked
"""


def lock(cursor: Cursor, span: Span) -> int:
    """Lock the assets that these rows created or changed; return how many there are."""
    cursor.execute(LOCK, vars(span))
    (count,) = cursor.fetchone() or (0,)
    return int(count)


# An asset is created with version 1.
REMOVE = """
/* reverting.remove */
UPDATE trakrf.assets
SET deleted_at = now(),
    updated_at = now(),
    version    = version + 1
WHERE account_id    = %(account_id)s
  AND import_job_id = %(parent_id)s
  AND import_row    BETWEEN %(first_row)s AND %(last_row)s
  AND deleted_at    IS NULL
  AND version       = 1
"""


def remove(cursor: Cursor, span: Span) -> int:
    """Delete the assets that these rows created, unless changed since; return how many were deleted."""
    cursor.execute(REMOVE, vars(span))
    return cursor.rowcount


# The rows of both tables are named by ctid, which cannot change: the assets are locked, and no other job
# touches these changes. LIMIT 1: see staged_assets.REFUSED.
SET_TO_BEFORE = sql_list("{column} = before.{column}")
RESTORE = f"""
/* reverting.restore */
WITH restored AS (
    UPDATE trakrf.assets AS asset
    SET {SET_TO_BEFORE},
        metadata   = before.metadata,
        updated_at = now(),
        version    = asset.version + 1
    FROM trakrf.bulk_import_changes AS before
    CROSS JOIN LATERAL (
        SELECT ctid AS place
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND id         = before.asset_id
          AND version    = before.version_after
          AND deleted_at IS NULL
        LIMIT 1
    ) AS held
    WHERE before.account_id = %(account_id)s
      AND before.job_id     = %(parent_id)s
      AND before.row_number BETWEEN %(first_row)s AND %(last_row)s
      AND asset.account_id  = %(account_id)s
      AND asset.ctid        = held.place
    RETURNING before.ctid AS place
)
DELETE FROM trakrf.bulk_import_changes
WHERE ctid = ANY (ARRAY(SELECT place FROM restored))
"""


def restore(cursor: Cursor, span: Span) -> int:
    """Put back the assets that these rows changed, unless changed since; return how many were put back."""
    cursor.execute(RESTORE, vars(span))
    return cursor.rowcount


CHANGED_SINCE = """
/* reverting.changed_since */
SELECT import_row, identifier
FROM trakrf.assets
WHERE account_id    = %(account_id)s
  AND import_job_id = %(parent_id)s
  AND import_row    BETWEEN %(first_row)s AND %(last_row)s
  AND deleted_at    IS NULL
UNION ALL
SELECT before.row_number, asset.identifier
FROM trakrf.bulk_import_changes AS before
CROSS JOIN LATERAL (
    SELECT identifier
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND id         = before.asset_id
      AND deleted_at IS NULL
    LIMIT 1
) AS asset
WHERE before.account_id = %(account_id)s
  AND before.job_id     = %(parent_id)s
  AND before.row_number BETWEEN %(first_row)s AND %(last_row)s
ORDER BY 1
"""


def changed_since(cursor: Cursor, span: Span) -> list[ChangedAsset]:
    """The live assets that remove and restore left alone, because they were changed since, in file order."""
    cursor.execute(CHANGED_SINCE, vars(span))
    return [ChangedAsset(*row) for row in cursor]


# Most of the assets are locked already. One that another transaction has created since is locked here, so
# that it stays as it is noted.
OF_ASSET = sql_list("asset.{column}")
NOTE = f"""
/* reverting.note */
INSERT INTO trakrf.bulk_import_changes (account_id, job_id, row_number, asset_id, version_after, {NAMES},
                                        metadata)
SELECT %(account_id)s, %(job_id)s, staged.import_row, asset.id, asset.version + 1, {OF_ASSET},
       asset.metadata
FROM asset_staging AS staged
CROSS JOIN LATERAL (
    SELECT *
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
    FOR NO KEY UPDATE
) AS asset
"""


def note(cursor: Cursor, *, account_id: int, job_id: UUID) -> int:
    """Lock and note the assets as they are before the staged rows change them; return how many there are."""
    cursor.execute(NOTE, {"account_id": account_id, "job_id": job_id})
    return cursor.rowcount
