"""A dry run's plan: whether there is one, its application as a new job, and its rows as CSV."""

import json
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from psycopg2.errors import UniqueViolation
from psycopg2.extensions import cursor as Cursor

from bulkimport.csvfile.writer import LineWriter
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs import intake
from bulkimport.jobs.intake import Limits
from bulkimport.jobs.options import Options
from bulkimport.store import chunks, jobs, plans
from bulkimport.store.jobs import Job, Receipt
from bulkimport.store.plans import PlannedRow

PAGE_ROWS = 5_000
COLUMNS = ("row", "identifier", "action", "field", "from", "to")


def require(cursor: Cursor, job: Job, *, account_id: int) -> None:
    """Raise Refusal unless the job is a dry run whose plan is stored."""
    if job.kind != jobs.IMPORT or not Options.from_stored(job.options).dry_run:
        raise Refusal("not-a-plan", "The job is not a dry run. Upload the file with dry_run=true.")
    if job.status not in jobs.FINAL_STATUSES:
        raise Refusal("job-unfinished", f"The dry run is {job.status}; wait until it is finished.")
    if job.status != jobs.COMPLETED:
        raise Refusal("not-a-plan", f"The dry run is {job.status}: nothing would be imported.")
    if plans.count(cursor, account_id=account_id, job_id=job.id) != job.processed_rows - job.failed_rows:
        raise Refusal("plan-expired", "The plan of this dry run is not stored. Upload the file again.")


def lock(cursor: Cursor, *, account_id: int, job_id: UUID) -> Job:
    """Lock a dry run whose plan is stored, and return it; Refusal if it is not one."""
    jobs.lock(cursor, account_id=account_id, job_id=job_id)
    job = jobs.get(cursor, account_id=account_id, job_id=job_id)
    if job is None:
        raise Refusal("not-found", f"There is no job {job_id}.")
    require(cursor, job, account_id=account_id)
    return job


def apply(
    cursor: Cursor, limits: Limits, dry_run: Job, *, account_id: int, new_job_id: UUID, receipt: Receipt
) -> None:
    """Create a job that does what a locked dry run has planned; Refusal if there is nothing to do."""
    if job_id := plans.find_application(cursor, account_id=account_id, parent_id=dry_run.id):
        raise Refusal("plan-applied", f"Job {job_id} applies this plan, or has done so.")
    if not (dry_run.created_rows or dry_run.updated_rows):
        raise Refusal("plan-empty", "The plan neither creates nor changes an asset.")
    try:
        jobs.create(
            cursor,
            account_id=account_id,
            job_id=new_job_id,
            total_rows=dry_run.total_rows,
            blank_rows=dry_run.blank_rows or 0,
            options=replace(Options.from_stored(dry_run.options), dry_run=False).stored(),
            header=dry_run.header,
            columns=dry_run.columns,
            ignored_columns=dry_run.ignored_columns,
            parent_job_id=dry_run.id,
            applies_plan=True,
            receipt=receipt,
        )
    except UniqueViolation as error:
        raise Refusal("plan-applied", "Another job has just begun to apply this plan.") from error
    numbers = chunks.numbers(cursor, account_id=account_id, job_id=dry_run.id)
    intake.enqueue(
        cursor,
        limits,
        account_id=account_id,
        job_id=new_job_id,
        chunks=numbers.stop,
        copies=numbers.start,  # the chunks of a retry are numbered from there
        next_chunk=numbers.start,
    )


def changes_csv(
    database: Database, *, account_id: int, job_id: UUID, action: str | None, formula_safe: bool
) -> Iterator[bytes]:
    """A header, and for each planned row a line per field that would change, or one line without a field.

    No connection is held between the pieces.
    """
    writer = LineWriter(formula_safe=formula_safe)
    yield writer.line(COLUMNS)
    after_row: int | None = 0
    while after_row is not None:
        with database.tenant_read(account_id) as cursor:
            page = plans.page(
                cursor,
                account_id=account_id,
                job_id=job_id,
                after_row=after_row,
                limit=PAGE_ROWS,
                action=action,
            )
        yield b"".join(writer.line(cells) for row in page.rows for cells in _lines(row))
        after_row = page.next_row


def _lines(row: PlannedRow) -> Iterator[list[str]]:
    first = [str(row.row), row.identifier or "", row.action]
    for field, change in row.changes.items():
        yield [*first, field, _cell(change.before), _cell(change.after)]
    if not row.changes:
        yield [*first, "", "", ""]


def _cell(value: str | bool | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
