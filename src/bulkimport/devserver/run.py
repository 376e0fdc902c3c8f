"""make run, make demo and make psql: the whole service on one machine, with nothing to set up."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import IO

import click

from bulkimport.auth.tokens import issue_token
from bulkimport.client import EXIT_ROWS_FAILED
from bulkimport.database import migrations
from bulkimport.devserver import environment, guard, postgres
from bulkimport.errors import OperatorError
from bulkimport.settings import Settings
from bulkimport.worker.processes import Command, keep_running

CLUSTER = "postgres"  # below DATA_DIR
EXAMPLES = Path(str(files("bulkimport"))) / "examples"
DEMO_FILES = tuple(EXAMPLES / name for name in ("assets.csv", "assets.xlsx", "assets-with-errors.csv"))
READY_TIMEOUT_S = 30
PORT_TIMEOUT_S = 10
LOOK_INTERVAL_S = 0.1
TOKEN_LIFETIME_S = 86_400


class DevServerError(OperatorError):
    """The development server cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class Service:
    """The service on this machine: its settings and the environments of its processes."""

    settings: Settings
    environments: Mapping[str, Mapping[str, str]]
    admin_url: str | None

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.settings.port}"

    def token(self, account_id: int) -> str:
        """A token for an account, valid for TOKEN_LIFETIME_S."""
        return issue_token(
            self.settings.require_jwt_secret(),
            account_id,
            account_claim=self.settings.jwt_account_claim,
            lifetime_s=TOKEN_LIFETIME_S,
            issuer=self.settings.jwt_issuer,
            audience=self.settings.jwt_audience,
        )


def run(settings: Settings, environ: Mapping[str, str]) -> None:
    """Serve until SIGINT, SIGTERM or the end of the parent process."""
    stopping = _stopping()
    with service(settings, environ, stopping) as running:
        token = running.token(1)
        click.echo(
            f"\nbulkimport serves at {running.url} until Ctrl-C.\n\n"
            f"A token for account 1, valid for a day:\n\n  {token}\n\n"
            f"{_page(running)}"
            f"Upload a file:\n\n"
            f'  curl -H "Authorization: Bearer {token}" -F file=@{_from_here(DEMO_FILES[0])}'
            f" {running.url}/api/v1/assets/bulk\n"
        )
        stopping.wait()


def _page(running: Service) -> str:
    if not running.settings.import_page:
        return ""
    return f"Import a spreadsheet in your browser, with this token:\n\n  {running.url}/import\n\n"


def demo(settings: Settings, environ: Mapping[str, str]) -> int:
    """Import the examples into a new database through a running service; return 0 if that worked.

    Everything is kept in a folder of its own below DATA_DIR, apart from that of `make run`.
    """
    port = settings.port if "PORT" in environ else free_port()
    settings = replace(settings, port=port, data_dir=settings.data_dir / "demo")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (
        (settings.data_dir / "service.log").open("wb") as log,
        service(settings, environ, _stopping(), output=log, fresh=True) as running,
    ):
        return max(_import_example(running, environ, example) for example in DEMO_FILES)


@contextmanager
def service(
    settings: Settings,
    environ: Mapping[str, str],
    stopping: threading.Event,
    *,
    output: IO[bytes] | None = None,
    fresh: bool = False,
) -> Iterator[Service]:
    """The whole service, from the database to the workers, until `stopping` is set or the context ends.

    `output` receives what web and worker print; `fresh` starts with a new database.
    """
    _require_free_port(settings.port)
    with (
        _prepared(settings, environ, fresh=fresh) as prepared,
        _serving(prepared, stopping, output=output),
    ):
        yield prepared


