"""The API as other services use it: over HTTP, against gunicorn and workers."""

import hashlib
import http.client
import json
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.conftest import FOREIGN, OWN, bearer, csv_of
from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until

BULK = "/api/v1/assets/bulk"
ASSETS = "/api/v1/assets"
ASSET = {
    "identifier": "TV-1",
    "name": "Telly",
    "type": "device",
    "valid_from": "2024-01-15",
    "is_active": True,
    "metadata": {"colour": "grey"},
}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        return str(self.json["type"]).removeprefix("/problems/")


def call(
    service: Service,
    method: str,
    path: str,
    body: object = None,
    account_id: int = OWN,
    /,
    **headers: str,
) -> Answer:
    """`body`: bytes as CSV, anything else as JSON."""
    kind = "text/csv" if isinstance(body, bytes) else "application/json"
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    try:
        connection.request(
            method,
            path,
            sent,
            {
                **bearer(account_id),
                **({"Content-Type": kind} if sent is not None else {}),
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def accepted(answer: Answer) -> str:
    assert answer.status == 202, answer.body
    return str(answer.json["job_id"])


def test_jobs_are_listed_page_by_page(service: Service) -> None:
    service.start_web()
    jobs = [service.upload(csv_of(str(number))) for number in range(5)]
    service.upload(csv_of("F"), FOREIGN)
    job_ids, url = [], f"{BULK}?limit=2&status=pending"
    while url:
        answer = call(service, "GET", url)
        job_ids += [job["job_id"] for job in answer.json["jobs"]]
        url = answer.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
    assert job_ids == jobs[::-1]
    assert [service.job(job_id)["queue_position"] for job_id in jobs] == [1, 2, 3, 4, 5]
    times = [service.job(job_id)["created_at"] for job_id in jobs]
    between = call(service, "GET", f"{BULK}?created_after={times[0]}&created_before={times[3]}")
    assert [job["job_id"] for job in between.json["jobs"]] == [jobs[2], jobs[1]]
    assert call(service, "GET", f"{BULK}?created_by=nobody").json["jobs"] == []


def test_a_job_being_processed_is_cancelled_and_retried(service: Service) -> None:
    service.start_web(CHUNK_ROWS="100")
    csv = csv_file(20_000, bad_every=500)
    job_id = service.upload(csv)
    service.start_worker()
    wait_until(lambda: service.job(job_id)["processed_rows"] > 500, "the import has begun")
    running = call(service, "GET", f"{BULK}/{job_id}")
    assert 1 <= int(running.headers["Retry-After"]) <= 60
    assert 0 < running.json["progress"] < 1
    assert running.json["rows_per_second"] > 0
    assert running.json["estimated_completion"] > running.json["started_at"]
    assert call(service, "DELETE", f"{BULK}/{job_id}").problem == "job-unfinished"
    started = time.monotonic()
    assert call(service, "POST", f"{BULK}/{job_id}/cancel").status in (200, 202)
    job = service.wait_for(job_id)
    assert time.monotonic() - started < 5
    assert (job["status"], 500 < job["processed_rows"] < 20_000) == ("cancelled", True)
    assert call(service, "POST", f"{BULK}/{job_id}/cancel").status == 200

    retried = service.wait_for(accepted(call(service, "POST", f"{BULK}/{job_id}/retry")))
    assert retried["parent_job_id"] == job_id
    assert retried["total_rows"] == 20_000 - job["created_rows"]
    assert job["created_rows"] + retried["created_rows"] == 20_000 - 40
    assert service.db.value("SELECT count(DISTINCT import_row) FROM trakrf.assets") == 20_000 - 40
    assert call(service, "POST", f"{BULK}/{retried['job_id']}/cancel").problem == "job-finished"
    assert call(service, "DELETE", f"{BULK}/{retried['job_id']}").status == 204
    assert call(service, "GET", f"{BULK}/{retried['job_id']}").status == 404
    assert service.db.value("SELECT count(*) FROM trakrf.assets") == 20_000 - 40


def test_a_file_is_previewed_planned_applied_undone_and_exported(service: Service) -> None:
    service.start_web(CHUNK_ROWS="100")
    service.start_worker()
    service.wait_for(service.upload(csv_file(1_000)))
    fields = (
        "SELECT identifier, name, type, description, valid_from, valid_to, is_active, metadata "
        "FROM trakrf.assets"
    )
    snapshot = f"{fields} WHERE deleted_at IS NULL AND identifier <> 'A-500' ORDER BY 1"
    kept = service.db.rows(snapshot)
    csv = csv_file(1_200).replace(b"Laptop", b"Notebook")
    status, preview = service.request(
        "POST", f"{BULK}/preview?dry_run=true&on_conflict=update", csv, OWN, **{"Content-Type": "text/csv"}
    )
    assert (status, preview["rows_read"], preview["problems"]) == (200, 1_000, [])
    options = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in preview["options"].items()
    }
    plan_id = service.upload(csv, options=f"?{urlencode(options)}")
    planned = service.wait_for(plan_id)
    assert (planned["updated_rows"], planned["created_rows"]) == (1_000, 200)
    shown = call(service, "GET", f"{BULK}/{plan_id}/changes?action=update&limit=1").json["changes"]
    assert shown == [
        {
            "row": 2,
            "identifier": "A-0",
            "action": "update",
            "changes": {"name": {"from": "Laptop, 0", "to": "Notebook, 0"}},
        }
    ]
    etag = call(service, "GET", f"{BULK}/{plan_id}").headers["ETag"]

    asset = call(service, "GET", f"{ASSETS}?identifier=A-500").json["assets"][0]
    assert call(service, "PATCH", f"{ASSETS}/{asset['id']}", {"name": "Mine"}).status == 200
    stale = call(service, "POST", f"{BULK}/{plan_id}/apply", If_Match='"0.0.0"')
    assert stale.problem == "precondition-failed"
    applied_id = accepted(call(service, "POST", f"{BULK}/{plan_id}/apply", If_Match=etag))
    applied = service.wait_for(applied_id)
    assert [applied[f"{name}_rows"] for name in ("updated", "created", "failed")] == [999, 200, 1]
    errors = call(service, "GET", f"{BULK}/{applied_id}/errors").json["errors"]
    assert [(error["row"], error["code"]) for error in errors] == [(502, "changed_since")]
    assert call(service, "POST", f"{BULK}/{plan_id}/apply").problem == "plan-applied"
    names = service.db.rows("SELECT identifier, name FROM trakrf.assets WHERE identifier <> 'A-500'")
    assert {*names} == {(f"A-{number}", f"Notebook, {number}") for number in range(1_200) if number != 500}

    reverted = service.wait_for(accepted(call(service, "POST", f"{BULK}/{applied_id}/revert")))
    assert [reverted[f"{name}_rows"] for name in ("updated", "removed", "failed")] == [999, 200, 0]
    assert service.db.rows(snapshot) == kept
    assert call(service, "GET", f"{ASSETS}/{asset['id']}").json["name"] == "Mine"

    everything = service.db.rows("SELECT * FROM trakrf.assets ORDER BY id")
    status, exported = service.request_bytes("GET", f"{ASSETS}.csv")
    assert status == 200
    uploaded = service.wait_for(service.upload(exported, options="?on_conflict=update"))
    assert (uploaded["total_rows"], uploaded["unchanged_rows"]) == (1_000, 1_000)
    assert service.db.rows("SELECT * FROM trakrf.assets ORDER BY id") == everything


def test_a_revert_whose_worker_is_killed_reverts_each_asset_once(service: Service) -> None:
    service.start_web(CHUNK_ROWS="100")
    worker = service.start_worker()
    before = csv_file(1_000)
    service.wait_for(service.upload(before))
    snapshot = (
        "SELECT identifier, name, valid_to, metadata FROM trakrf.assets WHERE deleted_at IS NULL ORDER BY 1"
    )
    kept = service.db.rows(snapshot)
    changed = csv_file(6_000).replace(b"Laptop", b"Notebook")
    job_id = service.upload(changed, options="?on_conflict=update")
    job = service.wait_for(job_id)
    assert (job["updated_rows"], job["created_rows"]) == (1_000, 5_000)
    asset = call(service, "GET", f"{ASSETS}?identifier=A-1500").json["assets"][0]
    assert call(service, "PATCH", f"{ASSETS}/{asset['id']}", {"name": "Mine"}).status == 200

    revert_id = accepted(call(service, "POST", f"{BULK}/{job_id}/revert"))
    wait_until(lambda: service.job(revert_id)["processed_rows"] > 300, "the revert has begun")
    worker.kill()
    worker.wait()
    service.start_worker()
    reverted = service.wait_for(revert_id)
    assert [reverted[f"{name}_rows"] for name in ("total", "removed", "updated", "failed", "skipped")] == [
        *(6_000, 4_999, 1_000, 1, 0)
    ]
    errors = call(service, "GET", f"{BULK}/{revert_id}/errors").json["errors"]
    assert [(error["row"], error["code"], error["value"]) for error in errors] == [
        (1_502, "changed_since", "A-1500")
    ]
    service.db.rows("DELETE FROM trakrf.assets WHERE name = 'Mine'")
    assert service.db.rows(snapshot) == kept


def test_concurrent_requests_with_one_key_create_one_job(service: Service) -> None:
    service.start_web(WEB_CONCURRENCY="2")
    answers: list[Answer] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(call(service, "POST", BULK, csv_of("A"), Idempotency_Key="k"))
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(answer.status, answer.body) for answer in answers} == {(202, answers[0].body)}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 1
    other = call(service, "POST", BULK, csv_of("B"), Idempotency_Key="k")
    assert (other.status, other.problem) == (422, "idempotency-key-reused")


