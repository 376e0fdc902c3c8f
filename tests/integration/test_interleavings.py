"""Workers and requests, stopped before each statement, in every order that Hypothesis can think of.

Two workers, one that removes old jobs, and a client of two accounts. Each is killed now and then, or its
session is ended. After each step the invariants hold, and at the end every job can be finished.
"""

import io
import itertools
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import psycopg2
import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg2.extensions import connection as Connection
from psycopg2.extras import register_uuid

from bulkimport.database.connections import DatabaseUnavailableError
from bulkimport.jobs import retention
from bulkimport.store.jobs import FINAL_STATUSES
from bulkimport.worker.loop import Worker
from tests.conftest import TestDatabase, bearer
from tests.integration.conftest import URL
from tests.support.stepwise import Killed, Stage, StepwiseDatabase

GIVEN_UP = "was tried 5 times and never finished"
IS_FUZZ = settings.get_current_profile_name() == "fuzz"
CHUNK_ROWS = 2
TO_THE_END = 999  # statements; nobody's work takes so many
MOST_TURNS = 500  # that the jobs of an example take
WORKERS = ("worker-1", "worker-2", "worker-purging")
CLIENT = "client"
IDENTIFIERS = ("A", "B", "C", "D")
WRITES = (
    "staged_assets.savepoint",
    "staged_assets.insert",
    "staged_assets.update",
    "reverting.re",
    "assets.",
)
COUNTERS = ("created", "updated", "unchanged", "skipped", "failed", "removed")

FILES = st.lists(
    st.tuples(
        st.sampled_from(IDENTIFIERS), st.sampled_from("xyz"), st.sampled_from(["device", "device", "gadget"])
    ),
    min_size=CHUNK_ROWS + 1,
    max_size=3 * CHUNK_ROWS,
)
OPTIONS = st.fixed_dictionaries(
    {"on_conflict": st.sampled_from(["update", "update", "error", "skip"])},
    optional={"on_error": st.just("abort"), "dry_run": st.just("true")},
)
STATEMENTS = st.sampled_from([TO_THE_END, TO_THE_END, 0, 2, 5])  # of a request, before it is interrupted
# The moments between two steps of a worker that others are most likely to disturb.
STOPS = (
    *("queue.claim", "queue.relock", "staged_assets.update_staged", "reverting.remove"),
    *("progress.advance", "queue.checkpoint", "commit", "after commit"),
)
ACTIONS = st.sampled_from(["cancel", "retry", "revert", "revert", "apply", "delete"])

_accounts = itertools.count(1_000, step=2)


