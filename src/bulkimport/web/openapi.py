"""The OpenAPI description (version 3.1), generated from the routes, their views and the schemas."""

import re
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from bulkimport.telemetry import build
from bulkimport.web import idempotency, operations
from bulkimport.web.operations import Operation, Success
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.schemas import Choice, InstantField, ProblemSchema, TextField

PROBLEM_JSON = "application/problem+json"
INFO = {
    "description": "Bulk import of assets: upload a CSV file, follow the job, fix the failed rows. Clients "
    "ignore fields that they do not know, and expect that enumerations in answers grow.",
    "contact": {"name": "The operators of this service"},
}
TAGS = {
    "uploads": "Upload a file of assets, which creates a job.",
    "previews": "What an upload would make of a file.",
    "jobs": "Follow, cancel, retry, revert and delete jobs.",
    "plans": "What an import would do with each row, as a dry run has found, and doing it.",
    "row errors": "What is wrong with the rows that a job did not import, and those rows to be fixed.",
    "assets": "Read and change single assets.",
    "asset exports": "All assets as a file, to be changed and uploaded again.",
    "health": "For those who operate the service.",
    "import page": "The page on which people import a file.",
    "documentation": "This description, and pages for people.",
}
BY_NGINX = ("uri-too-long", "headers-too-large", "bad-gateway", "gateway-timeout")
EVERYWHERE = ("internal-error", "unavailable", *BY_NGINX)
WITH_A_TOKEN = (
    *("unauthorized", "insufficient-scope", "inactive-account", "keys-unavailable"),
    *("busy", "query-timeout"),
)
SECURITY = "token"
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "If the service requires scopes: assets:read to read, assets:write for everything else.",
}
SCHEMALESS = {operations.JSON: {"type": "object"}, operations.XLSX: {"type": "string", "format": "binary"}}
WITHOUT_BODY = (204, 304)
MAX_NAMED = 2  # types of problems in the name of a response
PATH_PARAMETER = re.compile(r"<(?:([a-z_]+):)?([a-z_]+)>")
ETAGS = {"type": "string", "examples": ['"1"']}
REQUEST_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "For 24 hours, the same request with the same key gets the first answer again",
        {"type": "string", "pattern": f"^{idempotency.KEY_PATTERN.pattern}$"},
    ),
    "If-None-Match": ("ETags that the caller has; 304 if one of them is current", ETAGS),
    "If-Match": ("The ETag that the caller has read; 412 if the asset or plan has changed since", ETAGS),
    "Prefer": (
        "wait=N: answer when the job changes, or after N seconds (at most 30)",
        {"type": "string", "examples": ["wait=30"]},
    ),
    "Content-Encoding": (
        "gzip, if the body is a gzip file (not a form); a gzip file in a form needs no header",
        {"type": "string", "examples": ["gzip"]},
    ),
    "Content-Digest": (
        "A digest of the body as it is sent (RFC 9530); 400 if another body arrives",
        {"type": "string", "examples": ["sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"]},
    ),
}
ANSWER_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ETag": ("The current version", {"type": "string"}),
    "Location": ("The URL of the job or the asset", {"type": "string", "format": "uri-reference"}),
    "Link": ("The URL of the next page (rel=next); absent from the last page", {"type": "string"}),
    "Retry-After": ("Seconds to wait before the next request", {"type": "integer", "minimum": 1}),
    "Preference-Applied": ("wait=N, if the request was allowed to wait", {"type": "string"}),
    "Idempotency-Replayed": (
        "true, if the answer was stored for an earlier request; otherwise absent",
        {"type": "string", "examples": ["true"]},
    ),
    "X-Request-ID": ("The request's, or a new one", {"type": "string"}),
    "WWW-Authenticate": ("What is wrong with the token", {"type": "string"}),
    "Content-Disposition": ("The file name", {"type": "string"}),
}
EXAMPLE_FIELD_ERRORS = {
    "invalid-parameters": {"field": "on_error", "message": "Must be one of: continue, abort."},
    "invalid-asset": {
        "field": "valid_from",
        "code": "invalid_date",
        "message": 'valid_from "31/02/2024" is not a date (expected YYYY-MM-DD)',
        "value": "31/02/2024",
    },
}
ALWAYS_PRESENT = ("ETag", "Location", "X-Request-ID")  # in each answer that may have them


