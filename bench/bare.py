"""A minimal Flask application, served by the same gunicorn as the service, to compare with."""

from flask import Flask, Response

from bulkimport.database.connections import Database

app = Flask("bare")
# gunicorn.conf.py watches its sessions; it has none.
app.extensions["database"] = Database("", size=0, application_name="bare")


@app.get("/")
def constant() -> Response:
    """Answer with a constant."""
    return Response('{"status": "ok"}', content_type="application/json")
