"""A dry run's plan over HTTP."""

from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, request
from marshmallow import Schema, fields, validate
from psycopg2.extensions import cursor as Cursor

from bulkimport.api import job_status
from bulkimport.api.jobs import require_job
from bulkimport.api.new_job import ACCEPTED, accepted, limits, receipt
from bulkimport.jobs import plans as dry_runs
from bulkimport.store import plans
from bulkimport.store.jobs import Job
from bulkimport.web import access, ids, parameters
from bulkimport.web.idempotency import KEY_PROBLEMS, Answer, answer_once
from bulkimport.web.operations import CSV, Success, operation
from bulkimport.web.pagination import NUMBER, CursorField, page_answer
from bulkimport.web.problems import Problem
from bulkimport.web.responses import csv_attachment, preferred_format
from bulkimport.web.schemas import MAX_PAGE, AnswerSchema, BooleanParameter, Choice, Enumeration, about

MAX_CHANGES_PAGE = 1000
PLANNED_ACTION = Enumeration(
    "PlannedAction",
    "What an import would do with a row: create an asset, update one, skip the row because an asset has its "
    "identifier, or leave the asset unchanged.",
    plans.ACTIONS,
)
VALUE = [{"type": "string"}, {"type": "boolean"}, {"type": "null"}]


class ChangeSchema(AnswerSchema):
    """How a field would change."""

    from_: fields.Field[Any] = fields.Raw(
        data_key="from",
        attribute="before",
        allow_none=True,
        metadata=about("Its value when the dry run read the asset.", anyOf=VALUE),
    )
    to: fields.Field[Any] = fields.Raw(
        attribute="after",
        allow_none=True,
        metadata=about("Its value after the import.", anyOf=VALUE),
    )


class PlannedRowSchema(AnswerSchema):
    """What an import would do with a row."""

    row = fields.Integer(metadata=about("The row as a spreadsheet numbers it; the header is row 1."))
    identifier = fields.String(
        allow_none=True, metadata=about("The asset's identifier; null if it would be generated.")
    )
    action = Choice(PLANNED_ACTION, metadata=about("What would become of the row."))
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(ChangeSchema),
        metadata=about("The fields that an update would change, with a field `metadata.KEY` for each key."),
    )


class PlanPageSchema(AnswerSchema):
    """A page of a plan."""

    changes = fields.List(
        fields.Nested(PlannedRowSchema), metadata=about("The planned rows, in the order of the file.")
    )
    next_cursor = CursorField(
        NUMBER, allow_none=True, metadata=about("Where the next page begins; null on the last one.")
    )


class PlanQuerySchema(Schema):
    """The query parameters of a plan."""

    action = Choice(PLANNED_ACTION, metadata=about("Only rows with this action."))
    format = Choice(
        Enumeration("PlanFormat", "The form of a plan.", ("json", "csv")),
        metadata=about("Pages of JSON, or one CSV file. By default the one that `Accept` prefers, or JSON."),
    )
    limit = fields.Integer(
        load_default=MAX_PAGE,
        validate=validate.Range(min=1, max=MAX_CHANGES_PAGE),
        metadata=about("How many rows a page of JSON has at most."),
    )
    cursor = CursorField(
        NUMBER,
        load_default=lambda: (0,),
        metadata=about("The `next_cursor` of the previous page of JSON. By default the first page."),
    )
    formula_safe = BooleanParameter(
        load_default=False,
        metadata=about(
            "In CSV: whether to put an apostrophe before cells that a spreadsheet would execute (= + - @)."
        ),
    )


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
