"""The command line without a service: its options, what it refuses before a request, and its reports."""

import errno
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from marshmallow import validate

from bulkimport.api.upload_schemas import UploadOptionsSchema
from bulkimport.cli import job_report, terminal
from bulkimport.cli.main import commands
from bulkimport.cli.upload_options import UPLOAD_OPTIONS

NOBODY = "http://127.0.0.1:1"  # port 1 is privileged, and unused
TOKEN = "a.b.c"
JOB_ID = "4f5e1c0a-7f57-4b0c-93f8-2b8f0a4f2c11"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the current folder, which can be uploaded."""
    monkeypatch.chdir(tmp_path)
    path = Path("a.csv")
    path.write_text("identifier\n")
    return path


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def run(*arguments: str, **variables: str) -> Result:
    environment = {"BULKIMPORT_URL": NOBODY, "BULKIMPORT_TOKEN": TOKEN, **variables}
    return CliRunner().invoke(commands, arguments, env=environment)


def test_every_command_and_option_has_a_help_text() -> None:
    without = [
        f"{name} {parameter.opts[0]}"
        for name, command in _commands("", commands)
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert without == []
    assert [name for name, command in _commands("", commands) if not command.help] == []


def test_the_options_of_an_upload_are_those_of_the_service() -> None:
    parameters = UploadOptionsSchema().fields
    assert list(UPLOAD_OPTIONS) == list(parameters)
    for name, attributes in UPLOAD_OPTIONS.items():
        choices = [
            list(rule.choices) for rule in parameters[name].validators if isinstance(rule, validate.OneOf)
        ]
        kind = attributes.get("type")
        assert ([list(kind.choices)] if isinstance(kind, click.Choice) else []) == choices, name


def test_a_worker_imports_nothing_that_only_other_commands_need() -> None:
    program = (
        "import sys; from bulkimport.cli.main import commands; "
        "from bulkimport.worker import loop, supervisor; "
        "commands(['worker', '--help'], standalone_mode=False); print(*sys.modules, sep='\\n')"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(printed.stdout.splitlines())
    assert {"click", "psycopg2"} <= imported
    assert not {"rich", "jwt", "cryptography", "flask", "bulkimport.client"} & imported


def test_the_version_is_shown() -> None:
    assert run("--version").stdout == f"bulkimport, version {version('bulkimport')}\n"


@pytest.mark.parametrize(
    ("token", "messages"),
    [
        ("", ("There is no token.", "BULKIMPORT_TOKEN", "make token")),
        ("secret", ("this is not a JWT", "BULKIMPORT_TOKEN", "make token")),
        ("Bearer a.b.c", ("this is not a JWT",)),
        ("a.b.c.d", ("this is not a JWT",)),
    ],
)
def test_a_token_that_cannot_be_one_is_refused(token: str, messages: tuple[str, ...]) -> None:
    refused = run("jobs", "list", BULKIMPORT_TOKEN=token)
    assert refused.exit_code == 2
    assert [message for message in messages if message not in refused.stderr] == []


def test_a_service_that_cannot_be_reached_is_named() -> None:
    refused = run("jobs", "list", BULKIMPORT_TOKEN="a.b.c\n")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert (
        refused.stderr
        == f"bulkimport: nobody listens at {NOBODY}; start the service, or set BULKIMPORT_URL\n"
    )
    assert '"localhost:8000" is not a URL' in run("jobs", "list", "--url", "localhost:8000").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Name either a FILE to upload or a --job to follow."),
        (("a.csv", "--job", JOB_ID), "Name either a FILE to upload or a --job to follow."),
        (("--job", JOB_ID, "--delimiter", ";"), "options of an upload have no effect"),
        (("a.csv", "--failed-rows", "missing/f.csv"), "there is no folder 'missing'"),
        (("a.csv", "--failed-rows", "."), "is a directory"),
        (("a.csv", "--failed-rows", "./a.csv"), "would overwrite the file that is uploaded"),
        (("a.csv", "--failed-rows", "f.csv", "--no-wait"), "cannot be used with --no-wait"),
        (("a.csv", "--date-format", "DD/MM"), "YYYY-MM-DD"),
    ],
)
@pytest.mark.usefixtures("file")
def test_what_cannot_work_is_refused_before_anything_is_uploaded(
    arguments: tuple[str, ...], message: str
) -> None:
    refused = run("import", *arguments)
    assert (refused.exit_code, message in refused.stderr) == (2, True), refused.stderr
    assert "nobody listens" not in refused.stderr


@pytest.mark.usefixtures("file")
def test_the_file_for_failed_rows_is_not_created_before_the_job_has_finished() -> None:
    assert "nobody listens" in run("import", "a.csv", "--failed-rows", "f.csv").stderr
    assert not Path("f.csv").exists()


def served(answer: bytes) -> tuple[threading.Thread, str]:
    """A thread that sends this to one client, and its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("missing_bytes", "copying", "exit_code", "content"),
    [
        (0, shutil.copyfileobj, 0, "identifier\nA\n"),
        (5, shutil.copyfileobj, 2, "earlier"),
        (0, raising(OSError(errno.ENOSPC, "No space left on device")), 2, "earlier"),
        (0, raising(KeyboardInterrupt()), 130, "earlier"),
    ],
)
def test_an_export_replaces_a_file_only_once_it_is_complete(
    missing_bytes: int,
    copying: Callable[..., None],
    exit_code: int,
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "copyfileobj", copying)
    file = tmp_path / "assets.csv"
    file.write_text("earlier")
    body = b"identifier\nA\n"
    length = len(body) + missing_bytes
    thread, url = served(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, body))
    exported = run("export", str(file), BULKIMPORT_URL=url)
    thread.join()
    assert (exported.exit_code, file.read_text()) == (exit_code, content), exported.stderr
    assert list(tmp_path.iterdir()) == [file]


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "assets.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    thread, url = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nA\n")
    assert run("export", str(pipe), BULKIMPORT_URL=url).exit_code == 0
    thread.join()
    assert os.read(reader, 10) == b"A\n"
    os.close(reader)


