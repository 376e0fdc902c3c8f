"""Every statement of the store can be planned, and is limited to one account's rows."""

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import connection as Connection
from psycopg2.extras import register_uuid

from bulkimport import store
from bulkimport.devserver import postgres
from bulkimport.store import staging
from tests.conftest import FOREIGN, OWN, TestDatabase
from tests.support import two_tenants
from tests.support.two_tenants import PARAMETERS, PARAMETERS_OF, STAGE, STAGED, STAGED_OF, snapshot

PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
NOT_PLANNED = {
    *("staged_assets.savepoint", "staged_assets.rollback", "staged_assets.release"),
    *("staging.create", "staging.clear", "queue.listen"),
}
# They name no account, and see the rows of the account that is set. Web never runs them.
NAMES_NO_ACCOUNT = {
    *("idempotency_keys.delete_expired", "queue.claim", "queue.sample"),
    *("finished.lock_expired", "finished.lock_untidy"),
}
# The rows that a statement returned, or how many it changed; None if the role may not run it at all.
Outcome = list[tuple[Any, ...]] | int | None
PARAMETER = re.compile(r"%\((\w+)\)s")

# What a statement that always answers something says where there is nothing. The last three speak of what is
# staged and has no asset.
NOTHING: Mapping[str, Outcome] = {
    "chunks.numbers": [(None, None)],
    "chunks.undone": [(0, 0)],
    "plans.count": [(0,)],
    "queue.count": [(0,)],
    "queue.position": [(1,)],
    "queue.sample": [(0, 0, 0, 0.0)],
    "staging.other_versions": [(2,)],
    "reverting.last_row": [(2,)],
    "reverting.lock": [(0,)],
    "staged_assets.refused": [(2, None, None)],
    "staged_assets.incomplete": [(2, ["name"])],
    "staged_assets.complete": 1,
}
# It removes the tenant, and returns that.
TAKES_THE_TENANT_AWAY = {"accounts.hide_from_inactive"}
# A worker chooses among the jobs of all accounts, to import and to purge, before it knows whose they are. It
# sees no more of them than two narrow tables, bulk_import_queue and bulk_import_finished. Of the keys of all
# accounts, which it purges, it sees no more than their age.
SEES_EVERY_TENANT: Mapping[str, set[str]] = {
    "web": set(),
    "worker": {
        *("queue.claim", "queue.relock", "queue.checkpoint", "queue.begin_check", "queue.release"),
        *("queue.remove", "queue.hold", "queue.is_queued", "queue.count", "queue.position"),
        *("queue.being_processed", "queue.sample"),
        *("finished.add", "finished.expire", "finished.lock_expired", "finished.lock_untidy"),
        *("finished.renew", "idempotency_keys.delete_expired"),
    },
}


def statements() -> dict[str, str]:
    """Each upper-case string constant of store/, by the name in its comment."""
    statements_by_name = {}
    for module in pkgutil.iter_modules(store.__path__):
        constants = vars(importlib.import_module(f"bulkimport.store.{module.name}"))
        for constant, text in constants.items():
            if constant.isupper() and isinstance(text, str) and text.startswith("\n"):
                name = re.match(r"\s*/\* ([a-z_.]+) \*/", text)
                assert name, f"{module.name}.{constant} does not name itself"
                assert name[1] == f"{module.name}.{constant.lower()}"
                statements_by_name[name[1]] = text
    return statements_by_name


# The others touch no tenant's rows: locks by number, notices, savepoints, the session's own staging table.
OF_TENANTS = {name: text for name, text in statements().items() if "trakrf." in text}


@pytest.mark.parametrize("name", sorted(statements()))
def test_a_statement_can_be_planned(
    server: postgres.Server, template: str, connect: Callable[[str], Connection], name: str
) -> None:
    statement = statements()[name]
    words = re.sub(r"/\*.*?\*/", "", statement).split()
    assert words[0] in PLANNED or name in NOT_PLANNED
    if name in NOT_PLANNED:
        return
    with connect(server.url(postgres.ADMIN, template)).cursor() as cursor:
        cursor.execute(staging.CREATE)
        cursor.execute(f"EXPLAIN {statement}", defaultdict(lambda: None))
        assert cursor.fetchall()


@pytest.fixture
def filled(db: TestDatabase) -> TestDatabase:
    two_tenants.fill(db)
    return db


@pytest.fixture
def logins(filled: TestDatabase, connect: Callable[[str], Connection]) -> dict[str, Connection]:
    """Sessions in which no tenant has ever been set."""
    opened = {"web": connect(filled.web_url), "worker": connect(filled.worker_url)}
    for connection in opened.values():
        register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    return opened


def outcome(connection: Connection, name: str, tenant: str | None, *, keep: bool) -> Outcome:
    """The outcome of a statement, which is rolled back unless `keep`."""
    try:
        with connection.cursor() as cursor:
            if tenant is not None:
                cursor.execute("SELECT set_config('app.current_account_id', %s, true)", (tenant,))
            if "asset_staging" in OF_TENANTS[name]:
                cursor.execute(staging.CREATE)
                cursor.execute(STAGE, STAGED | STAGED_OF.get(name, {}))
            cursor.execute(OF_TENANTS[name], PARAMETERS | PARAMETERS_OF.get(name, {}))
            result = cursor.fetchall() if cursor.description else cursor.rowcount
        if keep:
            connection.commit()
        return result
    except InsufficientPrivilege as refusal:
        return 0 if "row-level security" in str(refusal) else None
    finally:
        connection.rollback()


def has_seen(name: str, result: Outcome) -> bool:
    """Whether an outcome differs from that of a statement that matches nothing."""
    return (
        result is not None and result not in ([], 0)
        if name not in NOTHING
        else result not in (None, NOTHING[name])
    )


def test_every_parameter_of_a_statement_is_known() -> None:
    wanted = {parameter for text in OF_TENANTS.values() for parameter in PARAMETER.findall(text)}
    assert wanted <= set(PARAMETERS), "name a real row of OWN for it in two_tenants.PARAMETERS"


def test_the_parameters_name_rows_that_exist(logins: dict[str, Connection]) -> None:
    """Otherwise it would prove nothing that other accounts see no rows."""
    meets_rows = {
        name
        for connection in logins.values()
        for name in OF_TENANTS
        if has_seen(name, outcome(connection, name, str(OWN), keep=False))
    }
    assert set(OF_TENANTS) - meets_rows == TAKES_THE_TENANT_AWAY


@pytest.mark.parametrize("tenant", [None, "", str(FOREIGN)], ids=["unset", "empty", "foreign"])
@pytest.mark.parametrize("role", ["web", "worker"])
def test_no_statement_sees_or_changes_another_accounts_rows(
    filled: TestDatabase, logins: dict[str, Connection], role: str, tenant: str | None
) -> None:
    before = snapshot(filled)
    expected = SEES_EVERY_TENANT[role] | (NAMES_NO_ACCOUNT if tenant == str(FOREIGN) else set())
    seen = {
        name
        for name in sorted(set(OF_TENANTS) - TAKES_THE_TENANT_AWAY)
        if has_seen(name, outcome(logins[role], name, tenant, keep=name not in expected))
    }
    assert seen == expected
    assert snapshot(filled) == before
