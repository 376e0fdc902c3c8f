"""A dry run keeps a plan of what an import would do, chunk by chunk, in the caller's transaction."""

from psycopg2.extensions import cursor as Cursor

from bulkimport.importing import conflicts
from bulkimport.importing.check import CheckedChunk
from bulkimport.importing.conflicts import InterferenceError, Resolution
from bulkimport.jobs.options import ERROR, Options
from bulkimport.store import plans
from bulkimport.store.plans import Counts
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics


def plan_chunk(cursor: Cursor, claim: Claim, checked: CheckedChunk, options: Options) -> Resolution:
    """Store what an import would do with the rows of the claimed chunk, without writing to the assets."""
    rehearsed = conflicts.rehearse(cursor, claim, checked, options)
    counts = _add(cursor, claim, checked, options)
    if options.on_conflict == ERROR and counts.created != rehearsed.skipped:
        raise InterferenceError("an asset was created between two statements")
    return Resolution(**counts._asdict(), errors=rehearsed.errors)


@metrics.stage("plan")
def _add(cursor: Cursor, claim: Claim, checked: CheckedChunk, options: Options) -> Counts:
    return plans.add(
        cursor,
        account_id=claim.account_id,
        job_id=claim.job_id,
        number=claim.next_chunk,
        on_conflict=options.on_conflict,
        clears=options.clears,
        unnumbered=checked.unnumbered_rows,
    )
