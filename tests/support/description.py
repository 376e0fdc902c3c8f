"""The OpenAPI description, and whether a response has exactly the fields that it describes.

Responses are open, so that clients accept fields of a later release. Those of this release are described.
"""

import re
from collections.abc import Iterator
from typing import Any

from werkzeug.test import TestResponse

Description = dict[str, Any]


def resolved(description: Description) -> Description:
    """The description with each reference replaced by what it refers to."""
    document: Description = _resolved(description, description["components"])
    return document


def operation_of(description: Description, method: str, path: str) -> dict[str, Any]:
    """The operation that a request belongs to; a literal path comes before one with parameters."""
    for template in sorted(description["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            operation: dict[str, Any] = description["paths"][template][method.lower()]
            return operation
    raise LookupError(f"{method} {path} is not described")


def require_described(response: TestResponse, description: Description) -> None:
    """Fail if a JSON response has a field that is not described, or lacks one that is required."""
    operation = operation_of(resolved(description), response.request.method, response.request.path)
    content = operation["responses"][str(response.status_code)].get("content", {})
    if response.is_json and response.data:
        differences = list(_differences(content[response.mimetype]["schema"], response.get_json(), "$"))
        assert not differences, differences


def _resolved(node: Any, components: Description) -> Any:
    if isinstance(node, list):
        return [_resolved(one, components) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        *_, kind, name = node["$ref"].split("/")
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _resolved({**components[kind][name], **rest}, components)
    return {key: _resolved(value, components) for key, value in node.items()}


def _differences(schema: Description, value: Any, where: str) -> Iterator[str]:
    if isinstance(value, list):
        for place, one in enumerate(value):
            yield from _differences(schema["items"], one, f"{where}[{place}]")
    if not isinstance(value, dict):
        return
    schema = next((one for one in schema.get("anyOf", []) if "properties" in one), schema)
    properties = schema.get("properties")
    if properties is None:  # a map, or a document of another standard
        return
    yield from (f"{where}.{name} is not described" for name in value.keys() - properties.keys())
    yield from (f"{where}.{name} is missing" for name in set(schema.get("required", ())) - value.keys())
    for name in value.keys() & properties.keys():
        yield from _differences(properties[name], value[name], f"{where}.{name}")
