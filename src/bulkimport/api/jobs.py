"""Bulk import jobs over HTTP."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, json, request, url_for
from psycopg2.extensions import cursor as Cursor

from bulkimport.api import ids, long_polling
from bulkimport.api.job_schemas import JobPageSchema, JobQuerySchema, JobSchema
from bulkimport.api.new_job import ACCEPTED, accepted, limits, receipt
from bulkimport.jobs import actions, estimates
from bulkimport.store import jobs, queue
from bulkimport.web import access, parameters
from bulkimport.web.idempotency import Answer
from bulkimport.web.once import OF_A_KEY, answer_once
from bulkimport.web.operations import Success, operation
from bulkimport.web.problems import Problem

JOB_SCHEMA = JobSchema()
JOB_PAGE_SCHEMA = JobPageSchema()
JOB_QUERY_SCHEMA = JobQuerySchema()
OF_A_JOB = ("invalid-id", "not-found")
CACHING = {"Cache-Control": "private, no-cache", "Vary": "Prefer"}
REPRESENTATION = "2"  # of a job as JSON: to be raised when its shape changes, as every ETag then does

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.get("")
@operation(
    {200: Success("A page of jobs", JobPageSchema, headers=("Link",))},
    query=JobQuerySchema,
    problems=("invalid-parameters",),
)
def page() -> Response:
    """The account's jobs in pages, newest first.

    A page may hold fewer jobs than `limit`, or none, while `next_cursor` is not null: go on with it. A page
    looks at 10,000 jobs at most.
    """
    query: dict[str, Any] = parameters.of_request(JOB_QUERY_SCHEMA)
    before: tuple[datetime, UUID] | None = query.pop("cursor")
    with access.reading() as cursor:
        found = jobs.page(cursor, account_id=access.principal().account_id, before=before, **query)
    return parameters.page_answer(JOB_PAGE_SCHEMA.dump({"jobs": found.jobs, "next_cursor": found.next_key}))


@blueprint.get("/<job:job_id>")
@operation(
    {
        200: Success("The job", JobSchema, headers=("ETag", "Retry-After", "Preference-Applied")),
        304: Success("The caller has it as it is", headers=("ETag", "Preference-Applied")),
    },
    headers=("If-None-Match", "Prefer"),
    problems=OF_A_JOB,
)
def status(job_id: str) -> Response:
    """How far a job is, and its first row errors; 304 where the caller has that already."""
    wanted = ids.job_id(job_id)
    known_etag = _known_etag(wanted)
    waited = long_polling.wait_for_change(wanted, known_version=_version(known_etag))
    headers = dict(CACHING)
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited}"
        known_etag = _known_etag(wanted)
    if known_etag:
        return Response(status=304, headers={**headers, "ETag": known_etag})
    job, position = _job_and_position(wanted)
    headers["ETag"] = _etag(job.version, position)
    if job.status not in jobs.FINAL_STATUSES:
        headers["Retry-After"] = str(estimates.poll_after(job))
    return Response(json.dumps(_document(job, position)), 200, headers, content_type="application/json")


@blueprint.delete("/<job:job_id>")
@operation({204: Success("The job is gone")}, problems=(*OF_A_JOB, "job-unfinished"))
def delete(job_id: str) -> Response:
    """Forget a finished job with its errors and its file; the assets stay."""
    wanted = ids.job_id(job_id)

    def act(cursor: Cursor) -> Answer:
        actions.delete(cursor, account_id=access.principal().account_id, job_id=wanted)
        return Answer(204, {}, "")

    return answer_once(act, subject=f"job {wanted}")


@blueprint.post("/<job:job_id>/cancel")
@operation(
    {
        200: Success("The job is cancelled", JobSchema, headers=("Idempotency-Replayed",)),
        202: Success(
            "The job will be", JobSchema, headers=("Location", "Retry-After", "Idempotency-Replayed")
        ),
    },
    headers=("Idempotency-Key",),
    problems=(*OF_A_JOB, *OF_A_KEY, "job-finished"),
)
def cancel(job_id: str) -> Response:
    """End a job: 200 where that is done, 202 where the worker that has it in hand will do it."""
    wanted = ids.job_id(job_id)

    def act(cursor: Cursor) -> Answer:
        job = actions.cancel(cursor, account_id=access.principal().account_id, job_id=wanted)
        done = job.status == jobs.CANCELLED
        headers = {} if done else {"Retry-After": "1", "Location": url_for(".status", job_id=wanted)}
        return Answer(200 if done else 202, headers, json.dumps(_document(job, None)))

    return answer_once(act, subject=f"job {wanted}")


@blueprint.post("/<job:job_id>/retry")
@operation(
    {202: ACCEPTED},
    headers=("Idempotency-Key",),
    problems=(*OF_A_JOB, *OF_A_KEY, "job-unfinished", "nothing-to-retry", "too-many-jobs"),
)
def retry(job_id: str) -> Response:
    """Try the failed rows again, and those that were never reached, as a new job."""
    return _begin(actions.retry, job_id, "The rows will be tried again")


@blueprint.post("/<job:job_id>/revert")
@operation(
    {202: ACCEPTED},
    headers=("Idempotency-Key",),
    problems=(
        *(*OF_A_JOB, *OF_A_KEY, "job-unfinished", "nothing-to-revert", "already-reverted"),
        "too-many-jobs",
    ),
)
def revert(job_id: str) -> Response:
    """Undo what a job did to the assets, as a new job."""
    return _begin(actions.revert, job_id, "The job will be undone")


def _begin(action: Callable[..., None], job_id: str, what: str) -> Response:
    """Make the job that does this to another one."""
    wanted, new_job_id = ids.job_id(job_id), uuid4()

    def act(cursor: Cursor) -> Answer:
        action(
            cursor,
            limits(),
            account_id=access.principal().account_id,
            job_id=wanted,
            new_job_id=new_job_id,
            receipt=receipt(),
        )
        return accepted(new_job_id, what)

    return answer_once(act, creates_job=new_job_id)


def require_job(job_id: str) -> jobs.Job:
    """The principal's job of this id, or an invalid-id or not-found problem."""
    return _job_and_position(ids.job_id(job_id))[0]


