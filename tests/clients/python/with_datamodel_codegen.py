"""Import a file, read its row errors and change an asset, with httpx and the models of datamodel-codegen."""

import json
import os
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
from bulkimport_models import (
    Accepted,
    Asset,
    AssetPage,
    AssetPatch,
    AssetType,
    DateFormat,
    ErrorPage,
    Job,
    JobStatus,
    NewAsset,
    OnConflict,
    Problem,
    ProblemCode,
)

API = f"{os.environ['BULKIMPORT_URL']}/api/v1"
FINAL = (JobStatus.completed, JobStatus.failed, JobStatus.cancelled)
TOKEN = {"Authorization": f"Bearer {os.environ['BULKIMPORT_TOKEN']}"}


def main() -> None:
    client = httpx.Client(headers=TOKEN, timeout=40)
    job_url = f"{API}/assets/bulk/{upload(client, Path(os.environ['BULKIMPORT_FILE'])).job_id}"
    job = wait_until_finished(client, job_url)
    row_errors = ErrorPage.model_validate_json(client.get(f"{job_url}/errors").content).errors
    names, stale = rename(client, "TV-023")
    json.dump(
        {
            "job": {
                "status": job.status.value,
                "created_rows": job.created_rows,
                "failed_rows": job.failed_rows,
                "progress": job.progress,
                "date_format": job.options.date_format.value,
                "on_conflict": job.options.on_conflict.value,
                "did_you_mean": job.ignored_columns[0].did_you_mean,
            },
            "row_errors": [
                {"row": error.row, "field": error.field, "code": error.code.value, "value": error.value}
                for error in row_errors
            ],
            "names": names,
            "problems": [code.value for code in (stale, *refusals(client, job_url))],
        },
        sys.stdout,
    )


def upload(client: httpx.Client, file: Path) -> Accepted:
    """Upload the file with options."""
    options = {
        "columns": '{"Label": "name"}',
        "date_format": DateFormat.day_month_year_slashes.value,
        "on_conflict": OnConflict.update.value,
        "dry_run": "false",
    }
    headers = {"Idempotency-Key": str(uuid4())}
    with file.open("rb") as content:
        answer = client.post(f"{API}/assets/bulk", headers=headers, data=options, files={"file": content})
    return Accepted.model_validate_json(answer.content)


def wait_until_finished(client: httpx.Client, job_url: str) -> Job:
    while True:
        job = Job.model_validate_json(client.get(job_url, headers={"Prefer": "wait=30"}).content)
        if job.status in FINAL:
            return job
        time.sleep(1)


def rename(client: httpx.Client, identifier: str) -> tuple[list[str], ProblemCode]:
    """The asset's names before and after, and the problem of a change that expects the earlier version."""
    page = client.get(f"{API}/assets", params={"identifier": identifier})
    url = f"{API}/assets/{AssetPage.model_validate_json(page.content).assets[0].id}"
    answer = client.get(url)
    asset, if_match = Asset.model_validate_json(answer.content), {"If-Match": answer.headers["ETag"]}
    patch = AssetPatch(name=f"{asset.name}, left").model_dump(mode="json", exclude_unset=True)
    renamed = Asset.model_validate_json(client.patch(url, json=patch, headers=if_match).content)
    return [asset.name, renamed.name], code(client.patch(url, json=patch, headers=if_match))


def refusals(client: httpx.Client, job_url: str) -> list[ProblemCode]:
    """The problems of a wrong token, a job that does not exist and a file that lacks columns."""
    return [
        code(client.get(job_url, headers={"Authorization": "Bearer no-token"})),
        code(client.get(f"{API}/assets/bulk/{uuid4()}")),
        code(client.post(f"{API}/assets/bulk", files={"file": b"identifier\nTV-1\n"})),
    ]


def code(answer: httpx.Response) -> ProblemCode:
    problem = Problem.model_validate_json(answer.content)
    if problem.status != answer.status_code:
        sys.exit(f"a problem of status {answer.status_code} expected: {problem}")
    return problem.code


def only_texts_are_times() -> NewAsset:
    """What the type checker refuses: a number as a time."""
    return NewAsset(
        identifier="A",
        name="A",
        type=AssetType.device,
        valid_from=20240115,  # type: ignore[arg-type]
        is_active=True,
    )


if __name__ == "__main__":
    main()
