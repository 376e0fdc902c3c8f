"""Files as spreadsheets write them, through the service and the worker."""

import codecs
import json
import threading

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bulkimport.database.connections import Database
from bulkimport.worker.loop import Worker
from tests.conftest import HEADER, TestDatabase, bearer, submit
from tests.integration.conftest import OWN_OF_EACH_JOB, URL, Importer, counts

ROW = "A,Müller,device,,2024-01-15,,yes\n"
FILE = HEADER + ROW


@pytest.mark.parametrize(
    ("file", "options", "charset"),
    [
        (FILE.encode(), {}, "utf-8"),
        (codecs.BOM_UTF8 + FILE.encode(), {}, "utf-8"),
        (FILE.encode("utf-16"), {}, "utf-16"),
        (codecs.BOM_UTF16_BE + FILE.encode("utf-16-be"), {}, "utf-16"),
        (FILE.encode("windows-1252"), {"charset": "windows-1252"}, "cp1252"),
        (FILE.encode("iso-8859-15"), {"charset": "ISO_8859-15"}, "iso8859-15"),
        (FILE.replace(",", ";").encode(), {}, "utf-8"),
        (FILE.replace(",", "\t").encode(), {}, "utf-8"),
        (FILE.replace(",", "|").encode(), {"delimiter": "pipe"}, "utf-8"),
        (FILE.replace("\n", "\r\n").encode(), {}, "utf-8"),
        (FILE.replace("\n", "\r").encode(), {}, "utf-8"),
        (("\n" + FILE + "\r\n,,\n").encode(), {}, "utf-8"),
        (FILE.replace("is_active", " Is-Active ").upper().replace("MÜLLER", "Müller").encode(), {}, "utf-8"),
        (
            FILE.replace("identifier", "Asset Tag").encode(),
            {"columns": '{"asset-tag": "identifier"}'},
            "utf-8",
        ),
        (FILE.replace("2024-01-15", "15.01.2024").encode(), {"date_format": "auto"}, "utf-8"),
        (FILE.replace("2024-01-15", "01/15/2024").encode(), {"date_format": "auto"}, "utf-8"),
        (FILE.replace("2024-01-15", "01/15/2024").encode(), {"date_format": "MM/DD/YYYY"}, "utf-8"),
        (FILE.replace("2024-01-15", "2024-01-15T01:00+01:00").encode(), {}, "utf-8"),
    ],
)
def test_it_is_read_correctly(importer: Importer, file: bytes, options: dict[str, str], charset: str) -> None:
    job = importer.run(file, **options)
    assert counts(job) == {"created": 1}, job["errors"]
    assert job["options"]["charset"] == charset
    assert importer.assets("identifier", "name", "valid_from AT TIME ZONE 'UTC' = '2024-01-15'") == [
        ("A", "Müller", True)
    ]


def test_the_charset_of_the_body_or_the_part_counts(importer: Importer) -> None:
    response = importer.client.post(
        URL,
        data=FILE.encode("windows-1252"),
        content_type="text/csv; charset=windows-1252",
        headers=bearer(),
    )
    assert response.status_code == 202
    importer.work()
    assert importer.assets() == [("A", "Müller")]


def test_every_fault_is_an_error_of_its_row_and_the_others_are_imported(importer: Importer) -> None:
    file = (
        HEADER.encode()
        + b'TV-023,LG TV 55",device,,2024-01-15,,yes\n'
        + b'Q1,"never closed,device,,2024-01-15,,yes\n'
        + b"N1,a\0b,device,,2024-01-15,,yes\n"
        + b'M1,"two\nlines",device,,2024-01-15,,yes\n'
        + b'Q2,"closed"early,device,,2024-01-15,,yes\n'
        + b"E1,M\xfcller,device,,2024-01-15,,yes\n"
        + b"S1,\xed\xa0\x80,device,,2024-01-15,,yes\n"
        + b"\n"
        + b'F1,"few\r"\n'
        + b"F2,many,device,,2024-01-15,,yes,,x\n"
        + b"L1,last,device,,2024-01-15,,yes"
    )
    job = importer.run(file)
    assert [(error["row"], error["line"], error["field"], error["code"]) for error in job["errors"]] == [
        (3, 3, None, "unclosed_quote"),
        (4, 4, "name", "invalid_character"),
        (6, 7, None, "misplaced_quote"),
        (7, 8, "name", "invalid_encoding"),
        (8, 9, "name", "invalid_encoding"),
        (10, 11, None, "wrong_cell_count"),
        (11, 13, None, "wrong_cell_count"),
    ]
    assert r"\xfc" in job["errors"][3]["error"]
    assert job["blank_rows"] == 1
    assert importer.assets() == [("L1", "last"), ("M1", "two\nlines"), ("TV-023", 'LG TV 55"')]


