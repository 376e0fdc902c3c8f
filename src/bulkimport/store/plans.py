"""Plans: what a dry run would do with each row, stored chunk by chunk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.store import assets
from bulkimport.store.asset_columns import COLUMNS
from bulkimport.store.staged_assets import IS_UNCHANGED, MERGED_METADATA, merged

CREATE, UPDATE, SKIP, UNCHANGED = ACTIONS = ("create", "update", "skip", "unchanged")


class Counts(NamedTuple):
    """How many rows of a plan would create an asset, update one, leave one as it is, or be skipped."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0


class Change(NamedTuple):
    """The value of a field before and after; times are RFC 3339 in UTC."""

    before: str | bool | None
    after: str | bool | None


class PlannedRow(NamedTuple):
    """What would become of a row: one of ACTIONS, and the fields of its asset that would change.

    `identifier` is None if it would be generated.
    """

    row: int
    identifier: str | None
    action: str
    changes: Mapping[str, Change]


class Page(NamedTuple):
    """Some planned rows, and the row after which the next page begins: None at the end."""

    rows: list[PlannedRow]
    next_row: int | None


# In SQL, as jsonb functions take several times as long for each row.
JSON_OF_CHANGE = (
    "CASE WHEN asset.{column} IS DISTINCT FROM {merged} THEN"
    """ '"{column}":{{"from":' || coalesce(to_json(asset.{column})::text, 'null')"""
    """ || ',"to":' || coalesce(to_json({merged})::text, 'null') || '}}' END"""
)
CHANGES = ", ".join(
    (
        merged(JSON_OF_CHANGE),
        JSON_OF_CHANGE.format(column="metadata", merged=f"({MERGED_METADATA})"),
    )
)
# LIMIT 1: see staged_assets.REFUSED.
ADD = f"""
/* plans.add */
INSERT INTO trakrf.bulk_import_plans (account_id, job_id, number, first_row, last_row, created_rows,
                                      updated_rows, unchanged_rows, skipped_rows, rows, identifiers,
                                      asset_ids, versions, changes)
SELECT %(account_id)s, %(job_id)s, %(number)s, min(import_row), max(import_row),
       count(*) FILTER (WHERE asset_id IS NULL),
       count(changes),
       count(*) FILTER (WHERE asset_id IS NOT NULL AND changes IS NULL AND %(on_conflict)s <> 'skip'),
       count(*) FILTER (WHERE asset_id IS NOT NULL AND %(on_conflict)s = 'skip'),
       array_agg(import_row), array_agg(identifier), array_agg(asset_id), array_agg(version),
       array_agg(changes)
FROM (
    SELECT staged.import_row, staged.identifier, asset.id AS asset_id, asset.version,
           CASE WHEN asset.id IS NOT NULL AND %(on_conflict)s = 'update' AND NOT ({IS_UNCHANGED})
                THEN '{{' || concat_ws(',', {CHANGES}) || '}}'
           END AS changes
    FROM asset_staging AS staged
    LEFT JOIN LATERAL (
        SELECT *
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND identifier = staged.identifier
          AND deleted_at IS NULL
        LIMIT 1
    ) AS asset ON true
    UNION ALL
    SELECT row_number, NULL, NULL, NULL, NULL
    FROM unnest(%(unnumbered)s::int[]) AS row_number
    ORDER BY import_row
) AS planned
HAVING count(*) > 0
RETURNING created_rows, updated_rows, unchanged_rows, skipped_rows
"""  # noqa: S608 - the columns are constants


def add(
    cursor: Cursor,
    *,
    account_id: int,
    job_id: UUID,
    number: int,
    on_conflict: str,
    clears: bool = False,
    unnumbered: Sequence[int] = (),
) -> Counts:
    """Store what an import would do with the rows of a chunk that have no errors: the staged ones, and those
    whose identifiers would be generated. `clears`: see staged_assets.lock_held.
    """
    cursor.execute(
        ADD,
        {
            "account_id": account_id,
            "job_id": job_id,
            "number": number,
            "on_conflict": on_conflict,
            "clears": clears,
            "unnumbered": list(unnumbered),
        },
    )
    return Counts(*cursor.fetchone() or ())


COUNT = """
/* plans.count */
SELECT coalesce(sum(created_rows + updated_rows + unchanged_rows + skipped_rows), 0)::int
FROM trakrf.bulk_import_plans
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
"""


def count(cursor: Cursor, *, account_id: int, job_id: UUID) -> int:
    """How many rows the stored plan of a job has."""
    cursor.execute(COUNT, {"account_id": account_id, "job_id": job_id})
    (rows,) = cursor.fetchone() or (0,)
    return int(rows)


FIND_APPLICATION = """
/* plans.find_application */
SELECT id
FROM trakrf.bulk_import_jobs
WHERE account_id    = %(account_id)s
  AND parent_job_id = %(parent_id)s
  AND applies_plan
  AND status        IN ('pending', 'processing', 'completed')
"""


def find_application(cursor: Cursor, *, account_id: int, parent_id: UUID) -> UUID | None:
    """The job that is applying or has applied the plan of this one, if any; there is at most one."""
    cursor.execute(FIND_APPLICATION, {"account_id": account_id, "parent_id": parent_id})
    row = cursor.fetchone()
    return row[0] if row else None


CASE_OF_ACTION = (
    "CASE WHEN planned.asset_id IS NULL THEN 'create'"
    " WHEN planned.changes IS NOT NULL THEN 'update'"
    " WHEN plan.skipped_rows > 0 THEN 'skip'"
    " ELSE 'unchanged' END"
)