class Touch(NamedTuple):
    """A change of an asset by a job, or by hand (None). `before` is None if it did not exist."""

    job_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What all examples share."""

    db: TestDatabase
    app: Flask
    admin: Connection


@pytest.fixture
def surroundings(db: TestDatabase, app: Flask) -> Iterator[Surroundings]:
    app.extensions["settings"] = replace(app.extensions["settings"], chunk_rows=CHUNK_ROWS)
    admin = psycopg2.connect(db.admin_url)
    admin.autocommit = True
    register_uuid(conn_or_curs=admin)  # type: ignore[no-untyped-call]
    yield Surroundings(db, app, admin)
    admin.close()


@pytest.mark.slow
def test_no_order_of_statements_breaks_an_invariant(surroundings: Surroundings) -> None:
    # Reaches the constructor without an argument, as run_state_machine_as_test wants it.
    class Machine(Interleavings):
        def __init__(self) -> None:
            super().__init__(surroundings)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=settings.get_profile("fuzz").max_examples if IS_FUZZ else 6,
            stateful_step_count=50,
            derandomize=not IS_FUZZ,
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.data_too_large,
                HealthCheck.filter_too_much,
            ],
        ),
    )


class Interleavings(RuleBasedStateMachine):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__()
        self.admin, self.app = surroundings.admin, surroundings.app
        first = next(_accounts)
        self.accounts = (first, first + 1)
        for account_id in self.accounts:
            self.query("INSERT INTO trakrf.accounts (id, name, is_active) VALUES (%s, 'x', true)", account_id)
        self.stage = Stage(self.admin)
        self.databases = {
            name: StepwiseDatabase(
                surroundings.db.worker_url, application_name=name, on_commit=self.committed
            )
            for name in WORKERS
        }
        self.databases[CLIENT] = self.app.extensions["database"] = StepwiseDatabase(
            surroundings.db.web_url, application_name=CLIENT, on_commit=self.committed
        )
        self.workers = {name: self.new_worker(name) for name in WORKERS}
        self.finished: dict[str, dict[str, Any]] = {}
        self.reverts_checked: set[str] = set()
        self.claims: set[tuple[Any, ...]] = set()
        self.ended: set[str] = set()
        self.writers: list[str | None] = []
        self.assets: dict[int, dict[str, Any]] = {}
        self.touches: dict[int, list[Touch]] = defaultdict(list)
        self.requests: list[tuple[str, Callable[[], Any]]] = []
        self.answers: dict[str, Any] = {}
        self.errors = _Errors()
        logging.getLogger("bulkimport.worker").addHandler(self.errors)

    # What can happen

    @initialize(rows=FILES, options=OPTIONS)
    def begin(self, rows: list[tuple[str, str, str]], options: dict[str, str]) -> None:
        self.upload(rows, options, place=0, statements=TO_THE_END)

    @precondition(lambda self: CLIENT not in self.stage.actors)
    @rule(rows=FILES, options=OPTIONS, place=st.integers(0, 1), statements=STATEMENTS)
    def upload(
        self, rows: list[tuple[str, str, str]], options: dict[str, str], place: int, statements: int
    ) -> None:
        lines = [f"{identifier},{name},{kind},2024-01-15,yes" for identifier, name, kind in rows]
        file = "\n".join(["identifier,name,type,valid_from,is_active", *lines]).encode()

        def form() -> dict[str, Any]:
            return {"file": (io.BytesIO(file), "assets.csv"), **options}

        self.request("POST", "", place, statements, data=form)

    @precondition(lambda self: CLIENT not in self.stage.actors and self.jobs())
    @rule(action=ACTIONS, number=st.integers(0, 99), statements=STATEMENTS)
    def act_on_a_job(self, action: str, number: int, statements: int) -> None:
        job = self.jobs()[number % len(self.jobs())]
        place = self.accounts.index(job["account_id"])
        if action == "delete":
            self.request("DELETE", f"/{job['id']}", place, statements)
        else:
            self.request("POST", f"/{job['id']}/{action}", place, statements)

    @precondition(lambda self: CLIENT not in self.stage.actors and self.live_assets())
    @rule(method=st.sampled_from(["PATCH", "DELETE"]), number=st.integers(0, 99), statements=STATEMENTS)
    def change_an_asset(self, method: str, number: int, statements: int) -> None:
        asset = self.live_assets()[number % len(self.live_assets())]
        place = self.accounts.index(asset["account_id"])
        body = {"json": {"name": f"{number}"}} if method == "PATCH" else {}
        self.request(method, f"/../{asset['id']}", place, statements, **body)

    @precondition(lambda self: CLIENT not in self.stage.actors)
    @rule(identifier=st.sampled_from(IDENTIFIERS), place=st.integers(0, 1), statements=STATEMENTS)
    def create_an_asset(self, identifier: str, place: int, statements: int) -> None:
        fields = {"name": "z", "type": "other", "valid_from": "2024-01-15", "is_active": True}
        self.request("POST", "/..", place, statements, json={"identifier": identifier, **fields})

    @precondition(lambda self: CLIENT not in self.stage.actors and self.requests)
    @rule(number=st.integers(0, 99), statements=STATEMENTS)
    def repeat_a_request(self, number: int, statements: int) -> None:
        self.begin_request(*self.requests[number % len(self.requests)], statements)

    @precondition(lambda self: self.idle_workers())
    @rule(number=st.integers(0, 9), stop=st.sampled_from(STOPS))
    def start_a_worker(self, number: int, stop: str) -> None:
        """It runs until it stands before this statement, or to the end if it never does."""
        self.let_time_pass()  # or the speed of the machine would decide what there is to claim
        name = self.idle_workers()[number % len(self.idle_workers())]
        worker, database = self.workers[name], self.databases[name]
        purges = name == WORKERS[-1]
        self.forget_ended_sessions(name)
        self.stage.begin(
            name, lambda: retention.purge_some(database, days=30) if purges else worker.work_once(), 0
        )
        while self.stage.actors[name].stops_at not in (stop, None):
            self.stage.proceed(name, 1)

    @precondition(lambda self: self.idle_workers())
    @rule(number=st.integers(0, 9))
    def run_a_worker(self, number: int) -> None:
        self.start_a_worker(number, "")

    @precondition(lambda self: self.stage.standing())
    @rule(number=st.integers(0, 9), statements=st.integers(1, 12) | st.just(TO_THE_END))
    def proceed(self, number: int, statements: int) -> None:
        standing = self.stage.standing()
        self.stage.proceed(standing[number % len(standing)], statements)

    @precondition(lambda self: self.stage.standing())
    @rule(number=st.integers(0, 9), is_killed=st.booleans())
    def fail(self, number: int, is_killed: bool) -> None:
        """A process is killed, or loses its session and goes on."""
        name = self.stage.standing()[number % len(self.stage.standing())]
        if is_killed:
            self.stage.kill(name)
            if name != CLIENT:
                self.workers[name] = self.new_worker(name)
        else:
            self.ended.add(name)
            self.query(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
                name,
            )

    @precondition(lambda self: self.finished)
    @rule(number=st.integers(0, 4))
    def let_a_month_pass(self, number: int) -> None:
        """The retention of a finished job ends."""
        self.query(
            "UPDATE trakrf.bulk_import_finished SET finished_at = now() - make_interval(days => 31)"
            " WHERE ctid IN (SELECT ctid FROM trakrf.bulk_import_finished"
            " WHERE isfinite(finished_at) AND account_id = ANY (%s)"
            " ORDER BY finished_at, job_id OFFSET %s LIMIT 1 FOR UPDATE SKIP LOCKED)",
            list(self.accounts),
            number,
        )

    def let_time_pass(self) -> None:
        """Grace periods and delays end; jobs that a worker has locked are past theirs anyway."""
        self.query(
            "UPDATE trakrf.bulk_import_queue SET not_before = clock_timestamp()"
            " WHERE ctid IN (SELECT ctid FROM trakrf.bulk_import_queue FOR UPDATE SKIP LOCKED)"
        )

    # What must hold after each step

    @invariant()
    def everything_holds(self) -> None:
        self.leave_the_stage()
        assert not self.errors.records, self.errors.records
        self.note_touches()
        queue = {row["job_id"]: row for row in self.rows("SELECT * FROM trakrf.bulk_import_queue")}
        errors = self.rows_of_jobs(
            "SELECT job_id, row_number FROM trakrf.bulk_import_errors WHERE account_id = ANY (%s)"
        )
        changes = self.rows_of_jobs(
            "SELECT job_id, row_number FROM trakrf.bulk_import_changes WHERE account_id = ANY (%s)"
        )
        all_jobs = self.all_jobs()
        reverted = {job["parent_job_id"] for job in all_jobs if job["kind"] == "revert"}
        for job in all_jobs:
            assert (job["status"] not in FINAL_STATUSES) == (job["id"] in queue)
            self.check_counters(job)
            self.check_that_finished_stays(job)
            if job["deleted_at"] is None:
                assert job["failed_rows"] == len(errors[job["id"]])
                if job["kind"] == "import" and job["id"] not in reverted:
                    writes = not job["options"]["dry_run"]
                    assert len(changes[job["id"]]) == (job["updated_rows"] if writes else 0)
            self.check_rows(job, queue.get(job["id"]), errors[job["id"]])
            if (
                job["kind"] == "revert"
                and job["status"] == "completed"
                and job["id"] not in self.reverts_checked
            ):
                self.reverts_checked.add(job["id"])
                self.check_revert(job)
        for asset in self.assets.values():
            owner = {job["account_id"] for job in all_jobs if job["id"] == asset["import_job_id"]}
            assert owner <= {asset["account_id"]}

    def check_counters(self, job: dict[str, Any]) -> None:
        counts = {name: job[f"{name}_rows"] or 0 for name in COUNTERS}
        assert sum(counts.values()) == job["processed_rows"] <= job["total_rows"], job
        if job["status"] == "completed":
            assert job["processed_rows"] == job["total_rows"]

    def check_that_finished_stays(self, job: dict[str, Any]) -> None:
        if job["status"] in FINAL_STATUSES:
            document = {
                name: value for name, value in job.items() if name not in ("parent_job_id", "deleted_at")
            }
            assert self.finished.setdefault(job["id"], document) == document

    def check_rows(self, job: dict[str, Any], queued: dict[str, Any] | None, failed: set[int]) -> None:
        """Every row is an asset, an error or otherwise counted, or still to come, exactly once."""
        created = [
            asset["import_row"] for asset in self.assets.values() if asset["import_job_id"] == job["id"]
        ]
        assert len(set(created)) == len(created)
        assert failed.isdisjoint(created)
        if job["kind"] == "revert":
            assert not created
            return
        assert len(created) == (0 if job["options"]["dry_run"] else job["created_rows"])
        one_turn = job["options"]["on_error"] == "abort" and not job["options"]["dry_run"]
        if queued and one_turn and not queued["only_check"]:
            assert job["processed_rows"] == 0
        elif queued and job["parent_job_id"] is None:
            assert job["processed_rows"] == min(job["total_rows"], CHUNK_ROWS * queued["next_chunk"])

    def check_revert(self, revert: dict[str, Any]) -> None:
        """What nobody has touched since is as it was before; nothing else was touched."""
        parent_id = str(revert["parent_job_id"])
        reverts = {str(job["id"]) for job in self.all_jobs() if job["kind"] == "revert"}
        for touches in self.touches.values():
            for place, touch in enumerate(touches):
                following = touches[place + 1] if place + 1 < len(touches) else None
                if touch.job_id == parent_id:
                    assert following, f"the revert left {touch.after} as it is"
                    if following.job_id in reverts:
                        self.check_restored(touch, following)
                if touch.job_id == str(revert["id"]):
                    assert place > 0
                    assert touches[place - 1].job_id == parent_id, f"the revert touched {touch.before}"

    def check_restored(self, touch: Touch, undone: Touch) -> None:
        if touch.before is None:
            assert undone.after["deleted_at"]
        else:
            own = ("version", "updated_at")
            expected, restored = (
                {name: value for name, value in state.items() if name not in own}
                for state in (touch.before, undone.after)
            )
            assert restored == expected

    def note_touches(self) -> None:
        now = {
            row["id"]: row
            for row in self.rows(
                "SELECT * FROM trakrf.assets WHERE account_id = ANY (%s) ORDER BY id", list(self.accounts)
            )
        }
        writers, self.writers = self.writers, []
        for asset_id, asset in now.items():
            if asset != self.assets.get(asset_id):
                (writer,) = writers
                self.touches[asset_id].append(Touch(writer, self.assets.get(asset_id), asset))
        self.assets = now

    def committed(self, statements: list[tuple[str, Any]]) -> None:
        """Note who wrote, and from where a claim has moved its job on: no other may do so again."""
        names = {name for name, _ in statements}
        claim = next((parameters for name, parameters in statements if name == "queue.relock"), None)
        if any(name.startswith(WRITES) for name in names):
            self.writers.append(str(claim["job_id"]) if claim else None)
        if claim and names & {"queue.checkpoint", "queue.remove", "queue.begin_check"}:
            place = (claim["job_id"], claim["next_chunk"], claim["only_check"])
            if place in self.claims:
                self.errors.records.append(f"{place} was committed twice")
            self.claims.add(place)

    def teardown(self) -> None:
        """Let everybody finish; then every job can be finished, and still nothing is broken."""
        try:
            self.run_to_the_end()
            self.finish_all_jobs()
            self.check_that_accounts_are_apart()
        finally:
            while standing := self.stage.standing():  # nothing is left to the next example
                self.stage.kill(standing[0])
            self.query("DELETE FROM trakrf.bulk_import_jobs")
            logging.getLogger("bulkimport.worker").removeHandler(self.errors)
            for database in self.databases.values():
                database.close()

    def check_that_accounts_are_apart(self) -> None:
        client = self.app.test_client()
        for job in self.jobs():
            stranger = next(account_id for account_id in self.accounts if account_id != job["account_id"])
            for method, path in (("GET", ""), ("POST", "/cancel")):
                response = client.open(f"{URL}/{job['id']}{path}", method=method, headers=bearer(stranger))
                assert response.status_code == 404
        for account_id in self.accounts:
            page = client.get("/api/v1/assets?limit=100", headers=bearer(account_id)).get_json()
            own = {asset["id"] for asset in self.live_assets() if asset["account_id"] == account_id}
            assert {asset["id"] for asset in page["assets"]} == own

    def run_to_the_end(self) -> None:
        """Let all that have begun something finish it."""
        self.everything_holds()
        while standing := self.stage.standing():
            self.stage.proceed(standing[0], TO_THE_END)
            self.everything_holds()

    def finish_all_jobs(self) -> None:
        self.forget_ended_sessions(WORKERS[0])
        worker = self.new_worker(WORKERS[0])
        for _ in range(MOST_TURNS):
            self.let_time_pass()
            if not worker.work_once():
                break
            self.everything_holds()
        assert not self.rows("SELECT * FROM trakrf.bulk_import_queue")

    # Means

    def request(self, method: str, path: str, place: int, statements: int, **body: Any) -> None:
        key = f"key-{len(self.requests)}"
        headers = {**bearer(self.accounts[place]), "Idempotency-Key": key}
        client = self.app.test_client()

        def send() -> Any:
            content = {name: value() if callable(value) else value for name, value in body.items()}
            return client.open(
                f"{URL}{path}".replace("/bulk/..", ""), method=method, headers=headers, **content
            )

        if method == "POST":
            self.requests.append((key, send))
        self.begin_request(key if method == "POST" else None, send, statements)

    def begin_request(self, key: str | None, send: Callable[[], Any], statements: int) -> None:
        self.forget_ended_sessions(CLIENT)
        self.stage.begin(CLIENT, lambda: (key, send()), statements)

    def leave_the_stage(self) -> None:
        for name in (*WORKERS, CLIENT):
            actor = self.stage.take_finished(name)
            if actor is None:
                continue
            if actor.failure:
                lost = isinstance(actor.failure, Killed | DatabaseUnavailableError | psycopg2.Error)
                assert lost, repr(actor.failure)
            elif name == CLIENT:
                self.check_answer(*actor.result)

    def check_answer(self, key: str | None, response: Any) -> None:
        assert response.status_code < 500 or response.status_code == 503, response.get_data(as_text=True)
        if key and response.status_code in (200, 201, 202):
            first = self.answers.setdefault(key, response.get_data())
            assert response.get_data() == first

    def forget_ended_sessions(self, name: str) -> None:
        """Keep idle sessions that were ended out of use: whether the pool notices depends on real time."""
        if name in self.ended:
            self.ended.remove(name)
            self.databases[name].close()

    def idle_workers(self) -> list[str]:
        return [name for name in WORKERS if name not in self.stage.actors]

    def new_worker(self, name: str) -> Worker:
        return Worker(
            self.databases[name], stopping=threading.Event(), wake=threading.Event(), retention_days=30
        )

    def jobs(self) -> list[dict[str, Any]]:
        return [job for job in self.all_jobs() if job["deleted_at"] is None]

    def all_jobs(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT * FROM trakrf.bulk_import_jobs WHERE account_id = ANY (%s) ORDER BY created_at, id",
            list(self.accounts),
        )

    def live_assets(self) -> list[dict[str, Any]]:
        return [asset for asset in self.assets.values() if asset["deleted_at"] is None]

    def rows_of_jobs(self, sql: str) -> dict[str, set[int]]:
        rows: dict[str, set[int]] = defaultdict(set)
        for row in self.rows(sql, list(self.accounts)):
            rows[row["job_id"]].add(row["row_number"])
        return rows

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with self.admin.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def query(self, sql: str, *parameters: Any) -> None:
        with self.admin.cursor() as cursor:
            cursor.execute(sql, parameters or None)


class _Errors(logging.Handler):
    """Keeps what the service logs as an error, unless a job was given up: a story may have so many deaths."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not str(getattr(record, "failure", "")).endswith(GIVEN_UP):
            self.records.append(f"{record.getMessage()} {record.exc_info}")


