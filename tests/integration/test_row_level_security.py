"""Row-level security: the catalogue, what each role sees, and that no missing part goes unnoticed."""

from collections.abc import Callable, Iterator

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from bulkimport.database import connections
from bulkimport.database.connections import Database
from bulkimport.devserver import environment
from tests.conftest import FOREIGN, TestDatabase
from tests.support import two_tenants
from tests.support.tenant_walls import catalogue_faults, tables, transaction_faults, trial_faults

Connect = Callable[[str], Connection]

# Each of these, on its own, must be noticed both in the catalogue and by trying.
KEY_IS_TENANT = "{key} = (SELECT nullif(current_setting('app.current_account_id', true), '')::int)"
NO_NULLIF = "{key} = (SELECT current_setting('app.current_account_id', true)::int)"
MUTATIONS = {
    "no FORCE": "ALTER TABLE trakrf.{table} NO FORCE ROW LEVEL SECURITY",
    "no row-level security": "ALTER TABLE trakrf.{table} DISABLE ROW LEVEL SECURITY",
    "no policy": "DROP POLICY tenant ON trakrf.{table}",
    "no nullif": f"ALTER POLICY tenant ON trakrf.{{table}} USING ({NO_NULLIF}) WITH CHECK ({NO_NULLIF})",
    "no USING": f"ALTER POLICY tenant ON trakrf.{{table}} USING (true) WITH CHECK ({KEY_IS_TENANT})",
    "no WITH CHECK": "ALTER POLICY tenant ON trakrf.{table} WITH CHECK (true)",
    "a policy more": "CREATE POLICY more ON trakrf.{table} USING (true)",
}
# These only in the catalogue.
LOOSE = {
    "a table of nobody": "CREATE TABLE trakrf.loose (id int)",
    "a unique key": "CREATE UNIQUE INDEX loose ON trakrf.assets (identifier)",
    "a unique key on an expression": "CREATE UNIQUE INDEX loose ON trakrf.assets (lower(identifier))",
    "a foreign key": "ALTER TABLE trakrf.bulk_import_jobs ADD UNIQUE (id),"
    " ADD CONSTRAINT loose FOREIGN KEY (parent_job_id) REFERENCES trakrf.bulk_import_jobs (id)",
    "a superuser": f"ALTER ROLE {environment.WEB_LOGIN} SUPERUSER",
    "a login with BYPASSRLS": f"ALTER ROLE {environment.WORKER_LOGIN} BYPASSRLS",
    "a role with BYPASSRLS": "ALTER ROLE bulkimport_web BYPASSRLS",
    "a login that is the owner": f"ALTER TABLE trakrf.assets OWNER TO {environment.WEB_LOGIN}",
    "a member of the owner": f"GRANT {environment.OWNER} TO {environment.WORKER_LOGIN}",
}


@pytest.fixture
def filled(db: TestDatabase) -> TestDatabase:
    """A database with rows of both accounts in each table."""
    two_tenants.fill(db)
    return db


@pytest.fixture
def admin(filled: TestDatabase, connect: Connect) -> Iterator[Cursor]:
    """The administrator, in a transaction that is never committed."""
    with connect(filled.admin_url).cursor() as cursor:
        yield cursor


@pytest.fixture
def one_session(filled: TestDatabase) -> Iterator[Database]:
    pool = Database(filled.web_url, size=1, application_name="test-web")
    yield pool
    pool.close()


def test_the_catalogue_keeps_tenants_apart(admin: Cursor) -> None:
    assert len(tables(admin)) >= 10
    assert catalogue_faults(admin) == []


def test_no_role_sees_or_gives_away_another_tenants_rows(admin: Cursor) -> None:
    assert [fault for table in tables(admin) for fault in trial_faults(admin, table)] == []


def test_a_transaction_shows_one_tenant_and_leaves_nothing_behind(one_session: Database) -> None:
    assert transaction_faults(one_session) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_missing_wall_of_a_table_is_noticed(admin: Cursor, mutation: str) -> None:
    for table in tables(admin):
        key = "id" if table == "accounts" else "account_id"
        admin.execute("SAVEPOINT whole")
        admin.execute(MUTATIONS[mutation].format(table=table, key=key))
        assert any(fault.startswith(f"{table} ") for fault in catalogue_faults(admin)), table
        assert trial_faults(admin, table), table
        admin.execute("ROLLBACK TO SAVEPOINT whole")
    assert catalogue_faults(admin) == []


def test_a_loose_key_or_login_is_noticed(db: TestDatabase, connect: Connect) -> None:
    with connect(db.admin_url).cursor() as cursor:
        for mutation, statement in LOOSE.items():
            cursor.execute(statement)
            assert catalogue_faults(cursor), mutation
            cursor.connection.rollback()


