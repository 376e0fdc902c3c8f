"""Files with titles, names, dates and cells that are not ours, through the service and the worker."""

import csv
import io
from typing import Any

import pytest

from tests.conftest import HEADER
from tests.integration.conftest import Importer, accepted, counts, post, problem

ROW = "A,b,device,,2024-01-15,,yes\n"
DATES = "valid_from AT TIME ZONE 'UTC' = '2024-01-15'", "valid_to AT TIME ZONE 'UTC' = '2024-02-03'"


def failed_rows(importer: Importer, job: dict[str, Any]) -> bytes:
    return importer.get(f"{job['job_id']}/failed-rows.csv?bom=false").get_data()


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "date_format", "in_force"),
    [
        ("2024/1/15", "2024/02/03", "YYYY/MM/DD", "YYYY/MM/DD"),
        ("2024/1/15", "2024/02/03", "auto", "YYYY/MM/DD"),
        ("1/15/24 0:00", "2/3/24 12:00:00.0000000 AM", "auto", "M/D/YY"),
        ("15-Jan-2024", "3-FEB-2024", "auto", "DD-Mon-YYYY"),
        ("15/01/2024", "2024-2-3", "auto", {"valid_from": "DD/MM/YYYY", "valid_to": "YYYY-MM-DD"}),
        (
            "15.01.2024",
            "2/3/24",
            '{"valid_from": "auto", "valid_to": "M/D/YY"}',
            {"valid_from": "DD.MM.YYYY", "valid_to": "M/D/YY"},
        ),
        (
            "2024-01-15",
            "3/2/24",
            '{"valid_to": "D/M/YY"}',
            {"valid_from": "YYYY-MM-DD", "valid_to": "D/M/YY"},
        ),
    ],
)
def test_dates_may_be_written_in_many_ways(
    importer: Importer, valid_from: str, valid_to: str, date_format: str, in_force: str | dict[str, str]
) -> None:
    formats = dict.fromkeys(("valid_from", "valid_to"), in_force) if isinstance(in_force, str) else in_force
    file = HEADER + f"A,b,device,,{valid_from},{valid_to},yes\n" + f"B,b,gadget,,{valid_from},x,yes\n"
    job = importer.run(file.encode(), date_format=date_format)
    assert importer.assets(*DATES) == [(True, True)]
    assert job["options"]["date_formats"] == formats
    assert job["options"]["date_format"] == formats["valid_from"]

    retried = accepted(post(importer, job["job_id"], "retry"))
    importer.work()
    assert importer.job(retried)["options"]["date_formats"] == formats
    fixed = failed_rows(importer, job).replace(b"gadget", b"device").replace(b",x,", b",,")
    job = importer.run(fixed)
    assert (counts(job), job["options"]["date_formats"]) == ({"created": 1}, formats)


def test_a_date_that_cannot_be_decided_is_refused_with_what_was_tried(importer: Importer) -> None:
    file = HEADER + ROW.replace(",,yes", ",03/04/2024,yes")
    response = importer.upload(file.encode(), date_format='{"valid_to": "auto"}')
    assert problem(response) == (400, "ambiguous-dates")
    assert response.get_json()["detail"].startswith(
        "The dates of valid_to can be read as DD/MM/YYYY and as MM/DD/YYYY, for example "
        '"03/04/2024" in row 2;'
    )


@pytest.mark.parametrize("chunk_rows", [1, 1_000])
def test_titles_above_the_header_keep_the_numbers_of_the_rows(importer: Importer, chunk_rows: int) -> None:
    object.__setattr__(importer.client.application.extensions["settings"], "chunk_rows", chunk_rows)
    file = ("Assets of ACME\n\n" + HEADER + ROW + "\nB,,device,,2024-01-15,,yes\n").encode()
    response = importer.upload(file)
    assert problem(response) == (400, "missing-columns")
    assert response.get_json()["detail"].endswith("But row 3 looks like the header: header_row=3.")

    dry = importer.run(file, header_row="3", dry_run="true")
    job = importer.run(file, header_row="3")
    for one in (dry, job):
        assert (counts(one), one["blank_rows"], one["options"]["header_row"]) == (
            {"created": 1, "failed": 1},
            1,
            3,
        )
        assert [(error["row"], error["line"]) for error in one["errors"]] == [(6, 6)]
    assert importer.assets("identifier", "import_row") == [("A", 4)]
    again = importer.run(failed_rows(importer, job).replace(b"B,", b"B,name"))
    assert (counts(again), again["options"]["header_row"]) == ({"created": 1}, 1)
    post(importer, job["job_id"], "revert")
    importer.work()
    assert importer.assets("identifier") == [("B",)]


def test_the_first_line_may_name_the_delimiter(importer: Importer) -> None:
    job = importer.run(("sep=;\r\n" + (HEADER + ROW + "B;;").replace(",", ";")).encode())
    assert (job["options"]["delimiter"], job["options"]["header_row"]) == (";", 2)
    assert {error["row"] for error in job["errors"]} == {4}
    assert failed_rows(importer, job).startswith(b"identifier;name")


def test_aliases_stand_for_fields(importer: Importer) -> None:
    header = HEADER.replace("identifier", "Asset Tag").replace("is_active", "Active")
    assert counts(importer.run((header + ROW).encode())) == {"created": 1}
    both = (HEADER.replace("description", "Asset ID") + ROW).encode()
    assert problem(importer.upload(both)) == (400, "duplicate-columns")
    job = importer.run(both, columns='{"identifier": "identifier"}', on_conflict="update")
    assert [ignored["column"] for ignored in job["ignored_columns"]] == ["Asset ID"]


