"""What workers remove: what a finished job no longer needs, deleted and old jobs, expired Idempotency-Keys.

A small batch in each transaction, so that no statement takes longer for a larger job.
"""

from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import Database, set_tenant
from bulkimport.jobs import finish
from bulkimport.jobs.finish import BATCH_IDENTIFIERS
from bulkimport.store import finished, idempotency_keys, jobs
from bulkimport.telemetry import metrics

BATCH_ERRORS = 5_000
BATCH_CHUNKS = 20
BATCH_CHANGES = 5_000
BATCH_KEYS = 1_000


def purge_some(database: Database, *, days: int) -> bool:
    """Remove one batch of what is due; False if nothing is.

    Due are the identifiers of finished jobs, all of a job that was deleted or finished over `days` days ago,
    and expired keys.
    """
    return _purge_jobs(database, days) or _purge_keys(database)


def _purge_jobs(database: Database, days: int) -> bool:
    with database.transaction() as cursor:
        if untidy := finished.lock_untidy(cursor):
            set_tenant(cursor, untidy.account_id)
            _tidy(cursor, untidy.account_id, untidy.job_id)
        elif expired := finished.lock_expired(cursor, days=days):
            set_tenant(cursor, expired.account_id)
            if expired.is_deleted:
                _remove(cursor, expired.account_id, expired.job_id)
            elif finish.hide(cursor, account_id=expired.account_id, job_id=expired.job_id):
                finished.renew(cursor, account_id=expired.account_id, job_id=expired.job_id)
        else:
            return False
        return True


def _tidy(cursor: Cursor, account_id: int, job_id: UUID) -> None:
    if not finished.delete_identifiers(cursor, account_id=account_id, job_id=job_id, limit=BATCH_IDENTIFIERS):
        finished.renew(cursor, account_id=account_id, job_id=job_id)


def _remove(cursor: Cursor, account_id: int, job_id: UUID) -> None:
    """Remove a batch of what belongs to the job, or the job itself if nothing else is left."""
    if not (
        finished.delete_errors(cursor, account_id=account_id, job_id=job_id, limit=BATCH_ERRORS)
        or finished.delete_chunks(cursor, account_id=account_id, job_id=job_id, limit=BATCH_CHUNKS)
        or finished.delete_plans(cursor, account_id=account_id, job_id=job_id, limit=BATCH_CHUNKS)
        or finished.delete_changes(cursor, account_id=account_id, job_id=job_id, limit=BATCH_CHANGES)
        or finished.delete_identifiers(cursor, account_id=account_id, job_id=job_id, limit=BATCH_IDENTIFIERS)
    ):
        jobs.delete(cursor, account_id=account_id, job_id=job_id)
        metrics.WORKER_JOBS_PURGED.inc()


def _purge_keys(database: Database) -> bool:
    with database.transaction() as cursor:
        return idempotency_keys.delete_expired(cursor, limit=BATCH_KEYS) > 0
