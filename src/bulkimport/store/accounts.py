"""The platform's accounts, as far as this service may see them."""

from psycopg2.extensions import cursor as Cursor

from bulkimport.errors import Refusal

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
