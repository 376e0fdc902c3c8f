"""Assets: staged and inserted a chunk at a time, and read in pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

# Row, identifier, name, type, description, valid_from, valid_to, is_active: the columns of asset_staging.
StagedAsset = tuple[int, str, str, str, str | None, date, date | None, bool]

# The columns of asset_staging, each as an array literal.
Staging = dict[str, str]


class Refused(NamedTuple):
    """A staged row that was not inserted, and where the live asset with its identifier came from."""

    row: int
    identifier: str
    holder_job_id: UUID | None
    holder_row: int | None


@dataclass(frozen=True)
class Asset:
    """A stored asset."""

    id: int
    identifier: str
    name: str
    type: str
    description: str | None
    valid_from: datetime
    valid_to: datetime | None
    is_active: bool
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    import_job_id: UUID | None
    import_row: int | None


# Rows are staged in a table of the session, so that one statement inserts them and another can ask which
# of them were left out.
CREATE_STAGING = """
/* assets.create_staging */
CREATE TEMPORARY TABLE IF NOT EXISTS asset_staging (
    import_row  int         NOT NULL,
    identifier  text        NOT NULL,
    name        text        NOT NULL,
    type        text        NOT NULL,
    description text,
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz,
    is_active   boolean     NOT NULL
) ON COMMIT DELETE ROWS
"""

# Not COPY FROM STDIN: a backend that waits for the rest of a COPY hears no time-out at all, so a worker that
# is stopped in the middle of one would hold its job for ever. A statement is read whole before it runs, and
# until then idle_in_transaction_session_timeout applies.
STAGE = """
/* assets.stage */
INSERT INTO asset_staging (import_row, identifier, name, type, description, valid_from, valid_to, is_active)
SELECT *
FROM unnest(%(import_row)s::int[], %(identifier)s::text[], %(name)s::text[], %(type)s::text[],
            %(description)s::text[], %(valid_from)s::timestamptz[], %(valid_to)s::timestamptz[],
            %(is_active)s::boolean[])
"""


def stage(cursor: Cursor, staging: Staging) -> None:
    """Put rows before the database, to be inserted in the same transaction."""
    cursor.execute(CREATE_STAGING)
    cursor.execute(STAGE, staging)


def staging(assets: Iterable[StagedAsset]) -> Staging:
    """Rows as array literals, a column each (PostgreSQL manual, Array Input and Output Syntax).

    Made here and not by the driver, which would take the time of the thread that holds the transaction.
    """
    columns = list(zip(*assets, strict=True)) or [()] * 8
    rows, identifiers, names, types, descriptions, valid_from, valid_to, is_active = columns
    return {
        "import_row": _array(map(str, rows)),
        "identifier": _array(map(_quoted, identifiers)),
        "name": _array(map(_quoted, names)),
        "type": _array(types),
        "description": _array(map(_quoted, descriptions)),
        "valid_from": _array(map(_midnight, valid_from)),
        "valid_to": _array(map(_midnight, valid_to)),
        "is_active": _array(map(str, is_active)),
    }


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    if '"' in text or "\\" in text:
        text = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{text}"'


def _midnight(day: date | None) -> str:
    return "NULL" if day is None else day.isoformat() + "Z"


# In file order, so that the first of two rows with one identifier wins. DO NOTHING takes both conflicts with
# rows that were there and those within the statement.
INSERT_STAGED = """
/* assets.insert_staged */
INSERT INTO trakrf.assets (account_id, identifier, name, type, description, valid_from, valid_to,
                           is_active, import_job_id, import_row)
SELECT %(account_id)s, identifier, name, type, description, valid_from, valid_to,
       is_active, %(job_id)s, import_row
FROM asset_staging
ORDER BY import_row
ON CONFLICT (account_id, identifier) WHERE deleted_at IS NULL DO NOTHING
"""


def insert_staged(cursor: Cursor, *, account_id: int, job_id: UUID) -> int:
    """Insert what is staged, but for identifiers that a live asset has; return how many rows that was."""
    cursor.execute(INSERT_STAGED, {"account_id": account_id, "job_id": job_id})
    return cursor.rowcount


# A statement of its own, for the few chunks that need it. As a CTE of the one above, which sees the tables as
# they were before it, it would miss conflicts within the chunk; and with no statistics on the staging table
# the planner joins the two by a nested loop. The holder may be gone by now, deleted by somebody else: LEFT
# JOIN.
REFUSED = """
/* assets.refused */
SELECT staged.import_row, staged.identifier, holder.import_job_id, holder.import_row
FROM asset_staging AS staged
LEFT JOIN trakrf.assets AS holder
       ON holder.account_id = %(account_id)s
      AND holder.identifier = staged.identifier
      AND holder.deleted_at IS NULL
WHERE (holder.import_job_id, holder.import_row) IS DISTINCT FROM (%(job_id)s::uuid, staged.import_row)
ORDER BY staged.import_row
"""


def refused(cursor: Cursor, *, account_id: int, job_id: UUID) -> list[Refused]:
    """The staged rows that insert_staged left out, each with the origin of the asset that is in its way."""
    cursor.execute(REFUSED, {"account_id": account_id, "job_id": job_id})
    return [Refused(*found) for found in cursor]


GET = """
/* assets.get */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
"""


def get(cursor: Cursor, *, account_id: int, asset_id: int) -> Asset | None:
    """The account's live asset of this id, or None: absent and foreign are the same."""
    cursor.execute(GET, {"account_id": account_id, "asset_id": asset_id})
    found = cursor.fetchone()
    return Asset(*found) if found else None


PAGE = """
/* assets.page */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND id         > %(after_id)s
  AND deleted_at IS NULL
ORDER BY id
LIMIT %(limit)s
"""


def page(cursor: Cursor, *, account_id: int, after_id: int, limit: int) -> list[Asset]:
    """Live assets in order of id, from the first one behind `after_id`."""
    cursor.execute(PAGE, {"account_id": account_id, "after_id": after_id, "limit": limit})
    return [Asset(*found) for found in cursor]


FIND = """
/* assets.find */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND identifier = %(identifier)s
  AND deleted_at IS NULL
"""


def find(cursor: Cursor, *, account_id: int, identifier: str) -> Asset | None:
    """The live asset with this identifier, or None."""
    cursor.execute(FIND, {"account_id": account_id, "identifier": identifier})
    found = cursor.fetchone()
    return Asset(*found) if found else None
