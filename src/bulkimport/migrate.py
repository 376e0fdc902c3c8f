"""Plain SQL files applied in order, one transaction a file, under one advisory lock.

File names and the version table are golang-migrate's, so that tool can drive the same folder. It records a
file as dirty before it runs it; here the file and its version commit together, so a file that fails leaves
the version before it, and only a hand or that tool can leave a database dirty.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import cast

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from bulkimport.faults import OperatorError

ADVISORY_LOCK = 7_236_149_025_513_774_081  # any number that nothing else in the database uses
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


class MigrationError(OperatorError):
    """The migrations cannot go on; the message says why and names the way out."""


@dataclass(frozen=True)
class Migration:
    """One version: the SQL that makes it and the SQL that undoes it."""

    version: int
    name: str
    up: Path
    down: Path


@dataclass(frozen=True)
class Status:
    """Where a database stands: its version (0: none), and which migrations it has and lacks."""

    version: int
    dirty: bool
    applied: Sequence[Migration]
    pending: Sequence[Migration]


def up(url: str, folder: Path | None = None) -> list[Migration]:
    """Apply what is missing, in order; return it. A second release waits here and finds nothing to do."""
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
    """Where the database stands."""
    with _locked(url) as connection:
        return _status(connection, read_folder(folder))


def force(url: str, version: int, folder: Path | None = None) -> None:
    """Record a version (0: none) as applied and clean, and run nothing."""
    known = len(read_folder(folder))
    if not 0 <= version <= known:
        raise MigrationError(f"there is no version {version}; sql/ has 1 to {known}, and 0 is none")
    with _locked(url) as connection, connection, connection.cursor() as cursor:
        _record(cursor, version)


def latest_version(folder: Path | None = None) -> int:
    """The version that this release of the service expects."""
    return len(read_folder(folder))


def read_folder(folder: Path | None = None) -> list[Migration]:
    """The migrations in order of version; MigrationError where files are missing, doubled or misnamed."""
    folder = folder or cast(Path, files("bulkimport") / "sql")
    found: dict[tuple[int, str], Path] = {}
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named NNNNNN_name.up.sql or NNNNNN_name.down.sql")
        key = int(match["version"]), match["direction"]
        if key in found:
            raise MigrationError(f"version {key[0]} is doubled: {found[key].name} and {path.name}")
        found[key] = path
    versions = {version for version, _ in found}
    return [_migration(found, version) for version in range(1, max(versions, default=0) + 1)]


def _migration(found: dict[tuple[int, str], Path], version: int) -> Migration:
    for direction in ("up", "down"):
        if (version, direction) not in found:
            raise MigrationError(f"sql/ has no {version:06}_….{direction}.sql; versions must have no gap")
    up, down = found[version, "up"], found[version, "down"]
    name = up.name.removesuffix(".up.sql")
    if down.name.removesuffix(".down.sql") != name:
        raise MigrationError(f"{up.name} and {down.name} have one version and two names")
    return Migration(version, name, up, down)


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """A connection that holds the lock until it is closed: the lock belongs to the session."""
    try:
        connection = psycopg2.connect(url, application_name="bulkimport-migrate")
    except psycopg2.OperationalError as error:
        raise MigrationError(f"the database cannot be reached: {str(error).strip()}") from error
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS public.schema_migrations"
                " (version bigint PRIMARY KEY, dirty boolean NOT NULL)"
            )
        yield connection
    finally:
        connection.close()


def _status(connection: Connection, migrations: Sequence[Migration]) -> Status:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT version, dirty FROM public.schema_migrations")
        version, dirty = cursor.fetchone() or (0, False)
    if not 0 <= version <= len(migrations):
        raise MigrationError(
            f"the database is at version {version}, and sql/ has only 1 to {len(migrations)}: "
            "the file was applied and is gone; deploy the release that has it"
        )
    return Status(version, dirty, migrations[:version], migrations[version:])


def _require_clean(found: Status) -> Status:
    if found.dirty:
        raise MigrationError(
            f"version {found.version} is dirty: it was left half-way. Mend the database by hand, then "
            f"record where it stands: make db-migrate-force VERSION={found.version} "
            f"(or {found.version - 1} if nothing of it is there)"
        )
    return found


def _run(connection: Connection, path: Path, *, before: int, after: int) -> None:
    """Run one file and record the version after it, in one transaction."""
    text = path.read_text("utf-8")
    refuse_transaction_statements(path.name, text)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text)
            _record(cursor, after)
    except psycopg2.Error as error:
        line = text.count("\n", 0, int(error.diag.statement_position or 1)) + 1
        raise MigrationError(
            f"{path.name}, line {line}: {error.diag.message_primary or error}; "
            f"the database is still at version {before}"
        ) from error


def _record(cursor: Cursor, version: int) -> None:
    cursor.execute("DELETE FROM public.schema_migrations")
    if version:
        cursor.execute("INSERT INTO public.schema_migrations VALUES (%s, false)", (version,))


def refuse_transaction_statements(name: str, text: str) -> None:
    """A file that commits by itself could fail after half of it is there for good."""
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
