"""The service in a later release: every JSON object in its responses has one more field."""

import json
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from werkzeug.wrappers import Response

from bulkimport import app as this_release

MAPS = ("metadata", "columns", "defaults")  # objects whose names are the caller's


def create_app() -> Flask:
    """The application of the environment's settings, as gunicorn calls it."""
    app = this_release.create_app()
    this = app.wsgi_app

    def later(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _with_new_fields(Response.from_app(this, environ))(environ, start_response)

    app.wsgi_app = later  # type: ignore[method-assign]
    return app


def _with_new_fields(response: Response) -> Response:
    if response.is_json and response.data:
        response.set_data(json.dumps(_later(response.get_json())))
    return response


def _later(value: Any) -> Any:
    if isinstance(value, list):
        return [_later(entry) for entry in value]
    if isinstance(value, dict):
        fields = {name: field if name in MAPS else _later(field) for name, field in value.items()}
        return {**fields, "added_later": {"by": "a later release"}}
    return value
