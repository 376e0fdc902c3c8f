"""Who sends the request, and a cursor that sees only the rows of their account."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from flask import current_app, g, request
from psycopg2.extensions import cursor as Cursor

from bulkimport.auth.token_cache import TokenCache
from bulkimport.auth.tokens import READ_SCOPE, WRITE_SCOPE, Principal
from bulkimport.database.connections import Database
from bulkimport.settings import Settings
from bulkimport.store import accounts
from bulkimport.web import request_log
from bulkimport.web.request_log import Exchange

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")  # RFC 9110, section 9.2.1


def authenticate() -> None:
    """Run before each request of a protected blueprint: raise unless its token is valid and has the scope."""
    authorization = request.headers.get("Authorization")
    g.principal = identify(current_app.extensions, request_log.exchange(), request.method, authorization)


def identify(
    extensions: Mapping[str, Any], exchange: Exchange, method: str, authorization: str | None
) -> Principal:
    """Whom the token of an Authorization header identifies; raises unless it is valid and has the scope."""
    tokens: TokenCache = extensions["token_cache"]
    identified = tokens.verify(authorization)
    exchange.account_id = identified.account_id
    if extensions["settings"].jwt_require_scopes:
        identified.require(READ_SCOPE if method in SAFE_METHODS else WRITE_SCOPE)
    return identified


def principal() -> Principal:
    """Whom the request's token identifies."""
    identified: Principal = g.principal
    return identified


def settings() -> Settings:
    """The application's settings."""
    loaded: Settings = current_app.extensions["settings"]
    return loaded


def database() -> Database:
    """The application's database."""
    pool: Database = current_app.extensions["database"]
    return pool


@contextmanager
def reading() -> Iterator[Cursor]:
    """A cursor that reads as the principal's account; raises Refusal if the account is not active.

    An inactive account sees no rows, so the account is looked up only if the last statement returned none.
    """
    account_id = principal().account_id
    with database().tenant_read(account_id, accounts.HIDE_FROM_INACTIVE) as cursor:
        yield cursor
        if cursor.rowcount == 0:
            accounts.require_active(cursor, account_id=account_id)


def reading_as_active() -> AbstractContextManager[Cursor]:
    """A cursor that reads as the principal's account, for statements that check whether it is active."""
    return database().tenant_read(principal().account_id)
