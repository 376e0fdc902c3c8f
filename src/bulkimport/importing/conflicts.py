"""Resolves conflicts with existing assets: which rows create an asset, change one, are skipped, or fail."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.rows import RowError, row_error
from bulkimport.importing.check import CheckedChunk
from bulkimport.jobs.options import ERROR, UPDATE
from bulkimport.store import reverting, staged_assets, staging
from bulkimport.store.queue import Claim

DUPLICATE_IN_FILE, ALREADY_EXISTS = CODES = ("duplicate_in_file", "already_exists")


class InterferenceError(Exception):
    """Another transaction created or deleted an asset between two statements; the chunk must be retried."""


@dataclass(frozen=True)
class Resolution:
    """How many rows created an asset, changed one, changed nothing or were skipped; others have errors."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    errors: list[RowError] = field(default_factory=list)


def insert(cursor: Cursor, claim: Claim, checked: CheckedChunk, *, hopeful: bool) -> Resolution:
    """Create assets; a row whose identifier is taken fails.

    If `hopeful`, first try to insert all rows at once, which is faster if none fails.
    """
    account_id, job_id = claim.account_id, claim.job_id
    if hopeful and staged_assets.insert_all(
        cursor, account_id=account_id, job_id=job_id, rows=checked.staged
    ):
        return Resolution(len(checked.good))
    staging.stage(cursor, checked.staged)
    created = staged_assets.insert_staged(cursor, account_id=account_id, job_id=job_id)
    if created == len(checked.good):
        return Resolution(created)
    refused = staged_assets.refused(cursor, account_id=account_id, job_id=job_id)
    return Resolution(created, errors=[_refusal(row, claim, checked) for row in refused])


def insert_or_skip(cursor: Cursor, claim: Claim, checked: CheckedChunk) -> Resolution:
    """Create assets; a row whose identifier an existing asset has is skipped."""
    staging.stage(cursor, checked.staged)
    errors = _drop_repeated(cursor, claim, checked)
    created = staged_assets.insert_staged(cursor, account_id=claim.account_id, job_id=claim.job_id)
    return Resolution(created, skipped=len(checked.good) - len(errors) - created, errors=errors)


def insert_or_update(cursor: Cursor, claim: Claim, checked: CheckedChunk) -> Resolution:
    """Create assets, and change the existing ones as their rows say; unless that changes nothing."""
    staging.stage(cursor, checked.staged)
    errors = _drop_repeated(cursor, claim, checked)
    unchanged = staged_assets.lock_held(cursor, account_id=claim.account_id)
    staging.discard(cursor, unchanged)
    errors += _drop_unfit(cursor, claim, checked)
    reverting.note(cursor, account_id=claim.account_id, job_id=claim.job_id)
    updated = staged_assets.update_staged(cursor, account_id=claim.account_id)
    staging.discard(cursor, updated)
    created = staged_assets.insert_staged(cursor, account_id=claim.account_id, job_id=claim.job_id)
    failed = len({error.row for error in errors})
    if created + len(updated) + len(unchanged) + failed != len(checked.good):
        raise InterferenceError("an asset was created or deleted between two statements")
    return Resolution(created, len(updated), len(unchanged), errors=errors)


def rehearse(cursor: Cursor, claim: Claim, checked: CheckedChunk, on_conflict: str) -> Resolution:
    """Find the rows that an import would refuse, without writing to the assets.

    The other rows are left in the staging table, and count as skipped.
    """
    staging.stage(cursor, checked.staged)
    errors: list[RowError] = []
    if on_conflict == ERROR:
        held = staged_assets.held(cursor, account_id=claim.account_id)
        errors += _drop(cursor, [_already_exists(row, checked) for row in held])
    errors += _drop_repeated(cursor, claim, checked)
    if on_conflict == UPDATE:
        errors += _drop_unfit(cursor, claim, checked)
    return Resolution(skipped=len(checked.good) - len({error.row for error in errors}), errors=errors)


def _drop_repeated(cursor: Cursor, claim: Claim, checked: CheckedChunk) -> list[RowError]:
    """Drop rows whose identifier an earlier row of the file has, whatever became of that row."""
    repeated = staging.note_identifiers(cursor, account_id=claim.account_id, job_id=claim.job_id)
    return _drop(cursor, [_duplicate(row.row, row.first_row, checked) for row in repeated])


def _drop_unfit(cursor: Cursor, claim: Claim, checked: CheckedChunk) -> list[RowError]:
    """Drop rows that lack what a new asset needs, or would make an asset end before it begins."""
    incomplete = staged_assets.incomplete(cursor, account_id=claim.account_id)
    misordered = staged_assets.misordered(cursor, account_id=claim.account_id)
    errors = [
        _error(row.row, checked, field, "required", "must not be empty: there is no asset to update", "")
        for row in incomplete
        for field in row.fields
    ]
    return _drop(cursor, [*errors, *(_misorder(row, checked) for row in misordered)])


def _drop(cursor: Cursor, errors: Iterable[RowError]) -> list[RowError]:
    """Remove the rows of these errors from the staging table; return the errors."""
    dropped = list(errors)
    if dropped:
        staging.discard(cursor, [error.row for error in dropped])
    return dropped


def _refusal(refused: staged_assets.Refused, claim: Claim, checked: CheckedChunk) -> RowError:
    if refused.holder_job_id == claim.job_id and refused.holder_row is not None:
        return _duplicate(refused.row, refused.holder_row, checked)
    return _already_exists(refused.row, checked)


def _duplicate(row: int, first_row: int, checked: CheckedChunk) -> RowError:
    reason = f"must be unique; it is already in row {first_row}"
    return _error(row, checked, "identifier", DUPLICATE_IN_FILE, reason, checked.good.identifier(row))


def _already_exists(row: int, checked: CheckedChunk) -> RowError:
    reason = "must be unique; an asset already has it"
    return _error(row, checked, "identifier", ALREADY_EXISTS, reason, checked.good.identifier(row))


def _misorder(row: staged_assets.Misordered, checked: CheckedChunk) -> RowError:
    reason = f"would be before valid_from {row.valid_from.isoformat()}"
    valid_to = row.valid_to.isoformat()
    return _error(row.row, checked, "valid_to", "valid_to_before_valid_from", reason, valid_to)


def _error(row: int, checked: CheckedChunk, field: str, code: str, reason: str, value: str) -> RowError:
    return row_error(row, checked.good.line(row), field, code, reason, value)
