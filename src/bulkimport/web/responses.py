"""What answers have in common: headers that say what may not be done with them, and CSV files."""

from collections.abc import Iterator

from flask import Flask, Response


def register(app: Flask) -> None:
    """No answer is taken for another type than it says, and none is kept unless its view says so."""
    app.after_request(_protect)


def csv_attachment(body: bytes | Iterator[bytes], name: str) -> Response:
    """A CSV file that browsers save and never show."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")


def _protect(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
