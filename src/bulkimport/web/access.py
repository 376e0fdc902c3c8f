"""Who is asking, and a cursor that sees no more than what is theirs."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, g, request
from psycopg2.extensions import cursor as Cursor

from bulkimport.auth.token_cache import ProvedTokens
from bulkimport.auth.tokens import READ_SCOPE, WRITE_SCOPE, Principal
from bulkimport.database.connections import Database
from bulkimport.settings import Settings
from bulkimport.store import accounts

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, section 9.2.1


def authenticate() -> None:
    """Before each request of a protected blueprint: no valid token, or not the scope, no further."""
    tokens: ProvedTokens = current_app.extensions["proved_tokens"]
    g.principal = tokens.verify(request.headers.get("Authorization"))
    if settings().jwt_require_scopes:
        g.principal.require(READ_SCOPE if request.method in SAFE_METHODS else WRITE_SCOPE)


def principal() -> Principal:
    """Whom the request's token proved."""
    proved: Principal = g.principal
    return proved


def settings() -> Settings:
    """The application's settings."""
    found: Settings = current_app.extensions["settings"]
    return found


def database() -> Database:
    """The application's database."""
    pool: Database = current_app.extensions["database"]
    return pool


@contextmanager
def reading() -> Iterator[Cursor]:
    """A cursor for the principal's account; InactiveAccountError where that may not be used.

    Such an account finds nothing. So only where the last read found nothing is it asked for.
    """
    account_id = principal().account_id
    with database().tenant_read(account_id, accounts.HIDE_FROM_INACTIVE) as cursor:
        yield cursor
        if cursor.rowcount == 0:
            accounts.require_active(cursor, account_id=account_id)
