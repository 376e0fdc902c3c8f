"""A file handed in over HTTP."""

import hashlib
import json as plain_json
from dataclasses import replace
from uuid import uuid4

from flask import Blueprint, Response, request
from psycopg2.extensions import cursor as Cursor

from bulkimport.api.job_schemas import UploadOptionsSchema
from bulkimport.api.new_job import ACCEPTED, accepted, limits, receipt
from bulkimport.csvfile.template import template
from bulkimport.jobs import intake
from bulkimport.jobs.options import Asked
from bulkimport.telemetry import metrics
from bulkimport.web import access, idempotency, parameters
from bulkimport.web.idempotency import Answer, Key
from bulkimport.web.once import OF_A_KEY, request_key, responded
from bulkimport.web.operations import CSV, Success, operation
from bulkimport.web.responses import csv_attachment
from bulkimport.web.upload import Upload, uploaded

UPLOAD_OPTIONS_SCHEMA = UploadOptionsSchema()

REFUSALS = (
    *("invalid-parameters", "malformed-request", "incomplete-body", "missing-file", "empty-file", "no-rows"),
    *("missing-columns", "doubled-columns", "too-many-columns", "unreadable-header", "ambiguous-delimiter"),
    *("ambiguous-dates", "not-csv", "unknown-charset", "unknown-parent", "ambiguous-parent"),
    *("length-required", "too-large", "too-many-rows", "unsupported-media-type", "request-timeout"),
)
EXAMPLE = template().decode()
BODY = {
    CSV: {"schema": {"type": "string"}, "example": EXAMPLE},
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary"}},
            "required": ["file"],
        },
        "example": {"file": EXAMPLE},
    },
}

blueprint = Blueprint("hand_in", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.post("")
@operation(
    {202: ACCEPTED},
    query=UploadOptionsSchema,
    headers=("Idempotency-Key",),
    body=BODY,
    problems=(*REFUSALS, *OF_A_KEY, "too-many-jobs"),
)
def hand_in() -> Response:
    """Take a file in: 202 and a job that will be finished, or a problem and nothing left behind."""
    with uploaded(request, max_bytes=access.settings().max_upload_bytes) as upload:
        asked: Asked = parameters.load(UPLOAD_OPTIONS_SCHEMA, upload.fields)
        key = request_key(_fingerprint(upload))
        account_id = access.principal().account_id
        earlier = key and idempotency.earlier_answer(access.database(), account_id=account_id, key=key)
        return responded(earlier or _store(upload, asked, key))


@blueprint.get("/template.csv")
@operation({200: Success("The file", headers=("Content-Disposition",), media_type=CSV)})
def template_csv() -> Response:
    """A file to begin with."""
    return csv_attachment(template(), "assets-template.csv")


def _store(upload: Upload, asked: Asked, key: Key | None) -> Answer:
    """Make a job of the file."""
    database, account_id, job_id = access.database(), access.principal().account_id, uuid4()
    asked = replace(asked, charset=asked.charset or upload.charset)
    of_file = replace(receipt(), file_name=upload.name, file_bytes=upload.size, file_sha256=upload.sha256)
    with intake.cut(database, limits(), asked, account_id=account_id, file=upload.file) as file:

        def act(cursor: Cursor) -> Answer:
            intake.store(cursor, limits(), file, account_id=account_id, job_id=job_id, receipt=of_file)
            return accepted(job_id, "The file was accepted")

        answer = idempotency.once(database, act, account_id=account_id, key=key, creates_job=job_id)
        if not answer.replayed:
            metrics.UPLOADED_ROWS.inc(file.chunks.rows)
            metrics.UPLOADED_BYTES.inc(upload.size)
        return answer


def _fingerprint(upload: Upload) -> bytes:
    """Of the file and the fields, not of the form around them, whose boundary is another one each time."""
    fields = plain_json.dumps({name: list(values) for name, values in upload.fields.items()}, sort_keys=True)
    return hashlib.sha256(upload.sha256 + fields.encode() + repr(upload.charset).encode()).digest()
