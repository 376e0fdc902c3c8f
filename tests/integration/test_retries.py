"""A retry copies its parent's chunks, one per turn, before it imports them."""

import threading
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bulkimport.database.connections import Database
from bulkimport.jobs import retention
from bulkimport.store import chunks, queue
from bulkimport.worker.loop import MAX_ATTEMPTS
from tests.conftest import FOREIGN, HEADER, TestDatabase, bearer, csv_of
from tests.e2e.conftest import wait_until
from tests.integration.conftest import URL, Importer, accepted, counts, post, problem

TAKEN = "ABCDEFG"
WAITING = """
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database()
  AND wait_event_type = 'Lock'
"""


@pytest.fixture
def failed_job(importer: Importer) -> str:
    """A finished job with three chunks, all of whose rows failed and would now succeed."""
    importer.run(csv_of(*TAKEN))
    job = importer.run(csv_of(*TAKEN))
    assert counts(job) == {"failed": 7}
    importer.db.rows("DELETE FROM trakrf.assets")
    return str(job["job_id"])


def queued(db: TestDatabase) -> list[tuple[object, ...]]:
    return db.rows("SELECT next_chunk, copies, chunks FROM trakrf.bulk_import_queue")


def test_a_retry_is_pending_until_its_rows_are_copied(
    importer: Importer, db: TestDatabase, failed_job: str
) -> None:
    job_id = accepted(post(importer, failed_job, "retry"))
    for turn in range(3):
        job = importer.job(job_id)
        assert (job["status"], job["total_rows"], job["started_at"]) == ("pending", 7, None)
        assert queued(db) == [(turn, 3, 6)]
        importer.worker.work_once()
    assert importer.job(job_id)["status"] == "pending"
    importer.worker.work_once()
    assert importer.job(job_id)["status"] == "processing"
    importer.work()
    assert (importer.job(job_id)["status"], counts(importer.job(job_id))) == ("completed", {"created": 7})


@pytest.mark.parametrize(
    ("options", "turns", "totals"),
    [
        ({}, 3, (2, 2)),
        ({}, 1, (5, 2)),
        ({"dry_run": "true"}, 3, (2, 2)),
        ({"dry_run": "true", "on_error": "abort"}, 3, (2, 2)),
        ({"on_error": "abort"}, 4, (7, 7)),
        ({"on_error": "abort"}, 2, (7, 7)),
    ],
)
def test_a_retry_has_its_total_from_the_start(
    importer: Importer, options: dict[str, str], turns: int, totals: tuple[int, int]
) -> None:
    """For a job that finished or was cancelled after some turns, and for a retry of that retry."""
    rows = (f"{x},{'' if x in 'BG' else x},device,,2024-01-15,,yes\n" for x in TAKEN)
    job_id = accepted(importer.upload((HEADER + "".join(rows)).encode(), **options))
    for _ in range(turns):
        importer.worker.work_once()
    post(importer, job_id, "cancel")
    for total in totals:
        job_id = accepted(post(importer, job_id, "retry"))
        assert importer.job(job_id)["total_rows"] == total
        importer.work()
        assert importer.job(job_id)["processed_rows"] == total


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_retry_that_was_cancelled_before_its_rows_were_copied_says_what_to_retry(
    importer: Importer, db: TestDatabase, failed_job: str, turns: int
) -> None:
    job_id = accepted(post(importer, failed_job, "retry"))
    for _ in range(turns):
        importer.worker.work_once()
    assert post(importer, job_id, "cancel").get_json()["status"] == "cancelled"
    refused = post(importer, job_id, "retry")
    assert problem(refused) == (409, "nothing-to-retry")
    assert failed_job in refused.get_json()["detail"]
    importer.work()
    assert importer.assets() == []
    again = accepted(post(importer, failed_job, "retry"))
    importer.work()
    assert counts(importer.job(again)) == {"created": 7}


def test_a_retry_that_was_cancelled_before_its_import_can_itself_be_retried(
    importer: Importer, failed_job: str
) -> None:
    job_id = accepted(post(importer, failed_job, "retry"))
    for _ in range(3):
        importer.worker.work_once()
    post(importer, job_id, "cancel")
    again = accepted(post(importer, job_id, "retry"))
    importer.work()
    assert counts(importer.job(again)) == {"created": 7}


