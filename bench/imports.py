"""How fast jobs are imported, compared with \\copy of the same file into the same table by the superuser.

The yardstick does without validation, tenant policies and jobs, and uses one transaction. A job is timed from
the request of its upload until it is `completed`. Both run in turn, and the ratio is taken pair by pair,
because machines differ and drift.
"""

import csv
import time
from collections.abc import Mapping
from pathlib import Path

from bench import report
from bench.files import COLUMNS, write_file, write_workbook
from bench.report import Measure
from bench.service import client, forget_everything, psql, wait_for, wait_until_finished
from bulkimport.devserver.run import Service

SMALL, LARGE = 100_000, 1_000_000
SINGLE_COMMITS = 2_000
ACCOUNTS = (1, 2)
IDLE_S = 0.3  # until web and worker are asleep again


def one_worker(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure one job at a time."""
    small = write_file(folder / "small.csv", SMALL)
    workbook = write_workbook(folder / "small.xlsx", small)
    half_bad = write_file(folder / "half_bad.csv", SMALL, bad_every=2)
    timed_job(service, small)  # warm-up
    copies, jobs, uploads, imports, bad_imports, bare, workbooks = [], [], [], [], [], [], []
    for _ in range(runs):
        copies.append(timed_copy(service, small))
        upload, job = timed_job(service, small)
        jobs.append(job)
        uploads.append(upload)
        imports.append(job - upload)
        bare.append(timed_csv(small))
        workbooks.append(timed_job(service, workbook)[0])
        bad_upload, bad_job = timed_job(service, half_bad)
        bad_imports.append(bad_job - bad_upload)
    commits = [timed_single_commits(service) for _ in range(runs)]
    return [
        report.median("request to completed, 100,000 rows / \\copy", ratios(copies, jobs), least=0.7),
        report.median("half of the rows invalid / clean file", ratios(imports, bad_imports), least=0.6),
        report.median("upload of 100,000 rows / one pass of csv.reader", ratios(uploads, bare), most=3),
        report.median("workbook of 100,000 rows, request to 202 / CSV", ratios(workbooks, uploads), most=6),
        report.median(
            "import / one INSERT and COMMIT per row",
            [SMALL / job / (SINGLE_COMMITS / commit) for job, commit in zip(imports, commits, strict=True)],
            least=30,
        ),
    ]


def large_files(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure jobs of a million rows."""
    small = write_file(folder / "small.csv", SMALL)
    large = write_file(folder / "large.csv", LARGE)
    copies, jobs, small_jobs = [], [], []
    for _ in range(runs):
        small_jobs.append(timed_job(service, small)[1])
        copies.append(timed_copy(service, large))
        jobs.append(timed_job(service, large)[1])
    return [
        report.median("request to completed, 1,000,000 rows / \\copy", ratios(copies, jobs), least=0.7),
        report.median(
            "rows/s of 1,000,000 rows / of 100,000",
            [10 * small / job for small, job in zip(small_jobs, jobs, strict=True)],
            least=0.85,
        ),
    ]


def two_workers(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure two jobs of two accounts at a time, on two cores."""
    file = write_file(folder / "small.csv", SMALL)
    rates = []
    for _ in range(runs + 1):
        copy = timed_copy(service, file)
        forget_everything(service)
        jobs = {account_id: client(service, account_id).upload(file) for account_id in ACCOUNTS}
        # Timed from the second 202. The first job has a head start, so the rows done by then do not count.
        done = int(psql(service, "SELECT count(*) FROM trakrf.assets"))
        started = time.monotonic()
        for account_id, job_id in jobs.items():
            wait_for(service, job_id, account_id)
        rate = (2 * SMALL - done) / (time.monotonic() - started)
        rates.append(rate / (SMALL / copy))
    return [report.median("two jobs of two accounts, two workers, rows/s / \\copy", rates[1:], least=1.1)]


def small_file(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure a job of 100 rows while nothing else is done."""
    file = write_file(folder / "tiny.csv", 100)
    milliseconds = []
    for _ in range(runs + 1):
        time.sleep(IDLE_S)
        milliseconds.append(1000 * timed_job(service, file)[1])
    return [report.median("request to completed, 100 rows, milliseconds", milliseconds[1:], most=30)]


def small_behind_large(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure how long a small file takes that is uploaded after a large one."""
    large = write_file(folder / "large.csv", LARGE)
    small = write_file(folder / "tiny.csv", 100, prefix="TINY")
    forget_everything(service)
    job_id = client(service).upload(large)
    durations = []
    for number in range(runs):
        psql(service, "DELETE FROM trakrf.assets WHERE identifier LIKE 'TINY%'")
        started = time.monotonic()
        wait_for(service, client(service).upload(small))
        durations.append(time.monotonic() - started)
        if client(service).job(job_id)["status"] != "processing":
            raise RuntimeError(f"the large file was finished after {number} small ones")
    wait_for(service, job_id)
    return [report.median("100 rows queued behind 1,000,000, seconds", durations, most=2)]


def ratios(numerators: list[float], denominators: list[float]) -> list[float]:
    return [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]


def timed_copy(service: Service, file: Path) -> float:
    """Seconds that the yardstick takes."""
    forget_everything(service)
    psql(service, "ALTER TABLE trakrf.assets ALTER account_id SET DEFAULT 1")
    started = time.monotonic()
    psql(service, f"\\copy trakrf.assets ({COLUMNS}) FROM '{file}' CSV HEADER")
    return time.monotonic() - started


def timed_job(service: Service, file: Path) -> tuple[float, float]:
    """Seconds from the request to the 202, and from the request to `completed`."""
    forget_everything(service)
    return timed_upload(service, file)


def timed_upload(
    service: Service, file: Path, options: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """As timed_job, with the options and beside the assets that there are."""
    started = time.monotonic()
    job_id = client(service).upload(file, options)
    accepted = time.monotonic()
    wait_until_finished(service, job_id)
    completed = time.monotonic()
    job = client(service).job(job_id)
    if job["status"] != "completed":
        raise RuntimeError(f"the job is {job['status']}: {job['failure']}")
    return accepted - started, completed - started


def timed_csv(file: Path) -> float:
    """Seconds that one pass with the standard csv reader takes."""
    started = time.monotonic()
    with file.open(encoding="utf-8", newline="") as text:
        for _ in csv.reader(text):
            pass
    return time.monotonic() - started


def timed_single_commits(service: Service) -> float:
    """Seconds that a transaction per row takes, as if each row had been created by its own POST."""
    forget_everything(service)
    script = "".join(
        "BEGIN;SELECT set_config('app.current_account_id', '1', true);"
        "INSERT INTO trakrf.assets (account_id, identifier, name, type, description, valid_from, valid_to)"
        f" VALUES (1, 'AST-{number}', 'Laptop', 'device', 'Desk', '2024-01-15', '2027-01-15');COMMIT;\n"
        for number in range(SINGLE_COMMITS)
    )
    path = Path(service.settings.data_dir) / "single.sql"
    path.write_text(script)
    started = time.monotonic()
    psql(service, "SET ROLE bulkimport_worker", f"\\i {path}")
    return time.monotonic() - started
