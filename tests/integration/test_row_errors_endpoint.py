"""Row errors and failed rows: downloaded, fixed and uploaded again."""

import csv
import io
from typing import Any
from urllib.parse import unquote

import pytest

from bulkimport.jobs import exports
from tests.conftest import FOREIGN, HEADER, TestDatabase, bearer, csv_of
from tests.integration.conftest import URL, Importer, counts

ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
BAD = (
    HEADER.replace(",", ";").encode()
    + b"A;good;device;;2024-01-15;;yes\n"
    + b"B; spaced ;gadget;;31/02/2024;;yes\n\n"
    + b'C;"two\nlines; and ""quotes""";gadget;=1+1;2024-01-15;;yes\n'
    + b"D;few;device;;2024-01-15\n"
    + b"E;many;device;;2024-01-15;;yes;extra\n"
    + b'F;"open;device\n'
    + b"G;M\xfcller;device;;2024-01-15;;yes\n"
    + b"H;good;device;;2024-01-15;;yes\n"
)


def failed_rows(importer: Importer, job: dict[str, Any], query: str = "?bom=false") -> bytes:
    response = importer.get(f"{job['job_id']}/failed-rows.csv{query}")
    assert (response.status_code, response.content_type) == (200, "text/csv; charset=utf-8")
    disposition = response.headers["Content-Disposition"]
    assert disposition == f'attachment; filename="failed-rows-{job["job_id"]}.csv"'
    return bytes(response.data)


def test_all_errors_in_pages(importer: Importer) -> None:
    job = importer.run((HEADER + "x,y,,,,,,z\n" * 12 + ",,,,,,no\n").encode())
    url, pages = f"{job['job_id']}/errors?limit=5", []
    while True:
        response = importer.get(url)
        pages.append(response.get_json())
        if pages[-1]["next_cursor"] is None:
            assert "Link" not in response.headers
            break
        url = f"{job['job_id']}/errors?limit=5&cursor={pages[-1]['next_cursor']}"
        assert unquote(response.headers["Link"]) == f'<{URL}/{url}>; rel="next"'
    assert [len(page["errors"]) for page in pages] == [5, 5, 5, 1]
    errors = [error for page in pages for error in page["errors"]]
    assert [error["row"] for error in errors] == [*range(2, 14), 14, 14, 14, 14]
    assert errors[-1] == {
        "row": 14,
        "line": 14,
        "field": "valid_from",
        "code": "required",
        "message": 'valid_from "" must not be empty',
        "value": "",
    }


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "*/*", "application/json"),
        ("", "text/csv", "text/csv; charset=utf-8"),
        ("", "application/json, text/csv;q=0.5", "application/json"),
        ("?format=csv", "application/json", "text/csv; charset=utf-8"),
        ("?format=json", "text/csv", "application/json"),
        ("", "image/png", "application/json"),
    ],
)
def test_errors_come_in_the_requested_format(
    importer: Importer, query: str, accept: str, content_type: str
) -> None:
    job = importer.run(BAD)
    response = importer.get(f"{job['job_id']}/errors{query}", headers={"Accept": accept})
    assert response.content_type == content_type
    assert response.headers["Vary"] == "Accept"


