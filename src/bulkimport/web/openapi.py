"""The OpenAPI description (version 3.1), made from the routes, their views and the schemas."""

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

from bulkimport.web import once, operations
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
    "description": "Where scopes are required: assets:read to read, assets:write for everything else.",
}
WITHOUT_BODY = (204, 304)
PATH_PARAMETER = re.compile(r"<(?:([a-z_]+):)?([a-z_]+)>")
ETAGS = {"type": "string", "examples": ['"1"']}
REQUEST_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "The same key and the same request give the first answer again, for 24 hours",
        {"type": "string", "pattern": f"^{once.KEY.pattern}$"},
    ),
    "If-None-Match": ("ETags that the caller has; 304 where one is of what is there now", ETAGS),
    "If-Match": ("The ETag that the caller has seen; 412 where it is another by now", ETAGS),
    "Prefer": (
        "wait=N: answer when the job changes its state, or after N seconds (at most 30)",
        {"type": "string", "examples": ["wait=30"]},
    ),
}
ANSWER_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ETag": ("Of what is there now", {"type": "string"}),
    "Location": ("Where it is", {"type": "string"}),
    "Link": ("The next page: rel=next", {"type": "string"}),
    "Retry-After": ("Seconds after which to ask again", {"type": "integer", "minimum": 1}),
    "Preference-Applied": ("wait=N, where the answer was waited for", {"type": "string"}),
    "Idempotency-Replayed": ("true where the answer was given before", {"type": "string", "enum": ["true"]}),
    "X-Request-ID": ("The caller's, or a new one", {"type": "string"}),
    "WWW-Authenticate": ("What is wrong with the token", {"type": "string"}),
    "Content-Disposition": ("The name of the file", {"type": "string"}),
}


def description(app: Flask) -> dict[str, Any]:
    """The whole document; LookupError where a view does not describe itself."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="bulkimport",
        version="1",
        openapi_version="3.1.0",
        info={"description": "Bulk import of assets: hand a CSV file in, follow the job, mend what failed."},
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
    for path, found in sorted(paths.items()):
        spec.path(path=path, operations=found)
    return spec.to_dict()


def _path(rule: Rule) -> str:
    return PATH_PARAMETER.sub(r"{\2}", rule.rule)


def _operation(rule: Rule, described: Operation, text: str, plugin: MarshmallowPlugin) -> dict[str, Any]:
    summary, _, more = " ".join(text.split()).partition(". ")
    found: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary.removesuffix("."),
        "parameters": _parameters(rule, described, plugin),
        "responses": _responses(described),
    }
    if more:
        found["description"] = more
    if described.body:
        found["requestBody"] = {"required": True, "content": dict(described.body)}
    if not described.public:
        found["security"] = [{SECURITY: []}]
    return found


def _parameters(rule: Rule, described: Operation, plugin: MarshmallowPlugin) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": _schema_of_text(rule, converter)}
        for converter, name in PATH_PARAMETER.findall(rule.rule)
    ]
    if described.query and plugin.converter:
        found += plugin.converter.schema2parameters(described.query, location="query")
    for name in described.headers:
        what, schema = REQUEST_HEADERS[name]
        found.append({"in": "header", "name": name, "description": what, "schema": schema})
    return found


def _schema_of_text(rule: Rule, converter: str) -> Mapping[str, Any]:
    """What a URL converter says of the texts that it takes."""
    converters = rule.map.converters if rule.map else {}
    schema: Mapping[str, Any] = getattr(converters.get(converter), "schema", {"type": "string"})
    return schema


def _responses(described: Operation) -> dict[str, Any]:
    found = {str(status): _success(status, success) for status, success in described.answers.items()}
    kinds = (*described.problems, *EVERYWHERE, *(() if described.public else WITH_A_TOKEN))
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        by_status[PROBLEM_TYPES[kind].status].append(kind)
    return found | {str(status): _problem(status, by_status[status]) for status in sorted(by_status)}


def _success(status: int, success: Success) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": success.what,
        "headers": _headers(("X-Request-ID", *success.headers)),
    }
    if success.schema:
        found["content"] = {success.media_type: {"schema": success.schema()}}
    elif status not in WITHOUT_BODY:
        kind = "object" if success.media_type == operations.JSON else "string"
        found["content"] = {success.media_type: {"schema": {"type": kind}}}
    for media_type in success.or_as:
        found["content"][media_type] = {"schema": {"type": "string"}}
    return found


def _problem(status: int, kinds: Iterable[str]) -> dict[str, Any]:
    names = list(dict.fromkeys(kinds))
    challenge = ("WWW-Authenticate",)
    extra = {401: challenge, 403: challenge, 409: ("Retry-After",), 412: ("ETag",)}.get(status, ())
    waits = ("Retry-After",) if status in (429, 503) else ()
    return {
        "description": " ".join(f"`{name}`: {PROBLEM_TYPES[name].meaning}" for name in names),
        "headers": _headers(("X-Request-ID", *extra, *waits)),
        "content": {
            PROBLEM_JSON: {
                "schema": ProblemSchema(),
                "examples": {name: {"value": _example(name)} for name in names},
            }
        },
    }


def _example(name: str) -> dict[str, Any]:
    kind = PROBLEM_TYPES[name]
    return {
        "type": f"/problems/{name}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.meaning,
        "instance": "/api/v1/assets/bulk",
        "request_id": "1d0e6f9c-55f0-4c46-8f0c-0a9f0f4a0d55",
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {
        name: {"description": ANSWER_HEADERS[name][0], "schema": ANSWER_HEADERS[name][1]} for name in names
    }


def _schema_name(schema: type[Schema]) -> str:
    found = resolve_schema_cls(schema)
    return (found[0] if isinstance(found, list) else found).__name__.removesuffix("Schema")
