"""The command line against a running service."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bulkimport.auth.tokens import issue_token
from tests.conftest import OWN, SECRET, csv_of
from tests.e2e.conftest import Service, csv_file, wait_until

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


def run(client: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*BULKIMPORT, *arguments], env=client, capture_output=True, text=True, timeout=60, check=False
    )


def job_of(shown: "subprocess.CompletedProcess[str]") -> str:
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
    assert (tried.returncode, "3 of 4 rows would be imported, 1 failed" in tried.stdout) == (1, True)
    assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0

    imported = run(client, "import", str(file), "--failed-rows", str(failed))
    assert (imported.returncode, "3 of 4 rows imported, 1 failed" in imported.stdout) == (1, True)
    assert failed.read_text().splitlines()[1].startswith("B,Laptop")
    shown = service.job(job_of(imported))
    assert (shown["created_by"], shown["file"]["name"]) == ("ann", "june.csv")

    corrected = run(client, "import", str(failed), "--on-conflict", "update")
    assert (corrected.returncode, "1 of 1 rows imported, 0 failed" in corrected.stdout) == (0, True)

    reverted = run(client, "jobs", "revert", job_of(imported))
    assert (reverted.returncode, "2 of 3 rows reverted, 1 failed" in reverted.stdout) == (1, True), (
        reverted.stdout
    )
    assert "was changed after the import and is left as it is" in reverted.stdout
    refused = run(client, "jobs", "revert", job_of(imported))
    assert (refused.returncode, "The job is undone already (409)" in refused.stderr) == (2, True)


def test_jobs_are_listed_shown_cancelled_and_retried(
    service: Service, client: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(csv_of("A", "B"))
    uploaded = run(client, "import", str(file), "--no-wait")
    job_id = job_of(uploaded)
    assert uploaded.returncode == 0
    assert "pending: 0 of 2 rows imported" in run(client, "jobs", "show", job_id).stdout
    assert "cancelled: 0 of 2 rows imported" in run(client, "jobs", "cancel", job_id).stdout
    service.start_worker()
    retried = run(client, "jobs", "retry", job_id)
    assert (retried.returncode, "completed: 2 of 2 rows imported, 0 failed" in retried.stdout) == (0, True)
    listed = run(client, "jobs", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [job_of(retried), job_id]
    assert run(client, "jobs", "list", "--status", "cancelled").stdout.startswith(job_id)
    assert run(client, "jobs", "show", "x").returncode == 2


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
    wait_until(lambda: "Importing" in log.read_text(), "the bar is shown")
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    hint = re.search(r"bulkimport import --job ([0-9a-f-]{36})", log.read_text())
    assert hint, log.read_text()
    service.start_worker()
    again = run(client, "import", "--job", hint[1])
    assert (again.returncode, "completed: 30000 of 30000 rows imported" in again.stdout) == (0, True)
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 1


def _hears_ctrl_c() -> None:
    """Restore the default: processes that a shell starts in the background ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
