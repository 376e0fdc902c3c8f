"""Sessions of the service's own login, as PostgreSQL sees them."""

from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor


class Ended(NamedTuple):
    """A session that was ended, and for how many seconds its statement had gone on."""

    pid: int
    application_name: str
    client: str | None
    seconds: float


# While PostgreSQL waits for a client to read (ClientWrite), it heeds none of its own time-outs, and keeps
# locks and snapshot; but a login may end its own sessions. The state is not asked for, because the last 8 KiB
# of an answer are sent when the session already counts as idle. A statement that began in the future saw the
# clock set back, and how long it has lasted cannot be known.
END_STUCK = """
/* sessions.end_stuck */
SELECT pid, application_name, client_addr::text,
       extract(epoch FROM clock_timestamp() - query_start)::float8
FROM (
    SELECT pid, application_name, client_addr, query_start, pg_terminate_backend(pid) AS is_ended
    FROM pg_stat_activity
    WHERE usename    = session_user
      AND datname    = current_database()
      AND pid        <> pg_backend_pid()
      AND wait_event = 'ClientWrite'
      AND query_start NOT BETWEEN clock_timestamp() - make_interval(secs => %(after_s)s) AND clock_timestamp()
) AS stuck
WHERE is_ended
"""


def end_stuck(cursor: Cursor, *, after_s: float) -> list[Ended]:
    """End the login's sessions whose clients have not read an answer so many seconds after asking for it."""
    cursor.execute(END_STUCK, {"after_s": after_s})
    return [Ended(*row) for row in cursor.fetchall()]
