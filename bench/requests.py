"""How many requests per second the service answers, compared with a bare Flask route under its gunicorn."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import report
from bench.files import write_file
from bench.report import Measure
from bench.service import client, forget_everything, psql, wait_for
from bulkimport.devserver import run
from bulkimport.devserver.run import Service

SECONDS = 2.0
CONNECTIONS = 4


def measure(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure requests for the status of a running job, and 304 answers for a finished one."""
    forget_everything(service)
    finished = client(service).upload(write_file(folder / "tiny.csv", 100, bad_every=10))
    wait_for(service, finished)
    running = psql(
        service,
        "INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows, processed_rows)"
        " VALUES (1, 'processing', 100, 45) RETURNING id",
    )
    authorization = {"Authorization": f"Bearer {service.token(1)}"}
    base = f"{service.url}/api/v1/assets/bulk"
    with urllib.request.urlopen(
        urllib.request.Request(f"{base}/{finished}", headers=authorization)
    ) as answer:
        etag = {"If-None-Match": answer.headers["ETag"]}
    statuses, revalidations = [], []
    with bare_flask(service) as bare:
        for _ in range(runs):
            yardstick = rate(bare, {}, b"200")
            statuses.append(rate(f"{base}/{running}", authorization, b"200") / yardstick)
            yardstick = rate(bare, {}, b"200")
            revalidations.append(rate(f"{base}/{finished}", {**authorization, **etag}, b"304") / yardstick)
    return [
        report.median("status of a running job, requests/s / bare Flask", statuses, least=0.55),
        report.median("304 for a finished job, requests/s / bare Flask", revalidations, least=0.7),
    ]


@contextmanager
def bare_flask(service: Service) -> Iterator[str]:
    """The URL of a bare Flask application, served by the same gunicorn as the service."""
    port = run.free_port()
    environ = {**os.environ, **service.environments["web"], "PORT": str(port), "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "bench.bare:app"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        while True:
            try:
                urllib.request.urlopen(url).close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def rate(url: str, headers: Mapping[str, str], status: bytes) -> float:
    """Requests per second over CONNECTIONS connections that are kept alive."""
    host, _, path = url.removeprefix("http://").partition("/")
    lines = [
        f"GET /{path} HTTP/1.1",
        f"Host: {host}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    counts: list[int] = []
    until = time.monotonic() + SECONDS
    callers = [
        threading.Thread(target=_call, args=(host, request, status, until, counts))
        for _ in range(CONNECTIONS)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    if len(counts) != CONNECTIONS:
        raise RuntimeError(f"{url} did not answer {status.decode()} each time")
    return sum(counts) / SECONDS


def _call(host: str, request: bytes, status: bytes, until: float, counts: list[int]) -> None:
    name, _, port = host.partition(":")
    count = 0
    with socket.create_connection((name, int(port))) as connection:
        while time.monotonic() < until:
            connection.sendall(request)
            answer = connection.recv(65_536)
            head, _, body = answer.partition(b"\r\n\r\n")
            if head[9:12] != status:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            while len(body) < length and status != b"304":
                body += connection.recv(65_536)
            count += 1
    counts.append(count)
