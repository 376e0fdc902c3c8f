"""The platform's accounts, as far as this service may see them."""

from psycopg2.extensions import cursor as Cursor

IS_ACTIVE = """
/* accounts.is_active */
SELECT is_active
FROM trakrf.accounts
WHERE id = %(account_id)s
"""


class InactiveAccountError(Exception):
    """The account is absent, or not active."""


def require_active(cursor: Cursor, *, account_id: int) -> None:
    """Raise InactiveAccountError unless the account exists and may be used."""
    cursor.execute(IS_ACTIVE, {"account_id": account_id})
    if cursor.fetchone() != (True,):
        raise InactiveAccountError(f"account {account_id} does not exist or is not active")
