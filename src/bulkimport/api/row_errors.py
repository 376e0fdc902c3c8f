"""A job's row errors and failed rows over HTTP."""

from typing import BinaryIO

from flask import Blueprint, Response

from bulkimport.api.jobs import require_job
from bulkimport.api.row_error_schemas import ErrorPageSchema, ErrorQuerySchema, FailedRowsQuerySchema
from bulkimport.jobs import exports
from bulkimport.store import row_errors
from bulkimport.store.jobs import Job
from bulkimport.web import access, parameters
from bulkimport.web.operations import CSV, XLSX, Success, operation
from bulkimport.web.pagination import page_answer
from bulkimport.web.problems import Problem
from bulkimport.web.responses import csv_attachment, file_attachment, preferred_format

blueprint = Blueprint("row_errors", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.get("/<job:job_id>/errors")
@operation(
    "listRowErrors",
    {
        200: Success(
            "A page of row errors, or all of them as CSV",
            ErrorPageSchema,
            headers=("Link", "Content-Disposition"),
            or_as=(CSV,),
        )
    },
    query=ErrorQuerySchema,
    problems=("invalid-id", "invalid-parameters", "not-found"),
)
def errors(job_id: str) -> Response:
    """List the row errors of a job, at most 20 per row: as pages of JSON, or as one CSV file."""
    query = parameters.of_request(ErrorQuerySchema())
    job = require_job(job_id)
    format_ = query.get("format") or preferred_format()
    if format_ == "csv":
        body = exports.errors_csv(
            access.database(),
            account_id=access.principal().account_id,
            job_id=job.id,
            formula_safe=query["formula_safe"],
        )
        response = csv_attachment(body, f"errors-{job.id}.csv")
    else:
        response = _page(job, query["cursor"], query["limit"])
    response.vary.add("Accept")
    return response


@blueprint.get("/<job:job_id>/failed-rows.csv")
@operation(
    "downloadFailedRows",
    {200: Success("The file", headers=("Content-Disposition",), media_type=CSV)},
    query=FailedRowsQuerySchema,
    problems=("invalid-id", "invalid-parameters", "not-found"),
)
def failed_rows(job_id: str) -> Response:
    """Download the failed rows of a job as they were uploaded, to fix them and upload them again."""
    query = parameters.of_request(FailedRowsQuerySchema())
    job = _require_job_with_file(job_id)
    body = exports.failed_rows_csv(
        access.database(),
        account_id=access.principal().account_id,
        job=job,
        formula_safe=query["formula_safe"],
    )
    return csv_attachment(body, f"failed-rows-{job.id}.csv", bom=query["bom"])


@blueprint.get("/<job:job_id>/failed-rows.xlsx")
@operation(
    "downloadFailedRowsXlsx",
    {200: Success("The file", headers=("Content-Disposition",), media_type=XLSX)},
    problems=("invalid-id", "not-found", "csv-only"),
)
def failed_rows_xlsx(job_id: str) -> Response:
    """Download the failed rows of a job as an Excel workbook, to fix them and upload them again."""
    job = _require_job_with_file(job_id)

    def write(file: BinaryIO) -> None:
        account_id = access.principal().account_id
        exports.write_failed_rows_workbook(access.database(), account_id=account_id, job=job, file=file)

    return file_attachment(write, f"failed-rows-{job.id}.xlsx")


def _require_job_with_file(job_id: str) -> Job:
    job = require_job(job_id)
    if not job.header:
        raise Problem("not-found", f"Job {job.id} was not created from a file.")
    return job


def _page(job: Job, after: tuple[int, int], limit: int) -> Response:
    with access.reading() as cursor:
        fetched = row_errors.page(
            cursor,
            account_id=access.principal().account_id,
            job_id=job.id,
            after=after,
            limit=limit + 1,
        )
    shown = fetched[:limit]
    next_key = (shown[-1].row, shown[-1].position) if len(fetched) > limit else None
    return page_answer(ErrorPageSchema().dump({"errors": shown, "next_cursor": next_key}))
