"""The migration runner."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.database import migrations
from bulkimport.database.migrations import MigrationError
from tests.conftest import TestDatabase
from tests.e2e.conftest import wait_until

SQL = Path(__file__).parents[2] / "sql"
LATEST = migrations.latest_version()

CATALOGUE = (
    "SELECT 'column', table_name || '.' || column_name, data_type || is_nullable"
    " || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'trakrf'",
    "SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = to_regnamespace('trakrf')",
    "SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'trakrf'",
    "SELECT 'policy', tablename || '.' || policyname, qual FROM pg_policies WHERE schemaname = 'trakrf'",
    "SELECT 'grant', grantee || ' ' || table_name || '.' || column_name, privilege_type"
    " FROM information_schema.column_privileges WHERE table_schema = 'trakrf'",
    "SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname = 'trakrf'",
    "SELECT 'database', '', datacl::text FROM pg_database WHERE datname = current_database()",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of sql/ that a test may change."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def add(folder: Path, up: str, down: str = "SELECT 1;") -> None:
    (folder / f"{LATEST + 1:06}_added.up.sql").write_text(up)
    (folder / f"{LATEST + 1:06}_added.down.sql").write_text(down)


def recorded(db: TestDatabase) -> list[tuple[object, ...]]:
    return db.rows("SELECT version, dirty FROM schema_migrations")


def catalogue(db: TestDatabase) -> set[tuple[object, ...]]:
    return set(db.rows(" UNION ALL ".join(CATALOGUE)))  # in one session: a new one costs more than the query


def test_up_applies_all_in_order_and_then_nothing(empty_database: TestDatabase) -> None:
    applied = migrations.up(empty_database.owner_url)
    assert [migration.version for migration in applied] == list(range(1, LATEST + 1))
    assert recorded(empty_database) == [(LATEST, False)]
    assert migrations.up(empty_database.owner_url) == []


def test_each_down_undoes_its_up(empty_database: TestDatabase, folder: Path) -> None:
    """The first up runs beforehand, because a revoked grant leaves an explicit ACL where there was NULL."""
    migrations.up(empty_database.owner_url)
    migrations.down(empty_database.owner_url, LATEST)
    snapshots = [catalogue(empty_database)]
    for version in range(1, LATEST + 1):
        for path in folder.glob("*.sql"):
            path.unlink()
        for migration in migrations.read_folder()[:version]:
            shutil.copy(migration.up, folder)
            shutil.copy(migration.down, folder)
        assert len(migrations.up(empty_database.owner_url, folder)) == 1
        snapshots.append(catalogue(empty_database))
    for version in range(LATEST, 0, -1):
        assert catalogue(empty_database) == snapshots[version]
        migrations.down(empty_database.owner_url)
        assert catalogue(empty_database) == snapshots[version - 1], f"version {version}"
    assert recorded(empty_database) == []


def test_two_releases_at_once_apply_each_file_once(empty_database: TestDatabase) -> None:
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(migrations.up, [empty_database.owner_url] * 2)
    assert sorted([len(first), len(second)]) == [0, LATEST]


def test_a_file_that_fails_leaves_the_previous_version(empty_database: TestDatabase, folder: Path) -> None:
    add(folder, "CREATE TABLE trakrf.half (id int);\nSELECT nonsense;")
    with pytest.raises(MigrationError, match=rf"added\.up\.sql, line 2: .* still at version {LATEST}"):
        migrations.up(empty_database.owner_url, folder)
    assert recorded(empty_database) == [(LATEST, False)]
    assert empty_database.value("SELECT to_regclass('trakrf.half')") is None


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner waits for a lock three times 0.3 s."""
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_S", 0.3)
    monkeypatch.setattr(migrations, "LOCK_PAUSE_S", 0.2)
    monkeypatch.setattr(migrations, "LOCK_ATTEMPTS", 3)


ADD_COLUMN = "ALTER TABLE trakrf.accounts ADD COLUMN added int;"


@pytest.mark.usefixtures("impatient")
def test_a_file_that_cannot_get_a_lock_gives_up_and_blocks_no_reader(
    db: TestDatabase, folder: Path, connect: Callable[[str], Connection], caplog: pytest.LogCaptureFixture
) -> None:
    add(folder, ADD_COLUMN)
    reader = connect(db.admin_url)
    reader.autocommit = True
    report, longest = connect(db.admin_url), 0.0
    with report.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        cursor.execute("SELECT FROM trakrf.accounts")  # its transaction stays open
        release = threads.submit(migrations.up, db.owner_url, folder)
        with reader.cursor() as reading:
            while not release.done():
                started = time.monotonic()
                reading.execute("SELECT FROM trakrf.accounts")
                longest = max(longest, time.monotonic() - started)
        message = rf"added\.up\.sql: could not get a lock in 3 .* version {LATEST}.*pg_terminate_backend"
        with pytest.raises(MigrationError, match=message):
            release.result()
    assert 0.1 < longest < 2, "readers queue behind the release, but not for long"
    assert "attempt 2 of 3" in caplog.text
    assert recorded(db) == [(LATEST, False)]
    report.rollback()
    assert [migration.version for migration in migrations.up(db.owner_url, folder)] == [LATEST + 1]


