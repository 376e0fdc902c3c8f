"""Answers that were given to requests with an Idempotency-Key, to be given again."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json


@dataclass(frozen=True)
class Kept:
    """The answer to the first request with a key; `fingerprint` is that request's."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: str


FORGET_EXPIRED = """
/* idempotency_keys.forget_expired */
DELETE FROM trakrf.idempotency_keys
WHERE account_id = %(account_id)s
  AND created_at < now() - make_interval(hours => %(hours)s)
"""


def forget_expired(cursor: Cursor, *, account_id: int, hours: int) -> None:
    """The account's keys that are older than so many hours may be used again."""
    cursor.execute(FORGET_EXPIRED, {"account_id": account_id, "hours": hours})


# Waits for another transaction that has reserved the key and not ended.
RESERVE = """
/* idempotency_keys.reserve */
INSERT INTO trakrf.idempotency_keys (account_id, key, fingerprint)
VALUES (%(account_id)s, %(key)s, %(fingerprint)s)
ON CONFLICT (account_id, key) DO NOTHING
"""


def reserve(cursor: Cursor, *, account_id: int, key: str, fingerprint: bytes) -> bool:
    """Take the key for this transaction; False if it was used before."""
    cursor.execute(RESERVE, {"account_id": account_id, "key": key, "fingerprint": fingerprint})
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
WHERE account_id = %(account_id)s
  AND key        = %(key)s
"""


def get(cursor: Cursor, *, account_id: int, key: str) -> Kept | None:
    """The answer that is kept under the key, or None."""
    cursor.execute(GET, {"account_id": account_id, "key": key})
    found = cursor.fetchone()
    return Kept(bytes(found[0]), *found[1:]) if found else None
