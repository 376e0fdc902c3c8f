"""What dies in the middle loses nothing and doubles nothing."""

import os
import random
import signal
import time

import pytest

from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until

SEED = 20_240_115


def test_kill_9_of_workers_in_the_middle_of_an_import(service: Service) -> None:
    service.start_web()
    service.start_worker(single=False, WORKER_CONCURRENCY="2")
    csv = csv_file(100_000, bad_every=997)
    job_id = service.upload(csv)
    chance = random.Random(SEED)

    processed = kills = 0
    while kills < 10:
        pids = wait_until(service.worker_pids, "a worker is there")
        time.sleep(chance.uniform(0, 0.2))  # a random point of the chunk, not a wait for anything
        kills += _kill(chance.choice(pids))
        job = service.job(job_id)
        assert job["status"] == "processing", "the import was over before ten kills"
        assert job["processed_rows"] >= processed
        processed = job["processed_rows"]

    service.wait_for(job_id, timeout_s=120)
    require_every_row_once(service.db, job_id, csv)


@pytest.mark.parametrize("last_row", [b"", b"bad\n"], ids=["good", "bad"])
def test_all_or_nothing_leaves_no_half_when_its_worker_is_killed(service: Service, last_row: bytes) -> None:
    service.start_web()
    service.start_worker(single=False, WORKER_CONCURRENCY="1")
    csv = csv_file(60_000) + last_row
    job_id = service.upload(csv, options="?on_error=abort")
    for _ in range(2):
        wait_until(lambda: service.has_imported_for(0.5), "the import is in the middle")
        (pid,) = service.worker_pids()
        _kill(pid)
        assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0
        assert service.job(job_id)["processed_rows"] == 0

    job = service.wait_for(job_id, timeout_s=120)

    if last_row:
        assert (job["status"], job["skipped_rows"], job["failed_rows"]) == ("failed", 60_000, 1)
        assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0
    else:
        require_every_row_once(service.db, job_id, csv)


def test_sigterm_ends_a_worker_within_10_s_and_charges_no_attempt(service: Service) -> None:
    service.start_web()
    worker = service.start_worker()
    csv = csv_file(50_000)
    job_id = service.upload(csv)
    wait_until(lambda: service.job(job_id)["processed_rows"], "the import has begun")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0

    assert service.db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 0
    service.start_worker()
    service.wait_for(job_id)
    require_every_row_once(service.db, job_id, csv)


def test_sigterm_ends_a_worker_amid_all_or_nothing_and_charges_no_attempt(service: Service) -> None:
    service.start_web()
    worker = service.start_worker()
    csv = csv_file(60_000)
    job_id = service.upload(csv, options="?on_error=abort")
    wait_until(lambda: service.has_imported_for(0.5), "the import is in the middle")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0

    assert service.db.rows("SELECT attempts, next_chunk FROM trakrf.bulk_import_queue") == [(0, 0)]
    assert service.db.value("SELECT count(*) FROM trakrf.assets") == 0
    service.start_worker()
    service.wait_for(job_id)
    require_every_row_once(service.db, job_id, csv)


def test_sigterm_ends_a_worker_that_waits_for_a_lock(service: Service) -> None:
    service.start_web()
    with service.locked("trakrf.assets"):
        worker = service.start_worker()
        job_id = service.upload(csv_file(10))
        wait_until(service.waits_for_lock, "the worker waits for the lock")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    assert service.db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 0
    assert service.job(job_id)["processed_rows"] == 0


def test_workers_stopped_in_the_middle_block_nobody_for_long(service: Service) -> None:
    """SIGSTOP is what a hung machine looks like: PostgreSQL itself must end the session and free the job."""
    service.start_web()
    csv = csv_file(80_000)
    job_id = service.upload(csv)
    chance = random.Random(SEED)
    stopped = [service.start_worker() for _ in range(4)]
    wait_until(lambda: len(service.worker_pids()) == 4, "the workers are there")
    for worker in stopped:
        time.sleep(chance.uniform(0, 0.2))  # a random point of the chunk, not a wait for anything
        worker.send_signal(signal.SIGSTOP)

    service.start_worker()
    service.wait_for(job_id, timeout_s=60)
    for worker in stopped:
        worker.send_signal(signal.SIGCONT)

    require_every_row_once(service.db, job_id, csv)
    service.wait_for(service.upload(csv_file(10, prefix="B")))


def test_a_server_that_restarts_is_waited_for(service: Service) -> None:
    service.start_web()
    service.start_worker()
    csv = csv_file(50_000)
    job_id = service.upload(csv)
    wait_until(lambda: service.job(job_id)["processed_rows"], "the import has begun")

    for mode in ("immediate", "fast"):
        service.server.restart(mode)
        wait_until(lambda: service.request("GET", "/readyz")[0] == 200, "the service recovers", 10)

    service.wait_for(job_id)
    require_every_row_once(service.db, job_id, csv)


def _kill(pid: int) -> int:
    """1 if the process was there to be killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1
