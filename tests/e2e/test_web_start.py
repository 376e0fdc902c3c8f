"""Web refuses a privileged login when it starts, and waits for a database that cannot be reached yet."""

from dataclasses import replace

import pytest

from bulkimport.devserver import environment, postgres
from tests.e2e.conftest import Service

NOWHERE = "postgresql://web@127.0.0.1:1/nowhere"


@pytest.mark.parametrize(
    ("login", "power"),
    [
        (environment.OWNER, "owns the tables, or is a member of their owner"),
        (postgres.ADMIN, "is a superuser"),
    ],
)
def test_web_does_not_start_with_a_privileged_login_and_says_why(
    service: Service, login: str, power: str
) -> None:
    url = service.db.web_url.replace(environment.WEB_LOGIN, login)
    printed = service.output_of_failed_start(DATABASE_URL=url)
    assert f'bulkimport: the database login "{login}" {power}' in printed
    assert "GRANT bulkimport_web TO web_login" in printed
    assert "Traceback" not in printed


def test_web_starts_without_a_database_and_waits_for_it(service: Service) -> None:
    elsewhere = replace(service, db=replace(service.db, web_url=NOWHERE))
    elsewhere.start_web()
    assert "the database cannot be reached" in service.log.read_text()
    status, document = service.request("GET", "/api/v1/assets")
    assert (status, document["type"]) == (503, "/problems/unavailable")
