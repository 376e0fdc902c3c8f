"""Threads that use the database one statement at a time, in an order that the test decides.

An actor is a thread that runs some of the service's code. It stops before each statement, before each commit
and after it, until the test lets it go on, or lets it die there as a killed process would: its transaction is
rolled back, and its code runs no further. Only one actor runs at a time. One that waits for a lock is left
waiting; it goes on as soon as another releases the lock, up to its next stop.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from psycopg2.extensions import connection as Connection

from bulkimport.database import connections
from bulkimport.database.connections import Database

DEADLINE_S = 60.0  # until an actor stops again; lock time-outs of the service are far shorter
POLL_S = 0.02  # between looks at whether an actor waits for a lock
# pg_stat_activity alone would show the wait for a moment after the lock has been granted.
LOCK_WAIT = """
SELECT count(*)
FROM pg_locks
JOIN pg_stat_activity USING (pid)
WHERE NOT granted
  AND application_name = %s
"""


class Killed(BaseException):
    """The process of the actor was killed; no `except Exception` of the service may see that."""


class Actor:
    """A thread that runs `work` step by step. `failure` is what it raised; `result` what it returned."""

    def __init__(self, name: str, work: Callable[[], Any], statements: int) -> None:
        self.name = name
        self.stops_at: str | None = None  # the statement before which it stands; None while it runs
        self.is_finished = False
        self.result: Any = None
        self.failure: BaseException | None = None
        self._changed = threading.Condition()
        self._statements_left = statements
        self._is_killed = False
        self._thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_stopped(self) -> bool:
        return self.is_finished or self.stops_at is not None

    def proceed(self, statements: int) -> None:
        """Let it run this many statements."""
        with self._changed:
            self._statements_left = statements
            self.stops_at = None
            self._changed.notify_all()

    def stop_after_statement(self) -> None:
        """Let it run no further than the statement in which it waits."""
        with self._changed:
            self._statements_left = 0

    def kill(self) -> None:
        """Let it die where it stands."""
        with self._changed:
            self._is_killed = True
            self.stops_at = None
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether it has stopped within this time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_stopped, seconds)

    def stop(self, statement: str) -> None:
        """In the actor's thread: stand before this statement until the test says what to do."""
        with self._changed:
            if self._statements_left == 0:
                self.stops_at = statement
                self._changed.notify_all()
                if not self._changed.wait_for(lambda: self.stops_at is None, DEADLINE_S):
                    self._is_killed = True  # the test has ended
            self._statements_left = max(self._statements_left - 1, 0)
            if self._is_killed:
                raise Killed

    def _run(self, work: Callable[[], Any]) -> None:
        _of_thread.actor = self
        try:
            self.result = work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.failure = error
        with self._changed:
            self.is_finished = True
            self._changed.notify_all()


_of_thread = threading.local()


class StepwiseDatabase(Database):
    """A pool whose sessions stop before each statement and around each commit, if an actor uses them.

    `on_commit` is called with the statements of each committed transaction, each with its parameters.
    """

    def __init__(
        self, url: str, *, application_name: str, on_commit: Callable[[list[tuple[str, Any]]], None]
    ) -> None:
        super().__init__(url, size=2, application_name=application_name)
        self.name = application_name
        self._on_commit = on_commit

    def take(self) -> Any:
        session: Any = super().take()
        session.cursor_factory = _StepwiseCursor
        session.statements = []
        session.commit = lambda: self._commit(session)
        return session

    def _commit(self, session: Any) -> None:
        _stop(session, "commit")
        Connection.commit(session)
        statements, session.statements = session.statements, []
        self._on_commit(statements)
        _stop(session, "after commit")


class _StepwiseCursor(connections._Cursor):
    def execute(self, query: Any, vars: Any = None) -> None:
        session: Any = self.connection
        name = query.strip().removeprefix("/*").partition("*/")[0].strip()
        _stop(session, name)
        super().execute(query, vars)
        session.statements.append((name, vars))


def _stop(session: Connection, statement: str) -> None:
    actor: Actor | None = getattr(_of_thread, "actor", None)
    if actor is None:
        return
    try:
        actor.stop(statement)
    except Killed:
        # PostgreSQL does the same when the connection breaks, but locks would be released some time later.
        with suppress(Exception):
            session.rollback()
        session.close()
        raise


class Stage:
    """The actors of a test. After each of its methods all of them stand still or wait for locks."""

    def __init__(self, admin: Connection) -> None:
        self._admin = admin
        self.actors: dict[str, Actor] = {}

    def begin(self, name: str, work: Callable[[], Any], statements: int) -> None:
        """Let an actor run this many statements. The application_name of its sessions is its `name`."""
        self.actors[name] = Actor(name, work, statements)
        self.actors[name].start()
        self.settle()

    def proceed(self, name: str, statements: int) -> None:
        self.actors[name].proceed(statements)
        self.settle()

    def kill(self, name: str) -> None:
        self.actors[name].kill()
        self.settle()

    def take_finished(self, name: str) -> Actor | None:
        """The actor, which has left the stage, if it is finished."""
        if name in self.actors and self.actors[name].is_finished:
            return self.actors.pop(name)
        return None

    def standing(self) -> list[str]:
        """The names of the actors that stand before a statement."""
        return sorted(name for name, actor in self.actors.items() if actor.stops_at is not None)

    def settle(self) -> None:
        """Wait until every actor stands still, is finished, or waits for a lock."""
        deadline = time.monotonic() + DEADLINE_S
        while running := [actor for actor in self.actors.values() if not actor.is_stopped]:
            # Asked twice: one that was released in the meantime may still be running.
            if all(actor.wait(POLL_S) or self._waits_for_lock(actor) for actor in running) and all(
                actor.is_stopped or self._waits_for_lock(actor) for actor in running
            ):
                for actor in running:
                    actor.stop_after_statement()
                return
            assert time.monotonic() < deadline, f"{running[0].name} does not stop"

    def _waits_for_lock(self, actor: Actor) -> bool:
        with self._admin.cursor() as cursor:
            cursor.execute(LOCK_WAIT, (actor.name,))
            (waiting,) = cursor.fetchone() or (0,)
        return bool(waiting)
