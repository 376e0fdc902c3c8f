"""Keyset cursors: where a page ended, opaque to callers."""

import base64
import binascii
from typing import Any

from marshmallow import ValidationError, fields

MAX_KEY = 2**63 - 1

Key = tuple[int, ...]


class CursorField(fields.Field[Key]):
    """The key of the last row of a page, of so many whole numbers, as URL-safe text."""

    def __init__(self, *, parts: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._parts = parts

    def _serialize(self, value: Key | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else _encoded(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Key:
        try:
            texts = base64.b64decode(str(value).encode(), altchars=b"-_", validate=True).decode().split(".")
        except (binascii.Error, ValueError):
            texts = []
        key = tuple(int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= 19)
        # Encoded again, because base64 has several ways to write the same bytes, and numbers leading zeros.
        if len(key) != self._parts or max(key) > MAX_KEY or _encoded(key) != value:
            raise ValidationError("is not a cursor; pass the next_cursor of the page before")
        return key


def _encoded(key: Key) -> str:
    return base64.urlsafe_b64encode(".".join(map(str, key)).encode()).decode()
