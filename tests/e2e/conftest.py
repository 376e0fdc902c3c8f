"""The service as it runs: gunicorn and workers as processes, spoken to over HTTP."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from bulkimport.devserver import postgres
from tests.conftest import OWN, SECRET, TestDatabase, bearer

READY_TIMEOUT_S = 30
LOOK_INTERVAL_S = 0.02
WEB = ["-m", "bulkimport", "web"]
# The command with which WEB replaces itself: most tests save its checks, which take half a second.
GUNICORN = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "bulkimport.app:create_app()"]
PORTS = range(10_240, 32_000)  # below those that Linux gives to clients
FINAL_STATUSES = ("completed", "failed", "cancelled")


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 30) -> Any:
    """The first true value of a condition; fails when the deadline passes."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {timeout_s} s")
        time.sleep(LOOK_INTERVAL_S)
    return value


def free_port() -> int:
    """A TCP port that nothing uses; other processes that run tests never pick the same one."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = random.choice(PORTS[number::processes])
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@dataclass
class Service:
    """Web and worker processes over one test's database."""

    db: TestDatabase
    server: postgres.Server
    port: int
    log: Path
    environment: dict[str, str]
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start_web(self, command: Sequence[str] = GUNICORN, **environment: str) -> "subprocess.Popen[bytes]":
        web = self._start(command, DATABASE_URL=self.db.web_url, **environment)
        wait_until(self._is_live, "the web process answers")
        return web

    def output_of_failed_start(self, command: Sequence[str] = WEB, **environment: str) -> str:
        """The line that is printed where web does not start; nothing else is."""
        started = subprocess.run(
            [sys.executable, *command],
            env={**self.environment, "DATABASE_URL": self.db.web_url, **environment},
            capture_output=True,
            text=True,
            timeout=READY_TIMEOUT_S,
            check=False,
        )
        assert (started.returncode, started.stdout) == (1, "")
        assert started.stderr.count("\n") == 1, started.stderr
        return started.stderr

    def start_worker(self, *, single: bool = True, **environment: str) -> "subprocess.Popen[bytes]":
        """One worker process, or the supervisor with WORKER_CONCURRENCY of them."""
        command = ["-m", "bulkimport", "worker", *(["--single"] if single else [])]
        return self.start(command, **environment)

    def start(self, command: list[str], **environment: str) -> "subprocess.Popen[bytes]":
        """A Python process with the login of a worker."""
        return self._start(command, DATABASE_URL=self.db.worker_url, **environment)

    def request(
        self, method: str, path: str, body: bytes | None = None, account_id: int = OWN, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON document of an answer."""
        status, body = self.request_bytes(method, path, body, account_id, **headers)
        return status, json.loads(body)

    def request_bytes(
        self, method: str, path: str, body: bytes | None = None, account_id: int = OWN, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {**bearer(account_id), **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def upload(self, csv: bytes, account_id: int = OWN, options: str = "", **headers: str) -> str:
        """Upload a file and return the id of its job."""
        status, answer = self.request(
            "POST",
            f"/api/v1/assets/bulk{options}",
            csv,
            account_id,
            **{"Content-Type": "text/csv", **headers},
        )
        assert status == 202, answer
        return str(answer["job_id"])

    def retry(self, job_id: str) -> str:
        """Retry a job and return the id of the new one."""
        status, answer = self.request("POST", f"/api/v1/assets/bulk/{job_id}/retry")
        assert status == 202, answer
        return str(answer["job_id"])

    def apply(self, job_id: str) -> str:
        """Apply a dry run's plan; the id of the new job."""
        status, answer = self.request("POST", f"/api/v1/assets/bulk/{job_id}/apply")
        assert status == 202, answer
        return str(answer["job_id"])

    def job(self, job_id: str, account_id: int = OWN) -> dict[str, Any]:
        status, job = self.request("GET", f"/api/v1/assets/bulk/{job_id}", account_id=account_id)
        assert status == 200, job
        return job

    def wait_for(self, job_id: str, timeout_s: float = 60, account_id: int = OWN) -> dict[str, Any]:
        """The job when it is finished."""

        def finished() -> dict[str, Any] | None:
            job = self.job(job_id, account_id)
            return job if job["status"] in FINAL_STATUSES else None

        job: dict[str, Any] = wait_until(finished, f"job {job_id} is finished", timeout_s)
        return job

    def worker_pids(self, importing_for_s: float = 0) -> list[int]:
        """The workers that are connected, or that deep in a transaction, by what PostgreSQL knows of them.

        One that was killed counts until PostgreSQL has noticed.
        """
        return [
            int(str(name).rpartition(" ")[2])
            for (name,) in self.db.rows(
                "SELECT application_name FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'bulkimport-worker %%'"
                " AND coalesce(clock_timestamp() - xact_start, '0 s') >= make_interval(secs => %s::float)",
                importing_for_s,
            )
        ]

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Somebody else holds the table for as long as the context lasts."""
        connection = psycopg2.connect(self.db.admin_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table}")
            yield
        finally:
            connection.close()

    def waits_for_lock(self) -> bool:
        return bool(
            self.db.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name LIKE 'bulkimport-worker %' AND wait_event_type = 'Lock'"
            )
        )

    def _start(self, command: Sequence[str], **environment: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                env={**self.environment, **environment},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def _is_live(self) -> bool:
        try:
            return self.request("GET", "/livez")[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()


@pytest.fixture
def service(db: TestDatabase, server: postgres.Server, tmp_path: Path) -> Iterator[Service]:
    """Nothing runs yet: the test starts what it needs."""
    with stopped_at_the_end(db, server, tmp_path) as service:
        yield service


@contextmanager
def stopped_at_the_end(db: TestDatabase, server: postgres.Server, folder: Path) -> Iterator[Service]:
    """A service of which nothing runs yet; whatever is started ends with the context."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "JWT_SECRET": SECRET,
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "MAX_ACTIVE_JOBS_PER_ACCOUNT": "1000000",
        "DATA_DIR": str(folder),
    }
    with ExitStack() as stack:
        service = Service(db, server, port, folder / "service.log", environment)
        stack.callback(service.stop)
        yield service


