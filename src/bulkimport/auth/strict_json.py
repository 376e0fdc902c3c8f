"""JSON that decides about access: text that two parsers could read differently is refused (RFC 7493)."""

import json
from typing import Any

MAX_BRACKETS = 400  # opening ones: far below Python's recursion limit, wherever this is called from


def parse(data: bytes) -> dict[str, Any]:
    """The object in `data`; ValueError unless that is a JSON object in UTF-8 without duplicate names."""
    text = data.decode()
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise ValueError("it is nested too deeply")
    document = DECODER.decode(text)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("it has duplicate names")
    return document


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # NaN and the infinities


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
