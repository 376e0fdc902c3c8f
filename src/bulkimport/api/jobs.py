"""Bulk import jobs over HTTP."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, request, url_for
from psycopg2.extensions import cursor as Cursor

from bulkimport.api import job_status, long_polling
from bulkimport.api.job_schemas import JobPageSchema, JobQuerySchema, JobSchema
from bulkimport.api.new_job import ACCEPTED, accepted, limits, receipt
from bulkimport.jobs import actions
from bulkimport.store import job_documents, jobs
from bulkimport.web import access, ids, parameters
from bulkimport.web.idempotency import KEY_PROBLEMS, Answer, answer_once
from bulkimport.web.operations import Success, operation
from bulkimport.web.pagination import page_answer

JOB_PAGE_SCHEMA = JobPageSchema()
JOB_QUERY_SCHEMA = JobQuerySchema()
JOB_PROBLEMS = ("invalid-id", "not-found")
OUTDATED = ""  # a version that no job has

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/assets/bulk")
blueprint.before_request(access.authenticate)


@blueprint.get("")
@operation(
    "listJobs",
    {200: Success("A page of jobs", JobPageSchema, headers=("Link",))},
    query=JobQuerySchema,
    problems=("invalid-parameters",),
)
def list_jobs() -> Response:
    """List the account's jobs, newest first, a page at a time.

    A page may hold fewer jobs than `limit`, or none, while `next_cursor` is not null: only null marks the
    last page. For each page at most 10,000 jobs are searched.
    """
    query: dict[str, Any] = parameters.of_request(JOB_QUERY_SCHEMA)
    before: tuple[datetime, UUID] | None = query.pop("cursor")
    with access.reading() as cursor:
        page = job_documents.page(
            cursor,
            account_id=access.principal().account_id,
            before=before,
            **query,
        )
    answer: dict[str, Any] = JOB_PAGE_SCHEMA.dump({"jobs": [], "next_cursor": page.next_key})
    answer["jobs"] = [json.loads(job_status.text(one)) for one in page.documents]
    return page_answer(answer)


@blueprint.get("/<job:job_id>")
@operation(
    "getJob",
    {
        200: Success("The job", JobSchema, headers=("ETag", "Retry-After", "Preference-Applied")),
        304: Success("Not modified since the ETag in If-None-Match", headers=("ETag", "Preference-Applied")),
    },
    headers=("If-None-Match", "Prefer"),
    problems=JOB_PROBLEMS,
)
def status(job_id: str) -> Response:
    """Get a job: its progress, counts and first row errors; 304 if its ETag is in If-None-Match."""
    # Requests without Prefer are answered by QuickStatus.
    parsed_id = ids.job_id(job_id)
    waited = _wait(parsed_id)
    with access.reading_as_active() as cursor:
        answer = job_status.answer(
            cursor,
            account_id=access.principal().account_id,
            job_id=parsed_id,
            known=request.if_none_match,
        )
    preference = {} if waited is None else {"Preference-Applied": f"wait={waited}"}
    headers = {**answer.headers, **preference}
    return Response(answer.body, answer.status, headers, content_type="application/json")


@blueprint.delete("/<job:job_id>")
@operation("deleteJob", {204: Success("The job was deleted")}, problems=(*JOB_PROBLEMS, "job-unfinished"))
def delete(job_id: str) -> Response:
    """Delete a finished job with its row errors and its file; the assets stay."""
    parsed_id = ids.job_id(job_id)

    def act(cursor: Cursor) -> Answer:
        actions.delete(cursor, account_id=access.principal().account_id, job_id=parsed_id)
        return Answer(204, {}, "")

    return answer_once(act, subject=f"Job {parsed_id}")


@blueprint.post("/<job:job_id>/cancel")
@operation(
    "cancelJob",
    {
        200: Success("The job is cancelled", JobSchema, headers=("Idempotency-Replayed",)),
        202: Success(
            "The job will be cancelled after the current chunk",
            JobSchema,
            headers=("Location", "Retry-After", "Idempotency-Replayed"),
        ),
    },
    headers=("Idempotency-Key",),
    problems=(*JOB_PROBLEMS, *KEY_PROBLEMS, "job-finished"),
)
def cancel(job_id: str) -> Response:
    """Cancel a job: 200 if it is cancelled, 202 if its worker will do that after the current chunk."""
    parsed_id = ids.job_id(job_id)

    def act(cursor: Cursor) -> Answer:
        account_id = access.principal().account_id
        actions.cancel(cursor, account_id=account_id, job_id=parsed_id)
        document = job_documents.get(cursor, account_id=account_id, job_id=parsed_id)
        if document is None:
            raise job_status.not_found(parsed_id)
        done = document.status == jobs.CANCELLED
        headers = {} if done else {"Retry-After": "1", "Location": url_for(".status", job_id=parsed_id)}
        return Answer(200 if done else 202, headers, job_status.text(document))

    return answer_once(act, subject=f"Job {parsed_id}")


@blueprint.post("/<job:job_id>/retry")
@operation(
    "retryJob",
    {202: ACCEPTED},
    headers=("Idempotency-Key",),
    problems=(*JOB_PROBLEMS, *KEY_PROBLEMS, "job-unfinished", "nothing-to-retry", "too-many-jobs"),
)
def retry(job_id: str) -> Response:
    """Retry the rows that failed or were never reached, as a new job."""
    return _begin(actions.retry, job_id, "The rows will be retried")


@blueprint.post("/<job:job_id>/revert")
@operation(
    "revertJob",
    {202: ACCEPTED},
    headers=("Idempotency-Key",),
    problems=(
        *(*JOB_PROBLEMS, *KEY_PROBLEMS, "job-unfinished", "nothing-to-revert", "already-reverted"),
        "too-many-jobs",
    ),
)
def revert(job_id: str) -> Response:
    """Undo what a job did to the assets, as a new job."""
    return _begin(actions.revert, job_id, "The job will be reverted")


def _begin(action: Callable[..., None], job_id: str, message: str) -> Response:
    """Create the job that carries out the action on another job."""
    parsed_id, new_job_id = ids.job_id(job_id), uuid4()

    def act(cursor: Cursor) -> Answer:
        action(
            cursor,
            limits(),
            account_id=access.principal().account_id,
            job_id=parsed_id,
            new_job_id=new_job_id,
            receipt=receipt(),
        )
        return accepted(new_job_id, message)

    return answer_once(act, creates_job=new_job_id)


def require_job(job_id: str) -> jobs.Job:
    """The principal's job with this id; an invalid-id or not-found problem if there is none."""
    parsed_id = ids.job_id(job_id)
    with access.reading() as cursor:
        job = jobs.get(cursor, account_id=access.principal().account_id, job_id=parsed_id)
    if job is None:
        raise job_status.not_found(parsed_id)
    return job


def _wait(job_id: UUID) -> int | None:
    """Wait for a change as the request prefers; return the seconds allowed, or None if it does not wait."""
    known_version = None
    if request.if_none_match:
        account_id = access.principal().account_id
        with access.reading_as_active() as cursor:
            etag = job_status.known_etag(
                cursor, account_id=account_id, job_id=job_id, known=request.if_none_match
            )
        known_version = job_status.version(etag) if etag else OUTDATED
    return long_polling.wait_for_change(job_id, known_version=known_version)
