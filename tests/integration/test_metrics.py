"""The metrics count what was done."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from psycopg2.extensions import connection as Connection
from werkzeug.test import Client

from bulkimport.database import connections
from bulkimport.database.connections import Database, DatabaseUnavailableError
from bulkimport.database.readiness import Readiness
from bulkimport.store import queue
from bulkimport.telemetry import metrics
from bulkimport.worker import monitoring
from bulkimport.worker.loop import Worker
from bulkimport.worker.queue_monitor import QueueMonitor
from bulkimport.worker.registry import WorkerRegistry
from tests.conftest import FOREIGN, HEADER, OWN, TestDatabase, bearer, csv_of, submit

URL = "/api/v1/assets/bulk"
NOWHERE = "postgresql://web@127.0.0.1:1/nowhere"


@pytest.fixture
def counted() -> Callable[..., float]:
    """A function that returns by how much a sample has increased since the test began."""
    before = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in metrics.OWN.collect()
        for sample in family.samples
    }

    def grown(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        return (metrics.OWN.get_sample_value(name, labels) or 0) - before.get(key, 0)

    return grown


@pytest.fixture
def worker(worker_database: Database) -> Worker:
    return Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30)


@pytest.fixture
def another_worker(worker_database: Database) -> Worker:
    return Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30)


def finish(worker: Worker) -> None:
    while worker.work_once():
        pass


def test_requests_are_counted_by_template_method_and_status(
    client: FlaskClient, counted: Callable[..., float]
) -> None:
    for path in ("/api/v1/assets/1", "/api/v1/assets/2"):
        client.get(path, headers=bearer())
    labels = {"method": "GET", "route": "/api/v1/assets/<asset:asset_id>", "status": "404", "waited": "no"}
    assert counted("bulkimport_http_request_seconds_count", **labels) == 2
    assert counted("bulkimport_http_request_seconds_bucket", le="10.0", **labels) == 2


def test_invented_paths_and_methods_create_no_labels(
    client: FlaskClient, counted: Callable[..., float]
) -> None:
    client.get("/wp-admin")
    client.open("/nowhere", method="BREW")
    client.open("/livez", method="DELETE")
    count = "bulkimport_http_request_seconds_count"
    assert counted(count, method="GET", route="unmatched", status="404", waited="no") == 1
    assert counted(count, method="other", route="unmatched", status="404", waited="no") == 1
    assert counted(count, method="DELETE", route="unmatched", status="405", waited="no") == 1
    labels = [sample.labels for family in metrics.OWN.collect() for sample in family.samples]
    assert not [values for values in labels if {"BREW", "/wp-admin"} & set(values.values())]


def test_requests_that_waited_are_counted_separately(
    client: FlaskClient, web_database: Database, counted: Callable[..., float]
) -> None:
    job_id = submit(web_database, csv_of("A"))
    client.get(f"{URL}/{job_id}", headers={**bearer(), "Prefer": "wait=1"})
    labels = {"method": "GET", "route": f"{URL}/<job:job_id>", "status": "200"}
    assert counted("bulkimport_http_request_seconds_count", waited="yes", **labels) == 1
    assert counted("bulkimport_http_request_seconds_sum", waited="yes", **labels) > 0.9
    assert counted("bulkimport_http_request_seconds_count", waited="no", **labels) == 0


def test_rows_and_bytes_of_accepted_files_are_counted_once(
    client: FlaskClient, counted: Callable[..., float]
) -> None:
    headers = {**bearer(), "Content-Type": "text/csv", "Idempotency-Key": "k-1"}
    file = csv_of("A", "B", "C")
    for _ in range(2):  # the second is a repetition
        assert client.post(URL, data=file, headers=headers).status_code == 202
    assert client.post(URL, data=b"", headers={**headers, "Idempotency-Key": "k-2"}).status_code == 400
    assert client.post(URL, data=b"a,b\n1,2\n", headers=bearer()).status_code == 415

    assert counted("bulkimport_uploaded_rows_total") == 3
    assert counted("bulkimport_uploaded_bytes_total") == len(file)
    assert counted("bulkimport_uploads_refused_total", problem="empty-file") == 1
    assert counted("bulkimport_uploads_refused_total", problem="unsupported-media-type") == 1


def test_a_problem_elsewhere_does_not_count_as_a_refused_upload(
    client: FlaskClient, counted: Callable[..., float]
) -> None:
    client.get(f"{URL}/x", headers=bearer())
    assert counted("bulkimport_uploads_refused_total", problem="invalid-id") == 0


def test_the_pool_counts_connections_in_use_and_waits(
    db: TestDatabase, counted: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CHECKOUT_TIMEOUT_S", 0.05)
    pool = Database(db.web_url, size=2, application_name="test")
    with ExitStack() as busy:
        for _ in range(2):
            busy.enter_context(pool.transaction())
        pool.report()
        assert counted("bulkimport_database_pool_in_use") == 2
        with pytest.raises(DatabaseUnavailableError), pool.transaction():
            pass
    assert metrics.OWN.get_sample_value("bulkimport_database_pool_size") == 2
    pool.report()
    assert counted("bulkimport_database_pool_in_use") == 0
    assert counted("bulkimport_database_pool_timeouts_total") == 1
    assert counted("bulkimport_database_pool_wait_seconds_count") == 1
    assert counted("bulkimport_database_pool_wait_seconds_sum") >= 0.05
    assert counted("bulkimport_database_connect_seconds_count") == 2
    assert counted("bulkimport_database_connections_discarded_total") == 0
    # With a time-out it returns when the backends have gone, not merely when they have been told to go.
    ended = db.rows(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE application_name = 'test' AND datname = current_database()"
    )
    assert ended == [(True,), (True,)]
    with pool.transaction():
        pass
    assert counted("bulkimport_database_connections_discarded_total") == 2
    pool.close()


def test_a_worker_counts_rows_chunks_stages_and_jobs(
    web_database: Database, worker: Worker, counted: Callable[..., float]
) -> None:
    submit(web_database, csv_of("A", "A", "C", "D"))
    finish(worker)

    assert counted("bulkimport_worker_rows_total", outcome="created") == 3
    assert counted("bulkimport_worker_rows_total", outcome="failed") == 1
    assert counted("bulkimport_worker_chunks_total", outcome="imported") == 2
    assert counted("bulkimport_worker_chunk_seconds_count") == 2
    assert counted("bulkimport_worker_claims_total", attempt="first") == 2
    assert counted("bulkimport_worker_jobs_finished_total", status="completed") == 1
    for stage in ("read", "check", "insert", "errors", "checkpoint", "commit"):
        assert counted("bulkimport_worker_chunk_stage_seconds_count", stage=stage) == 2, stage
    stages = sum(
        counted("bulkimport_worker_chunk_stage_seconds_sum", stage=stage)
        for stage in ("read", "insert", "errors", "checkpoint", "commit")
    )
    assert 0 < stages <= counted("bulkimport_worker_chunk_seconds_sum")


def test_an_all_or_nothing_job_with_a_bad_row_counts_no_row_as_created(
    client: FlaskClient, worker: Worker, counted: Callable[..., float]
) -> None:
    file = csv_of("A", "B") + b"bad\n"
    headers = {**bearer(), "Content-Type": "text/csv"}
    assert client.post(f"{URL}?on_error=abort", data=file, headers=headers).status_code == 202
    finish(worker)
    assert counted("bulkimport_worker_rows_total", outcome="created") == 0
    assert counted("bulkimport_worker_chunks_total", outcome="rolled_back") == 1
    assert counted("bulkimport_worker_jobs_finished_total", status="failed") == 1


def test_a_chunk_that_fails_is_counted_and_so_is_its_next_attempt(
    db: TestDatabase, web_database: Database, worker: Worker, counted: Callable[..., float]
) -> None:
    submit(web_database, csv_of("A"))
    db.rows("DELETE FROM trakrf.bulk_import_chunks")
    for _ in range(6):
        finish(worker)
        db.rows("UPDATE trakrf.bulk_import_queue SET not_before = now()")
    assert counted("bulkimport_worker_chunks_total", outcome="failed") == 5
    assert counted("bulkimport_worker_claims_total", attempt="first") == 1
    assert counted("bulkimport_worker_claims_total", attempt="repeated") == 5
    assert counted("bulkimport_worker_jobs_finished_total", status="failed") == 1


def test_a_released_claim_is_counted_with_its_reason(
    db: TestDatabase,
    web_database: Database,
    worker: Worker,
    connect: Callable[[str], Connection],
    counted: Callable[..., float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connections.LIMITS, "lock_timeout", "50ms")
    submit(web_database, csv_of("A"))
    holder = connect(db.admin_url)
    holder.cursor().execute("LOCK TABLE trakrf.assets")
    worker.work_once()
    holder.rollback()
    assert counted("bulkimport_worker_claims_released_total", reason="database") == 1
    assert counted("bulkimport_worker_chunks_total", outcome="interrupted") == 1


def test_a_purged_job_is_counted(
    db: TestDatabase, web_database: Database, worker: Worker, counted: Callable[..., float]
) -> None:
    submit(web_database, csv_of("A"))
    finish(worker)
    db.rows("UPDATE trakrf.bulk_import_finished SET finished_at = now() - interval '31 days'")
    while worker._purge():
        pass
    assert counted("bulkimport_worker_jobs_purged_total") == 1


def test_the_queue_is_sampled_across_accounts(
    db: TestDatabase, web_database: Database, worker_database: Database, worker: Worker
) -> None:
    monitor = QueueMonitor(worker_database)
    monitor.look()
    empty = monitor.latest()
    for account_id in (OWN, FOREIGN):
        submit(web_database, csv_of(*"ABCD"), account_id)
    worker.work_once()
    db.rows("UPDATE trakrf.bulk_import_queue SET enqueued_at = now() - interval '1 minute'")

    monitor.look()

    assert vars(empty) == {"pending": 0, "processing": 0, "chunks": 0, "oldest_pending_s": 0}
    sample = monitor.latest()
    assert sample
    assert (sample.pending, sample.processing, sample.chunks) == (1, 1, 3)
    assert 60 <= sample.oldest_pending_s < 70

    db.rows("UPDATE trakrf.bulk_import_queue SET attempts = 1 WHERE next_chunk = 0")  # a worker has it
    monitor.look()
    sample = monitor.latest()
    assert sample
    assert (sample.pending, sample.processing, sample.oldest_pending_s) == (0, 2, 0)


def test_a_job_from_before_the_clock_was_set_back_has_not_waited(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    submit(web_database, csv_of("A"))
    db.rows("UPDATE trakrf.bulk_import_queue SET enqueued_at = now() + interval '1 hour'")
    with worker_database.transaction() as cursor:
        assert queue.sample(cursor).oldest_pending_s == 0


def test_without_a_database_there_is_no_sample_and_none_is_kept(worker_database: Database) -> None:
    monitor = QueueMonitor(worker_database)
    monitor.look()
    assert monitor.latest()
    monitor._database = Database(NOWHERE, size=1, application_name="test")
    monitor.look()
    assert monitor.latest() is None


def test_a_worker_without_a_sign_of_life_counts_as_hung(tmp_path: Path) -> None:
    workers = WorkerRegistry(2, tmp_path)
    workers.started(1)
    workers.started(2)
    assert workers.hung() == {}
    time.sleep(0.05)
    assert set(workers.hung(0.05)) == {1, 2}
    workers.exited(2)
    assert (set(workers.hung(0.05)), workers.running, workers.exited_processes) == ({1}, 1, 1)


def test_a_hung_worker_is_detected_even_if_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = WorkerRegistry(1, None)
    workers.started(1)
    workers._started_at[1] += 3600
    monkeypatch.setattr(workers, "_heartbeats", lambda: {1: time.time() - 130})
    assert set(workers.hung()) == {1}


def test_each_log_line_about_a_job_names_its_request_and_trace(
    app: Flask,
    worker: Worker,
    another_worker: Worker,
    db: TestDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        **bearer(),
        "Content-Type": "text/csv",
        "X-Request-ID": "r-9",
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
    }
    client = app.test_client()
    traced = client.post(URL, data=csv_of(*"ABCD"), headers=headers).get_json()["job_id"]
    doomed = client.post(URL, data=(HEADER + "x\n").encode(), headers={**headers, "X-Request-ID": "r-10"})
    db.rows("DELETE FROM trakrf.bulk_import_chunks WHERE job_id = %s::uuid", doomed.get_json()["job_id"])
    with caplog.at_level("INFO", "bulkimport.worker.reporting"):
        worker.work_once()
        finish(another_worker)  # it was not there when the job began
    lines = [vars(record) for record in caplog.records]
    assert {(line["message"], line["request_id"]) for line in lines} == {
        ("chunk imported", "r-9"),
        ("a chunk failed", "r-10"),
    }
    assert {(line["trace_id"], line["account_id"]) for line in lines} == {(trace, OWN)}
    imported = [line for line in lines if line["job_id"] == traced]
    assert [line.get("job_status") for line in imported] == [None, "completed"]
    assert all(line["seconds"] > 0 for line in imported)


@pytest.mark.parametrize(("silence_s", "status"), [(100, 200), (130, 503)])
def test_the_supervisors_livez_names_a_hung_worker(
    worker_database: Database, tmp_path: Path, silence_s: float, status: int
) -> None:
    workers = WorkerRegistry(1, tmp_path)
    workers.started(77)
    workers._started_at[77] -= silence_s
    readiness = Readiness(worker_database, needed_version=1)
    answer = Client(monitoring.application(workers, readiness, CollectorRegistry())).get("/livez")
    assert answer.status_code == status
    assert ("Worker process 77 has shown no sign of life for 130 s." in answer.text) == (status == 503)
