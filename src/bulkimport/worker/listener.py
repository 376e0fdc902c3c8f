"""PostgreSQL's notifications of new jobs: a hint that saves the wait for the next poll, and no more.

The listening session also watches the other sessions of its login, since the worker's own may be stuck.
"""

import logging
import select
import threading
import time

import psycopg2
from psycopg2.extensions import connection as Connection

from bulkimport.database import session_watch
from bulkimport.database.connections import Database, connect
from bulkimport.errors import OperatorError
from bulkimport.store import queue
from bulkimport.telemetry import redaction

RECONNECT_DELAY_S = 1.0

log = logging.getLogger(__name__)


def listen(url: str, database: Database, wake: threading.Event, stopping: threading.Event) -> None:
    """Set `wake` whenever a job is queued, from a background thread, until `stopping` is set.

    The thread also watches the login's sessions, and the replies that `database` is waiting for.
    """
    arguments = url, database, wake, stopping
    threading.Thread(target=_run, args=arguments, name="listener", daemon=True).start()


def _run(url: str, database: Database, wake: threading.Event, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            _listen_once(url, database, wake, stopping)
        except (psycopg2.Error, OperatorError) as error:
            log.warning(
                "cannot listen for new jobs; polling continues", extra={"reason": redaction.message(error)}
            )
            stopping.wait(RECONNECT_DELAY_S)


def _listen_once(url: str, database: Database, wake: threading.Event, stopping: threading.Event) -> None:
    connection = connect(url, "bulkimport-listener")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            queue.listen(cursor)
            wake.set()  # jobs may have been queued while nobody listened
            while not stopping.is_set():
                session_watch.look(cursor, database)
                _wait(connection, wake, until=time.monotonic() + session_watch.INTERVAL_S)
    finally:
        connection.close()


def _wait(connection: Connection, wake: threading.Event, *, until: float) -> None:
    """Set `wake` at each notification until `until`, in seconds of monotonic time."""
    while (left_s := until - time.monotonic()) > 0:
        if connection.notifies:
            connection.notifies.clear()
            wake.set()
        select.select([connection], [], [], left_s)
        connection.poll()
