"""Times are in UTC whatever the server's settings, and both ends of the calendar are kept."""

import pytest
from psycopg2.extensions import parse_dsn

from bulkimport.devserver import environment
from tests.conftest import HEADER, TestDatabase, bearer
from tests.integration.conftest import URL, Importer, counts

ASSETS = "/api/v1/assets"
FIRST, LAST = "0001-01-01T00:00:00.000000Z", "9999-12-31T00:00:00.000000Z"
ENDS = HEADER + "FIRST,Laptop,device,,0001-01-01,,yes\nLAST,Laptop,device,,9999-12-31,9999-12-31,yes\n"


@pytest.fixture(params=["America/Los_Angeles", "Pacific/Auckland"], ids=["west", "east"], autouse=True)
def zone(db: TestDatabase, request: pytest.FixtureRequest) -> None:
    """The database has this time zone, and so does web's login."""
    name = parse_dsn(db.admin_url)["dbname"]
    db.rows(f"ALTER DATABASE {name} SET TimeZone = '{request.param}'")
    db.rows(f"ALTER ROLE {environment.WEB_LOGIN} IN DATABASE {name} SET TimeZone = '{request.param}'")
    db.close()  # the next connection has it


def validity(importer: Importer) -> dict[str, tuple[str, str | None]]:
    """valid_from and valid_to of each asset, which its list and its own page agree on."""
    listed = importer.client.get(ASSETS, headers=bearer()).get_json()["assets"]
    for asset in listed:
        assert importer.client.get(f"{ASSETS}/{asset['id']}", headers=bearer()).get_json() == asset
    return {asset["identifier"]: (asset["valid_from"], asset["valid_to"]) for asset in listed}


def test_both_ends_of_the_calendar_are_kept_everywhere(importer: Importer) -> None:
    ends = {"FIRST": (FIRST, None), "LAST": (LAST, LAST)}
    importer.run(ENDS.encode())
    assert validity(importer) == ends

    changed = importer.run(ENDS.replace("Laptop", "Phone").encode(), on_conflict="update")
    assert counts(changed) == {"updated": 2}
    assert validity(importer) == ends

    revert = importer.client.post(f"{URL}/{changed['job_id']}/revert", headers=bearer())
    assert revert.status_code == 202
    importer.work()
    assert importer.assets("identifier", "name") == [("FIRST", "Laptop"), ("LAST", "Laptop")]
    assert validity(importer) == ends

    for (asset_id,) in importer.assets("id"):
        patched = importer.client.patch(
            f"{ASSETS}/{asset_id}",
            json={"description": "patched"},
            headers={**bearer(), "Content-Type": "application/merge-patch+json"},
        )
        assert patched.status_code == 200, patched.get_data(as_text=True)
    assert validity(importer) == ends


def test_messages_give_times_in_utc(importer: Importer) -> None:
    importer.run((HEADER + "A,Laptop,device,,2024-06-01T12:00:00+02:00,,yes\n").encode())
    job = importer.run(b"identifier,valid_to\nA,2024-05-01\n", on_conflict="update")
    (error,) = job["errors"]
    assert error["error"] == (
        'valid_to "2024-05-01T00:00:00+00:00" would be before valid_from 2024-06-01T10:00:00+00:00'
    )


def test_a_moment_beyond_the_calendar_is_an_error_of_its_row(importer: Importer) -> None:
    beyond = ("0001-01-01T00:00:00+02:00", "9999-12-31T23:30:00-02:00")
    rows = [f"{number},Laptop,device,,{moment},,yes\n" for number, moment in enumerate(beyond)]
    job = importer.run((ENDS + "".join(rows)).encode())
    assert counts(job) == {"created": 2, "failed": 2}
    assert importer.errors(job) == [(4, "valid_from", "invalid_date"), (5, "valid_from", "invalid_date")]