def test_a_hundred_requests_wait_in_one_process_and_leave_threads_for_others(service: Service) -> None:
    service.start_web()
    job_id = service.upload(csv_of("A"))
    waited: list[Answer] = []

    def wait() -> None:
        waited.append(call(service, "GET", f"{BULK}/{job_id}", Prefer="wait=30"))

    threads = [threading.Thread(target=wait) for _ in range(100)]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    for _ in range(20):
        assert call(service, "GET", f"{BULK}/{job_id}").status == 200
    assert time.monotonic() - started < 10
    assert not waited
    service.start_worker()
    for thread in threads:
        thread.join()
    assert {answer.headers["Preference-Applied"] for answer in waited} == {"wait=30"}
    assert {answer.json["status"] for answer in waited} <= {"processing", "completed"}


def test_a_finished_job_has_its_receipt_and_its_etag(service: Service) -> None:
    service.start_web()
    service.start_worker()
    csv = csv_file(300)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = call(
        service,
        *("POST", BULK, csv),
        X_Request_ID="r-1",
        traceparent=trace,
        Content_Disposition='attachment; filename="june.csv"',
    )
    job = service.wait_for(accepted(answer))
    assert (job["request_id"], job["traceparent"]) == ("r-1", trace)
    assert job["file"] == {"name": "june.csv", "bytes": len(csv), "sha256": hashlib.sha256(csv).hexdigest()}
    assert (job["progress"], job["rows_per_second"] > 0, job["estimated_completion"]) == (1, True, None)
    etag = call(service, "GET", f"{BULK}/{job['job_id']}").headers["ETag"]
    again = call(service, "GET", f"{BULK}/{job['job_id']}", If_None_Match=etag)
    assert (again.status, again.headers["Cache-Control"]) == (304, "private, no-cache")
    require_every_row_once(service.db, job["job_id"], csv)


