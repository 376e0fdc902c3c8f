"""dry_run, on_conflict and on_error, through the service and the worker."""

from typing import Any

import pytest

from bulkimport.worker.loop import MAX_ATTEMPTS
from tests.conftest import FOREIGN, HEADER, TestDatabase, csv_of
from tests.integration.conftest import OWN_OF_EACH_JOB, Importer, accepted, counts, post, problem

VOLATILE = (*OWN_OF_EACH_JOB, "options")


def row(identifier: str, name: str = "new", **cells: str) -> str:
    values = {
        "type": "device",
        "description": "",
        "valid_from": "2024-06-01",
        "valid_to": "",
        "is_active": "no",
        **cells,
    }
    return ",".join([identifier, name, *values.values()]) + "\n"


MIXED = (
    HEADER
    + row("A")
    + row("C")
    + row("C", "again")
    + row("D", type="gadget")
    + row("B")
    + row("E")
    + row("A")
)


@pytest.fixture
def existing(importer: Importer) -> None:
    """The account has A and B, and another account has all identifiers."""
    importer.run(csv_of("A", "B"))
    importer.run(csv_of(*"ABCDE"), FOREIGN)


@pytest.mark.usefixtures("existing")
@pytest.mark.parametrize(
    ("on_conflict", "expected", "errors"),
    [
        (
            "error",
            {"created": 2, "failed": 5},
            [
                (2, "identifier", "already_exists"),
                (4, "identifier", "duplicate_in_file"),
                (5, "type", "unknown_type"),
                (6, "identifier", "already_exists"),
                (8, "identifier", "already_exists"),
            ],
        ),
        (
            "skip",
            {"created": 2, "skipped": 2, "failed": 3},
            [
                (4, "identifier", "duplicate_in_file"),
                (5, "type", "unknown_type"),
                (8, "identifier", "duplicate_in_file"),
            ],
        ),
        (
            "update",
            {"created": 2, "updated": 2, "failed": 3},
            [
                (4, "identifier", "duplicate_in_file"),
                (5, "type", "unknown_type"),
                (8, "identifier", "duplicate_in_file"),
            ],
        ),
    ],
)
@pytest.mark.parametrize("on_error", ["continue", "abort"])
def test_a_dry_run_reports_what_the_import_would_do(
    importer: Importer,
    on_conflict: str,
    on_error: str,
    expected: dict[str, int],
    errors: list[tuple[int, str, str]],
) -> None:
    before = importer.assets("*")
    options = {"on_conflict": on_conflict, "on_error": on_error}
    dry = importer.run(MIXED.encode(), dry_run="true", **options)
    assert importer.assets("*") == before
    wet = importer.run(MIXED.encode(), **options)

    assert importer.errors(dry) == importer.errors(wet) == errors
    assert without(dry, *VOLATILE) == without(wet, *VOLATILE)
    assert {**wet["options"], "dry_run": True} == dry["options"]
    if on_error == "abort":
        assert counts(wet) == {"skipped": 7 - expected["failed"], "failed": expected["failed"]}
        assert (wet["status"], wet["processed_rows"]) == ("failed", 7)
        assert wet["failure"] == (
            f"{expected['failed']} of 7 rows failed, and with on_error=abort nothing was imported"
        )
        assert importer.assets("*") == before
    else:
        assert counts(wet) == expected
        assert wet["status"] == "completed"
        assert len(importer.assets()) == len(before) + expected["created"]
    assert importer.db.value("SELECT count(*) FROM trakrf.bulk_import_identifiers") == 0


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


@pytest.mark.usefixtures("existing")
def test_the_second_occurrence_names_the_first(importer: Importer) -> None:
    job = importer.run(MIXED.encode(), on_conflict="update")
    assert [error["error"] for error in job["errors"] if error["code"] == "duplicate_in_file"] == [
        'identifier "C" must be unique; it is already in row 3',
        'identifier "A" must be unique; it is already in row 2',
    ]


@pytest.mark.usefixtures("existing")
def test_update_leaves_fields_that_the_file_does_not_have(importer: Importer) -> None:
    fields = ("name", "type", "description", "valid_from::date::text", "valid_to", "is_active", "metadata")
    importer.run(b"identifier,description,metadata.a,metadata.b\nA,first,1,2\n", on_conflict="update")
    importer.run(b"identifier,name,description,metadata.b,is_active\nA,Renamed,,3,\n", on_conflict="update")
    assert importer.assets(*fields)[0] == (
        *("Renamed", "device", "first", "2024-01-15", None, True),
        {"a": "1", "b": "3"},
    )
    assert importer.assets("updated_at > created_at")[0:2] == [(True,), (False,)]


@pytest.mark.usefixtures("existing")
@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_update_requires_a_complete_new_asset_and_an_end_after_the_beginning(
    importer: Importer, dry_run: str
) -> None:
    file = b"identifier,name,valid_to,type\nA,,2024-01-14,\nNEW,x,,\nB,,2024-01-15,\n"
    job = importer.run(file, on_conflict="update", dry_run=dry_run)
    assert counts(job) == {"updated": 1, "failed": 2}
    assert importer.errors(job) == [
        (2, "valid_to", "valid_to_before_valid_from"),
        (3, "type", "required"),
        (3, "valid_from", "required"),
        (3, "is_active", "required"),
    ]


