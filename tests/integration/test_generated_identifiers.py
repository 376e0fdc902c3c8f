"""identifiers=generate: ASSET-0001 and so on, through the service and workers."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from psycopg2.extensions import connection as Connection

from bulkimport.database.connections import Database
from bulkimport.store import accounts
from bulkimport.worker.loop import Worker
from tests.conftest import FOREIGN, OWN, TestDatabase, csv_of
from tests.e2e.conftest import wait_until
from tests.integration.conftest import Importer, accepted, counts, post, problem

GENERATE = {"identifiers": "generate"}
NAMES = b"name,type,valid_from,is_active\n"


def unnumbered(*names: str) -> bytes:
    """A file without identifiers, with a row of each name."""
    return NAMES + b"".join(f"{name},device,2024-01-15,yes\n".encode() for name in names)


def numbered(first: int, last: int) -> list[str]:
    return [f"ASSET-{number:04}" for number in range(first, last + 1)]


def own(importer: Importer) -> list[tuple[str, str]]:
    rows = importer.assets("account_id", "identifier", "name")
    return [(identifier, name) for account_id, identifier, name in rows if account_id == OWN]


def counter(db: TestDatabase, account_id: int = OWN) -> object:
    return db.rows("SELECT last_number FROM trakrf.asset_numbers WHERE account_id = %s", account_id)


@pytest.mark.parametrize("on_error", ["continue", "abort"])
def test_rows_without_an_identifier_get_the_next_ones(importer: Importer, on_error: str) -> None:
    options = {**GENERATE, "on_error": on_error}
    job = importer.run(unnumbered(*"abcde"), **options)
    assert (counts(job), job["options"]["identifiers"]) == ({"created": 5}, "generate")
    assert own(importer) == list(zip(numbered(1, 5), "abcde", strict=True))
    importer.run(csv_of("", "X-1", " ", "X-2"), **options)
    assert [identifier for identifier, _ in own(importer)] == [*numbered(1, 7), "X-1", "X-2"]


def test_each_account_has_its_own_numbers(importer: Importer) -> None:
    importer.run(unnumbered("a", "b"), FOREIGN, **GENERATE)
    importer.run(unnumbered("c"), **GENERATE)
    assert own(importer) == [("ASSET-0001", "c")]
    assert (counter(importer.db), counter(importer.db, FOREIGN)) == ([(1,)], [(2,)])


def test_without_the_option_an_identifier_is_required(importer: Importer) -> None:
    assert problem(importer.upload(unnumbered("a"))) == (400, "missing-columns")
    job = importer.run(csv_of("", "A"), identifiers="file")
    assert importer.errors(job) == [(2, "identifier", "required")]


def test_numbers_that_assets_have_are_skipped(importer: Importer) -> None:
    importer.run(csv_of("ASSET-0002", "ASSET-0003", "ASSET-1", "asset-0001", "ASSET-0005"))
    importer.run(csv_of("ASSET-0001"), FOREIGN)
    importer.db.rows("UPDATE trakrf.assets SET deleted_at = now() WHERE identifier = 'ASSET-0005'")
    importer.run(unnumbered("a", "b", "c"), **GENERATE)
    generated = [pair for pair in own(importer) if pair[1] != "Laptop"]
    assert generated == [("ASSET-0001", "a"), ("ASSET-0004", "b"), ("ASSET-0005", "c")]


def test_numbers_have_more_digits_when_they_need_them(importer: Importer) -> None:
    importer.db.rows("INSERT INTO trakrf.asset_numbers VALUES (%s, 9998)", OWN)
    importer.run(unnumbered("a", "b"), **GENERATE)
    assert own(importer) == [("ASSET-10000", "b"), ("ASSET-9999", "a")]


def test_numbers_go_on_above_those_that_the_file_contains(importer: Importer) -> None:
    """Also above those in later chunks, which are not yet imported."""
    file = csv_of("", "A", "B", "C", "ASSET-0007", "", "ASSET-0002", "ASSET-12345678901234567890", "ASSET-3")
    job = importer.run(file, **GENERATE)
    assert counts(job) == {"created": 9}
    assert {"ASSET-0002", "ASSET-0007", "ASSET-0008", "ASSET-0009"} <= {x for x, _ in own(importer)}
    importer.run(unnumbered("a"), **GENERATE)
    assert ("ASSET-0010", "a") in own(importer)


@pytest.mark.parametrize("on_conflict", ["skip", "update"])
def test_it_needs_rows_that_only_create(importer: Importer, on_conflict: str) -> None:
    refused = importer.upload(unnumbered("a"), on_conflict=on_conflict, **GENERATE)
    assert problem(refused) == (400, "invalid-parameters")
    assert refused.get_json()["errors"] == [
        {"field": "identifiers", "message": "generate needs on_conflict=error"}
    ]


@pytest.mark.parametrize("on_error", ["continue", "abort"])
def test_a_dry_run_counts_and_gives_no_numbers_away(importer: Importer, on_error: str) -> None:
    importer.run(csv_of("TAKEN"))
    good = csv_of("", "A", "", "B")
    options = {**GENERATE, "on_error": on_error}
    assert counts(importer.run(good, dry_run="true", **options)) == {"created": 4}
    job = importer.run(csv_of("", "A", "TAKEN", "", "A"), dry_run="true", **options)
    assert importer.errors(job) == [
        (4, "identifier", "already_exists"),
        (6, "identifier", "duplicate_in_file"),
    ]
    assert counts(job) == {"created" if on_error == "continue" else "skipped": 3, "failed": 2}
    assert counter(importer.db) == []
    assert counts(importer.run(good, **options)) == {"created": 4}


def test_failed_rows_and_retries_keep_what_was_given(importer: Importer) -> None:
    importer.run(csv_of("TAKEN"))
    file = csv_of("", "TAKEN", "", "A").replace(b"TAKEN,Laptop", b"TAKEN,x").replace(
        b",Laptop,device,,2024-01-15,,yes\nA", b",,device,,2024-01-15,,yes\nA"
    )  # fmt: skip
    job = importer.run(file, **GENERATE)
    assert counts(job) == {"created": 2, "failed": 2}
    assert importer.errors(job) == [(3, "identifier", "already_exists"), (4, "name", "required")]
    before = own(importer)
    importer.db.rows("UPDATE trakrf.assets SET deleted_at = now() WHERE identifier = 'TAKEN'")

    retry = accepted(post(importer, job["job_id"], "retry"))
    importer.work()
    assert counts(importer.job(retry)) == {"created": 1, "failed": 1}
    failed = importer.get(f"{retry}/failed-rows.csv").get_data()
    assert b"\n,,device," in failed.replace(b"\r\n", b"\n")
    child = importer.run(failed.replace(b",,device", b",fixed,device", 1))
    assert (counts(child), child["options"]["identifiers"]) == ({"created": 1}, "generate")
    expected = [pair for pair in before if pair[0] != "TAKEN"]
    assert own(importer) == sorted([*expected, ("TAKEN", "x"), ("ASSET-0002", "fixed")])


def test_fixed_rows_that_update_do_not_inherit_it(importer: Importer) -> None:
    job = importer.run(unnumbered(""), **GENERATE)
    failed = importer.get(f"{job['job_id']}/failed-rows.csv").get_data()
    assert problem(importer.upload(failed, on_conflict="update")) == (400, "missing-columns")
    assert importer.upload(failed, on_conflict="error").status_code == 202


def test_a_revert_removes_assets_and_their_numbers_are_not_given_again(importer: Importer) -> None:
    job = importer.run(unnumbered("a", "b"), **GENERATE)
    accepted(post(importer, job["job_id"], "revert"))
    importer.work()
    importer.run(unnumbered("c"), **GENERATE)
    assert own(importer) == [("ASSET-0003", "c")]


@pytest.fixture
def workers(db: TestDatabase) -> Iterator[Callable[[], Worker]]:
    """Makes workers, each of which has its own connections; they stop at the end of the test."""
    stopping, pools, threads = threading.Event(), [], []

    def make() -> Worker:
        pools.append(Database(db.worker_url, size=2, application_name="test-worker"))
        worker = Worker(pools[-1], stopping=stopping, wake=threading.Event(), retention_days=30)
        threads.append(threading.Thread(target=worker.run))
        threads[-1].start()
        return worker

    yield make
    stopping.set()
    for thread in threads:
        thread.join()
    for pool in pools:
        pool.close()


def finished(importer: Importer, *job_ids: str) -> list[dict[str, int]]:
    def jobs() -> list[dict[str, int]] | None:
        documents = [importer.job(job_id) for job_id in job_ids]
        done = all(document["completed_at"] for document in documents)
        return [counts(document) for document in documents] if done else None

    outcomes: list[dict[str, int]] = wait_until(jobs, "the jobs are finished")
    return outcomes


def test_two_workers_give_no_number_twice_and_leave_no_gap(
    importer: Importer, workers: Callable[[], Worker]
) -> None:
    """Each job also has identifiers of its own, which are inserted before the counter is locked."""
    files = [
        csv_of(*("" if place % 2 else f"{letter}-{place}" for place in range(20))) for letter in "ABCDEFGH"
    ]
    job_ids = [accepted(importer.upload(file, **GENERATE)) for file in files]
    for _ in range(2):
        workers()
    assert finished(importer, *job_ids) == [{"created": 20}] * 8
    generated = [identifier for identifier, _ in own(importer) if identifier.startswith("ASSET-")]
    assert generated == numbered(1, 80)


@pytest.fixture
def held_up(importer: Importer, connect: Callable[[str], Connection]) -> Callable[[], Connection]:
    """Begins a transaction that makes an import wait, which has taken numbers and must insert ASSET-0002."""

    def hold() -> Connection:
        holder = connect(importer.db.admin_url)
        with holder.cursor() as cursor:
            cursor.execute(
                "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
                " VALUES (%s, 'ASSET-0002', 'by hand', 'other', now())",
                (OWN,),
            )
        return holder

    return hold


WAITING = """
FROM pg_stat_activity
WHERE datname = current_database()
  AND application_name = 'test-worker'
  AND wait_event_type = 'Lock'
