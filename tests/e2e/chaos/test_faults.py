"""No fault loses a row or imports one twice."""

import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from tests.conftest import FOREIGN, OWN
from tests.e2e.chaos.dying_worker import POINTS, POINTS_OF_A_PLAN, POINTS_OF_A_RETRY
from tests.e2e.chaos.workload import Watch, has_progressed, require_all, uploading
from tests.e2e.conftest import FINAL_STATUSES, Service, csv_file, require_every_row_once, wait_until
from tests.support.proxy import CommitCutter, Proxy, Staller, running

SEED = 20_240_115
GOES_ON_WITHIN_S = 5.0
HELD_FOR_S = 20.0  # at most, by a session whose client has stopped reading

Times = Callable[[int, int], int]
Record = Callable[[str, int, str], None]


def test_kill_9_at_random_points(service: Service, times: Times, record: Record) -> None:
    count = times(5, 100)
    service.start_web(CHUNK_ROWS="50")
    service.start_worker(single=False, WORKER_CONCURRENCY="2")
    csv = csv_file(times(20_000, 200_000), bad_every=997)
    job_id = service.upload(csv)
    watch, chance = Watch(service, job_id), random.Random(SEED)
    for _ in range(count):
        pid = chance.choice(wait_until(service.worker_pids, "a worker is there"))
        until = time.monotonic() + chance.uniform(0, 0.3)
        while time.monotonic() < until:
            assert watch.look(), "the import was over before the last kill"
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not watch.look(), "the job is finished", 300)
    require_every_row_once(service.db, job_id, csv)
    assert watch.longest_pause_s < GOES_ON_WITHIN_S
    record("kill -9 at random points", count, f"longest pause {watch.longest_pause_s:.1f} s")


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_at_a_named_point(service: Service, times: Times, record: Record, point: str) -> None:
    count, chance, longest = times(1, 20), random.Random(SEED), 0.0
    service.start_web(CHUNK_ROWS="100")
    for number in range(count):
        csv = csv_file(600, prefix=f"N{number}")
        job_id = service.upload(csv)
        nth = 1 if "finish" in point else chance.randint(1, 5)
        dying = service.start(["-m", "tests.e2e.chaos.dying_worker", point, str(nth)])
        assert dying.wait(30) == -signal.SIGKILL
        healthy = service.start_worker()
        started = time.monotonic()
        service.wait_for(job_id)
        longest = max(longest, time.monotonic() - started)
        require_every_row_once(service.db, job_id, csv)
        healthy.terminate()
        assert healthy.wait(10) == 0
    record(f"kill -9 {point}", count, f"done within {longest:.1f} s")


@pytest.mark.parametrize("point", [*POINTS_OF_A_RETRY, "before checkpoint", "before commit", "after commit"])
def test_kill_9_while_a_retry_is_copied(service: Service, times: Times, record: Record, point: str) -> None:
    count, chance = times(1, 20), random.Random(SEED)
    service.start_web(CHUNK_ROWS="100")
    for number in range(count):
        healthy = service.start_worker()
        csv = csv_file(600, prefix=f"N{number}")
        service.wait_for(service.upload(csv))
        failed = service.wait_for(service.upload(csv))
        assert failed["failed_rows"] == 600
        healthy.terminate()
        assert healthy.wait(10) == 0
        service.db.rows("DELETE FROM trakrf.assets")
        job_id = service.retry(failed["job_id"])
        nth = chance.randint(1, 6)
        dying = service.start(["-m", "tests.e2e.chaos.dying_worker", point, str(nth)])
        assert dying.wait(30) == -signal.SIGKILL
        assert service.job(job_id)["status"] == "pending"
        healthy = service.start_worker()
        service.wait_for(job_id)
        require_every_row_once(service.db, job_id, csv)
        healthy.terminate()
        assert healthy.wait(10) == 0
    record(f"kill -9 {point} of a retry", count, "every row once")


def test_kill_9_while_a_plan_is_applied(service: Service, times: Times, record: Record) -> None:
    points = [*POINTS_OF_A_PLAN, *(point for point in POINTS if not point.endswith("insert"))]
    points = points[: times(len(POINTS_OF_A_PLAN), len(points))] * times(1, 20)
    chance = random.Random(SEED)
    service.start_web(CHUNK_ROWS="100")
    planner = service.start_worker()
    dry_runs = [_dry_run(service, number) for number in range(len(points))]
    planner.terminate()
    assert planner.wait(10) == 0
    for number, point in enumerate(points):
        job_id = service.apply(dry_runs[number])
        nth = 1 if "finish" in point else chance.randint(1, 5)
        dying = service.start(["-m", "tests.e2e.chaos.dying_worker", point, str(nth)])
        assert dying.wait(30) == -signal.SIGKILL
        healthy = service.start_worker()
        job = service.wait_for(job_id)
        assert (job["created_rows"], job["updated_rows"], job["failed_rows"]) == (300, 300, 0)
        assert service.db.rows(
            "SELECT count(*), sum(version) FROM trakrf.assets WHERE identifier LIKE %s AND name LIKE %s",
            *(f"P{number}-%", "Laptop%"),
        ) == [(600, 900)]
        healthy.terminate()
        assert healthy.wait(10) == 0
    record("kill -9 at named points of an applied plan", len(points), "every row once, as planned")


