"""The rows of a chunk become assets: all at once, or from the staging table."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.store.asset_columns import COLUMNS, NAMES, OPTIONAL, REQUIRED, sql_list
from bulkimport.store.staging import ROWS, Staging


class Refused(NamedTuple):
    """A staged row that was not inserted, and the job and row from which the asset in its way came."""

    row: int
    holder_job_id: UUID | None
    holder_row: int | None


class Incomplete(NamedTuple):
    """A staged row that would create an asset, and the required columns that it lacks."""

    row: int
    fields: list[str]


class Misordered(NamedTuple):
    """A staged row whose asset would end before it begins, and the two dates."""

    row: int
    valid_from: datetime
    valid_to: datetime


# Without ON CONFLICT, which would add a quarter to the cost of each row (docs/performance.md), and without a
# staging table. The savepoint lets the transaction continue if an identifier is taken.
INSERT_ALL = f"""
/* staged_assets.insert_all */
INSERT INTO trakrf.assets (account_id, identifier, {NAMES}, metadata, import_job_id, import_row)
SELECT %(account_id)s, identifier, {NAMES}, coalesce(metadata, '{{}}'), %(job_id)s, import_row
FROM {ROWS}
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
    """Insert every row, or none if any identifier is taken; return whether they were inserted."""
    together = f"{SAVEPOINT};{INSERT_ALL};{RELEASE}"  # one round trip
    try:
        cursor.execute(together, {**rows, "account_id": account_id, "job_id": job_id})
    except UniqueViolation:
        cursor.execute(ROLLBACK)
        return False
    return True


# In file order, so that the first of two rows with the same identifier wins. DO NOTHING covers conflicts with
# existing assets as well as those between rows of the statement.
INSERT_STAGED = f"""
/* staged_assets.insert_staged */
INSERT INTO trakrf.assets (account_id, identifier, {NAMES}, metadata, import_job_id, import_row)
SELECT %(account_id)s, identifier, {NAMES}, coalesce(metadata, '{{}}'), %(job_id)s, import_row
FROM asset_staging
ORDER BY import_row
ON CONFLICT (account_id, identifier) WHERE deleted_at IS NULL DO NOTHING
"""


def insert_staged(cursor: Cursor, *, account_id: int, job_id: UUID) -> int:
    """Insert the staged rows except those whose identifier is taken; return how many were inserted."""
    cursor.execute(INSERT_STAGED, {"account_id": account_id, "job_id": job_id})
    return cursor.rowcount


# A statement of its own, for the few chunks that need it. A CTE of the statement above would see the tables
# as they were before it, and so miss conflicts within the chunk. The holder may have been deleted meanwhile:
# LEFT JOIN. Here and below, LIMIT 1 makes it one index look-up per row: without statistics, which a new table
# does not have yet, a join reads all of the account's assets, or even does so once per row.
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
    """The staged rows that insert_staged left out, in file order."""
    cursor.execute(REFUSED, {"account_id": account_id, "job_id": job_id})
    return [Refused(*row) for row in cursor]


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
    """The numbers of the staged rows whose identifier a live asset has, in file order."""
    cursor.execute(HELD, {"account_id": account_id})
    return [row for (row,) in cursor]


# What a column of `asset` becomes: None leaves the stored value as it is, and CLEARED removes it.
MERGED = "coalesce(staged.{column}, asset.{column})"
MERGED_OR_CLEARED = f"CASE WHEN staged.{{column}} = {{cleared}} THEN NULL ELSE {MERGED} END"
# Metadata is merged into the stored metadata, and keys whose value is null are removed: not by
# jsonb_strip_nulls, which would also remove nulls that other programs have stored. Looking for such keys
# makes the statement a third slower, so it does so only if there may be some.
MERGED_METADATA = (
    "(asset.metadata || coalesce(staged.metadata, '{}'))"
    " - CASE WHEN %(clears)s THEN ARRAY(SELECT key FROM jsonb_each(staged.metadata) WHERE value = 'null')"
    " ELSE '{}' END"
)


def merged(template: str, separator: str = ", ") -> str:
    """The template for each column; in it, `{merged}` stands for what the column of `asset` becomes."""
    return separator.join(
        sql_list(template.replace("{merged}", MERGED if name in REQUIRED else MERGED_OR_CLEARED), [name])
        for name in COLUMNS
    )


IS_UNCHANGED = (
    f"({sql_list('asset.{column}')}, asset.metadata)"
    f" IS NOT DISTINCT FROM ({merged('{merged}')}, {MERGED_METADATA})"
)