def description(app: Flask) -> dict[str, Any]:
    """The whole document. Raises LookupError if a view does not describe itself."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="bulkimport",
        version=build.VERSION,
        openapi_version="3.1.0",
        info=INFO,
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        plugins=[plugin],
    )
    converter = plugin.converter
    if converter is None:
        raise AssertionError("unreachable")
    converter.map_to_openapi_type(TextField, "string", None)  # type: ignore[no-untyped-call]
    converter.map_to_openapi_type(InstantField, "string", "date-time")  # type: ignore[no-untyped-call]
    converter.add_attribute_function(_enumeration)  # type: ignore[no-untyped-call]
    _add_components(spec)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        described = operations.of_view(view)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths[_path(rule)][method.lower()] = _operation(rule, described, view.__doc__, converter)
    for path, operations_by_method in sorted(paths.items()):
        spec.path(path=path, operations=operations_by_method)
    document: dict[str, Any] = spec.to_dict()
    for (schema, *_), name in converter.refs.items():
        document["components"]["schemas"][name]["description"] = _one_line(schema.__doc__)
    return document


def _enumeration(
    converter: OpenAPIConverter, field: fields.Field[Any], *, ret: dict[str, Any]
) -> dict[str, Any]:
    """apispec's hook: the values of a choice are a component that all fields with this choice share."""
    if not isinstance(field, Choice):
        return {}
    enumeration, schemas = field.enumeration, converter.spec.components
    component = {"type": ret.pop("type"), "enum": ret.pop("enum"), "description": enumeration.description}
    if enumeration.member_names:
        component["x-enum-varnames"] = [
            enumeration.member_names.get(text, text) for text in enumeration.texts
        ]
    if enumeration.name not in schemas.schemas:
        schemas.schema(enumeration.name, component)
    reference: dict[str, Any] = schemas.get_ref("schema", enumeration.name)
    return reference


def _add_components(spec: APISpec) -> None:
    """What the operations share, apart from schemas and problems."""
    spec.components.security_scheme(SECURITY, TOKEN)
    for name, (purpose, schema) in REQUEST_HEADERS.items():
        component = {"name": name, "description": purpose, "schema": schema}
        spec.components.parameter(_component_name(name), "header", component)
    for name, (purpose, schema) in ANSWER_HEADERS.items():
        header = {"description": purpose, "schema": schema}
        spec.components.header(name, header | ({"required": True} if name in ALWAYS_PRESENT else {}))


def _component_name(name: str) -> str:
    """The name as generators write the names of types: If-Match becomes IfMatch."""
    return "".join(word[:1].upper() + word[1:] for word in re.split("[-_ ]", name))


def _path(rule: Rule) -> str:
    return PATH_PARAMETER.sub(r"{\2}", rule.rule)


def _operation(
    rule: Rule, described: Operation, docstring: str | None, converter: OpenAPIConverter
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operationId": described.operation_id,
        "tags": [rule.endpoint.partition(".")[0].replace("_", " ")],
        "summary": _one_line(docstring).partition(". ")[0].removesuffix("."),
        "description": _one_line(docstring),
        "parameters": _parameters(rule, described, converter),
        "responses": _responses(described, converter.spec),
        "security": [] if described.public else [{SECURITY: []}],
    }
    if described.body:
        document["requestBody"] = {"required": True, "content": dict(described.body)}
    return document


