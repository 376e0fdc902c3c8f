"""A dry run's plan over HTTP."""

from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, request
from psycopg2.extensions import cursor as Cursor

from bulkimport.api import ids, job_status
from bulkimport.api.jobs import require_job
from bulkimport.api.new_job import ACCEPTED, accepted, limits, receipt
from bulkimport.api.plan_schemas import PlanPageSchema, PlanQuerySchema
from bulkimport.jobs import plans as dry_runs
from bulkimport.store import plans
from bulkimport.store.jobs import Job
from bulkimport.web import access, parameters
from bulkimport.web.idempotency import KEY_PROBLEMS, Answer, answer_once
from bulkimport.web.operations import CSV, Success, operation
from bulkimport.web.pagination import page_answer
from bulkimport.web.problems import Problem
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


@blueprint.post("/<job:job_id>/apply")
@operation(
    "applyPlan",
    {202: ACCEPTED},
    headers=("If-Match", "Idempotency-Key"),
    problems=(
        *(*PLAN_PROBLEMS, *KEY_PROBLEMS, "plan-applied", "plan-empty", "precondition-failed"),
        "too-many-jobs",
    ),
)
def apply(job_id: str) -> Response:
    """Do what a dry run has planned, as a new job; assets that were changed since are left as they are."""
    account_id, parsed_id, new_job_id = access.principal().account_id, ids.job_id(job_id), uuid4()

    def act(cursor: Cursor) -> Answer:
        dry_run = dry_runs.lock(cursor, account_id=account_id, job_id=parsed_id)
        _require_match(dry_run)
        dry_runs.apply(
            cursor,
            limits(),
            dry_run,
            account_id=account_id,
            new_job_id=new_job_id,
            receipt=receipt(),
        )
        return accepted(new_job_id, "The plan will be applied")

    return answer_once(act, creates_job=new_job_id)


def _require_match(dry_run: Job) -> None:
    """A problem if the request has If-Match without the ETag of the dry run."""
    current = job_status.etag(dry_run.version)
    if "If-Match" in request.headers and not request.if_match.contains(current.strip('"')):
        raise Problem(
            "precondition-failed",
            f"The plan is not the one that was read: its ETag is {current}. Read it again.",
            headers={"ETag": current},
        )


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
