"""Which job's failed rows a file contains: the file says so, and no guess changes how a value is read."""

import re
from typing import Any

import pytest

from tests.conftest import FOREIGN, HEADER, TestDatabase, csv_of
from tests.integration.conftest import Importer, counts

ABSENT_JOB = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
THIRD_OF_APRIL = b"A,Laptop,gadget,,03/04/2024,,yes\n"


def failed_rows(importer: Importer, job: dict[str, Any]) -> bytes:
    return bytes(importer.get(f"{job['job_id']}/failed-rows.csv?bom=false").data)


def downloaded_before(file: bytes) -> bytes:
    """The file as earlier releases wrote it, without its job."""
    return re.sub(rb"(?m),(_job|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\r\n|,)", b"", file)


def fixed(file: bytes) -> bytes:
    return file.replace(b"gadget,", b"device,")


def refusal(importer: Importer, file: bytes, account_id: int = 1, **options: str) -> tuple[str, str]:
    """The problem's type and detail."""
    answer = importer.upload(file, account_id, **options)
    assert answer.status_code == 400
    document = answer.get_json()
    return document["type"].removeprefix("/problems/"), document["detail"]


@pytest.fixture
def british(importer: Importer) -> dict[str, Any]:
    """A job with day-first dates and on_conflict=update; its row 2 failed."""
    file = HEADER.encode() + THIRD_OF_APRIL + THIRD_OF_APRIL
    return importer.run(file, date_format="DD/MM/YYYY", on_conflict="update")


@pytest.fixture
def american(importer: Importer, british: dict[str, Any]) -> dict[str, Any]:
    """A newer job with the same header and the same failed rows, but month-first dates."""
    return importer.run(HEADER.encode() + THIRD_OF_APRIL + THIRD_OF_APRIL, date_format="MM/DD/YYYY")


@pytest.mark.usefixtures("american")
def test_failed_rows_are_read_with_the_options_of_their_own_job(
    importer: Importer, british: dict[str, Any]
) -> None:
    file = fixed(failed_rows(importer, british))
    job = importer.run(file)
    assert importer.assets("identifier", "valid_from::date::text") == [("A", "2024-04-03")]
    assert job["parent_job_id"] == british["job_id"]
    assert job["options"] == british["options"]
    assert job["ignored_columns"] == []


def test_failed_rows_of_failed_rows_name_the_newer_job(importer: Importer, british: dict[str, Any]) -> None:
    again = importer.run(failed_rows(importer, british))
    header, first, second = failed_rows(importer, again).splitlines()
    assert header == HEADER.strip().encode() + b",_row,_errors,_job"
    assert [line.rpartition(b",")[2].decode() for line in (first, second)] == [again["job_id"]] * 2


def test_rows_of_two_jobs_in_one_file_are_refused(
    importer: Importer, british: dict[str, Any], american: dict[str, Any]
) -> None:
    both = failed_rows(importer, british) + failed_rows(importer, american).partition(b"\n")[2]
    type_, detail = refusal(importer, both)
    assert type_ == "ambiguous-parent"
    assert "row 4 names" in detail
    assert american["job_id"] in detail
    assert "parent_job_id=" in detail
    assert importer.upload(both, parent_job_id=british["job_id"]).status_code == 202


def test_rows_that_name_no_job_belong_to_the_job_of_the_first(
    importer: Importer, british: dict[str, Any]
) -> None:
    added = b"B,Added,device,,03/04/2024,,yes,,,\nshort,row\nC,Wide,device,,03/04/2024,,yes,,,other,wide\n"
    job = importer.run(b"\n".join(failed_rows(importer, british).split(b"\n", 1)) + b"\n" + added)
    assert (job["parent_job_id"], counts(job)) == (british["job_id"], {"created": 1, "failed": 4})
    assert importer.assets("identifier", "valid_from::date::text") == [("B", "2024-04-03")]


def test_a_blank_line_above_the_first_row_changes_nothing(
    importer: Importer, british: dict[str, Any]
) -> None:
    header, _, rows = failed_rows(importer, british).partition(b"\r\n")
    job = importer.run(header + b"\r\n\r\n,,,,,,,,,\r\n" + fixed(rows))
    assert (job["parent_job_id"], job["blank_rows"]) == (british["job_id"], 2)


