"""Cancel, delete, retry and revert."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from werkzeug.test import TestResponse

from bulkimport.database.connections import Database
from bulkimport.importing.chunk import import_chunk
from bulkimport.jobs import retention
from tests.conftest import FOREIGN, HEADER, TestDatabase, bearer, csv_of
from tests.integration.conftest import URL, Importer, accepted, counts, post, problem

ABSENT_JOB = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
ACTIONS = ("cancel", "retry", "revert")


def followed(importer: Importer, response: TestResponse) -> dict[str, Any]:
    """The job that was accepted, finished."""
    job_id = accepted(response)
    importer.work()
    return importer.job(job_id)


@contextmanager
def held_by_workers(db: TestDatabase) -> Iterator[None]:
    """As if a worker were processing a chunk of each job."""
    connection = psycopg2.connect(db.admin_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM trakrf.bulk_import_queue FOR UPDATE")
        yield
        connection.rollback()  # returns once the locks are free; close() does not wait for that
    finally:
        connection.close()


def cancelled_during_a_chunk(
    importer: Importer, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The job, whose cancellation was requested while its chunks were being imported."""

    def cancel_and_import(*arguments: Any) -> Any:
        assert post(importer, job_id, "cancel").status_code == 202
        return import_chunk(*arguments)

    monkeypatch.setattr("bulkimport.importing.step.import_chunk", cancel_and_import)
    importer.work()
    return importer.job(job_id)


def row(identifier: str, name: str = "Laptop") -> str:
    return f"{identifier},{name},device,,2024-01-15,,yes\n"


def file_of(*rows: str) -> bytes:
    return (HEADER + "".join(rows)).encode()


def test_a_pending_job_is_cancelled_at_once(importer: Importer) -> None:
    job_id = accepted(importer.upload(csv_of("A")))
    for _ in range(2):
        cancelled = post(importer, job_id, "cancel")
        assert (cancelled.status_code, cancelled.get_json()["status"]) == (200, "cancelled")
    importer.work()
    assert importer.assets() == []
    assert importer.job(job_id)["completed_at"]


def test_a_job_being_processed_is_cancelled_after_its_chunk(importer: Importer, db: TestDatabase) -> None:
    job_id = accepted(importer.upload(csv_of(*"ABCDEFG")))
    importer.worker.work_once()
    with held_by_workers(db):
        cancelled = post(importer, job_id, "cancel")
    assert cancelled.status_code == 202
    assert (cancelled.get_json()["status"], cancelled.get_json()["cancel_requested"]) == ("processing", True)
    importer.work()
    job = importer.job(job_id)
    assert (job["status"], counts(job), len(importer.assets())) == ("cancelled", {"created": 3}, 3)