def test_the_first_errors_follow_the_summary_and_the_rest_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    errors = [_error(row, "name", f'name "{row}" is wrong') for row in range(2, 14)]
    job = _job(
        errors=errors, error_summary=[{"code": "x", "field": "name", "count": 12, "first_rows": [2, 3]}]
    )
    job_report.print_job(job)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:5] == [
        "completed: 84 of 100 rows imported, 12 failed, 4 skipped",
        "",
        "errors  code  field  rows",
        "    12  x     name   2, 3, …",
        "",
    ]
    assert lines[5:7] == ["row  error", '  2  name "2" is wrong']
    assert lines[-2:] == [
        ' 11  name "11" is wrong',
        f"2 more: use --failed-rows, as in: bulkimport import --job {JOB_ID} --failed-rows OUT.csv",
    ]
    job_report.print_job(job, failed_rows=Path("f.csv"))
    assert capsys.readouterr().out.endswith("2 more: f.csv\n")
    job_report.print_job({**job, "kind": "revert"})
    assert capsys.readouterr().out.endswith(f"2 more: GET /api/v1/assets/bulk/{JOB_ID}/errors\n")


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_list_of_jobs_fits_the_terminal_and_leaves_ids_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr(terminal, "PIPE_COLUMNS", columns)
    sizes = {"total_rows": 1_000_000, "processed_rows": 999_999, "failed_rows": 999_999}
    job_report.print_jobs([_job(status="processing", file={"name": "x" * 255}, **sizes)])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert JOB_ID in shown
    assert shown.count("x") == 255
    assert "999999/1000000" in shown


def test_an_error_names_its_field_once(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [
        _error(2, "name", 'name "" must not be empty'),
        _error(3, "name", "must be set"),
        _error(4, None, "bad"),
    ]
    job_report.print_job(_job(errors=errors))
    shown = [line.split(maxsplit=1)[1].rstrip() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert shown == ['name "" must not be empty', "name must be set", "bad"]


def test_what_a_file_contains_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert terminal.visible("Größe \x1b[31m\n\u202e") == r"Größe \x1b[31m\n\u202e"
    column = {"column": "\x1b[2J[red]", "position": 1, "did_you_mean": None}
    errors = [_error(2, "metadata.\r", "metadata.\r [bold]:smile: \x1b]0;title\x07")]
    job = _job(errors=errors, ignored_columns=[column], failure="\x1b[2J", file={"name": "\x1b[2J"})
    job_report.print_ignored_columns(job)
    job_report.print_job(job)
    job_report.print_jobs([job])
    shown = capsys.readouterr().out
    assert {character for character in shown if not character.isprintable()} == {"\n"}
    assert r'"\x1b[2J[red]"' in shown
    assert r"metadata.\r [bold]:smile: \x1b]0;title\x07" in shown


def _commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for subname in command.list_commands(context):
            subcommand = command.get_command(context, subname)
            assert subcommand
            yield from _commands(f"{name} {subname}", subcommand)


def _error(row: int, field: str | None, message: str) -> dict[str, Any]:
    return {"row": row, "field": field, "error": message}


def _job(**fields: Any) -> dict[str, Any]:
    """A job's status document, as far as reports need it."""
    return {
        "job_id": JOB_ID,
        "kind": "import",
        "status": "completed",
        "created_at": "2024-01-15T08:30:00.000000Z",
        "total_rows": 100,
        "processed_rows": 100,
        "failed_rows": 12,
        "skipped_rows": 4,
        "failure": None,
        "file": None,
        "options": {"charset": "utf-8"},
        "ignored_columns": [],
        "error_summary": [],
        "errors": [],
        **fields,
    }
