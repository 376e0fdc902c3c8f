"""Imports point one way: api → intake → csvfile, store; worker → chunk_import → csvfile, store."""

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "bulkimport"
STANDARD = sys.stdlib_module_names
MODULES = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.py"))

# Room → what it may import of the project, and of what else is not the standard library.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "csvfile": ({"csvfile"}, set()),
    "store": ({"store"}, {"psycopg2"}),
    "settings": ({"faults"}, set()),
    "faults": (set(), set()),
    "logs": ({"redaction"}, set()),
    "redaction": ({"faults"}, {"psycopg2"}),
    "strict_json": (set(), set()),
    "signing_keys": ({"faults"}, {"cryptography", "jwt"}),
    "key_set": ({"signing_keys", "strict_json"}, set()),
    "auth": ({"signing_keys", "strict_json"}, {"jwt"}),
    "proved_tokens": ({"auth"}, set()),
    "trace_context": (set(), set()),
    "metrics": (set(), {"prometheus_client"}),
    "database": ({"faults", "metrics", "redaction"}, {"psycopg2"}),
    "readiness": ({"database", "store"}, {"psycopg2"}),
    "migrate": ({"faults"}, {"psycopg2"}),
    "processes": (set(), set()),
    "shutdown": (set(), set()),
    "client": (set(), set()),
    "options": ({"csvfile"}, set()),
    "error_summary": ({"csvfile"}, set()),
    "intake": ({"csvfile", "options", "store"}, {"psycopg2"}),
    "idempotency": ({"database", "store"}, {"psycopg2"}),
    "job_actions": ({"intake", "job_end", "options", "store"}, {"psycopg2"}),
    "job_end": ({"store"}, {"psycopg2"}),
    "pace": ({"store"}, set()),
    "asset_body": ({"csvfile", "store"}, set()),
    "exports": ({"csvfile", "database", "options", "store"}, set()),
    "chunk_check": ({"csvfile", "metrics", "options", "store"}, set()),
    "conflict": ({"chunk_check", "csvfile", "options", "store"}, {"psycopg2"}),
    "chunk_import": ({"chunk_check", "conflict", "csvfile", "metrics", "options", "store"}, {"psycopg2"}),
    "job_revert": ({"chunk_import", "csvfile", "metrics", "store"}, {"psycopg2"}),
    "job_import": (
        {
            *("chunk_check", "chunk_import", "csvfile", "error_summary", "job_end", "job_revert"),
            *("metrics", "options", "store"),
        },
        {"psycopg2"},
    ),
    "retention": ({"database", "metrics", "store"}, set()),
    "listener": ({"database", "redaction", "store"}, {"psycopg2"}),
    "queue_monitor": ({"database", "redaction", "store"}, {"psycopg2"}),
    "crew": ({"metrics"}, {"prometheus_client"}),
    "monitoring": (
        {"crew", "database", "faults", "metrics", "migrate", "problem_types", "queue_monitor", "readiness"},
        {"prometheus_client"},
    ),
    "worker": (
        {
            *("chunk_check", "chunk_import", "conflict", "database", "job_import"),
            *("listener", "metrics", "monitoring", "processes", "retention", "shutdown", "store"),
            *("redaction", "trace_context"),
        },
        {"psycopg2"},
    ),
    "problem_types": (set(), set()),
    "problems": (
        {
            *("asset_body", "auth", "csvfile", "database", "idempotency", "intake", "job_actions"),
            *("key_set", "problem_types", "store"),
        },
        {"flask", "werkzeug"},
    ),
    "api": (
        {
            *("api", "asset_body", "auth", "csvfile", "database", "exports", "idempotency", "intake"),
            *("job_actions", "metrics", "options", "pace", "problem_types", "problems", "readiness"),
            *("proved_tokens", "settings", "store", "trace_context"),
        },
        {"apispec", "flask", "marshmallow", "prometheus_client", "psycopg2", "werkzeug"},
    ),
    "app": (
        {
            *("api", "auth", "database", "key_set", "migrate", "problems", "readiness", "settings"),
            *("proved_tokens", "signing_keys"),
        },
        {"flask"},
    ),
    "devserver": (
        {"auth", "client", "devserver", "faults", "migrate", "processes", "settings"},
        {"click", "psycopg2"},
    ),
    "cli_jobs": ({"client"}, {"click"}),
    "cli": ({"auth", "cli_jobs", "devserver", "faults", "logs", "migrate", "settings", "worker"}, {"click"}),
    "__main__": ({"cli"}, set()),
    "__init__": (set(), set()),
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    own, others = ALLOWED[module.partition("/")[0]]
    imported = imports_of(module)
    assert {name for room, name in imported if room == "bulkimport"} <= own
    assert {room for room, _ in imported if room not in {"bulkimport", *STANDARD}} <= others


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"cli"}))
def test_only_the_command_line_knows_the_development_server(module: str) -> None:
    if not module.startswith("devserver"):
        assert ("bulkimport", "devserver") not in imports_of(module)


def test_the_environment_is_read_in_one_place() -> None:
    readers = {module for module in MODULES if "os.environ" in (SOURCE / f"{module}.py").read_text()}
    assert readers == {"settings", "cli"}, "the command line only hands it on to the development server"


def imports_of(module: str) -> set[tuple[str, str]]:
    """(top-level package, first name below it) of each import, wherever in the file it stands."""
    found = set()
    for node in ast.walk(ast.parse((SOURCE / f"{module}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {split(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module} if "." in node.module else {f"{node.module}.{a.name}" for a in node.names}
            found |= {split(name) for name in names}
    return found


def split(name: str) -> tuple[str, str]:
    parts = [*name.split("."), ""]
    return parts[0], parts[1]
