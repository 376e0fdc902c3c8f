"""Plain SQL files applied in order, one transaction per file, under one advisory lock.

File names and the version table are golang-migrate's, so that tool can work with the same folder. It records
a file as dirty before it runs it; here the file and its version commit together. So a file that fails leaves
the previous version, and only that tool, or somebody by hand, can leave a database dirty.

The service keeps running while a file is applied. So a file never waits long for a lock, since every other
transaction would queue behind it: it gives up, and tries again a little later.
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

import psycopg2
from psycopg2.errors import DeadlockDetected, LockNotAvailable
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from bulkimport.errors import OperatorError

ADVISORY_LOCK = 7_236_149_025_513_774_081  # any number that nothing else in the database uses
LOOK_INTERVAL_S = 0.2
STATEMENT_TIMEOUT_S = 15 * 60  # reading or filling a whole table takes minutes; more is a mistake
RELEASE_TIMEOUT_S = 2 * STATEMENT_TIMEOUT_S
# Less than the service's own lock_timeout, so that requests that queue behind a file are delayed and do not
# fail. All attempts and pauses together take about three minutes, longer than an all-or-nothing import of the
# largest file.
LOCK_TIMEOUT_S = 2
LOCK_PAUSE_S = 4
LOCK_ATTEMPTS = 30

# For one transaction. Unqualified names mean PostgreSQL's own objects, whatever others may have created in
# public; and a release that is stopped or has vanished keeps no locks.
SET_LIMITS = """
/* migrate.set_limits */
SELECT set_config('lock_timeout',                        %(lock_timeout)s,      true),
       set_config('statement_timeout',                   %(statement_timeout)s, true),
       set_config('idle_in_transaction_session_timeout', '10s',                 true),
       set_config('client_connection_check_interval',    '1s',                  true),
       set_config('search_path',                         'pg_catalog, pg_temp', true)
"""

LOCK_HOLDER = """
/* migrate.lock_holder */
SELECT pid
FROM pg_locks
WHERE locktype = 'advisory'
  AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid  = (%(key)s >> 32)::oid
  AND objid    = (%(key)s & 4294967295)::oid
  AND objsubid = 1
"""

FILE_NAME = re.compile(r"(?P<version>\d{6})_(?P<name>\w+)\.(?P<direction>up|down)\.sql")
TRANSACTION_WORDS = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"}
TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/"  # comments
    r"|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'"  # strings
    r'|"(?:[^"]|"")*"'  # quoted names
    r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"  # dollar-quoted bodies
    r"|(?P<word>[A-Za-z_]\w*)|(?P<end>;)",
    re.DOTALL,
)

log = logging.getLogger(__name__)


class MigrationError(OperatorError):
    """The migrations cannot continue; the message says why and what to do."""


@dataclass(frozen=True)
class Migration:
    """One version: the file that creates it and the file that undoes it."""

    version: int
    name: str
    up: Path
    down: Path


@dataclass(frozen=True)
class Status:
    """The state of a database: its version (0: none), and which migrations it has and lacks."""

    version: int
    dirty: bool
    applied: Sequence[Migration]
    pending: Sequence[Migration]


def up(url: str, folder: Path | None = None) -> list[Migration]:
    """Apply the missing migrations in order; return them.

    A second release waits until the first has finished, and then has nothing to do.
    """
    with _locked(url) as connection:
        pending = _require_clean(_status(connection, read_folder(folder))).pending
        for migration in pending:
            _run(connection, migration.up, before=migration.version - 1, after=migration.version)
        return list(pending)


def down(url: str, steps: int = 1, folder: Path | None = None) -> list[Migration]:
    """Undo the last migrations, newest first; return them."""
    with _locked(url) as connection:
        applied = _require_clean(_status(connection, read_folder(folder))).applied
        undone = list(reversed(applied))[:steps]
        for migration in undone:
            _run(connection, migration.down, before=migration.version, after=migration.version - 1)
        return undone


def status(url: str, folder: Path | None = None) -> Status:
    """The state of the database."""
    with _locked(url) as connection:
        return _status(connection, read_folder(folder))


def force(url: str, version: int, folder: Path | None = None) -> None:
    """Record a version (0: none) as applied and clean, without running anything."""
    known = len(read_folder(folder))
    if not 0 <= version <= known:
        raise MigrationError(f"there is no version {version}; sql/ has 1 to {known}, and 0 means none")
    with _locked(url) as connection, connection, connection.cursor() as cursor:
        _record(cursor, version)


def latest_version(folder: Path | None = None) -> int:
    """The version that this release of the service expects."""
    return len(read_folder(folder))


def read_folder(folder: Path | None = None) -> list[Migration]:
    """The migrations in order of version; MigrationError if files are missing, misnamed or duplicate."""
    folder = folder or cast(Path, files("bulkimport") / "sql")
    paths: dict[tuple[int, str], Path] = {}
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNNNN_name.up.sql or NNNNNN_name.down.sql")
        key = int(match["version"]), match["direction"]
        if key in paths:
            raise MigrationError(f"version {key[0]} is duplicate: {paths[key].name} and {path.name}")
        paths[key] = path
    versions = {version for version, _ in paths}
    return [_migration(paths, version) for version in range(1, max(versions, default=0) + 1)]


def _migration(paths: dict[tuple[int, str], Path], version: int) -> Migration:
    for direction in ("up", "down"):
        if (version, direction) not in paths:
            raise MigrationError(f"sql/ has no {version:06}_….{direction}.sql; versions must have no gap")
    up, down = paths[version, "up"], paths[version, "down"]
    name = up.name.removesuffix(".up.sql")
    if down.name.removesuffix(".down.sql") != name:
        raise MigrationError(f"{up.name} and {down.name} have the same version but different names")
    return Migration(version, name, up, down)


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """A connection that holds the lock until it is closed: the lock belongs to the session."""
    try:
        connection = psycopg2.connect(url, application_name="bulkimport-migrate")
    except psycopg2.OperationalError as error:
        raise MigrationError(f"the database cannot be reached: {str(error).strip()}") from error
    try:
        _take_turn(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS public.schema_migrations"
                " (version bigint PRIMARY KEY, dirty boolean NOT NULL)"
            )
        yield connection
    finally:
        connection.close()


def _take_turn(connection: Connection) -> None:
    """Wait for another release that is running; MigrationError if it takes too long."""
    deadline, is_logged = time.monotonic() + RELEASE_TIMEOUT_S, False
    while (holder := _holder_of_lock(connection)) is not None:
        if not is_logged:
            log.warning("another release is running (process %s in pg_stat_activity); waiting for it", holder)
            is_logged = True
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another release has been running for {RELEASE_TIMEOUT_S} s: process {holder} in "
                f"pg_stat_activity. If it is stuck, end it with pg_terminate_backend({holder}); "
                "then run this again"
            )
        time.sleep(LOOK_INTERVAL_S)


def _holder_of_lock(connection: Connection) -> int | None:
    """Take the lock and return None, or return the id of the process that holds it (0: it is gone again)."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (ADVISORY_LOCK,))
        if cursor.fetchone() == (True,):
            return None
        cursor.execute(LOCK_HOLDER, {"key": ADVISORY_LOCK})
        pid: tuple[int] = cursor.fetchone() or (0,)
        return pid[0]


