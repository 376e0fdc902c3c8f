"""POST /api/v1/assets/bulk."""

import io
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bulkimport.settings import WEB_CONNECTIONS
from tests.conftest import ABSENT, HEADER, INACTIVE, OWN, TestDatabase, bearer, csv_of
from tests.support.workbooks import archive

URL = "/api/v1/assets/bulk"
GOOD = csv_of("A", "B", "C", "D")


def upload(client: FlaskClient, file: bytes, account_id: int = OWN, **options: Any) -> TestResponse:
    """A raw upload."""
    options = {"content_type": "text/csv", "headers": bearer(account_id), **options}
    return client.post(URL, data=file, **options)


def upload_form(client: FlaskClient, **fields: Any) -> TestResponse:
    """A multipart upload."""
    return client.post(URL, data=fields, content_type="multipart/form-data", headers=bearer())


def left_behind(db: TestDatabase) -> list[object]:
    tables = ("bulk_import_jobs", "bulk_import_chunks", "bulk_import_queue")
    return [db.value(f"SELECT count(*) FROM trakrf.{table}") for table in tables]


def require_problem(db: TestDatabase, response: TestResponse, status: int, type_: str) -> str:
    """The problem's detail, once it is certain that nothing was stored."""
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    document = response.get_json()
    assert document["type"] == f"/problems/{type_}"
    assert left_behind(db) == [0, 0, 0]
    return str(document["detail"])


@pytest.mark.parametrize("how", ["raw", "multipart"])
def test_a_file_is_accepted_as_a_job(db: TestDatabase, client: FlaskClient, how: str) -> None:
    if how == "raw":
        response = upload(client, GOOD)
    else:
        response = upload_form(client, file=(io.BytesIO(GOOD), "assets.csv"))

    assert response.status_code == 202
    answer = response.get_json()
    assert set(answer) == {"status", "job_id", "status_url", "message", "mapping_from"}
    assert answer["status"] == "accepted"
    assert response.headers["Location"] == answer["status_url"] == f"{URL}/{answer['job_id']}"
    assert response.headers["Retry-After"] == "1"
    assert client.get(answer["status_url"], headers=bearer()).get_json()["total_rows"] == 4
    assert left_behind(db) == [1, 2, 1]
    assert db.value("SELECT string_agg(body, '' ORDER BY number) FROM trakrf.bulk_import_chunks") is not None
    bodies = db.rows("SELECT first_row, rows, body FROM trakrf.bulk_import_chunks ORDER BY number")
    assert [row[:2] for row in bodies] == [(2, 3), (5, 1)]
    assert HEADER.encode() + b"".join(bytes(body) for *_, body in bodies) == GOOD  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "content_type",
    ["text/csv; charset=utf-8", "application/vnd.ms-excel", "application/octet-stream", "text/plain", ""],
)
def test_a_part_is_accepted_by_its_content_and_not_by_its_content_type(
    client: FlaskClient, content_type: str
) -> None:
    assert upload_form(client, file=(io.BytesIO(GOOD), "x.xls", content_type)).status_code == 202


@pytest.mark.parametrize(
    ("file", "status", "type_"),
    [
        (b"", 400, "empty-file"),
        (b"\n \n", 400, "empty-file"),
        (HEADER.encode(), 400, "no-rows"),
        (b"identifier,name\nA,B\n", 400, "missing-columns"),
        (HEADER.replace("description", "name").encode() + b"A\n", 400, "duplicate-columns"),
        (csv_of(*map(str, range(21))), 413, "too-many-rows"),
        (b"PK\x03\x04xl/workbook.xml", 400, "not-csv"),
        (archive({"assets.csv": "x"}).getvalue(), 400, "not-csv"),
        (b"identifier,n\xe4me\nA,B\n", 400, "unreadable-header"),
        (b"identifier,name;type\nA,B\n", 400, "ambiguous-delimiter"),
        (HEADER.replace("type", "type" + ",x" * 500).encode(), 400, "too-many-columns"),
        (GOOD + b"x" * 10_000, 413, "too-large"),
    ],
)
@pytest.mark.parametrize("how", ["raw", "multipart"])
def test_a_file_that_cannot_be_imported_is_refused_as_a_whole(
    db: TestDatabase, client: FlaskClient, file: bytes, status: int, type_: str, how: str
) -> None:
    response = upload(client, file) if how == "raw" else upload_form(client, file=(io.BytesIO(file), "f"))
    assert require_problem(db, response, status, type_)


