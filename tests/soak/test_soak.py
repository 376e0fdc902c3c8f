"""Twenty busy accounts, workers killed, PostgreSQL restarted: nothing is lost, and nothing is left over."""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Service, free_port, service, wait_until
from tests.soak import faults, memory, traffic
from tests.soak.traffic import ACCOUNTS, Traffic

__all__ = ["service"]
SEED = 20_261_124
GROWTH_MIB = 8  # over the run, by the slope: what a heap that is not compacted may move
SHARED_MEMORY = Path("/dev/shm")

UNFINISHED = "SELECT count(*) FROM trakrf.bulk_import_queue"
IDLE_IN_TRANSACTION = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"
)
ADVISORY_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
# Each row of a file is an asset, which a revert may have removed since, or a row error; each of them once.
WRONG_JOBS = """
SELECT job.id, job.status, job.total_rows, job.created_rows, assets.count, job.failed_rows, errors.count
FROM trakrf.bulk_import_jobs AS job
CROSS JOIN LATERAL (SELECT count(*), count(DISTINCT import_row) AS rows
                    FROM trakrf.assets
                    WHERE import_job_id = job.id) AS assets
CROSS JOIN LATERAL (SELECT count(DISTINCT row_number)
                    FROM trakrf.bulk_import_errors
                    WHERE job_id = job.id) AS errors
WHERE job.kind = 'import'
  AND job.deleted_at IS NULL
  AND (   job.status NOT IN ('completed', 'failed', 'cancelled')
       OR errors.count <> job.failed_rows
       OR (job.options->>'dry_run' IS DISTINCT FROM 'true'
           AND (assets.count <> job.created_rows OR assets.rows <> job.created_rows))
       OR (job.status = 'completed' AND job.processed_rows <> job.total_rows))
"""


def test_nothing_is_lost_or_left_over(
    service: Service, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    minutes = float(request.config.getoption("--minutes"))
    files, shared = tmp_path / "temporary", in_shared_memory()
    files.mkdir()
    service.environment |= {
        "TMPDIR": str(files),
        "LOG_LEVEL": "WARNING",
        "MAX_ACTIVE_JOBS_PER_ACCOUNT": "5",
    }
    service.db.rows(
        "INSERT INTO trakrf.accounts (id, name) SELECT id, id::text FROM unnest(%s) AS id", list(ACCOUNTS)
    )
    web = service.start_web(WEB_CONCURRENCY="2")
    worker = service.start_worker(single=False, WORKER_CONCURRENCY="2", WORKER_HTTP_PORT=str(free_port()))
    with (
        memory.watching({"web": web.pid, "worker": worker.pid}) as resident,
        faults.striking(service, SEED) as struck,
        traffic.running(service, SEED) as day,
    ):
        time.sleep(60 * minutes)
    wait_until(lambda: service.db.value(UNFINISHED) == 0, "every job is finished", 120)
    sys.stdout.write(report(day, struck, resident, minutes))
    assert day.unexpected == []
    require_every_job(service, day)
    wait_until(lambda: service.db.value(IDLE_IN_TRANSACTION) == 0, "no transaction is idle", 15)
    assert service.db.value(ADVISORY_LOCKS) == 0
    assert {path.name.rpartition("-")[0] for path in files.iterdir()} == {
        "bulkimport-web",
        "bulkimport-worker",
    }
    service.stop()
    assert list(files.iterdir()) == []
    assert in_shared_memory() <= shared
    assert all(slope * minutes < GROWTH_MIB for slope in resident.slopes().values())


def in_shared_memory() -> set[str]:
    """What is there that belongs to no PostgreSQL server, of these tests or of others."""
    servers = ("PostgreSQL.", "bulkimport-tests-")
    return {name for name in os.listdir(SHARED_MEMORY) if not name.startswith(servers)}


def require_every_job(service: Service, day: Traffic) -> None:
    """Each job that was accepted is there, unless it was deleted, and each of its rows is there once."""
    ids = {
        str(job_id)
        for (job_id,) in service.db.rows("SELECT id FROM trakrf.bulk_import_jobs WHERE deleted_at IS NULL")
    }
    assert {job_id for account in day.accounts for job_id in account.jobs} <= ids
    assert service.db.rows(WRONG_JOBS) == []


def report(day: Traffic, struck: faults.Faults, resident: memory.Memory, minutes: float) -> str:
    """What was done, and how memory developed."""
    jobs = sum(len(account.jobs) + len(account.deleted) for account in day.accounts)
    answers = "".join(
        f"  {kind:8} {status} {count:6}\n" for (kind, status), count in sorted(day.answers.items())
    )
    peaks = "".join(f"  {kind:8} peak {peak:.0f} MiB\n" for kind, peak in resident.peaks().items())
    slopes = "".join(
        f"  {kind:8} {pid} {slope:+.3f} MiB per minute after the first\n"
        for (kind, pid), slope in resident.slopes().items()
    )
    return (
        f"\n{minutes:g} minutes, {jobs} jobs, {day.repeated} requests repeated, {struck.kills} workers "
        f"killed, PostgreSQL restarted {struck.restarts} times\n{answers}{peaks}{slopes}"
    )
