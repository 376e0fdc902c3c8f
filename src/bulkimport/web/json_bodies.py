"""JSON bodies: an object, or a problem."""

from typing import Any

from flask import json, request

from bulkimport.web.problems import Problem

MAX_BODY_BYTES = 1024 * 1024
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


def json_object(*media_types: str) -> dict[str, Any]:
    """The request's body, which must be a JSON object of one of these media types."""
    if request.mimetype not in media_types:
        raise Problem(
            "unsupported-media-type",
            f'The body is "{request.mimetype[:80]}"; send {" or ".join(media_types)}.',
            headers={"Accept-Patch": MERGE_PATCH} if MERGE_PATCH in media_types else None,
        )
    body = raw()
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        json.dumps(document).encode("utf-8")  # half a character, as \ud800 is, is no text
    except (ValueError, RecursionError) as error:
        raise Problem("malformed-request", "The body is not JSON (RFC 8259) in UTF-8.") from error
    if not isinstance(document, dict):
        raise Problem("malformed-request", "The body is not a JSON object.")
    return document


def raw() -> bytes:
    """The bytes of a small body; a too-large problem for any other, whether it says its length or not."""
    request.max_content_length = MAX_BODY_BYTES
    return request.get_data()


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
