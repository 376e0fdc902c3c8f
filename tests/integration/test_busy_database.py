"""Requests that run into another transaction's locks, or the statement timeout."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection
from werkzeug.test import TestResponse

from bulkimport.database import connections
from bulkimport.importing.chunk import import_chunk
from tests.conftest import FOREIGN, OWN, bearer, csv_of
from tests.integration.conftest import URL, Importer

ASSETS = "/api/v1/assets"
ASSET: dict[str, Any] = {
    "identifier": "A",
    "name": "Telly",
    "type": "device",
    "valid_from": "2024-01-15",
    "is_active": True,
}
DEADLINE_S = 20
WAITING = """
SELECT count(*)
FROM pg_stat_activity
WHERE datname         = current_database()
  AND wait_event_type = 'Lock'
"""

# The first few writes fail as if in a deadlock; a sequence also counts writes that are rolled back.
DEADLOCKS = """
CREATE SEQUENCE public.tries;
GRANT USAGE ON public.tries TO PUBLIC;
CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.tries') <= {count} THEN
        RAISE SQLSTATE '40P01';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON trakrf.{table}
    FOR EACH ROW EXECUTE FUNCTION public.fail();
"""

Connect = Callable[[str], Connection]


@pytest.fixture
def short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.LIMITS, "lock_timeout", "200ms")


def send(importer: Importer, method: str, path: str, body: object = None, **headers: str) -> TestResponse:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return importer.client.application.test_client().open(
        path,
        method=method,
        json=body,
        headers={**bearer(), **headers},
        content_type=kind if body is not None else None,
    )


def created(importer: Importer, identifier: str) -> int:
    asset = send(importer, "POST", ASSETS, {**ASSET, "identifier": identifier}).get_json()
    return int(asset["id"])


def problem(response: TestResponse) -> tuple[int, str, str | None]:
    type_ = response.get_json()["type"].removeprefix("/problems/")
    return response.status_code, type_, response.headers.get("Retry-After")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def in_the_middle_of_an_import(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, file: bytes
) -> Iterator[str]:
    """A worker has imported the rows of an all-or-nothing job, and has not committed them; the job's id."""
    imported, goes_on = threading.Event(), threading.Event()

    def pausing(*arguments: Any) -> Any:
        outcome = import_chunk(*arguments)
        imported.set()
        assert goes_on.wait(DEADLINE_S)
        return outcome

    monkeypatch.setattr("bulkimport.importing.step.import_chunk", pausing)
    job_id = importer.upload(file, on_conflict="update", on_error="abort").get_json()["job_id"]
    worker = threading.Thread(target=importer.work)
    worker.start()
    try:
        assert imported.wait(DEADLINE_S)
        yield job_id
    finally:
        goes_on.set()
        worker.join()


@contextmanager
def in_a_thread(call: Callable[[], TestResponse]) -> Iterator[list[TestResponse]]:
    """The response is in the list at the end."""
    responses: list[TestResponse] = []
    thread = threading.Thread(target=lambda: responses.append(call()))
    thread.start()
    try:
        yield responses
    finally:
        thread.join()


