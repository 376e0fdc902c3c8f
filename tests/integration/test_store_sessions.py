"""Sessions whose client has stopped reading are ended, and no others."""

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.database.connections import Database
from bulkimport.store import server
from tests.conftest import OpenUnread, TestDatabase
from tests.e2e.conftest import wait_until

ANSWER = "SELECT repeat('x', %s)"
MORE_THAN_ANY_BUFFER = 50_000_000
UNREAD_END = "idle in transaction, ClientWrite"


def state_of(db: TestDatabase, connection: Connection) -> str:
    """The state of a session and what it waits for; empty while it is working."""
    rows = db.rows(
        "SELECT state || ', ' || wait_event FROM pg_stat_activity WHERE pid = %s",
        connection.get_backend_pid(),
    )
    return str(rows[0][0] or "")


def wait_for(db: TestDatabase, connection: Connection, *states: str) -> None:
    wait_until(lambda: state_of(db, connection) in states, " or ".join(states))


def is_there(db: TestDatabase, connection: Connection) -> bool:
    return bool(db.rows("SELECT 1 FROM pg_stat_activity WHERE pid = %s", connection.get_backend_pid()))


def test_a_session_whose_client_does_not_read_is_ended(
    db: TestDatabase, worker_database: Database, unread: OpenUnread
) -> None:
    stuck = unread(db.worker_url, ANSWER, (MORE_THAN_ANY_BUFFER,))
    wait_for(db, stuck, "active, ClientWrite")

    with worker_database.transaction() as cursor:
        (ended,) = server.end_stuck_sessions(cursor, after_s=0)

    assert ended.pid == stuck.get_backend_pid()
    assert 0 < ended.seconds < 60
    wait_until(lambda: not is_there(db, stuck), "the session has ended")


def test_it_is_also_ended_if_only_the_last_bytes_are_unread(
    db: TestDatabase, worker_database: Database, unread: OpenUnread
) -> None:
    """The session counts as idle while it sends them."""
    for length in range(100_000, 500_000, 4_000):
        stuck = unread(db.worker_url, "BEGIN; " + ANSWER, (length,))
        wait_for(db, stuck, "active, ClientWrite", UNREAD_END, "idle in transaction, ClientRead")
        if state_of(db, stuck) == UNREAD_END:
            break
        stuck.close()
    else:
        pytest.fail("no reply was exactly as long as the buffers")

    with worker_database.transaction() as cursor:
        (ended,) = server.end_stuck_sessions(cursor, after_s=0)

    assert ended.pid == stuck.get_backend_pid()


def test_other_sessions_are_left_alone(
    db: TestDatabase, worker_database: Database, unread: OpenUnread
) -> None:
    others = {
        unread(db.web_url, ANSWER, (MORE_THAN_ANY_BUFFER,)): "active, ClientWrite",
        unread(db.worker_url, "SELECT pg_sleep(%s)", (60,)): "active, PgSleep",
        unread(db.worker_url, "BEGIN; SELECT %s", (1,)): "idle in transaction, ClientRead",
    }
    for connection, state in others.items():
        wait_for(db, connection, state)

    with worker_database.transaction() as cursor:
        assert server.end_stuck_sessions(cursor, after_s=0) == []

    assert all(is_there(db, connection) for connection in others)


def test_a_slow_client_has_some_time(db: TestDatabase, worker_database: Database, unread: OpenUnread) -> None:
    slow = unread(db.worker_url, ANSWER, (MORE_THAN_ANY_BUFFER,))
    wait_for(db, slow, "active, ClientWrite")

    with worker_database.transaction() as cursor:
        assert server.end_stuck_sessions(cursor, after_s=600) == []

    assert is_there(db, slow)