def _one_line(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


def _parameters(rule: Rule, described: Operation, converter: OpenAPIConverter) -> list[str | dict[str, Any]]:
    """The parameters; those that operations share are names of components."""
    parameters: list[str | dict[str, Any]] = [
        _segment(rule, name, converter_name, converter.spec)
        for converter_name, name in PATH_PARAMETER.findall(rule.rule)
    ]
    if described.query:
        parameters += converter.schema2parameters(described.query, location="query")
    return parameters + [_component_name(name) for name in described.headers]


def _segment(rule: Rule, name: str, converter_name: str, spec: APISpec) -> str:
    """The component of the path segments that a URL converter accepts."""
    segment = rule.map.converters.get(converter_name) if rule.map else None
    component = _component_name(name)
    if component not in spec.components.parameters:
        spec.components.parameter(
            component,
            "path",
            {
                "name": name,
                "description": getattr(segment, "about", "The name of a problem type"),
                "schema": getattr(segment, "schema", {"type": "string"}),
            },
        )
    return component


def _responses(described: Operation, spec: APISpec) -> dict[str, Any]:
    successes = {str(status): _success(status, success) for status, success in described.answers.items()}
    types = (*described.problems, *EVERYWHERE, *(() if described.public else WITH_A_TOKEN))
    by_status: dict[int, list[str]] = defaultdict(list)
    for name in dict.fromkeys(types):
        by_status[PROBLEM_TYPES[name].status].append(name)
    return successes | {str(status): _problem(by_status[status], spec) for status in sorted(by_status)}


def _success(status: int, success: Success) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": success.description,
        "headers": _headers(("X-Request-ID", *success.headers)),
    }
    if success.schema:
        response["content"] = {success.media_type: {"schema": success.schema()}}
    elif status not in WITHOUT_BODY:
        schema = SCHEMALESS.get(success.media_type, {"type": "string"})
        response["content"] = {success.media_type: {"schema": schema}}
    for media_type in success.or_as:
        response["content"][media_type] = {"schema": {"type": "string"}}
    return response


def _problem(names: Sequence[str], spec: APISpec) -> str | dict[str, Any]:
    """The response for these types of problems, all of one status, or the name of its component."""
    status = PROBLEM_TYPES[names[0]].status
    challenge = ("WWW-Authenticate",)
    extra = {401: challenge, 403: challenge, 412: ("ETag",)}.get(status, ())
    waits = ("Retry-After",) if any(PROBLEM_TYPES[name].retry_after_s for name in names) else ()
    response = {
        "description": " ".join(f"`{name}`: {PROBLEM_TYPES[name].meaning}" for name in names),
        "headers": _headers(("X-Request-ID", *extra, *waits)),
        "content": {
            PROBLEM_JSON: {
                "schema": ProblemSchema(),
                "examples": {name: {"value": example_problem(name)} for name in names},
            }
        },
    }
    component = _response_name(names)
    if component and component not in spec.components.responses:
        spec.components.response(component, response)
    return component or response


def _response_name(names: Sequence[str]) -> str | None:
    """The name of the component for these types of problems: theirs, or their status's if most operations
    have them; None if they are too many for a name.
    """
    if len(names) > 1 and set(names) <= {*EVERYWHERE, *WITH_A_TOKEN}:
        return _component_name(HTTPStatus(PROBLEM_TYPES[names[0]].status).phrase)
    return "Or".join(map(_component_name, names)) if len(names) <= MAX_NAMED else None


def example_problem(name: str) -> dict[str, Any]:
    """The document of a problem of this type, with its cause as the detail."""
    problem_type = PROBLEM_TYPES[name]
    document = {
        "type": f"/problems/{name}",
        "code": name,
        "title": problem_type.title,
        "status": problem_type.status,
        "detail": problem_type.cause.replace("`", ""),
        "instance": "/api/v1/assets/bulk",
        "request_id": "1d0e6f9c-55f0-4c46-8f0c-0a9f0f4a0d55",
    }
    if name in EXAMPLE_FIELD_ERRORS:
        document["errors"] = [EXAMPLE_FIELD_ERRORS[name]]
    return document


def _headers(names: Sequence[str]) -> dict[str, str]:
    """The headers, each with the name of its component, which is its own."""
    return dict(zip(names, names, strict=True))


def _schema_name(schema: type[Schema]) -> str:
    resolved = resolve_schema_cls(schema)
    return (resolved[0] if isinstance(resolved, list) else resolved).__name__.removesuffix("Schema")
