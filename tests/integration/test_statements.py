"""Every statement of the store is one that PostgreSQL can plan."""

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Callable

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport import store
from bulkimport.devserver import postgres
from bulkimport.store import staging

PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
NOT_PLANNED = {
    *("staged_assets.savepoint", "staged_assets.rollback", "staged_assets.release"),
    *("staging.create", "staging.clear", "queue.listen"),
}


def statements() -> dict[str, str]:
    """Each upper-case string constant of store/, by the name that it carries."""
    found = {}
    for module in pkgutil.iter_modules(store.__path__):
        constants = vars(importlib.import_module(f"bulkimport.store.{module.name}"))
        for constant, text in constants.items():
            if constant.isupper() and isinstance(text, str) and "\n" in text:
                name = re.match(r"\s*/\* ([a-z_.]+) \*/", text)
                assert name, f"{module.name}.{constant} does not name itself"
                assert name[1] == f"{module.name}.{constant.lower()}"
                found[name[1]] = text
    return found


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
