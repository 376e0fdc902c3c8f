"""GET /api/v1/assets/bulk/{jobId}."""

import re
import threading
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from marshmallow import RAISE

from bulkimport.api.job_schemas import JobSchema
from bulkimport.database.connections import Database
from bulkimport.jobs.options import Options
from bulkimport.store import jobs
from bulkimport.web.schemas import rfc3339
from bulkimport.worker.loop import Worker
from tests.conftest import ABSENT, FOREIGN, INACTIVE, OWN, TestDatabase, bearer, csv_of, submit
from tests.integration.conftest import Importer
from tests.support.description import require_described

NOT_AS_STORED = {"errors", "options"}  # a job that was inserted by hand lacks parts of them
UNUSUAL_OPTIONS = {
    "date_format": '{"valid_to": "auto"}',
    "on_conflict": "update",
    "defaults": '{"description": "größer"}',
    "clear_value": "–",
}
OTHER_RELEASE = '{"date_format": {"valid_from": "DD/MM/YYYY"}, "unknown": 1, "numbers_above": 7}'
URL = "/api/v1/assets/bulk"
ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
BY_HAND = """
SET search_path=trakrf,public;
INSERT INTO bulk_import_jobs (id, account_id, status, total_rows, processed_rows, failed_rows, errors)
VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 1, 'processing', 100, 45, 2,
        '[{"row": 12, "field": "identifier", "error": "must be unique"}]'::jsonb);
"""


def get(client: FlaskClient, job_id: object, account_id: int = OWN) -> tuple[int, dict[str, Any]]:
    response = client.get(f"{URL}/{job_id}", headers=bearer(account_id))
    return response.status_code, response.get_json()


def work(database: Database) -> bool:
    return Worker(database, stopping=threading.Event(), wake=threading.Event(), retention_days=30).work_once()


def test_a_pending_job(client: FlaskClient, web_database: Database) -> None:
    job_id = submit(web_database, csv_of("A", "B"))
    status, job = get(client, job_id)
    assert status == 200
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", job.pop("created_at"))
    assert job == {
        "job_id": str(job_id),
        "kind": "import",
        "status": "pending",
        "total_rows": 2,
        "processed_rows": 0,
        "created_rows": 0,
        "updated_rows": 0,
        "unchanged_rows": 0,
        "removed_rows": None,
        "skipped_rows": 0,
        "failed_rows": 0,
        "successful_rows": None,
        "blank_rows": 0,
        "progress": 0.0,
        "rows_per_second": None,
        "estimated_completion": None,
        "queue_position": 1,
        "cancel_requested": False,
        "started_at": None,
        "completed_at": None,
        "failure": None,
        "options": {
            "charset": "utf-8",
            "delimiter": ",",
            "sheet": None,
            "header_row": 1,
            "columns": {},
            "date_format": "YYYY-MM-DD",
            "date_formats": {"valid_from": "YYYY-MM-DD", "valid_to": "YYYY-MM-DD"},
            "accept_numbers": False,
            "dry_run": False,
            "on_conflict": "error",
            "on_error": "continue",
            "defaults": {},
            "identifiers": "file",
            "empty": "keep",
            "clear_value": None,
        },
        "ignored_columns": [],
        "parent_job_id": None,
        "created_by": None,
        "file": None,
        "request_id": None,
        "traceparent": None,
        "error_summary": [],
        "errors": [],
    }


def test_a_completed_job(client: FlaskClient, web_database: Database, worker_database: Database) -> None:
    job_id = submit(web_database, csv_of("A", "A"))
    assert work(worker_database)
    _, job = get(client, job_id)
    assert (job["status"], job["processed_rows"], job["failed_rows"], job["successful_rows"]) == (
        "completed",
        2,
        1,
        1,
    )
    assert job["created_at"] < job["completed_at"] < "9999"
    assert job["completed_at"].endswith("Z")
    assert job["errors"] == [
        {
            "row": 3,
            "line": 3,
            "field": "identifier",
            "code": "duplicate_in_file",
            "message": 'identifier "A" must be unique; it is already in row 2',
            "value": "A",
            "error": 'identifier "A" must be unique; it is already in row 2',
        }
    ]


def test_an_unfinished_job_says_when_to_poll_again(client: FlaskClient, web_database: Database) -> None:
    job_id = submit(web_database, csv_of("A"))
    assert client.get(f"{URL}/{job_id}", headers=bearer()).headers["Retry-After"] == "1"


def test_a_job_inserted_by_hand_is_shown_and_no_worker_touches_it(
    db: TestDatabase, client: FlaskClient, worker_database: Database
) -> None:
    db.rows(BY_HAND)
    assert not work(worker_database)
    status, job = get(client, ID)
    assert status == 200
    assert (job["job_id"], job["status"], job["total_rows"]) == (ID, "processing", 100)
    assert (job["processed_rows"], job["failed_rows"], job["successful_rows"]) == (45, 2, None)
    assert job["errors"] == [
        {
            "row": 12,
            "line": 0,
            "field": "identifier",
            "code": "unspecified",
            "message": "must be unique",
            "value": None,
            "error": "must be unique",
        }
    ]


def test_errors_that_were_inserted_by_hand_need_not_be_objects(db: TestDatabase, client: FlaskClient) -> None:
    db.rows(BY_HAND)
    errors = '[{"row": 1}, null, 2, "three", [4], {"row": null, "error": {}}]'
    db.rows("UPDATE trakrf.bulk_import_jobs SET errors = %s WHERE id = %s", errors, ID)
    status, job = get(client, ID)
    assert status == 200
    assert [error["row"] for error in job["errors"]] == [1, None, None, None, None, None]


