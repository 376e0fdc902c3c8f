"""A commit that succeeded, but whose answer was lost."""

import tempfile
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.database import connections
from bulkimport.database.connections import Database, DatabaseUnavailableError, UnknownOutcomeError
from bulkimport.store import jobs
from bulkimport.web import idempotency
from bulkimport.web.idempotency import Answer
from bulkimport.worker.loop import Worker
from tests.conftest import OWN, TestDatabase, csv_of, submit
from tests.support.proxy import CommitCutter, running

COMMIT = connections._commit


@pytest.fixture
def first_answer_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next commit succeeds, but its connection is lost before the answer."""
    lost: list[Connection] = []

    def commit(connection: Connection) -> None:
        COMMIT(connection)
        if not lost:
            lost.append(connection)
            connection.close()
            raise UnknownOutcomeError("the line was cut")

    monkeypatch.setattr(connections, "_commit", commit)


@pytest.mark.usefixtures("first_answer_lost")
def test_an_upload_is_accepted_once(db: TestDatabase, web_database: Database) -> None:
    job_id = submit(web_database, csv_of("A"))
    assert db.rows("SELECT id::text FROM trakrf.bulk_import_jobs") == [(str(job_id),)]


def test_waiting_for_a_commit_that_goes_on_is_bounded(
    web_database: Database,
    connect: Callable[[str], Connection],
    monkeypatch: pytest.MonkeyPatch,
    db: TestDatabase,
) -> None:
    """Another session holds its lock, as a commit that goes on would."""
    monkeypatch.setitem(connections.LIMITS, "lock_timeout", "200ms")
    job_id, other = uuid4(), connect(db.web_url).cursor()

    def lose(connection: Connection) -> None:
        connection.close()
        jobs.lock_id(other, job_id)
        raise UnknownOutcomeError("the line was cut")

    monkeypatch.setattr(connections, "_commit", lose)
    with pytest.raises(UnknownOutcomeError):
        idempotency.once(web_database, lambda _: Answer(202, {}, ""), account_id=OWN, creates_job=job_id)


def test_a_claim_costs_no_attempt(
    db: TestDatabase,
    web_database: Database,
    worker_database: Database,
    request: pytest.FixtureRequest,
) -> None:
    submit(web_database, csv_of("A"))
    worker = Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30)
    request.getfixturevalue("first_answer_lost")
    with pytest.raises(DatabaseUnavailableError):
        worker.work_once()
    assert db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 1
    worker.work_once()
    assert db.value("SELECT attempts FROM trakrf.bulk_import_queue") == 0


def test_a_connection_cut_while_the_login_is_checked_is_an_unavailable_database(db: TestDatabase) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(CommitCutter(folder, db.admin_url, chance=1, seed=0)) as cutter,
        pytest.raises(DatabaseUnavailableError),
    ):
        connections.connect(cutter.url(db.worker_url), "test")
    assert cutter.cuts == 1
