"""What PostgreSQL knows of itself: the date, its schema's version, and which of its sessions are stuck."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, cast

from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class SchemaVersion:
    """The number of the last migration, 0 if there is none; `dirty` if it was left half-way."""

    number: int
    dirty: bool


class Ended(NamedTuple):
    """A session that was ended; `seconds` is how long ago its statement had begun."""

    pid: int
    application_name: str
    client: str | None
    seconds: float


SCHEMA_VERSION = """
/* server.schema_version */
SELECT version, dirty
FROM public.schema_migrations
"""


def schema_version(cursor: Cursor) -> SchemaVersion:
    """The version of the schema, as the migrations record it."""
    cursor.execute(SCHEMA_VERSION)
    return SchemaVersion(*(cursor.fetchone() or (0, False)))


TODAY = """
/* server.today */
SELECT (now() AT TIME ZONE 'UTC')::date
"""


def today(cursor: Cursor) -> date:
    """The date in UTC on which the transaction began."""
    cursor.execute(TODAY)
    (day,) = cursor.fetchone() or (None,)
    return cast(date, day)


# While PostgreSQL waits for a client to read (ClientWrite), none of its time-outs applies, and the session
# keeps its locks and its snapshot; but a login may end its own sessions. `state` is not checked, because the
# session already counts as idle while the last 8 KiB of an answer are sent. A statement that began in the
# future began before the clock was set back, and how long it has lasted cannot be known.
END_STUCK_SESSIONS = """
/* server.end_stuck_sessions */
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


def end_stuck_sessions(cursor: Cursor, *, after_s: float) -> list[Ended]:
    """End the login's sessions whose clients have not read an answer for `after_s` seconds since asking."""
    cursor.execute(END_STUCK_SESSIONS, {"after_s": after_s})
    return [Ended(*row) for row in cursor.fetchall()]
