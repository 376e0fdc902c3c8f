"""Every column of an asset, along every path by which assets are read and written.

The columns are those of NewAsset, and their values are made from their types: a new one is covered as it is.
"""

import dataclasses
import re
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, get_type_hints
from uuid import UUID

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor

from bulkimport.api.asset_schemas import AssetPatchSchema, AssetSchema, NewAssetSchema
from bulkimport.assets import fields
from bulkimport.csvfile import template
from bulkimport.csvfile.header import DATE_FIELDS, FIELDS, REQUIRED_FIELDS
from bulkimport.database.connections import Database
from bulkimport.store import assets, reverting, staged_assets, staging
from bulkimport.store.asset_columns import COLUMNS, OPTIONAL, REQUIRED, NewAsset
from bulkimport.store.reverting import Span
from tests.conftest import OWN, TestDatabase, bearer
from tests.integration.conftest import Importer, accepted, counts, post

URL = "/api/v1/assets"
JOB = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
TYPES = get_type_hints(NewAsset)
DATES, BOOLEANS = (datetime, datetime | None), (bool, bool | None)
# Columns whose rules allow few values.
CHOSEN = {"type": ("person", "other"), "identifier": ("A", "B")}
SET_BY_SERVICE = {"id", "created_at", "updated_at", "import_job_id", "import_row", "version"}


def version(number: int) -> NewAsset:
    """An asset whose values all differ, also from the other version's; those of 1 also from any default."""
    return NewAsset(*(value_of(name, place, number) for place, name in enumerate(TYPES)))


def value_of(name: str, place: int, number: int) -> Any:
    if name in CHOSEN:
        return CHOSEN[name][number - 1]
    if TYPES[name] in DATES:
        return datetime(2020 + place, number, 15, tzinfo=UTC)
    if TYPES[name] in BOOLEANS:
        return number == 2
    return {"key": f"metadata {number}"} if name == "metadata" else f"{name} {number}"


FIRST, SECOND = version(1), version(2)


def document(asset: NewAsset) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in vars(asset).items()
    }


