"""Answers that were given to requests with an Idempotency-Key, to be given again."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

KEPT_HOURS = 24


@dataclass(frozen=True)
class Kept:
    """The answer to the first request with a key; `fingerprint` is that request's."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: str


# Waits for another transaction that has reserved the key and not ended. An expired row of this key that no
# worker has purged yet is taken over, and none of another key is touched: its lock would be held until this
# transaction ends. A row that is not expired is locked all the same, so that it stays to be read.
RESERVE = """
/* idempotency_keys.reserve */
INSERT INTO trakrf.idempotency_keys AS kept (account_id, key, fingerprint)
VALUES (%(account_id)s, %(key)s, %(fingerprint)s)
ON CONFLICT (account_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint,
    status      = NULL,
    headers     = NULL,
    body        = NULL,
    created_at  = excluded.created_at
WHERE kept.created_at < now() - make_interval(hours => %(hours)s)
"""


def reserve(cursor: Cursor, *, account_id: int, key: str, fingerprint: bytes) -> bool:
    """Take the key for this transaction; False if it was used before and is not expired."""
    cursor.execute(
        RESERVE, {"account_id": account_id, "key": key, "fingerprint": fingerprint, "hours": KEPT_HOURS}
    )
    return cursor.rowcount == 1


RECORD = """
/* idempotency_keys.record */
UPDATE trakrf.idempotency_keys
SET status  = %(status)s,
    headers = %(headers)s,
    body    = %(body)s
WHERE account_id = %(account_id)s
  AND key        = %(key)s
"""


def record(
    cursor: Cursor, *, account_id: int, key: str, status: int, headers: Mapping[str, str], body: str
) -> None:
    """Keep the answer to the request that reserved the key."""
    cursor.execute(
        RECORD,
        {
            "account_id": account_id,
            "key": key,
            "status": status,
            "headers": Json(dict(headers)),
            "body": body,
        },
    )


GET = """
/* idempotency_keys.get */
SELECT fingerprint, status, headers, body
FROM trakrf.idempotency_keys
WHERE account_id  = %(account_id)s
  AND key         = %(key)s
  AND created_at >= now() - make_interval(hours => %(hours)s)
"""


def get(cursor: Cursor, *, account_id: int, key: str) -> Kept | None:
    """The answer that is kept under the key, or None where there is none or it is expired."""
    cursor.execute(GET, {"account_id": account_id, "key": key, "hours": KEPT_HOURS})
    found = cursor.fetchone()
    return Kept(bytes(found[0]), *found[1:]) if found else None


def require(cursor: Cursor, *, account_id: int, key: str) -> Kept:
    """The answer that is kept under the key; LookupError if there is none."""
    kept = get(cursor, account_id=account_id, key=key)
    if kept is None:
        raise LookupError(f"account {account_id} has no answer under the key {key}")
    return kept


# SKIP LOCKED: a key that a request is using, or another worker is deleting, is nobody's to wait for.
# idempotency_keys_oldest_idx gives the order. MATERIALIZED, so that rows are locked once.
DELETE_EXPIRED = """
/* idempotency_keys.delete_expired */
WITH expired AS MATERIALIZED (
    SELECT account_id, key
    FROM trakrf.idempotency_keys
    WHERE created_at < now() - make_interval(hours => %(hours)s)
    ORDER BY created_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM trakrf.idempotency_keys AS kept
USING expired
WHERE kept.account_id = expired.account_id
  AND kept.key        = expired.key
"""


def delete_expired(cursor: Cursor, *, limit: int) -> int:
    """Delete at most so many expired keys, of any account, the oldest first; return how many it was."""
    cursor.execute(DELETE_EXPIRED, {"hours": KEPT_HOURS, "limit": limit})
    return cursor.rowcount