def test_too_many_jobs_of_one_account_delay_no_other(service: Service) -> None:
    service.start_web(MAX_ACTIVE_JOBS_PER_ACCOUNT="3", CHUNK_ROWS="500")
    for number in range(3):
        service.upload(csv_file(30_000, prefix=f"O{number}"))
    refused = call(service, "POST", BULK, csv_of("A"))
    assert (refused.status, refused.problem, refused.headers["Retry-After"]) == (429, "too-many-jobs", "5")
    other = service.upload(csv_of("A"), FOREIGN)
    service.start_worker()
    service.wait_for(other, account_id=FOREIGN)
    assert call(service, "GET", f"{BULK}?status=completed").json["jobs"] == []


def test_single_assets_are_created_changed_and_deleted(service: Service) -> None:
    service.start_web()
    created = call(service, "POST", ASSETS, ASSET)
    assert created.status == 201
    url, etag = created.headers["Location"], created.headers["ETag"]
    assert call(service, "POST", ASSETS, ASSET).problem == "identifier-taken"
    broken = call(service, "POST", ASSETS, {**ASSET, "type": "car", "valid_from": "31/02/2024"})
    assert [error["code"] for error in broken.json["errors"]] == ["unknown_type", "invalid_date"]
    patched = call(service, "PATCH", url, {"name": "Screen", "metadata": {"colour": None}}, If_Match=etag)
    assert (patched.json["name"], patched.json["metadata"]) == ("Screen", {})
    assert call(service, "PUT", url, ASSET, If_Match=etag).problem == "precondition-failed"
    assert call(service, "PUT", url, ASSET, If_Match=patched.headers["ETag"]).json["name"] == "Telly"
    assets = call(service, "GET", f"{ASSETS}?q=tell&type=device&is_active=true&sort=-id").json["assets"]
    assert [asset["identifier"] for asset in assets] == ["TV-1"]
    assert call(service, "DELETE", url).status == 204
    assert call(service, "GET", url).problem == "not-found"
    assert call(service, "POST", ASSETS, ASSET).status == 201


def test_every_problem_has_a_page_and_the_description_has_one_too(service: Service) -> None:
    service.start_web()
    codes = call(service, "GET", "/openapi.json").json["components"]["schemas"]["ProblemCode"]["enum"]
    pages = [f"/problems/{code}" for code in codes]
    for url in (*pages, "/problems", "/docs", "/docs/swagger-ui-bundle.js"):
        assert call(service, "GET", url).status == 200, url
    problem = call(service, "GET", f"{BULK}/x").json
    assert (problem["code"] in codes, problem["type"] in pages) == (True, True)