def test_missing_columns_are_named(db: TestDatabase, client: FlaskClient) -> None:
    detail = require_problem(db, upload(client, b"identifier,name,type\nA,B,C\n"), 400, "missing-columns")
    assert '"valid_from", "is_active"' in detail


@pytest.mark.parametrize("size", [9_999, 10_000, 10_001])
def test_the_size_limit_is_the_same_however_a_file_is_sent(client: FlaskClient, size: int) -> None:
    file = GOOD + b"\n" * (size - len(GOOD))
    expected = 413 if size > 10_000 else 202
    assert upload(client, file).status_code == expected
    assert upload_form(client, file=(io.BytesIO(file), "f")).status_code == expected


def test_a_body_far_beyond_the_limit_is_refused_unread(db: TestDatabase, client: FlaskClient) -> None:
    body = io.BytesIO(GOOD)
    for content_type in ("text/csv", "multipart/form-data; boundary=b"):
        response = client.post(
            URL,
            input_stream=body,
            content_type=content_type,
            environ_overrides={"CONTENT_LENGTH": str(10**9)},
            headers=bearer(),
        )
        require_problem(db, response, 413, "too-large")
        assert body.tell() == 0


@pytest.mark.parametrize(
    "fields",
    [{}, {"file": "a text field"}, {"other": (io.BytesIO(GOOD), "f")}],
    ids=["none", "text", "other"],
)
def test_a_form_needs_a_file(db: TestDatabase, client: FlaskClient, fields: dict[str, Any]) -> None:
    require_problem(db, upload_form(client, **fields), 400, "missing-file")


def test_a_form_needs_exactly_one_file(db: TestDatabase, client: FlaskClient) -> None:
    two = [(io.BytesIO(GOOD), "a.csv"), (io.BytesIO(GOOD), "b.csv")]
    assert "it has 2" in require_problem(db, upload_form(client, file=two), 400, "missing-file")


@pytest.mark.parametrize("kept", [0, 30, len(GOOD) - 1])
def test_a_raw_body_that_ends_early_is_refused(db: TestDatabase, client: FlaskClient, kept: int) -> None:
    """gunicorn passes on what arrived before the client hung up, as if that were all."""
    response = cut_off(client, GOOD, kept, "text/csv")
    assert f"after {kept} of {len(GOOD)} bytes" in require_problem(db, response, 400, "incomplete-body")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Werkzeug's own file
@pytest.mark.parametrize("missing", [1, 10, 60, 200])
def test_a_form_that_ends_early_is_refused(db: TestDatabase, client: FlaskClient, missing: int) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + GOOD + b"\r\n--b--\r\n"
    )
    response = cut_off(client, body, len(body) - missing, "multipart/form-data; boundary=b")
    require_problem(db, response, 400, "incomplete-body")


def cut_off(client: FlaskClient, body: bytes, kept: int, content_type: str) -> TestResponse:
    return client.post(
        URL,
        input_stream=io.BytesIO(body[:kept]),
        content_type=content_type,
        environ_overrides={"CONTENT_LENGTH": str(len(body)), "wsgi.input_terminated": True},
        headers=bearer(),
    )


def test_a_body_of_unknown_length_is_refused(db: TestDatabase, client: FlaskClient) -> None:
    response = client.post(
        URL,
        input_stream=io.BytesIO(GOOD),
        content_type="text/csv",
        environ_overrides={"wsgi.input_terminated": True},
        headers={**bearer(), "Transfer-Encoding": "chunked"},
    )
    require_problem(db, response, 411, "length-required")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "", "csv"])
def test_another_media_type_is_refused(db: TestDatabase, client: FlaskClient, content_type: str) -> None:
    require_problem(db, upload(client, GOOD, content_type=content_type), 415, "unsupported-media-type")


def test_a_request_without_a_token_creates_no_job(db: TestDatabase, client: FlaskClient) -> None:
    require_problem(db, upload(client, GOOD, headers={}), 401, "unauthorized")