def test_a_cancel_that_comes_during_a_chunk_ends_the_job_with_it(
    importer: Importer, db: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = accepted(importer.upload(csv_of(*"ABCDEFG")))

    job = cancelled_during_a_chunk(importer, job_id, monkeypatch)
    assert (job["status"], counts(job), len(importer.assets())) == ("cancelled", {"created": 3}, 3)


def test_an_all_or_nothing_job_is_cancelled_with_nothing_imported(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = accepted(importer.upload(csv_of(*"ABCDEFG"), on_error="abort"))

    job = cancelled_during_a_chunk(importer, job_id, monkeypatch)
    assert (job["status"], counts(job), importer.assets()) == ("cancelled", {}, [])


def test_a_finished_job_cannot_be_cancelled(importer: Importer) -> None:
    job = importer.run(csv_of("A"))
    assert problem(post(importer, job["job_id"], "cancel")) == (409, "job-finished")


def test_a_job_inserted_by_hand_can_be_cancelled(importer: Importer, db: TestDatabase) -> None:
    job_id = db.value(
        "INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows, processed_rows)"
        " VALUES (1, 'processing', 100, 45) RETURNING id::text"
    )
    assert post(importer, str(job_id), "cancel").get_json()["status"] == "cancelled"


def test_a_finished_job_is_deleted_and_its_assets_stay(
    importer: Importer, db: TestDatabase, worker_database: Database
) -> None:
    job = importer.run(csv_of("A", "A"))
    for expected in (204, 404):
        assert importer.client.delete(f"{URL}/{job['job_id']}", headers=bearer()).status_code == expected
    while retention.purge_some(worker_database, days=30):
        pass
    assert importer.assets("identifier") == [("A",)]
    for table in ("jobs", "chunks", "errors", "finished", "queue"):
        assert db.value(f"SELECT count(*) FROM trakrf.bulk_import_{table}") == 0


def test_an_unfinished_job_is_not_deleted(importer: Importer) -> None:
    job_id = accepted(importer.upload(csv_of("A")))
    assert problem(importer.client.delete(f"{URL}/{job_id}", headers=bearer())) == (409, "job-unfinished")
    for action in ("retry", "revert"):
        assert problem(post(importer, job_id, action)) == (409, "job-unfinished")


@pytest.mark.parametrize("action", [*ACTIONS, "delete"])
def test_another_accounts_job_and_an_absent_one_get_the_same_answer(importer: Importer, action: str) -> None:
    foreign = importer.run(csv_of("A", "A"), FOREIGN)["job_id"]
    answers = []
    for job_id in (foreign, ABSENT_JOB):
        headers = {"X-Request-ID": "r-1"}
        if action == "delete":
            answer = importer.client.delete(f"{URL}/{job_id}", headers={**bearer(), **headers})
        else:
            answer = post(importer, job_id, action, **headers)
        assert answer.status_code == 404
        answers.append(answer.data.replace(job_id.encode(), b""))
    assert answers[0] == answers[1]


def test_a_retry_takes_only_the_failed_rows(importer: Importer) -> None:
    rows = [row("A"), row("B", ""), row("C"), row("D"), row("HELD"), row("F"), row("G", "")]
    importer.run(csv_of("HELD"))
    job = importer.run(file_of(*rows))
    assert counts(job) == {"created": 4, "failed": 3}
    importer.db.rows("UPDATE trakrf.assets SET deleted_at = now() WHERE identifier = 'HELD'")
    retried = followed(importer, post(importer, job["job_id"], "retry"))
    assert (retried["parent_job_id"], retried["total_rows"]) == (job["job_id"], 3)
    assert counts(retried) == {"created": 1, "failed": 2}
    assert importer.errors(retried) == [(3, "name", "required"), (8, "name", "required")]
    again = followed(importer, post(importer, retried["job_id"], "retry"))
    assert (again["total_rows"], importer.errors(again)) == (2, importer.errors(retried))
    failed_rows = importer.get(f"{again['job_id']}/failed-rows.csv").get_data(as_text=True)
    assert [line.split(",")[0] for line in failed_rows.splitlines()[1:]] == ["B", "G"]


def test_a_retry_takes_what_a_cancelled_job_never_reached(importer: Importer) -> None:
    job_id = accepted(importer.upload(file_of(row("A"), row("B", ""), *map(row, "CDEFGHI"))))
    importer.worker.work_once()
    assert post(importer, job_id, "cancel").status_code == 200
    retried = followed(importer, post(importer, job_id, "retry"))
    assert (retried["total_rows"], counts(retried)) == (7, {"created": 6, "failed": 1})
    assert importer.errors(retried) == [(3, "name", "required")]
    assert [identifier for (identifier,) in importer.assets("identifier")] == list("ACDEFGHI")


def test_a_retry_of_all_or_nothing_takes_every_row(importer: Importer) -> None:
    importer.run(csv_of("E"))
    job = importer.run(csv_of(*"ABCDEFG"), on_error="abort")
    assert job["status"] == "failed"
    importer.db.rows("UPDATE trakrf.assets SET deleted_at = now()")
    retried = followed(importer, post(importer, job["job_id"], "retry"))
    assert (retried["status"], counts(retried)) == ("completed", {"created": 7})


def test_a_job_without_failed_rows_cannot_be_retried(importer: Importer) -> None:
    job = importer.run(csv_of("A"))
    assert problem(post(importer, job["job_id"], "retry")) == (409, "nothing-to-retry")


def test_a_revert_removes_what_was_created_and_restores_what_was_changed(importer: Importer) -> None:
    columns = ("identifier", "name", "description", "valid_from", "valid_to", "is_active", "metadata")
    importer.run(file_of(row("B", "before"), row("D", "before")))
    before = importer.assets(*columns)
    job = importer.run(
        (HEADER.strip() + ",metadata.a\n").encode()
        + b"".join(f"{x},after,device,new,2023-01-15,2030-01-01,no,1\n".encode() for x in "ABCDEFG"),
        on_conflict="update",
    )
    assert counts(job) == {"created": 5, "updated": 2}
    assert importer.assets(*columns) != before
    reverted = followed(importer, post(importer, job["job_id"], "revert"))
    assert (reverted["kind"], reverted["status"], reverted["total_rows"]) == ("revert", "completed", 7)
    assert (reverted["removed_rows"], reverted["updated_rows"], reverted["failed_rows"]) == (5, 2, 0)
    assert importer.assets(*columns) == before


def test_a_revert_keeps_and_lists_assets_that_changed_since(importer: Importer) -> None:
    importer.run(file_of(row("B", "before")))
    job = importer.run(file_of(*(row(x, "after") for x in "ABCDE")), on_conflict="update")
    importer.run(file_of(row("A", "since"), row("B", "since")), on_conflict="update")
    importer.db.rows("UPDATE trakrf.assets SET deleted_at = now(), version = 2 WHERE identifier = 'C'")
    reverted = followed(importer, post(importer, job["job_id"], "revert"))
    numbers = [reverted[f"{name}_rows"] for name in ("removed", "updated", "skipped", "failed")]
    assert numbers == [2, 0, 1, 2]
    assert importer.errors(reverted) == [
        (2, "identifier", "changed_since"),
        (3, "identifier", "changed_since"),
    ]
    assert importer.assets() == [("A", "since"), ("B", "since")]


def test_a_job_is_reverted_once(importer: Importer) -> None:
    job = importer.run(csv_of("A"))
    first = post(importer, job["job_id"], "revert")
    assert problem(post(importer, job["job_id"], "revert")) == (409, "already-reverted")
    assert problem(importer.client.delete(f"{URL}/{job['job_id']}", headers=bearer())) == (
        409,
        "job-unfinished",
    )
    reverted = followed(importer, first)
    for job_id, expected in (
        (job["job_id"], (409, "already-reverted")),
        (reverted["job_id"], (409, "nothing-to-revert")),
    ):
        assert problem(post(importer, job_id, "revert")) == expected
    assert problem(post(importer, reverted["job_id"], "retry")) == (409, "nothing-to-retry")


def test_a_cancelled_revert_can_be_resumed(importer: Importer) -> None:
    job = importer.run(csv_of(*"ABCDEFG"))
    first = accepted(post(importer, job["job_id"], "revert"))
    importer.worker.work_once()
    assert post(importer, first, "cancel").get_json()["removed_rows"] == 3
    assert len(importer.assets()) == 4
    second = followed(importer, post(importer, job["job_id"], "revert"))
    assert (second["removed_rows"], second["skipped_rows"]) == (4, 3)
    assert importer.assets() == []


def test_a_resumed_revert_skips_what_was_restored(importer: Importer) -> None:
    importer.run(csv_of(*"ABCD"))
    job = importer.run(file_of(*(row(x, "after") for x in "ABCDEFG")), on_conflict="update")
    first = accepted(post(importer, job["job_id"], "revert"))
    importer.worker.work_once()
    assert post(importer, first, "cancel").get_json()["updated_rows"] == 3
    second = followed(importer, post(importer, job["job_id"], "revert"))
    numbers = [second[f"{name}_rows"] for name in ("total", "removed", "updated", "skipped")]
    assert (second["status"], numbers) == ("completed", [7, 3, 1, 3])
    assert importer.assets() == [(x, "Laptop") for x in "ABCD"]


def test_a_dry_run_leaves_nothing_to_revert(importer: Importer) -> None:
    job = importer.run(csv_of("A"), dry_run="true")
    assert problem(post(importer, job["job_id"], "revert")) == (409, "nothing-to-revert")


def test_the_same_key_does_the_same_thing_once(importer: Importer, db: TestDatabase) -> None:
    job = importer.run(csv_of("A", "A"))
    key = {"Idempotency-Key": "k-1"}
    answers = [post(importer, job["job_id"], "retry", **key) for _ in range(2)]
    assert answers[0].data == answers[1].data
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 2
    assert problem(post(importer, job["job_id"], "revert", **key)) == (422, "idempotency-key-reused")


def test_the_same_upload_with_the_same_key_is_one_job(importer: Importer, db: TestDatabase) -> None:
    def upload(file: bytes, account_id: int = 1, **options: str) -> TestResponse:
        headers = {**bearer(account_id), "Idempotency-Key": "k"}
        url = URL + "?" + "&".join(f"{name}={value}" for name, value in options.items())
        return importer.client.post(url, data=file, content_type="text/csv", headers=headers)

    first, second = upload(csv_of("A")), upload(csv_of("A"))
    assert first.data == second.data
    assert second.headers["Idempotency-Replayed"] == "true"
    assert problem(upload(csv_of("B"))) == (422, "idempotency-key-reused")
    assert problem(upload(csv_of("A"), dry_run="true")) == (422, "idempotency-key-reused")
    assert upload(csv_of("A"), FOREIGN).status_code == 202
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 2
    db.rows("UPDATE trakrf.idempotency_keys SET created_at = now() - interval '25 hours'")
    assert "Idempotency-Replayed" not in upload(csv_of("B")).headers


def test_the_same_key_at_the_same_time_is_one_job(importer: Importer, db: TestDatabase) -> None:
    answers: list[TestResponse] = []

    def upload() -> None:
        client = importer.client.application.test_client()
        headers = {**bearer(), "Idempotency-Key": "k"}
        answers.append(client.post(URL, data=csv_of("A"), content_type="text/csv", headers=headers))

    threads = [threading.Thread(target=upload) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.data for answer in answers}) == 1
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 1


def test_a_refused_request_does_not_use_its_key_up(importer: Importer) -> None:
    headers = {**bearer(), "Idempotency-Key": "k"}
    for file, status in ((b"", 400), (csv_of("A"), 202)):
        answer = importer.client.post(URL, data=file, content_type="text/csv", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_malformed_key_is_refused(importer: Importer, key: str) -> None:
    headers = {**bearer(), "Idempotency-Key": key}
    answer = importer.client.post(URL, data=csv_of("A"), content_type="text/csv", headers=headers)
    assert problem(answer) == (400, "invalid-idempotency-key")


def test_unfinished_jobs_of_an_account_are_limited(importer: Importer, db: TestDatabase) -> None:
    object.__setattr__(importer.client.application.extensions["settings"], "max_active_jobs_per_account", 2)
    jobs = [accepted(importer.upload(csv_of(x, x))) for x in "AB"]
    refused = importer.upload(csv_of("C"))
    assert problem(refused) == (429, "too-many-jobs")
    assert refused.headers["Retry-After"] == "5"
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_chunks") == 2, "nothing is left behind"
    assert importer.upload(csv_of("C"), FOREIGN).status_code == 202
    importer.work()
    assert [importer.job(job_id)["status"] for job_id in jobs] == ["completed"] * 2
    assert importer.upload(csv_of("C")).status_code == 202


def test_accounts_take_turns_in_the_queue(importer: Importer) -> None:
    own = [accepted(importer.upload(csv_of(f"{x}1", f"{x}2", f"{x}3", f"{x}4"))) for x in "ABC"]
    assert [importer.job(job_id)["queue_position"] for job_id in own] == [1, 2, 3]
    foreign = accepted(importer.upload(csv_of("X"), FOREIGN))
    assert importer.job(foreign, FOREIGN)["queue_position"] == 1
    for _ in range(2):
        importer.worker.work_once()
    assert importer.job(foreign, FOREIGN)["status"] == "completed"
    assert importer.job(own[1])["status"] == "pending"
