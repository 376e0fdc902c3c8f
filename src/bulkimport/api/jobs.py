"""Bulk import jobs over HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from flask import Blueprint, Response, current_app, json, request, url_for

from bulkimport import intake
from bulkimport.api import access, ids, queries
from bulkimport.api.schemas import AcceptedSchema, JobSchema, UploadOptionsSchema
from bulkimport.api.uploads import uploaded
from bulkimport.csvfile.template import template
from bulkimport.options import Asked
from bulkimport.problems import Problem
from bulkimport.settings import Settings
from bulkimport.store import jobs

POLL_AFTER_S = 1
JOB_SCHEMA = JobSchema()
CACHING = {"Cache-Control": "private, no-cache"}
REPRESENTATION = "1"  # of a job as JSON: to be raised when its shape changes, as every ETag then does

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.post("")
def hand_in() -> Response:
    """Take a file in: 202 and a job that will be finished, or a problem and nothing left behind."""
    settings: Settings = current_app.extensions["settings"]
    limits = intake.Limits(settings.chunk_rows, settings.max_rows)
    account_id = access.principal().account_id
    with uploaded(request, max_bytes=settings.max_upload_bytes) as upload:
        asked: Asked = queries.load(UploadOptionsSchema(), upload.fields)
        asked = replace(asked, charset=asked.charset or upload.charset)
        job_id = intake.submit(access.database(), limits, asked, account_id=account_id, file=upload.file)
    status_url = url_for(".status", job_id=job_id)
    message = f"The file was accepted; follow the import at {status_url}."
    body = {"job_id": job_id, "status_url": status_url, "message": message}
    return Response(
        json.dumps(AcceptedSchema().dump(body)),
        202,
        {"Location": status_url, "Retry-After": str(POLL_AFTER_S)},
        content_type="application/json",
    )


@blueprint.get("/<job_id>")
def status(job_id: str) -> Response:
    """How far a job is, and its first row errors; 304 where the caller has that already."""
    wanted = ids.job_id(job_id)
    if request.if_none_match and (known := _known_etag(wanted)):
        return Response(status=304, headers=CACHING | {"ETag": known})
    job = require_job(job_id)
    headers = CACHING | {"ETag": _etag(job.version)}
    if job.status not in jobs.FINAL_STATUSES:
        headers["Retry-After"] = str(POLL_AFTER_S)
    return Response(json.dumps(JOB_SCHEMA.dump(job)), 200, headers, content_type="application/json")


@blueprint.get("/template.csv")
def template_csv() -> Response:
    """A file to begin with."""
    return csv_attachment(template(), "assets-template.csv")


def _known_etag(job_id: UUID) -> str | None:
    """The job's ETag, where it is among those that the caller has (RFC 9110, section 13.1.2)."""
    with access.reading() as cursor:
        version = jobs.get_version(cursor, account_id=access.principal().account_id, job_id=job_id)
    etag = _etag(version) if version else None
    return etag if etag and request.if_none_match.contains_weak(etag.strip('"')) else None


def _etag(version: str) -> str:
    return f'"{version}.{REPRESENTATION}"'


def require_job(job_id: str) -> jobs.Job:
    """The principal's job of this id, or an invalid-id or not-found problem."""
    wanted = ids.job_id(job_id)
    with access.reading() as cursor:
        job = jobs.get(cursor, account_id=access.principal().account_id, job_id=wanted)
    if job is None:
        raise Problem("not-found", f"There is no job {wanted}.")
    return job


def csv_attachment(body: bytes | Iterator[bytes], name: str) -> Response:
    """A CSV file that browsers save and never show."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, 200, headers, content_type="text/csv; charset=utf-8")