def test_errors_as_csv(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE_ERRORS", 7)
    job = importer.run((HEADER + "=x,n,device,,,,\n" * 20).encode())
    response = importer.get(f"{job['job_id']}/errors?format=csv")
    assert response.is_streamed
    lines = list(csv.DictReader(io.StringIO(response.get_data(as_text=True))))
    assert len(lines) == 40
    assert lines[0] == {
        "row": "2",
        "line": "2",
        "field": "valid_from",
        "code": "required",
        "message": 'valid_from "" must not be empty',
        "value": "",
    }


def test_failed_rows_are_returned_unchanged(importer: Importer) -> None:
    job = importer.run(BAD)
    assert counts(job) == {"created": 2, "failed": 6}
    header, *lines = failed_rows(importer, job).split(b"\r\n")
    assert header == HEADER.strip().replace(",", ";").encode() + b";_row;_errors;_job"
    own = b";" + job["job_id"].encode()
    assert lines == [
        b"B; spaced ;gadget;;31/02/2024;;yes;3;"
        b'"type ""gadget"" is not a type (expected one of person, device, asset, inventory, other); '
        b'valid_from ""31/02/2024"" is not a date (expected YYYY-MM-DD)"' + own,
        b'C;"two\nlines; and ""quotes""";gadget;=1+1;2024-01-15;;yes;5;'
        b'"type ""gadget"" is not a type (expected one of person, device, asset, inventory, other)"' + own,
        b'D;few;device;;2024-01-15;;;6;"is_active """" must not be empty"' + own,
        b"E;many;device;;2024-01-15;;yes;7;the row has 8 cells and the header 7" + own + b";extra",
        b'F;"open;device";;;;;;8;'
        b'"the row opens a quoted cell that is never closed; the lines below are separate rows"' + own,
        rb"G;M"
        + b"\xfc"
        + rb'ller;device;;2024-01-15;;yes;9;"name ""M\xfcller"" contains bytes that cannot be decoded: \xfc"'
        + own,
        b"",
    ]


def test_a_row_keeps_its_first_twenty_errors_and_the_summary_counts_all(importer: Importer) -> None:
    names = [f"metadata.m{number:02}" for number in range(30)]
    header = HEADER.strip() + "," + ",".join(names) + "\n"
    bad = "".join(f"{identifier},Laptop,device,,2024-01-15,,yes{',?' * 30}\n" for identifier in "ABCDEF")
    file = header.encode() + bad.replace("?", "\xfc").encode("latin-1")
    job = importer.run(file)
    assert counts(job) == {"failed": 6}
    errors = [(row, name, "invalid_encoding") for row in range(2, 8) for name in names[:20]]
    assert importer.errors(job) == errors[:100]
    assert [(error["row"], error["field"], error["code"]) for error in job["errors"]] == errors[:100]
    assert job["error_summary"] == [
        {"code": "invalid_encoding", "field": name, "count": 6, "first_rows": [2, 3, 4, 5, 6]}
        for name in names
    ]
    lines = csv.DictReader(io.StringIO(failed_rows(importer, job).decode("latin-1"), newline=""))
    assert [line["_errors"].count("metadata.") for line in lines] == [20] * 6
    response = importer.client.post(f"{URL}/{job['job_id']}/retry", headers=bearer())
    importer.work()
    retried = importer.job(response.get_json()["job_id"])
    assert counts(retried) == {"failed": 6}
    assert retried["error_summary"] == job["error_summary"]


def test_formulas_are_made_safe_on_request(importer: Importer) -> None:
    job = importer.run(BAD)
    assert b";=1+1;" in failed_rows(importer, job)
    assert b";'=1+1;" in failed_rows(importer, job, "?bom=false&formula_safe=true")


def test_failed_rows_are_fixed_and_uploaded_again(importer: Importer) -> None:
    file = (
        b"Tag|Name|Kind|Since|Active\n"
        b"A|a|device|15/01/2024|yes\n"
        b"B|b|gadget|15/01/2024|yes\n"
        b"C|c|gadget|15/01/2024|perhaps\n"
    )
    options = {
        "columns": '{"Tag": "identifier", "Kind": "type", "Since": "valid_from", "Active": "is_active"}',
        "date_format": "auto",
        "on_conflict": "skip",
    }
    first = importer.run(file, **options)
    assert counts(first) == {"created": 1, "failed": 2}
    again = importer.run(failed_rows(importer, first))
    assert (again["parent_job_id"], counts(again)) == (first["job_id"], {"failed": 2})
    assert again["options"] == first["options"]
    assert again["ignored_columns"] == []

    corrected = failed_rows(importer, again).replace(b"gadget", b"asset").replace(b"|perhaps|", b"|no|")
    last = importer.run(corrected)

    assert (last["parent_job_id"], counts(last)) == (again["job_id"], {"created": 2})
    assert importer.assets("identifier", "type") == [("A", "device"), ("B", "asset"), ("C", "asset")]


def test_a_parent_can_be_named(importer: Importer) -> None:
    first = importer.run(csv_of("A", "A"))
    second = importer.run(csv_of("B"), parent_job_id=first["job_id"])
    assert second["parent_job_id"] == first["job_id"]
    assert importer.upload(csv_of("C"), FOREIGN, parent_job_id=first["job_id"]).status_code == 400


@pytest.mark.parametrize("path", ["errors", "errors?format=csv", "failed-rows.csv", "failed-rows.xlsx"])
def test_another_accounts_job_and_an_absent_one_answer_the_same(importer: Importer, path: str) -> None:
    foreign = importer.run(csv_of("A", "A"), FOREIGN)["job_id"]
    answers = [importer.get(f"{job_id}/{path}", headers={"X-Request-ID": "r"}) for job_id in (foreign, ID)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data.replace(foreign.encode(), ID.encode()) == answers[1].data
    assert importer.get(f"no-uuid/{path}").status_code == 400
    assert importer.client.get(f"{URL}/{ID}/{path}").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        *(
            "errors?limit=0",
            "errors?limit=1001",
            "errors?cursor=x",
            "errors?cursor=MQ==",
            "errors?format=xml",
        ),
        *("errors?limit=1&limit=2", "errors?x=1", "failed-rows.csv?formula_safe=maybe", "failed-rows.csv?x="),
        *("failed-rows.csv?bom=maybe", "template.csv?bom=", "template.csv?x=1"),
    ],
)
def test_invalid_parameters_are_refused(importer: Importer, path: str) -> None:
    job = importer.run(csv_of("A"))
    response = importer.get(path if path.startswith("template") else f"{job['job_id']}/{path}")
    assert (response.status_code, response.get_json()["type"]) == (400, "/problems/invalid-parameters")


def test_a_job_without_a_file_has_no_failed_rows(importer: Importer, db: TestDatabase) -> None:
    db.rows("INSERT INTO trakrf.bulk_import_jobs (account_id, id, total_rows) VALUES (1, %s::uuid, 5)", ID)
    assert importer.get(f"{ID}/failed-rows.csv").status_code == 404
    assert importer.get(f"{ID}/failed-rows.xlsx").status_code == 404
    assert importer.get(f"{ID}/errors").get_json() == {"errors": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "start"), [("", b"\xef\xbb\xbfidentifier,"), ("?bom=false", b"identifier,")]
)
def test_the_template_can_be_uploaded(importer: Importer, query: str, start: bytes) -> None:
    response = importer.get(f"template.csv{query}")
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.data.startswith(start)
    job = importer.run(response.data)
    assert (counts(job), job["ignored_columns"]) == ({"created": 2}, [])
    assert importer.client.get(f"{URL}/template.csv").status_code == 401


def test_failed_rows_begin_with_a_byte_order_mark_and_can_be_uploaded_with_it(importer: Importer) -> None:
    first = importer.run((HEADER + "Ä,Ärmel,gadget,,2024-01-15,,yes\n").encode())
    marked = failed_rows(importer, first, "")
    assert marked == b"\xef\xbb\xbf" + failed_rows(importer, first)
    again = importer.run(marked.replace(b"gadget", b"asset"))
    assert (again["parent_job_id"], counts(again)) == (first["job_id"], {"created": 1})
    assert importer.assets("identifier", "name") == [("Ä", "Ärmel")]
