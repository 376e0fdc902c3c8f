"""One chunk becomes assets and row errors, and the checkpoint moves: in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from bulkimport.csvfile import records
from bulkimport.csvfile.rows import Asset, RowError, RowRules, row_error
from bulkimport.store import assets, chunks, jobs, queue, row_errors
from bulkimport.store.queue import Claim


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk's rows."""

    rows: int
    failed: int
    errors: Sequence[RowError]


def import_chunk(cursor: Cursor, claim: Claim) -> Outcome:
    """Import the claimed chunk and move the checkpoint, or finish the job; needs the lock."""
    job = jobs.require(cursor, account_id=claim.account_id, job_id=claim.job_id)
    if job.status in jobs.FINAL_STATUSES:
        queue.remove(cursor, claim)
        return Outcome(0, 0, ())
    chunk = chunks.require(cursor, account_id=claim.account_id, job_id=claim.job_id, number=claim.next_chunk)
    good, errors = _check(chunk, RowRules(tuple(job.columns)))
    errors += _insert(cursor, claim, good)
    errors.sort(key=lambda error: error.row)
    outcome = Outcome(chunk.rows, len({error.row for error in errors}), errors)
    _record(cursor, claim, outcome)
    return outcome


def _check(chunk: chunks.Chunk, rules: RowRules) -> tuple[list[Asset], list[RowError]]:
    good: list[Asset] = []
    errors: list[RowError] = []
    for row, cells in records.read(chunk.body, first_row=chunk.first_row):
        checked = rules.check(row, cells)
        if isinstance(checked, Asset):
            good.append(checked)
        else:
            errors.extend(checked)
    return good, errors


def _insert(cursor: Cursor, claim: Claim, good: Sequence[Asset]) -> list[RowError]:
    """Insert the good rows; the errors of those whose identifier is taken."""
    if not good:
        return []
    assets.stage(cursor, good)
    if assets.insert_staged(cursor, account_id=claim.account_id, job_id=claim.job_id) == len(good):
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
