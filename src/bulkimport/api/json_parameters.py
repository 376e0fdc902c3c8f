"""The options of an upload that are JSON objects, in query parameters and form fields."""

import json
from typing import Any

from marshmallow import ValidationError

from bulkimport.assets.blank_cells import default_value
from bulkimport.assets.fields import FieldError
from bulkimport.assets.row_errors import quoted
from bulkimport.csvfile.header import DATE_FIELDS, MAX_COLUMN_NAME_CHARS, is_target
from bulkimport.jobs.options import REMEMBERED, TODAY
from bulkimport.web.schemas import Choice, TextField

MAX_ENTRIES = 500


class ColumnMapping(TextField[dict[str, str] | str]):
    """A JSON object that maps column names of the file to fields, or REMEMBERED."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str] | str:
        if value == REMEMBERED:
            return REMEMBERED
        mapping = _object(value, '{"Asset Tag": "identifier"}')
        for name, target in mapping.items():
            if not isinstance(target, str) or not is_target(target):
                raise ValidationError(f"maps {name[:50]!r} to {str(target)[:50]!r}, which is not a field")
            if "\0" in name + target or not (name + target).isprintable():
                raise ValidationError("contains characters that cannot be printed")
        return mapping


class DateFormatsParameter(Choice):
    """A date format, or a JSON object with the formats of some dates.

    OpenAPI has the object in words alone: several generators cannot make a client of such a choice.
    """

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """The format, or a mapping of fields to formats; ValidationError for anything else."""
        try:
            formats = json.loads(value) if isinstance(value, str) else None
        except (ValueError, RecursionError):
            formats = None
        if not isinstance(formats, dict):
            return super().deserialize(value, *args, **kwargs)
        for field, date_format in formats.items():
            if field not in DATE_FIELDS:
                raise ValidationError(f"names {field[:50]!r}, which is not one of {', '.join(DATE_FIELDS)}")
            super().deserialize(date_format)
        return formats


class DefaultValues(TextField[dict[str, str]]):
    """A JSON object that maps fields to the values of their empty cells."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, str]:
        defaults = _object(value, '{"type": "asset", "valid_from": "today"}')
        if faults := [fault for name, text in defaults.items() if (fault := _fault_of_default(name, text))]:
            raise ValidationError(faults)
        return defaults


def _object(value: Any, example: str) -> dict[str, Any]:
    """The JSON object in a parameter; ValidationError if it is not one, or has too many entries."""
    try:
        mapping = json.loads(value)
    except (ValueError, RecursionError):
        mapping = None
    if not isinstance(mapping, dict) or len(mapping) > MAX_ENTRIES:
        raise ValidationError(f"must be a JSON object like {example}")
    return mapping


def _fault_of_default(name: str, text: object) -> str | None:
    """What is wrong with a default, in a sentence; None if nothing is."""
    if not is_target(name) or len(name) > MAX_COLUMN_NAME_CHARS or not name.isprintable():
        return f"{quoted(name)} is not a field."
    if name == "identifier":
        return "identifier cannot have a default, since each asset has its own."
    if not isinstance(text, str):
        return f'{name} must be a string, like a cell: "true", not true.'
    if text == TODAY and name in DATE_FIELDS:
        return None
    try:
        default_value(name, text)
    except FieldError as fault:
        return f"{name} {quoted(text)} {fault.reason}."
    return None
