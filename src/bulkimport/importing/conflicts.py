"""Resolves conflicts with existing assets: which rows create an asset, change one, are skipped, or fail."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.blank_cells import in_columns
from bulkimport.assets.row_errors import DUPLICATE_IN_FILE, RowError, duplicate, row_error
from bulkimport.importing.check import CheckedChunk
from bulkimport.importing.revert import CHANGED_SINCE
from bulkimport.jobs.options import ERROR, UPDATE, Options
from bulkimport.jobs.row_rules import default_values
from bulkimport.store import accounts, reverting, staged_assets, staging
from bulkimport.store.queue import Claim

ALREADY_EXISTS = "already_exists"
CODES = (DUPLICATE_IN_FILE, ALREADY_EXISTS)
ALREADY_TAKEN = (ALREADY_EXISTS, "must be unique; an asset already has it")


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
    return Resolution(created, errors=[_refusal(row.row, checked, _reason(row, claim)) for row in refused])


def insert_or_skip(cursor: Cursor, claim: Claim, checked: CheckedChunk) -> Resolution:
    """Create assets; a row whose identifier an existing asset has is skipped."""
    staging.stage(cursor, checked.staged)
    errors = _drop_repeated(cursor, claim, checked, len(checked.good))
    created = staged_assets.insert_staged(cursor, account_id=claim.account_id, job_id=claim.job_id)
    return Resolution(created, skipped=len(checked.good) - len(errors) - created, errors=errors)


def insert_or_update(cursor: Cursor, claim: Claim, checked: CheckedChunk, options: Options) -> Resolution:
    """Create assets, and change the existing ones as their rows say; unless that changes nothing."""
    staging.stage(cursor, checked.staged)
    errors = _drop_repeated(cursor, claim, checked, len(checked.good))
    unchanged = staged_assets.lock_held(cursor, account_id=claim.account_id, clears=options.clears)
    changed_since = drop_other_versions(cursor, claim, checked)
    unchanged = [*set(unchanged).difference(error.row for error in changed_since)]
    staging.discard(cursor, unchanged)
    errors += changed_since
    errors += _drop_unfit(cursor, claim, checked, options)
    noted = reverting.note(cursor, account_id=claim.account_id, job_id=claim.job_id)
    updated = staged_assets.update_staged(cursor, account_id=claim.account_id, clears=options.clears)
    staging.discard(cursor, updated)
    created = staged_assets.insert_staged(cursor, account_id=claim.account_id, job_id=claim.job_id)
    failed = len({error.row for error in errors})
    if len(updated) != noted or created + len(updated) + len(unchanged) + failed != len(checked.good):
        raise InterferenceError("an asset was created or deleted between two statements")
    return Resolution(created, len(updated), len(unchanged), errors=errors)


def number(cursor: Cursor, claim: Claim, checked: CheckedChunk, options: Options) -> int:
    """Create assets with generated identifiers; return how many.

    The counter is the last thing that a chunk locks, so that other imports of the account wait for no more
    than this.
    """
    count = len(checked.unnumbered_rows)
    if not count:
        return 0
    identifiers = accounts.take_numbers(
        cursor, account_id=claim.account_id, count=count, above=options.numbers_above
    )
    rows = {**checked.unnumbered, "identifier": staging.array_of_texts(identifiers)}
    if not staged_assets.insert_all(cursor, account_id=claim.account_id, job_id=claim.job_id, rows=rows):
        raise InterferenceError("an asset was created with an identifier that was being generated")
    return count


def rehearse(cursor: Cursor, claim: Claim, checked: CheckedChunk, options: Options) -> Resolution:
    """Find the rows that an import would refuse, without writing to the assets.

    The other rows count as skipped; those that have an identifier are left in the staging table.
    """
    on_conflict = options.on_conflict
    staging.stage(cursor, checked.staged)
    errors: list[RowError] = []
    if on_conflict == ERROR:
        held = staged_assets.held(cursor, account_id=claim.account_id)
        errors += _drop(cursor, [_refusal(row, checked, ALREADY_TAKEN) for row in held])
    errors += _drop_repeated(cursor, claim, checked, len(checked.good) - len(errors))
    if on_conflict == UPDATE:
        errors += drop_other_versions(cursor, claim, checked)
        errors += _drop_unfit(cursor, claim, checked, options)
    return Resolution(skipped=len(checked) - len({error.row for error in errors}), errors=errors)


def complete(cursor: Cursor, claim: Claim, options: Options) -> None:
    """Give staged rows that match no asset their defaults, and nothing where their cells clear."""
    if options.on_conflict == UPDATE and (options.defaults or options.clears):
        defaults = in_columns(default_values(options))
        staged_assets.complete(cursor, account_id=claim.account_id, defaults=defaults)


def drop_other_versions(cursor: Cursor, claim: Claim, checked: CheckedChunk) -> list[RowError]:
    """Drop staged rows that name another version than their asset has, or whose asset does not exist.

    The assets must be locked, unless nothing will be written to them.
    """
    versions = checked.good.versions()
    if not versions:
        return []
    others = staging.other_versions(cursor, account_id=claim.account_id, versions=versions)
    return _drop(cursor, [changed_since(row, checked, "since the file was exported") for row in others])


def changed_since(row: int, checked: CheckedChunk, when: str) -> RowError:
    """The error of a row whose asset has changed since then."""
    reason = f"is of an asset that was created, changed or deleted {when}"
    return _refusal(row, checked, (CHANGED_SINCE, reason))


def of_failed(cursor: Cursor, claim: Claim, checked: CheckedChunk, on_conflict: str) -> list[RowError]:
    """The conflicts of rows that have failed already, so that all that is wrong with them is known at once.

    Called after the good rows are resolved, since only these hold their identifiers.
    """
    rows, lines, identifiers = checked.identified
    if not rows:
        return []
    cells = dict(zip(rows, zip(lines, identifiers, strict=True), strict=True))
    errors = []
    for taken in staging.taken(
        cursor, account_id=claim.account_id, job_id=claim.job_id, rows=rows, identifiers=identifiers
    ):
        if reason := _conflict(taken, claim, on_conflict):
            line, identifier = cells[taken.row]
            errors.append(row_error(taken.row, line, "identifier", *reason, identifier))
    return errors


def _conflict(taken: staging.Taken, claim: Claim, on_conflict: str) -> tuple[str, str] | None:
    """The code and the reason of a failed row's conflict, if it is one."""
    first_row = taken.noted_row
    if first_row is None and taken.holder_job_id == claim.job_id:
        first_row = taken.holder_row
    if first_row is not None:
        return duplicate(first_row) if first_row < taken.row else None
    return ALREADY_TAKEN if on_conflict == ERROR else None


