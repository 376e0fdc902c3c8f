"""Assets one by one: read, in pages too, created, changed and deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from bulkimport.errors import Refusal
from bulkimport.store import pages

BY_ID, NEWEST_FIRST, BY_IDENTIFIER = SORTS = ("id", "-id", "identifier")


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
    version: int


class NewAsset(NamedTuple):
    """The fields that callers may set."""

    identifier: str
    name: str
    type: str
    description: str | None
    valid_from: datetime
    valid_to: datetime | None
    is_active: bool
    metadata: Mapping[str, Any]


class Key(NamedTuple):
    """Where a page ended."""

    identifier: str
    id: int


class Page(NamedTuple):
    """Some assets, and behind which key the next page begins: None at the end."""

    assets: list[Asset]
    next_key: Key | None


GET = """
/* assets.get */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row, version
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


LOCK = """
/* assets.lock */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row, version
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
FOR NO KEY UPDATE
"""


def lock(cursor: Cursor, *, account_id: int, asset_id: int) -> Asset | None:
    """As get; others can change the asset when this transaction ends."""
    cursor.execute(LOCK, {"account_id": account_id, "asset_id": asset_id})
    found = cursor.fetchone()
    return Asset(*found) if found else None


# What is not asked for is NULL, and then no condition; likewise below. The innermost SELECT walks the primary
# key, and its LIMIT bounds what is read for a filter that matches little. Deleted assets count, because they
# are read, too. The last row is kept even if it does not match: the next page begins behind it.
PAGE_BY_ID = """
/* assets.page_by_id */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row, version, matches, is_end_of_scan
FROM (
    SELECT *,
           deleted_at IS NULL
           AND (%(type)s          IS NULL OR type          = %(type)s)
           AND (%(is_active)s     IS NULL OR is_active     = %(is_active)s)
           AND (%(import_job_id)s IS NULL OR import_job_id = %(import_job_id)s)
           AND (%(pattern)s IS NULL OR identifier ILIKE %(pattern)s OR name ILIKE %(pattern)s
                                    OR description ILIKE %(pattern)s) AS matches,
           row_number() OVER (ORDER BY id) = %(scan_rows)s AS is_end_of_scan
    FROM (
        SELECT *
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND id > coalesce(%(after_id)s, 0)
        ORDER BY id
        LIMIT %(scan_rows)s
    ) AS scanned
) AS looked_at
WHERE matches OR is_end_of_scan
ORDER BY id
LIMIT %(limit)s
"""

PAGE_NEWEST_FIRST = """
/* assets.page_newest_first */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row, version, matches, is_end_of_scan
FROM (
    SELECT *,
           deleted_at IS NULL
           AND (%(type)s          IS NULL OR type          = %(type)s)
           AND (%(is_active)s     IS NULL OR is_active     = %(is_active)s)
           AND (%(import_job_id)s IS NULL OR import_job_id = %(import_job_id)s)
           AND (%(pattern)s IS NULL OR identifier ILIKE %(pattern)s OR name ILIKE %(pattern)s
                                    OR description ILIKE %(pattern)s) AS matches,
           row_number() OVER (ORDER BY id DESC) = %(scan_rows)s AS is_end_of_scan
    FROM (
        SELECT *
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND id < coalesce(%(after_id)s, 9223372036854775807)
        ORDER BY id DESC
        LIMIT %(scan_rows)s
    ) AS scanned
) AS looked_at
WHERE matches OR is_end_of_scan
ORDER BY id DESC
LIMIT %(limit)s
"""

# The innermost SELECT walks assets_live_identifier_idx, which has no deleted assets.
PAGE_BY_IDENTIFIER = """
/* assets.page_by_identifier */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row, version, matches, is_end_of_scan
FROM (
    SELECT *,
           (%(type)s              IS NULL OR type          = %(type)s)
           AND (%(is_active)s     IS NULL OR is_active     = %(is_active)s)
           AND (%(import_job_id)s IS NULL OR import_job_id = %(import_job_id)s)
           AND (%(pattern)s IS NULL OR identifier ILIKE %(pattern)s OR name ILIKE %(pattern)s
                                    OR description ILIKE %(pattern)s) AS matches,
           row_number() OVER (ORDER BY identifier) = %(scan_rows)s AS is_end_of_scan
    FROM (
        SELECT *
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND deleted_at IS NULL
          AND identifier > coalesce(%(after_identifier)s, '')
        ORDER BY identifier
        LIMIT %(scan_rows)s
    ) AS scanned
) AS looked_at
WHERE matches OR is_end_of_scan
ORDER BY identifier
LIMIT %(limit)s
"""