def _status(connection: Connection, migrations: Sequence[Migration]) -> Status:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT version, dirty FROM public.schema_migrations")
        version, dirty = cursor.fetchone() or (0, False)
    if not 0 <= version <= len(migrations):
        raise MigrationError(
            f"the database is at version {version}, but sql/ has only 1 to {len(migrations)}: "
            "a file that was applied is missing; deploy the release that has it"
        )
    return Status(version, dirty, migrations[:version], migrations[version:])


def _require_clean(status: Status) -> Status:
    if status.dirty:
        raise MigrationError(
            f"version {status.version} is dirty: it was left half-applied. Fix the database by hand, then "
            f"record the version that it is at: make db-migrate-force VERSION={status.version} "
            f"(or {status.version - 1} if nothing of the file has been applied)"
        )
    return status


def _run(connection: Connection, path: Path, *, before: int, after: int) -> None:
    """Run one file and record its version in one transaction; try again if it could not get a lock."""
    text = path.read_text("utf-8")
    refuse_transaction_statements(path.name, text)
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            _run_once(connection, text, after)
        except (LockNotAvailable, DeadlockDetected) as error:
            if attempt == LOCK_ATTEMPTS:
                raise MigrationError(_never_locked(path.name, before)) from error
            log.warning(
                "%s: could not get a lock within %s s, attempt %d of %d; next attempt in %s s",
                *(path.name, LOCK_TIMEOUT_S, attempt, LOCK_ATTEMPTS, LOCK_PAUSE_S),
            )
            time.sleep(LOCK_PAUSE_S)
        except psycopg2.Error as error:
            position = error.diag.statement_position
            line = f", line {text.count(chr(10), 0, int(position)) + 1}" if position else ""
            raise MigrationError(
                f"{path.name}{line}: {error.diag.message_primary or error}; "
                f"the database is still at version {before}"
            ) from error
        else:
            return


def _run_once(connection: Connection, text: str, after: int) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            SET_LIMITS,
            {"lock_timeout": f"{LOCK_TIMEOUT_S}s", "statement_timeout": f"{STATEMENT_TIMEOUT_S}s"},
        )
        cursor.execute(text)
        _record(cursor, after)


def _never_locked(name: str, before: int) -> str:
    return (
        f"{name}: could not get a lock in {LOCK_ATTEMPTS} attempts of {LOCK_TIMEOUT_S} s, because another "
        f"transaction holds a table that it changes; the database is still at version {before}. Find the one "
        "with the oldest xact_start in pg_stat_activity, wait for it to end or end it with "
        "pg_terminate_backend(pid); then run this again"
    )


def _record(cursor: Cursor, version: int) -> None:
    cursor.execute("DELETE FROM public.schema_migrations")
    if version:
        cursor.execute("INSERT INTO public.schema_migrations VALUES (%s, false)", (version,))


def refuse_transaction_statements(name: str, text: str) -> None:
    """Raise MigrationError if a statement of the file begins or ends a transaction.

    A file that commits by itself could fail after half of it is permanent.
    """
    at_start = True
    for token in TOKEN.finditer(text):
        if token["end"]:
            at_start = True
        elif word := token["word"]:
            if at_start and word.upper() in TRANSACTION_WORDS:
                line = text.count("\n", 0, token.start()) + 1
                raise MigrationError(
                    f"{name}, line {line}: {word} is not allowed; "
                    "each file already runs in a transaction of its own"
                )
            at_start = False
