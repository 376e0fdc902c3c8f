"""A PostgreSQL server for a single test, which breaks it in ways that other tests would not survive."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bulkimport.database import migrations
from bulkimport.devserver import environment, postgres
from tests.conftest import TestDatabase

DATABASE = "assets"


@contextmanager
def own_server(cluster: Path, **options: str) -> Iterator[postgres.Server]:
    """A server with these settings, and a database with all migrations and two accounts."""
    with postgres.running(cluster, options=options) as server:
        environment.create_roles(server)
        environment.create_database(server, DATABASE)
        migrations.up(server.url(environment.OWNER, DATABASE))
        environment.grant_roles(server)
        accounts = "INSERT INTO trakrf.accounts (id, name) VALUES (1, 'Own'), (2, 'Foreign')"
        environment.execute(server.url(postgres.ADMIN, DATABASE), accounts)
        yield server


def database_of(server: postgres.Server) -> TestDatabase:
    users = (postgres.ADMIN, environment.OWNER, environment.WEB_LOGIN, environment.WORKER_LOGIN)
    return TestDatabase(*(server.url(user, DATABASE) for user in users))
