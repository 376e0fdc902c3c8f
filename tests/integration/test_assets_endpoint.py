"""GET /api/v1/assets and GET /api/v1/assets/{id}."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from bulkimport.store.asset_columns import COLUMNS
from tests.conftest import FOREIGN, INACTIVE, OWN, TestDatabase, bearer

URL = "/api/v1/assets"


@pytest.fixture(autouse=True)
def filled(db: TestDatabase) -> None:
    """Seven live assets of the account and a deleted one, and one of another account."""
    for account_id, identifier in [*((OWN, f"A{n}") for n in range(8)), (FOREIGN, "A3"), (FOREIGN, "F")]:
        db.rows(
            "INSERT INTO trakrf.assets (account_id, identifier, name, type, valid_from)"
            " VALUES (%s, %s, 'N', 'other', '2024-01-15Z')",
            account_id,
            identifier,
        )
    db.rows("UPDATE trakrf.assets SET deleted_at = now() WHERE identifier = 'A5'")


def get(client: FlaskClient, path: str = "", account_id: int = OWN) -> tuple[int, dict[str, Any]]:
    response = client.get(URL + path, headers=bearer(account_id))
    return response.status_code, response.get_json()


def identifiers(page: dict[str, Any]) -> list[str]:
    return [asset["identifier"] for asset in page["assets"]]


def test_it_lists_the_accounts_live_assets(client: FlaskClient) -> None:
    status, page = get(client)
    assert status == 200
    assert identifiers(page) == ["A0", "A1", "A2", "A3", "A4", "A6", "A7"]
    assert page["next_cursor"] is None
    assert identifiers(get(client, account_id=FOREIGN)[1]) == ["A3", "F"]


def test_pages_follow_one_another_without_gap_or_overlap(client: FlaskClient) -> None:
    pages: list[list[str]] = []
    url = f"{URL}?limit=3"
    while url:
        response = client.get(url, headers=bearer())
        pages.append(identifiers(response.get_json()))
        link = response.headers.get("Link", "")
        assert bool(link) == bool(response.get_json()["next_cursor"])
        url = link.removeprefix("<").removesuffix('>; rel="next"')
    assert pages == [["A0", "A1", "A2"], ["A3", "A4", "A6"], ["A7"]]


def test_it_finds_an_identifier(client: FlaskClient) -> None:
    _, page = get(client, "?identifier=A3")
    assert identifiers(page) == ["A3"]
    for absent in ("A5", "F", "a3"):
        assert identifiers(get(client, f"?identifier={absent}")[1]) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%C3%BC", "cursor"),
        ("cursor=LTE%3D", "cursor"),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),
        ("identifier=", "identifier"),
        ("identifier=%00", "identifier"),
        ("identifer=A1", "identifer"),
    ],
)
def test_an_invalid_parameter_is_named(client: FlaskClient, query: str, field: str) -> None:
    status, problem = get(client, f"?{query}")
    assert (status, problem["type"]) == (400, "/problems/invalid-parameters")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_it_shows_one(client: FlaskClient) -> None:
    listed = get(client)[1]["assets"][0]
    status, asset = get(client, f"/{listed['id']}")
    assert status == 200
    assert asset == listed
    assert set(asset) == {
        *("identifier", *COLUMNS, "metadata"),
        *("id", "created_at", "updated_at", "import_job_id", "import_row"),
    }
    assert asset["valid_from"] == "2024-01-15T00:00:00.000000Z"


def test_another_accounts_asset_and_an_absent_one_answer_the_same(client: FlaskClient) -> None:
    foreign = str(get(client, account_id=FOREIGN)[1]["assets"][0]["id"])
    headers = {**bearer(), "X-Request-ID": "r-1"}
    answers = [client.get(f"{URL}/{asset_id}", headers=headers) for asset_id in (foreign, "987654")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data.replace(foreign.encode(), b"987654") == answers[1].data


@pytest.mark.parametrize("text", ["x", "0", "-1", "1.0", "99999999999999999999"])
def test_a_malformed_asset_id_is_400(client: FlaskClient, text: str) -> None:
    status, problem = get(client, f"/{text}")
    assert (status, problem["type"]) == (400, "/problems/invalid-id")


@pytest.mark.parametrize("path", ["", "/1"])
def test_it_needs_a_token_and_an_active_account(client: FlaskClient, path: str) -> None:
    assert client.get(URL + path).status_code == 401
    assert get(client, path, INACTIVE)[0] == 403
