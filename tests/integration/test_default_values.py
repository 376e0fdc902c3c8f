"""defaults, empty and clear_value, through the service and the worker."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.conftest import FOREIGN, HEADER, csv_of
from tests.integration.conftest import Importer, accepted, counts, post, problem

COLUMNS = ("identifier", "name", "type", "description", "valid_from::date::text", "is_active", "metadata")
FOUR = {"type": "asset", "valid_from": "2024-02-29", "is_active": "true", "metadata.site": "Berlin"}
EVERY_VALUE = (
    "identifier,name,type,description,valid_from,valid_to,is_active,metadata.a,metadata.b\n"
    "A,Laptop,device,old,2024-01-15,2025-01-15,yes,1,2\n"
)


def defaults(**values: str) -> str:
    return json.dumps({name.replace("__", "."): value for name, value in values.items()})


def faults(importer: Importer, file: bytes = b"identifier\nA\n", **options: str) -> list[tuple[str, str]]:
    """The field and the text of each fault of an upload that is refused."""
    response = importer.upload(file, **options)
    assert problem(response) == (400, "invalid-parameters")
    return [(error["field"], error["message"]) for error in response.get_json()["errors"]]


def today(importer: Importer) -> str:
    return str(importer.db.value("SELECT (now() AT TIME ZONE 'UTC')::date"))


# defaults


@pytest.mark.parametrize("on_error", ["continue", "abort"])
@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_defaults_fill_absent_columns_and_empty_cells(
    importer: Importer, on_conflict: str, on_error: str
) -> None:
    file = b"identifier,name,type,metadata.site\nA,Drill,,\nB,Van,device,Rome\n,,,\nC, , ,\n"
    options = {"on_conflict": on_conflict, "on_error": on_error, "defaults": json.dumps(FOUR)}
    dry = importer.run(file, dry_run="true", **options)
    assert counts(dry) == {"created" if on_error == "continue" else "skipped": 2, "failed": 1}
    assert importer.errors(dry) == [(5, "name", "required")]
    wet = importer.run(file.replace(b"C, , ,", b"C,Bike, ,"), **options)
    assert counts(wet) == {"created": 3}
    assert wet["options"]["defaults"] == FOUR
    assert importer.assets(*COLUMNS) == [
        ("A", "Drill", "asset", None, "2024-02-29", True, {"site": "Berlin"}),
        ("B", "Van", "device", None, "2024-02-29", True, {"site": "Rome"}),
        ("C", "Bike", "asset", None, "2024-02-29", True, {"site": "Berlin"}),
    ]


def test_a_default_does_not_hide_a_cell_that_is_wrong(importer: Importer) -> None:
    file = HEADER.encode() + b"A,Drill,gadget,,29.02.2024,2020-01-01,\nB,Drill,,,2024-01-01,,maybe\n"
    job = importer.run(file, defaults=defaults(type="asset", valid_from="2024-02-29", is_active="no"))
    assert importer.errors(job) == [
        (2, "type", "unknown_type"),
        (2, "valid_from", "invalid_date"),
        (3, "is_active", "invalid_boolean"),
    ]


@pytest.mark.parametrize("on_conflict", ["error", "update"])
@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_a_default_and_a_cell_must_agree(importer: Importer, on_conflict: str, dry_run: str) -> None:
    file = b"identifier,name,valid_to\nA,Drill,2024-02-28\nB,Drill,2024-03-01\n"
    job = importer.run(file, on_conflict=on_conflict, dry_run=dry_run, defaults=json.dumps(FOUR))
    assert counts(job) == {"created": 1, "failed": 1}
    assert importer.errors(job) == [(2, "valid_to", "valid_to_before_valid_from")]


def test_a_default_that_ends_too_early_is_shown(importer: Importer) -> None:
    file = b"identifier,name,type,valid_from,is_active\nA,x,asset,2024-03-01,yes\n"
    for on_conflict in ("error", "update"):
        job = importer.run(file, on_conflict=on_conflict, defaults='{"valid_to": "2024-02-29"}')
        (error,) = job["errors"]
        assert error["value"] == "2024-02-29T00:00:00+00:00", on_conflict


def test_dates_of_defaults_are_iso_whatever_the_format_of_the_file(importer: Importer) -> None:
    file = b"identifier,name,type,valid_from,is_active\nA,x,asset,01/02/2024,yes\nB,x,asset,,yes\n"
    for date_format in ("DD/MM/YYYY", "MM/DD/YYYY"):
        importer.run(file, date_format=date_format, defaults=defaults(valid_from="2023-12-31"))
        dates = [str(valid_from) for (valid_from,) in importer.assets("valid_from::date")]
        assert dates == ["2024-02-01" if date_format[0] == "D" else "2024-01-02", "2023-12-31"]
        importer.db.rows("DELETE FROM trakrf.assets")


def test_today_is_the_date_of_the_job(importer: Importer) -> None:
    before = today(importer)
    job = importer.run(b"identifier,name,type,is_active\nA,x,asset,yes\n", defaults='{"valid_from": "today"}')
    day = job["options"]["defaults"]["valid_from"]
    assert before <= day <= today(importer)
    assert day == job["created_at"][:10]
    assert importer.assets("valid_from AT TIME ZONE 'UTC'") == [(datetime.fromisoformat(day),)]


@pytest.mark.parametrize("valid_from", ["today", "2024-02-29"])
def test_defaults_of_an_asset_that_ends_before_it_begins_are_refused(
    importer: Importer, valid_from: str
) -> None:
    values = defaults(type="asset", is_active="yes", valid_from=valid_from, valid_to="2024-02-28")
    shown = today(importer) if valid_from == "today" else valid_from
    message = f'valid_to "2024-02-28" is before valid_from "{shown}".'
    assert faults(importer, b"identifier,name\nA,x\n", defaults=values) == [("defaults", message)]


def test_a_retry_and_fixed_rows_have_the_date_of_their_parent(importer: Importer) -> None:
    job = importer.run(b"identifier,name,type,is_active\nA,,asset,yes\n", defaults='{"valid_from": "today"}')
    importer.db.rows(  # as if it had been created long ago
        "UPDATE trakrf.bulk_import_jobs"
        """ SET options = options || '{"defaults": {"valid_from": "2020-02-29"}}'"""
    )
    retry = accepted(post(importer, job["job_id"], "retry"))
    importer.work()
    assert importer.job(retry)["options"]["defaults"] == {"valid_from": "2020-02-29"}
    fixed = importer.get(f"{retry}/failed-rows.csv").get_data().replace(b"A,,", b"A,Drill,")
    child = importer.run(fixed)
    assert child["options"]["defaults"] == {"valid_from": "2020-02-29"}
    assert importer.assets("name", "valid_from::date::text") == [("Drill", "2020-02-29")]


def test_with_update_only_new_assets_get_defaults(importer: Importer) -> None:
    importer.run(csv_of("A"))
    importer.run(csv_of(*"AB"), FOREIGN)
    values = defaults(
        name="Unnamed", type="other", description="imported", valid_from="2020-02-29", is_active="no",
        metadata__site="Berlin", metadata__owner="Ann",
    )  # fmt: skip
    file = b"identifier,description,metadata.owner\nA,,\nB,,Bob\n"
    for dry_run in ("true", "false"):
        job = importer.run(file, on_conflict="update", defaults=values, dry_run=dry_run)
        assert counts(job) == {"created": 1, "unchanged": 1}, job["errors"]
    own = [row[1:] for row in importer.assets("account_id", *COLUMNS) if row[0] != FOREIGN]
    assert own == [
        ("A", "Laptop", "device", None, "2024-01-15", True, {}),
        ("B", "Unnamed", "other", "imported", "2020-02-29", False, {"site": "Berlin", "owner": "Bob"}),
    ]


def test_defaults_are_checked_at_the_upload(importer: Importer) -> None:
    file = b"identifier,name,type,valid_from,is_active\n"
    assert faults(importer, file + b"A,x,asset,2024-02-29,yes\n", defaults='{"type": "gadget"}') == [
        (
            "defaults",
            'type "gadget" is not a type (expected one of person, device, asset, inventory, other).',
        )
    ]
    assert importer.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0


def test_a_default_keeps_the_limits_of_a_cell(importer: Importer) -> None:
    for name, limit in (("name", 255), ("description", 1024), ("metadata.note", 1024)):
        ((_, error),) = faults(importer, defaults=json.dumps({name: "x" * (limit + 1)}))
        assert error.endswith(f"has {limit + 1} characters (at most {limit}).")
    job = importer.run(b"identifier,metadata.b\nA,\n", defaults=defaults(**FOUR, name="x" * 255))
    assert counts(job) == {"created": 1}


def test_the_identifier_is_still_a_missing_column(importer: Importer) -> None:
    response = importer.upload(b"name\nDrill\n", defaults=json.dumps(FOUR))
    assert problem(response) == (400, "missing-columns")
    assert '"identifier"' in response.get_json()["detail"]
    assert '"type"' not in response.get_json()["detail"].partition(";")[0]


# empty and clear_value


@pytest.mark.parametrize("dry_run", ["true", "false"])
@pytest.mark.parametrize(("options", "cell"), [({"empty": "clear"}, ""), ({"clear_value": "#N/A"}, " #N/A ")])
def test_a_cell_clears_a_value_and_the_revert_restores_it(
    importer: Importer, options: dict[str, str], cell: str, dry_run: str
) -> None:
    columns = ("name", "description", "valid_to::date::text", "metadata")
    importer.run(EVERY_VALUE.encode())
    before = importer.assets(*columns)
    file = f"identifier,description,valid_to,metadata.a\nA,{cell},{cell},{cell}\n".encode()
    job = importer.run(file, on_conflict="update", dry_run=dry_run, **options)
    assert counts(job) == {"updated": 1}
    assert {name: job["options"][name] for name in options} == options
    if dry_run == "true":
        assert importer.assets(*columns) == before
        return
    assert importer.assets(*columns) == [("Laptop", None, None, {"b": "2"})]
    accepted(post(importer, job["job_id"], "revert"))
    importer.work()
    assert importer.assets(*columns) == before == [("Laptop", "old", "2025-01-15", {"a": "1", "b": "2"})]


@pytest.mark.parametrize("on_error", ["continue", "abort"])
def test_a_required_field_cannot_be_cleared(importer: Importer, on_error: str) -> None:
    importer.run(EVERY_VALUE.encode())
    cells = "identifier,name,type,valid_from,is_active\n"
    options = {"on_conflict": "update", "on_error": on_error}
    required = ["name", "type", "valid_from", "is_active"]

    job = importer.run(f"{cells}A,,,,\n".encode(), empty="clear", **options)
    assert importer.errors(job) == [(2, field, "required") for field in required]
    job = importer.run(f"{cells}A,-,-,-,-\n-,,,,\n".encode(), clear_value="-", **options)
    assert importer.errors(job) == [
        *((2, field, "required") for field in required),
        (3, "identifier", "required"),
    ]
    assert job["errors"][1]["error"] == 'type "-" is required, so it cannot be cleared'
    assert importer.assets("name", "version") == [("Laptop", 1)]


def test_an_empty_cell_keeps_a_value_that_only_a_text_clears(importer: Importer) -> None:
    importer.run(EVERY_VALUE.encode())
    file = b"identifier,name,description,valid_to,metadata.a,metadata.b\nA,,,null,,null\n"
    importer.run(file, on_conflict="update", clear_value="null")
    assert importer.assets("name", "description", "valid_to", "metadata") == [
        ("Laptop", "old", None, {"a": "1"})
    ]


def test_absent_columns_never_clear(importer: Importer) -> None:
    importer.run(EVERY_VALUE.encode())
    importer.run(b"identifier,name\nA,Tablet\n", on_conflict="update", empty="clear")
    assert importer.assets("name", "description", "valid_to::date::text", "metadata") == [
        ("Tablet", "old", "2025-01-15", {"a": "1", "b": "2"})
    ]


def test_a_new_asset_has_nothing_where_a_cell_clears_not_even_a_default(importer: Importer) -> None:
    file = b"identifier,name,description,valid_to,metadata.site,metadata.b\nA,x,-,-,-,1\nB,x,,,,\n"
    values = defaults(**{**FOUR, "description": "imported", "valid_to": "2030-01-01", "metadata.c": "3"})
    job = importer.run(file, on_conflict="update", clear_value="-", defaults=values)
    assert counts(job) == {"created": 2}
    assert importer.assets("description", "valid_to::date::text", "metadata") == [
        (None, None, {"b": "1", "c": "3"}),
        ("imported", "2030-01-01", {"site": "Berlin", "c": "3"}),
    ]


def test_a_new_asset_has_nothing_where_a_cell_clears_without_defaults(importer: Importer) -> None:
    cells = "B,x,asset,,2024-02-29,,yes,,2\n"
    importer.run((EVERY_VALUE.splitlines()[0] + "\n" + cells).encode(), on_conflict="update", empty="clear")
    assert importer.assets("description", "valid_to", "metadata") == [(None, None, {"b": "2"})]


def test_a_cleared_end_does_not_come_before_the_beginning(importer: Importer) -> None:
    importer.run(EVERY_VALUE.encode())
    file = b"identifier,valid_from,valid_to\nA,2026-01-01,\n"
    job = importer.run(file, on_conflict="update", empty="clear")
    assert counts(job) == {"updated": 1}, job["errors"]
    assert importer.assets("valid_from::date::text", "valid_to") == [("2026-01-01", None)]


def test_nulls_that_other_programs_stored_stay(importer: Importer) -> None:
    importer.run(EVERY_VALUE.encode())
    importer.db.rows("""UPDATE trakrf.assets SET metadata = '{"a": null, "b": {"c": null}}'""")
    importer.run(b"identifier,metadata.d\nA,\n", on_conflict="update", empty="clear")
    assert importer.assets("metadata") == [({"a": None, "b": {"c": None}},)]


def test_a_clear_value_is_no_evidence_for_a_date_format(importer: Importer) -> None:
    importer.run(EVERY_VALUE.encode())
    file = b"identifier,valid_from,valid_to\nA,2024-02-01,31.12.9999\n"
    job = importer.run(file, on_conflict="update", clear_value="31.12.9999", date_format="auto")
    assert job["options"]["date_format"] == "YYYY-MM-DD"
    assert importer.assets("valid_to") == [(None,)]


@pytest.mark.parametrize("on_conflict", ["error", "skip"])
def test_cells_clear_only_with_update(importer: Importer, on_conflict: str) -> None:
    both = {"empty": "clear", "clear_value": "-"}
    assert faults(importer, csv_of("A"), on_conflict=on_conflict, **both) == [
        ("empty", "clear needs on_conflict=update"),
        ("clear_value", "needs on_conflict=update"),
    ]
    assert counts(importer.run(csv_of("A"), on_conflict=on_conflict, empty="keep")) == {"created": 1}


def test_fixed_rows_inherit_what_clears_unless_they_are_not_updates(importer: Importer) -> None:
    importer.run(EVERY_VALUE.encode())
    options = {"on_conflict": "update", "empty": "clear", "clear_value": "-"}
    job = importer.run(b"identifier,name,description\nA,,\n", **options)
    failed = importer.get(f"{job['job_id']}/failed-rows.csv").get_data()
    assert _shown(importer.run(failed), options) == options
    assert _shown(importer.run(failed, empty="keep"), options) == {**options, "empty": "keep"}
    created = importer.run(failed.replace(b"A,,", b"B,x,"), on_conflict="skip", defaults=json.dumps(FOUR))
    assert _shown(created, options) == {"on_conflict": "skip", "empty": "keep", "clear_value": None}


def _shown(job: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {name: job["options"][name] for name in names}
