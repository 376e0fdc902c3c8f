"""Every error is a problem document, and the documentation lists every type."""

import re
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from bulkimport.auth.tokens import UnauthorizedError
from bulkimport.database.connections import DatabaseUnavailableError
from bulkimport.errors import Refusal
from bulkimport.web import problems, request_log
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.problems import Problem
from bulkimport.web.schemas import FIELD_ERROR_CODE
from tests.support.api_page import SECTIONS

ROOT = Path(__file__).parents[2]

ERRORS: dict[str, Exception] = {
    "/problem": Problem("invalid-id", "no", errors=[{"field": "id", "message": "no"}]),
    "/refused": Refusal("empty-file", "The file is empty."),
    "/missing": UnauthorizedError("A Bearer token is required.", missing=True),
    "/token": UnauthorizedError('it says "x"\r\nSet-Cookie: ü'),
    "/database": DatabaseUnavailableError("host db.internal refused"),
    "/bug": RuntimeError("SELECT secret FROM trakrf.assets"),
}


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("test")
    request_log.register(app)
    problems.register(app)

    @app.get("/teapot")
    def teapot() -> str:
        abort(418)

    @app.get("/<path:path>")
    def fail(path: str) -> str:
        raise ERRORS[f"/{path}"]

    return app.test_client()


@pytest.mark.parametrize(
    ("path", "status", "type_"),
    [
        ("/problem", 400, "invalid-id"),
        ("/refused", 400, "empty-file"),
        ("/missing", 401, "unauthorized"),
        ("/token", 401, "unauthorized"),
        ("/database", 503, "unavailable"),
        ("/bug", 500, "internal-error"),
        ("/teapot", 500, "internal-error"),
    ],
)
def test_an_error_is_a_problem_document(client: FlaskClient, path: str, status: int, type_: str) -> None:
    response = client.get(path, headers={"X-Request-ID": "r-1"})

    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    document = response.get_json()
    assert (document["type"], document["code"]) == (f"/problems/{type_}", type_)
    assert document["title"] == PROBLEM_TYPES[type_].title
    assert (document["status"], document["instance"], document["request_id"]) == (status, path, "r-1")
    assert ("errors" in document) == (path == "/problem")


@pytest.mark.parametrize("path", ["/database", "/bug"])
def test_internals_are_logged_and_not_returned(
    client: FlaskClient, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.get(path)
    assert "secret" not in response.text
    assert "internal" not in response.get_json()["detail"]
    assert str(ERRORS[path]) in caplog.text


def test_a_challenge_contains_nothing_that_could_end_the_header(client: FlaskClient) -> None:
    assert client.get("/missing").headers["WWW-Authenticate"] == 'Bearer realm="bulkimport"'
    assert client.get("/token").headers["WWW-Authenticate"] == (
        'Bearer realm="bulkimport", error="invalid_token",'
        " error_description=\"it says 'x'''Set-Cookie: '\""
    )


def test_an_unavailable_database_says_when_to_retry(client: FlaskClient) -> None:
    assert client.get("/database").headers["Retry-After"] == "5"


def test_every_problem_type_is_documented_and_no_other_is_raised() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(.+?)` \|", SECTIONS["Problem types"], re.MULTILINE)
    assert rows == [(str(problem_type.status), name) for name, problem_type in PROBLEM_TYPES.items()]
    source = "".join(path.read_text() for path in (ROOT / "src/bulkimport").rglob("*.py"))
    refusals = set(re.findall(r'(?:Refusal|Problem)\(\s*"([a-z-]+)"', source))
    assert refusals
    assert refusals <= set(PROBLEM_TYPES)


def test_every_code_of_a_row_error_is_documented_and_in_the_example() -> None:
    source = "".join(
        (ROOT / "src/bulkimport" / name).read_text()
        for name in ("assets/fields.py", "assets/rows.py", "importing/conflicts.py")
    )
    codes = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)", (?:f?"(?:is|has|holds|must)|message)', source)) | {
        "required"
    }
    documented = set(re.findall(r"^\| `([a-z_]+)` \| ", (ROOT / "docs/files.md").read_text(), re.MULTILINE))
    assert codes <= documented


def test_every_code_of_a_field_error_is_in_the_description() -> None:
    source = "".join(
        (ROOT / "src/bulkimport" / name).read_text() for name in ("assets/fields.py", "assets/documents.py")
    )
    codes = set(re.findall(r'(?:FieldError\(|return |_fault\(\w+, )"([a-z]+(?:_[a-z]+)+)"', source))
    assert {"invalid_type", "unknown_field", "too_long", "invalid_encoding"} <= codes
    assert codes <= set(FIELD_ERROR_CODE.texts)
