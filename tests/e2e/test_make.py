"""The commands that the Makefile calls, as a newcomer uses them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import free_port, wait_until

ROOT = Path(__file__).parents[2]
BULKIMPORT = [sys.executable, "-m", "bulkimport"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment with its own folder, whose path contains a space."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "DATA_DIR": str(tmp_path / "a place"), "PORT": str(free_port()), "WEB_CONCURRENCY": "1"}


def run(*arguments: str, environ: dict[str, str], text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*BULKIMPORT, *arguments],
        env=environ,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


@pytest.fixture
def running(environ: dict[str, str], tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`make run`."""
    log = tmp_path / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*BULKIMPORT, "dev", "run"], env=environ, stdout=output, stderr=output, cwd=ROOT
        )
    wait_until(lambda: "until Ctrl-C" in log.read_text() or process.poll(), "make run is up", 60)
    assert process.poll() is None, log.read_text()
    yield process
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0, log.read_text()


def test_the_demo_imports_the_examples_twice_in_a_row(environ: dict[str, str]) -> None:
    for _ in range(2):
        shown = run("dev", "demo", environ=environ)
        assert shown.returncode == 0, shown.stderr
        for rows in (240, 60):  # of the CSV file, and of the workbook
            assert f"completed: {rows} of {rows} rows imported, 0 failed" in shown.stdout
        assert 'valid_from "31/02/2024" is not a date (expected YYYY-MM-DD)' in shown.stdout


@pytest.mark.usefixtures("running")
def test_the_running_service_can_be_used_from_a_terminal(environ: dict[str, str]) -> None:
    token = run("token", "--account", "2", environ=environ).stdout
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", token)
    client = {
        **environ,
        "BULKIMPORT_TOKEN": token.strip(),
        "BULKIMPORT_URL": f"http://127.0.0.1:{environ['PORT']}",
    }

    imported = run("import", "examples/assets.csv", environ=client)
    again = run("import", "examples/assets.csv", environ=client)
    refused = run("import", "README.md", environ=client)
    counted = run(
        "dev", "psql", environ=environ, text="SELECT account_id, count(*) FROM trakrf.assets GROUP BY 1;"
    )
    status = run("dev", "migrate", "status", environ=environ)

    assert (imported.returncode, again.returncode, refused.returncode) == (0, 1, 2)
    assert "240 failed" in again.stdout
    assert "an asset already has it" in again.stdout
    assert "Columns are missing (400)" in refused.stderr
    assert re.search(r"2 \|\s+240", counted.stdout), counted.stdout + counted.stderr
    assert re.search(r"version \d+\n", status.stdout)


def test_a_killed_run_does_not_block_the_next(environ: dict[str, str], tmp_path: Path) -> None:
    for number in range(2):
        log = tmp_path / f"{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*BULKIMPORT, "dev", "run"], env=environ, stdout=output, stderr=output, cwd=ROOT
            )
        wait_until(lambda log=log: "until Ctrl-C" in log.read_text(), "make run is up", 60)  # type: ignore[misc]
        process.send_signal(signal.SIGINT if number else signal.SIGKILL)
        process.wait(30)
    assert process.returncode == 0


def test_a_port_that_is_in_use_is_named(environ: dict[str, str], running: object) -> None:
    other = {**environ, "DATA_DIR": environ["DATA_DIR"] + "2"}
    refused = run("dev", "run", environ=other)
    assert refused.returncode == 1
    assert f"port {environ['PORT']} is in use" in refused.stderr


@pytest.mark.parametrize(
    ("process", "missing"),
    [("release", "MIGRATION_DATABASE_URL"), ("web", "JWT_SECRET"), ("worker", "DATABASE_URL")],
)
def test_a_line_of_the_procfile_names_what_is_missing_in_one_line(
    environ: dict[str, str], process: str, missing: str
) -> None:
    script = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())[process]
    scripts = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"}
    refused = subprocess.run(
        ["/bin/sh", "-c", script], env={**environ, **scripts}, capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"bulkimport: {missing} is not set")
    assert refused.stderr.count("\n") == 1
