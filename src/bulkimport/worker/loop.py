"""The worker's loop: claim a job, import one chunk of it, sleep while there is none.

The transaction is the lease. Rows, row errors, counters and checkpoint commit together, so a crash at any
instant rolls back to the last chunk, and PostgreSQL itself frees the job when the session ends.
"""

import logging
import os
import random
import sys
import threading
import time

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
from bulkimport.importing.step import BadRowError, CancelledError, StoppedError, cancel, give_up, import_next
from bulkimport.jobs import retention
from bulkimport.store import jobs, progress, queue
from bulkimport.store.queue import Claim
from bulkimport.telemetry import metrics, redaction
from bulkimport.worker import listener, shutdown
from bulkimport.worker.reporting import Reporter

POLL_INTERVAL_S = 1.0
MAX_ATTEMPTS = 5  # claims of one chunk without progress; after that the chunk is assumed to kill its workers
PURGE_INTERVAL_S = 10.0  # between searches for jobs to tidy up or to purge
RETRY_DELAY_S = 1.0  # after a failure that may resolve itself
# With Python's default, the thread that checks the next chunk keeps the interpreter for 5 ms while the thread
# that holds the transaction already has its reply and could go on.
SWITCH_INTERVAL_S = 0.0005

# Serialization failure, deadlock, lock timeout, full disk, too many connections: neither the statement nor
# the chunk is to blame (PostgreSQL manual, appendix A).
TRANSIENT_SQLSTATES = ("40001", "40P01", "55P03", "53100", "53300")

log = logging.getLogger(__name__)


