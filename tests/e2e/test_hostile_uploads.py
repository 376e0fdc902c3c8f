"""Malicious uploads, sent straight to gunicorn: they are refused, and nothing of them is left anywhere."""

import http.client
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import bearer, csv_of
from tests.e2e.conftest import Service, csv_file, wait_until
from tests.support.nginx import needs_nginx, running_nginx

BULK = "/api/v1/assets/bulk"
MIB = 1024**2
FILE = csv_of("A")
GOOD = csv_of("B")


def part(name: str, body: bytes, headers: bytes = b"") -> bytes:
    named = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n'.encode()
    return named + headers + b"\r\n" + body + b"\r\n"


END = b"--b--\r\n"
FORM = "multipart/form-data; boundary=b"
# Content type, body and the status of the answer.
HOSTILE: dict[str, tuple[str, bytes, int]] = {
    "10,000 parts": (FORM, part("x", b"1") * 10_000 + END, 413),
    "10,000 parts and a file": (FORM, part("x", b"1") * 10_000 + part("file", FILE) + END, 413),
    "10,000 files": (FORM, part("file", FILE) * 10_000 + END, 413),
    "a header of a part of 2 MiB": (FORM, part("file", FILE, b"X-A: " + b"a" * 2 * MIB + b"\r\n") + END, 413),
    "100,000 headers of a part": (FORM, part("file", FILE, b"X-A: 1\r\n" * 100_000) + END, 413),
    "a field of 2 MiB": (
        FORM,
        b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n' + b"1" * 2 * MIB + b"\r\n" + END,
        413,
    ),
    "a boundary of 7,000 characters": (f"multipart/form-data; boundary={'b' * 7_000}", FILE, 400),
    "no boundary": ("multipart/form-data", FILE, 400),
    "a form in a form": (FORM, part("file", part("file", FILE) * 3 + END) + END, 400),
    "a form that never ends": (FORM, part("file", FILE), 400),
    "20 MiB before the first boundary": (FORM, b"a" * 20 * MIB, 413),
    "a header line of 20 MiB": ("text/csv", b"a" * 20 * MIB, 400),
    "500,000 columns": ("text/csv", b"a," * 500_000 + b"\n1", 400),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_gunicorn_refuses_hostile_bodies(service: Service, folder: Path) -> None:
    with nothing_left(service, folder):
        for name, (kind, body, expected) in HOSTILE.items():
            assert answered(service.port, kind, body) == expected, name
        assert answered(service.port, "text/csv", GOOD) == 202


@needs_nginx
def test_hostile_bodies_are_answered_through_nginx(service: Service, folder: Path, tmp_path: Path) -> None:
    with running_nginx(service, tmp_path / "nginx") as nginx, nothing_left(service, folder):
        for name, (kind, body, expected) in HOSTILE.items():
            assert answered(nginx.port, kind, body) == expected, name
            assert answered(nginx.port, kind, body, "Bearer none") == 401, name
        assert answered(nginx.port, "text/csv", GOOD) == 202
        wait_until(lambda: not any((nginx.folder / "body").rglob("*")), "nginx keeps no body")


def test_half_and_stalled_uploads_free_their_threads(service: Service, folder: Path) -> None:
    """Eight silent clients occupy all threads of a process, which then serves others again."""
    with nothing_left(service, folder):
        csv = csv_file(30_000)
        head = f"POST {BULK} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(csv)}\r\n"
        head += f"Authorization: {bearer()['Authorization']}\r\n"
        halves = [
            f"{head}Content-Type: {kind}\r\n\r\n".encode() + body[: MIB // 2]
            for kind, body in (("text/csv", csv), (FORM, part("file", csv)))
        ]
        for half in halves * 10:
            connected(service, half).close()
        stalled = [connected(service, half) for half in halves * 4]
        started = time.monotonic()
        assert service.request("GET", "/livez")[0] == 200
        assert time.monotonic() - started < 20
        for client in stalled:
            response = http.client.HTTPResponse(client)
            response.begin()
            assert (response.status, b"request-timeout" in response.read()) == (408, True)
            client.close()
        assert answered(service.port, "text/csv", GOOD) == 202


WIDE = csv_of().replace(b"\n", b"".join(b",metadata.k%d" % number for number in range(490)) + b"\n")
COSTLY = {
    "quotes that close and open on each line": csv_of() + b'x",y,"z\n' * 37_500,
    "5 million cells that do not decode": (
        WIDE + (b"A,Laptop,device,,2024-01-15,,yes" + b",\xff" * 490 + b"\n") * 10_000
    ),
}


@pytest.mark.parametrize("name", COSTLY)
def test_costly_files_are_answered_within_seconds(service: Service, name: str) -> None:
    service.start_web()
    started = time.monotonic()
    assert answered(service.port, "text/csv", COSTLY[name]) == 202
    assert time.monotonic() - started < 8, "seconds; 0.5 and 1.4 measured"


@contextmanager
def nothing_left(service: Service, folder: Path) -> Iterator[None]:
    """Requires that web is as it was before, and that it accepted only the one good file."""
    web = service.start_web(TMPDIR=str(folder))
    pid = int(Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text())
    assert answered(service.port, "text/csv", csv_file(100_000)) == 202
    before, files, left = peak_bytes(pid), open_files(pid), set(folder.iterdir())
    yield
    wait_until(lambda: open_files(pid) == files, "the process holds no more files than before")
    assert set(folder.iterdir()) == left
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 2
    assert service.db.value("SELECT count(DISTINCT job_id) FROM trakrf.bulk_import_chunks") == 2
    assert peak_bytes(pid) - before < 30 * MIB, "memory is flat"
    assert b'"level": "error"' not in service.log.read_bytes()


def answered(port: int, kind: str, body: bytes, token: str = bearer()["Authorization"]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", BULK, body, {"Authorization": token, "Content-Type": kind})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def peak_bytes(pid: int) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def open_files(pid: int) -> int:
    """Deleted files that the process still holds open: spooled files have no name."""
    held = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held += "(deleted)" in os.readlink(entry)
        except FileNotFoundError:  # closed in the meantime
            continue
    return held


def connected(service: Service, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", service.port), timeout=40)
    client.sendall(sent)
    return client
