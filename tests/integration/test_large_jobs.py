"""No request and no transaction grows with the job: workers do such work in batches."""

from uuid import UUID, uuid4

import pytest

from bulkimport.database import connections
from bulkimport.database.connections import Database
from bulkimport.jobs import actions, retention
from bulkimport.jobs.finish import BATCH_IDENTIFIERS
from bulkimport.jobs.intake import Limits
from bulkimport.store.jobs import Receipt
from tests.conftest import OWN, TestDatabase, bearer, csv_of
from tests.integration.conftest import URL, Importer

STATEMENT_TIMEOUT = "300ms"  # some 15 times what a batch takes; all batches in one statement take longer
CHUNKS, CHUNK_ROWS = 80, 5_000
ROWS = CHUNKS * CHUNK_ROWS
JOB = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"

# Without the checks of foreign keys, which would take most of the time.
FAST = "SET LOCAL session_replication_role = replica;"
FAILED_JOB = f"""
INSERT INTO trakrf.bulk_import_jobs (account_id, id, status, total_rows, processed_rows, failed_rows,
                                     created_rows, updated_rows, skipped_rows, blank_rows, completed_at)
VALUES (1, '{JOB}', 'completed', {ROWS}, {ROWS}, {ROWS}, 0, 0, 0, 0, now());

INSERT INTO trakrf.bulk_import_finished (account_id, job_id) VALUES (1, '{JOB}');

INSERT INTO trakrf.bulk_import_chunks (account_id, job_id, number, first_row, rows, body, handled)
SELECT 1, '{JOB}', number, 2 + number * {CHUNK_ROWS}, {CHUNK_ROWS}, 'body', true
FROM generate_series(0, {CHUNKS} - 1) AS number;

INSERT INTO trakrf.bulk_import_errors (account_id, job_id, row_number, position, code, message)
SELECT 1, '{JOB}', row, 0, 'required', 'name is empty'
FROM generate_series(2, {ROWS} + 1) AS row;
"""
IDENTIFIERS = f"""
INSERT INTO trakrf.bulk_import_identifiers (account_id, job_id, identifier, row_number)
SELECT account_id, id, 'X' || row, row
FROM trakrf.bulk_import_jobs
CROSS JOIN generate_series(1000, {ROWS}) AS row;
"""

# Notes how many rows each statement deletes. To count what is left of such a job takes longer than a batch.
NOTE_DELETIONS = """
CREATE TABLE public.deletions (rows bigint NOT NULL);

CREATE FUNCTION public.note_deletion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.deletions SELECT count(*) FROM deleted;
    RETURN NULL;
END
$$;

CREATE TRIGGER note_deletion AFTER DELETE ON trakrf.bulk_import_{table}
REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION public.note_deletion();
"""
LARGEST_DELETION = "SELECT max(rows) FROM public.deletions"

UPDATED_ROWS = 20_000
UPDATED_JOB = f"""
INSERT INTO trakrf.bulk_import_jobs (account_id, id, status, total_rows, processed_rows, created_rows,
                                     updated_rows, skipped_rows, blank_rows, completed_at)
VALUES (1, '{JOB}', 'completed', {UPDATED_ROWS}, {UPDATED_ROWS}, 0, {UPDATED_ROWS}, 0, 0, now());

INSERT INTO trakrf.bulk_import_changes (account_id, job_id, row_number, asset_id, version_after, name, type,
                                        valid_from, is_active, metadata)
SELECT 1, '{JOB}', row, row, 2, 'Laptop', 'device', now(), true, '{{}}'
FROM generate_series(2, {UPDATED_ROWS} + 1) AS row;
"""
CHANGES_READ = """
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
FROM pg_stat_xact_user_tables
WHERE relid = 'trakrf.bulk_import_changes'::regclass
"""


