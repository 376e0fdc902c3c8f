"""One chunk at a time, as the worker's own role."""

import threading
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.assets.row_errors import MAX_ERRORS_PER_ROW
from bulkimport.database import connections
from bulkimport.database.connections import Database
from bulkimport.worker.loop import MAX_ATTEMPTS, Worker
from tests.conftest import FOREIGN, HEADER, OWN, TestDatabase, csv_of, submit

MIXED = HEADER + (
    "A,Laptop,device,,2024-01-15,,yes\n"
    ",Laptop,spaceship,,2024-01-15,,yes\n"
    "\n"
    "A,Again,device,,2024-01-15,,yes\n"
    'B,"Two\nlines",asset,,2024-01-15,2024-01-14,yes\n'
    "C,Laptop,device,,2024-01-15,,yes\n"
    "taken,Laptop,device,,2024-01-15,,yes\n"
    "D,Laptop,device,,2024-01-15,,yes,x\n"
)


@pytest.fixture
def worker(worker_database: Database) -> Worker:
    return Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30)


def finish(worker: Worker) -> int:
    """Work until there is nothing to do; return the number of chunks."""
    chunks = 0
    while worker.work_once():
        chunks += 1
    return chunks


def job(db: TestDatabase, job_id: UUID) -> tuple[object, ...]:
    ((*columns,),) = db.rows(
        "SELECT status, processed_rows, failed_rows, failure"
        " FROM trakrf.bulk_import_jobs WHERE id = %s::uuid",
        str(job_id),
    )
    return tuple(columns)


def let_time_pass(db: TestDatabase) -> None:
    db.rows("UPDATE trakrf.bulk_import_queue SET not_before = now()")


def test_rows_errors_counters_and_checkpoint_move_together(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    job_id = submit(web_database, csv_of("A", "A", "C", "D", "E", "F", "G"))
    seen = []
    while worker.work_once():
        ((counted, failed),) = db.rows("SELECT processed_rows, failed_rows FROM trakrf.bulk_import_jobs")
        assets = db.value("SELECT count(*) FROM trakrf.assets")
        errors = db.value("SELECT count(*) FROM trakrf.bulk_import_errors")
        queued = db.rows("SELECT next_chunk, attempts FROM trakrf.bulk_import_queue")
        seen.append((counted, failed, assets, errors, queued))
    assert seen == [(3, 1, 2, 1, [(1, 0)]), (6, 1, 5, 1, [(2, 0)]), (7, 1, 6, 1, [])]
    assert job(db, job_id) == ("completed", 7, 1, None)


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 1_000])
def test_the_result_does_not_depend_on_the_size_of_chunks(
    db: TestDatabase, web_database: Database, worker: Worker, chunk_rows: int
) -> None:
    submit(web_database, csv_of("taken"))
    finish(worker)
    job_id = submit(web_database, MIXED.encode(), chunk_rows=chunk_rows)

    finish(worker)

    assert job(db, job_id) == ("completed", 7, 5, None)
    assert db.rows("SELECT identifier, import_row FROM trakrf.assets ORDER BY id OFFSET 1") == [
        ("A", 2),
        ("C", 7),
    ]
    assert db.rows(
        "SELECT row_number, position, field, code, value FROM trakrf.bulk_import_errors ORDER BY 1, 2"
    ) == [
        (3, 0, "identifier", "required", ""),
        (3, 1, "type", "unknown_type", "spaceship"),
        (5, 0, "identifier", "duplicate_in_file", "A"),
        (6, 0, "valid_to", "valid_to_before_valid_from", "2024-01-14"),
        (8, 0, "identifier", "already_exists", "taken"),
        (9, 0, None, "wrong_cell_count", None),
    ]


