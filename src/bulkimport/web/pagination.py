"""Keyset cursors: where a page ended, opaque to callers."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import ValidationError

from bulkimport.web.schemas import TextField

MAX_KEY = 2**63 - 1

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Part:
    """A part of a key as text, and back; ValueError for what is none."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


def _number(text: str) -> int:
    if int(text) > MAX_KEY:
        raise ValueError(text)
    return int(text)


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError(text)
    return text


NUMBER = Part(str, _number)
INSTANT = Part(datetime.isoformat, _instant)
UNIQUE_ID = Part(str, UUID)
TEXT = Part(str, _text)


class CursorField(TextField[Key]):
    """The key of the last row of a page as URL-safe text."""

    def __init__(self, *parts: Part, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._parts = parts

    def _serialize(self, value: Key | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else _encoded(self._parts, value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Key:
        try:
            texts = json.loads(base64.b64decode(str(value).encode(), altchars=b"-_", validate=True))
            key = tuple(part.read(text) for part, text in zip(self._parts, texts, strict=True))
            # Written again, because base64, JSON and numbers have several ways to say the same.
            if _encoded(self._parts, key) == value:
                return key
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            pass
        raise ValidationError("is not a cursor; pass the next_cursor of the page before")


def _encoded(parts: Sequence[Part], key: Key) -> str:
    texts = [part.write(value) for part, value in zip(parts, key, strict=True)]
    return base64.urlsafe_b64encode(json.dumps(texts, separators=(",", ":")).encode()).decode()
