"""Staged rows become assets, a chunk at a time."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.store.staging import Staging


class Refused(NamedTuple):
    """A staged row that was not inserted, and where the live asset with its identifier came from."""

    row: int
    holder_job_id: UUID | None
    holder_row: int | None


class Incomplete(NamedTuple):
    """A staged row for a new asset, and the required fields that it lacks."""

    row: int
    fields: list[str]


class Misordered(NamedTuple):
    """A staged row after which its asset would end before it begins."""

    row: int
    valid_from: datetime
    valid_to: datetime


# Without ON CONFLICT, which makes each row dearer by a quarter (docs/performance.md), and without a staging
# table. The savepoint lets the transaction go on where an identifier is taken.
INSERT_ALL = """
/* staged_assets.insert_all */
INSERT INTO trakrf.assets (account_id, identifier, name, type, description, valid_from, valid_to,
                           is_active, metadata, import_job_id, import_row)
SELECT %(account_id)s, identifier, name, type, description, valid_from, valid_to,
       is_active, coalesce(metadata, '{}'), %(job_id)s, import_row
FROM unnest(%(import_row)s::int[], %(identifier)s::text[], %(name)s::text[], %(description)s::text[],
            %(alike)s::int[])
     AS new (import_row, identifier, name, description, alike)
JOIN unnest(%(type)s::text[], %(valid_from)s::timestamptz[], %(valid_to)s::timestamptz[],
            %(is_active)s::boolean[], %(metadata)s::jsonb[]) WITH ORDINALITY
     AS recurring (type, valid_from, valid_to, is_active, metadata, alike) USING (alike)
"""

SAVEPOINT = """
/* staged_assets.savepoint */
SAVEPOINT insert_all
"""

ROLLBACK = """
/* staged_assets.rollback */
ROLLBACK TO SAVEPOINT insert_all
"""

RELEASE = """
/* staged_assets.release */
RELEASE SAVEPOINT insert_all
"""


def insert_all(cursor: Cursor, *, account_id: int, job_id: UUID, rows: Staging) -> bool:
    """Insert every row, or none where an identifier is taken; return whether they were inserted."""
    together = f"{SAVEPOINT};{INSERT_ALL};{RELEASE}"  # one round trip
    try:
        cursor.execute(together, {**rows, "account_id": account_id, "job_id": job_id})
    except UniqueViolation:
        cursor.execute(ROLLBACK)
        return False
    return True


# In file order, so that the first of two rows with one identifier wins. DO NOTHING takes both conflicts with
# rows that were there and those within the statement.
INSERT_STAGED = """
/* staged_assets.insert_staged */
INSERT INTO trakrf.assets (account_id, identifier, name, type, description, valid_from, valid_to,
                           is_active, metadata, import_job_id, import_row)
SELECT %(account_id)s, identifier, name, type, description, valid_from, valid_to,
       is_active, coalesce(metadata, '{}'), %(job_id)s, import_row