def csv_file(rows: int, *, bad_every: int = 0, prefix: str = "A") -> bytes:
    """A file with a unique identifier in each row; each `bad_every`th row has a type that does not exist."""
    lines = ["identifier,name,type,description,valid_from,valid_to,is_active"]
    for number in range(rows):
        kind = "spaceship" if bad_every and number % bad_every == 0 else "device"
        lines.append(f'{prefix}-{number},"Laptop, {number}",{kind},,2024-01-15,,yes')
    return ("\n".join(lines) + "\n").encode()


def require_every_row_once(db: TestDatabase, job_id: str, csv: bytes) -> None:
    """The oracle: assets and row errors together are exactly the file's rows, each once, and counted."""
    expected = list(range(2, csv.count(b"\n") + 1))
    rows = [
        row
        for (row,) in db.rows(
            "SELECT import_row FROM trakrf.assets WHERE import_job_id = %s::uuid"
            " UNION ALL SELECT DISTINCT row_number FROM trakrf.bulk_import_errors WHERE job_id = %s::uuid"
            " ORDER BY 1",
            job_id,
            job_id,
        )
    ]
    assert rows == expected
    ((status, total, processed, failed),) = db.rows(
        "SELECT status, total_rows, processed_rows, failed_rows"
        " FROM trakrf.bulk_import_jobs WHERE id = %s::uuid",
        job_id,
    )
    (errors,) = db.rows(
        "SELECT count(DISTINCT row_number) FROM trakrf.bulk_import_errors WHERE job_id = %s::uuid", job_id
    )
    assert (status, total, processed) == ("completed", len(expected), len(expected))
    assert (failed,) == errors
    assert db.value("SELECT count(*) FROM trakrf.bulk_import_queue WHERE job_id = %s::uuid", job_id) == 0
