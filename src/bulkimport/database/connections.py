"""Connections, and transactions that belong to one tenant.

Nothing is ever set for a session: the tenant, the time-outs and the time zone are set at the start of each
transaction and for it alone, so that nothing leaks when a pooler passes the session on to another client.
"""

import logging
import math
import os
import queue
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import register_uuid

from bulkimport.errors import OperatorError
from bulkimport.telemetry import metrics, redaction

CONNECT_TIMEOUT_S = 5
CHECKOUT_TIMEOUT_S = 5
TRUSTED_S = 0.05  # after its last use, a connection is taken without a look at whether its session has ended
# Without these, a client that is stopped or has vanished would keep its row locks forever.
LIMITS = {
    "statement_timeout": "10s",
    "idle_in_transaction_timeout": "10s",
    "lock_timeout": "5s",
    "client_check_interval": "1s",
}
READ_TIMEOUT = "5s"  # a page takes milliseconds; slow reads would occupy every connection of the pool
REPLY_TIMEOUT_S = 20.0  # twice the statement timeout; a reply that takes longer was lost on the way
# PostgreSQL is shutting down, starting up or out of resources (PostgreSQL manual, appendix A).
UNAVAILABLE_SQLSTATES = ("57P01", "57P02", "57P03", "57P05", "53")

SET_TENANT = """
/* database.set_tenant */
SELECT set_config('app.current_account_id', %(tenant_account_id)s, true)
"""

# The server, the database or the login may have another time zone, in which Python could not represent the
# moments at either end of the calendar.
SET_LIMITS = """
/* database.set_limits */
SELECT set_config('statement_timeout',                   %(statement_timeout)s,           true),
       set_config('idle_in_transaction_session_timeout', %(idle_in_transaction_timeout)s, true),
       set_config('lock_timeout',                        %(lock_timeout)s,                true),
       set_config('client_connection_check_interval',    %(client_check_interval)s,       true),
       set_config('client_min_messages',                 'warning',                       true),
       set_config('TimeZone',                            'UTC',                           true)
"""

BEGIN_SNAPSHOT = """
/* database.begin_snapshot */
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY
"""

BEGIN_READ = """
/* database.begin_read */
SELECT set_config('app.current_account_id', %(tenant_account_id)s, true),
       set_config('statement_timeout',      %(read_timeout)s,      true),
       set_config('TimeZone',               'UTC',                 true)
"""

SET_ASYNCHRONOUS_COMMIT = """
/* database.set_asynchronous_commit */
SELECT set_config('synchronous_commit', 'off', true)
"""

# Both the session user and the current user count, because RESET ROLE leads from one to the other. Members of
# the owner can SET ROLE to it and so evade the policies, too.
ROLE_POWERS = """
/* database.role_powers */
SELECT bool_or(rolsuper),
       bool_or(rolbypassrls),
       EXISTS (SELECT FROM pg_class
               WHERE relnamespace = to_regnamespace('trakrf')
                 AND relkind IN ('r', 'p')
                 AND pg_has_role(session_user, relowner, 'MEMBER')),
       session_user
FROM pg_roles
WHERE rolname IN (session_user, current_user)
"""


log = logging.getLogger(__name__)


class DatabaseUnavailableError(OperatorError):
    """PostgreSQL cannot be reached, is shutting down, or is out of resources; try again later."""


class UnknownOutcomeError(DatabaseUnavailableError):
    """The connection was lost during a commit: only the data can tell whether it succeeded."""


class PrivilegedRoleError(OperatorError):
    """The login is not bound by row-level security; the message says how to fix that."""


