"""Does with a chunk what the plan of a dry run says, in the caller's transaction."""

from collections.abc import Collection, Mapping
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.assets.row_errors import RowError
from bulkimport.importing import conflicts
from bulkimport.importing.check import CheckedChunk
from bulkimport.importing.conflicts import InterferenceError, Resolution
from bulkimport.jobs.options import Options
from bulkimport.store import plans, reverting, row_errors, staged_assets, staging
from bulkimport.store.plans import CREATE, SKIP, UNCHANGED, UPDATE
from bulkimport.store.queue import Claim


def apply_chunk(
    cursor: Cursor, claim: Claim, plan_id: UUID, checked: CheckedChunk, options: Options
) -> Resolution:
    """Create and change assets as the plan of the job `plan_id` says for these rows.

    A row without a plan has the errors that the dry run stored for it. A row whose asset was created, changed
    or deleted since the dry run fails. If the claim is `only_check`, nothing is written, and the rows without
    errors count as skipped.
    """
    account_id, number = claim.account_id, claim.next_chunk
    staging.stage(cursor, checked.staged)
    actions = plans.get_actions(cursor, account_id=account_id, job_id=plan_id, number=number)
    unplanned = [row for row in checked.good.rows if row not in actions]
    staging.discard(cursor, unplanned)
    stale = plans.lock_planned(cursor, account_id=account_id, job_id=plan_id, number=number)
    staging.discard(cursor, stale)
    changed_since = [
        *(conflicts.changed_since(row, checked, "after the dry run") for row in stale),
        # An asset may have changed while the dry run looked at its chunk.
        *conflicts.drop_other_versions(cursor, claim, checked),
    ]
    conflicts.complete(cursor, claim, options)
    errors = [*_errors_of_dry_run(cursor, account_id, plan_id, unplanned), *changed_since]
    rows = _by_action(actions, set(checked.good.rows).difference(error.row for error in changed_since))
    if claim.only_check:
        skipped = sum(map(len, rows.values())) + len(checked.unnumbered_rows)
        return Resolution(skipped=skipped, errors=errors)
    _write(cursor, claim, rows, options)
    numbered = conflicts.number(cursor, claim, checked, options)
    return Resolution(
        created=len(rows[CREATE]) + numbered,
        updated=len(rows[UPDATE]),
        unchanged=len(rows[UNCHANGED]),
        skipped=len(rows[SKIP]),
        errors=errors,
    )


def conflicts_of_failed(cursor: Cursor, claim: Claim, plan_id: UUID, checked: CheckedChunk) -> list[RowError]:
    """The conflicts of rows with other errors, as the dry run reported them."""
    errors = _errors_of_dry_run(cursor, claim.account_id, plan_id, checked.identified.rows)
    return [error for error in errors if error.code in conflicts.CODES]


def _errors_of_dry_run(
    cursor: Cursor, account_id: int, plan_id: UUID, rows: Collection[int]
) -> list[RowError]:
    if not rows:
        return []
    stored = row_errors.between(
        cursor, account_id=account_id, job_id=plan_id, first_row=min(rows), last_row=max(rows)
    )
    refused = set(rows)
    return [
        RowError(error.row, error.line, error.field, error.code, error.message, error.value)
        for error in stored
        if error.row in refused
    ]


def _by_action(actions: Mapping[int, str], rows: Collection[int]) -> dict[str, list[int]]:
    """Those of the planned rows that are among `rows`, by their action."""
    by_action: dict[str, list[int]] = {action: [] for action in plans.ACTIONS}
    for row, action in actions.items():
        if row in rows:
            by_action[action].append(row)
    return by_action


def _write(cursor: Cursor, claim: Claim, rows: Mapping[str, list[int]], options: Options) -> None:
    """Change the assets of rows to be updated, which are locked, and create those of rows to be created."""
    account_id, job_id = claim.account_id, claim.job_id
    staging.discard(cursor, [*rows[SKIP], *rows[UNCHANGED]])
    reverting.note(cursor, account_id=account_id, job_id=job_id)
    updated = staged_assets.update_staged(cursor, account_id=account_id, clears=options.clears)
    staging.discard(cursor, updated)
    created = staged_assets.insert_staged(cursor, account_id=account_id, job_id=job_id)
    if sorted(updated) != rows[UPDATE] or created != len(rows[CREATE]):
        raise InterferenceError("an asset was created between two statements")