def file_of(asset: NewAsset, *names: str) -> bytes:
    """A CSV file with one row, which has the identifier and these columns, or all."""
    cells: dict[str, str] = {}
    for name, value in vars(asset).items():
        if name == "metadata":
            cells["metadata.key"] = value["key"]
        else:
            cells[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    if names:
        kept = {"identifier", *("metadata.key" if name == "metadata" else name for name in names)}
        cells = {name: cell for name, cell in cells.items() if name in kept}
    return f"{','.join(cells)}\n{','.join(cells.values())}\n".encode()


# The definition, and what must agree with it.


def test_the_tables_have_every_column(db: TestDatabase) -> None:
    def columns(table: str) -> set[str]:
        return {
            str(name)
            for (name,) in db.rows(
                "SELECT attname FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
                table,
            )
        }

    ours = SET_BY_SERVICE | {"account_id", "deleted_at"}
    assert columns("trakrf.assets") - ours == set(TYPES)
    of_changes = {"account_id", "job_id", "row_number", "asset_id", "version_after"}
    assert columns("trakrf.bulk_import_changes") - of_changes == set(TYPES) - {"identifier"}


def test_the_file_and_the_rules_have_every_column() -> None:
    assert ("identifier", *COLUMNS, "metadata") == tuple(TYPES)
    assert set(FIELDS) == {"identifier", *COLUMNS}
    assert tuple(fields.rules(fields.ISO_DATES)) == FIELDS, "the order in which errors are listed"
    assert set(REQUIRED_FIELDS) == {"identifier", *REQUIRED}
    assert set(DATE_FIELDS) == {name for name, column in COLUMNS.items() if column.sql_type == "timestamptz"}
    for example in template.EXAMPLES:
        assert set(REQUIRED_FIELDS) <= set(example) <= set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_required_by_its_rule_where_its_column_is(name: str) -> None:
    rule = fields.rules(fields.ISO_DATES)[name]
    assert bool(rule.column([""])[1]) == (name in {"identifier", *REQUIRED})


def test_the_description_has_every_column() -> None:
    for schema in (AssetSchema(), NewAssetSchema(), AssetPatchSchema()):
        assert set(schema.fields) - SET_BY_SERVICE == set(TYPES)
    required = {name for name, field in NewAssetSchema().fields.items() if field.required}
    assert required == {"identifier", *REQUIRED}
    assert not any(field.required for field in AssetPatchSchema().fields.values())


# Over HTTP, and from a file.


def test_an_asset_is_created_and_read(importer: Importer) -> None:
    created = send(importer, "POST", "", document(FIRST))
    assert of_answer(created) == FIRST
    assert send(importer, "GET", f"/{created['id']}") == created
    for query in ("sort=id", "sort=-id", "sort=identifier", "identifier=A"):
        assert send(importer, "GET", f"?{query}")["assets"] == [created]


def test_an_asset_is_replaced(importer: Importer) -> None:
    asset_id = send(importer, "POST", "", document(FIRST))["id"]
    assert of_answer(send(importer, "PUT", f"/{asset_id}", document(SECOND))) == SECOND
    assert the_asset(importer) == SECOND


def test_each_column_is_patched_by_itself(importer: Importer) -> None:
    asset_id, expected = send(importer, "POST", "", document(FIRST))["id"], FIRST
    for name in TYPES:
        patched = send(importer, "PATCH", f"/{asset_id}", {name: document(SECOND)[name]})
        expected = dataclasses.replace(expected, **{name: getattr(SECOND, name)})
        assert of_answer(patched) == expected


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_a_row_creates_an_asset(importer: Importer, on_conflict: str) -> None:
    """With `error` all rows are inserted at once, otherwise by way of the staging table."""
    job = importer.run(file_of(FIRST), on_conflict=on_conflict)
    assert counts(job) == {"created": 1}, job["errors"]
    assert the_asset(importer, f"import_job_id={job['job_id']}") == FIRST


def test_a_row_creates_an_asset_although_another_row_of_its_chunk_fails(importer: Importer) -> None:
    header, row = file_of(FIRST).splitlines(keepends=True)
    job = importer.run(header + row + row)
    assert counts(job) == {"created": 1, "failed": 1}
    assert the_asset(importer) == FIRST


@pytest.mark.parametrize("name", [*OPTIONAL, "metadata"])
def test_a_cell_clears_an_optional_column_and_the_revert_puts_it_back(importer: Importer, name: str) -> None:
    importer.run(file_of(FIRST))
    header = "metadata.key" if name == "metadata" else name
    file = f"identifier,{header}\n{FIRST.identifier},\n".encode()
    job = importer.run(file, on_conflict="update", empty="clear")
    assert counts(job) == {"updated": 1}, job["errors"]
    cleared: dict[str, Any] = {name: {} if name == "metadata" else None}
    assert the_asset(importer) == dataclasses.replace(FIRST, **cleared)
    accepted(post(importer, job["job_id"], "revert"))
    importer.work()
    assert the_asset(importer) == FIRST


def test_a_row_changes_an_asset_and_the_revert_puts_it_back(importer: Importer) -> None:
    importer.run(file_of(FIRST))
    second = dataclasses.replace(SECOND, identifier=FIRST.identifier)
    job = importer.run(file_of(second), on_conflict="update")
    assert counts(job) == {"updated": 1}, job["errors"]
    assert the_asset(importer) == second
    accepted(post(importer, job["job_id"], "revert"))
    importer.work()
    assert the_asset(importer) == FIRST


def test_a_row_changes_each_column_by_itself(importer: Importer) -> None:
    importer.run(file_of(FIRST))
    expected = FIRST
    for name in (*COLUMNS, "metadata"):
        expected = dataclasses.replace(expected, **{name: getattr(SECOND, name)})
        assert counts(importer.run(file_of(expected, name), on_conflict="update")) == {"updated": 1}
        assert the_asset(importer) == expected


def test_a_row_for_a_new_asset_needs_every_required_column(importer: Importer) -> None:
    for name in REQUIRED:
        job = importer.run(file_of(FIRST, *(TYPES.keys() - {name})), on_conflict="update")
        assert importer.errors(job) == [(2, name, "required")]


# Statement by statement, in the store.


def test_every_column_goes_through_the_store(one_job: Database) -> None:
    with one_job.tenant_transaction(OWN) as cursor:
        go_through_the_store(cursor)


# Of each statement that lists columns to write or to ask for, the part in which it does so. One that reads
# without a column cannot fill an Asset, so it needs no test.
LISTS: list[tuple[ModuleType, str, str]] = [
    (assets, "INSERT", "RETURNING"),
    (assets, "UPDATE", "WHERE"),
    (staging, "STAGE", "FROM"),
    (staged_assets, "INSERT_ALL", "FROM"),
    (staged_assets, "INSERT_STAGED", "FROM"),
    (staged_assets, "INCOMPLETE", "FROM"),
    (staged_assets, "UPDATE_STAGED", "FROM"),
    (reverting, "NOTE", "FROM"),
    (reverting, "RESTORE", "FROM"),
]


@pytest.mark.parametrize(("module", "constant", "end"), LISTS, ids=[constant for _, constant, _ in LISTS])
def test_a_statement_that_leaves_out_a_column_is_noticed(
    one_job: Database, monkeypatch: pytest.MonkeyPatch, module: ModuleType, constant: str, end: str
) -> None:
    """A test of the test above, which otherwise might pass whatever the statements list."""
    head, middle, rest = re.split(rf"(\n +{end}|\n{end})", getattr(module, constant), maxsplit=1)
    shorter = {name: without(name, head) for name in TYPES}
    left_out = [name for name in TYPES if shorter[name] != head]
    assert set(REQUIRED) <= set(left_out), "the statement is not taken apart as it should be"
    noticed = []
    for name in left_out:
        monkeypatch.setattr(module, constant, shorter[name] + middle + rest)
        with pytest.raises((AssertionError, psycopg2.Error)), one_job.tenant_transaction(OWN) as cursor:
            go_through_the_store(cursor)
        noticed.append(name)
    assert noticed == left_out


@pytest.fixture
def one_job(db: TestDatabase, worker_database: Database) -> Database:
    """A database with a job, to which changes belong."""
    job = "INSERT INTO trakrf.bulk_import_jobs (account_id, id, total_rows) VALUES (%s, %s::uuid, 1)"
    db.rows(job, OWN, str(JOB))
    return worker_database


def without(name: str, lists: str) -> str:
    """The lists of a statement without the items of a column, in whatever form they are."""
    item = (
        rf"(?:CASE WHEN staged\.{name} IS NULL THEN '{name}' END"
        rf"|{name}\s+= (?:[^,(\n]*coalesce\([^)]*\)|[^,\n]+)"
        rf"|coalesce\({name}, '{{}}'\)|%\({name}\)s|(?:asset\.)?{name})"
    )
    return re.sub(rf"(?<=[ (\[]){item},\s+|,\s+{item}(?=[)\]]|$)", "", lists)


def go_through_the_store(cursor: Cursor) -> None:
    """Assert that every statement that writes assets writes every column, and so does a revert."""
    stored = assets.insert(cursor, account_id=OWN, asset=FIRST)
    assert settable(stored) == FIRST
    assert assets.get(cursor, account_id=OWN, asset_id=stored.id) == stored
    assert settable(assets.update(cursor, account_id=OWN, asset_id=stored.id, asset=SECOND)) == SECOND
    assets.delete(cursor, account_id=OWN, asset_id=stored.id)

    assert staged_assets.insert_all(cursor, account_id=OWN, job_id=JOB, rows=arrays_of(2, FIRST))
    assert listed(cursor) == [FIRST]

    renewed = dataclasses.replace(SECOND, identifier=FIRST.identifier)
    staging.stage(cursor, arrays_of(3, renewed))
    staged_assets.lock_held(cursor, account_id=OWN)
    reverting.note(cursor, account_id=OWN, job_id=JOB)
    assert staged_assets.update_staged(cursor, account_id=OWN, clears=False) == [3]
    assert listed(cursor) == [renewed]
    assert reverting.restore(cursor, Span(OWN, JOB, first_row=3, last_row=3)) == 1
    assert listed(cursor) == [FIRST]

    staging.clear(cursor)
    other = dataclasses.replace(FIRST, identifier=SECOND.identifier)
    staging.stage(cursor, arrays_of(4, other))
    assert staged_assets.insert_staged(cursor, account_id=OWN, job_id=JOB) == 1
    assert listed(cursor) == [FIRST, other]

    staging.clear(cursor)
    nothing: dict[str, Any] = {**{name: [None] for name in COLUMNS}, "identifier": ["NEW"], "metadata": [{}]}
    staging.stage(cursor, staging.arrays([5], nothing))
    assert staged_assets.incomplete(cursor, account_id=OWN) == [(5, list(REQUIRED))]


def arrays_of(row: int, asset: NewAsset) -> staging.Staging:
    return staging.arrays([row], {name: [value] for name, value in vars(asset).items()})


def listed(cursor: Cursor) -> list[NewAsset]:
    return [settable(asset) for asset in assets.page(cursor, account_id=OWN, limit=10).assets]


def settable(asset: NewAsset) -> NewAsset:
    """What callers set of a stored asset."""
    return NewAsset(**{name: getattr(asset, name) for name in TYPES})


def send(importer: Importer, method: str, path: str, body: object = None) -> Any:
    response = importer.client.open(URL + path, method=method, headers=bearer(), json=body)
    assert response.status_code in (200, 201), response.get_data(as_text=True)
    return response.get_json()


def of_answer(answer: dict[str, Any]) -> NewAsset:
    values: dict[str, Any] = {name: answer[name] for name in TYPES}
    moments = {name: value for name, value in values.items() if value and TYPES[name] in DATES}
    return NewAsset(**values | {name: datetime.fromisoformat(value) for name, value in moments.items()})


def the_asset(importer: Importer, query: str = "") -> NewAsset:
    (answer,) = send(importer, "GET", f"?{query}")["assets"]
    return of_answer(answer)
