"""The service in a later release: every JSON object in its responses has one more field."""

from typing import Any

from flask import Flask, Response, json

from bulkimport import app as this_release

MAPS = ("metadata", "columns", "defaults")  # objects whose names are the caller's


def create_app() -> Flask:
    """The application of the environment's settings, as gunicorn calls it."""
    app = this_release.create_app()
    app.after_request(_with_new_fields)
    return app


def _with_new_fields(response: Response) -> Response:
    if response.is_json:
        response.set_data(json.dumps(_later(response.get_json())))
    return response


def _later(value: Any) -> Any:
    if isinstance(value, list):
        return [_later(entry) for entry in value]
    if isinstance(value, dict):
        fields = {name: field if name in MAPS else _later(field) for name, field in value.items()}
        return {**fields, "added_later": {"by": "a later release"}}
    return value
