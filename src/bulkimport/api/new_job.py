"""202: a job that will be finished."""

from uuid import UUID

from flask import g, json, request, url_for

from bulkimport.api.job_schemas import AcceptedSchema
from bulkimport.jobs.intake import Limits
from bulkimport.store.jobs import Receipt
from bulkimport.web import access
from bulkimport.web.idempotency import Answer
from bulkimport.web.operations import Success

ACCEPTED_SCHEMA = AcceptedSchema()
ACCEPTED = Success(
    "A job that will be finished", AcceptedSchema, headers=("Location", "Retry-After", "Idempotency-Replayed")
)
POLL_AFTER_S = 1


def accepted(job_id: UUID, what: str) -> Answer:
    """Tells where to follow the job."""
    status_url = url_for("jobs.status", job_id=job_id)
    body = {"job_id": job_id, "status_url": status_url, "message": f"{what}; follow the job at {status_url}."}
    return Answer(
        202,
        {"Location": status_url, "Retry-After": str(POLL_AFTER_S)},
        json.dumps(ACCEPTED_SCHEMA.dump(body)),
    )


def receipt() -> Receipt:
    """Who asks, and by which request."""
    return Receipt(
        created_by=access.principal().subject,
        request_id=g.request_id,
        traceparent=request.headers["traceparent"] if g.trace_id else None,
    )


def limits() -> Limits:
    """What the settings allow."""
    settings = access.settings()
    return Limits(settings.chunk_rows, settings.max_rows, settings.max_active_jobs_per_account)
