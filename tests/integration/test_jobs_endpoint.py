"""The list of jobs, their receipts, and waiting for them."""

import hashlib
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg2.extensions import cursor as Cursor

from bulkimport.auth.tokens import issue_token
from bulkimport.settings import WAITING_PLACES
from bulkimport.store import job_documents
from bulkimport.store.job_documents import State
from tests.conftest import FOREIGN, OWN, SECRET, TestDatabase, bearer, csv_of
from tests.e2e.conftest import wait_until
from tests.integration.conftest import URL, Importer

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def listed(client: FlaskClient, query: str = "", account_id: int = OWN) -> list[str]:
    """The ids of all jobs, read page by page."""
    job_ids, url = [], f"{URL}?limit=2&{query}"
    while url:
        response = client.get(url, headers=bearer(account_id))
        assert response.status_code == 200, response.get_json()
        job_ids += [job["job_id"] for job in response.get_json()["jobs"]]
        url = response.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
    return job_ids


def upload(importer: Importer, file: bytes, account_id: int = OWN, /, **headers: str) -> str:
    response = importer.client.post(
        URL, data=file, content_type="text/csv", headers={**bearer(account_id), **headers}
    )
    return str(response.get_json()["job_id"])


def test_jobs_are_listed_newest_first(importer: Importer, db: TestDatabase) -> None:
    jobs = [upload(importer, csv_of(str(number))) for number in range(5)]
    foreign = upload(importer, csv_of("F"), FOREIGN)
    assert listed(importer.client) == jobs[::-1]
    assert listed(importer.client, account_id=FOREIGN) == [foreign]
    importer.worker.work_once()
    assert listed(importer.client, "status=completed") == jobs[:1]
    assert listed(importer.client, "status=pending") == jobs[:0:-1]
    times = [importer.job(job_id)["created_at"] for job_id in jobs]
    assert listed(importer.client, f"created_after={times[1]}&created_before={times[4]}") == jobs[3:1:-1]
    db.rows("UPDATE trakrf.bulk_import_jobs SET created_by = 'ann' WHERE id = %s::uuid", jobs[2])
    assert listed(importer.client, "created_by=ann") == [jobs[2]]
    page = importer.client.get(URL, headers=bearer()).get_json()
    assert "errors" not in page["jobs"][0]
    assert page["next_cursor"] is None


def test_jobs_created_at_the_same_instant_are_each_listed_once(importer: Importer, db: TestDatabase) -> None:
    jobs = [upload(importer, csv_of(str(number))) for number in range(5)]
    db.rows("UPDATE trakrf.bulk_import_jobs SET created_at = now()")
    assert sorted(listed(importer.client)) == sorted(jobs)


@pytest.mark.parametrize(
    "query",
    ["status=done", "created_after=yesterday", "created_after=2024-01-15", "limit=101", "cursor=x", "x=1"],
)
def test_an_invalid_parameter_is_named(client: FlaskClient, query: str) -> None:
    response = client.get(f"{URL}?{query}", headers=bearer())
    assert response.status_code == 400
    assert [error["field"] for error in response.get_json()["errors"]] == [query.partition("=")[0]]


def test_a_job_has_its_receipt(importer: Importer) -> None:
    file = csv_of("A")
    token = issue_token(SECRET, OWN, account_claim="account_id", lifetime_s=60, subject="ann@example.com")
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "r-7", "traceparent": TRACE}
    named = {"Content-Disposition": 'attachment; filename="C:\\\\stock\\\\june.csv"'}
    job = importer.job(upload(importer, file, **headers, **named))
    assert (job["created_by"], job["request_id"], job["traceparent"]) == ("ann@example.com", "r-7", TRACE)
    assert job["file"] == {
        "name": "june.csv",
        "bytes": len(file),
        "sha256": hashlib.sha256(file).hexdigest(),
    }
    assert importer.job(importer.upload(file).get_json()["job_id"])["file"]["name"] == "assets.csv"