def test_a_job_inserted_by_hand_has_every_field_that_is_described(
    db: TestDatabase, client: FlaskClient
) -> None:
    db.rows(BY_HAND)
    description = client.get("/openapi.json").get_json()
    require_described(client.get(f"{URL}/{ID}", headers=bearer()), description)


def test_a_job_in_any_state_is_rendered_as_its_schema_describes_it(
    db: TestDatabase, importer: Importer, web_database: Database
) -> None:
    db.rows(BY_HAND)
    importer.run(csv_of("A", "A"))
    importer.run(csv_of("B", "B"), on_error="abort")
    for _ in range(2):
        importer.run(csv_of("D"), **UNUSUAL_OPTIONS)
    cancelled = importer.upload(csv_of("C")).get_json()["job_id"]
    importer.client.post(f"{URL}/{cancelled}/cancel", headers=bearer())
    db.rows("UPDATE trakrf.bulk_import_jobs SET options = %s WHERE id = %s", OTHER_RELEASE, cancelled)
    importer.upload(csv_of("P"))
    description = importer.client.get("/openapi.json").get_json()
    listed = importer.client.get(URL, headers=bearer())
    require_described(listed, description)
    documents = []
    for job_id in [one["job_id"] for one in listed.get_json()["jobs"]]:
        response = importer.get(job_id)
        require_described(response, description)
        documents.append(response.get_json())
        JobSchema().load(documents[-1], unknown=RAISE)
        with web_database.tenant_read(OWN) as cursor:
            job = jobs.require(cursor, account_id=OWN, job_id=UUID(job_id))
        for name in documents[-1].keys() & vars(job).keys() - NOT_AS_STORED:
            stored = getattr(job, name)
            rendered = rfc3339(stored) if isinstance(stored, datetime) else stored
            assert documents[-1][name] == rendered, name
        options = Options.from_stored(job.options)
        derived = {"date_format": options.date_formats["valid_from"], "date_formats": options.date_formats}
        shown = options.stored() | derived
        del shown["numbers_above"], shown["dated_defaults"]
        assert documents[-1]["options"] == shown
    without = {"errors", "queue_position"}
    assert [{k: v for k, v in one.items() if k not in without} for one in documents] == listed.get_json()[
        "jobs"
    ]
    assert {document["status"] for document in documents} == set(jobs.STATUSES)
    assert {document["unchanged_rows"] for document in documents} == {0, 1}


@pytest.mark.parametrize(
    "text", ["x", "123", f"{{{ID}}}", f"urn:uuid:{ID}", ID.replace("-", ""), ID[:-1], "%00"]
)
def test_a_malformed_job_id_is_400(client: FlaskClient, text: str) -> None:
    status, problem = get(client, text)
    assert (status, problem["type"]) == (400, "/problems/invalid-id")


def test_upper_case_is_the_same_uuid(db: TestDatabase, client: FlaskClient) -> None:
    db.rows(BY_HAND)
    assert get(client, ID.upper())[1]["job_id"] == ID


def test_a_missing_token_is_401_even_for_a_malformed_id(client: FlaskClient) -> None:
    for job_id in (ID, "x"):
        response = client.get(f"{URL}/{job_id}")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="bulkimport"'


def test_another_accounts_job_and_an_absent_one_answer_the_same(
    client: FlaskClient, web_database: Database
) -> None:
    foreign = str(submit(web_database, csv_of("A"), FOREIGN))
    headers = {**bearer(), "X-Request-ID": "r-1"}
    answers = [client.get(f"{URL}/{job_id}", headers=headers) for job_id in (foreign, ID)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data.replace(foreign.encode(), ID.encode()) == answers[1].data
    assert get(client, foreign, FOREIGN)[0] == 200


@pytest.mark.parametrize("account_id", [INACTIVE, ABSENT])
def test_an_account_that_is_not_active_is_403(client: FlaskClient, account_id: int) -> None:
    status, problem = get(client, ID, account_id)
    assert (status, problem["type"]) == (403, "/problems/inactive-account")


def test_an_internal_error_is_500_without_internals(
    db: TestDatabase, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    db.rows("ALTER TABLE trakrf.bulk_import_jobs RENAME failure TO reason")
    status, problem = get(client, ID)
    assert (status, problem["type"]) == (500, "/problems/internal-error")
    assert "failure" not in str(problem)
    assert "UndefinedColumn" in caplog.text


def test_a_job_that_did_not_change_is_304(
    client: FlaskClient, web_database: Database, worker_database: Database
) -> None:
    url = f"{URL}/{submit(web_database, csv_of('A'))}"
    etag = client.get(url, headers=bearer()).headers["ETag"]
    for known in (etag, f'"other", W/{etag}', "*"):
        response = client.get(url, headers={**bearer(), "If-None-Match": known})
        assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", etag)
        assert response.headers["Cache-Control"] == "private, no-cache"

    work(worker_database)

    changed = client.get(url, headers={**bearer(), "If-None-Match": etag})
    assert (changed.status_code, changed.get_json()["status"]) == (200, "completed")
    assert changed.headers["ETag"] != etag


def test_an_etag_does_not_reveal_another_accounts_job(client: FlaskClient, web_database: Database) -> None:
    foreign = f"{URL}/{submit(web_database, csv_of('A'), FOREIGN)}"
    etag = client.get(foreign, headers=bearer(FOREIGN)).headers["ETag"]
    for known in (etag, "*"):
        headers = {"If-None-Match": known}
        assert client.get(foreign, headers={**bearer(), **headers}).status_code == 404
        assert client.get(foreign, headers={**bearer(INACTIVE), **headers}).status_code == 403
        assert client.get(foreign, headers=headers).status_code == 401
