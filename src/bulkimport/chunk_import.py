"""One chunk becomes assets and row errors, and the checkpoint moves: in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from bulkimport.chunk_check import Lookahead, check
from bulkimport.csvfile.rows import RowError, row_error
from bulkimport.store import assets, chunks, jobs, queue, row_errors
from bulkimport.store.queue import Claim


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk's rows."""

    rows: int
    failed: int
    errors: Sequence[RowError]


def import_chunk(cursor: Cursor, claim: Claim, lookahead: Lookahead) -> Outcome:
    """Import the claimed chunk and move the checkpoint, or finish the job; needs the lock."""
    job = jobs.require(cursor, account_id=claim.account_id, job_id=claim.job_id)
    if job.status in jobs.FINAL_STATUSES:
        queue.remove(cursor, claim)
        return Outcome(0, 0, ())
    checked = lookahead.take(claim.job_id, claim.next_chunk)
    if checked is None:
        checked = check(_read(cursor, claim, claim.next_chunk), job.columns)
    following = None if claim.is_last_chunk else _read(cursor, claim, claim.next_chunk + 1)
    assets.stage(cursor, checked.staging)
    if following:  # now, because the insert is the long wait
        lookahead.begin(claim.job_id, claim.next_chunk + 1, following, job.columns)
    errors = sorted([*checked.errors, *_insert(cursor, claim, checked.good)], key=lambda error: error.row)
    outcome = Outcome(checked.rows, len({error.row for error in errors}), errors)
    _record(cursor, claim, outcome)
    return outcome


def _read(cursor: Cursor, claim: Claim, number: int) -> chunks.Chunk:
    return chunks.require(cursor, account_id=claim.account_id, job_id=claim.job_id, number=number)


def _insert(cursor: Cursor, claim: Claim, good: int) -> list[RowError]:
    """Insert the good rows, which are staged; the errors of those whose identifier is taken."""
    if assets.insert_staged(cursor, account_id=claim.account_id, job_id=claim.job_id) == good:
        return []
    refused = assets.refused(cursor, account_id=claim.account_id, job_id=claim.job_id)
    return [_taken(row, claim) for row in refused]


def _taken(refused: assets.Refused, claim: Claim) -> RowError:
    if refused.holder_job_id == claim.job_id:
        code, what = "duplicate_in_file", f"must be unique; it is in row {refused.holder_row} already"
    else:
        code, what = "already_exists", "must be unique; an asset has it already"
    return row_error(refused.row, "identifier", code, what, refused.identifier)


def _record(cursor: Cursor, claim: Claim, outcome: Outcome) -> None:
    """Errors, counters and checkpoint; the last chunk completes the job."""
    account_id, job_id = claim.account_id, claim.job_id
    row_errors.insert(cursor, account_id=account_id, job_id=job_id, errors=outcome.errors)
    jobs.advance(
        cursor,
        account_id=account_id,
        job_id=job_id,
        processed=outcome.rows,
        failed=outcome.failed,
        errors=[_in_job(error) for error in outcome.errors[: jobs.MAX_ERRORS]],
    )
    if claim.is_last_chunk:
        jobs.set_status(cursor, account_id=account_id, job_id=job_id, status=jobs.COMPLETED)
        queue.remove(cursor, claim)
    else:
        queue.checkpoint(cursor, claim)


def _in_job(error: RowError) -> dict[str, object]:
    """A row error as the job's document shows it."""
    return {
        "row": error.row,
        "field": error.field,
        "code": error.code,
        "error": error.message,
        "value": error.value,
    }