def test_a_job_named_only_after_the_first_row_is_refused(importer: Importer, british: dict[str, Any]) -> None:
    header, _, rows = failed_rows(importer, british).partition(b"\r\n")
    added = b"B,Added,device,,03/04/2024,,yes,,,\r\n"
    type_, detail = refusal(importer, header + b"\r\n" + added + rows)
    assert (type_, "row 3 names" in detail) == ("ambiguous-parent", True)
    job = importer.run(header + b"\r\n" + added.replace(b"03/04/2024", b"2024-04-03"))
    assert (job["parent_job_id"], counts(job)) == (None, {"created": 1})


@pytest.mark.parametrize("named", [ABSENT_JOB, "7", "{" + ABSENT_JOB + "}", "=1+1", "\x00"])
def test_a_job_that_does_not_exist_is_refused_with_the_remedy(importer: Importer, named: str) -> None:
    file = f"{HEADER.strip()},_job\nA,Laptop,device,,2024-01-15,,yes,{named}\n".encode()
    type_, detail = refusal(importer, file)
    assert type_ == "unknown-parent"
    assert "parent_job_id=" in detail
    assert all(f'"{column}"' in detail for column in ("_row", "_errors", "_job"))
    parent = importer.run(csv_of("Z"))["job_id"]
    assert importer.upload(file, parent_job_id=parent).status_code == 202


def test_another_accounts_job_does_not_exist(importer: Importer, british: dict[str, Any]) -> None:
    file = failed_rows(importer, british)
    details = [
        refusal(importer, file.replace(british["job_id"].encode(), named.encode()), FOREIGN)
        for named in (british["job_id"], ABSENT_JOB)
    ]
    assert details[0][0] == "unknown-parent"
    assert details[0][1].replace(british["job_id"], ABSENT_JOB) == details[1][1]


def test_the_job_id_may_be_in_capitals(importer: Importer, british: dict[str, Any]) -> None:
    job_id = british["job_id"]
    file = failed_rows(importer, british).replace(job_id.encode(), f" {job_id.upper()} ".encode(), 1)
    assert importer.run(file)["parent_job_id"] == job_id


def test_a_file_of_an_earlier_release_is_recognized_by_its_first_row_and_its_errors(
    importer: Importer, british: dict[str, Any], db: TestDatabase
) -> None:
    file = downloaded_before(failed_rows(importer, british))
    assert b"_job" not in file
    importer.run(HEADER.encode() + THIRD_OF_APRIL.replace(b"gadget", b"thing"), date_format="MM/DD/YYYY")
    job = importer.run(fixed(file))
    assert job["parent_job_id"] == british["job_id"]
    assert importer.assets("valid_from::date::text") == [("2024-04-03",)]


@pytest.mark.usefixtures("american")
def test_a_file_of_an_earlier_release_that_fits_two_jobs_is_refused(
    importer: Importer, british: dict[str, Any]
) -> None:
    file = fixed(downloaded_before(failed_rows(importer, british)))
    type_, detail = refusal(importer, file)
    assert (type_, "parent_job_id=" in detail) == ("ambiguous-parent", True)
    job = importer.run(file, parent_job_id=british["job_id"])
    assert job["parent_job_id"] == british["job_id"]


@pytest.mark.parametrize("cells", ["2,nobody's errors", "x,y", "2,\x00", "2,\udcff", "9999999999,e", ","])
def test_any_other_file_with_such_columns_inherits_nothing(
    importer: Importer, british: dict[str, Any], cells: str
) -> None:
    file = f"{HEADER.strip()},_row,_errors\nA,Laptop,device,,2024-04-03,,yes,{cells}\n"
    job = importer.run(file.encode("utf-8", "surrogateescape"))
    assert (job["parent_job_id"], counts(job)) == (None, {"created": 1})


def test_our_columns_do_not_count_towards_the_limit_of_columns(importer: Importer) -> None:
    names = ",".join(["identifier", "type", *(f"metadata.{number}" for number in range(498))])
    first = importer.run(f"{names}\nA,gadget{',x' * 498}\n".encode(), on_conflict="update")
    assert importer.run(failed_rows(importer, first))["parent_job_id"] == first["job_id"]
    assert refusal(importer, f"{names},other\nA\n".encode())[0] == "too-many-columns"
