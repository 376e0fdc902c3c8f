"""Assets: read one by one or in pages, created, changed and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from bulkimport.errors import Refusal
from bulkimport.store.asset_columns import (
    MATCHES_JOB,
    MATCHES_QUERY,
    NAMES,
    NewAsset,
    filter_parameters,
    sql_list,
)

BY_ID, NEWEST_FIRST, BY_IDENTIFIER = SORTS = ("id", "-id", "identifier")

SCAN_ROWS = 10_000  # scanned for one page, so that its cost does not grow with the account

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Asset(NewAsset):
    """A stored asset: what callers set, and what the service adds."""

    id: int
    created_at: datetime
    updated_at: datetime
    import_job_id: UUID | None
    import_row: int | None
    version: int


# The fields of Asset, in their order.
COLUMNS = ", ".join(field.name for field in fields(Asset))


class PageKey(NamedTuple):
    """The asset with which a page ended."""

    identifier: str
    id: int


class Page(NamedTuple):
    """A page of assets, and the key after which the next page begins: None on the last page."""

    assets: list[Asset]
    next_key: PageKey | None


GET = f"""
/* assets.get */
SELECT {COLUMNS}
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
"""


def get(cursor: Cursor, *, account_id: int, asset_id: int) -> Asset | None:
    """The account's live asset with this id; None if it does not exist or belongs to another account."""
    cursor.execute(GET, {"account_id": account_id, "asset_id": asset_id})
    row = cursor.fetchone()
    return Asset(*row) if row else None


LOCK = f"""
/* assets.lock */
SELECT {COLUMNS}
FROM trakrf.assets
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
FOR NO KEY UPDATE
"""


def lock(cursor: Cursor, *, account_id: int, asset_id: int) -> Asset | None:
    """As get; until the transaction ends nobody else can change the asset."""
    cursor.execute(LOCK, {"account_id": account_id, "asset_id": asset_id})
    row = cursor.fetchone()
    return Asset(*row) if row else None


# The innermost SELECT walks the primary key, and its LIMIT bounds what is read for a filter that matches
# little. Deleted assets count, because they are read, too. The last row is kept even if it does not match:
# the next page begins after it.
PAGE_BY_ID = f"""
/* assets.page_by_id */
SELECT {COLUMNS}, matches, is_end_of_scan
FROM (
    SELECT *,
           deleted_at IS NULL AND {MATCHES_JOB} AND {MATCHES_QUERY} AS matches,
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

PAGE_NEWEST_FIRST = f"""
/* assets.page_newest_first */
SELECT {COLUMNS}, matches, is_end_of_scan
FROM (
    SELECT *,
           deleted_at IS NULL AND {MATCHES_JOB} AND {MATCHES_QUERY} AS matches,
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
PAGE_BY_IDENTIFIER = f"""
/* assets.page_by_identifier */
SELECT {COLUMNS}, matches, is_end_of_scan
FROM (
    SELECT *,
           {MATCHES_JOB} AND {MATCHES_QUERY} AS matches,
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

# Without OFFSET 0 the planner may walk the whole account in the order of the page, hoping to meet the assets
# of the job soon. With it, the planner reads those that the index finds, and sorts them.
PAGE_BY_INDEX = f"""
/* assets.page_by_index */
SELECT {COLUMNS}, true, false
FROM (
    SELECT *
    FROM trakrf.assets
    WHERE account_id = %(account_id)s
      AND deleted_at IS NULL
      AND (%(identifier)s IS NULL OR identifier = %(identifier)s)
      AND {MATCHES_JOB}
    OFFSET 0
) AS named
WHERE {MATCHES_QUERY}
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
    after: PageKey | None = None,
    limit: int,
    sort: str = BY_ID,
    identifier: str | None = None,
    type: str | None = None,
    is_active: bool | None = None,
    import_job_id: UUID | None = None,
    q: str | None = None,
) -> Page:
    """At most `limit` live assets after `after`, ordered by `sort`, one of SORTS.

    `q` is a text that the identifier, name or description contains. A page looks at SCAN_ROWS assets at
    most, and is shorter than `limit` if fewer of those match. Assets that `identifier` or `import_job_id`
    selects are found wherever they are.
    """
    parameters = {
        "account_id": account_id,
        "after_id": after.id if after else None,
        "after_identifier": after.identifier if after else None,
        "limit": limit + 1,
        "scan_rows": SCAN_ROWS,
        "sort": sort,
        **filter_parameters(
            identifier=identifier, type=type, is_active=is_active, import_job_id=import_job_id, q=q
        ),
    }
    if identifier is None:
        cursor.execute(PAGES[sort], parameters)
        scanned = _page(cursor, limit)
        # The assets of a job mostly lie together, and then need not all be read and sorted for each page.
        if import_job_id is None or scanned.next_key is None or len(scanned.assets) == limit:
            return scanned
    cursor.execute(PAGE_BY_INDEX, parameters)
    return _page(cursor, limit)


PARAMETERS = sql_list("%({column})s")
INSERT = f"""
/* assets.insert */
INSERT INTO trakrf.assets (account_id, identifier, {NAMES}, metadata)
VALUES (%(account_id)s, %(identifier)s, {PARAMETERS}, %(metadata)s)
RETURNING {COLUMNS}
"""


def insert(cursor: Cursor, *, account_id: int, asset: NewAsset) -> Asset:
    """Create an asset. Refusal if its identifier is taken: the transaction must then be rolled back."""
    try:
        cursor.execute(INSERT, {**_parameters(asset), "account_id": account_id})
    except UniqueViolation as error:
        raise _taken(asset.identifier) from error
    return Asset(*(cursor.fetchone() or ()))


SET_TO_PARAMETERS = sql_list("{column} = %({column})s")
UPDATE = f"""
/* assets.update */
UPDATE trakrf.assets
SET identifier = %(identifier)s,
    {SET_TO_PARAMETERS},
    metadata   = %(metadata)s,
    updated_at = now(),
    version    = version + 1
WHERE account_id = %(account_id)s
  AND id         = %(asset_id)s
  AND deleted_at IS NULL
RETURNING {COLUMNS}
"""


def update(cursor: Cursor, *, account_id: int, asset_id: int, asset: NewAsset) -> Asset:
    """Replace what callers set of an asset, which must be locked.

    Refusal if another asset has the identifier: the transaction must then be rolled back.
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
    """Delete an asset, which frees its identifier."""
    cursor.execute(DELETE, {"account_id": account_id, "asset_id": asset_id})


def _page(cursor: Cursor, limit: int) -> Page:
    rows, last_row = cut_page(cursor.fetchall(), limit)
    last = Asset(*last_row) if last_row else None
    return Page([Asset(*row) for row in rows], PageKey(last.identifier, last.id) if last else None)


def cut_page(rows: Sequence[Row], limit: int) -> tuple[list[Row], Row | None]:
    """The rows of a page of any table, and the row after which the next page begins: None at the end.

    `rows` are the first `limit` + 1 that match, each with two more columns: whether it matches, and whether
    the scan ended at it. The row at which the scan ended is the last of them even if it does not match.
    """
    page = rows[:limit]
    has_more = len(rows) > limit or (rows and rows[-1][-1])
    return [row[:-2] for row in page if row[-2]], page[-1][:-2] if has_more else None


def _taken(identifier: str) -> Refusal:
    return Refusal("identifier-taken", f'Another asset has the identifier "{identifier}".')


def _parameters(asset: NewAsset) -> dict[str, Any]:
    return {**vars(asset), "metadata": Json(dict(asset.metadata))}
