"""docs/command-line.md: its screens are what the commands show, and it names every command and option."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bulkimport.cli.main import commands
from tests.e2e.conftest import Service
from tests.e2e.test_cli import client
from tests.support.terminal import run_in_terminal

__all__ = ("client",)  # a fixture

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
SCREENS = re.findall(r"^### (\d+) columns\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
UUID = re.compile("\n?".join(["[0-9a-f]"] * 8 + ["-", *["[0-9a-f]"] * 4] * 3 + ["-", *["[0-9a-f]"] * 12]))
INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")


def test_the_screens_are_what_the_commands_show(
    service: Service, client: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.start_worker()
    ((tools),) = re.findall(r"^```csv\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "tools.csv").write_text(tools)
    monkeypatch.chdir(tmp_path)
    assert [columns for columns, _ in SCREENS] == ["40", "80", "120"]
    for columns, screen in SCREENS:
        captured = "".join(_captured(screen, client, int(columns)))
        assert _comparable(captured) == _comparable(screen), (
            f"the screen of {columns} columns is:\n{captured}"
        )


def test_every_command_and_option_is_on_the_page() -> None:
    for name in _names(commands):
        assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", PAGE), name


def _captured(screen: str, environment: dict[str, str], columns: int) -> Iterator[str]:
    """What the commands of a screen show now."""
    for command in re.findall(r"^\$ bulkimport (.*)", screen, re.MULTILINE):
        shown = run_in_terminal(shlex.split(command), environment, columns=columns).shown
        yield f"$ bulkimport {command}\n{shown}\n"


def _comparable(screen: str) -> str:
    """A screen without what differs from run to run; equal ids stay equal, even if broken at the edge."""
    ids: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        return ids.setdefault(match[0].replace("\n", ""), f"<uuid {len(ids) + 1}>")

    return INSTANT.sub("<time>", UUID.sub(named, screen))


def _names(command: click.Command) -> Iterator[str]:
    """The names of a command's options, and of its subcommands and theirs."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            yield option.opts[0]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand
            yield name
            yield from _names(subcommand)
