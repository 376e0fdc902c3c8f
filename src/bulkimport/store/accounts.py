"""The accounts of the platform, as far as they may be seen, and the numbers of generated identifiers."""

import re

from psycopg2.extensions import cursor as Cursor

from bulkimport.errors import Refusal

# A generated identifier in a file. A longer number is a serial number, not a place in this sequence.
GENERATED = re.compile(r"ASSET-([0-9]{4,9})")

IS_ACTIVE = """
/* accounts.is_active */
SELECT is_active
FROM trakrf.accounts
WHERE id = %(account_id)s
"""


# Sent in front of a read, in the same round trip: unsets the tenant if its account does not exist or is not
# active, so that the read returns no rows.
HIDE_FROM_INACTIVE = """
/* accounts.hide_from_inactive */
SELECT set_config('app.current_account_id', '', true)
WHERE NOT EXISTS (SELECT FROM trakrf.accounts
                  WHERE id = nullif(current_setting('app.current_account_id', true), '')::int
                    AND is_active)
"""


def require_active(cursor: Cursor, *, account_id: int) -> None:
    """Raise Refusal unless the account exists and may be used."""
    cursor.execute(IS_ACTIVE, {"account_id": account_id})
    if cursor.fetchone() != (True,):
        raise Refusal("inactive-account", f"Account {account_id} does not exist or is not active.")


# Others who take numbers of this account wait until the transaction ends.
LOCK_NUMBERS = """
/* accounts.lock_numbers */
INSERT INTO trakrf.asset_numbers AS numbers (account_id, last_number)
VALUES (%(account_id)s, %(above)s)
ON CONFLICT (account_id) DO UPDATE
SET last_number = greatest(numbers.last_number, excluded.last_number)
"""

# A statement of its own, which sees what others have committed before the counter was locked. In a SELECT
# list generate_series yields numbers one by one until LIMIT has enough; in FROM it would first make all of
# them. The subquery with LIMIT 1 makes it one index look-up per number (see staged_assets.REFUSED).
TAKE_NUMBERS = """
/* accounts.take_numbers */
WITH free AS (
    SELECT number, identifier
    FROM (
        SELECT number, 'ASSET-' || lpad(number::text, greatest(4, length(number::text)), '0') AS identifier
        FROM (
            SELECT generate_series(last_number + 1, 9223372036854775807) AS number
            FROM trakrf.asset_numbers
            WHERE account_id = %(account_id)s
        ) AS numbers
    ) AS candidate
    WHERE (
        SELECT true
        FROM trakrf.assets
        WHERE account_id = %(account_id)s
          AND identifier = candidate.identifier
          AND deleted_at IS NULL
        LIMIT 1
    ) IS NULL
    LIMIT %(count)s
), moved AS (
    UPDATE trakrf.asset_numbers
    SET last_number = (SELECT max(number) FROM free)
    WHERE account_id = %(account_id)s
)
SELECT identifier
FROM free
ORDER BY number
"""


def take_numbers(cursor: Cursor, *, account_id: int, count: int, above: int) -> list[str]:
    """The next `count` identifiers that no live asset has, with numbers higher than `above`.

    They are given back if the transaction is rolled back. Until it ends, the account's counter is locked.
    """
    cursor.execute(LOCK_NUMBERS, {"account_id": account_id, "above": above})
    cursor.execute(TAKE_NUMBERS, {"account_id": account_id, "count": count})
    return [identifier for (identifier,) in cursor]


class HighestNumber:
    """The highest number that the identifiers of a file have in the form of generated ones; 0 if none has."""

    def __init__(self) -> None:
        self.number = 0

    def add(self, identifier: str) -> None:
        """Take the identifier of a row into account."""
        if match := GENERATED.fullmatch(identifier.strip()):
            self.number = max(self.number, int(match[1]))
