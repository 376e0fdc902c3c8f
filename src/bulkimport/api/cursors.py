"""Keyset cursors: where a page ended, opaque to callers."""

import base64
import binascii
from typing import Any

from marshmallow import ValidationError, fields

MAX_KEY = 2**63 - 1


class CursorField(fields.Field[int]):
    """The key of the last row of a page, as URL-safe text."""

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(str(value).encode()).decode()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        try:
            key = base64.b64decode(str(value).encode(), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            key = ""
        if not (key.isascii() and key.isdigit() and len(key) <= 19 and int(key) <= MAX_KEY):
            raise ValidationError("is not a cursor; pass the next_cursor of the page before")
        return int(key)