class Database:
    """A thread-safe pool of at most `size` connections, which are opened when they are needed.

    Create it after a fork, never before: two processes must not share a connection.
    """

    def __init__(self, url: str, *, size: int, application_name: str) -> None:
        self._url = url
        self._application_name = application_name
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()  # quicker than a semaphore
        for _ in range(size):
            self._places.put(None)
        self._idle: list[_Session] = []
        self._busy: set[_Session] = set()
        self._size = size
        metrics.DATABASE_POOL_SIZE.set(size)

    @contextmanager
    def tenant_transaction(self, account_id: int) -> Iterator[Cursor]:
        """A transaction that sees and changes the rows of one account; commits at the end, or rolls back."""
        parameters = {**LIMITS, "tenant_account_id": str(account_id)}
        with self._transaction(f"{SET_LIMITS};{SET_TENANT}", parameters) as cursor:
            yield cursor

    @contextmanager
    def tenant_snapshot(self, account_id: int) -> Iterator[Cursor]:
        """A transaction whose statements all read the rows of one account as they were when it began."""
        parameters = {**LIMITS, "tenant_account_id": str(account_id)}
        with self._transaction(f"{BEGIN_SNAPSHOT};{SET_LIMITS};{SET_TENANT}", parameters) as cursor:
            yield cursor

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A transaction without a tenant, which sees no tenant's rows; commits at the end, or rolls back."""
        with self._transaction(SET_LIMITS, LIMITS) as cursor:
            yield cursor

    @contextmanager
    def _transaction(self, beginning: str, parameters: Mapping[str, str]) -> Iterator[Cursor]:
        with self._connection() as connection:
            connection.set_autocommit(False)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(beginning, parameters)
                    yield cursor
                _commit(connection)
            except BaseException:
                # On a closed connection rollback() fails, and would hide the error that closed it.
                if not connection.closed:
                    connection.rollback()
                raise

    def tenant_read(self, account_id: int, preamble: str = "") -> "_TenantRead":
        """A cursor for reading the rows of one account; each statement is one transaction and one round trip.

        A statement may take READ_TIMEOUT. `preamble` is a statement that runs before each of them, once the
        tenant is set.
        """
        return _TenantRead(self, account_id, preamble)

    def cancel(self) -> None:
        """Make PostgreSQL cancel the statements that are running; may be called from any thread."""
        for connection in list(self._busy):
            connection.cancel()

    def abort_lost_replies(self) -> None:
        """Make every wait for a reply that was lost fail with an error; may be called from any thread.

        A stalled proxy loses replies without closing connections, so that libpq would wait forever.
        """
        for connection in list(self._busy):
            if time.monotonic() - connection.sent_at > REPLY_TIMEOUT_S:
                log.warning("closed a connection: the reply of the database was lost")
                _shut_down(connection)

    def report(self) -> None:
        """Set the metric of the connections in use, which would cost a read too much to keep up to date."""
        metrics.DATABASE_POOL_IN_USE.set(self._size - self._places.qsize())

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator["_Session"]:
        connection = self.take()
        try:
            yield connection
        except BaseException as error:
            self.give_back(connection, error)
            raise
        self.give_back(connection, None)

    def take(self) -> "_Session":
        """A connection, which must be given back; raises DatabaseUnavailableError if none becomes free."""
        self._take_place()
        try:
            connection = self._checkout()
        except BaseException:
            self._places.put(None)
            raise
        self._busy.add(connection)
        return connection

    def give_back(self, connection: "_Session", error: BaseException | None) -> None:
        """End the use of a connection; raises DatabaseUnavailableError if that is what the `error` means."""
        self._take_back(connection, error)
        self._places.put(None)
        if error is not None and is_unavailable(error):
            raise DatabaseUnavailableError(redaction.message(error)) from error

    def _take_place(self) -> None:
        try:
            self._places.get_nowait()
        except queue.Empty:
            self._wait_for_place()

    def _wait_for_place(self) -> None:
        try:
            with metrics.DATABASE_POOL_WAIT_SECONDS.time():
                self._places.get(timeout=CHECKOUT_TIMEOUT_S)
        except queue.Empty:
            metrics.DATABASE_POOL_TIMEOUTS.inc()
            raise DatabaseUnavailableError(f"no connection became free in {CHECKOUT_TIMEOUT_S} s") from None

    def _checkout(self) -> "_Session":
        while self._idle:
            connection = self._idle.pop()
            if time.monotonic() - connection.idle_since < TRUSTED_S or _is_silent(connection):
                return connection
            _discard(connection)
        started = time.perf_counter()
        connection = connect(self._url, self._application_name)
        metrics.DATABASE_CONNECT_SECONDS.observe(time.perf_counter() - started)
        return connection

    def _take_back(self, connection: "_Session", error: BaseException | None) -> None:
        self._busy.discard(connection)
        # After an error without an SQLSTATE the connection may be dead although it looks open.
        broken = isinstance(error, UnknownOutcomeError) or (
            isinstance(error, psycopg2.Error) and error.pgcode is None
        )
        if broken or connection.closed or connection.info.transaction_status:
            _discard(connection)
        else:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)


def connect(url: str, application_name: str) -> "_Session":
    """A new connection, whose login is checked to be unprivileged.

    Raises DatabaseUnavailableError or PrivilegedRoleError.
    """
    try:
        connection = psycopg2.connect(
            url,
            connection_factory=_Session,
            cursor_factory=_Cursor,
            application_name=application_name,
            client_encoding="UTF8",
            connect_timeout=CONNECT_TIMEOUT_S,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=10_000,
        )
    except psycopg2.OperationalError as error:
        raise DatabaseUnavailableError(redaction.message(error)) from error
    register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    try:
        with connection, connection.cursor() as cursor:
            require_unprivileged(cursor)
    except BaseException as error:
        connection.close()
        if is_unavailable(error):
            raise DatabaseUnavailableError(redaction.message(error)) from error
        raise
    return connection


