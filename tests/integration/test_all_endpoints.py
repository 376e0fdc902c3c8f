"""What all endpoints have in common."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bulkimport import settings
from bulkimport.app import create_app
from bulkimport.devserver import environment
from bulkimport.settings import SettingsError
from tests.conftest import SECRET, TestDatabase, bearer

NOWHERE = "postgresql://web@127.0.0.1:1/nowhere"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PROTECTED = ["/api/v1/assets/bulk/x", "/api/v1/assets", "/api/v1/assets/1"]


@pytest.fixture
def client_without_database() -> FlaskClient:
    return create_app(settings.load({"DATABASE_URL": NOWHERE, "JWT_SECRET": SECRET})).test_client()


def test_an_unknown_path_is_a_problem(client: FlaskClient) -> None:
    response = client.get("/nowhere")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert response.get_json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["/api/v1/assets/1", "/livez"])
def test_an_unsupported_method_names_the_supported_ones(client: FlaskClient, path: str) -> None:
    response = client.post(path, headers=bearer())
    assert (response.status_code, response.get_json()["type"]) == (405, "/problems/method-not-allowed")
    assert "GET" in response.headers["Allow"]


def test_a_name_beside_the_jobs_is_not_the_id_of_one(client: FlaskClient) -> None:
    for path, method in (("/preview", "POST"), ("/template.csv", "GET"), ("/template.xlsx", "GET")):
        response = client.delete(f"/api/v1/assets/bulk{path}", headers=bearer())
        assert response.status_code == 405
        assert method in response.headers["Allow"]
        assert "DELETE" not in response.headers["Allow"]


def test_booleans_are_true_or_false_in_any_case(client: FlaskClient) -> None:
    """Whatever the parameter: the job of these requests does not exist, and the file is not a CSV file."""
    described = client.get("/openapi.json").get_json()["paths"]
    parameters = {
        (method, path.replace("{job_id}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), parameter["name"])
        for path, operations in described.items()
        for method, operation in operations.items()
        for parameter in operation["parameters"]
        if parameter.get("schema", {}).get("type") == "boolean"
    }
    assert len(parameters) > 3
    for method, path, name in sorted(parameters):
        for value in ("true", "False", "FALSE", "tRue"):
            with _with_parameter(client, method, path, name, value) as response:
                assert b"expected true" not in response.data
        for value in ("1", "0", "yes", "", "None"):
            (error,) = _with_parameter(client, method, path, name, value).get_json()["errors"]
            assert error == {"field": name, "message": "expected true or false"}, (path, value)


def _with_parameter(client: FlaskClient, method: str, path: str, name: str, value: str) -> TestResponse:
    return client.open(
        path,
        method=method,
        headers={**bearer(), "Content-Type": "text/csv"},
        query_string={name: value},
        data=b"%PDF" if method == "post" else b"",
    )


def test_a_request_id_is_adopted_and_returned(client: FlaskClient) -> None:
    response = client.get("/nowhere", headers={"X-Request-ID": "abc-123"})
    assert response.headers["X-Request-ID"] == response.get_json()["request_id"] == "abc-123"


@pytest.mark.parametrize("request_id", ["", 'a"b', "a b", "x" * 129, "ü"])
def test_a_malformed_request_id_is_replaced(client: FlaskClient, request_id: str) -> None:
    returned = client.get("/livez", headers={"X-Request-ID": request_id}).headers["X-Request-ID"]
    assert returned != request_id
    assert len(returned) == 36


def test_each_request_is_one_line_in_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "bulkimport"):
        client.get("/api/v1/assets", headers={**bearer(), "X-Request-ID": "r-1"})
    (record,) = caplog.records
    line = vars(record)
    assert (line["request_id"], line["method"], line["path"]) == ("r-1", "GET", "/api/v1/assets")
    assert (line["status"], line["account_id"]) == (200, 1)


def test_the_line_contains_the_trace_of_a_valid_traceparent_only(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "bulkimport"):
        client.get("/livez", headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"})
        client.get("/livez", headers={"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"})
        client.get("/livez")
    assert [vars(record).get("trace_id") for record in caplog.records] == [TRACE_ID, None, None]


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("header", [None, "Bearer x.y.z", "Basic x"])
def test_a_wrong_token_is_refused_without_asking_the_database(
    client_without_database: FlaskClient, path: str, header: str | None
) -> None:
    response = client_without_database.get(path, headers={"Authorization": header} if header else {})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="bulkimport"')


def test_an_unreachable_database_is_503_and_the_process_lives(
    client_without_database: FlaskClient,
) -> None:
    response = client_without_database.get("/api/v1/assets", headers=bearer())
    assert (response.status_code, response.get_json()["type"]) == (503, "/problems/unavailable")
    assert response.headers["Retry-After"] == "5"
    assert client_without_database.get("/readyz").status_code == 503
    assert client_without_database.get("/livez").status_code == 200


def test_a_privileged_login_is_not_used_and_is_503(db: TestDatabase) -> None:
    """Web does not start with one, but a login may become privileged later."""
    app = create_app(settings.load({"DATABASE_URL": db.owner_url, "JWT_SECRET": SECRET}))
    response = app.test_client().get("/api/v1/assets", headers=bearer())
    assert (response.status_code, response.get_json()["type"]) == (503, "/problems/unavailable")
    assert response.headers["Retry-After"] == "5"
    assert environment.OWNER not in response.get_data(as_text=True)


@pytest.mark.parametrize("missing", ["DATABASE_URL", "JWT_SECRET"])
def test_the_application_requires_its_settings(missing: str) -> None:
    environ = {"DATABASE_URL": NOWHERE, "JWT_SECRET": SECRET}
    del environ[missing]
    with pytest.raises(SettingsError, match=f"{missing} is not set"):
        create_app(settings.load(environ))