def _job_and_position(job_id: UUID) -> tuple[jobs.Job, int | None]:
    """A job, and where a pending one stands among those of its account."""
    account_id = access.principal().account_id
    with access.reading() as cursor:
        job = jobs.get(cursor, account_id=account_id, job_id=job_id)
        position = _position(cursor, job_id, job)
    if job is None:
        raise Problem("not-found", f"There is no job {job_id}.")
    return job, position


def _position(cursor: Cursor, job_id: UUID, job: jobs.Job | jobs.State | None) -> int | None:
    if job is None or job.status != jobs.PENDING:
        return None
    return queue.position(cursor, account_id=access.principal().account_id, job_id=job_id)


def _document(job: jobs.Job, position: int | None) -> dict[str, Any]:
    document: dict[str, Any] = JOB_SCHEMA.dump(job)
    document["queue_position"] = position
    return document


def _known_etag(job_id: UUID) -> str | None:
    """The job's ETag, where it is among those that the caller has (RFC 9110, section 13.1.2)."""
    if not request.if_none_match:
        return None
    account_id = access.principal().account_id
    with access.reading() as cursor:
        state = jobs.get_state(cursor, account_id=account_id, job_id=job_id)
        position = _position(cursor, job_id, state)
    etag = _etag(state.version, position) if state else None
    return etag if etag and request.if_none_match.contains_weak(etag.strip('"')) else None


def _etag(version: str, position: int | None) -> str:
    return f'"{version}.{position or 0}.{REPRESENTATION}"'


def _version(etag: str | None) -> str | None:
    return etag.strip('"').partition(".")[0] if etag else None
