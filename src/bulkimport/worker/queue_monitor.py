"""Samples of the queue, taken every few seconds, so that a scrape never waits for the database."""

import logging
import threading
import time

import psycopg2

from bulkimport.database.connections import Database, DatabaseUnavailableError, PrivilegedRoleError
from bulkimport.store import queue
from bulkimport.store.queue import Sample
from bulkimport.telemetry import redaction

INTERVAL_S = 5.0
VALID_S = 3 * INTERVAL_S  # an older sample says nothing about the queue as it is now

log = logging.getLogger(__name__)


class QueueMonitor:
    """Samples the queue in a background thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._latest: tuple[float, Sample] | None = None

    def start(self) -> None:
        """Start sampling; it goes on until the process ends."""
        threading.Thread(target=self._run, name="queue-monitor", daemon=True).start()

    def latest(self) -> Sample | None:
        """The last sample; None if taking it failed, or if it is older than VALID_S."""
        taken_at, sample = self._latest or (0.0, None)
        return sample if time.monotonic() - taken_at < VALID_S else None

    def look(self) -> None:
        """Take a sample now."""
        try:
            with self._database.transaction() as cursor:
                self._latest = time.monotonic(), queue.sample(cursor)
        except (DatabaseUnavailableError, PrivilegedRoleError, psycopg2.Error) as error:
            log.warning("cannot sample the queue", extra={"reason": redaction.message(error)})
            self._latest = None

    def _run(self) -> None:
        while True:
            self.look()
            time.sleep(INTERVAL_S)
