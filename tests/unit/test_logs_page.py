"""docs/logs.md lists every field of the log, and only messages that exist."""

import ast
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bulkimport.store.server import Ended
from bulkimport.telemetry.logs import JsonFormatter
from bulkimport.worker.reporting import OUTCOMES

ROOT = Path(__file__).parents[2]
FIELDS, MESSAGES = (ROOT / "docs/logs.md").read_text().split("## Messages")


@pytest.fixture(scope="module")
def calls() -> list[tuple[ast.Module, ast.Call]]:
    """Each call of a logger, and the module that it is in."""
    return [
        (tree, node)
        for path in sorted((ROOT / "src/bulkimport").rglob("*.py"))
        for tree in [ast.parse(path.read_text("utf-8"))]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log.")
    ]


def test_every_field_is_listed(calls: list[tuple[ast.Module, ast.Call]]) -> None:
    extra = {name for tree, call in calls for name in fields(tree, call)}
    assert {"request_id", "created_rows", "job_id", "application_name", "processes"} < extra
    assert listed(FIELDS) == extra | of_every_line()


def test_the_listed_messages_exist(calls: list[tuple[ast.Module, ast.Call]]) -> None:
    texts = {call.args[0].value for _, call in calls if isinstance(call.args[0], ast.Constant)}
    assert listed(MESSAGES) <= texts | {"chunk imported", "chunk copied"}


def listed(page: str) -> set[str]:
    """What the first column of the page's table lists."""
    rows = re.findall(r"^\| (`[^|]*`) \|", page, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def of_every_line() -> set[str]:
    """The fields that the formatter adds."""
    try:
        raise OSError
    except OSError:
        record = logging.makeLogRecord({"exc_info": sys.exc_info()})
    return set(json.loads(JsonFormatter().format(record)))


def fields(tree: ast.Module, call: ast.Call) -> Iterator[str]:
    """The names in the call's `extra`, including those that it gets from a function of its module."""
    for extra in (keyword.value for keyword in call.keywords if keyword.arg == "extra"):
        yield from keys(extra)
        called = {node.attr for node in ast.walk(extra) if isinstance(node, ast.Attribute)}
        if "_asdict" in called:
            yield from Ended._fields
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name in called:
                yield from keys(function)


def keys(node: ast.AST) -> Iterator[str]:
    """The constant keys of all dictionaries; `{name}_rows` stands for one per outcome."""
    for part in ast.walk(node):
        for key in part.keys if isinstance(part, ast.Dict) else ():
            if isinstance(key, ast.Constant):
                yield str(key.value)
        if isinstance(part, ast.DictComp) and ast.unparse(part.key) == "f'{name}_rows'":
            yield from (f"{name}_rows" for name in OUTCOMES)
