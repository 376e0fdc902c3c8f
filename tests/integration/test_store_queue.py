"""The queue: which job is claimed next."""

from uuid import UUID

import pytest

from bulkimport.database.connections import Database
from bulkimport.store import queue
from bulkimport.store.queue import Claim
from tests.conftest import FOREIGN, OWN, TestDatabase, csv_of, submit


def enqueue(database: Database, chunks: int = 3, account_id: int = OWN) -> UUID:
    return submit(database, csv_of(*map(str, range(chunks))), account_id, chunk_rows=1)


def claim(database: Database) -> Claim | None:
    with database.transaction() as cursor:
        return queue.claim(cursor)


def require_claim(database: Database) -> Claim:
    taken = claim(database)
    assert taken is not None
    return taken


def relock(database: Database, taken: Claim) -> bool:
    with database.transaction() as cursor:
        return queue.relock(cursor, taken)


def progress(database: Database, taken: Claim) -> None:
    with database.transaction() as cursor:
        assert queue.relock(cursor, taken)
        queue.checkpoint(cursor, taken)


def let_time_pass(db: TestDatabase) -> None:
    """Make every claim available again, as time would."""
    db.rows("UPDATE trakrf.bulk_import_queue SET not_before = now()")


def test_an_empty_queue_has_nothing_to_claim(worker_database: Database) -> None:
    assert claim(worker_database) is None


def test_a_claim_counts_its_attempt_and_is_exclusive(
    web_database: Database, worker_database: Database
) -> None:
    job_id = enqueue(web_database)
    assert claim(worker_database) == Claim(OWN, job_id, next_chunk=0, chunks=3, attempt=1, only_check=False)
    assert claim(worker_database) is None


def test_a_claim_that_no_worker_locked_can_be_claimed_again_later(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    enqueue(web_database)
    first = require_claim(worker_database)
    let_time_pass(db)
    second = require_claim(worker_database)
    assert (first.attempt, second.attempt) == (1, 2)


def test_a_job_does_not_wait_until_a_clock_that_was_set_back_has_caught_up(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    enqueue(web_database)
    require_claim(worker_database)
    db.rows("UPDATE trakrf.bulk_import_queue SET not_before = not_before + interval '1 hour'")
    assert require_claim(worker_database).attempt == 2
    assert claim(worker_database) is None


def test_the_job_with_the_fewest_chunks_done_comes_first(
    web_database: Database, worker_database: Database
) -> None:
    large = enqueue(web_database)
    progress(worker_database, require_claim(worker_database))
    small = enqueue(web_database, 1, FOREIGN)
    assert [require_claim(worker_database).job_id for _ in range(2)] == [small, large]


def test_the_older_of_two_equal_jobs_comes_first(web_database: Database, worker_database: Database) -> None:
    older, newer = enqueue(web_database, account_id=FOREIGN), enqueue(web_database)
    assert [require_claim(worker_database).job_id for _ in range(2)] == [older, newer]


def test_a_locked_job_is_skipped_without_waiting(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    enqueue(web_database)
    other = enqueue(web_database, account_id=FOREIGN)
    first = require_claim(worker_database)
    let_time_pass(db)
    with worker_database.transaction() as cursor:
        assert queue.relock(cursor, first)
        assert require_claim(worker_database).job_id == other
        assert claim(worker_database) is None
        assert not relock(worker_database, first)


def test_a_new_checkpoint_resets_the_attempts(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    enqueue(web_database)
    require_claim(worker_database)
    let_time_pass(db)
    progress(worker_database, require_claim(worker_database))
    taken = require_claim(worker_database)
    assert (taken.next_chunk, taken.attempt, taken.is_last_chunk) == (1, 1, False)


@pytest.mark.parametrize("moved_on", ["claimed", "progressed", "progressed and claimed", "removed"])
def test_a_late_worker_cannot_lock_a_job_that_moved_on(
    db: TestDatabase, web_database: Database, worker_database: Database, moved_on: str
) -> None:
    enqueue(web_database)
    late = require_claim(worker_database)
    let_time_pass(db)
    current = require_claim(worker_database)
    if moved_on == "removed":
        with worker_database.transaction() as cursor:
            queue.remove(cursor, account_id=current.account_id, job_id=current.job_id)
    elif moved_on != "claimed":
        progress(worker_database, current)
    if moved_on == "progressed and claimed":
        assert require_claim(worker_database).attempt == late.attempt

    assert not relock(worker_database, late)
    with worker_database.transaction() as cursor:
        queue.release(cursor, late, delay_s=0)
    expected = {"claimed": [2], "progressed": [0], "progressed and claimed": [1], "removed": []}[moved_on]
    assert [row for (row,) in db.rows("SELECT attempts FROM trakrf.bulk_import_queue")] == expected


def test_a_released_claim_costs_no_attempt_and_is_available_after_its_delay(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    enqueue(web_database)
    for delay_s in (queue.MAX_WAIT_S, 0):
        taken = require_claim(worker_database)
        assert taken.attempt == 1
        with worker_database.transaction() as cursor:
            queue.release(cursor, taken, delay_s=delay_s)
        if delay_s:
            assert claim(worker_database) is None
            let_time_pass(db)
    assert require_claim(worker_database).attempt == 1