def test_metadata_and_ignored_columns(importer: Importer) -> None:
    header = HEADER.replace(
        "description", "metadata.colour,Metadata.Serial No,discription,_row,_errors,_job,x"
    )
    job = importer.run((header + "A,b,device,red,,d,,,,y,2024-01-15,,yes\n").encode())
    assert importer.assets("metadata", "description") == [({"colour": "red"}, None)]
    assert job["ignored_columns"] == [
        {"column": "discription", "position": 6, "did_you_mean": "description"},
        {"column": "x", "position": 10, "did_you_mean": None},
    ]


def test_ambiguous_dates_are_refused_with_two_examples(importer: Importer) -> None:
    file = FILE.replace("2024-01-15", "01/02/2024") + ROW.replace("2024-01-15", "03/04/2024")
    response = importer.upload(file.encode(), date_format="auto")
    assert response.status_code == 400
    assert response.get_json()["type"] == "/problems/ambiguous-dates"
    assert '"01/02/2024" in row 2 and "03/04/2024" in row 3' in response.get_json()["detail"]
    assert importer.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0


MESSY = (
    HEADER.replace(",", ";").encode()
    + b"A;b;device;;01.02.2024;;yes\n\n;;\n"
    + b'B;"x;device;;13.02.2024;;yes\n'
    + b'C;"x\ny";device;;13.02.2024;12.02.2024;yes\r\n'
    + b"A;b;device;;13.02.2024;;no\r"
    + b'D;"x"y;device\n"E";"";"";"";"";"";""\n'
    + b"F;\xff;device;;13.02.2024;;1\n"
    + b"G;g;device;g;13.02.2024;;1"
)


@pytest.mark.parametrize("mode", ["error", "skip", "update"])
def test_the_result_is_the_same_whatever_the_chunks(db: TestDatabase, importer: Importer, mode: str) -> None:
    seen = set()
    for chunk_rows in (1, 2, 7, 1_000):
        object.__setattr__(importer.client.application.extensions["settings"], "chunk_rows", chunk_rows)
        db.rows("DELETE FROM trakrf.assets")
        job = importer.run(MESSY, date_format="auto", on_conflict=mode)
        document = {name: value for name, value in job.items() if name not in OWN_OF_EACH_JOB}
        seen.add(json.dumps([document, importer.assets("identifier", "name", "import_row")]))
    assert len(seen) == 1
    assert counts(job) == {"created": 2, "failed": 6}


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tail=st.one_of(
        st.binary(max_size=200),
        st.text('aA1,;"\n\r\t =\0', max_size=120).map(str.encode),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    ),
    header=st.sampled_from(
        [b"", HEADER.encode(), HEADER.encode().replace(b",", b";"), b"\xff\xfe", b"identifier\n"]
    ),
    charset=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "shift_jis", "cp1252", "iso2022_jp"]),
    on_conflict=st.sampled_from(["error", "skip", "update"]),
    on_error=st.sampled_from(["continue", "abort"]),
)
@example(b"", b'"\x80', "utf-8", "error", "continue")
@example(b"a,b\n", b"", "utf-16", "error", "continue")
def test_any_bytes_give_a_result_or_a_clean_refusal(
    importer: Importer, tail: bytes, header: bytes, charset: str, on_conflict: str, on_error: str
) -> None:
    response = importer.upload(
        header + tail, charset=charset, on_conflict=on_conflict, on_error=on_error, date_format="auto"
    )
    assert response.status_code in (202, 400, 413)
    importer.work()
    if response.status_code == 202:
        job = importer.job(response.get_json()["job_id"])
        assert job["status"] in ("completed", "failed")
        assert counts(job) is not None
        assert job["processed_rows"] == job["total_rows"]
        assert importer.get(f"{job['job_id']}/failed-rows.csv").status_code == 200
        assert importer.get(f"{job['job_id']}/errors?format=csv").status_code == 200


def test_a_job_from_before_the_options_is_imported(
    db: TestDatabase, web_database: Database, worker_database: Database
) -> None:
    submit(web_database, FILE.encode())
    db.rows(
        "UPDATE trakrf.bulk_import_jobs SET options = '{}', header = '{}',"
        " created_rows = NULL, updated_rows = NULL, skipped_rows = NULL, blank_rows = NULL"
    )
    Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30).work_once()
    assert db.rows("SELECT status, processed_rows, created_rows FROM trakrf.bulk_import_jobs") == [
        ("completed", 1, None)
    ]