@pytest.mark.usefixtures("impatient")
def test_a_lock_that_becomes_free_is_taken_at_the_next_attempt(
    db: TestDatabase, folder: Path, connect: Callable[[str], Connection], caplog: pytest.LogCaptureFixture
) -> None:
    add(folder, ADD_COLUMN)
    holder = connect(db.admin_url)
    with holder.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        cursor.execute("LOCK TABLE trakrf.accounts IN SHARE MODE")
        release = threads.submit(migrations.up, db.owner_url, folder)
        wait_until(lambda: "attempt 1 of 3" in caplog.text, "the first attempt has failed")
        holder.rollback()
        assert len(release.result()) == 1
    assert recorded(db) == [(LATEST + 1, False)]


def test_a_statement_that_takes_too_long_is_cancelled(
    empty_database: TestDatabase, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.up(empty_database.owner_url)
    monkeypatch.setattr(migrations, "STATEMENT_TIMEOUT_S", 0.2)
    add(folder, "SELECT pg_sleep(30);")
    with pytest.raises(MigrationError, match=rf"statement timeout; .* still at version {LATEST}"):
        migrations.up(empty_database.owner_url, folder)


def test_a_release_says_what_it_waits_for_and_does_not_wait_forever(
    empty_database: TestDatabase,
    connect: Callable[[str], Connection],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(migrations, "RELEASE_TIMEOUT_S", 0.3)
    other = connect(empty_database.owner_url)
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (migrations.ADVISORY_LOCK,))
    pid = other.info.backend_pid
    with pytest.raises(MigrationError, match=rf"running for 0.3 s: process {pid} .*backend\({pid}\)"):
        migrations.up(empty_database.owner_url)
    assert caplog.text.count(f"another release is running (process {pid} in pg_stat_activity)") == 1
    assert empty_database.value("SELECT to_regclass('public.schema_migrations')") is None


def test_names_in_a_file_mean_postgresqls_own_or_are_qualified(
    empty_database: TestDatabase, folder: Path
) -> None:
    """Otherwise, whoever may create objects in public could make the owner run them."""
    empty_database.rows("CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    migrations.up(empty_database.owner_url)
    add(folder, "SELECT mine();")
    with pytest.raises(MigrationError, match=r"function mine\(\) does not exist"):
        migrations.up(empty_database.owner_url, folder)


def test_a_file_with_its_own_commit_is_refused_before_it_runs(
    empty_database: TestDatabase, folder: Path
) -> None:
    add(folder, "CREATE TABLE trakrf.half (id int); COMMIT;")
    with pytest.raises(MigrationError, match="COMMIT is not allowed"):
        migrations.up(empty_database.owner_url, folder)
    assert empty_database.value("SELECT to_regclass('trakrf.half')") is None


def test_a_dirty_database_is_refused_until_it_is_forced(empty_database: TestDatabase) -> None:
    migrations.up(empty_database.owner_url)
    empty_database.rows("UPDATE schema_migrations SET dirty = true")
    for refused in (migrations.up, migrations.down):
        with pytest.raises(MigrationError, match=f"dirty.*make db-migrate-force VERSION={LATEST}"):
            refused(empty_database.owner_url)
    assert migrations.status(empty_database.owner_url).dirty

    migrations.force(empty_database.owner_url, LATEST)

    assert recorded(empty_database) == [(LATEST, False)]
    assert migrations.up(empty_database.owner_url) == []


def test_force_accepts_an_existing_version_or_0(empty_database: TestDatabase) -> None:
    migrations.force(empty_database.owner_url, 3)
    assert recorded(empty_database) == [(3, False)]
    migrations.force(empty_database.owner_url, 0)
    assert recorded(empty_database) == []
    with pytest.raises(MigrationError, match="there is no version 99"):
        migrations.force(empty_database.owner_url, 99)


def test_an_applied_file_that_is_missing_is_reported(empty_database: TestDatabase, folder: Path) -> None:
    add(folder, "SELECT 1;")
    migrations.up(empty_database.owner_url, folder)
    for refused in (migrations.up, migrations.down, migrations.status):
        with pytest.raises(MigrationError, match=f"at version {LATEST + 1}, but sql/ has only 1 to {LATEST}"):
            refused(empty_database.owner_url)


def test_status_shows_applied_and_pending_migrations(empty_database: TestDatabase, folder: Path) -> None:
    migrations.up(empty_database.owner_url)
    add(folder, "SELECT 1;")
    status = migrations.status(empty_database.owner_url, folder)
    assert (status.version, status.dirty, len(status.applied)) == (LATEST, False, LATEST)
    assert [migration.name for migration in status.pending] == [f"{LATEST + 1:06}_added"]


def test_down_keeps_a_schema_in_which_the_platform_has_tables(empty_database: TestDatabase) -> None:
    migrations.up(empty_database.owner_url)
    empty_database.rows("CREATE TABLE trakrf.platform_table (id int)")
    migrations.down(empty_database.owner_url, LATEST)
    assert empty_database.value("SELECT count(*) FROM trakrf.platform_table") == 0
    assert len(migrations.up(empty_database.owner_url)) == LATEST


def test_an_unreachable_server_is_reported() -> None:
    with pytest.raises(MigrationError, match="cannot be reached"):
        migrations.up("postgresql://owner@127.0.0.1:1/bulkimport")
