"""Query parameters and form fields: what their schema says, or a problem that names each fault."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Response, json, request
from marshmallow import Schema, ValidationError

from bulkimport.web.problems import Problem


def of_request(schema: Schema) -> Any:
    """The request's query parameters."""
    return load(schema, dict(request.args.lists()))


def page_answer(document: dict[str, Any]) -> Response:
    """A page, with a link to the next one (RFC 8288) where there is one."""
    headers = {}
    if document["next_cursor"]:
        query = {**request.args.to_dict(), "cursor": document["next_cursor"]}
        headers["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'
    return Response(json.dumps(document), 200, headers, content_type="application/json")


def load(schema: Schema, given: Mapping[str, Sequence[str]]) -> Any:
    """What the schema makes of these; a parameter that is unknown, or given twice, is refused."""
    faults = [
        {"field": name, "error": "was given more than once."}
        for name, values in given.items()
        if len(values) > 1
    ]
    try:
        loaded = schema.load({name: values[0] for name, values in given.items()})
    except ValidationError as error:
        messages = error.messages_dict.items()
        faults += [{"field": field, "error": " ".join(found)} for field, found in messages]
    if faults:
        raise Problem("invalid-parameters", "Parameters are not valid; see errors.", errors=faults)
    return loaded