def count(db: TestDatabase, table: str, job_id: str) -> int:
    counted = db.value(f"SELECT count(*) FROM trakrf.bulk_import_{table} WHERE job_id = %s::uuid", job_id)
    assert isinstance(counted, int)
    return counted


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short timeout, which a statement that grows with the job exceeds."""
    monkeypatch.setitem(connections.LIMITS, "statement_timeout", STATEMENT_TIMEOUT)


@pytest.fixture
def failed_job(db: TestDatabase) -> str:
    """A finished job, all of whose rows failed."""
    db.rows(FAST + FAILED_JOB)
    return JOB


def test_a_retry_is_copied_one_chunk_per_turn(importer: Importer, db: TestDatabase, failed_job: str) -> None:
    answer = importer.client.post(f"{URL}/{failed_job}/retry", headers=bearer())
    assert answer.status_code == 202, answer.get_data(as_text=True)
    job_id = answer.get_json()["job_id"]
    for turn in range(CHUNKS):
        job = importer.job(job_id)
        assert (job["status"], job["total_rows"], job["queue_position"]) == ("pending", ROWS, 1)
        assert count(db, "chunks", job_id) == turn
        importer.worker.work_once()
    copies = db.rows(
        "SELECT number, first_row, rows, cardinality(only_rows), only_rows[1], only_rows[%s]"
        " FROM trakrf.bulk_import_chunks WHERE job_id = %s::uuid ORDER BY number",
        CHUNK_ROWS,
        job_id,
    )
    assert copies == [
        (CHUNKS + turn, first, CHUNK_ROWS, CHUNK_ROWS, first, first + CHUNK_ROWS - 1)
        for turn, first in enumerate(range(2, ROWS, CHUNK_ROWS))
    ]


def test_a_deleted_job_is_removed_in_batches(
    importer: Importer, db: TestDatabase, worker_database: Database, failed_job: str
) -> None:
    answer = importer.client.delete(f"{URL}/{failed_job}", headers=bearer())
    assert answer.status_code == 204, answer.get_data(as_text=True)
    assert importer.get(failed_job).status_code == 404
    db.rows(NOTE_DELETIONS.format(table="errors"))
    while retention.purge_some(worker_database, days=30):
        pass
    assert count(db, "errors", failed_job) == 0
    assert db.value(LARGEST_DELETION) == retention.BATCH_ERRORS
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_the_identifiers_of_a_finished_job_are_removed_in_batches(
    importer: Importer, db: TestDatabase, worker_database: Database, end: str
) -> None:
    job_id = importer.upload(csv_of("A"), dry_run="true").get_json()["job_id"]
    db.rows(FAST + IDENTIFIERS)
    db.rows(NOTE_DELETIONS.format(table="identifiers"))
    if end == "completed":
        importer.work()
    else:
        importer.client.post(f"{URL}/{job_id}/cancel", headers=bearer())
    assert importer.job(job_id)["status"] == end
    while retention.purge_some(worker_database, days=30):
        pass
    assert count(db, "identifiers", job_id) == 0
    assert db.value(LARGEST_DELETION) == BATCH_IDENTIFIERS
    assert importer.job(job_id)["status"] == end
    kept_since = (
        "SELECT finished_at BETWEEN now() - interval '1 hour' AND now() FROM trakrf.bulk_import_finished"
    )
    assert db.value(kept_since)


def test_a_revert_is_accepted_without_reading_what_it_will_undo(
    db: TestDatabase, web_database: Database
) -> None:
    db.rows(FAST + UPDATED_JOB)
    limits = Limits(chunk_rows=CHUNK_ROWS, max_rows=ROWS, max_active_jobs=1)
    with web_database.tenant_transaction(OWN) as cursor:
        actions.revert(
            cursor, limits, account_id=OWN, job_id=UUID(JOB), new_job_id=uuid4(), receipt=Receipt()
        )
        cursor.execute(CHANGES_READ)
        ((read,),) = cursor.fetchall()
    assert read <= 1
    reverts = "SELECT total_rows FROM trakrf.bulk_import_jobs WHERE kind = 'revert'"
    assert db.value(reverts) == UPDATED_ROWS
