"""The queue, looked at every few seconds, so that whoever asks never waits for the database."""

import logging
import threading
import time

import psycopg2

from bulkimport.database.connections import Database, DatabaseUnavailableError, PrivilegedRoleError
from bulkimport.store import queue
from bulkimport.store.queue import Sample
from bulkimport.telemetry import redaction

INTERVAL_S = 5.0
VALID_S = 3 * INTERVAL_S  # a sample that is older says nothing of now

log = logging.getLogger(__name__)


class QueueMonitor:
    """Samples the queue from a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._latest: tuple[float, Sample] | None = None

    def start(self) -> None:
        """Begin, until the process ends."""
        threading.Thread(target=self._run, name="queue-monitor", daemon=True).start()

    def latest(self) -> Sample | None:
        """The last sample; None where the database was away when it was to be taken, or does not answer."""
        taken_at, sample = self._latest or (0.0, None)
        return sample if time.monotonic() - taken_at < VALID_S else None

    def look(self) -> None:
        """Take a sample now."""
        try:
            with self._database.transaction() as cursor:
                self._latest = time.monotonic(), queue.sample(cursor)
        except (DatabaseUnavailableError, PrivilegedRoleError, psycopg2.Error) as error:
            log.warning("the queue cannot be sampled", extra={"reason": redaction.message(error)})
            self._latest = None

    def _run(self) -> None:
        while True:
            self.look()
            time.sleep(INTERVAL_S)
