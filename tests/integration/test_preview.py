"""What an upload would make of a file, without making anything of it."""

import gzip
import io
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from bulkimport.settings import Settings
from tests.conftest import HEADER, OWN, bearer, csv_of
from tests.integration.conftest import URL, Importer, problem
from tests.integration.test_workbooks import FIELDS, GOOD, xlsx
from tests.support import two_tenants
from tests.support.workbooks import workbook

REQUIRED = "identifier,name,type,valid_from,is_active"
ROW = "A,Laptop,device,2024-01-15,yes\n"


@pytest.fixture
def service_settings(service_settings: Settings) -> Settings:
    """Room for files of more rows than a preview reads."""
    return replace(
        service_settings, max_rows=1_000_000, max_upload_bytes=32 * 1024**2, max_active_jobs_per_account=2
    )


def respond(importer: Importer, file: bytes, account_id: int = OWN, /, **options: str) -> TestResponse:
    return importer.client.post(
        f"{URL}/preview",
        query_string=options,
        data=file,
        content_type="text/csv",
        headers=bearer(account_id),
    )


def preview(
    importer: Importer, file: bytes | str, account_id: int = OWN, /, **options: str
) -> dict[str, Any]:
    data = file.encode() if isinstance(file, str) else file
    response = respond(importer, data, account_id, **options)
    assert response.status_code == 200, response.get_json()
    document: dict[str, Any] = response.get_json()
    return document


def refused(importer: Importer, file: bytes | str, **options: str) -> list[str]:
    """The codes of the listed problems, the first of which must be the problem of an upload."""
    data = file.encode() if isinstance(file, str) else file
    problems = preview(importer, data, **options)["problems"]
    upload = importer.upload(data, **options)
    if problems:
        listed = {name: value for name, value in problems[0].items() if name != "errors" or value}
        assert {name: upload.get_json()[name] for name in listed} == listed
    else:
        assert upload.status_code == 202
    return [listed["code"] for listed in problems]


