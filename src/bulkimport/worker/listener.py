"""New jobs as PostgreSQL announces them: a hint that saves the wait for the next poll, and no more."""

import logging
import select
import threading

import psycopg2

from bulkimport.database.connections import DatabaseUnavailableError, connect
from bulkimport.store import queue
from bulkimport.telemetry import redaction

RECONNECT_DELAY_S = 1.0

log = logging.getLogger(__name__)


def listen(url: str, wake: threading.Event, stopping: threading.Event) -> None:
    """Set `wake` whenever a job is queued, from a thread of its own, until `stopping` is set."""
    threading.Thread(target=_run, args=(url, wake, stopping), name="listener", daemon=True).start()


def _run(url: str, wake: threading.Event, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            _listen_once(url, wake, stopping)
        except (psycopg2.Error, DatabaseUnavailableError) as error:
            log.warning("not listening; polling goes on", extra={"reason": redaction.message(error)})
            stopping.wait(RECONNECT_DELAY_S)


def _listen_once(url: str, wake: threading.Event, stopping: threading.Event) -> None:
    connection = connect(url, "bulkimport-listener")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            queue.listen(cursor)
        wake.set()  # what came before is found by looking
        while not stopping.is_set():
            select.select([connection], [], [])
            connection.poll()
            if connection.notifies:
                connection.notifies.clear()
                wake.set()
    finally:
        connection.close()