@pytest.mark.parametrize("account_id", [INACTIVE, ABSENT])
@pytest.mark.parametrize("file", [GOOD, b""])
def test_an_inactive_account_cannot_upload(
    db: TestDatabase, client: FlaskClient, account_id: int, file: bytes
) -> None:
    require_problem(db, upload(client, file, account_id), 403, "inactive-account")


def test_an_intake_that_fails_at_its_end_leaves_nothing_behind(db: TestDatabase, client: FlaskClient) -> None:
    db.rows("REVOKE INSERT ON trakrf.bulk_import_queue FROM bulkimport_web")
    require_problem(db, upload(client, GOOD), 500, "internal-error")


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, identity"])
def test_an_encoding_other_than_gzip_is_refused(db: TestDatabase, client: FlaskClient, encoding: str) -> None:
    headers = {**bearer(), "Content-Encoding": encoding}
    refused = upload(client, GOOD, headers=headers)
    require_problem(db, refused, 415, "unsupported-media-type")
    assert refused.headers["Accept-Encoding"] == "gzip"
    assert upload(client, GOOD, headers={**bearer(), "Content-Encoding": "Identity"}).status_code == 202


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("surprise", "1"),
        ("dry_run", "maybe"),
        ("on_conflict", "ERROR"),
        ("on_error", "stop"),
        ("delimiter", ":"),
        ("delimiter", ""),
        ("date_format", "YYYY/DD/MM"),
        ("date_format", '["auto"]'),
        ("date_format", '{"valid_from": "YYYY/DD/MM"}'),
        ("date_format", '{"valid_from": 1}'),
        ("date_format", '{"name": "auto"}'),
        ("header_row", "0"),
        ("header_row", "21"),
        ("header_row", "x"),
        ("accept_numbers", "maybe"),
        ("columns", "{"),
        ("columns", "[]"),
        ("columns", '{"a": 1}'),
        ("columns", '{"a": "identity"}'),
        ("columns", '{"a": "metadata."}'),
        ("columns", '{"a\\u0000": "metadata.x"}'),
        ("columns", '{"a": "metadata.\\ud800"}'),
        ("columns", "[" * 5_000),
        ("parent_job_id", "7"),
        ("charset", ""),
    ],
)
def test_unknown_or_invalid_options_are_refused(
    db: TestDatabase, client: FlaskClient, name: str, value: str
) -> None:
    form = upload_form(client, file=(io.BytesIO(GOOD), "f"), **{name: value})
    require_problem(db, form, 400, "invalid-parameters")
    assert form.get_json()["errors"][0]["field"] == name
    require_problem(db, upload(client, GOOD, query_string={name: value}), 400, "invalid-parameters")


def test_an_option_given_twice_is_refused(db: TestDatabase, client: FlaskClient) -> None:
    response = client.post(
        f"{URL}?dry_run=true",
        data={"file": (io.BytesIO(GOOD), "f"), "dry_run": "false"},
        content_type="multipart/form-data",
        headers=bearer(),
    )
    require_problem(db, response, 400, "invalid-parameters")


@pytest.mark.parametrize(
    ("options", "type_"),
    [
        ({"charset": "utf-7"}, "unknown-charset"),
        ({"parent_job_id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, "unknown-parent"),
        ({"columns": '{"Tag": "identifier"}'}, "missing-columns"),
        ({"columns": '{"Identifier": "name"}'}, "duplicate-columns"),
    ],
)
def test_options_that_cannot_be_applied_are_refused(
    db: TestDatabase, client: FlaskClient, options: dict[str, str], type_: str
) -> None:
    require_problem(db, upload(client, GOOD, query_string=options), 400, type_)


def test_an_upload_waits_while_as_many_others_are_received_as_may_be(client: FlaskClient) -> None:
    places: threading.BoundedSemaphore = client.application.extensions["upload_places"]
    for _ in range(WEB_CONNECTIONS):
        places.acquire()
    responses: list[TestResponse] = []
    other = threading.Thread(target=lambda: responses.append(upload(client.application.test_client(), GOOD)))
    other.start()
    other.join(0.5)
    assert not responses
    places.release()
    other.join()
    assert responses[0].status_code == 202
