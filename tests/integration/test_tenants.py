"""Row-level security, by the catalogue and by trying."""

from collections.abc import Callable

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.database import Database
from tests.conftest import FOREIGN, OWN, TestDatabase, csv_of, submit

TABLES = (
    "accounts",
    "assets",
    "bulk_import_changes",
    "bulk_import_chunks",
    "bulk_import_errors",
    "bulk_import_finished",
    "bulk_import_identifiers",
    "bulk_import_jobs",
    "bulk_import_queue",
    "idempotency_keys",
)
Connect = Callable[[str], Connection]


@pytest.fixture
def filled(db: TestDatabase, web_database: Database) -> TestDatabase:
    """Something of both accounts in each table."""
    for account_id in (OWN, FOREIGN):
        job_id = submit(web_database, csv_of("A", "B"), account_id)
        db.rows(
            "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
            " VALUES (%s, 'A', 'A', 'other', now())",
            account_id,
        )
        db.rows(
            "INSERT INTO trakrf.bulk_import_errors (account_id, job_id, row_number, position, code, message)"
            " VALUES (%s, %s::uuid, 2, 0, 'required', 'm')",
            account_id,
            str(job_id),
        )
    return db


def test_every_table_is_protected(db: TestDatabase) -> None:
    protected = db.rows(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'trakrf'::regnamespace AND relkind = 'r' ORDER BY 1"
    )
    assert protected == [(table, True, True) for table in TABLES]


def test_every_policy_checks_reads_and_writes(db: TestDatabase) -> None:
    policies = db.rows(
        "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname = 'trakrf' AND policyname <> 'every_tenant_for_workers' ORDER BY 1"
    )
    assert [policy[:4] for policy in policies] == [(table, "tenant", "{public}", "ALL") for table in TABLES]
    for table, _, _, _, qual, with_check in policies:
        assert qual == with_check
        assert str(qual).startswith("(id = " if table == "accounts" else "(account_id = ")
        assert "NULLIF(current_setting('app.current_account_id'::text, true), ''::text)" in str(qual)


def test_workers_see_all_tenants_in_two_narrow_tables_alone(db: TestDatabase) -> None:
    exceptions = db.rows(
        "SELECT tablename, roles::text FROM pg_policies"
        " WHERE schemaname = 'trakrf' AND policyname <> 'tenant' ORDER BY 1"
    )
    assert exceptions == [
        ("bulk_import_finished", "{bulkimport_worker}"),
        ("bulk_import_queue", "{bulkimport_worker}"),
    ]


def test_every_key_leads_with_the_account(db: TestDatabase) -> None:
    keys = db.rows(
        "SELECT i.indexrelid::regclass::text, a.attname FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " JOIN pg_class c ON c.oid = i.indrelid"
        " WHERE i.indisunique AND c.relnamespace = 'trakrf'::regnamespace"
    )
    assert len(keys) >= len(TABLES)
    assert {column for index, column in keys if index != "trakrf.accounts_pkey"} == {"account_id"}


@pytest.mark.parametrize("setting", [None, "", "999", str(FOREIGN)])
@pytest.mark.parametrize("table", ["accounts", "assets", "bulk_import_jobs", "bulk_import_errors"])
def test_a_web_login_sees_the_rows_of_one_account_or_none(
    filled: TestDatabase, connect: Connect, table: str, setting: str | None
) -> None:
    key = "id" if table == "accounts" else "account_id"
    with connect(filled.web_url).cursor() as cursor:
        if setting is not None:
            cursor.execute("SELECT set_config('app.current_account_id', %s, true)", (setting,))
        cursor.execute(f"SELECT DISTINCT {key} FROM trakrf.{table}")
        assert cursor.fetchall() == ([(FOREIGN,)] if setting == str(FOREIGN) else [])


def test_a_setting_ends_with_its_transaction(filled: TestDatabase, connect: Connect) -> None:
    connection = connect(filled.web_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.current_account_id', '1', true)")
        cursor.execute("SELECT count(*) FROM trakrf.assets")
        assert cursor.fetchone() == (1,)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM trakrf.assets")
        assert cursor.fetchone() == (0,)


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


def test_roles_have_the_least_rights(db: TestDatabase) -> None:
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
        ("bulk_import_queue", "DELETE INSERT SELECT UPDATE"),
        ("idempotency_keys", "DELETE INSERT SELECT UPDATE"),
    ]
    grants = db.rows(
        "SELECT table_name, string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants WHERE grantee = %s GROUP BY 1 ORDER BY 1",
        "bulkimport_worker",
    )
    assert grants == [
        ("assets", "INSERT SELECT UPDATE"),
        ("bulk_import_changes", "DELETE INSERT SELECT"),
        ("bulk_import_chunks", "DELETE SELECT"),
        ("bulk_import_errors", "DELETE INSERT SELECT"),
        ("bulk_import_finished", "DELETE INSERT SELECT UPDATE"),
        ("bulk_import_identifiers", "DELETE INSERT SELECT"),
        ("bulk_import_jobs", "DELETE SELECT UPDATE"),
        ("bulk_import_queue", "DELETE SELECT UPDATE"),
    ]