# Without OFFSET 0 the planner may walk the whole account in the order of the page, in the hope of meeting the
# assets of a job soon. With it, it reads those that the index finds, and sorts them.
PAGE_BY_INDEX = """
/* assets.page_by_index */
SELECT id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
       created_at, updated_at, import_job_id, import_row, version, true, false
FROM (
    SELECT *
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND deleted_at IS NULL
      AND (%(identifier)s    IS NULL OR identifier    = %(identifier)s)
      AND (%(import_job_id)s IS NULL OR import_job_id = %(import_job_id)s)
    OFFSET 0
) AS named
WHERE (%(type)s      IS NULL OR type      = %(type)s)
  AND (%(is_active)s IS NULL OR is_active = %(is_active)s)
  AND (%(pattern)s IS NULL OR identifier ILIKE %(pattern)s OR name ILIKE %(pattern)s
                           OR description ILIKE %(pattern)s)
  AND (%(after_id)s IS NULL OR CASE %(sort)s
                                   WHEN 'id'  THEN id > %(after_id)s
                                   WHEN '-id' THEN id < %(after_id)s
                                   ELSE identifier > %(after_identifier)s
                               END)
ORDER BY CASE %(sort)s WHEN 'id' THEN id WHEN '-id' THEN -id END,
         CASE %(sort)s WHEN 'identifier' THEN identifier END
LIMIT %(limit)s
"""

PAGES = {BY_ID: PAGE_BY_ID, NEWEST_FIRST: PAGE_NEWEST_FIRST, BY_IDENTIFIER: PAGE_BY_IDENTIFIER}


def page(
    cursor: Cursor,
    *,
    account_id: int,
    after: Key | None = None,
    limit: int,
    sort: str = BY_ID,
    identifier: str | None = None,
    type: str | None = None,
    is_active: bool | None = None,
    import_job_id: UUID | None = None,
    q: str | None = None,
) -> Page:
    """Live assets in the order of `sort`, one of SORTS, behind `after`; `q` is somewhere in their texts.

    A page looks at pages.SCAN_ROWS assets at most, and is shorter than `limit` where fewer of those match.
    Only what `identifier` or `import_job_id` names is found wherever it is.
    """
    parameters = {
        "account_id": account_id,
        "after_id": after.id if after else None,
        "after_identifier": after.identifier if after else None,
        "limit": limit + 1,
        "scan_rows": pages.SCAN_ROWS,
        "sort": sort,
        "identifier": identifier,
        "type": type,
        "is_active": is_active,
        "import_job_id": import_job_id,
        "pattern": _containing(q) if q else None,
    }
    if identifier is None:
        cursor.execute(PAGES[sort], parameters)
        found = _page(cursor, limit)
        # The assets of a job mostly lie together, and then need not all be read and sorted for each page.
        if import_job_id is None or found.next_key is None or len(found.assets) == limit:
            return found
    cursor.execute(PAGE_BY_INDEX, parameters)
    return _page(cursor, limit)


INSERT = """
/* assets.insert */
INSERT INTO trakrf.assets (account_id, identifier, name, type, description, valid_from, valid_to, is_active,
                           metadata)
VALUES (%(account_id)s, %(identifier)s, %(name)s, %(type)s, %(description)s, %(valid_from)s, %(valid_to)s,
        %(is_active)s, %(metadata)s)
RETURNING id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
          created_at, updated_at, import_job_id, import_row, version
"""


def insert(cursor: Cursor, *, account_id: int, asset: NewAsset) -> Asset:
    """Create an asset; Refusal where its identifier is taken.

    The transaction must be rolled back after that.
    """
    try:
        cursor.execute(INSERT, {**_parameters(asset), "account_id": account_id})
    except UniqueViolation as error:
        raise _taken(asset.identifier) from error
    return Asset(*(cursor.fetchone() or ()))


UPDATE = """
/* assets.update */
UPDATE trakrf.assets
SET identifier  = %(identifier)s,
    name        = %(name)s,
    type        = %(type)s,
    description = %(description)s,
    valid_from  = %(valid_from)s,
    valid_to    = %(valid_to)s,
    is_active   = %(is_active)s,
    metadata    = %(metadata)s,
    updated_at  = now(),
    version     = version + 1
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
RETURNING id, identifier, name, type, description, valid_from, valid_to, is_active, metadata,
          created_at, updated_at, import_job_id, import_row, version
"""


def update(cursor: Cursor, *, account_id: int, asset_id: int, asset: NewAsset) -> Asset:
    """Change every field; Refusal where the identifier is taken.

    Needs the lock. The transaction must be rolled back after a Refusal.
    """
    try:
        cursor.execute(UPDATE, {**_parameters(asset), "account_id": account_id, "asset_id": asset_id})
    except UniqueViolation as error:
        raise _taken(asset.identifier) from error
    return Asset(*(cursor.fetchone() or ()))


DELETE = """
/* assets.delete */
UPDATE trakrf.assets
SET deleted_at = now(),
    updated_at = now(),
    version    = version + 1
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
"""


def delete(cursor: Cursor, *, account_id: int, asset_id: int) -> None:
    """The asset is there no more, and its identifier is free."""
    cursor.execute(DELETE, {"account_id": account_id, "asset_id": asset_id})


def _page(cursor: Cursor, limit: int) -> Page:
    rows, last = pages.cut(cursor.fetchall(), limit)
    ended = Asset(*last) if last else None
    return Page([Asset(*row) for row in rows], Key(ended.identifier, ended.id) if ended else None)


def _taken(identifier: str) -> Refusal:
    return Refusal("identifier-taken", f'Another asset has the identifier "{identifier}".')


def _parameters(asset: NewAsset) -> dict[str, Any]:
    return {**asset._asdict(), "metadata": Json(dict(asset.metadata))}


def _containing(text: str) -> str:
    """A pattern of LIKE for texts with this one in them, taken literally."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
