"""What the service needs around it in development and tests: roles, a database, accounts, a secret."""

import os
import secrets
from pathlib import Path

import psycopg2

from bulkimport.database import migrations
from bulkimport.devserver.postgres import ADMIN, Server
from bulkimport.settings import Settings

DATABASE = "bulkimport"
OWNER = "bulkimport_owner"
WEB_LOGIN = "bulkimport_web_login"
WORKER_LOGIN = "bulkimport_worker_login"

# Roles as on a real server: an owner that is not a superuser, and logins that own nothing.
CREATE_ROLES = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}') THEN
        CREATE ROLE {OWNER} LOGIN CREATEROLE;
        CREATE ROLE {WEB_LOGIN} LOGIN;
        CREATE ROLE {WORKER_LOGIN} LOGIN;
    END IF;
END
$$
"""
GRANT_ROLES = f"""
GRANT bulkimport_web TO {WEB_LOGIN};
GRANT bulkimport_worker TO {WORKER_LOGIN};
"""
DEMO_ACCOUNTS = """
INSERT INTO trakrf.accounts (id, name)
VALUES (1, 'Demo account'), (2, 'Second demo account')
ON CONFLICT (id) DO NOTHING
"""


def prepare(server: Server) -> None:
    """Create the development database with roles, migrations, and accounts 1 and 2. Idempotent."""
    prepare_empty(server)
    migrations.up(server.url(OWNER, DATABASE))
    grant_roles(server)
    execute(server.url(ADMIN, DATABASE), DEMO_ACCOUNTS)


def prepare_empty(server: Server) -> None:
    """Create the roles and the development database, without applying migrations. Idempotent."""
    create_roles(server)
    create_database(server, DATABASE)


def create_roles(server: Server) -> None:
    """Create the owner and the two logins, unless they exist."""
    execute(server.url(ADMIN, "postgres"), CREATE_ROLES)


def create_database(server: Server, name: str) -> bool:
    """Create a database that belongs to the owner; False if it exists already."""
    if _exists(server, name):
        return False
    execute(server.url(ADMIN, "postgres"), f"CREATE DATABASE {name} OWNER {OWNER}")
    return True


def grant_roles(server: Server) -> None:
    """Make the logins members of the group roles that the migrations created."""
    execute(server.url(ADMIN, "postgres"), GRANT_ROLES)


def signing_secret(settings: Settings) -> str:
    """The secret that signs tokens: JWT_SECRET, or the development server's if no key is configured.

    Raises SettingsError if tokens are verified with a public key, so that none can be signed here.
    """
    if settings.jwt_secret or settings.jwt_public_key or settings.jwt_jwks_url:
        return settings.require_jwt_secret()
    return secret(settings.data_dir)


def secret(data_dir: Path) -> str:
    """The development server's JWT secret, generated on first use, in a file that only its owner can read."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / "jwt_secret"
    if not path.exists():
        unfinished = path.with_name(f"jwt_secret.{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_hex(32))
        unfinished.rename(path)
    return path.read_text()


def _exists(server: Server, name: str) -> bool:
    connection = psycopg2.connect(server.url(ADMIN, "postgres"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            return cursor.fetchone() is not None
    finally:
        connection.close()


def execute(url: str, sql: str) -> None:
    """Run one statement outside of a transaction block."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
    finally:
        connection.close()
