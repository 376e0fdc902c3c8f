"""Undoes what a range of a job's rows did, in the caller's transaction."""

from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.row_errors import RowError, occurrences, quoted
from bulkimport.importing.outcome import Outcome
from bulkimport.store import chunks, reverting, row_errors
from bulkimport.store.jobs import Job
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics

CHANGED_SINCE = "changed_since"


@metrics.stage("revert")
def revert_chunk(cursor: Cursor, job: Job, claim: Claim) -> Outcome:
    """Undo what the claimed range did; the job's queue row must be locked.

    Assets that were deleted since are skipped; those that were changed since are left as they are, each with
    an error. The last range also counts as skipped the rows that an earlier, unfinished revert has undone.
    """
    account_id, job_id, number = claim.account_id, claim.job_id, claim.next_chunk
    chunk = chunks.require(cursor, account_id=account_id, job_id=job_id, number=number)
    chunks.delete(cursor, account_id=account_id, job_id=job_id, number=number)
    span = reverting.Span(account_id, _parent(job), chunk.first_row, chunk.first_row + chunk.rows - 1)
    total = reverting.lock(cursor, span)
    if claim.is_last_chunk:
        total = job.total_rows - job.processed_rows
    removed = reverting.remove(cursor, span)
    restored = reverting.restore(cursor, span)
    errors = [_changed_since(asset) for asset in reverting.changed_since(cursor, span)]
    if errors:
        row_errors.insert(cursor, account_id=account_id, job_id=job_id, errors=row_errors.arrays(errors))
    return Outcome(
        updated=restored,
        skipped=total - removed - restored - len(errors),
        failed=len(errors),
        removed=removed,
        errors=errors,
        occurrences=occurrences(errors),
    )


def _parent(job: Job) -> UUID:
    if job.parent_job_id is None:
        raise LookupError(f"the job that job {job.id} undoes no longer exists")
    return job.parent_job_id


def _changed_since(asset: reverting.ChangedAsset) -> RowError:
    message = f"identifier {quoted(asset.identifier)} was changed after the import and is left as it is"
    return RowError(asset.row, 0, "identifier", CHANGED_SINCE, message, asset.identifier[:200])
