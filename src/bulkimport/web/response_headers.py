"""Headers of every answer that say what may not be done with it."""

from flask import Flask, Response


def register(app: Flask) -> None:
    """No answer is taken for another type than it says, and none is kept unless its view says so."""
    app.after_request(_protect)


def _protect(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
