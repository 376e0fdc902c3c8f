"""A real PostgreSQL, a database of its own for each test, and the real, unprivileged roles."""

import fcntl
import functools
import gc
import io
import itertools
import os
import select
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

import hypothesis
import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg2.extensions import POLL_OK, POLL_READ
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from werkzeug.routing import Rule

from bulkimport import settings
from bulkimport.app import create_app
from bulkimport.auth.tokens import issue_token
from bulkimport.database import migrations
from bulkimport.database.connections import Database
from bulkimport.database.connections import connect as connect_as_the_service
from bulkimport.devserver import environment, postgres
from bulkimport.jobs import intake
from bulkimport.jobs.options import RequestedOptions
from bulkimport.settings import Settings
from bulkimport.web import idempotency
from bulkimport.web.idempotency import Answer

SECRET = "a secret of tests, long enough for HS256"
OWN, FOREIGN, INACTIVE, ABSENT = 1, 2, 3, 999

MEMORY = Path("/dev/shm")  # a file system in memory, where Linux has one
CLUSTER_BYTES = 512 * 1024**2  # the most that the databases of one process's tests take at a time
CLUSTER_PREFIX = "bulkimport-tests-"
SERVER_STOPPED = "57P"  # how the SQLSTATE begins of which connections learn that the server has stopped

# No deadline: how long an example takes depends on what else the machine is doing.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.register_profile("fuzz", max_examples=5_000, deadline=None)
hypothesis.settings.load_profile("tests")

_numbers = itertools.count()
_unused: list[str] = []  # databases of tests that have ended, to be dropped

