"""The service refuses a login to which row-level security does not apply."""

from collections.abc import Iterator

import pytest

from bulkimport.database import connections
from bulkimport.database.connections import DatabaseUnavailableError, PrivilegedRoleError
from bulkimport.devserver import environment, postgres
from tests.conftest import TestDatabase

ROLES = {
    "test_superuser": ("SUPERUSER", "is a superuser"),
    "test_bypass": ("BYPASSRLS", "has BYPASSRLS"),
    "test_member": (f"IN ROLE {environment.OWNER}", "is a member of their owner"),
}


@pytest.fixture
def privileged_logins(server: postgres.Server) -> Iterator[None]:
    admin = server.url(postgres.ADMIN, "postgres")
    for name, (power, _) in ROLES.items():
        environment.execute(admin, f"CREATE ROLE {name} LOGIN {power}")
    yield
    for name in ROLES:
        environment.execute(admin, f"DROP ROLE {name}")


@pytest.mark.usefixtures("privileged_logins")
@pytest.mark.parametrize("login", ROLES)
def test_a_privileged_login_is_refused_and_the_message_says_what_to_do(db: TestDatabase, login: str) -> None:
    url = db.web_url.replace(environment.WEB_LOGIN, login)
    with pytest.raises(PrivilegedRoleError, match=ROLES[login][1]) as refusal:
        connections.connect(url, "test")
    assert "GRANT bulkimport_web TO" in str(refusal.value)


def test_the_owner_is_refused(db: TestDatabase) -> None:
    with pytest.raises(PrivilegedRoleError, match="owns the tables"):
        connections.connect(db.owner_url, "test")


def test_an_unreachable_server_is_a_different_error() -> None:
    with pytest.raises(DatabaseUnavailableError):
        connections.connect("postgresql://web@127.0.0.1:1/bulkimport", "test")
