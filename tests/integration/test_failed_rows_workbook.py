"""Failed rows and the template as workbooks, over HTTP."""

import io
from datetime import date
from typing import Any

import openpyxl
import pytest

from bulkimport.spreadsheet import limits
from bulkimport.spreadsheet.sheet import SheetWriter
from bulkimport.web.operations import XLSX
from bulkimport.workbook.workbook import Workbook
from tests.conftest import HEADER
from tests.integration.conftest import URL, Importer, counts

ROWS = (
    HEADER.replace(",", ";").encode()
    + b"001;good;device;;15/01/2024;;yes\n"
    + b"002;=1+1;gadget;;31/02/2024;;yes\n"
    + b"003;x;gadget;;15/01/2024;;yes\n"
)


def downloaded(importer: Importer, path: str) -> io.BytesIO:
    with importer.get(path) as response:
        assert (response.status_code, response.content_type) == (200, XLSX)
        assert response.content_length == len(response.data)
        return io.BytesIO(response.data)


def failed_rows(importer: Importer, job: dict[str, Any]) -> io.BytesIO:
    return downloaded(importer, f"{job['job_id']}/failed-rows.xlsx")


def texts(file: io.BytesIO) -> list[list[str]]:
    """The cells as an upload reads them."""
    return [row.cells for row in Workbook(file).rows(None)]


@pytest.fixture
def job(importer: Importer) -> dict[str, Any]:
    return importer.run(ROWS, date_format="DD/MM/YYYY")


def test_failed_rows_are_those_of_the_csv_file_with_dates_as_dates(
    importer: Importer, job: dict[str, Any]
) -> None:
    csv = importer.get(f"{job['job_id']}/failed-rows.csv?bom=false").get_data(as_text=True)
    cells = [line.replace('"', "").split(";") for line in csv.replace("; ", ", ").splitlines()]
    cells[2][4] = "2024-01-15"
    workbook = texts(failed_rows(importer, job))
    assert [[cell.replace('"', "").replace("; ", ", ") for cell in row] for row in workbook] == cells


def test_the_file_is_named_after_the_job(importer: Importer, job: dict[str, Any]) -> None:
    with importer.get(f"{job['job_id']}/failed-rows.xlsx") as response:
        disposition = response.headers["Content-Disposition"]
    assert disposition == f'attachment; filename="failed-rows-{job["job_id"]}.xlsx"'


def test_a_fixed_workbook_is_imported_with_the_options_of_its_job(
    importer: Importer, job: dict[str, Any]
) -> None:
    workbook = openpyxl.load_workbook(failed_rows(importer, job))
    (worksheet,) = workbook.worksheets
    assert {cell.coordinate for row in worksheet for cell in row if cell.comment} == {"C2", "E2", "C3"}
    # A date may be typed as a date or, in the format of the job, as text.
    worksheet["C2"], worksheet["E2"], worksheet["C3"] = "device", "16/01/2024", "asset"
    fixed = io.BytesIO()
    workbook.save(fixed)

    again = importer.run(fixed.getvalue())

    assert (again["parent_job_id"], counts(again)) == (job["job_id"], {"created": 2})
    assert again["options"]["date_format"] == "DD/MM/YYYY"
    assert importer.assets("identifier", "name", "type", "valid_from::date::text", "metadata::text") == [
        ("001", "good", "device", "2024-01-15", "{}"),
        ("002", "=1+1", "device", "2024-01-16", "{}"),
        ("003", "x", "asset", "2024-01-15", "{}"),
    ]


def test_a_workbook_that_was_not_fixed_has_the_same_errors(importer: Importer, job: dict[str, Any]) -> None:
    again = importer.run(failed_rows(importer, job).getvalue())
    assert again["parent_job_id"] == job["job_id"]
    messages = [error["message"] for error in job["errors"]]
    assert [error["message"] for error in again["errors"]] == messages


def test_dates_of_a_workbook_are_dates_again(importer: Importer) -> None:
    file = io.BytesIO()
    workbook = openpyxl.Workbook()
    workbook.active.append(HEADER.strip().split(","))
    workbook.active.append(["A", date(2024, 2, 1), "device", "", date(2024, 1, 15), "", "yes"])
    workbook.save(file)
    job = importer.run(file.getvalue(), date_format="DD/MM/YYYY")
    assert importer.errors(job) == [(2, "name", "date_in_text_column")]
    assert importer.errors(importer.run(failed_rows(importer, job).getvalue())) == importer.errors(job)


def test_errors_of_mapped_columns_are_highlighted_in_them(importer: Importer) -> None:
    file = b"Kind,Tag,name,valid_from,is_active,site\ngadget,A,a,2024-01-15,yes," + b"x" * 1025 + b"\n"
    columns = '{"Tag": "identifier", "Kind": "type", "site": "metadata.site"}'
    workbook = openpyxl.load_workbook(failed_rows(importer, importer.run(file, columns=columns)))
    (worksheet,) = workbook.worksheets
    assert {cell.coordinate for cell in worksheet[2] if cell.comment} == {"A2", "F2"}


def test_a_job_without_failed_rows_has_an_empty_workbook(importer: Importer) -> None:
    assert (
        len(texts(failed_rows(importer, importer.run(ROWS[: ROWS.index(b"002")], date_format="auto")))) == 1
    )


def test_rows_that_a_workbook_cannot_hold_are_available_as_csv_only(importer: Importer) -> None:
    job = importer.run(HEADER.encode() + b"A,M\xfcller,device,,2024-01-15,,yes\n")
    refused = importer.get(f"{job['job_id']}/failed-rows.xlsx")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "csv-only")
    assert r"row 2 has bytes that could not be decoded: \xfc" in refused.get_json()["detail"]
    assert b"M\xfcller" in importer.get(f"{job['job_id']}/failed-rows.csv").data


def test_too_many_rows_are_refused_before_any_is_written(
    importer: Importer, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CELLS", 2 * 10 - 1)
    monkeypatch.setattr(SheetWriter, "row", None)
    refused = importer.get(f"{job['job_id']}/failed-rows.xlsx")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "csv-only")


def test_the_template_is_that_of_the_csv_file(importer: Importer) -> None:
    header, laptop, van = texts(downloaded(importer, "template.xlsx"))
    csv = importer.get("template.csv?bom=false").get_data(as_text=True).splitlines()
    assert (",".join(header), ",".join(van)) == (csv[0], csv[2])
    assert ",".join(laptop).replace("Laptop, 14 inch", '"Laptop, 14 inch"') == csv[1]
    assert importer.client.get(f"{URL}/template.xlsx").status_code == 401


def test_the_template_can_be_uploaded(importer: Importer) -> None:
    job = importer.run(downloaded(importer, "template.xlsx").getvalue())
    assert (counts(job), job["ignored_columns"]) == ({"created": 2}, [])
