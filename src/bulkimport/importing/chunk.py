"""A chunk becomes assets and row errors, in the caller's transaction."""

from dataclasses import replace

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.row_errors import RowError, occurrences
from bulkimport.importing import apply, conflicts
from bulkimport.importing.check import CheckedChunk, Lookahead, check
from bulkimport.importing.outcome import Outcome
from bulkimport.importing.plan import plan_chunk
from bulkimport.jobs.options import SKIP, UPDATE, Options
from bulkimport.store import chunks, row_errors
from bulkimport.store.jobs import Job
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics


def import_chunk(cursor: Cursor, job: Job, claim: Claim, options: Options, lookahead: Lookahead) -> Outcome:
    """Import the claimed chunk; the job's queue row must be locked."""
    columns = tuple(job.columns)
    checked = lookahead.take(claim.job_id, claim.next_chunk)
    if checked is None:
        checked = check(_read(cursor, job, claim.next_chunk, claim.account_id), columns, options)
    following = None if claim.is_last_chunk else _read(cursor, job, claim.next_chunk + 1, claim.account_id)
    if following:
        lookahead.begin(claim.job_id, claim.next_chunk + 1, following, columns, options)
    resolution = _resolve(cursor, job, claim, options, checked)
    conflicting = _conflicts_of_failed(cursor, job, claim, options, checked)
    if conflicting:
        checked = checked.with_errors(conflicting)
    _store_errors(cursor, claim, checked, resolution)
    errors = sorted([*checked.errors, *resolution.errors], key=lambda error: error.row)
    return Outcome(
        created=resolution.created,
        updated=resolution.updated,
        unchanged=resolution.unchanged,
        skipped=resolution.skipped,
        failed=len({error.row for error in errors}),
        errors=errors,
        occurrences=occurrences(resolution.errors, checked.occurrences),
    )


@metrics.stage("errors")
def _store_errors(
    cursor: Cursor, claim: Claim, checked: CheckedChunk, resolution: conflicts.Resolution
) -> None:
    """Store the errors of the check, which are prepared already, and those found in the database."""
    account_id, job_id = claim.account_id, claim.job_id
    if checked.errors:
        row_errors.insert(cursor, account_id=account_id, job_id=job_id, errors=checked.stored_errors)
    if resolution.errors:
        errors = sorted(resolution.errors, key=lambda error: error.row)
        row_errors.insert(cursor, account_id=account_id, job_id=job_id, errors=row_errors.arrays(errors))


@metrics.stage("read")
def _read(cursor: Cursor, job: Job, number: int, account_id: int) -> chunks.StoredChunk:
    return chunks.require(cursor, account_id=account_id, job_id=job.plan_id or job.id, number=number)


@metrics.stage("insert")
def _resolve(
    cursor: Cursor, job: Job, claim: Claim, options: Options, checked: CheckedChunk
) -> conflicts.Resolution:
    if job.plan_id:
        return apply.apply_chunk(cursor, claim, job.plan_id, checked, options)
    if claim.only_check:
        return conflicts.rehearse(cursor, claim, checked, options)
    if options.dry_run:
        return plan_chunk(cursor, claim, checked, options)
    if options.on_conflict == SKIP:
        return conflicts.insert_or_skip(cursor, claim, checked)
    if options.on_conflict == UPDATE:
        return conflicts.insert_or_update(cursor, claim, checked, options)
    met_conflicts = any(entry["code"] in conflicts.CODES for entry in job.error_summary)
    resolution = conflicts.insert(cursor, claim, checked, hopeful=not met_conflicts)
    numbered = conflicts.number(cursor, claim, checked, options)
    return replace(resolution, created=resolution.created + numbered)


def _conflicts_of_failed(
    cursor: Cursor, job: Job, claim: Claim, options: Options, checked: CheckedChunk
) -> list[RowError]:
    if job.plan_id:
        return apply.conflicts_of_failed(cursor, claim, job.plan_id, checked)
    return conflicts.of_failed(cursor, claim, checked, options.on_conflict)