def test_a_deleted_asset_is_neither_updated_nor_in_the_way(importer: Importer, db: TestDatabase) -> None:
    importer.run(csv_of("A"))
    db.rows("UPDATE trakrf.assets SET deleted_at = now(), name = 'old'")
    job = importer.run((HEADER + row("A")).encode(), on_conflict="update")
    assert counts(job) == {"created": 1}
    assert db.rows("SELECT name FROM trakrf.assets ORDER BY id") == [("old",), ("new",)]


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_all_or_nothing_imports_all_of_a_good_file(importer: Importer, on_conflict: str) -> None:
    file = csv_of(*map(str, range(10)))
    job = importer.run(file, on_error="abort", on_conflict=on_conflict)
    assert (job["status"], counts(job)) == ("completed", {"created": 10})
    assert importer.db.value("SELECT count(DISTINCT created_at) FROM trakrf.assets") == 1, "one transaction"


def test_all_or_nothing_finds_a_bad_row_in_the_last_chunk(importer: Importer) -> None:
    file = csv_of(*map(str, range(10))) + b"bad\n"
    job = importer.run(file, on_error="abort")
    assert (job["status"], counts(job)) == ("failed", {"skipped": 10, "failed": 1})
    assert importer.assets() == []


def test_all_or_nothing_imports_nothing_even_if_its_conflict_went_away(
    importer: Importer, db: TestDatabase
) -> None:
    importer.run(csv_of("A"))
    accepted = importer.upload(csv_of(*"ABCD"), on_error="abort")
    assert importer.worker.work_once()
    assert db.rows("SELECT only_check, next_chunk, attempts FROM trakrf.bulk_import_queue") == [(True, 0, 0)]
    db.rows("DELETE FROM trakrf.assets")
    importer.work()
    job = importer.job(accepted.get_json()["job_id"])
    assert (job["status"], counts(job)) == ("failed", {"skipped": 4})
    assert "upload the file again" in job["failure"]
    assert importer.assets() == []


def test_all_or_nothing_that_never_finishes_fails(importer: Importer, db: TestDatabase) -> None:
    accepted = importer.upload(csv_of(*"ABCDEF"), on_error="abort")
    db.rows("DELETE FROM trakrf.bulk_import_chunks WHERE number = 1")
    for _ in range(MAX_ATTEMPTS + 1):
        importer.work()
        db.rows("UPDATE trakrf.bulk_import_queue SET not_before = now()")
    job = importer.job(accepted.get_json()["job_id"])
    assert (job["status"], job["processed_rows"]) == ("failed", 0)
    assert importer.assets() == []


def test_errors_are_counted_by_code_and_field(importer: Importer) -> None:
    rows = [
        row(str(number), type="gadget" if number % 2 else "asset", name="" if number > 15 else "x")
        for number in range(18)
    ]
    job = importer.run((HEADER + "".join(rows)).encode())
    assert job["error_summary"] == [
        {"code": "unknown_type", "field": "type", "count": 9, "first_rows": [3, 5, 7, 9, 11]},
        {"code": "required", "field": "name", "count": 2, "first_rows": [18, 19]},
    ]


def test_a_row_that_changes_nothing_writes_nothing(importer: Importer) -> None:
    """It raises no version, a dry run counts it the same way, and a revert leaves its asset alone."""
    importer.run((HEADER + row("A") + row("B") + row("C")).encode())
    before = importer.assets("*", "xmin")
    file = (
        HEADER + row("A") + row("B", "other") + row("C", "", type="", valid_from="", is_active="")
    ).encode()

    dry = importer.run(file, on_conflict="update", dry_run="true")
    job = importer.run(file, on_conflict="update")

    assert counts(dry) == counts(job) == {"updated": 1, "unchanged": 2}
    assert (job["status"], job["successful_rows"]) == ("completed", 3)
    assert [*importer.assets("*", "xmin")[::2]] == before[::2]
    reverted = importer.job(accepted(post(importer, job["job_id"], "revert")))
    importer.work()
    reverted = importer.job(reverted["job_id"])
    assert (reverted["total_rows"], counts(reverted)) == (1, {"updated": 1})
    assert importer.assets("identifier", "version") == [("A", 1), ("B", 3), ("C", 1)]


@pytest.mark.parametrize("on_error", ["continue", "abort"])
def test_a_file_that_changes_nothing_cannot_be_reverted(importer: Importer, on_error: str) -> None:
    file = (HEADER.strip() + ",metadata.room\n" + row("A").strip() + ",12\n").encode()
    importer.run(file)
    job = importer.run(file, on_conflict="update", on_error=on_error)
    assert counts(job) == {"unchanged": 1}
    assert problem(post(importer, job["job_id"], "revert")) == (409, "nothing-to-revert")


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("name", "other"),
        ("type", "person"),
        ("description", "text"),
        ("valid_from", "2024-06-02"),
        ("valid_to", "2030-01-01"),
        ("is_active", "yes"),
        ("metadata.room", "13"),
        ("metadata.floor", "1"),
    ],
)
def test_a_change_in_any_column_is_an_update(importer: Importer, column: str, cell: str) -> None:
    header, cells = HEADER.strip() + ",metadata.room", row("A").strip() + ",12"
    importer.run(f"{header}\n{cells}\n".encode())
    for expected in ("updated", "unchanged"):
        job = importer.run(f"identifier,{column}\nA,{cell}\n".encode(), on_conflict="update")
        assert counts(job) == {expected: 1}
