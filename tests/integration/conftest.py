"""A file uploaded over HTTP and imported by a worker's own role, in one step."""

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bulkimport.database.connections import Database
from bulkimport.worker.loop import Worker
from tests.conftest import OWN, TestDatabase, bearer

URL = "/api/v1/assets/bulk"
OWN_OF_EACH_JOB = (  # what differs between two jobs of one file
    *("job_id", "created_at", "started_at", "completed_at", "rows_per_second", "request_id"),
)


@dataclass(frozen=True)
class Importer:
    """The service as its callers see it; errors are (row, field, code)."""

    client: FlaskClient
    worker: Worker
    db: TestDatabase

    def upload(self, file: bytes, account_id: int = OWN, /, **options: str) -> TestResponse:
        return self.client.post(
            URL,
            data={"file": (io.BytesIO(file), "assets.csv"), **options},
            content_type="multipart/form-data",
            headers=bearer(account_id),
        )

    def run(self, file: bytes, account_id: int = OWN, /, **options: str) -> dict[str, Any]:
        """The finished job."""
        accepted = self.upload(file, account_id, **options)
        assert accepted.status_code == 202, accepted.get_data(as_text=True)
        self.work()
        return self.job(accepted.get_json()["job_id"], account_id)

    def work(self) -> None:
        while self.worker.work_once():
            pass

    def get(self, path: str, account_id: int = OWN, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self.client.get(f"{URL}/{path}", headers={**bearer(account_id), **(headers or {})})

    def job(self, job_id: str, account_id: int = OWN) -> dict[str, Any]:
        document: dict[str, Any] = self.get(job_id, account_id).get_json()
        return document

    def errors(self, job: dict[str, Any]) -> list[tuple[int, str | None, str]]:
        errors = self.get(f"{job['job_id']}/errors").get_json()["errors"]
        return [(error["row"], error["field"], error["code"]) for error in errors]

    def assets(self, *columns: str) -> list[tuple[Any, ...]]:
        """Live assets in the order of their identifiers."""
        chosen = ", ".join(columns or ("identifier", "name"))
        return self.db.rows(
            f"SELECT {chosen} FROM trakrf.assets WHERE deleted_at IS NULL ORDER BY account_id, identifier"
        )


@pytest.fixture
def importer(client: FlaskClient, worker_database: Database, db: TestDatabase) -> Importer:
    worker = Worker(worker_database, stopping=threading.Event(), wake=threading.Event(), retention_days=30)
    return Importer(client, worker, db)


def counts(job: dict[str, Any]) -> dict[str, int]:
    """What became of the rows, without the zeros."""
    names = ("created", "updated", "unchanged", "skipped", "failed")
    assert sum(job[f"{name}_rows"] for name in names) == job["processed_rows"]
    return {name: job[f"{name}_rows"] for name in names if job[f"{name}_rows"]}


def post(importer: Importer, job_id: str, action: str, **headers: str) -> TestResponse:
    return importer.client.post(f"{URL}/{job_id}/{action}", headers={**bearer(), **headers})


def accepted(response: TestResponse) -> str:
    """The id of the job that the answer promises."""
    assert response.status_code == 202, response.get_data(as_text=True)
    return str(response.get_json()["job_id"])


def problem(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["type"].removeprefix("/problems/")
