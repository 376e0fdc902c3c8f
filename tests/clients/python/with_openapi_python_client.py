"""Import a file, read its row errors and change an asset, with the client of openapi-python-client."""

import json
import os
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import httpx
from bulkimport_client import AuthenticatedClient
from bulkimport_client.api.assets import get_asset, list_assets, update_asset
from bulkimport_client.api.jobs import get_job
from bulkimport_client.api.row_errors import list_row_errors
from bulkimport_client.api.uploads import upload_assets
from bulkimport_client.models import (
    Accepted,
    Asset,
    AssetPage,
    AssetPatch,
    DateFormat,
    ErrorPage,
    Job,
    JobStatus,
    NewAsset,
    OnConflict,
    Problem,
    ProblemCode,
    UploadForm,
)
from bulkimport_client.types import File

T = TypeVar("T")

URL = os.environ["BULKIMPORT_URL"]
FINAL = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


def main() -> None:
    client = AuthenticatedClient(
        base_url=URL, token=os.environ["BULKIMPORT_TOKEN"], timeout=httpx.Timeout(40)
    )
    file = Path(os.environ["BULKIMPORT_FILE"])
    job = require(Job, wait_until_finished(client, upload(client, file)))
    row_errors = require(ErrorPage, list_row_errors.sync(job.job_id, client=client)).errors
    names, stale = rename(client, "TV-023")
    json.dump(
        {
            "job": {
                "status": job.status,
                "created_rows": job.created_rows,
                "failed_rows": job.failed_rows,
                "progress": job.progress,
                "date_format": job.options.date_format,
                "on_conflict": job.options.on_conflict,
                "did_you_mean": job.ignored_columns[0].did_you_mean,
            },
            "row_errors": [
                {"row": error.row, "field": error.field, "code": error.code, "value": error.value}
                for error in row_errors
            ],
            "names": names,
            "problems": [stale, *refusals(client, job.job_id)],
        },
        sys.stdout,
    )


def upload(client: AuthenticatedClient, file: Path) -> UUID:
    """Upload the file with options; the id of its job."""
    form = UploadForm(
        file=File(payload=file.open("rb"), file_name=file.name, mime_type="text/csv"),
        columns='{"Label": "name"}',
        date_format=DateFormat.DAY_MONTH_YEAR_SLASHES,
        on_conflict=OnConflict.UPDATE,
        dry_run=False,
    )
    accepted = upload_assets.sync(client=client, body=form, idempotency_key=str(uuid4()))
    return require(Accepted, accepted).job_id


def wait_until_finished(client: AuthenticatedClient, job_id: UUID) -> Job | Problem | None:
    while True:
        job = get_job.sync(job_id, client=client, prefer="wait=30")
        if not isinstance(job, Job) or job.status in FINAL:
            return job
        time.sleep(1)


def rename(client: AuthenticatedClient, identifier: str) -> tuple[list[str], ProblemCode]:
    """The asset's names before and after, and the problem of a change that expects the earlier version."""
    page = require(AssetPage, list_assets.sync(client=client, identifier=identifier))
    response = get_asset.sync_detailed(page.assets[0].id, client=client)
    asset, etag = require(Asset, response.parsed), response.headers["ETag"]
    patch = AssetPatch(name=f"{asset.name}, left")
    renamed = require(Asset, update_asset.sync(asset.id, client=client, body=patch, if_match=etag))
    stale = update_asset.sync(asset.id, client=client, body=AssetPatch(name="Mine"), if_match=etag)
    return [asset.name, renamed.name], require(Problem, stale).code


def refusals(client: AuthenticatedClient, job_id: UUID) -> list[ProblemCode]:
    """The problems of a wrong token, a job that does not exist and a file that lacks columns."""
    stranger = AuthenticatedClient(base_url=URL, token="no-token")
    file = File(payload=BytesIO(b"identifier\nTV-1\n"), file_name="assets.csv")
    refused = [
        get_job.sync(job_id, client=stranger),
        get_job.sync(uuid4(), client=client),
        upload_assets.sync(client=client, body=UploadForm(file=file)),
    ]
    return [require(Problem, answer).code for answer in refused]


def require(kind: type[T], answer: object) -> T:
    """The answer, if it is of that kind."""
    if not isinstance(answer, kind):
        sys.exit(f"{kind.__name__} expected: {answer}")
    return answer


def only_texts_are_times() -> NewAsset:
    """What the type checker refuses: a number as a time."""
    return NewAsset(identifier="A", name="A", type_="device", valid_from=20240115, is_active=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
