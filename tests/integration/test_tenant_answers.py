"""Every operation on the caller's own, another account's and absent resources, with good and bad tokens."""

import io
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from zipfile import ZipFile

import jwt
import pytest
from werkzeug.test import TestResponse

from bulkimport.web.operations import XLSX
from tests.conftest import ABSENT, FOREIGN, INACTIVE, OWN, SECRET, TestDatabase, bearer, csv_of
from tests.integration.conftest import Importer
from tests.support.two_tenants import tables

ASSETS = "/api/v1/assets"
BULK = "/api/v1/assets/bulk"
NOBODY = 0  # stands for what does not exist
ASSET = {
    "identifier": "TV-1",
    "name": "Telly",
    "type": "device",
    "valid_from": "2024-01-15",
    "is_active": True,
}

# How each operation that needs a token is called, and its status for the caller's own resource. In this
# order: the later ones delete what the earlier ones need.
OPERATIONS: dict[tuple[str, str], tuple[object, int]] = {
    ("GET", ASSETS): (None, 200),
    ("GET", ASSETS + ".csv"): (None, 200),
    ("GET", ASSETS + ".xlsx"): (None, 200),
    ("GET", ASSETS + "/{asset_id}"): (None, 200),
    ("GET", BULK): (None, 200),
    ("GET", BULK + "/template.csv"): (None, 200),
    ("GET", BULK + "/template.xlsx"): (None, 200),
    ("POST", BULK + "/preview"): (csv_of("C"), 200),
    ("GET", BULK + "/{job_id}"): (None, 200),
    ("GET", BULK + "/{job_id}/errors"): (None, 200),
    ("GET", BULK + "/{job_id}/failed-rows.csv"): (None, 200),
    ("GET", BULK + "/{job_id}/changes"): (None, 409),  # it is not a dry run
    ("GET", BULK + "/{job_id}/failed-rows.xlsx"): (None, 200),
    ("POST", ASSETS): (ASSET, 201),
    ("PUT", ASSETS + "/{asset_id}"): (ASSET | {"identifier": "A"}, 200),
    ("PATCH", ASSETS + "/{asset_id}"): ({"name": "Mine"}, 200),
    ("DELETE", ASSETS + "/{asset_id}"): (None, 204),
    ("POST", BULK): (csv_of("N"), 202),
    ("POST", BULK + "/{job_id}/cancel"): (None, 409),  # it is finished
    ("POST", BULK + "/{job_id}/apply"): (None, 409),  # it is not a dry run
    ("POST", BULK + "/{job_id}/retry"): (None, 202),
    ("POST", BULK + "/{job_id}/revert"): (None, 202),
    ("DELETE", BULK + "/{job_id}"): (None, 204),
}
# Other ways to name a job: another account's job gets the same answer as one that does not exist.
NAMED_OTHERWISE: dict[tuple[str, str], object] = {
    ("GET", ASSETS + "?import_job_id={job_id}"): None,
    ("GET", ASSETS + ".csv?import_job_id={job_id}"): None,
    ("POST", BULK + "?parent_job_id={job_id}"): csv_of("P"),
}
NO_ACCOUNT: tuple[object, ...] = (0, -1, 2**31, 1.0, "1", True, None, [1], {"id": 1}, "")


# They contain nobody's data, so the account is not checked.
OF_NOBODY = (("GET", BULK + "/template.csv"), ("GET", BULK + "/template.xlsx"))


