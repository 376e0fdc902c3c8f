"""Neither a stopped web process nor a stalled caller keeps a PostgreSQL session busy."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection

from tests.conftest import OpenUnread, bearer
from tests.e2e.conftest import Service, csv_file, wait_until
from tests.e2e.test_metrics import scrape, total

ENDED_WITHIN_S = 20
IDLE_FOR_S = 1.0
MAX_BUFFERED = 10_000_000  # bytes between web and a caller that does not read
LARGE_ANSWER = "SELECT repeat('x', %s)"


@contextmanager
def asking(service: Service, *lines: str) -> Iterator[socket.socket]:
    """Send a request without reading its response."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as caller:
        head = [*lines, "Host: x", *(f"{name}: {value}" for name, value in bearer().items()), "", ""]
        caller.sendall("\r\n".join(head).encode())
        yield caller


def is_busy(service: Service) -> bool:
    """Whether a session of web is in a transaction."""
    return bool(
        service.db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'bulkimport-web' AND xact_start IS NOT NULL"
        )
    )


def require_idle(service: Service) -> None:
    """Wait until web has done all it can before the caller continues, and no longer uses the database."""
    busy_at = time.monotonic()

    def has_been_idle() -> bool:
        nonlocal busy_at
        if is_busy(service):
            busy_at = time.monotonic()
        return time.monotonic() - busy_at > IDLE_FOR_S

    wait_until(has_been_idle, "no session of web is in a transaction", 20)
    assert total(scrape(service.port), "bulkimport_database_pool_in_use") == 0


def test_web_ends_sessions_whose_process_does_not_read(service: Service, unread: OpenUnread) -> None:
    service.start_web()
    stuck: Connection = unread(service.db.web_url, LARGE_ANSWER, (50_000_000,))
    pid = stuck.get_backend_pid()
    wait_until(
        lambda: not service.db.value("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid),
        "the session is ended",
        ENDED_WITHIN_S,
    )
    wait_until(
        lambda: total(scrape(service.port), "bulkimport_database_sessions_ended_total") == 1, "it is counted"
    )


def test_a_download_that_stalls_holds_no_session(service: Service) -> None:
    service.start_web()
    service.start_worker()
    file = csv_file(15_000, bad_every=1).replace(b",spaceship,,", b",spaceship," + b"x" * 800 + b",")
    job_id = service.upload(file)
    service.wait_for(job_id)
    with asking(service, f"GET /api/v1/assets/bulk/{job_id}/failed-rows.csv HTTP/1.1") as caller:
        assert caller.recv(12) == b"HTTP/1.1 200"
        require_idle(service)
        received = 0
        while received < MAX_BUFFERED:
            received += len(caller.recv(1_000_000))


def test_an_upload_that_stalls_holds_no_session(service: Service) -> None:
    service.start_web()
    file = csv_file(1_000)
    request = (
        "POST /api/v1/assets/bulk HTTP/1.1",
        "Content-Type: text/csv",
        "Idempotency-Key: stalled",
        f"Content-Length: {2 * len(file)}",
    )
    with asking(service, *request) as caller:
        caller.sendall(file)
        require_idle(service)
        assert caller.recv(12) == b"HTTP/1.1 408"
        require_idle(service)
