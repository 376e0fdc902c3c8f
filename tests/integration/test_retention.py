"""What is kept, and for how long."""

import threading

from bulkimport.database.connections import Database
from bulkimport.jobs import retention
from bulkimport.worker.loop import Worker
from tests.conftest import FOREIGN, HEADER, TestDatabase, bearer, csv_of, submit
from tests.integration.conftest import URL, Importer

DEPENDENTS = ("chunks", "errors", "finished", "identifiers", "queue")


def left(db: TestDatabase, *tables: str) -> list[object]:
    return [db.value(f"SELECT count(*) FROM trakrf.bulk_import_{table}") for table in tables]


def age(db: TestDatabase, job_id: object, days: int) -> None:
    db.rows(
        "UPDATE trakrf.bulk_import_finished SET finished_at = now() - make_interval(days => %s)"
        " WHERE job_id = %s::uuid",
        days,
        str(job_id),
    )


def test_an_imported_chunk_is_removed_unless_it_has_failed_rows(db: TestDatabase, importer: Importer) -> None:
    job = importer.run(csv_of(*"ABCDE", "A", *"FGH"))
    assert db.rows("SELECT number FROM trakrf.bulk_import_chunks") == [(1,)]
    assert importer.get(f"{job['job_id']}/failed-rows.csv").data.count(b"\r\n") == 2


def test_all_or_nothing_removes_its_chunks_on_success_and_keeps_them_on_failure(
    db: TestDatabase, importer: Importer
) -> None:
    importer.run(csv_of(*"ABCDE"), on_error="abort")
    assert left(db, "chunks") == [0]
    importer.run(csv_of(*"VWXYZ", "Z"), on_error="abort")
    assert left(db, "chunks") == [2]


def test_finished_jobs_of_all_accounts_are_removed_after_the_retention_period(
    db: TestDatabase, importer: Importer, worker_database: Database
) -> None:
    old = [importer.run(csv_of("A", "A"), account)["job_id"] for account in (1, FOREIGN)]
    young = importer.run(csv_of("B", "B"))["job_id"]
    unfinished = importer.upload(csv_of("C")).get_json()["job_id"]
    for job_id in (*old, young):
        age(db, job_id, 8 if job_id in old else 6)

    while retention.purge_some(worker_database, days=7):
        pass

    assert {str(row[0]) for row in db.rows("SELECT id FROM trakrf.bulk_import_jobs")} == {young, unfinished}
    assert left(db, *DEPENDENTS) == [2, 1, 1, 0, 1]
    assert db.value("SELECT count(*) FROM trakrf.assets") == 3


def test_a_large_job_is_removed_in_batches(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    job_id = submit(web_database, (HEADER + "a,b,c,d,e,f,g,h\n" * 900).encode(), chunk_rows=20)
    worker = Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30)
    while worker.work_once():
        pass
    age(db, job_id, 31)
    db.rows(
        "INSERT INTO trakrf.bulk_import_errors (account_id, job_id, row_number, position, code, message)"
        " SELECT 1, %s::uuid, number, 0, 'x', 'x' FROM generate_series(1000, 13000) AS number",
        str(job_id),
    )
    batches = 0
    while retention.purge_some(worker_database, days=30):
        batches += 1
    assert batches == 1 + 3 + 3 + 1, "hidden first, and removed last"
    assert left(db, "jobs", *DEPENDENTS) == [0] * 6


def test_two_workers_purge_different_jobs(
    db: TestDatabase, importer: Importer, worker_database: Database
) -> None:
    jobs = [importer.run(csv_of(name))["job_id"] for name in "AB"]
    for days, job_id in enumerate(jobs, start=40):
        age(db, job_id, days)
    with worker_database.transaction() as cursor:
        cursor.execute("SELECT FROM trakrf.bulk_import_finished WHERE job_id = %s FOR UPDATE", (jobs[1],))
        while retention.purge_some(worker_database, days=30):
            pass
    assert [str(row[0]) for row in db.rows("SELECT id FROM trakrf.bulk_import_jobs")] == [jobs[1]]


def test_an_idle_worker_purges(db: TestDatabase, importer: Importer, worker_database: Database) -> None:
    age(db, importer.run(csv_of("A"))["job_id"], 3)
    stopping, wake = threading.Event(), threading.Event()
    worker = Worker(worker_database, stopping=stopping, wake=wake, retention_days=2)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        while db.value("SELECT count(*) FROM trakrf.bulk_import_jobs"):
            assert thread.is_alive()
    finally:
        stopping.set()
        wake.set()
        thread.join()


def test_a_job_that_is_being_reverted_is_kept(
    db: TestDatabase, importer: Importer, worker_database: Database
) -> None:
    importer.run(csv_of(*"ABCDE"))
    job = importer.run(csv_of(*"ABCDE").replace(b"Laptop", b"Phone"), on_conflict="update")
    reverted = importer.client.post(f"{URL}/{job['job_id']}/revert", headers=bearer()).get_json()["job_id"]
    age(db, job["job_id"], 8)
    while retention.purge_some(worker_database, days=7):
        pass
    importer.work()
    assert importer.job(reverted)["updated_rows"] == 5
    age(db, job["job_id"], 8)
    while retention.purge_some(worker_database, days=7):
        pass
    assert importer.get(job["job_id"]).status_code == 404
    assert left(db, "changes") == [0]
