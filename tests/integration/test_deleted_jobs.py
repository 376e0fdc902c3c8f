"""A deleted job is invisible from the moment of the answer, even before workers have removed it."""

import threading
from collections.abc import Callable

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.database import connections
from bulkimport.database.connections import Database
from bulkimport.jobs import retention
from bulkimport.worker.loop import Worker
from tests.conftest import FOREIGN, TestDatabase, bearer, csv_of
from tests.e2e.conftest import wait_until
from tests.integration.conftest import URL, Importer, accepted, post, problem


def delete(importer: Importer, job_id: str, account_id: int = 1) -> int:
    return importer.client.delete(f"{URL}/{job_id}", headers=bearer(account_id)).status_code


@pytest.fixture
def deleted_job(importer: Importer) -> str:
    """A job with an asset and a failed row, which no worker has removed yet."""
    job_id = str(importer.run(csv_of("A", "A"))["job_id"])
    assert delete(importer, job_id) == 204
    return job_id


def test_no_request_finds_a_deleted_job(importer: Importer, deleted_job: str) -> None:
    for path in ("", "/errors", "/errors?format=csv", "/failed-rows.csv", "/failed-rows.xlsx"):
        assert importer.get(deleted_job + path).status_code == 404, path
    assert importer.get(deleted_job, headers={"Prefer": "wait=30"}).status_code == 404
    for action in ("cancel", "retry", "revert"):
        assert problem(post(importer, deleted_job, action)) == (404, "not-found")
    assert delete(importer, deleted_job) == 404
    assert importer.client.get(URL, headers=bearer()).get_json()["jobs"] == []
    assert problem(importer.upload(csv_of("B"), parent_job_id=deleted_job)) == (400, "unknown-parent")
    assert importer.assets("identifier", "import_job_id::text") == [("A", deleted_job)]


def test_a_known_etag_does_not_reveal_a_deleted_job(importer: Importer) -> None:
    job_id = importer.run(csv_of("A"))["job_id"]
    etag = importer.get(job_id).headers["ETag"]
    delete(importer, job_id)
    assert importer.get(job_id, headers={"If-None-Match": etag}).status_code == 404


def test_failed_rows_that_name_a_deleted_job_are_refused(importer: Importer) -> None:
    job_id = importer.run(csv_of("A", "A"))["job_id"]
    failed_rows = importer.get(f"{job_id}/failed-rows.csv").data
    delete(importer, job_id)
    refused = importer.upload(failed_rows)
    assert (refused.status_code, refused.get_json()["type"]) == (400, "/problems/unknown-parent")


def test_a_job_can_be_reverted_again_once_its_revert_is_deleted(importer: Importer) -> None:
    job_id = importer.run(csv_of("A"))["job_id"]
    revert = accepted(post(importer, job_id, "revert"))
    importer.work()
    assert delete(importer, revert) == 204
    again = accepted(post(importer, job_id, "revert"))
    importer.work()
    assert importer.job(again)["skipped_rows"] == 1


def test_a_deleted_job_is_removed_before_old_ones(
    importer: Importer, db: TestDatabase, worker_database: Database
) -> None:
    old, foreign = importer.run(csv_of("A"))["job_id"], importer.run(csv_of("A"), FOREIGN)["job_id"]
    db.rows("UPDATE trakrf.bulk_import_finished SET finished_at = '2020-01-01' WHERE account_id = 1")
    assert delete(importer, foreign, FOREIGN) == 204
    assert retention.purge_some(worker_database, days=30)
    assert [str(job_id) for (job_id,) in db.rows("SELECT id FROM trakrf.bulk_import_jobs")] == [old]


def test_a_job_inserted_by_hand_can_be_deleted(
    importer: Importer, db: TestDatabase, worker_database: Database
) -> None:
    job_id = db.value(
        "INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows, processed_rows)"
        " VALUES (1, 'failed', 100, 45) RETURNING id::text"
    )
    assert delete(importer, str(job_id)) == 204
    assert retention.purge_some(worker_database, days=30)
    assert db.rows("SELECT FROM trakrf.bulk_import_jobs") == []


def test_an_old_job_is_hidden_before_its_rows_are_removed(
    importer: Importer, db: TestDatabase, worker_database: Database
) -> None:
    job_id = importer.run(csv_of("A", "A"))["job_id"]
    db.rows("UPDATE trakrf.bulk_import_finished SET finished_at = '2020-01-01'")
    assert retention.purge_some(worker_database, days=30)
    assert importer.get(job_id).status_code == 404
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_errors") == 1


def test_a_failing_purge_does_not_keep_workers_from_importing(
    importer: Importer,
    db: TestDatabase,
    worker_database: Database,
    connect: Callable[[str], Connection],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(connections.LIMITS, "lock_timeout", "50ms")
    old = importer.run(csv_of("A"))["job_id"]
    db.rows("UPDATE trakrf.bulk_import_finished SET finished_at = '2020-01-01'")
    connect(db.admin_url).cursor().execute(
        f"SELECT FROM trakrf.bulk_import_jobs WHERE id = '{old}' FOR UPDATE"
    )
    stopping, wake = threading.Event(), threading.Event()
    worker = Worker(worker_database, stopping=stopping, wake=wake, retention_days=30)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(lambda: "a purge was interrupted" in caplog.messages, "it has tried to purge")
        job_id = accepted(importer.upload(csv_of("B")))
        wait_until(lambda: importer.job(job_id)["status"] == "completed", "the job is done")
    finally:
        stopping.set()
        wake.set()
        thread.join()
    assert importer.get(old).status_code == 200
