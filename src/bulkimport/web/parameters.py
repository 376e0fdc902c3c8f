"""Query parameters and form fields: loaded by a schema, or a problem that names each invalid one."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError

from bulkimport.web.problems import Problem


def of_request(schema: Schema) -> Any:
    """The request's query parameters, loaded by the schema."""
    return load(schema, dict(request.args.lists()))


def load(schema: Schema, parameters: Mapping[str, Sequence[str]]) -> Any:
    """The parameters, loaded by the schema; a problem if one is invalid, unknown or given more than once."""
    errors = [
        {"field": name, "message": "was given more than once."}
        for name, values in parameters.items()
        if len(values) > 1
    ]
    try:
        loaded = schema.load({name: values[0] for name, values in parameters.items()})
    except ValidationError as error:
        messages = error.messages_dict.items()
        errors += [{"field": field, "message": " ".join(texts)} for field, texts in messages]
    if errors:
        raise Problem("invalid-parameters", "Parameters are not valid; see errors.", errors=errors)
    return loaded