def test_empty_cells_may_be_missing_or_surplus_at_the_end_of_a_row(importer: Importer) -> None:
    header = "identifier,name,type,valid_from,is_active,description,metadata.a\n"
    good = "b,device,2024-01-15,yes"
    rows = f"A,{good}\nB,{good},d,m,, ,\nC,b\nD,{good},,,x\n"
    job = importer.run((header + rows).encode())
    assert importer.assets("identifier", "description", "metadata") == [
        ("A", None, {}),
        ("B", "d", {"a": "m"}),
    ]
    assert importer.errors(job) == [
        *((4, field, "required") for field in ("type", "valid_from", "is_active")),
        (5, None, "wrong_cell_count"),
    ]


def test_damaged_and_invisible_identifiers_are_errors(importer: Importer) -> None:
    header = HEADER.replace("description", "metadata.serial")
    file = "".join(
        ROW.replace("A,", f"{identifier},").replace(",,", f",{serial},", 1)
        for identifier, serial in [("8.93901E+18", ""), ("B", "1.5e+20"), ("C\u200b", "x"), ("D", "2E5")]
    )
    job = importer.run((header + file).encode())
    assert importer.errors(job) == [
        (2, "identifier", "scientific_notation"),
        (3, "metadata.serial", "scientific_notation"),
        (4, "identifier", "invalid_character"),
    ]
    assert counts(job) == {"created": 1, "failed": 3}
    assert job["options"]["accept_numbers"] is False
    again = importer.run(failed_rows(importer, job), accept_numbers="true")
    assert (counts(again), again["options"]["accept_numbers"]) == ({"created": 2, "failed": 1}, True)
    assert importer.run(failed_rows(importer, again))["options"]["accept_numbers"] is True


def test_a_stray_quote_comes_back_as_it_was(importer: Importer) -> None:
    row = 'A,"B "x" C",device,,2024-01-15,,yes'
    job = importer.run(f"{HEADER}{row}\n{ROW}".encode())
    rows = failed_rows(importer, job)
    assert f"\n{row},2,".encode() in rows
    unchanged = importer.run(rows)
    assert unchanged["parent_job_id"] == job["job_id"]
    assert importer.errors(unchanged) == [(2, None, "misplaced_quote")]
    fixed = importer.run(rows.replace(b'"B "x" C"', b'"B ""x"" C"').replace(b"A,", b"Z,"))
    assert counts(fixed) == {"created": 1}
    assert importer.assets() == [("A", "b"), ("Z", 'B "x" C')]


DUPLICATES = (
    "A,held,gadget,,2024-01-15,,yes\n"
    "B,bad before the good one,gadget,,2024-01-15,,yes\n"
    "B,good,device,,2024-01-15,,yes\n"
    "B,,device,,x,,yes\n"
    "B,good again,device,,2024-01-15,,yes\n"
    "C,bad,gadget,,2024-01-15,,yes\n"
    "C,bad again,gadget,,2024-01-15,,yes\n"
)
OF_DUPLICATES = [
    (3, "type", "unknown_type"),
    (5, "identifier", "duplicate_in_file"),
    (5, "name", "required"),
    (5, "valid_from", "invalid_date"),
    (6, "identifier", "duplicate_in_file"),
    (7, "type", "unknown_type"),
    (8, "type", "unknown_type"),
]


@pytest.mark.parametrize("chunk_rows", [1, 2, 1_000])
@pytest.mark.parametrize("dry_run", ["true", "false"])
@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
@pytest.mark.parametrize("on_error", ["continue", "abort"])
def test_a_duplicate_is_reported_beside_other_errors(
    importer: Importer, chunk_rows: int, dry_run: str, on_conflict: str, on_error: str
) -> None:
    importer.run((HEADER + ROW).encode())
    object.__setattr__(importer.client.application.extensions["settings"], "chunk_rows", chunk_rows)
    file = (HEADER + DUPLICATES).encode()
    job = importer.run(file, dry_run=dry_run, on_conflict=on_conflict, on_error=on_error)
    exists = [(2, "identifier", "already_exists")] * (on_conflict == "error")
    expected = [*exists, (2, "type", "unknown_type"), *OF_DUPLICATES]
    if on_conflict == "update":
        expected.remove((5, "name", "required"))
    assert importer.errors(job) == expected
    assert job["failed_rows"] == 6
    assert 'identifier "B" must be unique; it is already in row 4' in [
        error["message"] for error in job["errors"] if error["row"] == 5
    ]
    summary = {(entry["code"], entry["field"]): entry["count"] for entry in job["error_summary"]}
    assert summary["duplicate_in_file", "identifier"] == 2
    assert sum(summary.values()) == len(expected)


def test_a_duplicate_counts_towards_the_errors_that_a_row_keeps(importer: Importer) -> None:
    names = [f"metadata.{number}" for number in range(25)]
    header = HEADER.rstrip() + "".join(f",{name}" for name in names) + "\n"
    good = ROW.rstrip() + "," * 25 + "\n"
    job = importer.run((header + good + ROW.rstrip() + ",1E+05" * 25 + "\n").encode())
    assert [(field, code) for _, field, code in importer.errors(job)] == [
        ("identifier", "duplicate_in_file"),
        *((name, "scientific_notation") for name in names[:19]),
    ]
    assert sum(entry["count"] for entry in job["error_summary"]) == 26
    (row,) = csv.DictReader(io.StringIO(failed_rows(importer, job).decode()))
    assert row["_errors"].count("; ") >= 19
