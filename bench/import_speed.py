"""How fast a job is imported, against \\copy of the same file into the same table by the superuser.

The yardstick checks nothing: no validation, no tenant policy, no job, one transaction. Both are run in turn,
in one run, and the ratio is taken pair by pair, because machines differ and drift.
"""

import os
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import click

from bulkimport import settings
from bulkimport.client import Client
from bulkimport.devserver import postgres, run
from bulkimport.devserver.run import Service

ROWS = 100_000
PAIRS = 5
COLUMNS = "identifier, name, type, description, valid_from, valid_to, is_active"


def main() -> None:
    """Print a table of seconds and ratios."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("wb") as output:
        file = Path(folder) / "assets.csv"
        write_file(file)
        given = settings.load({"DATA_DIR": folder, "PORT": str(run.free_port()), "WORKER_CONCURRENCY": "1"})
        environ = {**os.environ, "WORKER_CONCURRENCY": "1"}
        with run.service(given, environ, threading.Event(), output=output) as service:
            measure(service, file)


def measure(service: Service, file: Path) -> None:
    """One warm-up of both, then the pairs."""
    ratios = []
    click.echo(f"{'copy s':>8} {'job s':>8} {'copy/job':>9}   {ROWS} rows")
    for pair in range(PAIRS + 1):
        copy_s, job_s = timed_copy(service, file), timed_job(service, file)
        if pair:
            ratios.append(copy_s / job_s)
            click.echo(f"{copy_s:8.2f} {job_s:8.2f} {ratios[-1]:9.2f}")
    click.echo(f"{'median':>17} {statistics.median(ratios):9.2f}")


def timed_copy(service: Service, file: Path) -> float:
    """Seconds of the yardstick."""
    psql(service, "TRUNCATE trakrf.assets", "ALTER TABLE trakrf.assets ALTER account_id SET DEFAULT 1")
    started = time.monotonic()
    psql(service, f"\\copy trakrf.assets ({COLUMNS}) FROM '{file}' CSV HEADER")
    return time.monotonic() - started


def timed_job(service: Service, file: Path) -> float:
    """Seconds from the 202 to `completed`."""
    psql(service, "TRUNCATE trakrf.assets")
    client = Client(service.url, service.token(1))
    job_id = client.upload(file)
    started = time.monotonic()
    while (job := client.job(job_id))["status"] != "completed":
        time.sleep(0.02)
    if job["failed_rows"]:
        raise RuntimeError(f"rows failed: {job['errors'][:3]}")
    return time.monotonic() - started


def psql(service: Service, *commands: str) -> None:
    """Run commands as the superuser."""
    arguments = [argument for command in commands for argument in ("-c", command)]
    psql_command = [str(postgres.wheel_psql()), "-qX", "-v", "ON_ERROR_STOP=1", str(service.admin_url)]
    subprocess.run([*psql_command, *arguments], check=True)


def write_file(path: Path) -> None:
    """A clean file like customers': about 90 bytes a row."""
    with path.open("w", encoding="utf-8") as file:
        file.write(COLUMNS.replace(" ", "") + "\n")
        for number in range(ROWS):
            day = 1 + number % 28
            file.write(
                f'AST-{number:07},"Laptop 14"", no. {number}",device,"Desk {number % 500}, Köln",'
                f"2024-01-{day:02},2027-01-{day:02},true\n"
            )


if __name__ == "__main__":
    main()
