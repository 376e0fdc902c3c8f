"""The rules that keep tenants apart, as functions that return the violations.

They take the administrator's cursor, whose open transaction may have broken a rule: that is how the tests
show that each function notices.
"""

import psycopg2
from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import Database
from bulkimport.devserver import environment
from tests.conftest import FOREIGN, OWN

ROLES = (environment.WEB_LOGIN, environment.WORKER_LOGIN, environment.OWNER)
POLICY = (
    "({key} = ( SELECT (NULLIF(current_setting('app.current_account_id'::text, true), ''::text))::integer"
    ' AS "nullif"))'
)
# A worker picks the next job, and what is old enough to be purged, before it knows the account.
EVERY_TENANT = {
    ("bulk_import_finished", "every_tenant_for_workers", "{bulkimport_worker}"),
    ("bulk_import_queue", "every_tenant_for_workers", "{bulkimport_worker}"),
    ("idempotency_keys", "every_tenant_for_workers", "{bulkimport_worker}"),
}

TABLES = """
SELECT relname::text, relrowsecurity, relforcerowsecurity,
       EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'account_id')
FROM pg_class
WHERE relnamespace = 'trakrf'::regnamespace
  AND relkind IN ('r', 'p')
ORDER BY 1
"""
POLICIES = """
SELECT tablename::text, policyname::text, roles::text, permissive, cmd, qual, with_check
FROM pg_policies
WHERE schemaname = 'trakrf'
"""
LOOSE_UNIQUE_KEYS = """
SELECT indexrelid::regclass::text
FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE relnamespace = 'trakrf'::regnamespace
  AND indisunique
  AND attname IS DISTINCT FROM CASE relname WHEN 'accounts' THEN 'id' ELSE 'account_id' END
"""
LOOSE_FOREIGN_KEYS = """
SELECT conrelid::regclass || '.' || conname
FROM pg_constraint
JOIN pg_attribute AS own   ON own.attrelid   = conrelid  AND own.attnum   = conkey[1]
JOIN pg_attribute AS other ON other.attrelid = confrelid AND other.attnum = confkey[1]
WHERE connamespace = 'trakrf'::regnamespace
  AND contype = 'f'
  AND (own.attname <> 'account_id'
       OR other.attname <> CASE confrelid WHEN 'trakrf.accounts'::regclass THEN 'id' ELSE 'account_id' END)
"""
# The service's logins are the members of its two roles. The owner, who made these, may grant them, and
# from PostgreSQL 16 on is a member for that.
PRIVILEGED_LOGINS = """
SELECT rolname::text
FROM pg_roles
WHERE (rolname IN ('bulkimport_web', 'bulkimport_worker')
       OR oid IN (SELECT member FROM pg_auth_members
                  WHERE roleid IN ('bulkimport_web'::regrole, 'bulkimport_worker'::regrole)
                    AND NOT admin_option))
  AND (rolsuper OR rolbypassrls
       OR EXISTS (SELECT FROM pg_class
                  WHERE relnamespace = 'trakrf'::regnamespace
                    AND pg_has_role(pg_roles.oid, relowner, 'MEMBER')))
"""


def tables(cursor: Cursor) -> list[str]:
    """All tables of the schema, from the catalogue."""
    cursor.execute(TABLES)
    return [str(name) for name, *_ in cursor]


def catalogue_faults(cursor: Cursor) -> list[str]:
    """What is wrong with tables, policies, keys and logins according to PostgreSQL's catalogue."""
    return [
        *_table_faults(cursor),
        *_policy_faults(cursor),
        *(f"{name} does not lead with the account" for name in _names(cursor, LOOSE_UNIQUE_KEYS)),
        *(f"{name} does not lead with the account" for name in _names(cursor, LOOSE_FOREIGN_KEYS)),
        *(f"{name} sees past the policies" for name in _names(cursor, PRIVILEGED_LOGINS)),
    ]


