"""A file is read first and then stored: while it is read, no connection or lock is held."""

import io
from uuid import UUID, uuid4

import pytest

from bulkimport.database import connections
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs import intake, retention
from bulkimport.jobs.intake import Limits
from bulkimport.jobs.options import RequestedOptions
from tests.conftest import HEADER, INACTIVE, OWN, TestDatabase, bearer, csv_of, submit
from tests.integration.conftest import URL, Importer

BUSY_SESSIONS = """
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database()
  AND usename = 'bulkimport_web_login'
  AND state  <> 'idle'
"""


def test_no_transaction_is_open_while_a_file_is_read(db: TestDatabase, web_database: Database) -> None:
    busy: list[object] = []

    class WatchedFile(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            busy.append(db.value(BUSY_SESSIONS))
            return super().read1(size)

    submit(web_database, WatchedFile(csv_of(*map(str, range(1_000)))))
    assert len(busy) > 3
    assert set(busy) == {0}


def test_a_file_may_take_longer_than_a_transaction_may_idle(
    db: TestDatabase, web_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.LIMITS, "idle_in_transaction_timeout", "500ms")
    submit(web_database, (HEADER + "\n" * 600_000).encode() + csv_of("A").removeprefix(HEADER.encode()))
    assert db.rows("SELECT total_rows, blank_rows FROM trakrf.bulk_import_jobs") == [(1, 600_000)]


@pytest.mark.parametrize(
    ("account_id", "max_active_jobs", "code"),
    [(OWN, 0, "too-many-jobs"), (INACTIVE, 9, "inactive-account")],
)
def test_a_file_that_cannot_be_stored_is_not_read(
    web_database: Database, account_id: int, max_active_jobs: int, code: str
) -> None:
    file = io.BytesIO()
    file.close()  # so that reading it would fail
    limits = Limits(chunk_rows=3, max_rows=9, max_active_jobs=max_active_jobs)
    with (
        pytest.raises(Refusal) as refusal,
        intake.cut(web_database, limits, RequestedOptions(), account_id=account_id, file=file),
    ):
        pass
    assert refusal.value.code == code


def test_a_repeated_upload_is_answered_before_its_file_is_read(importer: Importer) -> None:
    settings = importer.client.application.extensions["settings"]
    object.__setattr__(settings, "max_active_jobs_per_account", 1)
    headers = {**bearer(), "Idempotency-Key": "k"}
    first, again = (
        importer.client.post(URL, data=csv_of("A"), content_type="text/csv", headers=headers)
        for _ in range(2)
    )
    assert (again.status_code, again.data) == (202, first.data)
    assert "Idempotency-Replayed" in again.headers


def test_a_repeated_upload_of_an_account_that_was_closed_is_refused(
    importer: Importer, db: TestDatabase
) -> None:
    headers = {**bearer(), "Idempotency-Key": "k"}
    statuses = []
    for is_active in (True, False):
        db.rows("UPDATE trakrf.accounts SET is_active = %s WHERE id = 1", is_active)
        answer = importer.client.post(URL, data=csv_of("A"), content_type="text/csv", headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [202, 403]


def test_a_parent_that_is_deleted_while_the_file_is_read_is_unknown(
    importer: Importer, db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    parent = importer.run(csv_of("A", "A"))["job_id"]
    limits = Limits(chunk_rows=3, max_rows=9, max_active_jobs=9)
    requested = RequestedOptions(parent_job_id=UUID(parent))
    file = io.BytesIO(csv_of("B"))
    with intake.cut(web_database, limits, requested, account_id=OWN, file=file) as cut_file:
        assert importer.client.delete(f"{URL}/{parent}", headers=bearer()).status_code == 204
        while retention.purge_some(worker_database, days=30):
            pass
        with (
            pytest.raises(Refusal, match=parent) as refusal,
            web_database.tenant_transaction(OWN) as cursor,
        ):
            intake.store(cursor, limits, cut_file, account_id=OWN, job_id=uuid4())
    assert refusal.value.code == "unknown-parent"
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_chunks") == 0
