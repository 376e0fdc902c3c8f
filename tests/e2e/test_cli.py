"""The command line against a running service."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkimport.auth.tokens import issue_token
from bulkimport.cli.main import commands
from bulkimport.database import migrations
from tests.conftest import OWN, SECRET, TestDatabase, csv_of
from tests.e2e.conftest import Service, csv_file, wait_until
from tests.support.terminal import run_in_terminal

COLOUR = re.compile(r"\x1b\[[\d;]*3\d")
BULKIMPORT = [sys.executable, "-m", "bulkimport"]


@pytest.fixture
def client(service: Service) -> dict[str, str]:
    """The environment of a user who calls the service."""
    service.start_web(CHUNK_ROWS="500")
    token = issue_token(SECRET, OWN, account_claim="account_id", lifetime_s=600, subject="ann")
    return {
        **service.environment,
        "BULKIMPORT_URL": f"http://127.0.0.1:{service.port}",
        "BULKIMPORT_TOKEN": token,
    }


@pytest.fixture
def client_of_owner(service: Service) -> dict[str, str]:
    """The environment of an operator who migrates the database."""
    return {**service.environment, "MIGRATION_DATABASE_URL": service.db.owner_url}


def run(client: dict[str, str], *arguments: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(commands, arguments, env=client)


def job_of(shown: Result) -> str:
    job_id = re.match(r"job ([0-9a-f-]{36})\n", shown.stdout)
    assert job_id, shown.stdout + shown.stderr
    return job_id[1]


def test_a_file_is_checked_imported_corrected_and_reverted(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    service.start_worker()
    file, failed = tmp_path / "june.csv", tmp_path / "failed.csv"
    file.write_bytes(csv_of("A", "B", "B", "C"))

    tried = run(client, "import", str(file), "--dry-run")
    assert (tried.exit_code, "3 of 4 rows would be imported, 1 failed" in tried.stdout) == (1, True)
    assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0

    imported = run(client, "import", str(file), "--failed-rows", str(failed))
    assert (imported.exit_code, "3 of 4 rows imported, 1 failed" in imported.stdout) == (1, True)
    assert imported.stdout.endswith(f"failed rows: {failed}\n")
    assert failed.read_text().splitlines()[1].startswith("B,Laptop")
    shown = service.job(job_of(imported))
    assert (shown["created_by"], shown["file"]["name"]) == ("ann", "june.csv")

    workbook = failed.with_suffix(".XLSX")
    run(client, "import", "--job", job_of(imported), "--failed-rows", str(workbook))
    checked = run(client, "import", str(workbook), "--on-conflict", "update", "--dry-run")
    assert (checked.exit_code, "1 of 1 rows would be imported, 0 failed" in checked.stdout) == (0, True)

    failed.write_text(failed.read_text().replace("Laptop", "Notebook"))
    corrected = run(client, "import", str(failed), "--on-conflict", "update")
    assert (corrected.exit_code, "1 of 1 rows imported, 0 failed" in corrected.stdout) == (0, True)

    reverted = run(client, "jobs", "revert", job_of(imported))
    assert (reverted.exit_code, "2 of 3 rows reverted, 1 failed" in reverted.stdout) == (1, True), (
        reverted.stdout
    )
    assert "was changed after the import and is left as it is" in reverted.stdout
    refused = run(client, "jobs", "revert", job_of(imported))
    assert (refused.exit_code, "The job has already been reverted (409)" in refused.stderr) == (2, True)


def test_a_preview_shows_how_a_file_is_read(service: Service, client: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "june.csv"
    file.write_bytes(csv_of("A").replace(b"description", b"Discription").replace(b"Laptop", b"Lap\x1btop"))
    shown = run(client, "preview", str(file))
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert r"Lap\x1btop" in shown.stdout
    assert 'utf-8 (default), cells separated by "," (header)' in shown.stdout
    assert "header in row 1, 1 rows read" in shown.stdout
    assert re.search(r"identifier +identifier +exact +A *\n", shown.stdout), shown.stdout
    assert re.search(r"Discription +description +similar", shown.stdout), shown.stdout

    file.write_bytes(csv_of("A", "").replace(b"yes", b"perhaps").replace(b"name,", b"label,"))
    refused = run(client, "preview", str(file))
    assert (refused.exit_code, "no column for: name" in refused.stdout) == (2, True)
    wrong = run(client, "preview", str(file), "--columns", json.dumps({"label": "name"}))
    assert (wrong.exit_code, 'is_active "perhaps" is not true or false' in wrong.stdout) == (1, True), (
        wrong.stdout
    )
    document = json.loads(run(client, "preview", str(file), "--json").stdout)
    assert document["missing_fields"] == ["name"]
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0


def test_an_export_is_imported_again(service: Service, client: dict[str, str], tmp_path: Path) -> None:
    service.start_worker()
    file = tmp_path / "june.csv"
    file.write_bytes(csv_of("A", "B"))
    run(client, "import", str(file))
    for name in ("assets.csv", "assets.XLSX"):
        exported = run(client, "export", str(tmp_path / name))
        assert (exported.exit_code, exported.stdout) == (0, f"assets: {tmp_path / name}\n"), exported.stderr
        job = json.loads(
            run(client, "import", str(tmp_path / name), "--on-conflict", "update", "--json").stdout
        )
        assert job["unchanged_rows"] == 2
    assert "neither .csv nor .xlsx" in run(client, "export", str(tmp_path / "assets.txt")).stderr
    assert "there is no folder" in run(client, "export", str(tmp_path / "no" / "a.csv")).stderr


def test_a_plan_is_shown_and_applied_only_if_it_is_approved(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    service.start_worker()
    file = tmp_path / "june.csv"
    file.write_bytes(csv_of("A", "B"))
    assert run(client, "import", str(file)).exit_code == 0
    file.write_text(csv_of("A", "B", "C").decode().replace("A,Laptop", "A,Tablet") + "D,,device,,,,\n")
    command = ("import", str(file), "--on-conflict", "update", "--plan")

    declined = run_in_terminal(command, client, columns=80, typed=b"n\n")
    assert declined.code == 2
    assert re.search(r"3 of 4 rows would be imported, 1 failed", declined.shown)
    assert "assets: 1 to create, 1 to update, 1 unchanged" in declined.shown
    assert re.search(r'  2  A +update +name: "Laptop" → "Tablet"\n +4  C +create', declined.shown), (
        declined.shown
    )
    assert service.db.value("SELECT count(*) FROM trakrf.assets") == 2

    approved = run_in_terminal(command, client, columns=80, typed=b"y\n")
    assert (approved.code, "3 of 4 rows imported, 1 failed" in approved.shown) == (1, True), approved.shown
    assert service.db.value("SELECT name FROM trakrf.assets WHERE identifier = 'A'") == "Tablet"

    again = run(client, *command, "--yes")
    assert (again.exit_code, again.stdout.endswith("nothing to apply\n")) == (1, True), again.stdout
    file.write_bytes(csv_of("E"))
    applied = json.loads(run(client, "import", str(file), "--plan", "--yes", "--json").stdout)
    assert (applied["created_rows"], applied["options"]["dry_run"]) == (1, False)
    for nobody_answers in ((), ("--json",)):
        refused = run(client, *command, *nobody_answers)
        assert (refused.exit_code, "it needs --yes" in refused.stderr) == (2, True)
    for nothing_to_plan in (("--no-wait",), ("--dry-run",)):
        assert "--plan needs a FILE" in run(client, *command, "--yes", *nothing_to_plan).stderr


def test_jobs_are_listed_shown_cancelled_and_retried(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "Gerät"
    file.write_bytes(csv_of("A", "B"))
    uploaded = run(client, "import", str(file), "--no-wait")
    job_id = job_of(uploaded)
    assert uploaded.exit_code == 0
    assert "pending: 0 of 2 rows imported" in run(client, "jobs", "show", job_id).stdout
    assert "cancelled: 0 of 2 rows imported" in run(client, "jobs", "cancel", job_id).stdout
    assert run(client, "import", "--job", job_id).exit_code == 2
    service.start_worker()
    retried = run(client, "jobs", "retry", job_id)
    assert (retried.exit_code, "completed: 2 of 2 rows imported, 0 failed" in retried.stdout) == (0, True)
    header, *listed = run(client, "jobs", "list").stdout.splitlines()
    assert header.split() == ["job", "created", "kind", "status", "rows", "failed", "file"]
    assert [(line.split()[0], line.split()[-1]) for line in listed] == [
        (job_of(retried), "-"),
        (job_id, "Gerät"),
    ]
    _, cancelled = run(client, "jobs", "list", "--status", "cancelled").stdout.splitlines()
    assert cancelled.startswith(job_id)
    assert run(client, "jobs", "show", "x").exit_code == 2
    assert run(client, "jobs", "list", "--status", "failed").stdout == ""


def test_a_job_can_be_followed_again_after_ctrl_c(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(csv_file(30_000))
    log = tmp_path / "import.log"
    with log.open("wb") as output:
        following = subprocess.Popen(
            [*BULKIMPORT, "import", str(file)],
            env=client,
            stdout=output,
            stderr=output,
            preexec_fn=_hears_ctrl_c,
        )
    wait_until(lambda: "job " in log.read_text(), "the file is accepted")
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    hint = re.search(r"bulkimport import --job ([0-9a-f-]{36})", log.read_text())
    assert hint, log.read_text()
    service.start_worker()
    again = run(client, "import", "--job", hint[1])
    assert (again.exit_code, "completed: 30000 of 30000 rows imported" in again.stdout) == (0, True)
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 1


def test_scripts_get_json_and_exit_codes_and_terminals_get_colours(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    service.start_worker()
    file = tmp_path / "a.csv"
    file.write_bytes(csv_of("A", "A"))

    aborted = run(client, "import", str(file), "--on-error", "abort", "--json")
    assert (aborted.exit_code, aborted.stderr, json.loads(aborted.stdout)["status"]) == (2, "", "failed")
    imported = run(client, "import", str(file), "--json")
    job = json.loads(imported.stdout)
    assert (imported.exit_code, job["created_rows"], job["failed_rows"]) == (1, 1, 1)
    listed = json.loads(run(client, "jobs", "list", "--json").stdout)
    assert [document["status"] for document in listed] == ["completed", "failed"]
    assert json.loads(run(client, "jobs", "show", job["job_id"], "--json").stdout) == job
    file.write_bytes(file.read_bytes().replace(b"description", b"Colour"))
    assert run(client, "import", str(file), "--no-wait").stdout.endswith('\nignored columns: "Colour"\n')
    accepted = json.loads(run(client, "import", str(file), "--no-wait", "--json").stdout)
    assert accepted["file"]["name"] == "a.csv"
    full = run(client, "import", "--job", job["job_id"], "--failed-rows", "/dev/full")
    assert (full.exit_code, "1 of 2 rows imported" in full.stdout) == (2, True)
    assert "the failed rows could not be saved in /dev/full: [Errno 28]" in full.stderr
    refused = run(client, "jobs", "cancel", job["job_id"], "--json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert (
        run(client, "import", "--job", accepted["job_id"], "--failed-rows", str(tmp_path / "f.csv")).exit_code
        == 1
    )
    reverted = run(client, "jobs", "revert", job["job_id"], "--json")
    assert (reverted.exit_code, json.loads(reverted.stdout)["kind"]) == (0, "revert")

    for variables, colours in ({}, True), ({"NO_COLOR": "1"}, False):
        screen = run_in_terminal(["jobs", "show", job["job_id"]], {**client, **variables}, columns=80)
        assert "1 of 2 rows imported, 1 failed" in screen.shown
        assert bool(COLOUR.search(screen.written)) == colours


def test_options_of_the_upload_reach_the_service_and_its_advice_names_them(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    service.start_worker()
    file = tmp_path / "a.csv"
    file.write_bytes(
        "Größe;Tag;name;type;valid_from;is_active\n1;A;Müller;device;01/02/2024;yes\n".encode("cp1252")
    )
    columns = '{"Tag": "identifier"}'

    undecoded = run(client, "import", str(file), "--columns", columns)
    assert undecoded.exit_code == 2
    assert "say which it is with --charset," in undecoded.stderr
    assert (
        "Save the file as an Excel workbook (.xlsx) or as CSV UTF-8, or pass --charset windows-1252.\n"
        in undecoded.stderr
    )
    options = ("--charset", "windows-1252", "--delimiter", "semicolon", "--date-format", "DD/MM/YYYY")
    imported = run(client, "import", str(file), "--columns", columns, *options)
    assert (imported.exit_code, imported.stderr) == (0, "")
    assert 'ignored columns: "Größe"' in imported.stdout
    invalid = run(client, "import", str(file), "--delimiter", "#", "--columns", "[]")
    assert invalid.exit_code == 2
    assert "\n  delimiter: must be one of" in invalid.stderr
    assert "\n  columns: must be a JSON object" in invalid.stderr

    file.write_bytes(
        "identifier,name,type,valid_from,is_active\nB,Müller,device,2024-02-01,yes\n".encode("cp1252")
    )
    failed = run(client, "import", str(file))
    assert (failed.exit_code, failed.stdout.splitlines()[-1]) == (
        1,
        "Save the file as an Excel workbook (.xlsx) or as CSV UTF-8, or pass --charset windows-1252.",
    )


def test_undoing_several_migrations_asks_at_a_terminal(
    db: TestDatabase, client_of_owner: dict[str, str]
) -> None:
    latest = migrations.latest_version()
    asked = run_in_terminal(["migrate", "down", "2"], client_of_owner, columns=80, typed=b"n\n")
    assert (asked.code, migrations.status(db.owner_url).version) == (1, latest)
    assert len(re.findall("^to undo  ", asked.shown, re.MULTILINE)) == 2
    refused = run(client_of_owner, "migrate", "down", "2")
    assert (refused.exit_code, migrations.status(db.owner_url).version) == (1, latest)
    assert str(refused.exception) == "undoing 2 migrations needs --yes if there is no terminal to ask at"
    agreed = run_in_terminal(["migrate", "down", "2"], client_of_owner, columns=80, typed=b"y\n")
    assert (agreed.code, migrations.status(db.owner_url).version) == (0, latest - 2)
    assert run(client_of_owner, "migrate", "down", "2", "--yes").exit_code == 0
    assert run(client_of_owner, "migrate", "down").exit_code == 0
    assert migrations.status(db.owner_url).version == latest - 5


def _hears_ctrl_c() -> None:
    """Restore the default: processes that a shell starts in the background ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
