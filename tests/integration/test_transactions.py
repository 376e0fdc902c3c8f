"""Settings of a transaction end with it, and lost replies do not block anybody."""

import tempfile
import threading

import pytest
from psycopg2.errors import QueryCanceled
from psycopg2.extensions import cursor as Cursor

from bulkimport.database import connections
from bulkimport.database.connections import Database, DatabaseUnavailableError
from tests.conftest import OWN, TestDatabase
from tests.e2e.conftest import wait_until
from tests.support.proxy import Staller, running

SETTINGS = ("statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout", "TimeZone")


def settings_of(cursor: Cursor) -> dict[str, str]:
    values = {}
    for name in SETTINGS:
        cursor.execute("SELECT current_setting(%(name)s)", {"name": name})
        (values[name],) = cursor.fetchone() or ("",)
    return values


def test_a_read_has_a_time_limit(web_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_TIMEOUT", "50ms")
    with pytest.raises(QueryCanceled), web_database.tenant_read(OWN) as cursor:
        cursor.execute("SELECT pg_sleep(60)")


def test_settings_do_not_outlive_their_transaction(web_database: Database) -> None:
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


def test_a_lost_reply_is_not_waited_for(db: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REPLY_TIMEOUT_S", 0.2)
    errors: list[Exception] = []

    def read(pool: Database) -> None:
        try:
            with pool.transaction() as cursor:
                cursor.execute("SELECT repeat('x', 5000000)")
        except DatabaseUnavailableError as error:
            errors.append(error)

    with (
        tempfile.TemporaryDirectory() as folder,
        running(Staller(folder, db.admin_url, after_bytes=600_000)) as staller,
    ):
        pool = Database(staller.url(db.worker_url), size=1, application_name="test")
        reader = threading.Thread(target=read, args=(pool,), daemon=True)
        reader.start()
        wait_until(lambda: staller.stalls, "the reply is lost")

        def is_over() -> bool:
            pool.abort_lost_replies()
            return not reader.is_alive()

        wait_until(is_over, "the wait is over", 10)
        assert len(errors) == 1
        read(pool)
        assert len(errors) == 1, "a new connection works"
        pool.close()


def test_a_transaction_that_is_not_waiting_for_a_reply_is_left_alone(
    web_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REPLY_TIMEOUT_S", 0)
    with web_database.transaction() as cursor:
        web_database.abort_lost_replies()
        cursor.execute("SELECT 1")