def test_an_invalid_traceparent_is_not_stored(importer: Importer) -> None:
    assert importer.job(upload(importer, csv_of("A"), traceparent="x\x01"))["traceparent"] is None


def test_a_job_in_progress_says_how_fast_it_is_and_when_it_will_finish(
    importer: Importer, db: TestDatabase
) -> None:
    job_id = upload(importer, csv_of(*"ABCDEFG"))
    importer.worker.work_once()
    db.rows(
        "UPDATE trakrf.bulk_import_jobs"
        " SET started_at = '2024-01-15 08:00:00Z', advanced_at = '2024-01-15 08:00:30Z'"
    )
    response = importer.get(job_id)
    job = response.get_json()
    assert (job["progress"], job["rows_per_second"], job["queue_position"]) == (0.4286, 0.1, None)
    assert job["estimated_completion"] == "2024-01-15T08:01:10.000000Z"
    assert response.headers["Retry-After"] == "40"
    importer.work()
    response = importer.get(job_id)
    job = response.get_json()
    assert (job["progress"], job["estimated_completion"]) == (1.0, None)
    assert "Retry-After" not in response.headers


def test_a_job_during_which_the_clock_was_set_back_has_no_speed(importer: Importer, db: TestDatabase) -> None:
    job_id = upload(importer, csv_of(*"ABCDEFG"))
    importer.worker.work_once()
    db.rows("UPDATE trakrf.bulk_import_jobs SET advanced_at = started_at - interval '1 hour'")
    response = importer.get(job_id)
    job = response.get_json()
    assert (job["progress"], job["rows_per_second"], job["estimated_completion"]) == (0.4286, None, None)
    assert response.headers["Retry-After"] == "1"


def waited(
    importer: Importer, job_id: str, seconds: int, account_id: int = OWN, /, **headers: str
) -> tuple[Any, float]:
    started = time.monotonic()
    client = importer.client.application.test_client()
    response = client.get(
        f"{URL}/{job_id}", headers={**bearer(account_id), "Prefer": f"wait={seconds}", **headers}
    )
    return response, time.monotonic() - started


def test_a_finished_job_is_not_waited_for(importer: Importer) -> None:
    job = importer.run(csv_of("A"))
    response, seconds = waited(importer, job["job_id"], 20)
    assert seconds < 5
    assert response.headers["Preference-Applied"] == "wait=20"


def test_waiting_ends_when_the_time_is_up(importer: Importer) -> None:
    response, seconds = waited(importer, upload(importer, csv_of("A")), 1)
    assert 1 <= seconds < 5
    assert (response.status_code, response.get_json()["status"]) == (200, "pending")


def test_waiting_ends_when_the_job_changes_its_state(importer: Importer) -> None:
    job_id = upload(importer, csv_of("A"))
    answers: list[tuple[Any, float]] = []
    thread = threading.Thread(target=lambda: answers.append(waited(importer, job_id, 30)))
    thread.start()
    importer.work()
    thread.join()
    ((response, seconds),) = answers
    assert response.get_json()["status"] == "completed"
    assert seconds < 15


def test_waiting_with_an_etag_ends_with_the_next_step(importer: Importer) -> None:
    job_id = upload(importer, csv_of(*"ABCDEFG"))
    importer.worker.work_once()
    etag = importer.get(job_id).headers["ETag"]
    response, _ = waited(importer, job_id, 1, **{"If-None-Match": etag})
    assert (response.status_code, response.headers["Preference-Applied"]) == (304, "wait=1")
    answers: list[tuple[Any, float]] = []
    thread = threading.Thread(
        target=lambda: answers.append(waited(importer, job_id, 30, **{"If-None-Match": etag}))
    )
    thread.start()
    importer.worker.work_once()
    thread.join()
    ((response, seconds),) = answers
    assert (response.status_code, response.get_json()["processed_rows"]) == (200, 6)
    assert seconds < 15


