"""A job's next step: one chunk, or all of them if the job is all or nothing; in the caller's transaction."""

from collections.abc import Callable
from dataclasses import replace

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.row_errors import RowError
from bulkimport.importing.check import Lookahead
from bulkimport.importing.chunk import import_chunk
from bulkimport.importing.outcome import Outcome, add_to_summary
from bulkimport.importing.revert import revert_chunk
from bulkimport.jobs import finish
from bulkimport.jobs.options import ABORT, Options
from bulkimport.store import chunks, jobs, progress, queue, staging
from bulkimport.store.jobs import Job
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics


class BadRowError(Exception):
    """A row of an all-or-nothing job failed: roll back, and only check the job's rows from now on."""


class CancelledError(Exception):
    """An all-or-nothing job was cancelled halfway: roll back, and end it."""


class StoppedError(Exception):
    """The process must stop before the job is done: roll back, and release the claim."""


def import_next(cursor: Cursor, claim: Claim, lookahead: Lookahead, stopping: Callable[[], bool]) -> Outcome:
    """Import the claimed chunk, or all of them, and move the checkpoint or finish the job.

    A claim that copies a chunk imports nothing. The job's queue row must be locked.

    Raises BadRowError, CancelledError, StoppedError or conflicts.InterferenceError; the transaction must then
    be rolled back.
    """
    job = jobs.require(cursor, account_id=claim.account_id, job_id=claim.job_id)
    if job.status in jobs.FINAL_STATUSES or job.cancel_requested_at:
        return Outcome(job_status=jobs.CANCELLED if cancel(cursor, claim) else None)
    options = Options.from_stored(job.options)
    if claim.is_copy:
        _copy(cursor, job, claim)
        queue.checkpoint(cursor, claim)
        return Outcome()
    if job.kind == jobs.REVERT:
        outcome = revert_chunk(cursor, job, claim)
    elif options.on_error == ABORT and not options.dry_run and not claim.only_check:
        outcome = _import_all(cursor, job, claim, options, lookahead, stopping)
        claim = replace(claim, next_chunk=claim.chunks - 1)
    else:
        outcome = import_chunk(cursor, job, claim, options, lookahead)
        _keep_or_delete_chunk(cursor, job, claim, options, outcome)
    return replace(outcome, job_status=_record(cursor, job, claim, options, outcome))


def give_up(cursor: Cursor, claim: Claim, failure: str) -> None:
    """Fail the job for a reason other than its rows; its queue row must be locked."""
    finish.end(cursor, account_id=claim.account_id, job_id=claim.job_id, status=jobs.FAILED, failure=failure)


def cancel(cursor: Cursor, claim: Claim) -> bool:
    """End the job where it is; False if it has already ended. Its queue row must be locked."""
    return finish.end(cursor, account_id=claim.account_id, job_id=claim.job_id, status=jobs.CANCELLED)


@metrics.stage("copy")
def _copy(cursor: Cursor, job: Job, claim: Claim) -> None:
    """Copy one more chunk from the job that is retried, to be imported in a later turn."""
    chunks.copy_undone(
        cursor,
        account_id=claim.account_id,
        job_id=claim.job_id,
        number=claim.copies + claim.next_chunk,
        parent_id=job.parent_job_id,
        place=claim.next_chunk,
    )


def _import_all(
    cursor: Cursor,
    job: Job,
    claim: Claim,
    options: Options,
    lookahead: Lookahead,
    stopping: Callable[[], bool],
) -> Outcome:
    """Import every chunk in one transaction; the first bad row raises BadRowError."""
    total = Outcome()
    for number in range(claim.next_chunk, claim.chunks):
        turn = replace(claim, next_chunk=number)
        outcome = import_chunk(cursor, job, turn, options, lookahead)
        if outcome.failed:
            raise BadRowError
        _delete_chunk(cursor, turn)
        if stopping():
            raise StoppedError
        if progress.is_to_be_cancelled(cursor, account_id=claim.account_id, job_id=claim.job_id):
            raise CancelledError
        staging.clear(cursor)
        total = Outcome(
            created=total.created + outcome.created,
            updated=total.updated + outcome.updated,
            unchanged=total.unchanged + outcome.unchanged,
            skipped=total.skipped + outcome.skipped,
        )
    return total


def _keep_or_delete_chunk(cursor: Cursor, job: Job, claim: Claim, options: Options, outcome: Outcome) -> None:
    """Keep a chunk that will be needed: for the download of failed rows, a retry, or to apply its plan."""
    account_id, job_id, number = claim.account_id, claim.job_id, claim.next_chunk
    if job.plan_id and outcome.failed:
        chunks.copy_handled(
            cursor, account_id=account_id, job_id=job_id, number=number, parent_id=job.plan_id
        )
    elif job.plan_id or claim.only_check:
        return
    elif outcome.failed or options.dry_run:
        chunks.set_handled(cursor, account_id=account_id, job_id=job_id, number=number)
    else:
        _delete_chunk(cursor, claim)


def _delete_chunk(cursor: Cursor, claim: Claim) -> None:
    """Delete a chunk of which every row was imported."""
    chunks.delete(cursor, account_id=claim.account_id, job_id=claim.job_id, number=claim.next_chunk)


@metrics.stage("checkpoint")
def _record(cursor: Cursor, job: Job, claim: Claim, options: Options, outcome: Outcome) -> str | None:
    """Store the counters, and move the checkpoint or end the job; return its final status if it ended."""
    account_id, job_id = claim.account_id, claim.job_id
    to_be_cancelled = progress.advance(
        cursor,
        account_id=account_id,
        job_id=job_id,
        created=outcome.created,
        updated=outcome.updated,
        unchanged=outcome.unchanged,
        skipped=outcome.skipped,
        failed=outcome.failed,
        removed=outcome.removed,
        errors=[_in_job(error) for error in outcome.errors[: jobs.MAX_ERRORS]],
        error_summary=add_to_summary(job.error_summary, outcome.occurrences) if outcome.errors else None,
    )
    if claim.is_last_chunk:
        return _finish(cursor, job, claim, options, failed=job.failed_rows + outcome.failed)
    if to_be_cancelled:
        cancel(cursor, claim)
        return jobs.CANCELLED
    queue.checkpoint(cursor, claim)
    return None


def _finish(cursor: Cursor, job: Job, claim: Claim, options: Options, failed: int) -> str:
    account_id, job_id = claim.account_id, claim.job_id
    status, failure = jobs.COMPLETED, None
    if options.on_error == ABORT and (failed or claim.only_check):
        progress.skip_all(cursor, account_id=account_id, job_id=job_id)
        status, failure = jobs.FAILED, _nothing_imported(failed, job.total_rows)
    finish.end(cursor, account_id=account_id, job_id=job_id, status=status, failure=failure)
    return status


def _nothing_imported(failed: int, total: int) -> str:
    if failed:
        return f"{failed} of {total} rows failed, and with on_error=abort nothing was imported"
    return (
        "rows conflicted with assets that others changed meanwhile, and with on_error=abort nothing was "
        "imported; upload the file again"
    )


def _in_job(error: RowError) -> dict[str, object]:
    """A row error as the job stores and shows it."""
    return {
        "row": error.row,
        "line": error.line,
        "field": error.field,
        "code": error.code,
        "error": error.message,
        "value": error.value,
    }