OpenUnread = Callable[[str, str, tuple[object, ...]], Connection]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="repeat each fault as often as make chaos does")
    parser.addoption("--minutes", type=float, default=10, help="how long make soak lasts")
    parser.addoption(
        "--postgres", type=Path, help="a folder with initdb and postgres to use, not the wheel's"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """More processes than cores, as tests wait: those of tests/e2e about half of their time, others less."""
    cores = os.cpu_count() or 1
    return 2 * cores if "tests/e2e" in config.args else cores + cores // 2


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and the list of tests, which it would go through repeatedly."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def routes_compiled_once() -> Iterator[None]:
    """Spare hundreds of applications 15 ms each, in which Werkzeug compiles functions for their routes."""
    compile_builder, builders = Rule._compile_builder, {}

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, repr(rule._trace), repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


@dataclass(frozen=True)
class TestDatabase:
    """One test's database, and the URLs of those who use it."""

    __test__ = False

    admin_url: str
    owner_url: str
    web_url: str
    worker_url: str

    # The administrator's connections that run nothing: opening one costs more than most statements.
    idle: list[Connection] = field(default_factory=list, init=False, repr=False)

    def rows(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """What the administrator sees."""
        try:  # without looking first, as tests have threads
            connection, reused = self.idle.pop(), True
        except IndexError:
            connection, reused = psycopg2.connect(self.admin_url), False
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                rows = cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            connection.close()
            if reused and (error.pgcode or SERVER_STOPPED).startswith(SERVER_STOPPED):
                return self.rows(sql, *parameters)
            raise
        self.idle.append(connection)
        return rows

    def close(self) -> None:
        """Close the administrator's connections."""
        while self.idle:
            self.idle.pop().close()

    def value(self, sql: str, *parameters: object) -> object:
        """The one value that the administrator sees."""
        ((value,),) = self.rows(sql, *parameters)
        return value


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[postgres.Server]:
    """One for each process that runs tests."""
    # The machine does not lose power in a test; what processes lose, they lose all the same.
    options = {"fsync": "off", "full_page_writes": "off"}
    remove_abandoned_clusters()
    with (
        tempfile.TemporaryDirectory(prefix=CLUSTER_PREFIX, dir=memory_with_room()) as folder,
        postgres.running(
            Path(folder) / "cluster", binaries=request.config.getoption("--postgres"), options=options
        ) as running,
    ):
        environment.create_roles(running)
        yield running


def memory_with_room() -> Path | None:
    """Where cloning a database costs a fraction of what it costs on a disk; None where there is no room."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > processes * CLUSTER_BYTES:
        return MEMORY
    return None


def remove_abandoned_clusters() -> None:
    """Free the memory of test runs that were killed: nobody holds the locks of their clusters any more."""
    for path in MEMORY.glob(f"{CLUSTER_PREFIX}*/cluster.lock"):
        with suppress(OSError), path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent)


@pytest.fixture(scope="session")
def template(server: postgres.Server) -> str:
    """A database with all migrations and the accounts of the tests, to be cloned."""
    environment.create_database(server, "template")
    migrations.up(server.url(environment.OWNER, "template"))
    environment.grant_roles(server)
    environment.execute(
        server.url("postgres", "template"),
        "INSERT INTO trakrf.accounts (id, name, is_active)"
        " VALUES (1, 'Own', true), (2, 'Foreign', true), (3, 'Inactive', false)",
    )
    for login in (environment.WEB_LOGIN, environment.WORKER_LOGIN):
        connect_as_the_service(server.url(login, "template"), "test").close()  # fails for a privileged login
    return "template"


@pytest.fixture
def empty_database(server: postgres.Server) -> Iterator[TestDatabase]:
    """A database with no migration applied."""
    name = f"test_{next(_numbers)}"
    environment.create_database(server, name)
    database = _urls(server, name)
    yield database
    database.close()
    _unused.append(name)


@pytest.fixture
def db(server: postgres.Server, template: str) -> Iterator[TestDatabase]:
    """A database with all migrations and three accounts, and logins that see past no policy."""
    with cloned_database(server, template) as db:
        yield db


@contextmanager
def cloned_database(server: postgres.Server, template: str) -> Iterator[TestDatabase]:
    """A database of its own, for as long as the context lasts."""
    administrator = _administrator(server)
    # Not as the context ends: DROP waits 100 ms if a connection is still being closed.
    while _unused:
        administrator.rows(f"DROP DATABASE {_unused.pop()} WITH (FORCE)")
    name = f"test_{next(_numbers)}"
    # By default, CREATE DATABASE writes each page to the WAL, which takes twice the processor time.
    how = f"TEMPLATE {template} STRATEGY file_copy OWNER {environment.OWNER}"
    administrator.rows(f"CREATE DATABASE {name} {how}")
    database = _urls(server, name)
    try:
        yield database
    finally:
        database.close()
        _unused.append(name)


@functools.cache
def _administrator(server: postgres.Server) -> TestDatabase:
    return _urls(server, "postgres")


@pytest.fixture
def web_database(db: TestDatabase) -> Iterator[Database]:
    pool = Database(db.web_url, size=4, application_name="test-web")
    yield pool
    pool.close()


@pytest.fixture
def worker_database(db: TestDatabase) -> Iterator[Database]:
    pool = Database(db.worker_url, size=2, application_name="test-worker")
    yield pool
    pool.close()


@pytest.fixture
def connect() -> Iterator[Callable[[str], Connection]]:
    """Opens plain connections, and closes them at the end."""
    opened: list[Connection] = []

    def open_one(url: str) -> Connection:
        opened.append(psycopg2.connect(url))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


@pytest.fixture
def unread() -> Iterator[OpenUnread]:
    """Sends a statement, and does not read the answer."""
    opened: list[Connection] = []

    def ask(url: str, statement: str, parameters: tuple[object, ...]) -> Connection:
        connection = psycopg2.connect(url, async_=True)
        opened.append(connection)
        while (wanted := connection.poll()) != POLL_OK:
            ends = ([connection], []) if wanted == POLL_READ else ([], [connection])
            select.select(*ends, [])
        connection.cursor().execute(statement, parameters)
        return connection

    yield ask
    for connection in opened:
        connection.close()


@pytest.fixture
def service_settings(db: TestDatabase, tmp_path: Path) -> Settings:
    return settings.load(
        {
            "DATABASE_URL": db.web_url,
            "JWT_SECRET": SECRET,
            "CHUNK_ROWS": "3",
            "MAX_ROWS": "20",
            "MAX_UPLOAD_BYTES": "10000",
            "MAX_ACTIVE_JOBS_PER_ACCOUNT": "50",
            "DATA_DIR": str(tmp_path),
        }
    )


@pytest.fixture
def app(service_settings: Settings) -> Iterator[Flask]:
    app = create_app(service_settings)
    yield app
    app.extensions["database"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


HEADER = "identifier,name,type,description,valid_from,valid_to,is_active\n"


def csv_of(*identifiers: str) -> bytes:
    """A file with a good row for each identifier."""
    rows = (f"{identifier},Laptop,device,,2024-01-15,,yes\n" for identifier in identifiers)
    return (HEADER + "".join(rows)).encode()


def submit(
    database: Database,
    file: bytes | BinaryIO,
    account_id: int = OWN,
    chunk_rows: int = 3,
    requested: RequestedOptions = RequestedOptions(),  # noqa: B008 - frozen
) -> UUID:
    """Accept a file as an upload would, without HTTP."""
    limits = intake.Limits(chunk_rows=chunk_rows, max_rows=1_000, max_active_jobs=1_000)
    job_id = uuid4()
    stream = io.BytesIO(file) if isinstance(file, bytes) else file

    with intake.cut(database, limits, requested, account_id=account_id, file=stream) as cut_file:

        def act(cursor: Cursor) -> Answer:
            intake.store(cursor, limits, cut_file, account_id=account_id, job_id=job_id)
            return Answer(202, {}, "")

        idempotency.once(database, act, account_id=account_id, creates_job=job_id)
    return job_id


def bearer(account_id: int = OWN) -> dict[str, str]:
    """The Authorization header of an account."""
    token = issue_token(SECRET, account_id, account_claim="account_id", lifetime_s=600)
    return {"Authorization": f"Bearer {token}"}


def _urls(server: postgres.Server, name: str) -> TestDatabase:
    return TestDatabase(
        admin_url=server.url("postgres", name),
        owner_url=server.url(environment.OWNER, name),
        web_url=server.url(environment.WEB_LOGIN, name),
        worker_url=server.url(environment.WORKER_LOGIN, name),
    )
