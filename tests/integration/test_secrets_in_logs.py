"""No tenant's value and no token appears in a log, whatever goes wrong."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bulkimport.telemetry.logs import JsonFormatter
from tests.conftest import TestDatabase, bearer, csv_of
from tests.integration.conftest import Importer

MARK = "marked-value"
# Unexpected errors, each of which quotes the row that caused it in a different way.
FAULTS = {
    "detail": "ALTER TABLE trakrf.assets ADD CONSTRAINT unforeseen CHECK (identifier NOT LIKE 'marked%')",
    "context": """
        CREATE FUNCTION trakrf.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN EXECUTE format('SELECT 1 / 0 -- %s', NEW.identifier); RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON trakrf.assets FOR EACH ROW EXECUTE FUNCTION trakrf.refuse()
    """,
    "primary message": """
        CREATE FUNCTION trakrf.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM NEW.identifier::int; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON trakrf.assets FOR EACH ROW EXECUTE FUNCTION trakrf.refuse()
    """,
    "excerpt of the statement": "ALTER TABLE trakrf.assets RENAME COLUMN name TO other_name",
    "transient": """
        CREATE FUNCTION trakrf.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE disk_full USING MESSAGE = 'full', DETAIL = NEW.identifier; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON trakrf.assets FOR EACH ROW EXECUTE FUNCTION trakrf.refuse()
    """,
}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """A function that returns the lines as they are written."""
    caplog.set_level(logging.DEBUG, "bulkimport")
    return lambda: "\n".join(map(JsonFormatter().format, caplog.records))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_database_error_quotes_no_cell(
    db: TestDatabase, importer: Importer, log: Callable[[], str], fault: str
) -> None:
    job_id = importer.upload(csv_of(MARK)).get_json()["job_id"]
    db.rows(fault)
    importer.worker.work_once()
    assert importer.job(job_id)["status"] == "processing", "the error occurred"
    answer = importer.client.post(
        "/api/v1/assets",
        json={
            "identifier": MARK,
            "name": MARK,
            "type": "device",
            "valid_from": "2024-01-15",
            "is_active": True,
        },
        headers=bearer(),
    )
    assert answer.status_code in (500, 503)
    assert MARK not in answer.text
    assert "SQLSTATE" in log(), "the log says what went wrong"
    assert MARK not in log()


def test_an_error_in_the_code_quotes_no_cell(app: Flask, client: FlaskClient, log: Callable[[], str]) -> None:
    def broken() -> str:
        try:
            return str(int(MARK))
        except ValueError as error:
            raise KeyError(MARK) from error

    app.add_url_rule("/broken", view_func=broken)
    answer = client.get("/broken", headers=bearer())
    assert answer.status_code == 500
    assert MARK not in answer.text + log()
    assert bearer()["Authorization"].split()[1] not in log()
    for fact in ("ValueError", "KeyError", "in broken", "int(MARK)"):
        assert fact in log()
