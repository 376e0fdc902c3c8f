"""A dry run's plan: whether there is one, and its rows as CSV."""

import json
from collections.abc import Iterator
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.csvfile.writer import LineWriter
from bulkimport.database.connections import Database
from bulkimport.errors import Refusal
from bulkimport.jobs.options import Options
from bulkimport.store import jobs, plans
from bulkimport.store.jobs import Job
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
    first = [str(row.row), row.identifier, row.action]
    for field, change in row.changes.items():
        yield [*first, field, _cell(change.before), _cell(change.after)]
    if not row.changes:
        yield [*first, "", "", ""]


def _cell(value: str | bool | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