def _drop_repeated(cursor: Cursor, claim: Claim, checked: CheckedChunk, count: int) -> list[RowError]:
    """Of `count` staged rows drop those whose identifier an earlier row has, whatever became of that row."""
    repeated = staging.note_identifiers(cursor, account_id=claim.account_id, job_id=claim.job_id, count=count)
    return _drop(cursor, [_refusal(row.row, checked, duplicate(row.first_row)) for row in repeated])


def _drop_unfit(cursor: Cursor, claim: Claim, checked: CheckedChunk, options: Options) -> list[RowError]:
    """Complete rows for new assets; drop those that still lack something, or end before they begin."""
    complete(cursor, claim, options)
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


def _reason(refused: staged_assets.Refused, claim: Claim) -> tuple[str, str]:
    if refused.holder_job_id == claim.job_id and refused.holder_row is not None:
        return duplicate(refused.holder_row)
    return ALREADY_TAKEN


def _refusal(row: int, checked: CheckedChunk, reason: tuple[str, str]) -> RowError:
    """The error of a row whose identifier is taken; `reason` is the code and what the message says."""
    return _error(row, checked, "identifier", *reason, checked.good.identifier(row))


def _misorder(row: staged_assets.Misordered, checked: CheckedChunk) -> RowError:
    reason = f"would be before valid_from {row.valid_from.isoformat()}"
    valid_to = row.valid_to.isoformat()
    return _error(row.row, checked, "valid_to", "valid_to_before_valid_from", reason, valid_to)


def _error(row: int, checked: CheckedChunk, field: str, code: str, reason: str, value: str) -> RowError:
    return row_error(row, checked.good.line(row), field, code, reason, value)
