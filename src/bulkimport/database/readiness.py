"""Whether a process can do its work, as the database tells; the answer takes a second at most."""

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
from bulkimport.store import server

LIMIT_S = 1.0


class NotReadyError(Exception):
    """The process cannot do its work; the message is a sentence that says why, and reveals no secret."""


class Readiness:
    """Runs one check at a time; callers that arrive during a check share its result.

    It runs in a thread of its own, because a call that waits for packets that were lost cannot be ended.
    """

    def __init__(self, database: Database, *, needed_version: int) -> None:
        self._database = database
        self._needed_version = needed_version
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="readiness")
        self._check: Future[None] | None = None

    def require(self) -> None:
        """Raise NotReadyError unless the database answers in LIMIT_S, has the schema and binds the login.

        A newer schema is accepted: migrations are written so that the previous release runs on it.
        """
        with self._lock:
            if self._check is None or self._check.done():
                self._check = self._thread.submit(self._run_check)
            check = self._check
        try:
            check.result(LIMIT_S)
        except TimeoutError as error:
            raise NotReadyError(
                f"The database did not answer in {LIMIT_S:g} s: it cannot be reached, or every connection of "
                "this process is in use."
            ) from error

    def _run_check(self) -> None:
        try:
            with self._database.transaction() as cursor:
                require_unprivileged(cursor)
                version = server.schema_version(cursor)
        except PrivilegedRoleError as error:
            raise NotReadyError(
                "The database login is privileged, so row-level security would not keep tenants apart; "
                "the log says how to fix it."
            ) from error
        except (InsufficientPrivilege, UndefinedTable) as error:
            raise NotReadyError(self._outdated("The schema has no version that can be read")) from error
        except DatabaseUnavailableError as error:
            raise NotReadyError("The database cannot be reached.") from error
        except psycopg2.Error as error:
            raise NotReadyError(f"The database refuses to answer (SQLSTATE {error.pgcode}).") from error
        if version.dirty:
            raise NotReadyError(f"Version {version.number} of the schema was left half-applied.")
        if version.number < self._needed_version:
            raise NotReadyError(self._outdated(f"The schema is at version {version.number}"))

    def _outdated(self, state: str) -> str:
        needed = self._needed_version
        return f"{state}, and this release needs {needed}; run the release step: bulkimport migrate up."
