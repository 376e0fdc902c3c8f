"""The worker's loop: claim a job, import one chunk of it, sleep when there is none.

The transaction is the lease. Rows, row errors, counters and checkpoint commit together, so a crash at any
instant rolls back to the last chunk, and PostgreSQL itself frees the job when the session ends.
"""

import logging
import os
import random
import sys
import threading
import time
from uuid import UUID

import psycopg2
from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import (
    Database,
    DatabaseUnavailableError,
    UnknownOutcomeError,
    commit_without_waiting,
    set_tenant,
)
from bulkimport.importing.check import Lookahead
from bulkimport.importing.conflicts import InterferenceError
from bulkimport.importing.outcome import Outcome
from bulkimport.importing.step import BadRowError, CancelledError, StoppedError, cancel, give_up, import_next
from bulkimport.jobs import retention
from bulkimport.store import jobs, progress, queue
from bulkimport.store.jobs import Origin
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics, redaction
from bulkimport.telemetry.trace_context import trace_id
from bulkimport.worker import listener, shutdown

POLL_INTERVAL_S = 1.0
MAX_ATTEMPTS = 5  # claims of one chunk with no progress; then the chunk is taken to kill its workers
PURGE_INTERVAL_S = 10.0  # between looks for jobs to tidy up or to purge
RETRY_DELAY_S = 1.0  # after a fault that waiting may mend
# By default the thread that checks the next chunk keeps the interpreter for 5 ms whenever the one that holds
# the transaction has an answer to go on with.
SWITCH_INTERVAL_S = 0.0005

# Serialization failure, deadlock, a lock not had in time, a full disk, too many connections: the statement
# is not to blame, and neither is the chunk (PostgreSQL manual, appendix A).
TRANSIENT_SQLSTATES = ("40001", "40P01", "55P03", "53100", "53300")

log = logging.getLogger(__name__)


