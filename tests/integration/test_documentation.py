"""The OpenAPI description, the page that shows it, and the pages of problem types."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bulkimport.web import openapi
from bulkimport.web.problem_types import PROBLEM_TYPES
from tests.support.description import resolved


@pytest.fixture
def described(client: FlaskClient) -> dict[str, Any]:
    return resolved(client.get("/openapi.json").get_json())


def test_every_route_is_described_with_its_methods(app: Flask, described: dict[str, Any]) -> None:
    routes = {
        (openapi._path(rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, methods in described["paths"].items() for method in methods}


def test_each_operation_has_a_name_for_a_method_and_a_readable_tag(described: dict[str, Any]) -> None:
    operations = [operation for methods in described["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name)] == []
    tags = {tag for operation in operations for tag in operation["tags"]}
    assert tags == {"uploads", "jobs", "plans", "row errors", "assets", "health", "documentation"}


def test_a_view_that_does_not_describe_itself_is_reported(app: Flask) -> None:
    app._got_first_request = False
    app.add_url_rule("/undescribed", view_func=lambda: "x", endpoint="undescribed")
    with pytest.raises(LookupError, match="does not describe itself"):
        openapi.description(app)


def test_every_problem_type_is_described(described: dict[str, Any]) -> None:
    """Except the one that is answered where there is no operation: another method."""
    shown = {
        name
        for operations in described["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for name in response.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    assert shown == set(PROBLEM_TYPES) - {"method-not-allowed"}


def test_operations_that_need_a_token_say_so(client: FlaskClient, described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            url = path.replace("{job_id}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
            url = url.replace("{asset_id}", "1").replace("{name}", "not-found")
            with client.open(url, method=method.upper()) as response:
                assert (response.status_code == 401) == bool(operation["security"]), (method, path)


def test_the_page_loads_nothing_from_other_hosts(client: FlaskClient) -> None:
    page = client.get("/docs")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert len(sources) == 3
    for source in sources:
        with client.get(source) as response:
            assert source.startswith("/docs/")
            assert (response.status_code, bool(response.data)) == (200, True)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_each_problem_type_has_its_page(client: FlaskClient) -> None:
    for name, kind in PROBLEM_TYPES.items():
        response = client.get(f"/problems/{name}")
        assert response.status_code == 200
        assert kind.title in response.get_data(as_text=True)


def test_all_problem_types_are_listed_and_an_unknown_one_is_404(client: FlaskClient) -> None:
    assert client.get("/problems").get_data(as_text=True).count("<li>") == len(PROBLEM_TYPES)
    assert client.get("/problems/x").get_json()["type"] == "/problems/not-found"