def _dry_run(service: Service, number: int) -> str:
    """A finished dry run that would update 300 assets and create as many."""
    prefix = f"P{number}"
    service.wait_for(service.upload(csv_file(300, prefix=prefix).replace(b"Laptop", b"Desktop")))
    job_id = service.upload(csv_file(600, prefix=prefix), options="?dry_run=true&on_conflict=update")
    assert service.wait_for(job_id)["updated_rows"] == 300
    return job_id


def test_stopped_workers(service: Service, times: Times, record: Record) -> None:
    count = times(1, 10)
    service.start_web()
    for number in range(count):
        stopped = service.start_worker()
        csv = csv_file(40_000, prefix=f"S{number}")
        job_id = service.upload(csv)
        wait_until(partial(has_progressed, service, job_id), "the import has begun")
        stopped.send_signal(signal.SIGSTOP)
        other = service.start_worker()
        service.wait_for(job_id, timeout_s=60)
        stopped.send_signal(signal.SIGCONT)
        require_every_row_once(service.db, job_id, csv)
        for worker in (stopped, other):
            worker.terminate()
            assert worker.wait(10) == 0
        require_every_row_once(service.db, job_id, csv)
    record("SIGSTOP beyond all time-outs, then SIGCONT", count, "the other finished")


def test_sigterm(service: Service, times: Times, record: Record) -> None:
    count, chance, slowest = times(3, 50), random.Random(SEED), 0.0
    service.start_web(CHUNK_ROWS="200")
    csv = csv_file(times(30_000, 200_000))
    job_id = service.upload(csv)
    for _ in range(count):
        before = service.job(job_id)["processed_rows"]
        worker = service.start_worker()
        wait_until(partial(has_progressed, service, job_id, before), "work goes on", GOES_ON_WITHIN_S)
        time.sleep(chance.uniform(0, 0.1))  # a random point of the chunk, not a wait for anything
        started = time.monotonic()
        worker.terminate()
        assert worker.wait(10) == 0
        slowest = max(slowest, time.monotonic() - started)
        assert service.db.rows("SELECT attempts FROM trakrf.bulk_import_queue") in ([(0,)], [])
    service.start_worker()
    service.wait_for(job_id, timeout_s=120)
    require_every_row_once(service.db, job_id, csv)
    record("SIGTERM of a worker", count, f"exits within {slowest:.1f} s, no attempt charged")


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_server_restarts(service: Service, times: Times, record: Record, mode: str) -> None:
    count, slowest = times(2, 30 if mode == "immediate" else 10), 0.0
    service.start_web(CHUNK_ROWS="200")
    service.start_worker(single=False, WORKER_CONCURRENCY="2")
    csv = csv_file(times(30_000, 200_000), bad_every=997)
    job_id = service.upload(csv)
    watch = Watch(service, job_id)
    with uploading(service, rows=300) as uploads:
        for _ in range(count):
            accepted = len(uploads.accepted)
            service.server.restart(mode)
            started = time.monotonic()
            wait_until(partial(uploads.has_more_than, accepted), "uploads are taken again", 10)
            wait_until(service.worker_pids, "workers are back", 10)
            slowest = max(slowest, time.monotonic() - started)
            watch.look()
    service.wait_for(job_id, timeout_s=300)
    require_every_row_once(service.db, job_id, csv)
    require_all(service, uploads)
    record(
        f"PostgreSQL {mode} restart",
        count,
        f"recovered within {slowest:.1f} s, {len(uploads.accepted)} uploads",
    )


def test_backends_terminated(service: Service, times: Times, record: Record) -> None:
    seconds = times(4, 120)
    service.start_web(CHUNK_ROWS="200")
    service.start_worker(single=False, WORKER_CONCURRENCY="2")
    csv = csv_file(times(20_000, 200_000))
    job_id = service.upload(csv)
    watch, until, kills = Watch(service, job_id), time.monotonic() + seconds, 0
    with uploading(service, rows=300) as uploads:
        while time.monotonic() < until:
            kills += len(
                service.db.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name LIKE 'bulkimport%'"
                    " ORDER BY random() LIMIT 1"
                )
            )
            watch.look()
            time.sleep(0.2)  # the rate of the fault
    service.wait_for(job_id, timeout_s=300)
    require_every_row_once(service.db, job_id, csv)
    require_all(service, uploads)
    record(
        "a backend terminated every 200 ms",
        kills,
        f"{len(uploads.accepted)} uploads, {uploads.refused} refused",
    )