FROM asset_staging
ORDER BY import_row
ON CONFLICT (account_id, identifier) WHERE deleted_at IS NULL DO NOTHING
"""


def insert_staged(cursor: Cursor, *, account_id: int, job_id: UUID) -> int:
    """Insert what is staged, but for identifiers that a live asset has; return how many rows that was."""
    cursor.execute(INSERT_STAGED, {"account_id": account_id, "job_id": job_id})
    return cursor.rowcount


# A statement of its own, for the few chunks that need it. As a CTE of the one above, which sees the tables as
# they were before it, it would miss conflicts within the chunk. The holder may be gone by now, deleted by
# somebody else: LEFT JOIN. Here and below LIMIT 1 keeps one look-up in the index a row: without statistics,
# which a young table does not have, a join reads all of the account's assets, or does so once a row.
REFUSED = """
/* staged_assets.refused */
SELECT staged.import_row, holder.import_job_id, holder.import_row
FROM asset_staging AS staged
LEFT JOIN LATERAL (
    SELECT import_job_id, import_row
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS holder ON true
WHERE (holder.import_job_id, holder.import_row) IS DISTINCT FROM (%(job_id)s::uuid, staged.import_row)
ORDER BY staged.import_row
"""


def refused(cursor: Cursor, *, account_id: int, job_id: UUID) -> list[Refused]:
    """The staged rows that insert_staged left out, each with the origin of the asset that is in its way."""
    cursor.execute(REFUSED, {"account_id": account_id, "job_id": job_id})
    return [Refused(*found) for found in cursor]


HELD = """
/* staged_assets.held */
SELECT staged.import_row
FROM asset_staging AS staged
LEFT JOIN LATERAL (
    SELECT id
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS holder ON true
WHERE holder.id IS NOT NULL
ORDER BY staged.import_row
"""


def held(cursor: Cursor, *, account_id: int) -> list[int]:
    """The staged rows whose identifier a live asset has."""
    cursor.execute(HELD, {"account_id": account_id})
    return [row for (row,) in cursor]


# In order of the identifier, so that two imports which change the same assets wait for each other and never
# in a circle. The locks keep what was checked as it was until it is changed.
LOCK_HELD = """
/* staged_assets.lock_held */
SELECT count(*)
FROM (
    SELECT identifier
    FROM asset_staging
    ORDER BY identifier
) AS staged
CROSS JOIN LATERAL (
    SELECT 1
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
    FOR NO KEY UPDATE
) AS held
"""


def lock_held(cursor: Cursor, *, account_id: int) -> None:
    """Keep others from changing the assets that update_staged will change."""
    cursor.execute(LOCK_HELD, {"account_id": account_id})


INCOMPLETE = """
/* staged_assets.incomplete */
SELECT staged.import_row,
       array_remove(ARRAY[CASE WHEN staged.name       IS NULL THEN 'name'       END,
                          CASE WHEN staged.type       IS NULL THEN 'type'       END,
                          CASE WHEN staged.valid_from IS NULL THEN 'valid_from' END,
                          CASE WHEN staged.is_active  IS NULL THEN 'is_active'  END], NULL)
FROM asset_staging AS staged
LEFT JOIN LATERAL (
    SELECT id
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS holder ON true
WHERE holder.id IS NULL
  AND (staged.name IS NULL OR staged.type IS NULL OR staged.valid_from IS NULL OR staged.is_active IS NULL)
ORDER BY staged.import_row
"""


def incomplete(cursor: Cursor, *, account_id: int) -> list[Incomplete]:
    """The staged rows that have no asset to change, and too little for a new one."""
    cursor.execute(INCOMPLETE, {"account_id": account_id})
    return [Incomplete(*found) for found in cursor]


MISORDERED = """
/* staged_assets.misordered */
SELECT staged.import_row, coalesce(staged.valid_from, holder.valid_from),
       coalesce(staged.valid_to, holder.valid_to)
FROM asset_staging AS staged
CROSS JOIN LATERAL (
    SELECT valid_from, valid_to
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS holder
WHERE coalesce(staged.valid_to, holder.valid_to) < coalesce(staged.valid_from, holder.valid_from)
ORDER BY staged.import_row
"""


def misordered(cursor: Cursor, *, account_id: int) -> list[Misordered]:
    """The staged rows that would make their asset end before it begins."""
    cursor.execute(MISORDERED, {"account_id": account_id})
    return [Misordered(*found) for found in cursor]


# What a row does not say stays as it is; its metadata is laid over what is there. By their places in the
# table, which cannot change any more: the assets are locked.
UPDATE_STAGED = """
/* staged_assets.update_staged */
UPDATE trakrf.assets AS asset
SET name        = coalesce(staged.name,        asset.name),
    type        = coalesce(staged.type,        asset.type),
    description = coalesce(staged.description, asset.description),
    valid_from  = coalesce(staged.valid_from,  asset.valid_from),
    valid_to    = coalesce(staged.valid_to,    asset.valid_to),
    is_active   = coalesce(staged.is_active,   asset.is_active),
    metadata    = asset.metadata || coalesce(staged.metadata, '{}'),
    updated_at  = now(),
    version     = asset.version + 1
FROM asset_staging AS staged
CROSS JOIN LATERAL (
    SELECT ctid AS place
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS held
WHERE asset.account_id = %(account_id)s
  AND asset.ctid       = held.place
RETURNING staged.import_row
"""


def update_staged(cursor: Cursor, *, account_id: int) -> list[int]:
    """Change the assets whose identifiers are staged, which must be locked; return the rows that had one."""
    cursor.execute(UPDATE_STAGED, {"account_id": account_id})
    return [row for (row,) in cursor]
