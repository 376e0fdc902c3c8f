"""The service against the model of docs/files.md: random files, options, chunk sizes and existing assets."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from tests.conftest import TestDatabase
from tests.integration.conftest import Importer
from tests.model import rules
from tests.model.files import Case, form_fields, random_case, to_bytes
from tests.model.rules import FIELDS, Asset, Outcome

COUNTED = ("total", "created", "updated", "unchanged", "skipped", "failed", "blank")
IS_FUZZ = settings.get_current_profile_name() == "fuzz"
MAX_UPLOAD_BYTES = 1024**2
PAGE = 1_000  # errors and changes; no case has more

_accounts = itertools.count(1_000, step=2)


@pytest.fixture
def admin(db: TestDatabase) -> Iterator[Connection]:
    connection = psycopg2.connect(db.admin_url)
    connection.autocommit = True
    yield connection
    connection.close()


@settings(
    max_examples=settings.get_profile("fuzz").max_examples if IS_FUZZ else 150,
    derandomize=not IS_FUZZ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Hypothesis can shrink what it chose itself, but that makes each case several times as slow.
@pytest.mark.slow
@given(random=st.randoms(use_true_random=not IS_FUZZ))
def test_the_service_follows_the_rules(importer: Importer, admin: Connection, random: Random) -> None:
    case = random_case(random)
    note(f"{case}\n{to_bytes(case)!r}\n{form_fields(case)}")
    account_id = next(_accounts)
    other_account_id = account_id + 1
    store(admin, account_id, other_account_id, case)
    app = importer.client.application
    app.extensions["settings"] = replace(
        app.extensions["settings"], chunk_rows=case.chunk_rows, max_upload_bytes=MAX_UPLOAD_BYTES
    )
    app.config["MAX_CONTENT_LENGTH"] = 2 * MAX_UPLOAD_BYTES

    response = importer.upload(to_bytes(case), account_id, **form_fields(case))
    importer.work()
    if response.status_code != 202:
        assert response.get_json()["code"] == outcome(case, datetime.now(UTC).date())
        return
    job = importer.job(response.get_json()["job_id"], account_id)
    expected = outcome(case, datetime.fromisoformat(job["created_at"]).date())
    assert isinstance(expected, Outcome), f"the model refuses the file: {expected}"

    errors = importer.get(f"{job['job_id']}/errors?limit={PAGE}", account_id).get_json()["errors"]
    assert [(error["row"], error["field"], error["code"]) for error in errors] == expected.errors
    for name in COUNTED:
        assert job[f"{name}_rows"] == getattr(expected, f"{name}_rows"), name
    assert job["status"] == expected.status
    if case.options.dry_run and job["status"] == "completed":
        changes = importer.get(f"{job['job_id']}/changes?limit={PAGE}", account_id).get_json()["changes"]
        assert [(change["row"], change["action"]) for change in changes] == expected.actions
    assert stored_assets(admin, account_id, job["job_id"]) == expected.assets
    assert stored_assets(admin, other_account_id, None) == by_identifier(case.of_another_account)


def outcome(case: Case, today: date) -> Outcome | str:
    """What the model says: what the job does, or the problem for which the file is refused."""
    try:
        return rules.run(
            case.header,
            case.records,
            case.options,
            by_identifier(case.assets),
            today=today,
            highest_number=case.highest_number,
        )
    except rules.Refused as refused:
        return str(refused)


def by_identifier(assets: tuple[Asset, ...]) -> dict[str, Asset]:
    return {asset.identifier: asset for asset in assets}


def store(admin: Connection, account_id: int, other_account_id: int, case: Case) -> None:
    """Two accounts with the assets of the case."""
    now = datetime.now(UTC)
    rows = [
        *(to_row(account_id, asset, None) for asset in case.assets),
        *(to_row(account_id, asset, now) for asset in case.deleted),
        *(to_row(other_account_id, asset, None) for asset in case.of_another_account),
    ]
    accounts = [(account_id, "Own", True), (other_account_id, "Foreign", True)]
    columns = f"account_id, {', '.join(FIELDS)}, metadata, version, deleted_at"
    with admin.cursor() as cursor:
        execute_values(cursor, "INSERT INTO trakrf.accounts (id, name, is_active) VALUES %s", accounts)
        cursor.execute(
            "INSERT INTO trakrf.asset_numbers (account_id, last_number) VALUES (%s, %s)",
            (account_id, case.highest_number),
        )
        if rows:
            execute_values(cursor, f"INSERT INTO trakrf.assets ({columns}) VALUES %s", rows)


def to_row(account_id: int, asset: Asset, deleted_at: datetime | None) -> tuple[Any, ...]:
    fields = (getattr(asset, name) for name in FIELDS)
    return (account_id, *fields, json.dumps(asset.metadata), asset.version, deleted_at)


def stored_assets(admin: Connection, account_id: int, job_id: str | None) -> dict[str, Asset]:
    """The account's live assets. None of them may come from another job than this one."""
    columns = f"{', '.join(FIELDS)}, metadata, version, import_row, import_job_id::text"
    with admin.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM trakrf.assets WHERE account_id = %s AND deleted_at IS NULL",
            (account_id,),
        )
        rows = cursor.fetchall()
    assert {job for *_, job in rows} <= {None, job_id}
    return {asset.identifier: asset for asset in (Asset(*row[:-1]) for row in rows)}