@pytest.mark.parametrize(
    "set_tenant",
    ["SELECT %(tenant_account_id)s", connections.SET_TENANT.replace("true", "false")],
    ids=["no set_config", "for the session"],
)
def test_a_tenant_that_is_unset_or_outlives_its_transaction_is_noticed(
    one_session: Database, monkeypatch: pytest.MonkeyPatch, set_tenant: str
) -> None:
    assert set_tenant != connections.SET_TENANT
    monkeypatch.setattr(connections, "SET_TENANT", set_tenant)
    assert transaction_faults(one_session)


def test_a_login_sees_the_rows_of_one_account_or_no_rows(filled: TestDatabase, connect: Connect) -> None:
    connection = connect(filled.web_url)
    for setting, expected in ((None, []), ("", []), ("999", []), (str(FOREIGN), [(FOREIGN,)]), (None, [])):
        with connection, connection.cursor() as cursor:
            if setting is not None:
                cursor.execute("SELECT set_config('app.current_account_id', %s, true)", (setting,))
            for table in ("assets", "bulk_import_jobs", "bulk_import_errors", "bulk_import_queue"):
                cursor.execute(f"SELECT DISTINCT account_id FROM trakrf.{table}")
                assert cursor.fetchall() == expected, (table, setting)


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO trakrf.bulk_import_jobs (account_id, total_rows) VALUES (2, 1)",
        "INSERT INTO trakrf.bulk_import_chunks VALUES (2, gen_random_uuid(), 0, 2, 1, '')",
        "INSERT INTO trakrf.bulk_import_queue (account_id, job_id, chunks) VALUES (2, gen_random_uuid(), 1)",
    ],
)
def test_nothing_can_be_written_for_another_account(
    filled: TestDatabase, connect: Connect, insert: str
) -> None:
    with connect(filled.web_url).cursor() as cursor:
        cursor.execute("SELECT set_config('app.current_account_id', '1', true)")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="row-level security"):
            cursor.execute(insert)


def test_a_worker_changes_nothing_of_another_account(filled: TestDatabase, connect: Connect) -> None:
    with connect(filled.worker_url).cursor() as cursor:
        cursor.execute("SELECT set_config('app.current_account_id', '1', true)")
        cursor.execute("UPDATE trakrf.bulk_import_jobs SET status = 'failed' WHERE account_id = 2")
        assert cursor.rowcount == 0
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(
                "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
                " VALUES (2, 'X', 'X', 'other', now())"
            )


def test_roles_have_only_the_privileges_that_they_need(db: TestDatabase) -> None:
    grants = db.rows(
        "SELECT table_name, string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants WHERE grantee = %s GROUP BY 1 ORDER BY 1",
        "bulkimport_web",
    )
    assert grants == [
        ("assets", "INSERT SELECT UPDATE"),
        ("bulk_import_changes", "SELECT"),
        ("bulk_import_chunks", "INSERT SELECT"),
        ("bulk_import_errors", "SELECT"),
        ("bulk_import_finished", "INSERT SELECT"),
        ("bulk_import_identifiers", "DELETE SELECT"),
        ("bulk_import_jobs", "DELETE INSERT SELECT"),
        ("bulk_import_plans", "SELECT"),
        ("bulk_import_queue", "DELETE INSERT SELECT UPDATE"),
        ("idempotency_keys", "DELETE INSERT SELECT UPDATE"),
        ("schema_migrations", "SELECT"),
    ]
    grants = db.rows(
        "SELECT table_name, string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants WHERE grantee = %s GROUP BY 1 ORDER BY 1",
        "bulkimport_worker",
    )
    assert grants == [
        ("asset_numbers", "INSERT SELECT"),  # and UPDATE of its one column
        ("assets", "INSERT SELECT UPDATE"),
        ("bulk_import_changes", "DELETE INSERT SELECT"),
        ("bulk_import_chunks", "DELETE INSERT SELECT"),
        ("bulk_import_errors", "DELETE INSERT SELECT"),
        ("bulk_import_finished", "DELETE INSERT SELECT UPDATE"),
        ("bulk_import_identifiers", "DELETE INSERT SELECT"),
        ("bulk_import_jobs", "DELETE SELECT UPDATE"),
        ("bulk_import_plans", "DELETE INSERT SELECT"),
        ("bulk_import_queue", "DELETE SELECT UPDATE"),
        ("idempotency_keys", "DELETE"),
        ("schema_migrations", "SELECT"),
    ]
