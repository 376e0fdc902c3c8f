"""A worker killed or stopped in the middle of an all-or-nothing import loses and duplicates nothing."""

import os
import signal

import pytest

from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until


@pytest.mark.parametrize("last_row", [b"", b"bad\n"], ids=["good", "bad"])
def test_all_or_nothing_imports_no_part_when_its_worker_is_killed(service: Service, last_row: bytes) -> None:
    service.start_web()
    service.start_worker(single=False, WORKER_CONCURRENCY="1")
    csv = csv_file(60_000) + last_row
    job_id = service.upload(csv, options="?on_error=abort")
    killed: set[int] = set()
    for _ in range(2):
        (pid,) = wait_until(lambda: set(service.worker_pids(0.5)) - killed, "the import is in the middle")
        _kill(pid)
        killed.add(pid)
        assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0
        assert service.job(job_id)["processed_rows"] == 0

    job = service.wait_for(job_id, timeout_s=120)

    if last_row:
        assert (job["status"], job["skipped_rows"], job["failed_rows"]) == ("failed", 60_000, 1)
        assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0
    else:
        require_every_row_once(service.db, job_id, csv)


def test_sigterm_stops_a_worker_during_all_or_nothing_and_costs_no_attempt(service: Service) -> None:
    service.start_web()
    worker = service.start_worker()
    csv = csv_file(60_000)
    job_id = service.upload(csv, options="?on_error=abort")
    wait_until(lambda: service.worker_pids(0.5), "the import is in the middle")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0

    assert service.db.rows("SELECT attempts, next_chunk FROM trakrf.bulk_import_queue") == [(0, 0)]
    assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0
    service.start_worker()
    service.wait_for(job_id)
    require_every_row_once(service.db, job_id, csv)


def test_sigterm_stops_a_worker_that_waits_for_a_lock(service: Service) -> None:
    service.start_web()
    with service.locked("trakrf.assets"):
        worker = service.start_worker()
        job_id = service.upload(csv_file(10))
        wait_until(service.waits_for_lock, "the worker waits for the lock")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    assert service.db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 0
    assert service.job(job_id)["processed_rows"] == 0


def _kill(pid: int) -> int:
    """1 if the process existed and was killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1
