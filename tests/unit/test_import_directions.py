"""Imports point one way: api → web, jobs → csvfile, store; worker → importing → assets, jobs."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "bulkimport"
STANDARD = sys.stdlib_module_names
MODULES = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.py"))

# Package → the project's packages that it may import.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "client": set(),
    "settings": {"errors"},
    "telemetry": {"errors"},
    "csvfile": {"errors"},
    "workbook": {"errors"},
    "store": {"errors"},
    "auth": {"errors"},
    "database": {"store", "telemetry", "errors"},
    "assets": {"csvfile", "workbook", "store", "errors"},
    "spreadsheet": {"assets", "csvfile", "workbook", "errors"},
    "jobs": {"assets", "spreadsheet", "csvfile", "workbook", "store", "database", "telemetry", "errors"},
    "web": {"auth", "store", "database", "telemetry", "settings", "errors"},
    "pages": {"web"},
    "importing": {"assets", "jobs", "csvfile", "workbook", "store", "telemetry"},
    "api": {"web", "assets", "jobs", "spreadsheet", "csvfile", "store", "telemetry", "settings"},
    "worker": {"importing", "jobs", "store", "database", "telemetry", "errors"},
    "app": {"api", "pages", "web", "auth", "database", "settings"},
    "devserver": {"worker", "database", "auth", "client", "settings", "errors"},
    "cli": {"app", "worker", "devserver", "database", "auth", "client", "telemetry", "settings", "errors"},
    "__main__": {"cli"},
    "__init__": set(),
}

# Third-party package → the packages that may import it; no others may be imported.
USERS: dict[str, set[str]] = {
    "flask": {"app", "web", "api", "pages"},
    "werkzeug": {"web", "api"},
    "marshmallow": {"web", "api"},
    "apispec": {"web"},
    "markdown_it": {"pages"},
    "jwt": {"auth"},
    "cryptography": {"auth"},
    "xlsxwriter": {"spreadsheet"},
    "prometheus_client": {"telemetry", "web", "worker"},
    "click": {"cli", "devserver"},
    "rich": {"cli"},
    "psycopg2": {
        "store",
        "database",
        "assets",
        "jobs",
        "importing",
        "worker",
        "web",
        "api",
        "telemetry",
        "devserver",
    },
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_package_may(module: str) -> None:
    package = module.partition("/")[0]
    imported = imports_of(module)
    assert {name for root, name in imported if root == "bulkimport"} <= {package, *ALLOWED[package]}
    for other in {root for root, _ in imported} - {"bulkimport", *STANDARD}:
        assert package in USERS[other]


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"cli/main"}))
def test_only_the_command_line_knows_the_development_server(module: str) -> None:
    if not module.startswith("devserver"):
        assert ("bulkimport", "devserver") not in imports_of(module)


def test_a_package_has_few_enough_modules_to_guess_the_right_one() -> None:
    sizes = Counter(module.rpartition("/")[0] for module in MODULES if not module.endswith("__init__"))
    assert max(sizes.values()) <= 16, sizes


def test_the_environment_is_read_in_one_place() -> None:
    readers = {module for module in MODULES if "os.environ" in (SOURCE / f"{module}.py").read_text()}
    assert readers == {"settings", "cli/main"}, "the command line only hands it on to the development server"


def imports_of(module: str) -> set[tuple[str, str]]:
    """(top-level package, first name below it) of each import, wherever it is in the file."""
    imports = set()
    for node in ast.walk(ast.parse((SOURCE / f"{module}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imports |= {split(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module} if "." in node.module else {f"{node.module}.{a.name}" for a in node.names}
            imports |= {split(name) for name in names}
    return imports


def split(name: str) -> tuple[str, str]:
    parts = [*name.split("."), ""]
    return parts[0], parts[1]
