"""Headers that every response has, and CSV files as responses."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from itertools import chain

from flask import Flask, Response, request

from bulkimport.web.operations import CSV, JSON


def register(app: Flask) -> None:
    """Forbid type sniffing for every response, and caching unless its view allows it."""
    app.after_request(_protect)


def csv_attachment(body: bytes | Iterator[bytes], name: str, *, bom: bool = False) -> Response:
    """A CSV file in UTF-8, which browsers save instead of showing it.

    With `bom` it begins with a byte order mark, without which Excel reads UTF-8 as ANSI text.
    """
    if bom:
        body = BOM_UTF8 + body if isinstance(body, bytes) else chain([BOM_UTF8], body)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")


def preferred_format() -> str:
    """Return `csv` if the request's Accept prefers that to JSON, otherwise `json`."""
    best = request.accept_mimetypes.best_match([JSON, CSV], default=JSON)
    return "csv" if best == CSV else "json"


def _protect(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
