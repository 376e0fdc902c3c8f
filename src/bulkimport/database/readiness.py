"""Whether a process can do its work: the database is asked, and the answer comes in a second in any case."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg2
from psycopg2.errors import InsufficientPrivilege, UndefinedTable

from bulkimport.database.connections import (
    Database,
    DatabaseUnavailableError,
    PrivilegedRoleError,
    require_unprivileged,
)
from bulkimport.store import schema_version

LIMIT_S = 1.0


class NotReadyError(Exception):
    """The process cannot do its work; the message is a sentence that says why, and tells no secret."""


class Readiness:
    """Asks one question at a time: whoever comes meanwhile waits for the answer to the one that is asked.

    The database is asked in a thread, because a call that waits for packets that vanished cannot be ended.
    """

    def __init__(self, database: Database, *, needed_version: int) -> None:
        self._database = database
        self._needed_version = needed_version
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")
        self._asked: Future[None] | None = None

    def require(self) -> None:
        """Raise NotReadyError unless the database answers in LIMIT_S, has the schema and binds the login.

        A schema that is newer will do: it is made so that the release before can live with it.
        """
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self._thread.submit(self._ask)
            asked = self._asked
        try:
            asked.result(LIMIT_S)
        except TimeoutError as error:
            raise NotReadyError(
                f"The database did not answer in {LIMIT_S:g} s: it cannot be reached, or every connection of "
                "this process is in use."
            ) from error

    def _ask(self) -> None:
        try:
            with self._database.transaction() as cursor:
                require_unprivileged(cursor)
                found = schema_version.read(cursor)
        except PrivilegedRoleError as error:
            raise NotReadyError(
                "The database login is privileged, so row-level security would not keep tenants apart; "
                "the log says how to mend it."
            ) from error
        except (InsufficientPrivilege, UndefinedTable) as error:
            raise NotReadyError(self._outdated("The schema has no version that can be read")) from error
        except DatabaseUnavailableError as error:
            raise NotReadyError("The database cannot be reached.") from error
        except psycopg2.Error as error:
            raise NotReadyError(f"The database refuses to answer (SQLSTATE {error.pgcode}).") from error
        if found.dirty:
            raise NotReadyError(f"Version {found.number} of the schema was left half-way.")
        if found.number < self._needed_version:
            raise NotReadyError(self._outdated(f"The schema is at version {found.number}"))

    def _outdated(self, what: str) -> str:
        needed = self._needed_version
        return f"{what}, and this release needs {needed}; run the release step: bulkimport migrate up."
