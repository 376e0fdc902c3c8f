"""What holds for a transaction, and for no longer."""

import pytest
from psycopg2.errors import QueryCanceled
from psycopg2.extensions import cursor as Cursor

from bulkimport.database import connections
from bulkimport.database.connections import Database
from tests.conftest import OWN

SETTINGS = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout", "TimeZone")


def settings_of(cursor: Cursor) -> dict[str, str]:
    found = {}
    for name in SETTINGS:
        cursor.execute("SELECT current_setting(%(name)s)", {"name": name})
        (found[name],) = cursor.fetchone() or ("",)
    return found


def test_a_read_has_its_time(web_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_TIMEOUT", "50ms")
    with pytest.raises(QueryCanceled), web_database.tenant_read(OWN) as cursor:
        cursor.execute("SELECT pg_sleep(60)")


def test_nothing_is_set_for_longer_than_a_transaction(web_database: Database) -> None:
    connection = web_database._checkout()
    before = settings_of(connection.cursor())
    connection.rollback()
    web_database._take_back(connection, None)

    with web_database.tenant_transaction(OWN) as cursor:
        limited = settings_of(cursor)
    with web_database.tenant_read(OWN) as cursor:
        read = settings_of(cursor)

    assert limited == {
        "statement_timeout": "10s",
        "idle_in_transaction_session_timeout": "10s",
        "lock_timeout": "5s",
        "TimeZone": "UTC",
    }
    assert (read["statement_timeout"], read["TimeZone"]) == ("5s", "UTC")
    assert web_database._checkout() is connection
    assert settings_of(connection.cursor()) == before
    connection.close()
