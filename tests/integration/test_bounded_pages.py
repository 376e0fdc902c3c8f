"""Lists whose filter matches little: a page reads a bounded number of rows, and the next one goes on."""

import itertools
import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from bulkimport.client import Client
from bulkimport.database.connections import Database
from bulkimport.store import assets
from tests.conftest import FOREIGN, OWN, TestDatabase, bearer
from tests.integration.conftest import URL

ASSETS = "/api/v1/assets"
JOB = "00000000-0000-4000-8000-000000000001"
FILL = """
INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from, import_job_id, import_row)
SELECT %s, 'A-' || lpad((n * 7 %% %s)::text, 6, '0'), 'Laptop ' || n, 'device', '2024-01-15',
       CASE WHEN n > %s THEN %s::uuid END, CASE WHEN n > %s THEN n END
FROM generate_series(1, %s) AS n
"""
FILL_JOBS = """
INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows, created_by, created_at)
SELECT 1, 'pending', 1, CASE WHEN n %% 4 = 0 THEN 'ann' END, timestamptz '2024-01-15' + n * interval '1 s'
FROM generate_series(1, %s) AS n
"""


def fill(db: TestDatabase, count: int, *, not_imported: int, account_id: int = OWN) -> None:
    """Insert `count` assets; all but the first `not_imported` belong to JOB."""
    db.rows(FILL, account_id, count + 1, not_imported, JOB, not_imported, count)
    db.rows("ANALYZE trakrf.assets")


def get(client: FlaskClient, url: str) -> dict[str, Any]:
    response = client.get(url, headers=bearer())
    assert response.status_code == 200, response.get_json()
    document: dict[str, Any] = response.get_json()
    assert ("Link" in response.headers) == (document["next_cursor"] is not None)
    return document


def listed(client: FlaskClient, url: str, name: str, key: str) -> list[list[Any]]:
    """The pages of a list."""
    page = get(client, url)
    listing = [[entry[key] for entry in page[name]]]
    while page["next_cursor"]:
        page = get(client, f"{url}&cursor={page['next_cursor']}")
        listing.append([entry[key] for entry in page[name]])
    return listing


@pytest.mark.parametrize("sort", assets.SORTS)
@pytest.mark.parametrize("query", ["q=nothing", "type=person", "is_active=false"])
def test_a_filter_that_matches_nothing_does_not_read_the_whole_account(
    client: FlaskClient, db: TestDatabase, sort: str, query: str
) -> None:
    fill(db, 10_001, not_imported=0)
    first = get(client, f"{ASSETS}?{query}&sort={sort}")
    assert (first["assets"], bool(first["next_cursor"])) == ([], True)
    last = get(client, f"{ASSETS}?{query}&sort={sort}&cursor={first['next_cursor']}")
    assert last == {"assets": [], "next_cursor": None}


@pytest.mark.parametrize("sort", assets.SORTS)
def test_each_asset_is_listed_once_wherever_the_scans_end(
    client: FlaskClient, db: TestDatabase, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    fill(db, 25, not_imported=20)
    db.rows("UPDATE trakrf.assets SET deleted_at = now() WHERE id % 6 = 0")
    db.rows("UPDATE trakrf.assets SET name = 'Phone' WHERE id % 5 = 0")
    fill(db, 25, not_imported=20, account_id=FOREIGN)
    order = {"id": "id", "-id": "id DESC", "identifier": "identifier"}[sort]
    live = (
        f"SELECT id, identifier, name = 'Phone', import_job_id IS NOT NULL FROM trakrf.assets"
        f" WHERE account_id = 1 AND deleted_at IS NULL ORDER BY {order}"
    )
    rows = db.rows(live)
    lists = {
        "": [id for id, _, _, _ in rows],
        "q=phone": [id for id, _, is_phone, _ in rows if is_phone],
        "q=nothing": [],
        f"import_job_id={JOB}": [id for id, _, _, imported in rows if imported],
        f"import_job_id={JOB}&q=phone": [id for id, _, is_phone, imported in rows if is_phone and imported],
        f"identifier={rows[4][1]}": [rows[4][0]],
    }
    for scan_rows, limit, query in itertools.product((1, 5, 24, 25, 26), (1, 7, 100), lists):
        monkeypatch.setattr(assets, "SCAN_ROWS", scan_rows)
        listing = listed(client, f"{ASSETS}?sort={sort}&limit={limit}&{query}", "assets", "id")
        case = scan_rows, limit, query
        assert list(itertools.chain(*listing)) == lists[query], case
        if "import_job_id" in query or "identifier" in query:
            assert all(len(page) == limit for page in listing[:-1]), case


@pytest.mark.parametrize("sort", assets.SORTS)
def test_a_jobs_assets_are_found_by_their_index(db: TestDatabase, web_database: Database, sort: str) -> None:
    """A walk through the account would reach them last."""
    fill(db, 20_000, not_imported=18_000)
    parameters = {
        **dict.fromkeys(("identifier", "type", "is_active", "pattern", "after_id", "after_identifier")),
        "account_id": OWN,
        "import_job_id": JOB,
        "sort": sort,
        "limit": 51,
    }
    with web_database.tenant_read(OWN) as cursor:
        cursor.execute(f"EXPLAIN {assets.PAGE_BY_INDEX}", parameters)
        plan = "\n".join(line for (line,) in cursor)
    assert "assets_import_idx" in plan
    assert "assets_pkey" not in plan


def test_each_job_is_listed_once_wherever_the_scans_end(
    client: FlaskClient, db: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.rows(FILL_JOBS, 20)
    rows = db.rows("SELECT id::text, created_by FROM trakrf.bulk_import_jobs ORDER BY created_at DESC")
    lists = {
        "": [id for id, _ in rows],
        "created_by=ann": [id for id, created_by in rows if created_by == "ann"],
        "created_by=bob": [],
        "status=failed": [],
    }
    for scan_rows, limit, query in itertools.product((1, 5, 19, 20, 21), (1, 3, 100), lists):
        monkeypatch.setattr(assets, "SCAN_ROWS", scan_rows)
        listing = listed(client, f"{URL}?limit={limit}&{query}", "jobs", "job_id")
        assert list(itertools.chain(*listing)) == lists[query], (scan_rows, limit, query)


def test_a_filter_that_matches_no_job_does_not_read_all_of_them(
    client: FlaskClient, db: TestDatabase
) -> None:
    db.rows(FILL_JOBS, 10_001)
    first = get(client, f"{URL}?created_by=bob")
    assert (first["jobs"], bool(first["next_cursor"])) == ([], True)
    assert get(client, f"{URL}?created_by=bob&cursor={first['next_cursor']}")["next_cursor"] is None


def test_the_client_continues_after_a_short_page(
    app: Flask, db: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "SCAN_ROWS", 3)
    db.rows(FILL_JOBS, 20)
    db.rows("UPDATE trakrf.bulk_import_jobs SET status = 'failed' WHERE created_by = 'ann'")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        caller = Client(f"http://127.0.0.1:{server.port}", bearer()["Authorization"].removeprefix("Bearer "))
        assert [len(caller.jobs("failed", limit)) for limit in (2, 5, 100)] == [2, 5, 5]
    finally:
        server.shutdown()
        thread.join()
