"""What a job did to the assets, and its undoing: a range of the file's rows at a time."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Span:
    """Rows of a job's file, both ends included."""

    account_id: int
    parent_id: UUID
    first_row: int
    last_row: int


class Kept(NamedTuple):
    """An asset that was changed since, and is kept as it is."""

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
    """The job that undoes this one, or has done so; there is at most one."""
    cursor.execute(FIND, {"account_id": account_id, "parent_id": parent_id})
    found = cursor.fetchone()
    return found[0] if found else None


# Each from the end of an index: assets_import_idx, and the primary key of the changes.
LAST_ROW = """
/* reverting.last_row */
SELECT greatest(
    (SELECT max(import_row)
     FROM trakrf.assets
     WHERE account_id    = %(account_id)s
       AND import_job_id = %(parent_id)s),
    (SELECT max(row_number)
     FROM trakrf.bulk_import_changes
     WHERE account_id = %(account_id)s
       AND job_id     = %(parent_id)s),
    2)
"""


def last_row(cursor: Cursor, *, account_id: int, parent_id: UUID) -> int:
    """The last row of a job's file that created or changed an asset; its first row where nothing is left."""
    cursor.execute(LAST_ROW, {"account_id": account_id, "parent_id": parent_id})
    found: tuple[int] = cursor.fetchone() or (2,)
    return found[0]


# The header is row 1.
PLAN = """
/* reverting.plan */
INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, rows, body)
SELECT %(account_id)s, %(job_id)s, number, 2 + number * %(chunk_rows)s, %(chunk_rows)s, ''
FROM generate_series(0, (%(last_row)s - 2) / %(chunk_rows)s) AS number
"""


def plan(cursor: Cursor, *, account_id: int, job_id: UUID, last_row: int, chunk_rows: int) -> int:
    """Cut the rows of the file into ranges, a chunk with no body each; return how many chunks that is."""
    cursor.execute(
        PLAN, {"account_id": account_id, "job_id": job_id, "last_row": last_row, "chunk_rows": chunk_rows}
    )
    return cursor.rowcount


# In order of the identifier, as imports lock them, so that nobody waits in a circle.
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
    """Keep others from changing what these rows created or changed; return how many assets that is."""
    cursor.execute(LOCK, vars(span))
    found: tuple[int] = cursor.fetchone() or (0,)
    return found[0]


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
    """Delete what these rows created and nobody has changed since; return how many assets that was."""
    cursor.execute(REMOVE, vars(span))
    return cursor.rowcount


# By their places in the tables, which cannot change: the assets are locked, and the changes are this job's
# alone. LIMIT 1: see staged_assets.REFUSED.
RESTORE = """
/* reverting.restore */
WITH restored AS (
    UPDATE trakrf.assets AS asset
    SET name        = before.name,
        type        = before.type,
        description = before.description,
        valid_from  = before.valid_from,
        valid_to    = before.valid_to,
        is_active   = before.is_active,
        metadata    = before.metadata,
        updated_at  = now(),
        version     = asset.version + 1
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
    """Put back what these rows changed and nobody has since; return how many assets that was."""
    cursor.execute(RESTORE, vars(span))
    return cursor.rowcount


KEPT = """
/* reverting.kept */
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


def kept(cursor: Cursor, span: Span) -> list[Kept]:
    """What remove and restore left, because somebody has changed it since."""
    cursor.execute(KEPT, vars(span))
    return [Kept(*found) for found in cursor]


NOTE = """
/* reverting.note */
INSERT INTO trakrf.bulk_import_changes (account_id, job_id, row_number, asset_id, version_after, name, type,
                                        description, valid_from, valid_to, is_active, metadata)
SELECT %(account_id)s, %(job_id)s, staged.import_row, asset.id, asset.version + 1, asset.name, asset.type,
       asset.description, asset.valid_from, asset.valid_to, asset.is_active, asset.metadata
FROM asset_staging AS staged
CROSS JOIN LATERAL (
    SELECT *
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS asset
"""


def note(cursor: Cursor, *, account_id: int, job_id: UUID) -> None:
    """Keep the assets that what is staged is about to change; they must be locked."""
    cursor.execute(NOTE, {"account_id": account_id, "job_id": job_id})


# By their places in the table: see row_errors.DELETE_SOME.
FORGET_SOME = """
/* reverting.forget_some */
DELETE FROM trakrf.bulk_import_changes
WHERE ctid = ANY (ARRAY(SELECT ctid
                        FROM trakrf.bulk_import_changes
                        WHERE account_id = %(account_id)s
                          AND job_id     = %(job_id)s
                        LIMIT %(limit)s))
"""


def forget_some(cursor: Cursor, *, account_id: int, job_id: UUID, limit: int) -> int:
    """Delete at most so many of a job's changes; return how many it was."""
    cursor.execute(FORGET_SOME, {"account_id": account_id, "job_id": job_id, "limit": limit})
    return cursor.rowcount