def test_a_job_is_kept_until_its_retry_has_copied_the_rows(
    importer: Importer, db: TestDatabase, worker_database: Database, failed_job: str
) -> None:
    job_id = accepted(post(importer, failed_job, "retry"))
    for _ in range(3):
        refused = importer.client.delete(f"{URL}/{failed_job}", headers=bearer())
        assert problem(refused) == (409, "job-unfinished")
        assert job_id in refused.get_json()["detail"]
        db.rows("UPDATE trakrf.bulk_import_finished SET finished_at = '2020-01-01'")
        while retention.purge_some(worker_database, days=7):
            pass
        assert importer.get(failed_job).status_code == 200
        importer.worker.work_once()
    assert importer.client.delete(f"{URL}/{failed_job}", headers=bearer()).status_code == 204
    while retention.purge_some(worker_database, days=7):
        pass
    importer.work()
    assert counts(importer.job(job_id)) == {"created": 7}


def test_a_job_is_not_deleted_while_it_is_being_retried(
    importer: Importer, db: TestDatabase, failed_job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction that makes the retry holds the job: a DELETE waits for it, and then sees the retry."""
    answers: list[TestResponse] = []

    def delete() -> None:
        client = importer.client.application.test_client()
        answers.append(client.delete(f"{URL}/{failed_job}", headers=bearer()))

    deleting = threading.Thread(target=delete)
    undone = chunks.undone

    def while_deleting(*arguments: Any, **keywords: Any) -> chunks.Undone:
        deleting.start()
        wait_until(lambda: db.value(WAITING), "the DELETE waits")
        return undone(*arguments, **keywords)

    monkeypatch.setattr(chunks, "undone", while_deleting)
    job_id = accepted(post(importer, failed_job, "retry"))
    deleting.join()
    assert problem(answers[0]) == (409, "job-unfinished")
    importer.work()
    assert counts(importer.job(job_id)) == {"created": 7}


def test_a_large_retry_does_not_block_others(importer: Importer, failed_job: str) -> None:
    retry = accepted(post(importer, failed_job, "retry"))
    importer.worker.work_once()
    other = accepted(importer.upload(csv_of("X"), FOREIGN))
    importer.worker.work_once()
    assert importer.job(other, FOREIGN)["status"] == "completed"
    assert importer.job(retry)["status"] == "pending"


def test_a_copy_that_never_finishes_fails_the_retry(
    importer: Importer, db: TestDatabase, failed_job: str
) -> None:
    job_id = accepted(post(importer, failed_job, "retry"))
    importer.worker.work_once()
    db.rows("DELETE FROM trakrf.bulk_import_chunks WHERE job_id = %s::uuid AND number > 0", failed_job)
    for _ in range(MAX_ATTEMPTS + 1):
        importer.work()
        db.rows("UPDATE trakrf.bulk_import_queue SET not_before = now()")
    job = importer.job(job_id)
    failure = "the copy of chunk 2 of 3 was tried 5 times and never finished"
    assert (job["status"], job["failure"]) == ("failed", failure)
    assert problem(post(importer, job_id, "retry")) == (409, "nothing-to-retry")


def test_the_number_of_the_chunk_that_fails_a_retry_excludes_the_copies(
    importer: Importer, db: TestDatabase, failed_job: str
) -> None:
    job_id = accepted(post(importer, failed_job, "retry"))
    for _ in range(4):
        importer.worker.work_once()
    db.rows("UPDATE trakrf.bulk_import_queue SET attempts = %s", MAX_ATTEMPTS)
    importer.work()
    assert importer.job(job_id)["failure"] == "chunk 2 of 3 was tried 5 times and never finished"


def test_a_late_worker_copies_nothing_twice(
    importer: Importer, db: TestDatabase, worker_database: Database, failed_job: str
) -> None:
    accepted(post(importer, failed_job, "retry"))
    with worker_database.transaction() as cursor:
        late = queue.claim(cursor)
    assert late
    db.rows("UPDATE trakrf.bulk_import_queue SET not_before = now()")
    importer.work()
    importer.worker._work(late)
    assert len(importer.assets()) == 7
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_chunks WHERE number >= 3") == 0