def serve(url: str, *, retention_days: int) -> None:
    """Be one worker until SIGTERM, SIGINT or the end of standard input."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stopping, wake = threading.Event(), threading.Event()
    # The process id tells an operator which process a session in pg_stat_activity belongs to.
    database = Database(url, size=1, application_name=f"bulkimport-worker {os.getpid()}")
    shutdown.watch(stopping, wake, on_overdue=database.cancel)
    listener.listen(url, database, wake, stopping)
    Worker(database, stopping=stopping, wake=wake, retention_days=retention_days).run()
    database.close()


class Worker:
    """Imports chunks until it is told to stop. `wake` is a hint: set it and the worker looks at once."""

    def __init__(
        self,
        database: Database,
        *,
        stopping: threading.Event,
        wake: threading.Event,
        retention_days: int,
    ) -> None:
        self._database = database
        self._stopping = stopping
        self._wake = wake
        self._retention_days = retention_days
        self._purge_at = time.monotonic()
        self._lookahead = Lookahead()
        self._owed: Claim | None = None
        self._origin: tuple[UUID | None, Origin] = None, Origin(None, None)

    def run(self) -> None:
        """Until `stopping` is set; the chunk in hand is finished first."""
        while not self._must_stop():
            self._wake.clear()
            try:
                idle = not self.work_once() and not self._purge()
            except DatabaseUnavailableError as error:
                log.warning("the database cannot be reached", extra={"reason": str(error)})
                idle = True
            except psycopg2.Error as error:
                if error.pgcode not in TRANSIENT_SQLSTATES:
                    raise
                log.warning("a claim was interrupted", extra={"reason": redaction.message(error)})
                idle = True
            if idle and not self._stopping.is_set():
                self._wake.wait(POLL_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret

    def _must_stop(self) -> bool:
        """Whether the process must end; that it asks is the sign that it lives."""
        metrics.WORKER_HEARTBEAT_TIMESTAMP_SECONDS.set_to_current_time()
        return self._stopping.is_set()

    def _purge(self) -> bool:
        """Purge a batch, now and then; whether there may be more."""
        if time.monotonic() < self._purge_at:
            return False
        try:
            more = retention.purge_some(self._database, days=self._retention_days)
        except psycopg2.Error as error:  # imports must not wait for what can be done later
            log.warning("a purge was interrupted", extra={"reason": redaction.message(error)})
            more = False
        if not more:
            self._purge_at = time.monotonic() + PURGE_INTERVAL_S
        return more

    def work_once(self) -> bool:
        """Import one chunk of the next job; False if there is no job to be had."""
        self._give_back()
        claim = self._claim()
        if claim is None:
            return False
        try:
            if self._stopping.is_set():
                self._owe(claim, "stopping")
            else:
                self._work(claim)
        except (StoppedError, InterferenceError) as error:
            log.info("a chunk was left", extra={**self._described(claim), "reason": type(error).__name__})
            self._owe(claim, "stopping" if isinstance(error, StoppedError) else "interference")
        except (DatabaseUnavailableError, psycopg2.Error) as error:
            self._settle(claim, error)
        except Exception:  # whatever it is, it must not take other jobs' worker down; the attempt counts
            log.exception("a chunk failed", extra=self._described(claim))
            metrics.WORKER_CHUNKS.labels("failed").inc()
        self._give_back()
        return True

    def _claim(self) -> Claim | None:
        claim = None
        try:
            with self._database.transaction() as cursor:
                commit_without_waiting(cursor)  # a claim lost with the server costs one uncounted attempt
                claim = queue.claim(cursor)
                if claim and (claim.is_first_chunk or claim.job_id != self._origin[0]):
                    self._begin(cursor, claim)
        except UnknownOutcomeError:
            if claim:
                self._owe(claim, "database")  # if it was committed, the attempt must not count
            raise
        if claim:
            metrics.WORKER_CLAIMS.labels("first" if claim.attempt == 1 else "repeated").inc()
        return claim

    def _begin(self, cursor: Cursor, claim: Claim) -> None:
        """Another job than before, which came with some request; or the first chunk that a job imports."""
        account_id, job_id = claim.account_id, claim.job_id
        set_tenant(cursor, account_id)
        if claim.is_first_chunk:
            progress.start(cursor, account_id=account_id, job_id=job_id)
        self._origin = job_id, jobs.get_origin(cursor, account_id=account_id, job_id=job_id)

    def _work(self, claim: Claim) -> None:
        started = time.monotonic()
        try:
            outcome = self._import(claim)
        except BadRowError:
            metrics.WORKER_CHUNKS.labels("rolled_back").inc()
            self._begin_check(claim)
            return
        except CancelledError:
            metrics.WORKER_CHUNKS.labels("rolled_back").inc()
            self._cancel(claim)
            return
        if outcome:
            self._report(claim, outcome, time.monotonic() - started)

    def _report(self, claim: Claim, outcome: Outcome, seconds: float) -> None:
        rows = {
            name: getattr(outcome, name) for name in ("created", "updated", "skipped", "failed", "removed")
        }
        step = "copied" if claim.is_copy else "imported"
        log.info(
            "chunk %s",
            step,
            extra={
                **self._described(claim),
                **{f"{name}_rows": count for name, count in rows.items()},
                "seconds": round(seconds, 4),
                **({"job_status": outcome.job_status} if outcome.job_status else {}),
            },
        )
        metrics.WORKER_CHUNKS.labels(step).inc()
        if not claim.is_copy:
            metrics.WORKER_CHUNK_SECONDS.observe(seconds)
        for name, count in rows.items():
            metrics.WORKER_ROWS.labels(name).inc(count)
        if outcome.job_status:
            metrics.WORKER_JOBS_ENDED.labels(outcome.job_status).inc()

    def _import(self, claim: Claim) -> Outcome | None:
        """What became of the rows, once that is committed; None if this claim was not to be worked on."""
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if not queue.relock(cursor, claim):
                log.warning("another worker has the job", extra=self._described(claim))
                metrics.WORKER_CHUNKS.labels("lost").inc()
                return None
            if claim.attempt > MAX_ATTEMPTS:
                failure = f"{_step(claim)} was tried {MAX_ATTEMPTS} times and never finished"
                give_up(cursor, claim, failure)
                log.error("job failed", extra={**self._described(claim), "failure": failure})
                metrics.WORKER_JOBS_ENDED.labels(jobs.FAILED).inc()
                return None
            outcome = import_next(cursor, claim, self._lookahead, self._must_stop)
            imported_at = time.perf_counter()
        metrics.WORKER_CHUNK_STAGE_SECONDS.labels("commit").observe(time.perf_counter() - imported_at)
        return outcome

    def _begin_check(self, claim: Claim) -> None:
        """Nothing of this all-or-nothing job will be imported; from here on it is checked, chunk by chunk."""
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if queue.relock(cursor, claim):
                queue.begin_check(cursor, claim)

    def _cancel(self, claim: Claim) -> None:
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if queue.relock(cursor, claim):
                cancel(cursor, claim)
                metrics.WORKER_JOBS_ENDED.labels(jobs.CANCELLED).inc()

    def _settle(self, claim: Claim, error: DatabaseUnavailableError | psycopg2.Error) -> None:
        """After a fault of the database: owe the claim back where the chunk is not to blame.

        A commit whose answer was lost needs no more than this: the next claim reads the checkpoint.
        """
        reason = redaction.message(error)
        log.warning("a chunk was interrupted", extra={**self._described(claim), "reason": reason})
        metrics.WORKER_CHUNKS.labels("interrupted").inc()
        if isinstance(error, DatabaseUnavailableError) or error.pgcode in TRANSIENT_SQLSTATES:
            self._owe(claim, "database")
        elif self._stopping.is_set():
            self._owe(claim, "stopping")

    def _owe(self, claim: Claim, reason: str) -> None:
        self._owed = claim
        metrics.WORKER_CLAIMS_RELEASED.labels(reason).inc()

    def _give_back(self) -> None:
        """Release what is owed, uncharged; as long as the database is away it stays owed."""
        if self._owed:
            with self._database.transaction() as cursor:
                queue.release(cursor, self._owed, delay_s=0 if self._stopping.is_set() else RETRY_DELAY_S)
            self._owed = None

    def _described(self, claim: Claim) -> dict[str, object]:
        """Which job, and whose request and trace it comes from."""
        job_id, origin = self._origin
        known = origin if job_id == claim.job_id else Origin(None, None)
        trace = trace_id(known.traceparent)
        return {
            "account_id": claim.account_id,
            "job_id": str(claim.job_id),
            "request_id": known.request_id,
            **({"trace_id": trace} if trace else {}),
            "chunk": claim.next_chunk,
            "attempt": claim.attempt,
        }


def _step(claim: Claim) -> str:
    """The claimed chunk as a person counts: from 1, and copies apart."""
    if claim.is_copy:
        return f"the copy of chunk {claim.next_chunk + 1} of {claim.copies}"
    return f"chunk {claim.next_chunk - claim.copies + 1} of {claim.chunks - claim.copies}"