class Answer(NamedTuple):
    """All parts of an answer that may differ, without the caller's own ids."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


Headers = Mapping[str, str]


class Tenants(NamedTuple):
    """Accounts that each have a finished job and an asset."""

    importer: Importer
    jobs: dict[int, str]
    assets: dict[int, str]

    def call(self, method: str, path: str, body: object, of: int, headers: Headers) -> TestResponse:
        """Call an operation on the resources of account `of`."""
        content: dict[str, Any] = (
            {"data": body, "content_type": "text/csv"} if isinstance(body, bytes) else {}
        )
        if isinstance(body, dict):
            content = {"json": body}
        url = path.format(job_id=self.jobs[of], asset_id=self.assets[of])
        sent = {**headers, "X-Request-ID": "r"}
        return self.importer.client.open(url, method=method, headers=sent, **content)

    def answer(self, method: str, path: str, body: object, of: int, headers: Headers) -> Answer:
        """The same, without the requested ids in the answer."""
        answer = self.call(method, path, body, of, headers)

        def without_ids(text: str) -> str:
            return text.replace(self.jobs[of], "_").replace(self.assets[of], "_")

        kept = sorted(
            (name, without_ids(value)) for name, value in answer.headers if name != "Content-Length"
        )
        return Answer(answer.status_code, tuple(kept), without_ids(text_of(answer)))


def text_of(answer: TestResponse) -> str:
    """The body; if it is a workbook, all of its parts."""
    with answer:
        if answer.mimetype != XLSX:
            return answer.get_data(as_text=True)
        with ZipFile(io.BytesIO(answer.data)) as workbook:
            return "".join(workbook.read(name).decode() for name in workbook.namelist())


@pytest.fixture
def tenants(importer: Importer) -> Tenants:
    # Numbers that appear nowhere else in an answer.
    importer.db.rows("ALTER TABLE trakrf.assets ALTER COLUMN id RESTART WITH 700000001")
    jobs, assets = {NOBODY: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {NOBODY: "987654321"}
    for account_id in (OWN, FOREIGN):
        jobs[account_id] = importer.run(csv_of("A", "A"), account_id)["job_id"]
        page = importer.client.get(ASSETS, headers=bearer(account_id)).get_json()
        assets[account_id] = str(page["assets"][0]["id"])
    return Tenants(importer, jobs, assets)


def rows_of(db: TestDatabase, account_id: int) -> dict[str, list[object]]:
    """All rows of an account, with the transactions that wrote them."""
    query = "SELECT xmin || ' ' || t::text FROM trakrf.{} AS t WHERE account_id = %s ORDER BY 1"
    return {
        table: [row for (row,) in db.rows(query.format(table), account_id)]
        for table in tables(db)
        if table != "accounts"
    }


def with_claim(account: object) -> Headers:
    claims = {"account_id": account, "exp": int(time.time()) + 600}
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


def test_every_operation_that_needs_a_token_is_in_the_table(importer: Importer) -> None:
    described = importer.client.get("/openapi.json").get_json()["paths"]
    protected = {
        (method.upper(), path)
        for path, operations in described.items()
        for method, operation in operations.items()
        if operation["security"]
    }
    assert protected == set(OPERATIONS)


def test_another_accounts_resources_seem_not_to_exist(tenants: Tenants) -> None:
    before = rows_of(tenants.importer.db, FOREIGN)
    for (method, path), (body, own_status) in OPERATIONS.items():
        if "{" in path:
            absent, foreign = (tenants.answer(method, path, body, of, bearer()) for of in (NOBODY, FOREIGN))
            assert foreign == absent, (method, path)
            assert foreign.status == 404, (method, path)
        own = tenants.call(method, path, body, OWN, bearer())
        text = text_of(own)
        assert own.status_code == own_status, (method, path, text)
        for ids in (tenants.jobs, tenants.assets):
            assert ids[FOREIGN] not in text, (method, path)
        tenants.importer.work()
    assert rows_of(tenants.importer.db, FOREIGN) == before


def test_another_accounts_job_seems_not_to_exist_however_it_is_named(tenants: Tenants) -> None:
    for (method, path), body in NAMED_OTHERWISE.items():
        absent, foreign = (tenants.answer(method, path, body, of, bearer()) for of in (NOBODY, FOREIGN))
        assert foreign == absent, (method, path)


def test_an_account_that_may_not_be_used_learns_nothing(tenants: Tenants) -> None:
    for account_id in (ABSENT, INACTIVE):
        refuse_all(tenants, bearer(account_id), 403)


def test_a_claim_that_names_no_account_learns_nothing(tenants: Tenants) -> None:
    for claim in NO_ACCOUNT:
        refuse_all(tenants, with_claim(claim), 401)


def refuse_all(tenants: Tenants, headers: Headers, status: int) -> None:
    """Every operation answers this, whoever owns the resource, and nothing changes."""
    before = {account_id: rows_of(tenants.importer.db, account_id) for account_id in (OWN, FOREIGN)}
    for (method, path), (body, _) in OPERATIONS.items():
        answers = {tenants.answer(method, path, body, of, headers) for of in (OWN, FOREIGN, NOBODY)}
        assert len(answers) == 1, (method, path)
        if status == 401 or (method, path) not in OF_NOBODY:
            assert {answer.status for answer in answers} == {status}, (method, path, answers)
    assert {account_id: rows_of(tenants.importer.db, account_id) for account_id in (OWN, FOREIGN)} == before