GET_ACTIONS = f"""
/* plans.get_actions */
SELECT planned.row_number, {CASE_OF_ACTION}
FROM trakrf.bulk_import_plans AS plan
CROSS JOIN LATERAL unnest(plan.rows, plan.asset_ids, plan.changes) AS planned (row_number, asset_id, changes)
WHERE plan.account_id = %(account_id)s
  AND plan.job_id     = %(job_id)s
  AND plan.number     = %(number)s
"""  # noqa: S608 - the expression is a constant


def get_actions(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> dict[int, str]:
    """One of ACTIONS for each planned row of a chunk, in file order."""
    cursor.execute(GET_ACTIONS, {"account_id": account_id, "job_id": job_id, "number": number})
    return dict(cursor.fetchall())


# Joined before the sort, so that the assets are locked in order of the identifier, as staged_assets.LOCK_HELD
# does.
LOCK_PLANNED = """
/* plans.lock_planned */
SELECT planned.import_row
FROM (
    SELECT staged.import_row, staged.identifier, planned.asset_id, planned.version
    FROM trakrf.bulk_import_plans AS plan
    CROSS JOIN LATERAL unnest(plan.rows, plan.asset_ids, plan.versions)
        AS planned (row_number, asset_id, version)
    JOIN asset_staging AS staged
      ON staged.import_row = planned.row_number
    WHERE plan.account_id = %(account_id)s
      AND plan.job_id     = %(job_id)s
      AND plan.number     = %(number)s
    ORDER BY staged.identifier
) AS planned
LEFT JOIN LATERAL (
    SELECT id, version
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND identifier = planned.identifier
      AND deleted_at IS NULL
    LIMIT 1
    FOR NO KEY UPDATE
) AS asset ON true
WHERE (asset.id, asset.version) IS DISTINCT FROM (planned.asset_id, planned.version)
"""


def lock_planned(cursor: Cursor, *, account_id: int, job_id: UUID, number: int) -> list[int]:
    """Lock the assets of the staged rows, which a chunk of a plan has.

    Returns the rows whose asset was created, changed or deleted since it was planned, in file order.
    """
    cursor.execute(LOCK_PLANNED, {"account_id": account_id, "job_id": job_id, "number": number})
    return sorted(row for (row,) in cursor)


# Only the chunks that have some of these rows are read from where their arrays are stored.
PAGE = f"""
/* plans.page */
SELECT row_number, identifier, action, changes::json
FROM (
    SELECT planned.row_number, planned.identifier, planned.changes,
           {CASE_OF_ACTION} AS action
    FROM trakrf.bulk_import_plans AS plan
    CROSS JOIN LATERAL unnest(plan.rows, plan.identifiers, plan.asset_ids, plan.changes)
        AS planned (row_number, identifier, asset_id, changes)
    WHERE plan.account_id     =  %(account_id)s
      AND plan.job_id         =  %(job_id)s
      AND plan.last_row       >  %(after_row)s
      AND plan.first_row      <= %(until_row)s
      AND planned.row_number  >  %(after_row)s
      AND planned.row_number  <= %(until_row)s
) AS planned
WHERE %(action)s IS NULL
   OR action = %(action)s
ORDER BY row_number
LIMIT %(limit)s
"""  # noqa: S608 - the expression is a constant

LAST_ROW = """
/* plans.last_row */
SELECT last_row
FROM trakrf.bulk_import_plans
WHERE account_id = %(account_id)s
  AND job_id     = %(job_id)s
ORDER BY number DESC
LIMIT 1
"""


def page(
    cursor: Cursor, *, account_id: int, job_id: UUID, after_row: int, limit: int, action: str | None = None
) -> Page:
    """The planned rows with this action, or any, in file order, from the first one after a row.

    At most assets.SCAN_ROWS rows are searched for a page; it is shorter than `limit` if fewer of them match.
    """
    until_row = after_row + assets.SCAN_ROWS
    parameters = {"account_id": account_id, "job_id": job_id, "after_row": after_row, "until_row": until_row}
    cursor.execute(PAGE, {**parameters, "action": action, "limit": limit + 1})
    rows = [
        PlannedRow(row, identifier, action, _by_field(changes or {}))
        for row, identifier, action, changes in cursor
    ]
    if len(rows) > limit:
        return Page(rows[:limit], rows[limit - 1].row)
    cursor.execute(LAST_ROW, parameters)
    (last_row,) = cursor.fetchone() or (0,)
    return Page(rows, until_row if last_row > until_row else None)


def _by_field(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Change]:
    """The changes of columns, with a field `metadata.KEY` for each key of metadata that changes."""
    metadata = changes.get("metadata", {"from": {}, "to": {}})
    before, after = metadata["from"], metadata["to"]
    return {
        **{
            column: Change(_value(column, change["from"]), _value(column, change["to"]))
            for column, change in changes.items()
            if column != "metadata"
        },
        **{
            f"metadata.{key}": Change(before.get(key), after.get(key))
            for key in sorted(before | after)
            if before.get(key) != after.get(key)
        },
    }


def _value(column: str, value: str | bool | None) -> str | bool | None:
    """A value as it is in JSON; PostgreSQL writes times in the session's time zone, which is UTC."""
    if isinstance(value, str) and COLUMNS[column].sql_type == "timestamptz":
        return datetime.fromisoformat(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value
