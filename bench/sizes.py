"""make sizes: what a row, a job and a process cost, in bytes and in time; docs/scaling.md is based on it.

Takes about two minutes. Sizes do not depend on the machine; the two speeds at the end do.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from bench.files import write_file
from bench.requests import rate
from bench.service import client, forget_everything, peak_memory, psql, started, wait_for
from bulkimport.devserver.run import Service

ROWS = 100_000
JOBS = 500
MIB = 1024**2
WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'"
# Everything that is kept of a finished job, except its errors, its chunks and its changes.
TABLES_OF_JOBS = ("bulk_import_jobs", "bulk_import_finished")


@click.command()
def main() -> None:
    """Measure on the embedded PostgreSQL and print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_file(folder / "clean.csv", ROWS)
        with started(folder, workers=1) as service:
            show("bytes per row of the CSV file", file.stat().st_size / ROWS)
            seconds = rows(service, file)
            errors(service, write_file(folder / "half_bad.csv", ROWS, bad_every=2))
            changes(service, file)
            jobs(service, folder)
            processes()
            show("rows/s of one worker, one job", ROWS / seconds)
            show("status requests/s of one web process", status_rate(service))


def rows(service: Service, file: Path) -> float:
    """Show what imported rows leave behind; return how many seconds they took."""
    forget_everything(service)
    measured = Measured()
    with wal(service, measured):
        started_at = time.monotonic()
        wait_for(service, client(service).upload(file))
        seconds = time.monotonic() - started_at
    show("bytes per asset, table", size(service, "pg_table_size", "assets") / ROWS)
    show("bytes per asset, its three indexes", size(service, "pg_indexes_size", "assets") / ROWS)
    show("bytes of WAL per imported row", measured.wal / ROWS)
    return seconds


def errors(service: Service, file: Path) -> None:
    """Show what failed rows leave behind until their job is purged."""
    forget_everything(service)
    wait_for(service, client(service).upload(file))
    row_errors = int(psql(service, "SELECT count(*) FROM trakrf.bulk_import_errors"))
    show("bytes per row error", size(service, "pg_total_relation_size", "bulk_import_errors") / row_errors)


def changes(service: Service, file: Path) -> None:
    """Show what updated rows leave behind until their job is purged."""
    forget_everything(service)
    wait_for(service, client(service).upload(file))
    changed = file.with_name("changed.csv")
    changed.write_text(file.read_text().replace("Laptop", "Notebook"))
    measured = Measured()
    with wal(service, measured):
        wait_for(service, client(service).upload(changed, {"on_conflict": "update"}))
    show("bytes of WAL per updated row", measured.wal / ROWS)
    show("bytes per recorded change", size(service, "pg_total_relation_size", "bulk_import_changes") / ROWS)


def jobs(service: Service, folder: Path) -> None:
    """Show what small jobs leave behind until they are purged."""
    forget_everything(service)
    measured = Measured()
    with wal(service, measured):
        for number in range(JOBS):
            file = write_file(folder / "tiny.csv", 10, prefix=f"JOB{number}")
            wait_for(service, client(service).upload(file))
    kept = sum(size(service, "pg_total_relation_size", table) for table in TABLES_OF_JOBS)
    show("bytes per finished job", kept / JOBS)
    show("bytes of WAL per job of 10 rows", measured.wal / JOBS)


def processes() -> None:
    """Show the peak memory of the processes, after all of the above."""
    show("MiB of a web process at its peak", peak_memory("gunicorn") / MIB)
    show("MiB of a worker at its peak", peak_memory("worker --single") / MIB)


def status_rate(service: Service) -> float:
    job = psql(service, "SELECT id FROM trakrf.bulk_import_jobs LIMIT 1")
    url = f"{service.url}/api/v1/assets/bulk/{job}"
    return rate(url, {"Authorization": f"Bearer {service.token(1)}"})


@dataclass
class Measured:
    """Bytes of write-ahead log; set when the block of `wal` ends."""

    wal: int = 0


@contextmanager
def wal(service: Service, measured: Measured) -> Iterator[None]:
    """Measure the write-ahead log that all sessions write while the block runs."""
    before = int(psql(service, WAL))
    yield
    measured.wal = int(psql(service, WAL)) - before


def size(service: Service, function: str, table: str) -> int:
    return int(psql(service, f"SELECT {function}('trakrf.{table}')"))


def show(name: str, value: float) -> None:
    click.echo(f"{name:44} {value:12,.0f}")


if __name__ == "__main__":
    main()
