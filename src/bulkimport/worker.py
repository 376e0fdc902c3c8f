"""The worker's loop: claim a job, import one chunk of it, sleep when there is none.

The transaction is the lease. Rows, row errors, counters and checkpoint commit together, so a crash at any
instant rolls back to the last chunk, and PostgreSQL itself frees the job when the session ends.
"""

import logging
import os
import random
import signal
import sys
import threading
import time

import psycopg2

from bulkimport import listener, processes, redaction, retention, shutdown
from bulkimport.chunk_check import Lookahead
from bulkimport.chunk_import import Outcome
from bulkimport.conflict import InterferenceError
from bulkimport.database import (
    Database,
    DatabaseUnavailableError,
    UnknownOutcomeError,
    commit_without_waiting,
    connect,
    set_tenant,
)
from bulkimport.job_import import BadRowError, CancelledError, StoppedError, cancel, give_up, import_next
from bulkimport.store import progress, queue
from bulkimport.store.queue import Claim

POLL_INTERVAL_S = 1.0
MAX_ATTEMPTS = 5  # claims of one chunk with no progress; then the chunk is taken to kill its workers
PURGE_INTERVAL_S = 60.0  # between looks for jobs to purge
RETRY_DELAY_S = 1.0  # after a fault that waiting may mend

# Serialization failure, deadlock, a lock not had in time, a full disk, too many connections: the statement
# is not to blame, and neither is the chunk (PostgreSQL manual, appendix A).
TRANSIENT_SQLSTATES = ("40001", "40P01", "55P03", "53100", "53300")

log = logging.getLogger(__name__)


def serve_all(url: str, count: int) -> None:
    """Keep `count` workers running, each a process of its own, until SIGTERM or SIGINT.

    Raises PrivilegedRoleError at once; a database that cannot be reached yet is waited for.
    """
    try:
        connect(url, "bulkimport-worker").close()
    except DatabaseUnavailableError as error:
        log.warning("the database cannot be reached", extra={"reason": str(error)})
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    single = (sys.executable, "-m", "bulkimport", "worker", "--single")
    processes.keep_running(
        [processes.Command(f"worker {number}", single) for number in range(1, count + 1)], stopping=stopping
    )


def serve(url: str, *, retention_days: int) -> None:
    """Be one worker until SIGTERM, SIGINT or the end of standard input."""
    stopping, wake = threading.Event(), threading.Event()
    # The process id tells an operator which process a session in pg_stat_activity belongs to.
    database = Database(url, size=1, application_name=f"bulkimport-worker {os.getpid()}")
    shutdown.watch(stopping, wake, on_overdue=database.cancel)
    listener.listen(url, wake, stopping)
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

    def run(self) -> None:
        """Until `stopping` is set; the chunk in hand is finished first."""
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                idle = not self.work_once() and not self._purge()
            except DatabaseUnavailableError as error:
                log.warning("the database cannot be reached", extra={"reason": str(error)})
                idle = True
            if idle and not self._stopping.is_set():
                self._wake.wait(POLL_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret

    def _purge(self) -> bool:
        """Purge a batch, now and then; whether there may be more."""
        if time.monotonic() < self._purge_at:
            return False
        more = retention.purge_some(self._database, days=self._retention_days)
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
                self._owed = claim
            else:
                self._work(claim)
        except (StoppedError, InterferenceError) as error:
            log.info("a chunk was left", extra={**_described(claim), "reason": type(error).__name__})
            self._owed = claim
        except (DatabaseUnavailableError, psycopg2.Error) as error:
            self._settle(claim, error)
        except Exception:  # whatever it is, it must not take other jobs' worker down; the attempt counts
            log.exception("a chunk failed", extra=_described(claim))
        self._give_back()
        return True

    def _claim(self) -> Claim | None:
        claim = None
        try:
            with self._database.transaction() as cursor:
                commit_without_waiting(cursor)  # a claim lost with the server costs one uncounted attempt
                claim = queue.claim(cursor)
                if claim and claim.next_chunk == 0:
                    set_tenant(cursor, claim.account_id)
                    progress.start(cursor, account_id=claim.account_id, job_id=claim.job_id)
        except UnknownOutcomeError:
            self._owed = claim  # if it was committed, the attempt must not count
            raise
        return claim

    def _work(self, claim: Claim) -> None:
        started = time.monotonic()
        try:
            outcome = self._import(claim)
        except BadRowError:
            self._begin_check(claim)
            return
        except CancelledError:
            self._cancel(claim)
            return
        if outcome:
            log.info(
                "chunk imported",
                extra={
                    **_described(claim),
                    "created_rows": outcome.created,
                    "updated_rows": outcome.updated,
                    "skipped_rows": outcome.skipped,
                    "failed_rows": outcome.failed,
                    "seconds": round(time.monotonic() - started, 4),
                },
            )

    def _import(self, claim: Claim) -> Outcome | None:
        """What became of the rows, once that is committed; None if this claim was not to be worked on."""
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if not queue.relock(cursor, claim):
                log.warning("another worker has the job", extra=_described(claim))
                return None
            if claim.attempt > MAX_ATTEMPTS:
                chunk = f"chunk {claim.next_chunk + 1} of {claim.chunks}"
                failure = f"{chunk} was tried {MAX_ATTEMPTS} times and never finished"
                give_up(cursor, claim, failure)
                log.error("job failed", extra={**_described(claim), "failure": failure})
                return None
            return import_next(cursor, claim, self._lookahead, self._stopping.is_set)

    def _begin_check(self, claim: Claim) -> None:
        """Nothing of this all-or-nothing job will be imported; from here on it is checked, chunk by chunk."""
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if queue.relock(cursor, claim):
                queue.begin_check(cursor, claim)

    def _cancel(self, claim: Claim) -> None:
        with self._database.tenant_transaction(claim.account_id) as cursor:
            if queue.relock(cursor, claim):
                cancel(cursor, claim)

    def _settle(self, claim: Claim, error: DatabaseUnavailableError | psycopg2.Error) -> None:
        """After a fault of the database: owe the claim back where the chunk is not to blame.

        A commit whose answer was lost needs no more than this: the next claim reads the checkpoint.
        """
        log.warning(
            "a chunk was interrupted", extra={**_described(claim), "reason": redaction.message(error)}
        )
        if (
            isinstance(error, DatabaseUnavailableError)
            or error.pgcode in TRANSIENT_SQLSTATES
            or self._stopping.is_set()
        ):
            self._owed = claim

    def _give_back(self) -> None:
        """Release what is owed, uncharged; as long as the database is away it stays owed."""
        if self._owed:
            with self._database.transaction() as cursor:
                queue.release(cursor, self._owed, delay_s=0 if self._stopping.is_set() else RETRY_DELAY_S)
            self._owed = None


def _described(claim: Claim) -> dict[str, object]:
    return {
        "account_id": claim.account_id,
        "job_id": str(claim.job_id),
        "chunk": claim.next_chunk,
        "attempt": claim.attempt,
    }