def test_answers_to_commits_cut(service: Service, times: Times, record: Record) -> None:
    """Commits of chunks, of claims and of uploads."""
    wanted = times(10, 200)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(CommitCutter(folder, service.db.admin_url, chance=0.2, seed=SEED)) as cutter,
    ):
        cut = behind(cutter, service)
        cut.start_web(CHUNK_ROWS="100")
        cut.start_worker(single=False, WORKER_CONCURRENCY="2")
        with uploading(service, rows=300) as uploads:
            wait_until(lambda: cutter.cuts >= wanted, f"{wanted} answers were cut", 300)
        require_all(service, uploads)
    jobs = service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs")
    assert uploads.refused == 0, "an upload whose commit was done was answered by an error"
    assert jobs == len(uploads.accepted), "an upload left a job that nobody was told of"
    record("the answer to COMMIT cut", cutter.cuts, f"{len(uploads.accepted)} uploads, each with one job")


@pytest.mark.parametrize("others", [1, 0], ids=["one of two workers", "the only worker"])
def test_a_client_that_stops_reading(service: Service, record: Record, others: int) -> None:
    """Its session holds the job for 20 s at most; then another worker goes on, or the same one."""
    csv = csv_of_large_chunks()
    service.start_web()
    job_id = service.upload(csv)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Staller(folder, service.db.admin_url, after_bytes=600_000)) as staller,
    ):
        behind(staller, service).start_worker()
        wait_until(lambda: staller.stalls, "the worker's chunk is not read")
        for _ in range(others):
            service.start_worker()
        longest_s = 0.0
        while service.job(job_id)["status"] not in FINAL_STATUSES:
            longest_s = max(longest_s, longest_transaction_s(service))
            assert longest_s < HELD_FOR_S
            time.sleep(0.05)  # between two checks
        require_every_row_once(service.db, job_id, csv)
        assert "ended a session whose client had stopped reading" in service.log.read_text()
        if not others:
            assert '"attempt": 2' not in service.log.read_text(), "the attempt was charged"
    record(
        f"a client that stops reading, {others} others", 1, f"its session kept the job for {longest_s:.1f} s"
    )


def csv_of_large_chunks() -> bytes:
    """Three chunks, each larger than any buffer on the way to a worker."""
    head, *lines = csv_file(15_000).splitlines(keepends=True)
    return head + b"".join(line.replace(b",device,,", b",device," + b"x" * 800 + b",") for line in lines)


def longest_transaction_s(service: Service) -> float:
    """The age of the longest open transaction of the workers' sessions."""
    longest = service.db.value(
        "SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float"
        " FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'bulkimport-worker %'"
    )
    assert isinstance(longest, float)
    return longest


def behind(proxy: Proxy, service: Service) -> Service:
    """The service, whose processes reach the server through a proxy."""
    web_url, worker_url = proxy.url(service.db.web_url), proxy.url(service.db.worker_url)
    return replace(service, db=replace(service.db, web_url=web_url, worker_url=worker_url))


def test_a_chunk_that_always_kills_its_worker(service: Service, record: Record) -> None:
    service.start_web()
    doomed = service.upload(csv_file(10, prefix="DOOMED"))
    deaths = 0
    while service.job(doomed)["status"] != "failed":
        dying = service.start(["-m", "tests.e2e.chaos.dying_worker", "before insert", "1"])
        wait_until(partial(_died_or_gave_up, dying, service, doomed), "it dies")
        deaths += dying.poll() is not None
        if dying.poll() is None:
            dying.terminate()
            dying.wait(10)
    assert deaths == 5
    others = [service.upload(csv_file(10, prefix=f"OTHER{number}"), FOREIGN) for number in range(10)]
    service.start_worker()
    for job_id in others:
        assert service.wait_for(job_id, account_id=FOREIGN)["status"] == "completed"
    failure = service.job(doomed)["failure"]
    assert failure == "chunk 1 of 1 was tried 5 times and never finished"
    record("a chunk that kills its worker each time", 5, "its job failed, ten others completed")


def _died_or_gave_up(dying: "subprocess.Popen[bytes]", service: Service, job_id: str) -> bool:
    return dying.poll() is not None or service.job(job_id)["status"] == "failed"


def test_assets_locked_by_another_session(service: Service, times: Times, record: Record) -> None:
    seconds = times(7, 60)
    service.start_web()
    service.start_worker()
    csv = csv_file(20_000)
    with service.locked("trakrf.assets"):
        job_id = service.upload(csv)
        wait_until(service.waits_for_lock, "the worker waits for the lock")
        threading.Event().wait(seconds)
        assert service.job(job_id)["status"] == "processing"
    service.wait_for(job_id)
    require_every_row_once(service.db, job_id, csv)
    record("assets locked by somebody else", seconds, "seconds; then the job completed")


def test_many_small_jobs_and_many_workers(service: Service, times: Times, record: Record) -> None:
    count = times(60, 2_000)
    service.start_web()
    files = {
        service.upload(csv := csv_file(5, prefix=f"J{number}"), account): (csv, account)
        for number, account in ((number, (OWN, FOREIGN)[number % 2]) for number in range(count))
    }
    service.start_worker(single=False, WORKER_CONCURRENCY="8")
    for job_id, (csv, account) in files.items():
        service.wait_for(job_id, 300, account)
        require_every_row_once(service.db, job_id, csv)
    (deadlocks,) = service.db.rows(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks == (0,)
    assert b'"level": "error"' not in service.log.read_bytes()
    record("small jobs, eight workers", count, "each once, no deadlock")
