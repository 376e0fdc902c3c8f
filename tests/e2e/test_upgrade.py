"""The code from before the last migration keeps working after it, until its processes are replaced."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bulkimport.database import migrations
from tests.e2e.conftest import Service, csv_file, require_every_row_once

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree from before the last migration was added."""
    folder = tmp_path_factory.mktemp("old")
    archive = git("archive", commit_before_last_migration(), "src", "sql", "deploy")
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive, check=True)
    imported = subprocess.check_output(
        [sys.executable, "-c", "import bulkimport; print(bulkimport.__file__)"],
        env={"PYTHONPATH": str(folder / "src")},
        cwd=folder,
        text=True,
    )
    assert imported.startswith(str(folder))
    return folder


def commit_before_last_migration() -> str:
    last = f"sql/{migrations.read_folder()[-1].up.name}"
    added = git("log", "-1", "--diff-filter=A", "--format=%H", "--", last).decode().strip()
    # If the file has not been committed yet, every commit is from before it.
    return git("rev-parse", "--verify", f"{added}^" if added else "HEAD").decode().strip()


def git(*arguments: str) -> bytes:
    if shutil.which("git") is None:
        pytest.skip("git is not installed, so the old code cannot be fetched")
    result = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, check=False)
    if result.returncode:
        pytest.skip(f"the old code is not available: git {arguments[0]}: {result.stderr.decode().strip()}")
    return result.stdout


@pytest.mark.parametrize("worker", ["old", "new"])
def test_old_code_works_on_the_new_schema(
    service: Service, old_code: Path, monkeypatch: pytest.MonkeyPatch, worker: str
) -> None:
    with monkeypatch.context() as patched:
        patched.chdir(old_code)
        source = str(old_code / "src")
        service.start_web(CHUNK_ROWS="100", PYTHONPATH=source)
        if worker == "old":
            service.start_worker(PYTHONPATH=source)
    if worker == "new":
        service.start_worker()
    csv = csv_file(450, bad_every=50)
    job_id = service.upload(csv)
    job = service.wait_for(job_id)
    assert (job["status"], job["total_rows"], job["failed_rows"]) == ("completed", 450, 9)
    require_every_row_once(service.db, job_id, csv)
    again = service.wait_for(service.upload(csv))
    assert (again["status"], again["failed_rows"]) == ("completed", 450)
    status, errors = service.request("GET", f"/api/v1/assets/bulk/{job_id}/errors")
    assert (status, len(errors["errors"])) == (200, 9)
    status, page = service.request("GET", "/api/v1/assets")
    assert (status, page["assets"][0]["identifier"]) == (200, "A-1")