def serve(url: str, *, retention_days: int) -> None:
    """Run one worker until SIGTERM, SIGINT or the end of standard input."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stopping, wake = threading.Event(), threading.Event()
    # The process id tells an operator which process a session in pg_stat_activity belongs to.
    database = Database(url, size=1, application_name=f"bulkimport-worker {os.getpid()}")
    shutdown.watch(stopping, wake, on_overdue=database.cancel)
    listener.listen(url, database, wake, stopping)
    Worker(database, stopping=stopping, wake=wake, retention_days=retention_days).run()
    database.close()


class Worker:
    """Imports chunks until `stopping` is set. `wake` is a hint: set it, and an idle worker looks for jobs."""

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
        self._report = Reporter()
        self._to_release: Claim | None = None

    def run(self) -> None:
        """Work until `stopping` is set, and finish the current chunk before returning."""
        while not self._must_stop():
            self._wake.clear()
            if not self._work_or_purge() and not self._stopping.is_set():
                self._wake.wait(POLL_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret

    def _must_stop(self) -> bool:
        """Whether the process must end; asking counts as the worker's sign of life."""
        metrics.WORKER_HEARTBEAT_TIMESTAMP_SECONDS.set_to_current_time()
        return self._stopping.is_set()

    def _work_or_purge(self) -> bool:
        """Import a chunk, or purge if there is none; False if there is nothing to do for now."""
        try:
            return self.work_once() or self._purge()
        except DatabaseUnavailableError as error:
            log.warning("the database cannot be reached", extra={"reason": str(error)})
        except psycopg2.Error as error:
            if error.pgcode not in TRANSIENT_SQLSTATES:
                raise
            log.warning("a claim was interrupted", extra={"reason": redaction.message(error)})
        return False

    def work_once(self) -> bool:
        """Import one chunk of the next job; False if no job is due."""
        self._release()
        claim = self._claim()
        if claim is None:
            return False
        self._attempt(claim)
        self._release()
        return True

    def _purge(self) -> bool:
        """Purge a batch if it is time to; whether there may be more."""
        if time.monotonic() < self._purge_at:
            return False
        try:
            more = retention.purge_some(self._database, days=self._retention_days)
        except psycopg2.Error as error:  # imports must not wait for work that can be done later
            log.warning("a purge was interrupted", extra={"reason": redaction.message(error)})
            more = False
        if not more:
            self._purge_at = time.monotonic() + PURGE_INTERVAL_S
        return more

    def _claim(self) -> Claim | None:
        claim = None
        try:
            with self._database.transaction() as cursor:
                commit_without_waiting(cursor)  # a claim lost with the server costs one uncounted attempt
                claim = queue.claim(cursor)
                if claim and (claim.is_first_chunk or not self._report.knows(claim.job_id)):
                    self._begin(cursor, claim)
        except UnknownOutcomeError:
            if claim:
                self._release_later(claim, "database")  # if it was committed, the attempt must not count
            raise
        if claim:
            self._report.claimed(claim)
        return claim

    def _begin(self, cursor: Cursor, claim: Claim) -> None:
        """Prepare for a job other than the last one, or for the first chunk that a job imports."""
        account_id, job_id = claim.account_id, claim.job_id
        set_tenant(cursor, account_id)
        if claim.is_first_chunk:
            progress.start(cursor, account_id=account_id, job_id=job_id)
        self._report.set_origin(job_id, jobs.get_origin(cursor, account_id=account_id, job_id=job_id))

    def _attempt(self, claim: Claim) -> None:
        """Work on the claimed chunk; whatever error it raises must not end a worker that other jobs need."""
        try:
            if self._stopping.is_set():
                self._release_later(claim, "stopping")
            else:
                self._work(claim)
        except StoppedError:
            self._abandon(claim, "stopping")
        except InterferenceError:
            self._abandon(claim, "interference")
        except (DatabaseUnavailableError, psycopg2.Error) as error:
            self._settle(claim, error)
        except Exception:  # noqa: BLE001 - it is logged, and the attempt counts
            self._report.failed(claim)

    def _work(self, claim: Claim) -> None:
        try:
            self._import(claim)
        except BadRowError:
            self._report.rolled_back()
            self._begin_check(claim)
        except CancelledError:
            self._report.rolled_back()
            self._cancel(claim)

    def _import(self, claim: Claim) -> None:
        """Import the chunk in one transaction, unless the claim has been lost or its attempts are used up."""
        started = time.perf_counter()
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if not queue.relock(cursor, claim):
                self._report.lost(claim)
                return
            if claim.attempt > MAX_ATTEMPTS:
                self._give_up(cursor, claim)
                return
            outcome = import_next(cursor, claim, self._lookahead, self._must_stop)
            imported = time.perf_counter()
        committed = time.perf_counter()
        self._report.committed(
            claim, outcome, seconds=committed - started, commit_seconds=committed - imported
        )

    def _give_up(self, cursor: Cursor, claim: Claim) -> None:
        failure = f"{_step(claim)} was tried {MAX_ATTEMPTS} times and never finished"
        give_up(cursor, claim, failure)
        self._report.gave_up(claim, failure)

    def _begin_check(self, claim: Claim) -> None:
        """Import nothing of this all-or-nothing job; its rows are now only checked, chunk by chunk."""
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if queue.relock(cursor, claim):
                queue.begin_check(cursor, claim)

    def _cancel(self, claim: Claim) -> None:
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if queue.relock(cursor, claim):
                cancel(cursor, claim)
                self._report.cancelled()

    def _abandon(self, claim: Claim, reason: str) -> None:
        self._report.abandoned(claim, reason)
        self._release_later(claim, reason)

    def _settle(self, claim: Claim, error: DatabaseUnavailableError | psycopg2.Error) -> None:
        """After a database error, release the claim, unless the chunk may be to blame: that attempt counts.

        A commit whose reply was lost needs no more than this: the next claim reads the checkpoint.
        """
        self._report.interrupted(claim, error)
        if isinstance(error, DatabaseUnavailableError) or error.pgcode in TRANSIENT_SQLSTATES:
            self._release_later(claim, "database")
        elif self._stopping.is_set():
            self._release_later(claim, "stopping")

    def _release_later(self, claim: Claim, reason: str) -> None:
        """Note the claim for `_release`, which needs a transaction of its own and a database that answers."""
        self._to_release = claim
        self._report.released(reason)

    def _release(self) -> None:
        """Release the noted claim, so that its attempt does not count; it stays noted until that succeeds."""
        if self._to_release:
            with self._database.transaction() as cursor:
                queue.release(
                    cursor, self._to_release, delay_s=0 if self._stopping.is_set() else RETRY_DELAY_S
                )
            self._to_release = None


def _step(claim: Claim) -> str:
    """The claimed chunk, counted from 1 as people do; the copies of a retry are counted separately."""
    if claim.is_copy:
        return f"the copy of chunk {claim.next_chunk + 1} of {claim.copies}"
    return f"chunk {claim.next_chunk - claim.copies + 1} of {claim.chunks - claim.copies}"
