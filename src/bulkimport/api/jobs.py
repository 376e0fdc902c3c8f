"""Bulk import jobs over HTTP."""

from flask import Blueprint, Response, current_app, json, request, url_for

from bulkimport import intake
from bulkimport.api import access, ids
from bulkimport.api.schemas import AcceptedSchema, JobSchema
from bulkimport.api.uploads import uploaded_file
from bulkimport.problems import Problem
from bulkimport.settings import Settings
from bulkimport.store import jobs

POLL_AFTER_S = 1

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.post("")
def upload() -> Response:
    """Take a file in: 202 and a job that will be finished, or a problem and nothing left behind."""
    settings: Settings = current_app.extensions["settings"]
    limits = intake.Limits(settings.chunk_rows, settings.max_rows)
    with uploaded_file(request, max_bytes=settings.max_upload_bytes) as file:
        job_id = intake.submit(access.database(), limits, account_id=access.principal().account_id, file=file)
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
    """How far a job is, and its first row errors."""
    wanted = ids.job_id(job_id)
    with access.reading() as cursor:
        job = jobs.get(cursor, account_id=access.principal().account_id, job_id=wanted)
    if job is None:
        raise Problem("not-found", f"There is no job {wanted}.")
    headers = {} if job.status in jobs.FINAL_STATUSES else {"Retry-After": str(POLL_AFTER_S)}
    return Response(json.dumps(JobSchema().dump(job)), 200, headers, content_type="application/json")
