"""Jobs in the database."""

from uuid import UUID, uuid4

import psycopg2
import pytest

from bulkimport.database.connections import Database
from bulkimport.store import jobs, progress
from bulkimport.store.jobs import Job
from tests.conftest import FOREIGN, OWN, TestDatabase


@pytest.fixture
def job_id(web_database: Database) -> UUID:
    """A pending job of 10 rows."""
    job_id = uuid4()
    with web_database.tenant_transaction(OWN) as cursor:
        jobs.create(
            cursor,
            account_id=OWN,
            job_id=job_id,
            total_rows=10,
            options={},
            header=["Name", "x"],
            columns=["name", None],
        )
    return job_id


def read(database: Database, job_id: UUID, account_id: int = OWN) -> Job:
    with database.tenant_read(account_id) as cursor:
        return jobs.require(cursor, account_id=account_id, job_id=job_id)


def advance(
    database: Database, job_id: UUID, processed: int, failed: int = 0, account_id: int = OWN, errors: int = 0
) -> bool:
    with database.tenant_transaction(account_id) as cursor:
        return progress.advance(
            cursor,
            account_id=account_id,
            job_id=job_id,
            created=processed - failed,
            failed=failed,
            errors=[{"row": number} for number in range(errors)],
            error_summary=[{"count": errors}] if errors else None,
        )


def set_status(
    database: Database, job_id: UUID, status: str, account_id: int = OWN, failure: str | None = None
) -> bool:
    with database.tenant_transaction(account_id) as cursor:
        return progress.set_status(
            cursor, account_id=account_id, job_id=job_id, status=status, failure=failure
        )


def test_a_new_job_is_pending_with_its_total(web_database: Database, job_id: UUID) -> None:
    job = read(web_database, job_id)
    assert (job.id, job.status, job.total_rows) == (job_id, "pending", 10)
    assert (job.processed_rows, job.failed_rows, job.errors) == (0, 0, [])
    assert list(job.columns) == ["name", None]
    assert (job.created_rows, job.updated_rows, job.skipped_rows, job.blank_rows) == (0, 0, 0, 0)
    assert job.created_at.tzinfo is not None
    assert job.completed_at is None


def test_another_account_has_no_such_job(web_database: Database, job_id: UUID) -> None:
    with web_database.tenant_read(FOREIGN) as cursor:
        assert jobs.get(cursor, account_id=FOREIGN, job_id=job_id) is None
        assert jobs.get(cursor, account_id=OWN, job_id=job_id) is None, "row-level security holds by itself"
        with pytest.raises(LookupError, match=str(job_id)):
            jobs.require(cursor, account_id=FOREIGN, job_id=job_id)


def test_advance_adds_to_the_counters(
    web_database: Database, worker_database: Database, job_id: UUID
) -> None:
    assert not advance(worker_database, job_id, processed=4, failed=1, errors=1)
    assert not advance(worker_database, job_id, processed=6, failed=2, errors=2)
    job = read(web_database, job_id)
    assert (job.processed_rows, job.failed_rows) == (10, 3)
    assert job.created_rows == 7
    assert job.errors == [{"row": 0}, {"row": 0}, {"row": 1}]
    assert job.error_summary == [{"count": 2}]


@pytest.mark.parametrize(("processed", "failed"), [(11, 0), (5, 6), (-1, 0), (5, -1)])
def test_counters_that_do_not_add_up_are_refused(
    worker_database: Database, job_id: UUID, processed: int, failed: int
) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation):
        advance(worker_database, job_id, processed, failed)
    assert read(worker_database, job_id).processed_rows == 0


def test_a_job_keeps_its_first_100_errors(worker_database: Database, job_id: UUID) -> None:
    advance(worker_database, job_id, processed=1, errors=60)
    advance(worker_database, job_id, processed=1, errors=60)
    assert [error["row"] for error in read(worker_database, job_id).errors] == [*range(60), *range(40)]


@pytest.mark.parametrize("status", jobs.FINAL_STATUSES)
def test_a_final_status_gets_its_time_from_the_database(
    db: TestDatabase, worker_database: Database, job_id: UUID, status: str
) -> None:
    advance(worker_database, job_id, processed=10)
    assert set_status(worker_database, job_id, status)
    completed_at = db.value("SELECT completed_at BETWEEN created_at AND now() FROM trakrf.bulk_import_jobs")
    assert completed_at is True


def test_processing_has_no_completion_time(worker_database: Database, job_id: UUID) -> None:
    assert set_status(worker_database, job_id, jobs.PROCESSING)
    assert read(worker_database, job_id).completed_at is None


def test_a_finished_job_never_changes_again(worker_database: Database, job_id: UUID) -> None:
    set_status(worker_database, job_id, jobs.FAILED, failure="because")
    before = read(worker_database, job_id)
    advance(worker_database, job_id, processed=1)
    assert not set_status(worker_database, job_id, jobs.PROCESSING)
    with worker_database.tenant_transaction(OWN) as cursor:
        progress.start(cursor, account_id=OWN, job_id=job_id)
    assert read(worker_database, job_id) == before
    assert before.failure == "because"


def test_a_job_that_did_not_handle_every_row_cannot_be_completed(
    worker_database: Database, job_id: UUID
) -> None:
    advance(worker_database, job_id, processed=9)
    with pytest.raises(psycopg2.errors.CheckViolation, match="completed_handled_every_row"):
        set_status(worker_database, job_id, jobs.COMPLETED)


def test_another_account_changes_nothing(worker_database: Database, job_id: UUID) -> None:
    advance(worker_database, job_id, processed=1, account_id=FOREIGN)
    assert not set_status(worker_database, job_id, jobs.FAILED, account_id=FOREIGN)
    job = read(worker_database, job_id)
    assert (job.status, job.processed_rows) == ("pending", 0)


def test_advance_reports_a_requested_cancellation(
    web_database: Database, worker_database: Database, job_id: UUID
) -> None:
    assert not advance(worker_database, job_id, processed=1)
    with web_database.tenant_transaction(OWN) as cursor:
        assert progress.request_cancel(cursor, account_id=OWN, job_id=job_id)
    assert advance(worker_database, job_id, processed=1)
