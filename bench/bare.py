"""The least that Flask can do, to be served by the same gunicorn."""

from flask import Flask, Response

app = Flask("bare")


@app.get("/")
def constant() -> Response:
    """A constant."""
    return Response('{"status": "ok"}', content_type="application/json")
