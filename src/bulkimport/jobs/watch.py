"""Looks at the jobs that requests wait for, and ends the waits when there is news."""

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import psycopg2

from bulkimport.database.connections import Database
from bulkimport.errors import OperatorError
from bulkimport.store import job_documents, jobs
from bulkimport.store.job_documents import State

LOOK_INTERVAL_S = 0.25
PATIENT_AFTER_S = 2.0  # jobs that were waited for so long are looked at only in one round of PATIENT_ROUNDS
PATIENT_ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Wait:
    """A request that waits until the status of a job is no longer as in `first`, or until any change."""

    account_id: int
    job_id: UUID
    first: State
    for_any_change: bool
    since: float = field(default_factory=time.monotonic)
    is_over: threading.Event = field(default_factory=threading.Event)

    def ends_with(self, state: State | None) -> bool:
        """Whether there is news; also if the job is finished, or is not there."""
        if state is None or state.status in jobs.FINAL_STATUSES or state.status != self.first.status:
            return True
        return self.for_any_change and state.version != self.first.version


class JobWatch:
    """Looks at all jobs that requests of this process wait for: one thread, and one statement per account.

    A waiting request holds no database connection. The thread runs only while there are such requests.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waits: set[Wait] = set()
        self._is_looking = False

    def wait(self, wait: Wait, *, timeout_s: float) -> None:
        """Return when the wait is over, or after `timeout_s` seconds."""
        if wait.ends_with(wait.first):
            return
        with self._lock:
            self._waits.add(wait)
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._run, name="job-watch", daemon=True).start()
        wait.is_over.wait(timeout_s)
        with self._lock:
            self._waits.discard(wait)

    def _run(self) -> None:
        for round_ in count():
            time.sleep(LOOK_INTERVAL_S)
            with self._lock:
                waits = list(self._waits)
                self._is_looking = bool(waits)
            if not waits:
                return
            if round_ % PATIENT_ROUNDS:
                patient_since = time.monotonic() - PATIENT_AFTER_S
                waits = [wait for wait in waits if wait.since > patient_since]
            self._look(waits)

    def _look(self, waits: Collection[Wait]) -> None:
        of_accounts = defaultdict(list)
        for wait in waits:
            of_accounts[wait.account_id].append(wait)
        for account_id, of_account in of_accounts.items():
            states = self._states(account_id, {wait.job_id for wait in of_account})
            for wait in of_account:
                if wait.ends_with(states.get(wait.job_id)):
                    wait.is_over.set()

    def _states(self, account_id: int, job_ids: Collection[UUID]) -> Mapping[UUID, State]:
        """The states of jobs; empty after an error, which the requests will then meet themselves."""
        try:
            with self._database.tenant_read(account_id) as cursor:
                return job_documents.get_states(cursor, account_id=account_id, job_ids=job_ids)
        except (psycopg2.Error, OperatorError):
            return {}
