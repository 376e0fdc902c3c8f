"""Ends sessions of this login whose client has stopped reading, which PostgreSQL never does by itself.

Such a client is usually another process, perhaps on another machine, that is stopped or cut off. So each
process watches the sessions of all.
"""

import logging
import threading
import time

import psycopg2
from psycopg2.extensions import cursor as Cursor

from bulkimport.database.connections import Database, connect
from bulkimport.errors import OperatorError
from bulkimport.store import server
from bulkimport.telemetry import metrics, redaction

# A statement may take 10 s, so a client that has not read the result after 12 s has stopped. With the
# interval added, it can keep a lock for 16 s.
STUCK_AFTER_S = 12.0
INTERVAL_S = 4.0

log = logging.getLogger(__name__)


def start(url: str, database: Database) -> None:
    """Look every INTERVAL_S, in a background thread with its own connection, until the process ends."""
    threading.Thread(target=_run, args=(url, database), name="session-watch", daemon=True).start()


def look(cursor: Cursor, database: Database) -> None:
    """End the sessions that are stuck now, and the waits of this process for replies that were lost."""
    database.report()
    database.abort_lost_replies()
    for session in server.end_stuck_sessions(cursor, after_s=STUCK_AFTER_S):
        metrics.DATABASE_SESSIONS_ENDED.inc()
        log.warning("ended a session whose client had stopped reading", extra=session._asdict())


def _run(url: str, database: Database) -> None:
    while True:
        try:
            _watch(url, database)
        except (psycopg2.Error, OperatorError) as error:
            log.warning("cannot watch for stuck sessions", extra={"reason": redaction.message(error)})
            time.sleep(INTERVAL_S)


def _watch(url: str, database: Database) -> None:
    connection = connect(url, "bulkimport-watch")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            while True:
                look(cursor, database)
                time.sleep(INTERVAL_S)
    finally:
        connection.close()
