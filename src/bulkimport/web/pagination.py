"""Pages, and keyset cursors: the key of the last row of a page, opaque to callers."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, json, request
from marshmallow import ValidationError

from bulkimport.web.schemas import TextField

MAX_KEY = 2**63 - 1

PageKey = tuple[Any, ...]


def page_answer(document: dict[str, Any]) -> Response:
    """A page of JSON, with a link to the next page (RFC 8288) if there is one."""
    headers = {}
    if document["next_cursor"]:
        query = {**request.args.to_dict(), "cursor": document["next_cursor"]}
        headers["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'
    return Response(json.dumps(document), 200, headers, content_type="application/json")


@dataclass(frozen=True)
class Part:
    """How part of a key is written as text and read back; `read` raises ValueError for invalid text."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


def _number(text: str) -> int:
    if int(text) > MAX_KEY:
        raise ValueError(text)
    return int(text)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError(text)
    return text


NUMBER = Part(str, _number)
INSTANT = Part(datetime.isoformat, _instant)
UNIQUE_ID = Part(str, UUID)
TEXT = Part(str, _text)


class CursorField(TextField[PageKey]):
    """The key of the last row of a page, as URL-safe text."""

    def __init__(self, *parts: Part, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._parts = parts

    def _serialize(self, value: PageKey | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else _encoded(self._parts, value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> PageKey:
        try:
            texts = json.loads(base64.b64decode(str(value).encode(), altchars=b"-_", validate=True))
            key = tuple(part.read(text) for part, text in zip(self._parts, texts, strict=True))
            # Only the canonical form: base64, JSON and numbers can write the same value in several ways.
            if _encoded(self._parts, key) == value:
                return key
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            pass
        raise ValidationError("is not a cursor; pass the next_cursor of the previous page")


def _encoded(parts: Sequence[Part], key: PageKey) -> str:
    texts = [part.write(value) for part, value in zip(parts, key, strict=True)]
    return base64.urlsafe_b64encode(json.dumps(texts, separators=(",", ":")).encode()).decode()