def set_tenant(cursor: Cursor, account_id: int) -> None:
    """Restrict the rest of the transaction to the rows of one account."""
    cursor.execute(SET_TENANT, {"tenant_account_id": str(account_id)})


def commit_without_waiting(cursor: Cursor) -> None:
    """Let the commit of this transaction return before it is on disk; only for changes that may be lost."""
    cursor.execute(SET_ASYNCHRONOUS_COMMIT)


def require_unprivileged(cursor: Cursor) -> None:
    """Raise PrivilegedRoleError unless row-level security binds the login."""
    cursor.execute(ROLE_POWERS)
    superuser, bypasses, owns, login = cursor.fetchone() or (True, True, True, "?")
    powers = [
        power
        for power, has in (
            ("is a superuser", superuser),
            ("has BYPASSRLS", bypasses),
            ("owns the tables, or is a member of their owner", owns),
        )
        if has
    ]
    if powers:
        raise PrivilegedRoleError(
            f'the database login "{login}" {" and ".join(powers)}, so row-level security would not keep '
            "tenants apart. Create a login for this process: CREATE ROLE web_login LOGIN PASSWORD '…'; "
            "GRANT bulkimport_web TO web_login; (bulkimport_worker for the worker), and name it in "
            "DATABASE_URL"
        )


def is_unavailable(error: BaseException) -> bool:
    """Whether the database rather than the statement is to blame, so that waiting may help."""
    if not isinstance(error, psycopg2.Error):
        return False
    return error.pgcode is None or error.pgcode.startswith(UNAVAILABLE_SQLSTATES)


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except psycopg2.Error as error:
        if error.pgcode is None:
            raise UnknownOutcomeError(redaction.message(error)) from error
        raise


class _Session(Connection):
    """A connection that knows when it sent the statement whose reply it is waiting for, and its last use."""

    sent_at = math.inf
    idle_since = -math.inf

    def set_autocommit(self, value: bool) -> None:
        """Set it if it differs; setting it lets other threads take the interpreter."""
        if self.autocommit != value:
            self.autocommit = value


class _Cursor(Cursor):
    """Notes when a statement is sent, for `Database.abort_lost_replies`."""

    connection: _Session

    def execute(self, query: Any, vars: Any = None) -> None:
        self.connection.sent_at = time.monotonic()
        try:
            super().execute(query, vars)
        finally:
            self.connection.sent_at = math.inf

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self.connection.sent_at = time.monotonic()
        try:
            super().copy_expert(sql, file, size)
        finally:
            self.connection.sent_at = math.inf


class _TenantReadCursor(_Cursor):
    """Sends the settings and the statement as one string: one round trip, and one transaction."""

    settings: Mapping[str, str]
    beginning: str

    def execute(self, query: Any, vars: Any = None) -> None:
        super().execute(f"{self.beginning};{query}", {**(vars or {}), **self.settings})


class _TenantRead:
    """The context of Database.tenant_read; generators would cost a read twice as much."""

    def __init__(self, database: Database, account_id: int, preamble: str) -> None:
        self._database = database
        self._settings = {"tenant_account_id": str(account_id), "read_timeout": READ_TIMEOUT}
        self._beginning = f"{BEGIN_READ};{preamble}" if preamble else BEGIN_READ

    def __enter__(self) -> Cursor:
        self._connection = self._database.take()
        try:
            self._connection.set_autocommit(True)
            cursor = self._connection.cursor(cursor_factory=_TenantReadCursor)
        except BaseException as error:
            self._database.give_back(self._connection, error)
            raise
        cursor.settings = self._settings
        cursor.beginning = self._beginning
        return cursor

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self._database.give_back(self._connection, error)


def _discard(connection: Connection) -> None:
    metrics.DATABASE_CONNECTIONS_DISCARDED.inc()
    connection.close()


def _shut_down(connection: Connection) -> None:
    """Make the thread that reads from the connection see its end, whereupon that thread closes it."""
    with (
        suppress(psycopg2.InterfaceError, OSError),  # it was closed meanwhile
        socket.socket(fileno=os.dup(connection.fileno())) as copy,
    ):
        copy.shutdown(socket.SHUT_RDWR)


def _is_silent(connection: Connection) -> bool:
    """Whether an idle connection has nothing to read, and so its session has not ended."""
    return not select.select([connection], [], [], 0)[0]