def test_an_outdated_etag_is_not_waited_with(importer: Importer) -> None:
    job_id = upload(importer, csv_of(*"ABCDEFG"))
    importer.worker.work_once()
    etag = importer.get(job_id).headers["ETag"]
    importer.worker.work_once()
    response, seconds = waited(importer, job_id, 20, **{"If-None-Match": etag})
    assert (response.status_code, response.get_json()["processed_rows"]) == (200, 6)
    assert seconds < 10


@contextmanager
def waiting(importer: Importer, job_ids: Sequence[str], account_id: int = OWN) -> Iterator[list[Any]]:
    """One request for each job waits while the block runs; then the list has their responses."""
    places = importer.client.application.extensions["waiting_places"]
    free = places._value
    responses: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda job_id=job_id: responses.append(waited(importer, job_id, 30, account_id)[0])
        )
        for job_id in job_ids
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: places._value == free - len(job_ids), "all requests wait")
    yield responses
    for thread in threads:
        thread.join()


def test_waiting_requests_hold_no_connection_and_leave_none_out(importer: Importer) -> None:
    job_id = upload(importer, csv_of("A"))
    with waiting(importer, [job_id] * WAITING_PLACES) as responses:
        assert importer.get(job_id).status_code == 200
        response, seconds = waited(importer, job_id, 30)
        assert seconds < 5
        assert (response.status_code, "Preference-Applied" in response.headers) == (200, False)
        importer.work()
    assert {response.headers["Preference-Applied"] for response in responses} == {"wait=30"}


def test_jobs_that_are_waited_for_are_looked_at_in_one_statement_per_account(
    importer: Importer, db: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[tuple[int, int]] = []
    get_states = job_documents.get_states

    def counted(cursor: Cursor, *, account_id: int, job_ids: Collection[UUID]) -> dict[UUID, State]:
        looks.append((account_id, len(job_ids)))
        return get_states(cursor, account_id=account_id, job_ids=job_ids)

    own, foreign = [upload(importer, csv_of(name)) for name in "AB"], upload(importer, csv_of("F"), FOREIGN)
    with waiting(importer, own) as responses, waiting(importer, [foreign], FOREIGN) as foreign_responses:
        monkeypatch.setattr(job_documents, "get_states", counted)
        wait_until(lambda: {(OWN, 2), (FOREIGN, 1)} <= set(looks), "both accounts are looked at")
        looks.clear()
        wait_until(lambda: len(looks) >= 4, "they are looked at again")
        assert set(looks) == {(OWN, 2), (FOREIGN, 1)}
        importer.work()
    ids = sorted(response.get_json()["job_id"] for response in responses + foreign_responses)
    assert ids == sorted([*own, foreign])


@pytest.mark.parametrize(
    "change",
    ["UPDATE trakrf.bulk_import_jobs SET deleted_at = now()", "UPDATE trakrf.accounts SET is_active = false"],
    ids=["deleted", "inactive"],
)
def test_waiting_ends_when_the_job_may_not_be_seen_any_more(
    importer: Importer, db: TestDatabase, change: str
) -> None:
    started = time.monotonic()
    with waiting(importer, [upload(importer, csv_of("A"))]) as responses:
        db.rows(change)
    assert responses[0].status_code in (403, 404)
    assert time.monotonic() - started < 15


def test_waiting_ends_with_503_when_the_database_is_gone(importer: Importer, db: TestDatabase) -> None:
    with waiting(importer, [upload(importer, csv_of("A"))]) as responses:
        db.rows("ALTER ROLE bulkimport_web_login NOLOGIN")
        try:
            db.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'bulkimport_web_login' AND datname = current_database()"
            )
            wait_until(lambda: responses, "the request is answered", 20)
        finally:
            db.rows("ALTER ROLE bulkimport_web_login LOGIN")
    assert responses[0].status_code == 503
