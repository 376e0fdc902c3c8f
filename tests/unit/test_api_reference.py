"""docs/api.md says what /openapi.json says: every operation, parameter, response and field, and no others."""

import json
import re
from typing import Any, NamedTuple

import pytest

from bulkimport import settings
from bulkimport.app import create_app
from bulkimport.assets.documents import READ_ONLY
from bulkimport.web import openapi
from bulkimport.web.problem_types import PROBLEM_TYPES
from tests.conftest import SECRET
from tests.support.api_page import INTRODUCTION, PAGE, SECTIONS
from tests.support.description import Description, resolved

HEALTH = "Health, metrics and documentation"
OPERATIONS = [title for title, text in SECTIONS.items() if text.startswith("\n`")]
OBJECTS = {  # the section of an object, and its schema
    "Errors": "Problem",
    "The job object": "Job",
    "The row error object": "RowError",
    "The asset object": "Asset",
}
BOUNDS = ("minimum", "maximum", "minLength", "maxLength")


class Operation(NamedTuple):
    """An operation that the page describes, and the title of its section."""

    method: str
    path: str
    title: str


@pytest.fixture(scope="module")
def description() -> Description:
    app = create_app(settings.load({"DATABASE_URL": "postgresql:///none", "JWT_SECRET": SECRET}))
    return openapi.description(app)


def test_every_operation_has_one_section_and_a_line_in_the_introduction(description: Description) -> None:
    documented = sorted((operation.method, operation.path) for operation in _documented_operations())
    assert documented == sorted(
        (method.upper(), path) for path, methods in description["paths"].items() for method in methods
    )
    listed = re.findall(r"^\| `(\w+) (\S+)` \| \[(.+?)\]", INTRODUCTION, re.MULTILINE)
    assert listed == [operation for operation in _documented_operations() if operation.title != HEALTH]


def test_links_within_the_page_lead_to_a_section() -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= anchors


@pytest.mark.parametrize("title", OPERATIONS)
def test_the_parameters_are_those_of_the_operation(description: Description, title: str) -> None:
    rows = {row[0].strip("`"): row for row in _table(title, "parameter") if row[1] not in ("body", "form")}
    parameters = {parameter["name"]: parameter for parameter in _described(description, title)["parameters"]}
    assert set(rows) == set(parameters)
    for name, parameter in parameters.items():
        _, place, _, default, limits, _ = rows[name]
        assert parameter["in"] in place.split(" or ")
        for value in _defaults_and_limits(parameter):
            assert re.search(rf"(?<![\w-]){re.escape(value)}(?!\w)", f"{default} {limits}"), (name, value)


def test_the_fields_of_an_asset_are_those_of_its_schema(description: Description) -> None:
    documented = [row[0].strip("`") for row in _table("Create an asset", "parameter") if row[1] == "body"]
    properties = description["components"]["schemas"]["NewAsset"]["properties"]
    assert documented == [name for name in properties if name not in READ_ONLY]


@pytest.mark.parametrize("title", OPERATIONS)
def test_the_responses_are_those_of_the_operation(description: Description, title: str) -> None:
    responses = _described(description, title)["responses"]
    successes = {status for status in responses if status < "400"}
    headers = {name for status in successes for name in responses[status]["headers"]}
    assert {row[0] for row in _table(title, "status") if row[0] < "400"} == successes
    # The first two are those of every response, and of every POST.
    assert headers - {"X-Request-ID", "Idempotency-Replayed"} == {
        name for name in openapi.ANSWER_HEADERS if f"`{name}`" in _successes(title)
    }
    assert _problems(title) == _problem_types(responses) - _problems("Errors")


@pytest.mark.parametrize("title", [*OPERATIONS, "Errors"])
def test_problems_stand_by_their_statuses(title: str) -> None:
    for statuses, response, _ in _table(title, "status"):
        if statuses >= "400":
            names = re.findall("`(.*?)`", response)
            assert {str(PROBLEM_TYPES[name].status) for name in names} == set(statuses.split(", "))


def test_the_problems_of_all_operations_are_named_once(description: Description) -> None:
    operations = [
        operation for methods in resolved(description)["paths"].values() for operation in methods.values()
    ]
    with_token = [_problem_types(one["responses"]) for one in operations if one["security"]]
    assert _problems("Errors") == set.intersection(*with_token)
    without_token = [_problem_types(one["responses"]) for one in operations if not one["security"]]
    assert {name for name in PROBLEM_TYPES if f"`{name}`" in SECTIONS[HEALTH]} == set.union(*without_token)


@pytest.mark.parametrize(("title", "schema"), OBJECTS.items())
def test_the_fields_of_an_object_are_those_of_its_schema(
    description: Description, title: str, schema: str
) -> None:
    properties = description["components"]["schemas"][schema]["properties"]
    null_when = {name.strip("`"): when for name, _, _, when in _table(title, "field")}
    assert list(null_when) == list(properties)
    assert {name for name, when in null_when.items() if when} == {
        name for name, schema_of_field in properties.items() if '"null"' in json.dumps(schema_of_field)
    }


def _documented_operations() -> list[Operation]:
    """The operations in the order of their sections."""
    return [
        Operation(method, path, title)
        for title, text in SECTIONS.items()
        for method, path in re.findall(r"^(?:\| )?`([A-Z]+) (/[^\s`]*)`", text, re.MULTILINE)
    ]


def _described(description: Description, title: str) -> dict[str, Any]:
    """The operation that a section is about, as it is described."""
    ((method, path, _),) = (operation for operation in _documented_operations() if operation.title == title)
    operation: dict[str, Any] = resolved(description)["paths"][path][method.lower()]
    return operation


def _table(title: str, first_column: str) -> list[list[str]]:
    """The rows of the section's table with this first column, each a list of its cells."""
    tables = re.findall(r"(?:^\|.*\n)+", SECTIONS[title], re.MULTILINE)
    lines = [table.splitlines() for table in tables if table.startswith(f"| {first_column} |")]
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in (lines[0][2:] if lines else [])
    ]


def _successes(title: str) -> str:
    """What the section says of responses that are not problems."""
    return " ".join(row[2] for row in _table(title, "status") if row[0] < "400")


def _problems(title: str) -> set[str]:
    """The types of problems that the section names."""
    responses = " ".join(row[1] for row in _table(title, "status") if row[0] >= "400")
    return set(re.findall("`(.*?)`", responses))


def _problem_types(responses: dict[str, Any]) -> set[str]:
    return {
        name
        for response in responses.values()
        for name in response.get("content", {}).get(openapi.PROBLEM_JSON, {}).get("examples", {})
    }


def _defaults_and_limits(parameter: dict[str, Any]) -> list[str]:
    """The default, the bounds and the choices of a parameter, as the page writes them."""
    schema = parameter["schema"]
    values = [schema[name] for name in BOUNDS if name in schema] + schema.get("enum", [])
    if "default" in schema and parameter["name"] != "cursor":  # which begins at the beginning
        values.append(schema["default"])
    return [json.dumps(value).strip('"') for value in values]
