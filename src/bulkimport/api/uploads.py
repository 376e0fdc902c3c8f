"""Uploads of files over HTTP."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from flask import Blueprint, Response, current_app, request
from psycopg2.extensions import cursor as Cursor

from bulkimport.api.new_job import ACCEPTED, accepted, limits, receipt
from bulkimport.api.upload_schemas import TemplateQuerySchema, UploadFormSchema, UploadOptionsSchema
from bulkimport.csvfile.template import template
from bulkimport.jobs import intake
from bulkimport.jobs.options import RequestedOptions
from bulkimport.spreadsheet.template import write_template
from bulkimport.telemetry import metrics
from bulkimport.web import access, idempotency, parameters
from bulkimport.web.idempotency import KEY_PROBLEMS, Answer, IdempotencyKey, request_key, to_response
from bulkimport.web.operations import CSV, XLSX, Success, operation
from bulkimport.web.responses import csv_attachment, file_attachment
from bulkimport.web.upload import Upload, uploaded

UPLOAD_OPTIONS_SCHEMA = UploadOptionsSchema()

REQUEST_PROBLEMS = (
    *("invalid-parameters", "malformed-request", "incomplete-body", "digest-mismatch", "missing-file"),
    *("length-required", "too-large", "unsupported-media-type", "request-timeout", "nothing-remembered"),
)
FILE_PROBLEMS = (
    *("empty-file", "no-rows", "too-many-rows"),
    *("missing-columns", "duplicate-columns", "too-many-columns", "unreadable-header", "ambiguous-delimiter"),
    *(
        "ambiguous-dates",
        "ambiguous-sheet",
        "unknown-sheet",
        "not-csv",
        "unknown-charset",
        "unknown-parent",
        "ambiguous-parent",
    ),
)
BINARY = {"type": "string", "format": "binary"}
EXAMPLE = template().decode()
BODY = {
    "multipart/form-data": {"schema": UploadFormSchema, "example": {"file": EXAMPLE}},
    CSV: {"schema": BINARY, "example": EXAMPLE},
    XLSX: {"schema": BINARY},
}

blueprint = Blueprint("uploads", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.post("")
@operation(
    "uploadAssets",
    {202: ACCEPTED},
    query=UploadOptionsSchema,
    headers=("Idempotency-Key", "Content-Encoding", "Content-Digest"),
    body=BODY,
    problems=(*REQUEST_PROBLEMS, *FILE_PROBLEMS, *KEY_PROBLEMS, "too-many-jobs"),
)
def upload() -> Response:
    """Upload a file of assets: 202 and the job that will import it, or a problem and nothing was stored."""
    with received_upload() as (received, requested):
        key = request_key(_fingerprint(received))
        account_id = access.principal().account_id
        earlier = key and idempotency.earlier_answer(access.database(), account_id=account_id, key=key)
        return to_response(earlier or _store(received, requested, key))


@contextmanager
def received_upload() -> Iterator[tuple[Upload, RequestedOptions]]:
    """The file of the request and its options, once a place for an upload is free."""
    places: threading.BoundedSemaphore = current_app.extensions["upload_places"]
    with places, uploaded(request, max_bytes=access.settings().max_upload_bytes) as received:
        requested: RequestedOptions = parameters.load(UPLOAD_OPTIONS_SCHEMA, received.fields)
        yield received, replace(requested, charset=requested.charset or received.charset)


@blueprint.get("/template.csv")
@operation(
    "downloadTemplate",
    {200: Success("The file", headers=("Content-Disposition",), media_type=CSV)},
    query=TemplateQuerySchema,
    problems=("invalid-parameters",),
)
def template_csv() -> Response:
    """Download a CSV file to start from."""
    query = parameters.of_request(TemplateQuerySchema())
    return csv_attachment(template(), "assets-template.csv", bom=query["bom"])


@blueprint.get("/template.xlsx")
@operation(
    "downloadTemplateXlsx",
    {200: Success("The file", headers=("Content-Disposition",), media_type=XLSX)},
)
def template_xlsx() -> Response:
    """Download an Excel workbook to start from."""
    return file_attachment(write_template, "assets-template.xlsx")


def _store(upload: Upload, requested: RequestedOptions, key: IdempotencyKey | None) -> Answer:
    """Create a job from the file."""
    database, account_id, job_id = access.database(), access.principal().account_id, uuid4()
    file_receipt = replace(
        receipt(), file_name=upload.name, file_bytes=upload.size, file_sha256=upload.sha256
    )
    with intake.cut(database, limits(), requested, account_id=account_id, file=upload.file) as file:

        def act(cursor: Cursor) -> Answer:
            intake.store(cursor, limits(), file, account_id=account_id, job_id=job_id, receipt=file_receipt)
            return accepted(job_id, "The file was accepted", mapping_from=file.mapping_from)

        answer = idempotency.once(database, act, account_id=account_id, key=key, creates_job=job_id)
        if not answer.replayed:
            metrics.UPLOADED_ROWS.inc(file.chunks.rows)
            metrics.UPLOADED_BYTES.inc(upload.size)
        return answer


def _fingerprint(upload: Upload) -> bytes:
    """A hash of the file and the fields, but not of the form around them: its boundary differs each time."""
    fields = json.dumps({name: list(values) for name, values in upload.fields.items()}, sort_keys=True)
    return hashlib.sha256(upload.sha256 + fields.encode() + repr(upload.charset).encode()).digest()
