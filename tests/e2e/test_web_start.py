"""Web checks its settings, its key and its login before it starts, and logs what starts."""

import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import pytest

from bulkimport.devserver import environment, postgres
from tests.e2e.conftest import GUNICORN, WEB, Service, wait_until

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


@pytest.mark.parametrize("command", [WEB, GUNICORN], ids=["web", "gunicorn"])
def test_web_does_not_start_with_an_invalid_setting_and_says_which(
    service: Service, command: Sequence[str]
) -> None:
    printed = service.output_of_failed_start(command, PORT="eighty")
    assert printed == 'bulkimport: PORT is "eighty"; it must be a whole number from 1 to 65535\n'


@pytest.mark.parametrize("command", [WEB, GUNICORN], ids=["web", "gunicorn"])
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET is not set, nor is JWT_PUBLIC_KEY"),
        ({"JWT_SECRET": "", "JWT_PUBLIC_KEY": "abc"}, "JWT_PUBLIC_KEY is not a public key in PEM format"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
    ],
    ids=["no key", "bad key", "no database"],
)
def test_web_does_not_start_without_a_usable_key_and_a_database_and_says_why(
    service: Service, command: Sequence[str], variables: dict[str, str], reason: str
) -> None:
    (line,) = service.output_of_failed_start(command, **variables).splitlines()
    assert line.startswith(f"bulkimport: {reason}")


def test_the_start_is_logged_in_the_format_of_the_other_lines(service: Service) -> None:
    service.start_web(WEB)
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    start = lines[0]
    assert (start["message"], start["role"], start["processes"]) == ("starting", "web", 1)
    assert (start["version"], start["python"]) == (version("bulkimport"), platform.python_version())
    assert start["postgresql"] == service.db.value("SHOW server_version")
    assert start["login"] == environment.WEB_LOGIN
    of_gunicorn = [line["message"] for line in lines if line["logger"] == "gunicorn.error"]
    assert of_gunicorn[0].startswith("Starting gunicorn ")
    assert any(message.startswith("Booting worker ") for message in of_gunicorn)
    assert len({(line["time"][-6:], line["level"]) for line in lines}) == 1  # UTC, and info


def test_the_start_of_workers_is_logged_once(service: Service) -> None:
    service.start_worker(single=False, WORKER_CONCURRENCY="2")
    wait_until(lambda: len(service.worker_pids()) == 2, "two workers")
    starts = [line for line in service.log.read_text().splitlines() if '"message": "starting"' in line]
    (start,) = map(json.loads, starts)
    assert (start["role"], start["login"], start["processes"]) == ("worker", environment.WORKER_LOGIN, 2)


def test_gunicorn_logs_no_less_important_lines_than_the_application(service: Service) -> None:
    service.start_web(WEB, LOG_LEVEL="WARNING")
    assert service.log.read_text() == ""


def test_web_starts_without_a_database_and_waits_for_it(service: Service) -> None:
    elsewhere = replace(service, db=replace(service.db, web_url=NOWHERE))
    elsewhere.start_web(WEB)
    assert "the database cannot be reached" in service.log.read_text()
    assert '"postgresql": null' in service.log.read_text()
    status, document = service.request("GET", "/api/v1/assets")
    assert (status, document["type"]) == (503, "/problems/unavailable")
