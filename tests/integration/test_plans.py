"""What a dry run keeps: the plan of an import, row by row."""

import csv
import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import FOREIGN, HEADER, TestDatabase, bearer, csv_of
from tests.integration.conftest import Importer, accepted, counts, post, problem

HEADER_WITH_ROOM = HEADER.strip() + ",metadata.room,metadata.floor\n"
MIXED = HEADER_WITH_ROOM + (
    "A,Laptop,device,,2024-01-15,,yes,,\n"  # as it is
    "B,Phone,person,text,2024-02-01,2025-01-01,no,12,1\n"
    "N,New,device,,2024-01-15,,yes,,\n"
    "C,Bad,gadget,,2024-01-15,,yes,,\n"
    "D,,,,,,,13,\n"
    "N,Again,device,,2024-01-15,,yes,,\n"
)


@pytest.fixture
def existing(importer: Importer) -> None:
    """The account has A to D, of which D has metadata, and another account has the others."""
    importer.run(csv_of(*"ABC"))
    importer.run((HEADER_WITH_ROOM + "D,Desk,asset,,2024-01-15,,yes,12,2\n").encode())
    importer.run(csv_of("N", "A"), FOREIGN)


def changes(importer: Importer, job: dict[str, Any], query: str = "", limit: int = 2) -> list[dict[str, Any]]:
    """The plan, read in small pages."""
    rows: list[dict[str, Any]] = []
    url: str | None = f"{job['job_id']}/changes?limit={limit}{query}"
    while url:
        response = importer.get(url)
        assert response.status_code == 200, response.get_data(as_text=True)
        page = response.get_json()
        assert len(page["changes"]) <= limit
        rows += page["changes"]
        cursor = page["next_cursor"]
        url = f"{job['job_id']}/changes?limit={limit}{query}&cursor={cursor}" if cursor else None
    return rows


@pytest.mark.usefixtures("existing")
def test_a_dry_run_keeps_a_plan_row_by_row(importer: Importer) -> None:
    job = importer.run(MIXED.encode(), dry_run="true", on_conflict="update")
    importer.run(csv_of("B", "D").replace(b"Laptop", b"Since"), on_conflict="update")
    assert changes(importer, job) == [
        {"row": 2, "identifier": "A", "action": "unchanged", "changes": {}},
        {
            "row": 3,
            "identifier": "B",
            "action": "update",
            "changes": {
                "name": {"from": "Laptop", "to": "Phone"},
                "type": {"from": "device", "to": "person"},
                "description": {"from": None, "to": "text"},
                "valid_from": {"from": "2024-01-15T00:00:00.000000Z", "to": "2024-02-01T00:00:00.000000Z"},
                "valid_to": {"from": None, "to": "2025-01-01T00:00:00.000000Z"},
                "is_active": {"from": True, "to": False},
                "metadata.floor": {"from": None, "to": "1"},
                "metadata.room": {"from": None, "to": "12"},
            },
        },
        {"row": 4, "identifier": "N", "action": "create", "changes": {}},
        {
            "row": 6,
            "identifier": "D",
            "action": "update",
            "changes": {"metadata.room": {"from": "12", "to": "13"}},
        },
    ]
    assert counts(job) == {"created": 1, "updated": 2, "unchanged": 1, "failed": 2}


@pytest.mark.usefixtures("existing")
@pytest.mark.parametrize(
    ("on_conflict", "expected"),
    [
        ("error", {"create": [4]}),
        ("skip", {"create": [4], "skip": [2, 3]}),
        ("update", {"create": [4], "update": [3, 6], "unchanged": [2]}),
    ],
)
def test_a_plan_can_be_filtered_by_action(
    importer: Importer, on_conflict: str, expected: dict[str, list[int]]
) -> None:
    job = importer.run(MIXED.encode(), dry_run="true", on_conflict=on_conflict)
    for action in ("create", "update", "skip", "unchanged"):
        rows = changes(importer, job, f"&action={action}")
        assert [row["row"] for row in rows] == expected.get(action, [])
        assert {row["action"] for row in rows} <= {action}


@pytest.mark.usefixtures("existing")
def test_a_plan_as_csv_has_a_line_per_field_that_changes(importer: Importer) -> None:
    job = importer.run(MIXED.encode(), dry_run="true", on_conflict="update")
    url = f"{job['job_id']}/changes"
    response = importer.get(url, headers={"Accept": "text/csv"})
    assert response.headers["Content-Disposition"] == f'attachment; filename="changes-{job["job_id"]}.csv"'
    assert importer.get(f"{url}?format=csv").data == response.data
    lines = list(csv.reader(io.StringIO(response.get_data(as_text=True))))
    assert lines[0] == ["row", "identifier", "action", "field", "from", "to"]
    assert lines[1:3] == [
        ["2", "A", "unchanged", "", "", ""],
        ["3", "B", "update", "name", "Laptop", "Phone"],
    ]
    assert ["3", "B", "update", "is_active", "true", "false"] in lines
    assert lines[-1] == ["6", "D", "update", "metadata.room", "12", "13"]
    filtered = importer.get(f"{url}?format=csv&action=create").get_data(as_text=True)
    assert filtered.splitlines()[1:] == ["4,N,create,,,"]


def test_only_a_completed_dry_run_has_a_plan(importer: Importer) -> None:
    wet = importer.run(csv_of("A"))
    failed = importer.run(csv_of("A"), dry_run="true", on_error="abort")
    pending = importer.upload(csv_of("B"), dry_run="true").get_json()
    for job, expected in ((wet, "not-a-plan"), (failed, "not-a-plan"), (pending, "job-unfinished")):
        assert problem(importer.get(f"{job['job_id']}/changes")) == (409, expected)
    assert problem(importer.get(f"{wet['job_id']}/changes", FOREIGN)) == (404, "not-found")


def test_a_plan_that_is_not_stored_in_full_is_expired(importer: Importer, db: TestDatabase) -> None:
    """As after a dry run in which workers of the previous release took part."""
    job = importer.run(csv_of(*"ABCDE"), dry_run="true")
    db.rows("DELETE FROM trakrf.bulk_import_plans WHERE number = 1 RETURNING 1")
    assert problem(importer.get(f"{job['job_id']}/changes")) == (409, "plan-expired")


def test_a_dry_run_without_failed_rows_cannot_be_retried(importer: Importer) -> None:
    job = importer.run(csv_of(*"ABCDE"), dry_run="true")
    assert problem(post(importer, job["job_id"], "retry")) == (409, "nothing-to-retry")


def test_a_retry_of_a_dry_run_plans_the_failed_rows(importer: Importer, client: FlaskClient) -> None:
    importer.run(csv_of("C"))
    job = importer.run(csv_of(*"ABCDE"), dry_run="true")
    assert changes(importer, job)[2]["identifier"] == "D"
    (asset,) = client.get("/api/v1/assets", headers=bearer()).get_json()["assets"]
    client.delete(f"/api/v1/assets/{asset['id']}", headers=bearer())
    retried = accepted(post(importer, job["job_id"], "retry"))
    importer.work()
    assert changes(importer, importer.job(retried)) == [
        {"row": 4, "identifier": "C", "action": "create", "changes": {}}
    ]
