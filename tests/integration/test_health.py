"""Liveness and readiness of a process, over HTTP."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg2.extensions import connection as Connection
from werkzeug.test import TestResponse

from bulkimport import settings
from bulkimport.app import create_app
from bulkimport.database import migrations
from bulkimport.database.connections import Database
from bulkimport.database.readiness import NotReadyError, Readiness
from bulkimport.devserver import environment, postgres
from tests.conftest import SECRET, TestDatabase

LATEST = migrations.latest_version()
BOUND_S = 2.0  # a second, plus slack for a busy machine


@pytest.fixture
def silent_url() -> Iterator[str]:
    """A server that accepts connections and never answers, as if its packets were lost."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"postgresql://web:s3cret@127.0.0.1:{listener.getsockname()[1]}/nowhere"


def require_unready(response: TestResponse, reason: str) -> None:
    document = response.get_json()
    assert (response.status_code, document["type"]) == (503, "/problems/unavailable")
    assert reason in document["detail"]
    assert response.headers["Retry-After"] == "5"


def test_it_is_ready_if_the_database_has_its_schema(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_a_worker_may_read_the_version_too(worker_database: Database) -> None:
    Readiness(worker_database, needed_version=LATEST).require()


def test_a_silent_database_is_503_within_a_second_and_the_process_is_alive(silent_url: str) -> None:
    client = create_app(settings.load({"DATABASE_URL": silent_url, "JWT_SECRET": SECRET})).test_client()
    for _ in range(2):  # the check of the first request is still running at the second
        started = time.monotonic()
        response = client.get("/readyz")
        assert time.monotonic() - started < BOUND_S
        require_unready(response, "did not answer in 1 s")
        assert "s3cret" not in response.get_data(as_text=True)
    assert client.get("/livez").status_code == 200


def test_a_statement_that_does_not_return_is_503_within_a_second(
    client: FlaskClient, db: TestDatabase, connect: Callable[[str], Connection]
) -> None:
    holder = connect(db.admin_url)
    holder.cursor().execute("LOCK TABLE public.schema_migrations")
    started = time.monotonic()
    require_unready(client.get("/readyz"), "did not answer in 1 s")
    assert time.monotonic() - started < BOUND_S
    holder.rollback()
    deadline = time.monotonic() + 10
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline


def test_an_exhausted_pool_is_503_in_a_second(app: Flask, client: FlaskClient) -> None:
    pool: Database = app.extensions["database"]
    with ExitStack() as busy:
        for _ in range(settings.WEB_CONNECTIONS):
            busy.enter_context(pool.transaction())
        started = time.monotonic()
        require_unready(client.get("/readyz"), "every connection of this process is in use")
        assert time.monotonic() - started < BOUND_S
    assert client.get("/readyz").status_code == 200


def test_an_older_schema_is_503_and_says_what_to_do(client: FlaskClient, db: TestDatabase) -> None:
    db.rows("UPDATE public.schema_migrations SET version = version - 1")
    require_unready(
        client.get("/readyz"),
        f"The schema is at version {LATEST - 1}, and this release needs {LATEST}; "
        "run the release step: bulkimport migrate up.",
    )


def test_a_newer_schema_is_accepted(client: FlaskClient, db: TestDatabase) -> None:
    db.rows("UPDATE public.schema_migrations SET version = version + 1")
    assert client.get("/readyz").status_code == 200


def test_a_half_applied_migration_is_503(client: FlaskClient, db: TestDatabase) -> None:
    db.rows("UPDATE public.schema_migrations SET dirty = true")
    require_unready(client.get("/readyz"), f"Version {LATEST} of the schema was left half-applied.")


@pytest.mark.parametrize(
    "spoil",
    [
        "DROP TABLE public.schema_migrations",
        "REVOKE SELECT ON public.schema_migrations FROM bulkimport_web",
        "DELETE FROM public.schema_migrations",
    ],
)
def test_a_schema_without_a_version_counts_as_an_older_one(
    client: FlaskClient, db: TestDatabase, spoil: str
) -> None:
    db.rows(spoil)
    require_unready(client.get("/readyz"), f"this release needs {LATEST}")


def test_a_login_that_becomes_privileged_is_503_on_an_open_connection(
    client: FlaskClient, server: postgres.Server
) -> None:
    admin = server.url(postgres.ADMIN, "postgres")
    assert client.get("/readyz").status_code == 200
    environment.execute(admin, f"ALTER ROLE {environment.WEB_LOGIN} BYPASSRLS")
    try:
        require_unready(client.get("/readyz"), "The database login is privileged")
    finally:
        environment.execute(admin, f"ALTER ROLE {environment.WEB_LOGIN} NOBYPASSRLS")
    assert client.get("/readyz").status_code == 200


def test_a_privileged_login_is_503_from_the_start(db: TestDatabase) -> None:
    pool = Database(db.owner_url, size=1, application_name="test")
    with pytest.raises(NotReadyError, match="The database login is privileged"):
        Readiness(pool, needed_version=LATEST).require()
