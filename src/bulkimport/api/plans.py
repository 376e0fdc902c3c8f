"""A dry run's plan over HTTP."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from bulkimport.api.jobs import require_job
from bulkimport.api.plan_schemas import PlanPageSchema, PlanQuerySchema
from bulkimport.jobs import plans as dry_runs
from bulkimport.store import plans
from bulkimport.web import access, parameters
from bulkimport.web.operations import CSV, Success, operation
from bulkimport.web.pagination import page_answer
from bulkimport.web.responses import csv_attachment, preferred_format

PLAN_PAGE_SCHEMA = PlanPageSchema()
PLAN_QUERY_SCHEMA = PlanQuerySchema()
PLAN_PROBLEMS = ("invalid-id", "not-found", "not-a-plan", "job-unfinished", "plan-expired")

blueprint = Blueprint("plans", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.get("/<job:job_id>/changes")
@operation(
    "listChanges",
    {
        200: Success(
            "A page of the plan, or all of it as CSV",
            PlanPageSchema,
            headers=("Link", "Content-Disposition"),
            or_as=(CSV,),
        )
    },
    query=PlanQuerySchema,
    problems=(*PLAN_PROBLEMS, "invalid-parameters"),
)
def changes(job_id: str) -> Response:
    """List what an import would do with each row of a dry run: as pages of JSON, or as one CSV file.

    Rows with errors are not listed. A page may hold fewer rows than `limit`, or none, while `next_cursor` is
    not null: for each page at most 10,000 rows are searched.
    """
    query: dict[str, Any] = parameters.of_request(PLAN_QUERY_SCHEMA)
    account_id, job = access.principal().account_id, require_job(job_id)
    with access.reading() as cursor:
        dry_runs.require(cursor, job, account_id=account_id)
    if (query.get("format") or preferred_format()) == "csv":
        body = dry_runs.changes_csv(
            access.database(),
            account_id=account_id,
            job_id=job.id,
            action=query.get("action"),
            formula_safe=query["formula_safe"],
        )
        response = csv_attachment(body, f"changes-{job.id}.csv")
    else:
        response = _page(job.id, query)
    response.vary.add("Accept")
    return response


def _page(job_id: UUID, query: dict[str, Any]) -> Response:
    (after_row,) = query["cursor"]
    with access.reading() as cursor:
        page = plans.page(
            cursor,
            account_id=access.principal().account_id,
            job_id=job_id,
            after_row=after_row,
            limit=query["limit"],
            action=query.get("action"),
        )
    next_key = None if page.next_row is None else (page.next_row,)
    return page_answer(PLAN_PAGE_SCHEMA.dump({"changes": page.rows, "next_cursor": next_key}))
