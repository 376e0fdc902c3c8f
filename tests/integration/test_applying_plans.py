"""A plan is applied as it was approved, or a row that no longer can be is an error."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkimport.database.connections import Database
from bulkimport.jobs import retention
from tests.conftest import FOREIGN, HEADER, TestDatabase, bearer, csv_of
from tests.integration.conftest import Importer, accepted, counts, post, problem
from tests.integration.test_plans import changes

COLUMNS = ("identifier", "name", "type", "description", "valid_from", "valid_to", "is_active", "metadata")
FILE = HEADER.strip() + ",metadata.room\n"


def row(identifier: str, name: str = "new", room: str = "12") -> str:
    return f"{identifier},{name},device,,2024-01-15,,yes,{room}\n"


def dry_run(importer: Importer, *rows: str, **options: str) -> dict[str, Any]:
    options = {"on_conflict": "update", **options}
    return importer.run((FILE + "".join(rows)).encode(), dry_run="true", **options)


def applied(importer: Importer, job: Mapping[str, Any]) -> dict[str, Any]:
    """The finished job that applies a plan."""
    job_id = accepted(post(importer, job["job_id"], "apply"))
    importer.work()
    return importer.job(job_id)


def change(importer: Importer, identifier: str, **fields: str) -> None:
    """Change an asset, or delete it if no field is given."""
    (asset_id,) = importer.db.rows(
        "SELECT id FROM trakrf.assets WHERE account_id = 1 AND identifier = %s AND deleted_at IS NULL",
        identifier,
    )[0]
    url = f"/api/v1/assets/{asset_id}"
    if fields:
        assert importer.client.patch(url, json=fields, headers=bearer()).status_code == 200
    else:
        assert importer.client.delete(url, headers=bearer()).status_code == 204


def failed_rows(importer: Importer, job: Mapping[str, Any]) -> str:
    return importer.get(f"{job['job_id']}/failed-rows.csv").get_data(as_text=True)


@pytest.fixture
def existing(importer: Importer) -> None:
    """The account has A to E, and another account has all identifiers."""
    importer.run((FILE + "".join(row(identifier, "old") for identifier in "ABCDE")).encode())
    importer.run(csv_of(*"ABCDEFGHN"), FOREIGN)


@pytest.mark.usefixtures("existing")
def test_an_applied_plan_is_an_import_of_its_own(importer: Importer) -> None:
    job = dry_run(importer, row("A"), row("B", "old"), row("N"), "X,,,,,,,\n", "C,C,gadget,,,,,\n", row("A"))
    done = applied(importer, job)
    assert (done["kind"], done["status"], done["parent_job_id"]) == ("import", "completed", job["job_id"])
    assert {**done["options"], "dry_run": True} == job["options"]
    assert counts(done) == counts(job) == {"created": 1, "updated": 1, "unchanged": 1, "failed": 3}
    assert importer.errors(done) == importer.errors(job)
    assert done["error_summary"] == job["error_summary"]
    assert done["total_rows"] == 6
    assert importer.assets("identifier", "name", "version")[:2] == [("A", "new", 2), ("B", "old", 1)]
    assert failed_rows(importer, job).replace(job["job_id"], done["job_id"]) == failed_rows(importer, done)


@pytest.mark.usefixtures("existing")
def test_a_row_whose_asset_was_touched_since_fails_and_the_others_are_as_planned(importer: Importer) -> None:
    job = dry_run(importer, row("A"), row("B"), row("C", "old"), *map(row, "DEFGH"))
    before = importer.assets(*COLUMNS)
    change(importer, "A", name="mine")
    change(importer, "B")
    change(importer, "C", description="mine")
    importer.run(csv_of("F"))
    importer.run(csv_of("G"))
    change(importer, "G")

    done = applied(importer, job)

    assert importer.errors(done) == [(row, "identifier", "changed_since") for row in (2, 3, 4, 7)]
    assert counts(done) == {"created": 2, "updated": 2, "failed": 4}
    assert importer.db.rows(
        "SELECT identifier, name FROM trakrf.assets WHERE account_id = 1 AND deleted_at IS NULL ORDER BY 1"
    ) == [*zip("ACDEFGH", ("mine", "old", "new", "new", "Laptop", "new", "new"), strict=True)]
    assert len(failed_rows(importer, done).splitlines()) == 5

    reverted = accepted(post(importer, done["job_id"], "revert"))
    importer.work()
    assert importer.job(reverted)["failed_rows"] == 0
    after = importer.assets(*COLUMNS)
    assert [asset for asset in after if asset[0] in "DE"] == [asset for asset in before if asset[0] in "DE"]


@pytest.mark.usefixtures("existing")
def test_cleared_cells_and_defaults_are_planned_and_applied(importer: Importer) -> None:
    options = {"clear_value": "-", "defaults": '{"name": "Unnamed", "metadata.room": "1"}'}
    rows = row("A", "old", "-"), row("B", "old", ""), row("N", "", ""), row("P", "", "-")
    job = dry_run(importer, *rows, **options)
    assert changes(importer, job)[0]["changes"] == {"metadata.room": {"from": "12", "to": None}}
    done = applied(importer, job)
    assert counts(done) == counts(job) == {"created": 2, "updated": 1, "unchanged": 1}
    assets = {
        identifier: rest
        for account_id, identifier, *rest in importer.assets("account_id", "identifier", "name", "metadata")
        if account_id != FOREIGN
    }
    assert [assets[identifier] for identifier in "ABNP"] == [
        ["old", {}],
        ["old", {"room": "12"}],
        ["Unnamed", {"room": "1"}],
        ["Unnamed", {}],
    ]


def test_identifiers_are_generated_when_the_plan_is_applied(importer: Importer) -> None:
    job = dry_run(importer, row("A"), row(""), row(""), identifiers="generate", on_conflict="error")
    assert [(each["row"], each["identifier"]) for each in changes(importer, job)] == [
        (2, "A"),
        (3, None),
        (4, None),
    ]
    done = applied(importer, job)
    assert counts(done) == counts(job) == {"created": 3}
    assert importer.assets("identifier") == [("A",), ("ASSET-0001",), ("ASSET-0002",)]


@pytest.mark.usefixtures("existing")
def test_all_or_nothing_imports_nothing_if_an_asset_was_changed_since(importer: Importer) -> None:
    job = dry_run(importer, *map(row, "ABCDEN"), on_error="abort")
    change(importer, "E", name="mine")
    before = importer.assets("*")
    done = applied(importer, job)
    assert (done["status"], counts(done)) == ("failed", {"skipped": 5, "failed": 1})
    assert importer.errors(done) == [(6, "identifier", "changed_since")]
    assert importer.assets("*") == before
    assert len(failed_rows(importer, done).splitlines()) == 2
    assert problem(post(importer, done["job_id"], "retry")) == (409, "nothing-to-retry")
    again = dry_run(importer, *map(row, "ABCDEN"), on_error="abort")
    assert counts(applied(importer, again)) == {"created": 1, "updated": 5}


@pytest.mark.usefixtures("existing")
def test_a_plan_is_applied_once(importer: Importer) -> None:
    job = dry_run(importer, row("A"))
    first = post(importer, job["job_id"], "apply", **{"Idempotency-Key": "k"})
    assert post(importer, job["job_id"], "apply", **{"Idempotency-Key": "k"}).get_json() == first.get_json()
    assert problem(post(importer, job["job_id"], "apply")) == (409, "plan-applied")
    importer.work()
    assert problem(post(importer, job["job_id"], "apply")) == (409, "plan-applied")


@pytest.mark.usefixtures("existing")
def test_a_plan_whose_application_was_cancelled_can_be_applied(importer: Importer) -> None:
    job = dry_run(importer, *map(row, "ABCDE"))
    first = accepted(post(importer, job["job_id"], "apply"))
    assert importer.worker.work_once()
    assert post(importer, first, "cancel").get_json()["updated_rows"] == 3
    second = applied(importer, job)
    assert counts(second) == {"updated": 2, "failed": 3}
    assert problem(post(importer, first, "retry")) == (409, "nothing-to-retry")


@pytest.mark.usefixtures("existing")
def test_a_plan_that_changes_nothing_is_empty(importer: Importer) -> None:
    for job in (dry_run(importer, row("A", "old")), dry_run(importer, row("A"), on_conflict="skip")):
        assert problem(post(importer, job["job_id"], "apply")) == (409, "plan-empty")


@pytest.mark.usefixtures("existing")
def test_if_match_binds_to_the_plan_that_was_read(importer: Importer) -> None:
    job, other = dry_run(importer, row("A")), dry_run(importer, row("B"))
    tags = [importer.get(each["job_id"]).headers["ETag"] for each in (job, other)]
    refused = post(importer, job["job_id"], "apply", **{"If-Match": tags[1]})
    assert (problem(refused), refused.headers["ETag"]) == ((412, "precondition-failed"), tags[0])
    assert accepted(post(importer, job["job_id"], "apply", **{"If-Match": tags[0]}))


@pytest.mark.usefixtures("existing")
def test_only_a_stored_plan_can_be_applied(importer: Importer, db: TestDatabase) -> None:
    wet = importer.run(csv_of("Z"))
    job = dry_run(importer, *map(row, "ABCDE"))
    db.rows("DELETE FROM trakrf.bulk_import_plans WHERE number = 1 RETURNING 1")
    pending = importer.upload(csv_of("Y"), dry_run="true").get_json()
    for each, expected in ((wet, "not-a-plan"), (job, "plan-expired"), (pending, "job-unfinished")):
        assert problem(post(importer, each["job_id"], "apply")) == (409, expected)


@pytest.mark.usefixtures("existing")
def test_a_dry_run_is_kept_while_its_plan_is_applied(
    importer: Importer, db: TestDatabase, worker_database: Database
) -> None:
    job = dry_run(importer, *map(row, "ABCDE"))
    done = accepted(post(importer, job["job_id"], "apply"))
    url = f"/api/v1/assets/bulk/{job['job_id']}"
    assert problem(importer.client.delete(url, headers=bearer())) == (409, "job-unfinished")
    db.rows("UPDATE trakrf.bulk_import_finished SET finished_at = '2020-01-01' RETURNING 1")
    while retention.purge_some(worker_database, days=7):
        pass
    importer.work()
    assert counts(importer.job(done)) == {"updated": 5}
    assert importer.client.delete(url, headers=bearer()).status_code == 204
    while retention.purge_some(worker_database, days=7):
        pass
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_plans") == 0
    assert accepted(post(importer, done, "revert"))


CELLS = {
    "name": st.sampled_from(["one", "two", "two", ""]),
    "type": st.sampled_from(["device", "device", "device", "person", "gadget"]),
    "description": st.sampled_from(["", "text"]),
    "valid_from": st.sampled_from(["2024-01-15", "2024-01-15", "2024-02-01", ""]),
    "valid_to": st.sampled_from(["", "", "2024-06-01"]),
    "is_active": st.sampled_from(["yes", "no", "yes", ""]),
    "metadata.room": st.sampled_from(["", "1", "2"]),
}
ROW = st.tuples(st.sampled_from("ABCDEFGH"), st.fixed_dictionaries(CELLS))
ROWS = st.one_of(
    st.lists(ROW, min_size=4, max_size=8, unique_by=lambda row: row[0]),
    st.lists(ROW, min_size=4, max_size=12),
)
ASSETS = st.permutations("ABCDEFGH").flatmap(lambda names: st.integers(0, 8).map(lambda count: names[:count]))


def file_of(rows: list[tuple[str, dict[str, str]]]) -> bytes:
    lines = [
        ",".join(["identifier", *CELLS]),
        *(",".join([key, *map(cells.__getitem__, CELLS)]) for key, cells in rows),
    ]
    return "\n".join([*lines, ""]).encode()


def live(importer: Importer) -> dict[str, tuple[object, ...]]:
    """The account's live assets as callers see them, with their versions, by identifier."""
    return {
        str(identifier): tuple(values)
        for identifier, *values in importer.db.rows(
            "SELECT identifier, id, version, name, type, description, valid_from, valid_to, is_active,"
            " metadata"
            " FROM trakrf.assets WHERE account_id = 1 AND deleted_at IS NULL"
        )
    }


