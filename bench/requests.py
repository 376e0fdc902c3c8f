"""How many requests per second the service answers, compared with simpler applications under its gunicorn.

The load comes from wrk, since a load generator in Python takes the processor that it measures.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from bench import report
from bench.files import write_file
from bench.report import Measure
from bench.service import client, forget_everything, psql, wait_for
from bulkimport.devserver import run
from bulkimport.devserver.run import Service

SECONDS = 2
CONNECTIONS = 8
RESULT = re.compile(
    r"50%\s+([\d.]+)(us|ms|s)\n.*99%\s+([\d.]+)(us|ms|s)\n.*Requests/sec:\s+([\d.]+)", re.DOTALL
)
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
PACED = "function delay() return {pause_ms} end"


class Load(NamedTuple):
    """Requests per second, and the milliseconds within which 50 and 99 of 100 were answered."""

    rate: float
    p50_ms: float
    p99_ms: float


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
    known = {**authorization, "If-None-Match": _etag(f"{base}/{finished}", authorization)}
    bares, floors, statuses, revalidations, tails = [], [], [], [], []
    with _yardstick(service, "bare", "") as bare, _yardstick(service, "floor", running) as floor:
        for _ in range(runs):
            bares.append(rate(bare, {}))
            floors.append(rate(floor, {}))
            statuses.append(rate(f"{base}/{running}", authorization))
            revalidations.append(rate(f"{base}/{finished}", known))
            half = load(f"{base}/{running}", authorization, at_rate=statuses[-1] / 2)
            tails.append(half.p99_ms / half.p50_ms)
    return [
        report.median("status of a running job, requests/s / floor", _ratios(statuses, floors), least=0.85),
        report.median(
            "status of a running job, requests/s / bare Flask", _ratios(statuses, bares), least=0.6
        ),
        report.median("304 for a finished job, requests/s / floor", _ratios(revalidations, floors), least=1),
        report.median("status p99 / p50 at half of the saturation rate", tails, most=3),
    ]


def rate(url: str, headers: Mapping[str, str]) -> float:
    """Requests per second over CONNECTIONS connections that are kept alive."""
    return load(url, headers).rate


def load(url: str, headers: Mapping[str, str], *, at_rate: float | None = None) -> Load:
    """Request the URL over CONNECTIONS connections: as often as possible, or at about this rate."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise click.ClickException("wrk is needed to measure requests: apt-get install wrk")
    command = [
        wrk,
        "--threads",
        "1",
        "--connections",
        str(CONNECTIONS),
        "--duration",
        f"{SECONDS}s",
        "--latency",
    ]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if at_rate is not None:
            script.write(PACED.format(pause_ms=round(1000 * CONNECTIONS / at_rate)))
            script.flush()
            command += ["--script", script.name]
        output = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    result = RESULT.search(output)
    if result is None or "Non-2xx" in output:
        raise RuntimeError(f"{url} was not answered each time: {output}")
    p50, p50_unit, p99, p99_unit, per_second = result.groups()
    return Load(float(per_second), float(p50) * MILLISECONDS[p50_unit], float(p99) * MILLISECONDS[p99_unit])


@contextmanager
def _yardstick(service: Service, name: str, path: str) -> Iterator[str]:
    """A URL of an application of this folder, served by the same gunicorn as the service."""
    port = run.free_port()
    environ = {**os.environ, **service.environments["web"], "PORT": str(port), "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", f"bench.{name}:app"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/{path}"
    try:
        while True:
            try:
                urllib.request.urlopen(url).close()
                break
            except urllib.error.URLError:
                if process.poll() is not None:
                    raise RuntimeError(f"bench.{name} does not start") from None
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _etag(url: str, headers: Mapping[str, str]) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers))) as answer:
        return str(answer.headers["ETag"])


def _ratios(rates: list[float], yardsticks: list[float]) -> list[float]:
    return [one / yardstick for one, yardstick in zip(rates, yardsticks, strict=True)]
