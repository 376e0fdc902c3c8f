"""The answer to a request that creates a job: 202, and where to follow it."""

from uuid import UUID

from flask import json, request, url_for
from marshmallow import fields

from bulkimport.jobs.intake import Limits
from bulkimport.store.jobs import Receipt
from bulkimport.web import access, request_log
from bulkimport.web.idempotency import Answer
from bulkimport.web.operations import Success
from bulkimport.web.schemas import AnswerSchema, Choice, Enumeration, about


class AcceptedSchema(AnswerSchema):
    """The answer to a request that creates a job."""

    status = Choice(
        Enumeration("AcceptedStatus", "What became of the request.", ("accepted",)),
        dump_default="accepted",
        metadata=about("Always accepted."),
    )
    job_id = fields.UUID(metadata=about("The new job's id."))
    status_url = fields.String(metadata=about("The path at which to follow the job.", format="uri-reference"))
    message = fields.String(metadata=about("The same for people."))
    mapping_from = fields.UUID(
        allow_none=True,
        metadata=about(
            "The job whose mapping and options an upload with `columns=remembered` took; null otherwise."
        ),
    )


ACCEPTED_SCHEMA = AcceptedSchema()
ACCEPTED = Success(
    "The job was created and will be processed",
    AcceptedSchema,
    headers=("Location", "Retry-After", "Idempotency-Replayed"),
)
POLL_AFTER_S = 1


def accepted(job_id: UUID, message: str, *, mapping_from: UUID | None = None) -> Answer:
    """202 with the job's id and URL. `message` is for people, a sentence without its full stop.

    `mapping_from` is the job whose mapping and options an upload took.
    """
    status_url = url_for("jobs.status", job_id=job_id)
    body = {
        "job_id": job_id,
        "status_url": status_url,
        "message": f"{message}; follow the job at {status_url}.",
        "mapping_from": mapping_from,
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