EVENTS: dict[str, Callable[["Interleavings"], None]] = {
    "overtaken": lambda machine: machine.run_a_worker(0),
    "cancelled": lambda machine: machine.act_on_a_job("cancel", 0, TO_THE_END),
    "killed": lambda machine: machine.fail(0, is_killed=True),
    "session ended": lambda machine: machine.fail(0, is_killed=False),
    "asset changed": lambda machine: machine.change_an_asset("PATCH", 0, TO_THE_END),
    "asset deleted": lambda machine: machine.change_an_asset("DELETE", 0, TO_THE_END),
    "asset created": lambda machine: machine.create_an_asset("B", 0, TO_THE_END),
}


@pytest.mark.parametrize("event", EVENTS)
def test_whatever_happens_between_two_statements_of_a_worker(surroundings: Surroundings, event: str) -> None:
    rows = [("A", "x", "device"), ("B", "x", "device"), ("C", "x", "device"), ("A", "y", "device")]
    for stop in [stop for stop in STOPS if not stop.startswith("reverting.")]:
        machine = Interleavings(surroundings)
        machine.create_an_asset("A", 0, TO_THE_END)
        machine.everything_holds()
        machine.upload(rows, {"on_conflict": "update"}, 0, TO_THE_END)
        machine.start_a_worker(0, stop)
        machine.everything_holds()
        if machine.stage.standing():
            EVENTS[event](machine)
        machine.run_to_the_end()
        machine.finish_all_jobs()
        machine.act_on_a_job("revert", 0, TO_THE_END)
        machine.teardown()


@pytest.mark.parametrize("statement", ["reverting.note", "staged_assets.update_staged"])
def test_an_asset_created_while_a_row_looks_for_it_is_restored_by_a_revert(
    surroundings: Surroundings, statement: str
) -> None:
    machine = Interleavings(surroundings)
    machine.upload([("A", "x", "device")], {"on_conflict": "update"}, place=0, statements=TO_THE_END)
    machine.start_a_worker(0, statement)
    machine.create_an_asset("A", place=0, statements=TO_THE_END)
    machine.run_to_the_end()
    machine.finish_all_jobs()

    (job,) = machine.all_jobs()
    assert job["updated_rows"] == 1
    machine.act_on_a_job("revert", 0, TO_THE_END)
    machine.teardown()
    assert [asset["name"] for asset in machine.live_assets()] == ["z"]