def test_a_file_that_is_wrong_in_every_cell_is_bounded_in_errors_and_time(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    names = [f"metadata.m{number}" for number in range(490)]
    seconds = {}
    for cell in ("u", "\xfc"):
        rows = (f"{cell}{number},Laptop,device,,2024-01-15,,yes{f',{cell}' * 490}\n" for number in range(300))
        file = f"{HEADER.strip()},{','.join(names)}\n{''.join(rows)}".encode("latin-1")
        submit(web_database, file, chunk_rows=5_000)
        started = time.process_time()
        assert finish(worker) == 3
        seconds[cell] = time.process_time() - started
    ((failed, summary),) = db.rows(
        "SELECT failed_rows, error_summary FROM trakrf.bulk_import_jobs WHERE failed_rows > 0"
    )
    assert failed == 300
    assert summary == [
        {"code": "invalid_encoding", "field": field, "count": 300, "first_rows": [2, 3, 4, 5, 6]}
        for field in ("identifier", *names)
    ]
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_errors") == 300 * MAX_ERRORS_PER_ROW
    assert seconds["\xfc"] < 6 * seconds["u"]


def test_each_chunk_is_a_line_in_the_log(
    web_database: Database, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = submit(web_database, csv_of("A", "A", "C"))
    with caplog.at_level("INFO"):
        finish(worker)
    (record,) = caplog.records
    assert (record.message, record.job_id) == ("chunk imported", str(job_id))  # type: ignore[attr-defined]
    assert (record.created_rows, record.failed_rows) == (2, 1)  # type: ignore[attr-defined]


def test_a_job_is_processing_from_its_first_claim(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    job_id = submit(web_database, csv_of(*"ABCD"))
    assert job(db, job_id)[0] == "pending"
    worker.work_once()
    assert job(db, job_id)[0] == "processing"


def test_accounts_take_turns_and_do_not_interfere(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    own = submit(web_database, csv_of("A", "B"), chunk_rows=1)
    foreign = submit(web_database, csv_of("A", "B"), FOREIGN, chunk_rows=1)
    worker.work_once()
    worker.work_once()
    assert job(db, own)[1] == job(db, foreign)[1] == 1
    finish(worker)
    assert db.rows("SELECT account_id, count(*) FROM trakrf.assets GROUP BY 1 ORDER BY 1") == [
        (OWN, 2),
        (FOREIGN, 2),
    ]


def test_a_chunk_that_never_finishes_fails_its_job_and_no_other(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    doomed = submit(web_database, csv_of(*"ABCDEF"))
    db.rows("DELETE FROM trakrf.bulk_import_chunks WHERE number = 1")
    for _ in range(MAX_ATTEMPTS + 1):
        finish(worker)
        let_time_pass(db)
    healthy = submit(web_database, csv_of("X"), FOREIGN)
    finish(worker)

    failure = f"chunk 1 of 2 was tried {MAX_ATTEMPTS} times and never finished"
    assert job(db, doomed) == ("failed", 0, 0, failure)
    assert job(db, healthy)[0] == "completed"
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_queue") == 0


def test_progress_resets_the_attempts(db: TestDatabase, web_database: Database, worker: Worker) -> None:
    job_id = submit(web_database, csv_of(*"ABCDEF"))
    db.rows("UPDATE trakrf.bulk_import_queue SET attempts = %s", MAX_ATTEMPTS - 1)
    finish(worker)
    assert job(db, job_id)[0] == "completed"


def test_a_lock_that_cannot_be_obtained_costs_no_attempt(
    db: TestDatabase,
    web_database: Database,
    worker: Worker,
    connect: Callable[[str], Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(connections.LIMITS, "lock_timeout", "50ms")
    job_id = submit(web_database, csv_of("A"))
    holder = connect(db.admin_url)
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE trakrf.assets")
    for _ in range(MAX_ATTEMPTS + 2):
        assert worker.work_once()
        assert db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 0
        let_time_pass(db)
    holder.rollback()

    finish(worker)

    assert job(db, job_id) == ("completed", 1, 0, None)


def test_a_session_that_an_administrator_ends_costs_no_attempt(
    db: TestDatabase,
    web_database: Database,
    worker: Worker,
    connect: Callable[[str], Connection],
) -> None:
    job_id = submit(web_database, csv_of("A"))
    holder = connect(db.admin_url)
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE trakrf.assets")
    thread = threading.Thread(target=worker.work_once)
    thread.start()
    while not db.value(
        "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'test-worker' AND wait_event_type = 'Lock'"
        " AND datname = current_database()"
    ):
        assert thread.is_alive()
    thread.join()
    holder.rollback()

    assert db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 0
    let_time_pass(db)
    finish(worker)
    assert job(db, job_id) == ("completed", 1, 0, None)


def test_a_stopping_worker_releases_its_claim(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    submit(web_database, csv_of("A"))
    stopping = threading.Event()
    stopping.set()
    Worker(worker_database, stopping=stopping, wake=threading.Event(), retention_days=30).work_once()
    assert db.rows("SELECT attempts, not_before <= now() FROM trakrf.bulk_import_queue") == [(0, True)]
    assert db.value("SELECT count(*) FROM trakrf.assets") == 0


def test_a_finished_job_is_removed_from_the_queue(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    submit(web_database, csv_of("A"))
    db.rows("UPDATE trakrf.bulk_import_jobs SET status = 'cancelled', completed_at = now()")
    finish(worker)
    assert db.value("SELECT count(*) FROM trakrf.assets") == 0
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_queue") == 0


def test_a_job_whose_rows_are_all_bad_is_completed(
    db: TestDatabase, web_database: Database, worker: Worker
) -> None:
    job_id = submit(web_database, (HEADER + "a,b,c,d,e,f,g,h\n" * 250).encode(), chunk_rows=100)
    finish(worker)
    assert job(db, job_id) == ("completed", 250, 250, None)
    assert db.value("SELECT jsonb_array_length(errors) FROM trakrf.bulk_import_jobs") == 100
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_errors") == 250


def test_a_worker_survives_a_lock_on_the_queue(
    db: TestDatabase,
    web_database: Database,
    worker_database: Database,
    connect: Callable[[str], Connection],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(connections.LIMITS, "lock_timeout", "100ms")
    job_id = submit(web_database, csv_of("A"))
    stopping = threading.Event()
    worker = Worker(worker_database, stopping=stopping, wake=threading.Event(), retention_days=30)
    running = threading.Thread(target=worker.run)
    lock = connect(db.admin_url)
    try:
        lock.cursor().execute("LOCK TABLE trakrf.bulk_import_queue")
        running.start()
        wait_until(lambda: "a claim was interrupted" in caplog.text or not running.is_alive())
        lock.rollback()
        wait_until(lambda: job(db, job_id)[0] == "completed" or not running.is_alive())
        assert running.is_alive()
    finally:
        stopping.set()
        running.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