def psql(settings: Settings, environ: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Run psql as the administrator of the development database, or on DATABASE_URL; return its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # psql handles Ctrl-C
    with _admin_url(settings) as url:
        command = [str(postgres.wheel_psql()), url, *arguments]
        return subprocess.run(command, env=dict(environ), check=False).returncode


@contextmanager
def migration_url(settings: Settings) -> Iterator[str]:
    """The URL of the schema's owner, from the environment or for the development database."""
    if settings.migration_database_url or settings.database_url:
        yield settings.require_migration_database_url()
        return
    with _development_url(settings, environment.OWNER, environment.prepare_empty) as url:
        yield url


@contextmanager
def _admin_url(settings: Settings) -> Iterator[str]:
    configured = settings.migration_database_url or settings.database_url
    if configured:
        yield configured
        return
    with _development_url(settings, postgres.ADMIN, environment.prepare) as url:
        yield url


@contextmanager
def _development_url(
    settings: Settings, user: str, prepare: Callable[[postgres.Server], None]
) -> Iterator[str]:
    """The URL of the development database; its server is started for the context if it is not running."""
    cluster = settings.data_dir / CLUSTER
    running = postgres.attached_url(cluster, user, environment.DATABASE)
    if running:
        yield running
        return
    with postgres.running(cluster) as server:
        prepare(server)
        yield server.url(user, environment.DATABASE)


def _import_example(running: Service, environ: Mapping[str, str], example: Path) -> int:
    click.echo(f"\n$ bulkimport import {_from_here(example)}")
    client = {**environ, "BULKIMPORT_URL": running.url, "BULKIMPORT_TOKEN": running.token(1)}
    command = [sys.executable, "-m", "bulkimport", "import", str(example)]
    code = subprocess.run(command, env=client, check=False).returncode
    return 0 if code == EXIT_ROWS_FAILED else code


def _from_here(example: Path) -> str:
    """The path of an example from the current folder, to be shown and copied."""
    return shlex.quote(os.path.relpath(example.resolve()))


@contextmanager
def _prepared(settings: Settings, environ: Mapping[str, str], *, fresh: bool = False) -> Iterator[Service]:
    """The service with a database that is ready, and with defaults for what the environment leaves unset."""
    settings = replace(settings, jwt_secret=environment.signing_secret(settings))
    common = {
        "LOG_FORMAT": "text",  # unless the environment says otherwise
        **environ,
        "JWT_SECRET": settings.require_jwt_secret(),
        "PORT": str(settings.port),
    }
    if settings.database_url:
        if settings.migration_database_url:
            migrations.up(settings.migration_database_url)
        yield Service(settings, {"web": common, "worker": common}, None)
        return
    with postgres.running(settings.data_dir / CLUSTER, fresh=fresh) as server:
        environment.prepare(server)
        logins = {"web": environment.WEB_LOGIN, "worker": environment.WORKER_LOGIN}
        urls = {name: server.url(login, environment.DATABASE) for name, login in logins.items()}
        environments = {name: {**common, "DATABASE_URL": url} for name, url in urls.items()}
        yield Service(settings, environments, server.url(postgres.ADMIN, environment.DATABASE))


@contextmanager
def _serving(service: Service, stopping: threading.Event, *, output: IO[bytes] | None) -> Iterator[None]:
    """Keep web and worker running; the context is entered once the service answers."""
    commands = [
        Command(name, _guarded(name), variables, output) for name, variables in service.environments.items()
    ]
    keeper = threading.Thread(target=keep_running, args=(commands,), kwargs={"stopping": stopping})
    keeper.start()
    try:
        _wait_until_live(service.url, stopping)
        yield
    finally:
        stopping.set()
        keeper.join()


def _guarded(name: str) -> list[str]:
    """The command of web or worker, wrapped so that it ends with this process even by SIGKILL."""
    return [sys.executable, "-I", guard.__file__, "SIGTERM", sys.executable, "-m", "bulkimport", name]


def _wait_until_live(url: str, stopping: threading.Event) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not stopping.wait(LOOK_INTERVAL_S):
        try:
            with urllib.request.urlopen(f"{url}/livez", timeout=1):  # noqa: S310 - our own URL
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise DevServerError(f"{url} did not answer in {READY_TIMEOUT_S} s") from None


def _stopping() -> threading.Event:
    """An event that SIGINT, SIGTERM and the end of the parent process (make, when it is killed) set."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    parent = os.getppid()

    def watch() -> None:
        while not stopping.wait(LOOK_INTERVAL_S):
            if os.getppid() != parent:
                stopping.set()

    threading.Thread(target=watch, daemon=True).start()
    return stopping


def _require_free_port(port: int) -> None:
    """Wait for a server that is shutting down; DevServerError if the port stays in use."""
    deadline = time.monotonic() + PORT_TIMEOUT_S
    while not _is_free(port):
        if time.monotonic() > deadline:
            raise DevServerError(f"port {port} is in use; stop the process that uses it, or set another PORT")
        time.sleep(LOOK_INTERVAL_S)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A TCP port that is not in use at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