def action_of(before: tuple[object, ...] | None, after: tuple[object, ...]) -> str:
    """What became of an asset whose row has no error."""
    if before is None:
        return "create"
    return "unchanged" if before == after else "update"


@pytest.mark.slow
@pytest.mark.parametrize("chunk_rows", [1, 7, 5_000])
@given(
    rows=ROWS,
    assets=ASSETS,
    place=st.integers(0, 2),
    on_conflict=st.sampled_from(["update", "skip", "error", "update"]),
    on_error=st.sampled_from(["continue", "continue", "abort"]),
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_what_was_planned_for_a_row_is_what_is_done(
    importer: Importer,
    chunk_rows: int,
    rows: list[tuple[str, dict[str, str]]],
    assets: list[str],
    place: int,
    on_conflict: str,
    on_error: str,
) -> None:
    """Unless its asset was touched in between."""
    object.__setattr__(importer.client.application.extensions["settings"], "chunk_rows", chunk_rows)
    importer.db.rows("DELETE FROM trakrf.assets RETURNING 1")
    if assets:
        importer.run((FILE + "".join(row(identifier, "one", "1") for identifier in assets)).encode())
    options = {"on_conflict": on_conflict, "on_error": on_error}
    job = importer.run(file_of(rows), dry_run="true", **options)
    if job["status"] != "completed":
        assert problem(post(importer, job["job_id"], "apply")) == (409, "not-a-plan")
        return
    plan = changes(importer, job, limit=5)
    assert len(plan) == job["successful_rows"]
    met = [planned["identifier"] for planned in plan if planned["identifier"] in assets]
    touched = met[place] if place < len(met) else None
    if touched:
        change(importer, touched, description="since")
    before = live(importer)
    response = post(importer, job["job_id"], "apply")
    if not job["created_rows"] + job["updated_rows"]:
        assert problem(response) == (409, "plan-empty")
        return
    importer.work()
    done = importer.job(accepted(response))
    after = live(importer)

    stale = {each["row"] for each in plan if each["identifier"] == touched}
    assert {row for row, _, code in importer.errors(done) if code == "changed_since"} == stale
    if on_error == "abort" and stale:
        assert (done["status"], after) == ("failed", before)
        return
    assert done["status"] == "completed"
    kept = [error for error in importer.errors(done) if error[0] not in stale]
    assert kept == importer.errors(job)
    for planned in plan:
        identifier, action = planned["identifier"], planned["action"]
        if planned["row"] in stale:
            assert after[identifier] == before[identifier]
        else:
            done_action = action_of(before.get(identifier), after[identifier])
            assert done_action == ("unchanged" if action == "skip" else action)
    planned_identifiers = {each["identifier"] for each in plan}
    assert {key: value for key, value in after.items() if key not in planned_identifiers} == {
        key: value for key, value in before.items() if key not in planned_identifiers
    }
    for action, counter in (("create", "created"), ("update", "updated"), ("skip", "skipped")):
        rows_left = [each for each in plan if each["action"] == action and each["row"] not in stale]
        assert done[f"{counter}_rows"] == len(rows_left)
