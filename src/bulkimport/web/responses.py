"""Headers that every response has, and CSV files as responses."""

from collections.abc import Iterator

from flask import Flask, Response, request

from bulkimport.web.operations import CSV, JSON


def register(app: Flask) -> None:
    """Forbid type sniffing for every response, and caching unless its view allows it."""
    app.after_request(_protect)


def csv_attachment(body: bytes | Iterator[bytes], name: str) -> Response:
    """A CSV file, which browsers save instead of showing it."""
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
