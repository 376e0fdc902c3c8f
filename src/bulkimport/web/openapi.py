"""The OpenAPI description (version 3.1), generated from the routes, their views and the schemas."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_cls
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from bulkimport.web import idempotency, operations
from bulkimport.web.operations import Operation, Success
from bulkimport.web.problem_types import PROBLEM_TYPES
from bulkimport.web.schemas import InstantField, ProblemSchema, TextField

PROBLEM_JSON = "application/problem+json"
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
WITHOUT_BODY = (204, 304)
PATH_PARAMETER = re.compile(r"<(?:([a-z_]+):)?([a-z_]+)>")
ETAGS = {"type": "string", "examples": ['"1"']}
REQUEST_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "For 24 hours, the same request with the same key gets the first answer again",
        {"type": "string", "pattern": f"^{idempotency.KEY_PATTERN.pattern}$"},
    ),
    "If-None-Match": ("ETags that the caller has; 304 if one of them is current", ETAGS),
    "If-Match": ("The ETag that the caller has read; 412 if the asset has changed since", ETAGS),
    "Prefer": (
        "wait=N: answer when the job changes, or after N seconds (at most 30)",
        {"type": "string", "examples": ["wait=30"]},
    ),
}
ANSWER_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ETag": ("The current version", {"type": "string"}),
    "Location": ("The URL of the job or the asset", {"type": "string"}),
    "Link": ("The URL of the next page (rel=next)", {"type": "string"}),
    "Retry-After": ("Seconds to wait before the next request", {"type": "integer", "minimum": 1}),
    "Preference-Applied": ("wait=N, if the request was allowed to wait", {"type": "string"}),
    "Idempotency-Replayed": (
        "true, if the answer was stored for an earlier request",
        {"type": "string", "enum": ["true"]},
    ),
    "X-Request-ID": ("The request's, or a new one", {"type": "string"}),
    "WWW-Authenticate": ("What is wrong with the token", {"type": "string"}),
    "Content-Disposition": ("The file name", {"type": "string"}),
}


def description(app: Flask) -> dict[str, Any]:
    """The whole document. Raises LookupError if a view does not describe itself."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="bulkimport",
        version="1",
        openapi_version="3.1.0",
        info={
            "description": "Bulk import of assets: upload a CSV file, follow the job, fix the failed rows."
        },
        plugins=[plugin],
    )
    plugin.map_to_openapi_type(TextField, "string", None)  # type: ignore[no-untyped-call]
    plugin.map_to_openapi_type(InstantField, "string", "date-time")  # type: ignore[no-untyped-call]
    spec.components.security_scheme(SECURITY, TOKEN)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        described = operations.of_view(view)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths[_path(rule)][method.lower()] = _operation(rule, described, view.__doc__ or "", plugin)
    for path, operations_by_method in sorted(paths.items()):
        spec.path(path=path, operations=operations_by_method)
    return spec.to_dict()


def _path(rule: Rule) -> str:
    return PATH_PARAMETER.sub(r"{\2}", rule.rule)


def _operation(rule: Rule, described: Operation, docstring: str, plugin: MarshmallowPlugin) -> dict[str, Any]:
    summary, _, more = " ".join(docstring.split()).partition(". ")
    document: dict[str, Any] = {
        "operationId": described.operation_id,
        "tags": [rule.endpoint.partition(".")[0].replace("_", " ")],
        "summary": summary.removesuffix("."),
        "parameters": _parameters(rule, described, plugin),
        "responses": _responses(described),
    }
    if more:
        document["description"] = more
    if described.body:
        document["requestBody"] = {"required": True, "content": dict(described.body)}
    if not described.public:
        document["security"] = [{SECURITY: []}]
    return document


def _parameters(rule: Rule, described: Operation, plugin: MarshmallowPlugin) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": _segment_schema(rule, converter)}
        for converter, name in PATH_PARAMETER.findall(rule.rule)
    ]
    if described.query and plugin.converter:
        parameters += plugin.converter.schema2parameters(described.query, location="query")
    for name in described.headers:
        purpose, schema = REQUEST_HEADERS[name]
        parameters.append({"in": "header", "name": name, "description": purpose, "schema": schema})
    return parameters


def _segment_schema(rule: Rule, converter: str) -> Mapping[str, Any]:
    """The schema of the path segments that a URL converter accepts."""
    converters = rule.map.converters if rule.map else {}
    schema: Mapping[str, Any] = getattr(converters.get(converter), "schema", {"type": "string"})
    return schema


def _responses(described: Operation) -> dict[str, Any]:
    successes = {str(status): _success(status, success) for status, success in described.answers.items()}
    types = (*described.problems, *EVERYWHERE, *(() if described.public else WITH_A_TOKEN))
    by_status: dict[int, list[str]] = defaultdict(list)
    for name in types:
        by_status[PROBLEM_TYPES[name].status].append(name)
    return successes | {str(status): _problem(status, by_status[status]) for status in sorted(by_status)}


def _success(status: int, success: Success) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": success.description,
        "headers": _headers(("X-Request-ID", *success.headers)),
    }
    if success.schema:
        response["content"] = {success.media_type: {"schema": success.schema()}}
    elif status not in WITHOUT_BODY:
        type_ = "object" if success.media_type == operations.JSON else "string"
        response["content"] = {success.media_type: {"schema": {"type": type_}}}
    for media_type in success.or_as:
        response["content"][media_type] = {"schema": {"type": "string"}}
    return response


def _problem(status: int, types: Iterable[str]) -> dict[str, Any]:
    names = list(dict.fromkeys(types))
    challenge = ("WWW-Authenticate",)
    extra = {401: challenge, 403: challenge, 412: ("ETag",)}.get(status, ())
    waits = ("Retry-After",) if any(PROBLEM_TYPES[name].retry_after_s for name in names) else ()
    return {
        "description": " ".join(f"`{name}`: {PROBLEM_TYPES[name].meaning}" for name in names),
        "headers": _headers(("X-Request-ID", *extra, *waits)),
        "content": {
            PROBLEM_JSON: {
                "schema": ProblemSchema(),
                "examples": {name: {"value": example_problem(name)} for name in names},
            }
        },
    }


def example_problem(name: str) -> dict[str, Any]:
    """The document of a problem of this type, with its cause as the detail."""
    problem_type = PROBLEM_TYPES[name]
    return {
        "type": f"/problems/{name}",
        "title": problem_type.title,
        "status": problem_type.status,
        "detail": problem_type.cause.replace("`", ""),
        "instance": "/api/v1/assets/bulk",
        "request_id": "1d0e6f9c-55f0-4c46-8f0c-0a9f0f4a0d55",
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {
        name: {"description": ANSWER_HEADERS[name][0], "schema": ANSWER_HEADERS[name][1]} for name in names
    }


def _schema_name(schema: type[Schema]) -> str:
    resolved = resolve_schema_cls(schema)
    return (resolved[0] if isinstance(resolved, list) else resolved).__name__.removesuffix("Schema")