def columns(document: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    return [(column["column"], column["field"], column["how"]) for column in document["columns"]]


def to_send(options: dict[str, Any]) -> dict[str, str]:
    """The options of a preview as form fields."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}


def test_nothing_is_stored(importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = two_tenants.snapshot(importer.db)
    for file in (csv_of("A"), csv_of(*map(str, range(30_000))), xlsx(), b"%PDF", gzip.compress(csv_of("A"))):
        response = importer.client.post(
            f"{URL}/preview", data=file, content_type="text/csv", headers={**bearer(), "Idempotency-Key": "k"}
        )
        assert response.status_code == 200
    assert two_tenants.snapshot(importer.db) == before
    assert list(tmp_path.iterdir()) == []


def test_columns_are_exact_aliases_mapped_similar_or_none(importer: Importer) -> None:
    header = "Asset Tag,NAME,Art,discription,Start,is_active,Farbe,metadata.Room,x\n"
    document = preview(
        importer,
        header
        + "A-1,Laptop,device,grey,2024-01-15,yes,red,12,\n" * 2
        + "A-2,Laptop,device,,2024-01-16,no,,12,\n",
        columns='{"art": "type", "Farbe": "metadata.colour"}',
    )
    assert columns(document) == [
        ("Asset Tag", "identifier", "alias"),
        ("NAME", "name", "exact"),
        ("Art", "type", "mapped"),
        ("discription", "description", "similar"),
        ("Start", None, "none"),
        ("is_active", "is_active", "exact"),
        ("Farbe", "metadata.colour", "mapped"),
        ("metadata.Room", "metadata.Room", "exact"),
        ("x", None, "none"),
    ]
    assert [column["position"] for column in document["columns"]] == [*range(1, 10)]
    assert [column["samples"] for column in document["columns"]][:4] == [
        ["A-1", "A-2"],
        ["Laptop"],
        ["device"],
        ["grey"],
    ]
    assert document["missing_fields"] == ["valid_from"]
    assert [listed["code"] for listed in document["problems"]] == ["missing-columns"]
    values = document["rows"][0]["values"]
    assert values == {
        "identifier": "A-1",
        "name": "Laptop",
        "type": "device",
        "is_active": True,
        "metadata.colour": "red",
        "metadata.Room": "12",
    }
    assert document["rows"][0]["errors"] == []
    assert [error["code"] for error in document["rows"][1]["errors"]] == ["duplicate_in_file"]
    assert document["options"]["columns"] == {"art": "type", "Farbe": "metadata.colour"}


def test_samples_are_five_different_cells_cut_and_printable(importer: Importer) -> None:
    cells = ["", "a", "b", "a", "c" * 500, "\0", "e", "f"]
    document = preview(importer, f"{REQUIRED},x\n" + "".join(f"{ROW.strip()},{cell}\n" for cell in cells))
    assert document["columns"][5]["samples"] == ["a", "b", "c" * 200, "\\x00", "e"]


def test_the_values_are_those_that_would_be_imported(importer: Importer) -> None:
    document = preview(
        importer,
        "identifier;name;valid_from;is_active\n"
        "A;Laptop;15/01/2024 08:30;y\nB;;x;maybe\nC;Laptop\n\nD;a;b;c;d\n",
        date_format="DD/MM/YYYY",
        defaults='{"type": "asset", "metadata.site": "Berlin"}',
    )
    first, second, third, fourth = document["rows"]
    assert first == {
        "row": 2,
        "values": {
            "identifier": "A",
            "name": "Laptop",
            "type": "asset",
            "valid_from": "2024-01-15T08:30:00.000000Z",
            "is_active": True,
            "metadata.site": "Berlin",
        },
        "errors": [],
    }
    assert (second["values"]["name"], second["values"]["valid_from"], second["values"]["is_active"]) == (
        "",
        "x",
        "maybe",
    )
    assert [(error["field"], error["code"]) for error in second["errors"]] == [
        ("name", "required"),
        ("valid_from", "invalid_date"),
        ("is_active", "invalid_boolean"),
    ]
    assert [error["field"] for error in third["errors"]] == ["valid_from", "is_active"]
    assert (fourth["row"], fourth["values"]) == (6, {})
    assert [error["code"] for error in fourth["errors"]] == ["wrong_cell_count"]
    assert document["delimiter"] == {"value": ";", "how": "header"}


def test_at_most_a_thousand_rows_are_read_and_twenty_shown(importer: Importer) -> None:
    document = preview(importer, csv_of(*map(str, range(1000))) + b"\n\n")
    assert (document["rows_read"], document["is_complete"], len(document["rows"])) == (1000, True, 20)
    document = preview(importer, csv_of(*map(str, range(1001))))
    assert (document["rows_read"], document["is_complete"], len(document["rows"])) == (1000, False, 20)
    assert [document["rows"][place]["row"] for place in (0, -1)] == [2, 21]


@pytest.mark.parametrize(
    ("file", "options", "charset"),
    [
        (csv_of("A"), {}, ("utf-8", "default")),
        (b"\xef\xbb\xbf" + csv_of("A"), {}, ("utf-8", "byte_order_mark")),
        (csv_of("A").decode().encode("utf-16"), {}, ("utf-16", "byte_order_mark")),
        (b"\xef\xbb\xbf" + csv_of("A"), {"charset": "latin-1"}, ("utf-8", "byte_order_mark")),
        (csv_of("Ä").decode().encode("latin-1"), {"charset": "latin-1"}, ("iso8859-1", "declared")),
    ],
    ids=["default", "mark", "utf-16", "mark-and-declared", "declared"],
)
def test_the_encoding_is_named_with_the_reason(
    importer: Importer, file: bytes, options: dict[str, str], charset: tuple[str, str]
) -> None:
    document = preview(importer, file, **options)
    assert (document["charset"]["value"], document["charset"]["how"]) == charset
    assert document["rows"][0]["values"]["identifier"] in ("A", "Ä")
    assert document["rows"][0]["errors"] == []
    assert document["options"]["charset"] == charset[0]


def test_a_form_may_declare_the_encoding_of_its_file(importer: Importer) -> None:
    file = (io.BytesIO(csv_of("Ä").decode().encode("latin-1")), "a.csv", "text/csv; charset=latin-1")
    response = importer.client.post(
        f"{URL}/preview", data={"file": file}, content_type="multipart/form-data", headers=bearer()
    )
    assert response.get_json()["charset"] == {"value": "iso8859-1", "how": "declared"}


def test_bytes_that_do_not_decode_are_shown(importer: Importer) -> None:
    document = preview(importer, csv_of("Ä").decode().encode("latin-1"))
    assert document["columns"][0]["samples"] == ["\\xc4"]
    assert [error["code"] for error in document["rows"][0]["errors"]] == ["invalid_encoding"]


@pytest.mark.parametrize(
    ("file", "options", "delimiter"),
    [
        (csv_of("A"), {}, (",", "header")),
        (csv_of("A").replace(b",", b";"), {"delimiter": "semicolon"}, (";", "declared")),
        (b"sep=|\n" + csv_of("A").replace(b",", b"|"), {}, ("|", "declared")),
        (b"identifier\nA\n", {}, (",", "default")),
        (b"identifier,name;type\nA,B;C\n", {}, (None, "ambiguous")),
        (b"sep=x\n" + csv_of("A"), {}, (None, "ambiguous")),
    ],
    ids=["header", "option", "sep", "single", "ambiguous", "unknown-sep"],
)
def test_the_delimiter_is_named_with_the_reason(
    importer: Importer, file: bytes, options: dict[str, str], delimiter: tuple[str | None, str]
) -> None:
    document = preview(importer, file, **options)
    assert (document["delimiter"]["value"], document["delimiter"]["how"]) == delimiter
    if delimiter[0] is None:
        assert [listed["code"] for listed in document["problems"]] == ["ambiguous-delimiter"]
        assert (document["columns"], document["options"]) == ([], None)


@pytest.mark.parametrize(
    ("file", "options", "codes"),
    [
        (csv_of("A"), {}, []),
        ("", {}, ["empty-file"]),
        (HEADER, {}, ["no-rows"]),
        ("%PDF", {}, ["not-csv"]),
        (csv_of("A"), {"charset": "ebcdic"}, ["unknown-charset"]),
        (csv_of("A"), {"header_row": "9"}, ["missing-columns"]),
        (csv_of("A"), {"columns": '{"Tag": "identifier"}'}, ["missing-columns"]),
        (
            "Tag,tag,name,NAME\n1,2,3,4\n",
            {"columns": '{"Art": "type"}'},
            ["missing-columns", "duplicate-columns", "missing-columns"],
        ),
        ("name,name\nx,y\n", {}, ["duplicate-columns", "missing-columns"]),
        ("name,valid_from\nx,01/02/2024\n", {"date_format": "auto"}, ["missing-columns", "ambiguous-dates"]),
        (f'{REQUIRED},"x\ny"\n{ROW}', {}, []),
        (f'{REQUIRED},"x\n{ROW}', {}, ["unreadable-header"]),
        (",".join(map(str, range(501))) + "\n", {}, ["too-many-columns"]),
        (csv_of("A"), {"parent_job_id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, ["unknown-parent"]),
        (f"{REQUIRED},_job\n{ROW.strip()},x\n", {}, ["unknown-parent"]),
        (f"{REQUIRED},_job\n{ROW.strip()},\n{ROW.strip()},x\n", {}, ["ambiguous-parent"]),
        (xlsx(Other=(FIELDS, GOOD)), {}, ["ambiguous-sheet"]),
        (xlsx(), {"sheet": "Other"}, ["unknown-sheet"]),
        (b"PK\x03\x04broken", {}, ["not-csv"]),
    ],
)
def test_what_an_upload_would_refuse_is_listed(
    importer: Importer, file: bytes | str, options: dict[str, str], codes: list[str]
) -> None:
    assert refused(importer, file, **options) == codes


def test_what_is_wrong_with_the_request_is_a_problem_of_the_preview(importer: Importer) -> None:
    assert problem(respond(importer, csv_of("A"), colour="red")) == (400, "invalid-parameters")
    assert problem(respond(importer, csv_of("A"), empty="clear")) == (400, "invalid-parameters")
    for content_type, code in {"text/html": (415, "unsupported-media-type")}.items():
        response = importer.client.post(
            f"{URL}/preview", data=b"x", content_type=content_type, headers=bearer()
        )
        assert problem(response) == code
    form = importer.client.post(
        f"{URL}/preview", data={"x": "y"}, content_type="multipart/form-data", headers=bearer()
    )
    assert problem(form) == (400, "missing-file")


def test_too_many_unfinished_jobs_are_listed(importer: Importer) -> None:
    for _ in range(2):
        assert importer.upload(csv_of("A")).status_code == 202
    assert refused(importer, csv_of("A")) == ["too-many-jobs"]
    assert len(preview(importer, csv_of("A"))["rows"]) == 1


def test_date_formats_that_fit_are_listed(importer: Importer) -> None:
    header = f"{REQUIRED},valid_to\n"
    document = preview(importer, header + "A,x,asset,01/02/2024,yes,31.12.2024\nB,x,asset,03/02/2024,yes,\n")
    assert document["date_formats"] == [
        {"column": "valid_from", "field": "valid_from", "formats": ["DD/MM/YYYY", "MM/DD/YYYY"]},
        {"column": "valid_to", "field": "valid_to", "formats": ["DD.MM.YYYY"]},
    ]
    assert document["options"]["date_format"] == {"valid_from": "YYYY-MM-DD", "valid_to": "YYYY-MM-DD"}


def test_a_column_without_dates_has_no_formats(importer: Importer) -> None:
    header = f"{REQUIRED},valid_to\n"
    nothing = preview(importer, header + "A,x,asset,tomorrow,yes,\n")
    assert nothing["date_formats"] == []
    contradicting = preview(importer, header + "A,x,asset,31/01/2024,yes,\nB,x,asset,01/31/2024,yes,\n")
    assert contradicting["date_formats"] == [{"column": "valid_from", "field": "valid_from", "formats": []}]


def test_the_options_of_a_header_far_below_can_be_sent_back(importer: Importer) -> None:
    file = f"{chr(10) * 30}{REQUIRED}\n{ROW}"
    document = preview(importer, file)
    assert document["header_row"] == 31
    again = preview(importer, file, **to_send(document["options"]))
    assert (again["header_row"], again["rows"], again["problems"]) == (31, document["rows"], [])


def test_auto_dates_are_decided_once_all_rows_were_read(importer: Importer) -> None:
    header, row = f"{REQUIRED}\n", "{},x,asset,{},yes\n"
    ambiguous = "".join(row.format(number, "01/02/2024") for number in range(1000))
    assert refused(importer, header + ambiguous, date_format="auto") == ["ambiguous-dates"]
    longer = preview(importer, header + ambiguous + row.format("last", "31/01/2024"), date_format="auto")
    assert (longer["problems"], longer["is_complete"]) == ([], False)
    assert "valid_from" not in longer["rows"][0]["values"]
    assert longer["rows"][0]["errors"] == []
    assert longer["options"]["date_format"] == {"valid_from": "auto", "valid_to": "auto"}
    short = preview(importer, header + row.format("A", "31/01/2024"), date_format="auto")
    assert short["rows"][0]["values"]["valid_from"] == "2024-01-31T00:00:00.000000Z"
    assert short["options"]["date_format"]["valid_from"] == "DD/MM/YYYY"
    contradicting = header + row.format("A", "31/01/2024") + row.format("B", "01/31/2024") + ambiguous
    assert [one["code"] for one in preview(importer, contradicting, date_format="auto")["problems"]] == [
        "ambiguous-dates"
    ]


def test_the_sheets_of_a_workbook_are_listed(importer: Importer) -> None:
    document = preview(importer, xlsx(Other=(FIELDS, GOOD), Empty=()))
    assert document["sheets"] == [
        {"name": "Assets", "is_visible": True, "has_content": True},
        {"name": "Other", "is_visible": True, "has_content": True},
        {"name": "Empty", "is_visible": True, "has_content": False},
    ]
    assert (document["sheet"], document["options"], document["columns"]) == (None, None, [])
    chosen = preview(importer, xlsx(Other=(FIELDS, GOOD)), sheet="2")
    assert (chosen["sheet"], chosen["charset"], chosen["delimiter"]) == ("Other", None, None)
    assert chosen["options"]["sheet"] == "Other"
    assert not {"charset", "delimiter"} & set(chosen["options"])
    assert chosen["rows"][0]["values"]["valid_from"] == "2024-01-15T00:00:00.000000Z"
    assert chosen["problems"] == []


def test_of_a_large_sheet_the_first_rows_are_read(importer: Importer) -> None:
    document = preview(importer, xlsx((["Assets of the company"], FIELDS, *[GOOD] * 2000)), header_row="2")
    assert (document["rows_read"], document["is_complete"]) == (1000, False)
    assert document["rows"][0]["row"] == 3
    blanks = preview(importer, xlsx((FIELDS, *[GOOD] * 10, *[[" "]] * 1500, *[GOOD] * 10)))
    assert (blanks["rows_read"], blanks["is_complete"]) == (20, True)
    complete = preview(importer, xlsx((FIELDS, *[GOOD] * 1000)))
    assert (complete["rows_read"], complete["is_complete"]) == (1000, True)


def test_a_sheet_that_cannot_be_read_spoils_only_itself(importer: Importer) -> None:
    broken = workbook(sheets={"Good": "", "Bad": "<row><c"})
    document = preview(importer, broken.getvalue(), sheet="Good")
    assert document["sheets"] is None


def test_a_large_file_with_a_quote_that_never_closes_is_previewed_quickly(importer: Importer) -> None:
    good = csv_of(*map(str, range(10)))
    file = good + b'"' + csv_of(*map(str, range(10, 400_000)))
    started = time.process_time()
    document = preview(importer, file)
    assert time.process_time() - started < 3
    assert document["rows"][10]["errors"][0]["code"] == "unclosed_quote"
    assert (document["rows_read"], document["is_complete"]) == (1000, False)


IDENTIFIERS = st.sampled_from(["", "A", "B", "C", " A ", "1E+5"])
CELLS = st.tuples(
    IDENTIFIERS,
    st.sampled_from(["", "Laptop", '"x', "ü"]),
    st.sampled_from(["asset", "DEVICE", "x"]),
    st.sampled_from(["2024-01-15", "15/01/2024", "01/02/2024", ""]),
    st.sampled_from(["yes", "no", "maybe"]),
    st.sampled_from(["", "2023-01-01", "#N/A"]),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "date_format": st.sampled_from(["auto", "DD/MM/YYYY", '{"valid_from": "auto"}']),
        "on_conflict": st.sampled_from(["error", "skip"]),
        "identifiers": st.just("generate"),
        "defaults": st.sampled_from(['{"name": "unknown"}', '{"valid_to": "today"}']),
        "columns": st.just('{"Discription": "valid_to"}'),
        "dry_run": st.just("true"),
    },
).filter(lambda options: not (options.get("identifiers") and options.get("on_conflict") == "skip"))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(CELLS, min_size=1, max_size=6),
    last=st.sampled_from(["valid_to", "Discription"]),
    delimiter=st.sampled_from([",", ";"]),
    options=OPTIONS,
)
def test_an_upload_with_the_options_of_a_preview_has_the_errors_that_it_showed(
    importer: Importer, rows: list[tuple[str, ...]], last: str, delimiter: str, options: dict[str, str]
) -> None:
    header = (*REQUIRED.split(","), last)
    file = "".join(delimiter.join(cells) + "\n" for cells in (header, *rows)).encode()
    document = preview(importer, file, **options)
    if document["problems"]:
        assert importer.upload(file, **options).status_code == 400
        return
    importer.db.rows("UPDATE trakrf.assets SET deleted_at = now()")
    job = importer.run(file, **to_send(document["options"]))
    errors = importer.get(f"{job['job_id']}/errors").get_json()["errors"]
    assert [error for row in document["rows"] for error in row["errors"]] == errors
    assert document["rows_read"] == job["total_rows"]
