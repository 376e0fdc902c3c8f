"""POST, PUT, PATCH and DELETE of single assets, and the filters of their list."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import FOREIGN, INACTIVE, OWN, TestDatabase, bearer, csv_of
from tests.integration.conftest import Importer

URL = "/api/v1/assets"
ASSET: dict[str, Any] = {
    "identifier": "TV-1",
    "name": "Telly",
    "type": "device",
    "description": "in the hall",
    "valid_from": "2024-01-15",
    "valid_to": "2027-01-15T08:30:00+02:00",
    "is_active": True,
    "metadata": {"colour": "grey"},
}


def send(
    client: FlaskClient, method: str, path: str, body: object = None, account_id: int = OWN, /, **headers: str
) -> TestResponse:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return client.open(
        URL + path,
        method=method,
        json=body,
        headers={**bearer(account_id), **headers},
        content_type=kind if body is not None else None,
    )


def created(client: FlaskClient, account_id: int = OWN, **fields: object) -> dict[str, Any]:
    response = send(client, "POST", "", {**ASSET, **fields}, account_id)
    assert response.status_code == 201, response.get_data(as_text=True)
    document: dict[str, Any] = response.get_json()
    return document


def problem(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["type"].removeprefix("/problems/")


def faults(response: TestResponse) -> list[tuple[str, str]]:
    assert problem(response) == (422, "invalid-asset")
    return [(fault["field"], fault["code"]) for fault in response.get_json()["errors"]]


def test_an_asset_is_created_and_read_again(client: FlaskClient) -> None:
    response = send(client, "POST", "", ASSET)
    asset = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{URL}/{asset['id']}"
    assert asset["valid_to"] == "2027-01-15T06:30:00.000000Z"
    assert {name: asset[name] for name in ("identifier", "metadata", "import_job_id")} == {
        "identifier": "TV-1",
        "metadata": {"colour": "grey"},
        "import_job_id": None,
    }
    read = send(client, "GET", f"/{asset['id']}")
    assert (read.get_json(), read.headers["ETag"]) == (asset, response.headers["ETag"])
    again = send(client, "GET", f"/{asset['id']}", **{"If-None-Match": read.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_an_identifier_in_use_is_409(client: FlaskClient) -> None:
    created(client)
    other = created(client, identifier="TV-2")
    assert problem(send(client, "POST", "", ASSET)) == (409, "identifier-taken")
    assert problem(send(client, "PUT", f"/{other['id']}", ASSET)) == (409, "identifier-taken")
    assert problem(send(client, "PATCH", f"/{other['id']}", {"identifier": "TV-1"})) == (
        409,
        "identifier-taken",
    )
    assert send(client, "POST", "", ASSET, FOREIGN).status_code == 201


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"identifier": ""}, [("identifier", "required")]),
        ({"name": None, "type": "car"}, [("name", "required"), ("type", "unknown_type")]),
        ({"name": "x" * 256}, [("name", "too_long")]),
        ({"name": 5}, [("name", "invalid_type")]),
        ({"name": "a\0"}, [("name", "invalid_character")]),
        ({"valid_from": "15/01/2024"}, [("valid_from", "invalid_date")]),
        ({"valid_to": "2023-01-01"}, [("valid_to", "valid_to_before_valid_from")]),
        ({"is_active": "yes"}, [("is_active", "invalid_boolean")]),
        ({"metadata": None}, []),
        ({"metadata": []}, [("metadata", "invalid_type")]),
        ({"metadata": [1]}, [("metadata", "invalid_type")]),
        ({"metadata": {"a": 1, "": "x"}}, [("metadata.a", "invalid_type"), ("metadata.", "invalid_key")]),
        ({"colour": "grey"}, [("colour", "unknown_field")]),
    ],
)
def test_the_rules_are_those_of_the_import(
    client: FlaskClient, changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    response = send(client, "POST", "", {**ASSET, **changes})
    if expected:
        assert faults(response) == expected
    else:
        assert response.status_code == 201


@pytest.mark.parametrize("field", ["name", "type", "valid_from", "valid_to", "is_active"])
def test_a_broken_rule_has_the_same_code_as_in_an_import(importer: Importer, field: str) -> None:
    broken = {"name": "", "type": "car", "valid_from": "x", "valid_to": "1999-01-01", "is_active": "maybe"}
    cells = {**{name: str(value) for name, value in ASSET.items()}, field: broken[field]}
    columns = [name for name in ASSET if name != "metadata"]
    file = ",".join(columns) + "\n" + ",".join(cells[name] for name in columns) + "\n"
    (_, row_field, row_code), *_ = importer.errors(importer.run(file.encode()))
    response = send(importer.client, "POST", "", {**ASSET, field: broken[field]})
    assert faults(response) == [(row_field, row_code)]


def test_put_replaces_absent_fields_too(client: FlaskClient) -> None:
    asset = created(client)
    new = {name: ASSET[name] for name in ("identifier", "name", "type", "valid_from", "is_active")}
    put = send(client, "PUT", f"/{asset['id']}", {**new, "name": "Screen"}).get_json()
    assert (put["name"], put["description"], put["valid_to"], put["metadata"]) == ("Screen", None, None, {})
    assert send(client, "GET", f"/{asset['id']}").get_json() == put


def test_patch_changes_only_the_fields_sent(client: FlaskClient) -> None:
    asset = created(client, metadata={"colour": "grey", "size": "55"})
    changes = {"name": "Screen", "description": None, "metadata": {"colour": None, "place": "hall"}}
    patched = send(client, "PATCH", f"/{asset['id']}", changes).get_json()
    unchanged = {"updated_at": patched["updated_at"]}
    assert patched == {
        **asset,
        **unchanged,
        "name": "Screen",
        "description": None,
        "metadata": {"size": "55", "place": "hall"},
    }
    assert faults(send(client, "PATCH", f"/{asset['id']}", {"name": None})) == [("name", "required")]
    assert faults(send(client, "PATCH", f"/{asset['id']}", {"colour": None})) == [("colour", "unknown_field")]


def test_an_asset_that_was_read_can_be_sent_back(client: FlaskClient) -> None:
    asset = created(client)
    put = send(client, "PUT", f"/{asset['id']}", asset).get_json()
    assert put == {**asset, "updated_at": put["updated_at"]}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_an_update_of_an_asset_that_changed_meanwhile_is_412(client: FlaskClient, method: str) -> None:
    asset = created(client)
    path, body = f"/{asset['id']}", None if method == "DELETE" else ASSET
    old = send(client, "GET", path).headers["ETag"]
    send(client, "PATCH", path, {"name": "Changed"})
    refused = send(client, method, path, body, **{"If-Match": old})
    assert problem(refused) == (412, "precondition-failed")
    assert send(client, "GET", path).get_json()["name"] == "Changed"
    new = refused.headers["ETag"]
    assert send(client, method, path, body, **{"If-Match": f'"x", {new}'}).status_code in (200, 204)


def test_a_deleted_asset_is_gone_and_its_identifier_free(client: FlaskClient, db: TestDatabase) -> None:
    asset = created(client)
    assert send(client, "DELETE", f"/{asset['id']}").status_code == 204
    for method in ("GET", "DELETE"):
        assert problem(send(client, method, f"/{asset['id']}")) == (404, "not-found")
    assert problem(send(client, "PUT", f"/{asset['id']}", ASSET)) == (404, "not-found")
    created(client)
    assert db.value("SELECT count(*) FROM trakrf.assets") == 2


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_accounts_asset_does_not_exist(client: FlaskClient, method: str) -> None:
    foreign = created(client, FOREIGN)
    body = None if method == "DELETE" else ASSET
    assert problem(send(client, method, f"/{foreign['id']}", body)) == (404, "not-found")
    assert problem(send(client, method, f"/{foreign['id']}", body, INACTIVE)) == (403, "inactive-account")
    assert send(client, "GET", f"/{foreign['id']}", None, FOREIGN).get_json() == foreign


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{}", "text/plain", (415, "unsupported-media-type")),
        (b"", "application/json", (400, "malformed-request")),
        (b"[]", "application/json", (400, "malformed-request")),
        (b'{"name": NaN}', "application/json", (400, "malformed-request")),
        (b'{"name": "\\ud800"}', "application/json", (400, "malformed-request")),
        (b'{"name": "\xff"}', "application/json", (400, "malformed-request")),
        (b"[" * 2_000, "application/json", (400, "malformed-request")),
        (b" " * 2_000_000, "application/json", (413, "too-large")),
    ],
)
def test_a_body_that_is_not_an_asset_is_refused(
    client: FlaskClient, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    assert problem(client.post(URL, data=body, content_type=kind, headers=bearer())) == expected


def test_the_same_key_creates_one_asset(client: FlaskClient, db: TestDatabase) -> None:
    key = {"Idempotency-Key": "k"}
    first, second = (send(client, "POST", "", ASSET, **key) for _ in range(2))
    assert (first.data, first.status_code) == (second.data, second.status_code)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Location"] == first.headers["Location"]
    assert problem(send(client, "POST", "", {**ASSET, "identifier": "X"}, **key)) == (
        422,
        "idempotency-key-reused",
    )
    assert db.value("SELECT count(*) FROM trakrf.assets") == 1


def test_a_key_only_applies_to_posts(client: FlaskClient) -> None:
    path, key = f"/{created(client)['id']}", {"Idempotency-Key": "k"}
    assert send(client, "PATCH", path, {"name": "First"}, **key).get_json()["name"] == "First"
    assert send(client, "PATCH", path, {"name": "Second"}, **key).get_json()["name"] == "Second"
    assert send(client, "DELETE", path, **key).status_code == 204
    assert problem(send(client, "DELETE", path, **key)) == (404, "not-found")


def listed(client: FlaskClient, query: str) -> list[str]:
    """All identifiers, read page by page."""
    identifiers, url = [], f"{URL}?limit=2&{query}"
    while url:
        response = client.get(url, headers=bearer())
        assert response.status_code == 200, response.get_json()
        identifiers += [asset["identifier"] for asset in response.get_json()["assets"]]
        url = response.headers.get("Link", "").removeprefix("<").removesuffix('>; rel="next"')
    return identifiers


def test_the_list_is_filtered_and_sorted(importer: Importer) -> None:
    client = importer.client
    job = importer.run(csv_of("M-3", "M-1", "M-2"))
    created(client, identifier="B", type="person", name="100% Ann")
    created(client, identifier="A", is_active=False, name="Bob")
    created(client, identifier="C", description="ann's chair")
    created(client, FOREIGN, identifier="F", name="Ann")
    assert listed(client, "") == ["M-3", "M-1", "M-2", "B", "A", "C"]
    assert listed(client, "sort=-id") == ["C", "A", "B", "M-2", "M-1", "M-3"]
    assert listed(client, "sort=identifier") == ["A", "B", "C", "M-1", "M-2", "M-3"]
    assert listed(client, f"import_job_id={job['job_id']}&sort=identifier") == ["M-1", "M-2", "M-3"]
    assert listed(client, "type=person") == ["B"]
    assert listed(client, "is_active=false") == ["A"]
    assert listed(client, "q=ANN") == ["B", "C"]
    assert listed(client, "q=100%25") == ["B"]
    assert listed(client, "q=_") == []
    assert listed(client, "q=ann&type=device") == ["C"]
