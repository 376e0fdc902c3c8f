"""Each fault a few times in `make test`, and many times in `make chaos`, which prints a table."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

ROWS = pytest.StashKey[list["Row"]]()


@dataclass(frozen=True)
class Row:
    """What was done, how often, and the result."""

    fault: str
    times: int
    result: str


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How often to repeat: a few times in a test run, many times in a full one."""
    full = bool(request.config.getoption("--full"))
    return lambda few, many: many if full else few


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, int, str], None]:
    """Add a line to the table; only called after the oracle has passed."""
    rows = request.config.stash.setdefault(ROWS, [])
    return lambda fault, count, result: rows.append(Row(fault, count, result))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if rows and config.getoption("--full"):
        terminalreporter.section("faults")
        for row in rows:
            terminalreporter.write_line(f"{row.fault:58} x {row.times:<5} {row.result}")
