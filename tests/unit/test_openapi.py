"""/openapi.json has what generators of clients and linters need: types, names, descriptions and limits."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest

from bulkimport import settings
from bulkimport.api.row_error_schemas import ROW_ERROR_CODES
from bulkimport.app import create_app
from bulkimport.web import openapi
from bulkimport.web.problem_types import PROBLEM_TYPES
from tests.conftest import SECRET
from tests.support.api_page import ROOT
from tests.support.description import Description, resolved

REQUESTS = {"NewAsset", "AssetPatch", "UploadForm"}
SOMETIMES_ABSENT = {
    "Problem": {"errors"},
    "FieldError": {"code", "value"},
    "PreviewOptions": {"charset", "delimiter", "sheet", "clear_value", "parent_job_id"},
}
ENUMERATIONS = {
    *("AssetType", "DateFormat", "JobKind", "JobStatus", "OnConflict", "OnError", "ProblemCode"),
    *("FieldErrorCode", "RowErrorCode"),
}


@pytest.fixture(scope="module")
def description() -> Description:
    app = create_app(settings.load({"DATABASE_URL": "postgresql:///none", "JWT_SECRET": SECRET}))
    return openapi.description(app)


@pytest.fixture(scope="module")
def operations(description: Description) -> list[dict[str, Any]]:
    return [
        operation for methods in resolved(description)["paths"].values() for operation in methods.values()
    ]


@pytest.fixture(scope="module")
def schemas(description: Description) -> dict[str, Any]:
    components: dict[str, Any] = description["components"]["schemas"]
    return components


def test_the_document_names_the_release_and_its_server(description: Description) -> None:
    assert description["openapi"] == "3.1.0"
    assert description["info"]["version"] == version("bulkimport")
    assert description["info"]["contact"]
    assert description["servers"] == [{"url": "/"}]


def test_everything_is_described(description: Description, operations: list[dict[str, Any]]) -> None:
    tags = {tag["name"] for tag in description["tags"] if tag["description"]}
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= tags
        assert all(parameter["description"] for parameter in operation["parameters"])
        for response in operation["responses"].values():
            assert response["description"]
            assert all(header["description"] for header in response["headers"].values())
    for name, schema in description["components"]["schemas"].items():
        assert schema["description"], name
        for field, property_ in schema.get("properties", {}).items():
            assert property_.get("description"), (name, field)


def test_public_operations_say_that_they_need_no_token(operations: list[dict[str, Any]]) -> None:
    public = {tag for operation in operations if operation["security"] == [] for tag in operation["tags"]}
    assert public == {"health", "documentation", "import page"}
    assert all("security" in operation for operation in operations)


def test_every_schema_has_a_type(description: Description) -> None:
    untyped = [
        schema
        for schema in _schemas_in(resolved(description))
        if not ("type" in schema or all("type" in one for one in schema.get("anyOf", [{}])))
    ]
    assert untyped == []


def test_responses_are_open_and_requests_are_closed(schemas: dict[str, Any]) -> None:
    objects = {name: schema for name, schema in schemas.items() if "properties" in schema}
    assert {name for name, schema in objects.items() if "additionalProperties" in schema} == REQUESTS
    assert [schemas[name]["additionalProperties"] for name in REQUESTS] == [False] * len(REQUESTS)


def test_what_is_always_there_is_required(schemas: dict[str, Any]) -> None:
    for name, schema in schemas.items():
        if name not in REQUESTS and "properties" in schema:
            absent = set(schema["properties"]) - set(schema["required"])
            assert absent == SOMETIMES_ABSENT.get(name, set()), name
            assert not [one for one in schema["properties"].values() if "readOnly" in one], name


def test_enumerations_are_types_of_their_own(schemas: dict[str, Any]) -> None:
    assert {name for name in ENUMERATIONS if "enum" in schemas[name]} == ENUMERATIONS
    inline = [
        (name, field)
        for name, schema in schemas.items()
        for field, property_ in schema.get("properties", {}).items()
        if "enum" in property_
    ]
    assert inline == []
    assert schemas["ProblemCode"]["enum"] == list(PROBLEM_TYPES)
    assert schemas["RowErrorCode"]["enum"] == list(ROW_ERROR_CODES)


def test_no_option_of_an_upload_has_a_default_that_clients_would_send(description: Description) -> None:
    upload = resolved(description)["paths"]["/api/v1/assets/bulk"]["post"]
    form = upload["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    query = {one["name"]: one["schema"] for one in upload["parameters"] if one["in"] == "query"}
    assert set(form) == {"file", *query}
    assert [name for name, schema in [*form.items(), *query.items()] if "default" in schema] == []
    assert all("y default" in form[name]["description"] for name in query)


def test_ids_of_assets_have_64_bits(description: Description) -> None:
    document = resolved(description)
    (parameter,) = (
        one
        for one in document["paths"]["/api/v1/assets/{asset_id}"]["get"]["parameters"]
        if one["in"] == "path"
    )
    assert parameter["schema"]["format"] == "int64"
    assert document["components"]["schemas"]["Asset"]["properties"]["id"]["format"] == "int64"


def test_the_codes_of_row_errors_are_those_of_the_documentation() -> None:
    table = (ROOT / "docs/files.md").read_text().partition("## Row errors")[2].partition("\n## ")[0]
    rows = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert rows == list(ROW_ERROR_CODES)


def _schemas_in(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema of the document: of parameters, headers, bodies, properties and list items."""
    if isinstance(node, list):
        for one in node:
            yield from _schemas_in(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("schema", "items", "additionalProperties") and isinstance(value, dict):
                yield value
            if key in ("properties", "schemas"):
                yield from value.values()
            if key not in ("example", "examples"):
                yield from _schemas_in(value)
