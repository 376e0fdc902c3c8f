"""Excel workbooks, through the service and the worker."""

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkimport.database.connections import Database
from tests.conftest import FOREIGN, HEADER, OWN, bearer, csv_of, submit
from tests.integration.conftest import URL, Importer, accepted, counts, post, problem
from tests.support.workbooks import DATE, workbook

ROOT = Path(__file__).parents[2]
FIELDS = HEADER.strip().split(",")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GOOD = ("A", "Laptop", "device", "", date(2024, 1, 15), "", True)
NOON = datetime(2024, 5, 6, 12)  # noqa: DTZ001 - a workbook has no time zones
Rows = Sequence[Sequence[object]]


def xlsx(rows: Rows = (FIELDS, GOOD), **sheets: Rows) -> bytes:
    """A workbook by XlsxWriter, with these rows in the sheet "Assets" and others beside it."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
    for name, sheet_rows in {"Assets": rows, **sheets}.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(sheet_rows):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, place, cell)
                else:
                    sheet.write(number, place, cell)
    book.close()
    return file.getvalue()


def row_xml(*cells: str) -> str:
    """A row of a sheet: XML for each cell, or text."""
    return "<row>" + "".join(cell if cell.startswith("<c") else text(cell) for cell in cells) + "</row>"


def text(value: str) -> str:
    return f'<c t="str"><v>{value}</v></c>'


def number(value: str, style: int = 0) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def made_by_hand(*rows: Sequence[str]) -> bytes:
    return workbook("".join(row_xml(*row) for row in (FIELDS, *rows))).getvalue()


DAY = number("45306", DATE)  # 2024-01-15
ERROR = '<c t="e"><v>#REF!</v></c>'
UNCALCULATED = "<c><f>A1</f></c>"


@pytest.mark.parametrize("how", ["form", "raw", "raw as CSV", "gzip"])
def test_it_is_imported_however_it_is_sent(importer: Importer, how: str) -> None:
    file = xlsx()
    if how == "form":
        job = importer.run(file)
    else:
        sent = gzip.compress(file) if how == "gzip" else file
        headers = {**bearer(), **({"Content-Encoding": "gzip"} if how == "gzip" else {})}
        content_type = "text/csv; charset=windows-1252" if how == "raw as CSV" else XLSX
        response = importer.client.post(URL, data=sent, content_type=content_type, headers=headers)
        importer.work()
        job = importer.job(accepted(response))
    assert counts(job) == {"created": 1}, job["errors"]
    assert {name: job["options"][name] for name in ("charset", "delimiter", "sheet")} == {
        "charset": "utf-8",
        "delimiter": ",",
        "sheet": "Assets",
    }
    assert importer.assets("identifier", "name", "valid_from AT TIME ZONE 'UTC' = '2024-01-15'") == [
        ("A", "Laptop", True)
    ]


def test_options_that_say_how_to_read_the_other_kind_of_file_do_not_count(importer: Importer) -> None:
    job = importer.run(xlsx(), charset="utf-16", delimiter="pipe")
    assert (job["options"]["charset"], job["options"]["delimiter"]) == ("utf-8", ",")
    assert importer.run(csv_of("B"), sheet="Assets")["options"]["sheet"] is None
    assert importer.assets() == [("A", "Laptop"), ("B", "Laptop")]


@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        ("assets", "A"),
        ("1", "A"),
        ("More", "B"),
        ("2", "B"),
        (None, "ambiguous-sheet"),
        ("3", "unknown-sheet"),
    ],
)
def test_the_sheet_is_the_one_that_is_named(importer: Importer, sheet: str | None, expected: str) -> None:
    file = xlsx(More=(FIELDS, ("B", *GOOD[1:])))
    response = importer.upload(file, **({"sheet": sheet} if sheet else {}))
    if expected in ("A", "B"):
        importer.work()
        assert counts(importer.job(accepted(response))) == {"created": 1}
        assert importer.assets("identifier") == [(expected,)]
    else:
        assert problem(response) == (400, expected)
        assert '"Assets", "More"' in response.get_json()["detail"]


def test_rows_have_the_numbers_of_the_sheet_and_their_lines_are_the_same(importer: Importer) -> None:
    bad = ("B", "two\nlines", "no type", "", date(2024, 1, 15), "", True)
    job = importer.run(xlsx(((), (), FIELDS, GOOD, (), bad, (), ("C", *bad[1:]))))
    assert [(error["row"], error["line"], error["code"]) for error in job["errors"]] == [
        (6, 6, "unknown_type"),
        (8, 8, "unknown_type"),
    ]
    assert job["blank_rows"] == 2


WRONG = made_by_hand(
    (text("E"), text("n"), text("device"), ERROR, DAY, text(""), text("yes")),
    (text("U"), text("n"), text("device"), text(""), DAY, UNCALCULATED, text("yes")),
    (number("12345678901234567890"), text("n"), text("device"), text(""), DAY, text(""), text("yes")),
    (text("D"), DAY, text("device"), text(""), DAY, text(""), text("yes")),
    (text("T"), text("n"), ERROR, text(""), number("0.5", 3), text(""), DAY),
    (text("G"), text("n"), text("device"), number("123456789012345"), DAY, text(""), text("yes")),
)
EXPECTED = [
    (2, "description", "spreadsheet_error", "#REF!"),
    (3, "valid_to", "spreadsheet_error", ""),
    (4, "identifier", "number_rounded", "12345678901234600000"),
    (5, "name", "date_in_text_column", "2024-01-15"),
    (6, "type", "spreadsheet_error", "#REF!"),
    (6, "valid_from", "invalid_date", "12:00:00"),
    (6, "is_active", "invalid_boolean", "2024-01-15"),
]
ADVICE = (
    "correct the cell",
    "save it and upload it again",
    "format the column as text",
    "format the column as text",
)


def test_a_cell_that_cannot_be_trusted_is_an_error_of_its_row(importer: Importer) -> None:
    job = importer.run(WRONG)
    errors = importer.get(f"{job['job_id']}/errors").get_json()["errors"]
    assert [(error["row"], error["field"], error["code"], error["value"]) for error in errors] == EXPECTED
    for error, advice in zip(errors, ADVICE, strict=False):
        assert advice in error["message"]
    assert importer.assets("identifier", "description") == [("G", "123456789012345")]


def test_failed_rows_of_a_workbook_are_fixed_as_csv(importer: Importer) -> None:
    job = importer.run(WRONG)
    failed = importer.get(f"{job['job_id']}/failed-rows.csv?bom=false&formula_safe=true").data.decode()
    header, *rows = csv.reader(io.StringIO(failed, newline=""))
    assert header == [*FIELDS, "_row", "_errors", "_job"]
    assert [row[:7] for row in rows] == [
        ["E", "n", "device", "#REF!", "2024-01-15", "", "yes"],
        ["U", "n", "device", "", "2024-01-15", "", "yes"],
        ["1.23456789012346E+19", "n", "device", "", "2024-01-15", "", "yes"],
        ["D", "2024-01-15", "device", "", "2024-01-15", "", "yes"],
        ["T", "n", "#REF!", "", "12:00:00", "", "2024-01-15"],
    ]
    fixed = (
        failed.replace("#REF!", "device")
        .replace("12:00:00", "2024-01-15")
        .replace(",2024-01-15,5", ",no,5")
        .replace("1.23456789012346E+19", "12345678901234567890")
    )
    again = importer.run(fixed.replace("2024-01-15,6", "no,6").encode())
    assert (again["parent_job_id"], again["options"]["sheet"]) == (job["job_id"], None)
    assert counts(again) == {"created": 5}, again["errors"]


def test_a_retry_checks_the_same_cells_again(importer: Importer) -> None:
    job = importer.run(WRONG)
    retry = accepted(post(importer, job["job_id"], "retry"))
    importer.work()
    assert importer.errors(importer.job(retry)) == importer.errors(job)
    assert importer.job(retry)["options"] == job["options"]


def test_a_dry_run_reports_what_the_import_does_and_a_revert_undoes_it(importer: Importer) -> None:
    rehearsal, job = importer.run(WRONG, dry_run="true"), importer.run(WRONG)
    assert importer.errors(rehearsal) == importer.errors(job)
    post(importer, job["job_id"], "revert")
    importer.work()
    assert importer.assets() == []


def test_a_workbook_that_is_sent_twice_with_a_key_makes_one_job(importer: Importer) -> None:
    headers, file = {**bearer(), "Idempotency-Key": "k"}, xlsx()
    first, again = (
        importer.client.post(URL, data=file, content_type=XLSX, headers=headers) for _ in range(2)
    )
    assert accepted(first) == accepted(again)
    assert "Idempotency-Replayed" in again.headers


@pytest.mark.parametrize("date_format", ["YYYY-MM-DD", "DD/MM/YYYY", "MM/DD/YYYY", "auto"])
def test_a_date_cell_needs_no_date_format(importer: Importer, date_format: str) -> None:
    typed = "31/01/2024" if date_format in ("DD/MM/YYYY", "auto") else "01/31/2024"
    rows = [
        FIELDS,
        GOOD,
        ("B", *GOOD[1:4], "2024-01-31" if "-" in date_format else typed, NOON, True),
    ]
    job = importer.run(xlsx(rows), date_format=date_format)
    assert counts(job) == {"created": 2}, job["errors"]
    assert importer.assets(
        "(valid_from AT TIME ZONE 'UTC')::text", "(valid_to AT TIME ZONE 'UTC')::text"
    ) == [
        ("2024-01-15 00:00:00", None),
        ("2024-01-31 00:00:00", "2024-05-06 12:00:00"),
    ]


def test_what_is_wrong_with_a_cell_does_not_matter_in_a_column_that_is_not_used(importer: Importer) -> None:
    file = workbook(
        row_xml(*FIELDS, "notes") + row_xml("A", "n", "device", "", DAY, "", "yes", ERROR)
    ).getvalue()
    assert counts(importer.run(file)) == {"created": 1}


def test_a_metadata_column_is_text(importer: Importer) -> None:
    file = workbook(
        row_xml(*FIELDS, "metadata.code") + row_xml("A", "n", "device", "", DAY, "", "yes", DAY)
    ).getvalue()
    assert importer.errors(importer.run(file)) == [(2, "metadata.code", "date_in_text_column")]


def test_numbers_and_dates_in_columns_of_text_can_be_accepted(importer: Importer) -> None:
    job = importer.run(WRONG, accept_numbers="true")
    assert [row for row, _, _ in importer.errors(job)] == [2, 3, 6, 6, 6]
    assert importer.assets() == [("12345678901234600000", "n"), ("D", "2024-01-15"), ("G", "n")]


def test_an_error_that_is_the_text_to_clear_a_value_clears_it(importer: Importer) -> None:
    importer.run(csv_of("A"))
    importer.run((HEADER + "A,n,device,old,2024-01-15,,yes\n").encode(), on_conflict="update")
    file = made_by_hand(
        ("A", "n", "device", ERROR, DAY, "", "yes"),
        ("B", "n", "device", UNCALCULATED, DAY, "", "yes"),
        ("C", ERROR, "device", "", DAY, "", "yes"),
    )
    job = importer.run(file, on_conflict="update", clear_value="#REF!", empty="clear")
    assert importer.errors(job) == [(3, "description", "spreadsheet_error"), (4, "name", "required")]
    assert importer.assets("identifier", "description") == [("A", None)]


def test_rows_above_the_header_are_skipped(importer: Importer) -> None:
    file = xlsx(
        (("Our assets",), (), ("as of", date(2024, 1, 1), "by", "x", "y", "z", "!", "long"), FIELDS, GOOD)
    )
    assert problem(importer.upload(file)) == (400, "missing-columns")
    assert counts(importer.run(file, header_row="4")) == {"created": 1}
    assert importer.assets("import_row") == [(5,)]


def test_more_rows_than_allowed_are_refused(importer: Importer) -> None:
    rows = [FIELDS, *[(str(place), *GOOD[1:]) for place in range(21)]]
    assert problem(importer.upload(xlsx(rows))) == (413, "too-many-rows")
    assert counts(importer.run(xlsx(rows[:-1]))) == {"created": 20}


FIRST_EXAMPLE = ("María José Núñez", "2024-03-31 00:00:00", False)


@pytest.mark.parametrize("path", ["examples/assets.xlsx", "tests/workbooks/examples/libreoffice.xlsx"])
def test_the_example_is_imported_by_whichever_program_it_was_saved(
    web_database: Database, importer: Importer, path: str
) -> None:
    job_id = submit(web_database, (ROOT / path).read_bytes())
    importer.work()
    assert counts(importer.job(str(job_id))) == {"created": 60}
    assert importer.assets("name", "(valid_from AT TIME ZONE 'UTC')::text", "is_active")[0] == FIRST_EXAMPLE


def test_the_example_with_errors_has_three(web_database: Database, importer: Importer) -> None:
    job_id = submit(web_database, (ROOT / "examples/assets-with-errors.xlsx").read_bytes())
    importer.work()
    job = importer.job(str(job_id))
    assert counts(job) == {"created": 57, "failed": 3}
    codes = [(5, "name", "required"), (10, "type", "unknown_type"), (16, "valid_from", "invalid_date")]
    assert importer.errors(job) == codes


CELLS = st.one_of(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc", "Cn"]),
        max_size=6,
    ),
    st.sampled_from(
        [*FIELDS, "device", "yes", "no", "2024-01-15", "15/01/2024", "a,b", '"', "x\ny", " ", "", "A", "#N/A"]
    ),
)
TABLES = st.lists(st.lists(CELLS, min_size=7, max_size=7), max_size=8)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TABLES)
def test_a_table_is_imported_alike_as_a_workbook_and_as_csv(
    importer: Importer, rows: list[list[str]]
) -> None:
    """Each by an account of its own, which both keep what the examples before left behind."""
    text_file = io.StringIO(newline="")
    csv.writer(text_file).writerows([FIELDS, *rows])
    as_csv, as_workbook = (
        outcome(importer, file, account_id)
        for file, account_id in ((text_file.getvalue().encode(), OWN), (xlsx([FIELDS, *rows]), FOREIGN))
    )
    assert as_csv == as_workbook


def outcome(importer: Importer, file: bytes, account_id: int) -> object:
    """What became of the file: its problem, or the counts and the errors of its job, and all assets."""
    response = importer.upload(file, account_id)
    if response.status_code != 202:
        return problem(response)
    importer.work()
    job = importer.job(accepted(response), account_id)
    errors = [{**error, "line": None} for error in job["errors"]]
    assets = importer.db.rows(
        "SELECT identifier, name, type, description, valid_from, valid_to, is_active, metadata, import_row "
        "FROM trakrf.assets WHERE account_id = %s ORDER BY identifier",
        account_id,
    )
    return counts(job), errors, assets
