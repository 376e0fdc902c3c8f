"""Finished jobs go after some days, Idempotency-Keys after some hours, a small batch in each transaction."""

from bulkimport.database.connections import Database, set_tenant
from bulkimport.store import chunks, finished, idempotency_keys, jobs, reverting, row_errors
from bulkimport.telemetry import metrics

BATCH_ERRORS = 5_000
BATCH_CHUNKS = 20
BATCH_CHANGES = 5_000
BATCH_KEYS = 1_000


def purge_some(database: Database, *, days: int) -> bool:
    """Purge a batch of the job that has been finished longest, or of keys; False if nothing is old enough."""
    return _purge_job(database, days) or _purge_keys(database)


def _purge_job(database: Database, days: int) -> bool:
    with database.transaction() as cursor:
        expired = finished.lock_expired(cursor, days=days)
        if expired is None:
            return False
        account_id, job_id = expired
        set_tenant(cursor, account_id)
        if reverting.find_unfinished(cursor, account_id=account_id, parent_id=job_id):
            finished.renew(cursor, account_id=account_id, job_id=job_id)
            return True
        if row_errors.delete_some(cursor, account_id=account_id, job_id=job_id, limit=BATCH_ERRORS):
            return True
        if chunks.delete_some(cursor, account_id=account_id, job_id=job_id, limit=BATCH_CHUNKS):
            return True
        if reverting.forget_some(cursor, account_id=account_id, job_id=job_id, limit=BATCH_CHANGES):
            return True
        jobs.delete(cursor, account_id=account_id, job_id=job_id)
        metrics.WORKER_JOBS_PURGED.inc()
        return True


def _purge_keys(database: Database) -> bool:
    with database.transaction() as cursor:
        return idempotency_keys.delete_expired(cursor, limit=BATCH_KEYS) > 0
