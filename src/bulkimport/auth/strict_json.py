"""JSON that decides about access: what two readers could read in two ways is refused (RFC 7493)."""

import json
from typing import Any

MAX_BRACKETS = 400  # opening ones: far below what would end Python's recursion, whatever called us


def parse(data: bytes) -> dict[str, Any]:
    """The object in `data`, which is UTF-8 and has no name twice; ValueError where it is anything else."""
    text = data.decode()
    if text.count("[") + text.count("{") > MAX_BRACKETS:
        raise ValueError("it is nested too deeply")
    found = DECODER.decode(text)
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a name twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")  # NaN and the infinities


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
