"""CSV files as answers."""

from collections.abc import Iterator

from flask import Response


def csv_attachment(body: bytes | Iterator[bytes], name: str) -> Response:
    """A CSV file that browsers save and never show."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")