"""


def test_a_chunk_that_is_rolled_back_gives_its_numbers_back(
    importer: Importer, workers: Callable[[], Worker], held_up: Callable[[], Connection]
) -> None:
    job_id = accepted(importer.upload(unnumbered(*"abcd"), **GENERATE))
    holder = held_up()
    workers()
    wait_until(
        lambda: importer.db.value(f"SELECT bool_or(pg_terminate_backend(pid)) {WAITING}"),
        "the worker's session is ended",
    )
    holder.rollback()
    assert finished(importer, job_id) == [{"created": 4}]
    assert own(importer) == list(zip(numbered(1, 4), "abcd", strict=True))
    assert counter(importer.db) == [(4,)]


def test_an_identifier_that_is_created_meanwhile_is_skipped(
    importer: Importer,
    workers: Callable[[], Worker],
    held_up: Callable[[], Connection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    job_id = accepted(importer.upload(unnumbered("a", "b"), **GENERATE))
    holder = held_up()
    workers()
    wait_until(lambda: importer.db.value(f"SELECT count(*) {WAITING}"), "the worker waits")
    holder.commit()
    assert finished(importer, job_id) == [{"created": 2}]
    assert own(importer) == [("ASSET-0001", "a"), ("ASSET-0002", "by hand"), ("ASSET-0003", "b")]
    # No attempt was charged: nothing is wrong with the chunk.
    assert "interference" in [getattr(record, "reason", None) for record in caplog.records]


def test_an_all_or_nothing_job_that_fails_gives_its_numbers_back(importer: Importer) -> None:
    file = csv_of("", "", "", "A", "A")
    assert counts(importer.run(file, on_error="abort", **GENERATE)) == {"skipped": 4, "failed": 1}
    assert counter(importer.db) == []
    importer.run(unnumbered("a"), **GENERATE)
    assert own(importer) == [("ASSET-0001", "a")]


def test_the_numbers_of_many_assets_are_skipped_in_one_statement(
    importer: Importer, worker_database: Database
) -> None:
    importer.db.rows(
        "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
        " SELECT %s, 'ASSET-' || lpad(n::text, 4, '0'), 'x', 'other', now()"
        " FROM generate_series(1, 9999) AS n",
        OWN,
    )
    with worker_database.tenant_transaction(OWN) as cursor:
        assert accounts.take_numbers(cursor, account_id=OWN, count=2, above=0) == [
            "ASSET-10000",
            "ASSET-10001",
        ]
