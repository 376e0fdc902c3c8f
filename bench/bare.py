"""A minimal Flask application, served by the same gunicorn as the service, to compare with."""

from flask import Flask, Response

app = Flask("bare")


@app.get("/")
def constant() -> Response:
    """Answer with a constant."""
    return Response('{"status": "ok"}', content_type="application/json")
