"""The answer to a request that creates a job: 202, and where to follow it."""

from uuid import UUID

from flask import json, request, url_for

from bulkimport.api.upload_schemas import AcceptedSchema
from bulkimport.jobs.intake import Limits
from bulkimport.store.jobs import Receipt
from bulkimport.web import access, request_log
from bulkimport.web.idempotency import Answer
from bulkimport.web.operations import Success

ACCEPTED_SCHEMA = AcceptedSchema()
ACCEPTED = Success(
    "The job was created and will be processed",
    AcceptedSchema,
    headers=("Location", "Retry-After", "Idempotency-Replayed"),
)
POLL_AFTER_S = 1


def accepted(job_id: UUID, message: str) -> Answer:
    """202 with the job's id and URL. `message` is for people, a sentence without its full stop."""
    status_url = url_for("jobs.status", job_id=job_id)
    body = {
        "job_id": job_id,
        "status_url": status_url,
        "message": f"{message}; follow the job at {status_url}.",
    }
    return Answer(
        202,
        {"Location": status_url, "Retry-After": str(POLL_AFTER_S)},
        json.dumps(ACCEPTED_SCHEMA.dump(body)),
    )


def receipt() -> Receipt:
    """Who creates the job, and by which request."""
    exchange = request_log.exchange()
    return Receipt(
        created_by=access.principal().subject,
        request_id=exchange.request_id,
        traceparent=request.headers["traceparent"] if exchange.trace_id else None,
    )


def limits() -> Limits:
    """The limits on uploads and jobs, from the settings."""
    settings = access.settings()
    return Limits(settings.chunk_rows, settings.max_rows, settings.max_active_jobs_per_account)
