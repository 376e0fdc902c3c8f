"""The migration runner, on a database of its own."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bulkimport import migrate
from bulkimport.migrate import MigrationError
from tests.conftest import TestDatabase

SQL = Path(__file__).parents[2] / "sql"
LATEST = migrate.latest_version()

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
    """A copy of sql/ that a test may spoil."""
    return Path(shutil.copytree(SQL, tmp_path / "sql"))


def add(folder: Path, up: str, down: str = "SELECT 1;") -> None:
    (folder / f"{LATEST + 1:06}_added.up.sql").write_text(up)
    (folder / f"{LATEST + 1:06}_added.down.sql").write_text(down)


def recorded(db: TestDatabase) -> list[tuple[object, ...]]:
    return db.rows("SELECT version, dirty FROM schema_migrations")


def catalogue(db: TestDatabase) -> set[tuple[object, ...]]:
    return {row for query in CATALOGUE for row in db.rows(query)}


def test_up_applies_all_in_order_and_then_nothing(empty_database: TestDatabase) -> None:
    applied = migrate.up(empty_database.owner_url)
    assert [migration.version for migration in applied] == list(range(1, LATEST + 1))
    assert recorded(empty_database) == [(LATEST, False)]
    assert migrate.up(empty_database.owner_url) == []


def test_each_down_undoes_its_up(empty_database: TestDatabase, folder: Path) -> None:
    """Grants and ACLs start at what the first up leaves behind: NULL and its default are the same thing."""
    migrate.up(empty_database.owner_url)
    migrate.down(empty_database.owner_url, LATEST)
    snapshots = [catalogue(empty_database)]
    for version in range(1, LATEST + 1):
        for path in folder.glob("*.sql"):
            path.unlink()
        for migration in migrate.read_folder()[:version]:
            shutil.copy(migration.up, folder)
            shutil.copy(migration.down, folder)
        assert len(migrate.up(empty_database.owner_url, folder)) == 1
        snapshots.append(catalogue(empty_database))
    for version in range(LATEST, 0, -1):
        assert catalogue(empty_database) == snapshots[version]
        migrate.down(empty_database.owner_url)
        assert catalogue(empty_database) == snapshots[version - 1], f"version {version}"
    assert recorded(empty_database) == []


def test_two_releases_at_once_apply_each_file_once(empty_database: TestDatabase) -> None:
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(migrate.up, [empty_database.owner_url] * 2)
    assert sorted([len(first), len(second)]) == [0, LATEST]


def test_a_file_that_fails_leaves_the_version_before_it(empty_database: TestDatabase, folder: Path) -> None:
    add(folder, "CREATE TABLE trakrf.half (id int);\nSELECT nonsense;")
    with pytest.raises(MigrationError, match=rf"added\.up\.sql, line 2: .* still at version {LATEST}"):
        migrate.up(empty_database.owner_url, folder)
    assert recorded(empty_database) == [(LATEST, False)]
    assert empty_database.value("SELECT to_regclass('trakrf.half')") is None


def test_a_file_with_its_own_commit_is_refused_before_it_runs(
    empty_database: TestDatabase, folder: Path
) -> None:
    add(folder, "CREATE TABLE trakrf.half (id int); COMMIT;")
    with pytest.raises(MigrationError, match="COMMIT is not allowed"):
        migrate.up(empty_database.owner_url, folder)
    assert empty_database.value("SELECT to_regclass('trakrf.half')") is None


def test_a_dirty_database_is_refused_until_it_is_forced(empty_database: TestDatabase) -> None:
    migrate.up(empty_database.owner_url)
    empty_database.rows("UPDATE schema_migrations SET dirty = true")
    for refused in (migrate.up, migrate.down):
        with pytest.raises(MigrationError, match=f"dirty.*make db-migrate-force VERSION={LATEST}"):
            refused(empty_database.owner_url)
    assert migrate.status(empty_database.owner_url).dirty

    migrate.force(empty_database.owner_url, LATEST)

    assert recorded(empty_database) == [(LATEST, False)]
    assert migrate.up(empty_database.owner_url) == []


def test_force_takes_a_version_that_exists_or_0(empty_database: TestDatabase) -> None:
    migrate.force(empty_database.owner_url, 3)
    assert recorded(empty_database) == [(3, False)]
    migrate.force(empty_database.owner_url, 0)
    assert recorded(empty_database) == []
    with pytest.raises(MigrationError, match="there is no version 99"):
        migrate.force(empty_database.owner_url, 99)


def test_a_file_that_was_applied_and_is_gone_is_told(empty_database: TestDatabase, folder: Path) -> None:
    add(folder, "SELECT 1;")
    migrate.up(empty_database.owner_url, folder)
    for refused in (migrate.up, migrate.down, migrate.status):
        with pytest.raises(MigrationError, match=f"at version {LATEST + 1}, and sql/ has only 1 to {LATEST}"):
            refused(empty_database.owner_url)


def test_status_tells_what_is_applied_and_what_is_not(empty_database: TestDatabase, folder: Path) -> None:
    migrate.up(empty_database.owner_url)
    add(folder, "SELECT 1;")
    status = migrate.status(empty_database.owner_url, folder)
    assert (status.version, status.dirty, len(status.applied)) == (LATEST, False, LATEST)
    assert [migration.name for migration in status.pending] == [f"{LATEST + 1:06}_added"]


def test_down_keeps_a_schema_in_which_the_platform_has_tables(empty_database: TestDatabase) -> None:
    migrate.up(empty_database.owner_url)
    empty_database.rows("CREATE TABLE trakrf.platform_table (id int)")
    migrate.down(empty_database.owner_url, LATEST)
    assert empty_database.value("SELECT count(*) FROM trakrf.platform_table") == 0
    assert len(migrate.up(empty_database.owner_url)) == LATEST


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(MigrationError, match="cannot be reached"):
        migrate.up("postgresql://owner@127.0.0.1:1/bulkimport")
