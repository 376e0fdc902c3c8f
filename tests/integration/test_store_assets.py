"""Assets in the database: staged, inserted, read."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from bulkimport.database.connections import Database
from bulkimport.store import assets, staged_assets, staging
from bulkimport.store.staged_assets import Refused
from tests.conftest import FOREIGN, OWN, TestDatabase

JOB = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")


StagedRow = tuple[int, dict[str, Any]]


def staged(row: int, identifier: str, name: str = "Laptop", description: str | None = None) -> StagedRow:
    return row, {
        "identifier": identifier,
        "name": name,
        "type": "device",
        "description": description,
        "valid_from": datetime(2024, 1, 15, tzinfo=UTC),
        "valid_to": datetime(2024, 12, 31, tzinfo=UTC),
        "is_active": True,
        "metadata": {},
    }


def insert(
    database: Database, *rows: StagedRow, account_id: int = OWN, job_id: UUID = JOB
) -> tuple[int, list[Refused]]:
    numbers, values = zip(*rows, strict=True)
    columns = {name: [row[name] for row in values] for name in values[0]}
    with database.tenant_transaction(account_id) as cursor:
        staging.stage(cursor, staging.arrays(numbers, columns))
        return (
            staged_assets.insert_staged(cursor, account_id=account_id, job_id=job_id),
            staged_assets.refused(cursor, account_id=account_id, job_id=job_id),
        )


def everything(database: Database, account_id: int = OWN) -> list[assets.Asset]:
    with database.tenant_read(account_id) as cursor:
        return assets.page(cursor, account_id=account_id, limit=1_000).assets


def test_staged_rows_become_assets(web_database: Database, worker_database: Database) -> None:
    assert insert(worker_database, staged(2, "A"), staged(3, "B")) == (2, [])
    first, second = everything(web_database)
    assert (first.identifier, second.identifier) == ("A", "B")
    assert (first.valid_from, first.valid_to) == (
        datetime(2024, 1, 15, tzinfo=UTC),
        datetime(2024, 12, 31, tzinfo=UTC),
    )
    assert (first.type, first.is_active, first.metadata) == ("device", True, {})
    assert (first.import_job_id, first.import_row) == (JOB, 2)


@pytest.mark.parametrize(
    "text",
    [
        "a\\b",
        "\\N",
        "\\.",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "üñ 王小明 🙂",
        "'; DROP TABLE x; --",
        '"q"',
        "a\u2028b",
        "%s",
    ],
)
def test_any_text_is_stored_unchanged(web_database: Database, worker_database: Database, text: str) -> None:
    insert(worker_database, staged(2, text, name=text, description=text))
    (asset,) = everything(web_database)
    assert (asset.identifier, asset.name, asset.description) == (text, text, text)


def test_an_absent_description_is_null(web_database: Database, worker_database: Database) -> None:
    insert(worker_database, staged(2, "A"))
    assert everything(web_database)[0].description is None


def test_of_two_rows_with_one_identifier_the_first_wins(
    web_database: Database, worker_database: Database
) -> None:
    rows = (staged(2, "A", name="first"), staged(3, "A", name="second"), staged(4, "B"))
    assert insert(worker_database, *rows) == (2, [Refused(3, JOB, 2)])
    assert [asset.name for asset in everything(web_database)] == ["first", "Laptop"]


def test_an_identifier_that_a_live_asset_has_is_refused_with_its_origin(
    db: TestDatabase, worker_database: Database
) -> None:
    insert(worker_database, staged(2, "A"))
    db.rows(
        "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
        " VALUES (1, 'by hand', 'x', 'other', now())"
    )
    other_job = uuid4()
    assert insert(worker_database, staged(5, "A"), staged(6, "by hand"), job_id=other_job) == (
        0,
        [Refused(5, JOB, 2), Refused(6, None, None)],
    )


def test_a_deleted_asset_frees_its_identifier(db: TestDatabase, worker_database: Database) -> None:
    insert(worker_database, staged(2, "A"))
    db.rows("UPDATE trakrf.assets SET deleted_at = now()")
    assert insert(worker_database, staged(2, "A"), job_id=uuid4()) == (1, [])


def test_another_account_may_have_the_same_identifier(
    web_database: Database, worker_database: Database
) -> None:
    insert(worker_database, staged(2, "A"), account_id=FOREIGN)
    assert insert(worker_database, staged(2, "A")) == (1, [])
    assert len(everything(web_database)) == len(everything(web_database, FOREIGN)) == 1


def test_staging_is_empty_again_in_the_next_transaction(worker_database: Database) -> None:
    insert(worker_database, staged(2, "A"))
    assert insert(worker_database, staged(3, "B")) == (1, [])


def test_reads_see_one_accounts_live_assets(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    insert(worker_database, staged(2, "A"), staged(3, "B"), staged(4, "C"))
    insert(worker_database, staged(2, "A"), account_id=FOREIGN)
    db.rows("UPDATE trakrf.assets SET deleted_at = now() WHERE identifier = 'B'")
    (foreign,) = everything(web_database, FOREIGN)
    first, last = everything(web_database)
    with web_database.tenant_read(OWN) as cursor:
        assert assets.get(cursor, account_id=OWN, asset_id=first.id) == first
        assert assets.get(cursor, account_id=OWN, asset_id=foreign.id) is None
        assert assets.page(cursor, account_id=OWN, identifier="C", limit=5) == ([last], None)
        assert assets.page(cursor, account_id=OWN, identifier="B", limit=5) == ([], None)
        after = assets.PageKey(first.identifier, first.id)
        assert assets.page(cursor, account_id=OWN, after=after, limit=5) == ([last], None)