@pytest.mark.usefixtures("short_lock_timeout")
def test_an_asset_that_an_import_is_changing_is_busy(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset_id = created(importer, "A")
    path = f"{ASSETS}/{asset_id}"
    with in_the_middle_of_an_import(importer, monkeypatch, csv_of("A", "NEW")) as job_id:
        for method, url, body, what in (
            ("PATCH", path, {"name": "Mine"}, f"Asset {asset_id}"),
            ("PUT", path, ASSET, f"Asset {asset_id}"),
            ("DELETE", path, None, f"Asset {asset_id}"),
            ("POST", ASSETS, {**ASSET, "identifier": "NEW"}, 'The identifier "NEW"'),
        ):
            refused = send(importer, method, url, body)
            assert problem(refused) == (503, "busy", "5"), method
            assert refused.get_json()["detail"] == (
                f"{what} is being changed by job {job_id}, which a worker is processing. Try again in 5 s."
            )
    assert send(importer, "PATCH", path, {"name": "Mine"}).status_code == 200
    assert importer.job(job_id)["status"] == "completed"


@pytest.mark.usefixtures("short_lock_timeout")
def test_another_accounts_import_is_not_named(importer: Importer, connect: Connect) -> None:
    asset_id = created(importer, "A")
    importer.upload(csv_of("F"), FOREIGN)
    with connect(importer.db.admin_url).cursor() as cursor:
        cursor.execute("SELECT FROM trakrf.bulk_import_queue FOR UPDATE")
        cursor.execute("SELECT FROM trakrf.assets FOR UPDATE")
        refused = send(importer, "DELETE", f"{ASSETS}/{asset_id}")
    assert problem(refused) == (503, "busy", "5")
    assert refused.get_json()["detail"] == (
        f"Asset {asset_id} is being changed by another request. Try again in 5 s."
    )


@pytest.mark.parametrize("action", ["cancel", "delete"])
@pytest.mark.usefixtures("short_lock_timeout")
def test_a_job_that_another_transaction_changes_is_busy(
    importer: Importer, connect: Connect, action: str
) -> None:
    job_id = importer.upload(csv_of("A")).get_json()["job_id"]
    if action == "delete":
        importer.work()
    with connect(importer.db.worker_url).cursor() as cursor:
        connections.set_tenant(cursor, OWN)
        cursor.execute("SELECT FROM trakrf.bulk_import_jobs FOR UPDATE")
        if action == "delete":
            refused = send(importer, "DELETE", f"{URL}/{job_id}")
        else:
            refused = send(importer, "POST", f"{URL}/{job_id}/cancel")
    assert problem(refused) == (503, "busy", "5")
    assert refused.get_json()["detail"] == (
        f"Job {job_id} is being changed by another request. Try again in 5 s."
    )


@pytest.mark.parametrize("action", ["upload", "retry", "revert"])
@pytest.mark.usefixtures("short_lock_timeout")
def test_a_queue_that_another_transaction_holds_is_busy(
    importer: Importer, connect: Connect, action: str
) -> None:
    job = importer.run(csv_of("A", "A"))
    with connect(importer.db.web_url).cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1, %s)", (OWN,))
        if action == "upload":
            refused = importer.upload(csv_of("B"))
        else:
            refused = send(importer, "POST", f"{URL}/{job['job_id']}/{action}")
    assert problem(refused) == (503, "busy", "5")
    assert refused.get_json()["detail"] == (
        "The account's queue of jobs is being changed by another request. Try again in 5 s."
    )
    assert importer.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 1


def test_a_deadlock_is_tried_again(importer: Importer, connect: Connect) -> None:
    asset_id = created(importer, "A")
    other = connect(importer.db.admin_url).cursor()
    other.execute("SET deadlock_timeout = '1min'")  # so that the request is the one that fails
    other.execute(
        "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
        " VALUES (1, 'B', 'Theirs', 'other', now())"
    )
    with in_a_thread(
        lambda: send(importer, "PATCH", f"{ASSETS}/{asset_id}", {"identifier": "B"})
    ) as responses:
        wait_until(lambda: importer.db.value(WAITING) == 1)
        other.execute("UPDATE trakrf.assets SET name = 'Theirs' WHERE identifier = 'A'")
        other.connection.rollback()
    (response,) = responses
    assert (response.status_code, response.get_json()["identifier"]) == (200, "B")


def test_a_serialization_failure_is_tried_again(importer: Importer, connect: Connect) -> None:
    asset_id = created(importer, "A")
    name = importer.db.value("SELECT current_database()")
    importer.db.rows(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    importer.client.application.extensions["database"].close()
    other = connect(importer.db.admin_url).cursor()
    other.execute("UPDATE trakrf.assets SET name = 'Theirs'")
    with in_a_thread(
        lambda: send(importer, "PATCH", f"{ASSETS}/{asset_id}", {"description": "Mine"})
    ) as responses:
        wait_until(lambda: importer.db.value(WAITING) == 1)
        other.connection.commit()
    (response,) = responses
    asset = response.get_json()
    assert (response.status_code, asset["name"], asset["description"]) == (200, "Theirs", "Mine")


def test_a_transaction_that_always_fails_is_busy(
    importer: Importer,
) -> None:
    asset_id = created(importer, "A")
    importer.db.rows(DEADLOCKS.format(count=99, table="assets"))
    refused = send(importer, "PATCH", f"{ASSETS}/{asset_id}", {"name": "Mine"})
    assert problem(refused) == (503, "busy", "5")
    assert importer.db.value("SELECT last_value FROM public.tries") == 3
    assert send(importer, "GET", f"{ASSETS}/{asset_id}").get_json()["name"] == "Telly"


def test_an_upload_that_is_tried_again_is_complete(importer: Importer) -> None:
    importer.db.rows(DEADLOCKS.format(count=2, table="bulk_import_queue"))
    job = importer.run(csv_of(*"ABCDEFG"))
    assert (job["status"], job["total_rows"], len(importer.assets())) == ("completed", 7, 7)
    assert importer.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 1


@pytest.mark.parametrize("path", [ASSETS, f"{ASSETS}/1", URL, f"{URL}/a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"])
def test_a_read_that_takes_too_long_is_cancelled(
    importer: Importer, connect: Connect, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(connections, "READ_TIMEOUT", "200ms")
    with connect(importer.db.admin_url).cursor() as cursor:
        cursor.execute("LOCK TABLE trakrf.assets, trakrf.bulk_import_jobs")
        refused = send(importer, "GET", path)
    assert problem(refused) == (503, "query-timeout", "5")