def trial_faults(cursor: Cursor, table: str) -> list[str]:
    """Rows of a table of both accounts that a role wrongly sees, or that the owner can give away."""
    faults = []
    for role in ROLES:
        for tenant, expected in (("", []), (str(OWN), [OWN]), (str(FOREIGN), [FOREIGN])):
            if (table, role) in _WORKERS_OWN:
                expected = [OWN, FOREIGN]
            seen = _try(cursor, role, tenant, f"SELECT DISTINCT {_key(table)} FROM trakrf.{table} ORDER BY 1")
            if seen not in (expected, "permission denied"):
                faults.append(f"{role} with tenant '{tenant}' sees {seen} in {table}, not {expected}")
    given_away = f"UPDATE trakrf.{table} SET {_key(table)} = {FOREIGN + 1} RETURNING 1"
    said = _try(cursor, environment.OWNER, str(OWN), given_away)
    if said != "row-level security":
        faults.append(f"rows of {table} can be given away: {said}")
    return faults


def transaction_faults(pool: Database) -> list[str]:
    """Whether each way to a cursor shows one account's assets, and leaves nothing behind for the next user.

    The pool has one connection, and both accounts have assets.
    """
    faults = []
    for way in (pool.tenant_transaction, pool.tenant_snapshot, pool.tenant_read):
        for account_id in (OWN, FOREIGN):
            with way(account_id) as cursor:
                if (seen := _accounts_with_assets(cursor)) != [account_id]:
                    faults.append(f"{way.__name__}({account_id}) sees the assets of {seen}")
            with pool.transaction() as cursor:
                if seen := _accounts_with_assets(cursor):
                    faults.append(f"after {way.__name__}({account_id}) anybody sees the assets of {seen}")
    return faults


_WORKERS_OWN = {(table, environment.WORKER_LOGIN) for table, _, _ in EVERY_TENANT}


def _table_faults(cursor: Cursor) -> list[str]:
    cursor.execute(TABLES)
    faults = []
    for table, enabled, forced, has_account in cursor.fetchall():
        if not enabled:
            faults.append(f"{table} has no row-level security")
        if not forced:
            faults.append(f"{table} does not force row-level security on its owner")
        if not has_account and table != "accounts":
            faults.append(f"{table} has no account_id")
    return faults


def _policy_faults(cursor: Cursor) -> list[str]:
    cursor.execute(POLICIES)
    policies = cursor.fetchall()
    faults = []
    for table in tables(cursor):
        condition = POLICY.format(key=_key(table))
        expected = (table, "tenant", "{public}", "PERMISSIVE", "ALL", condition, condition)
        if expected not in policies:
            faults.append(f"{table} has not the policy for tenants: USING and WITH CHECK {condition}")
    others = {policy[:3] for policy in policies if policy[1] != "tenant"}
    return faults + [f"{table} has a policy more, {name}" for table, name, _ in others ^ EVERY_TENANT]


def _names(cursor: Cursor, query: str) -> list[str]:
    cursor.execute(query)
    return [str(name) for (name,) in cursor]


def _key(table: str) -> str:
    return "id" if table == "accounts" else "account_id"


def _try(cursor: Cursor, role: str, tenant: str, statement: str) -> list[object] | str:
    """The first column that a role gets for a tenant, or PostgreSQL's error."""
    cursor.execute("SAVEPOINT trial")
    try:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute("SELECT set_config('app.current_account_id', %s, true)", (tenant,))
        cursor.execute(statement)
        return [value for (value,) in cursor]
    except psycopg2.Error as error:
        known = ("row-level security", "permission denied")
        return next((words for words in known if words in str(error)), str(error).strip())
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT trial")


def _accounts_with_assets(cursor: Cursor) -> list[object] | str:
    cursor.execute("SELECT DISTINCT account_id FROM trakrf.assets ORDER BY 1")
    return [account_id for (account_id,) in cursor]