# In order of the identifier, so that of two imports that change the same assets one waits for the other, and
# they never deadlock. Until the assets are changed, the locks keep them as they were checked. An asset that
# another transaction changed while this one waited is compared as it is then.
LOCK_HELD = f"""
/* staged_assets.lock_held */
SELECT staged.import_row
FROM (
    SELECT *
    FROM asset_staging
    ORDER BY identifier
) AS staged
CROSS JOIN LATERAL (
    SELECT *
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
    FOR NO KEY UPDATE
) AS asset
WHERE {IS_UNCHANGED}
"""


def lock_held(cursor: Cursor, *, account_id: int, clears: bool = False) -> list[int]:
    """Lock the assets whose identifiers are staged; return the rows that would not change theirs.

    `clears`: whether rows may have CLEARED, or null in their metadata.
    """
    cursor.execute(LOCK_HELD, {"account_id": account_id, "clears": clears})
    return [row for (row,) in cursor]


SET_TO_DEFAULT = sql_list("{column} = coalesce(staged.{column}, %({column})s::{type})", REQUIRED)
SET_OR_CLEAR = sql_list(
    "{column} = nullif(coalesce(staged.{column}, %({column})s::{type}), {cleared})", OPTIONAL
)
COMPLETE = f"""
/* staged_assets.complete */
UPDATE asset_staging AS staged
SET {SET_TO_DEFAULT},
    {SET_OR_CLEAR},
    metadata = jsonb_strip_nulls(%(metadata)s::jsonb || coalesce(staged.metadata, '{{}}'))
WHERE (
    SELECT true
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) IS NULL
"""


def complete(cursor: Cursor, *, account_id: int, defaults: Mapping[str, Any]) -> None:
    """Complete the staged rows that match no asset: a default for an empty cell, nothing for a cleared one.

    `defaults` has the values of columns by their names, and those of metadata as a mapping.
    """
    values = {**dict.fromkeys(COLUMNS), **defaults, "metadata": json.dumps(defaults.get("metadata", {}))}
    cursor.execute(COMPLETE, {**values, "account_id": account_id})


MISSING = sql_list("CASE WHEN staged.{column} IS NULL THEN '{column}' END", REQUIRED)
ANY_IS_MISSING = sql_list("staged.{column} IS NULL", REQUIRED, " OR ")
INCOMPLETE = f"""
/* staged_assets.incomplete */
SELECT staged.import_row,
       array_remove(ARRAY[{MISSING}], NULL)
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
  AND ({ANY_IS_MISSING})
ORDER BY staged.import_row
"""


def incomplete(cursor: Cursor, *, account_id: int) -> list[Incomplete]:
    """The staged rows that match no asset and lack what a new one needs, in file order."""
    cursor.execute(INCOMPLETE, {"account_id": account_id})
    return [Incomplete(*row) for row in cursor]


# A row that creates an asset can be among them only if `complete` has filled in a date. The asset is
# looked up only for a row that lacks a date: its own dates decide about any other.
MISORDERED = """
/* staged_assets.misordered */
SELECT staged.import_row, coalesce(staged.valid_from, holder.valid_from),
       coalesce(staged.valid_to, holder.valid_to)
FROM asset_staging AS staged
LEFT JOIN LATERAL (
    SELECT valid_from, valid_to
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = staged.identifier
      AND deleted_at IS NULL
    LIMIT 1
) AS holder ON true
WHERE (staged.valid_from IS NULL OR staged.valid_to IS NULL OR staged.valid_to < staged.valid_from)
  AND coalesce(staged.valid_to, holder.valid_to) < coalesce(staged.valid_from, holder.valid_from)
ORDER BY staged.import_row
"""


def misordered(cursor: Cursor, *, account_id: int) -> list[Misordered]:
    """The staged rows whose asset would end before it begins, in file order."""
    cursor.execute(MISORDERED, {"account_id": account_id})
    return [Misordered(*row) for row in cursor]


# The rows of the table are named by ctid, which cannot change: the assets are locked.
SET_TO_STAGED = merged("{column} = {merged}")
UPDATE_STAGED = f"""
/* staged_assets.update_staged */
UPDATE trakrf.assets AS asset
SET {SET_TO_STAGED},
    metadata   = {MERGED_METADATA},
    updated_at = now(),
    version    = asset.version + 1
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


def update_staged(cursor: Cursor, *, account_id: int, clears: bool) -> list[int]:
    """Change the assets whose identifiers are staged, which must be locked; return the rows that did so.

    `clears` says whether rows may remove keys of metadata.
    """
    cursor.execute(UPDATE_STAGED, {"account_id": account_id, "clears": clears})
    return [row for (row,) in cursor]
