"""The least that a status request can cost: bare Flask and one round trip that reads a job as its tenant.

It checks no token and no account, and PostgreSQL renders the whole row.
"""

import os
import threading

import psycopg2
from flask import Flask, Response
from psycopg2.extensions import connection as Connection

from bulkimport.database.connections import Database

ACCOUNT_ID = 1
STATUS = """
SELECT set_config('app.current_account_id', %(account_id)s, true);
SELECT row_to_json(job)::text
FROM trakrf.bulk_import_jobs AS job
WHERE account_id = %(account_id)s
  AND id         = %(job_id)s
"""

app = Flask("floor")
# gunicorn.conf.py watches its sessions; it has none.
app.extensions["database"] = Database("", size=0, application_name="floor")
threads = threading.local()


@app.get("/<job_id>")
def status(job_id: str) -> Response:
    """Answer with the job's row."""
    with connection().cursor() as cursor:
        cursor.execute(STATUS, {"account_id": str(ACCOUNT_ID), "job_id": job_id})
        ((document,),) = cursor.fetchall()
    return Response(document, content_type="application/json")


def connection() -> Connection:
    """The thread's own connection."""
    if not hasattr(threads, "connection"):
        threads.connection = psycopg2.connect(os.environ["DATABASE_URL"])
        threads.connection.autocommit = True
    opened: Connection = threads.connection
    return opened
