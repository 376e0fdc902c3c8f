"""What a row, a job and a process cost, in bytes and in time; docs/scaling.md reckons with it.

make sizes, about two minutes. Sizes do not depend on the machine; the two speeds at the end do.
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
# Everything that is kept of a job that is finished, but for its errors, its chunks and its changes.
TABLES_OF_JOBS = ("bulk_import_jobs", "bulk_import_finished")


@click.command()
def main() -> None:
    """Measure on the embedded PostgreSQL and print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_file(folder / "clean.csv", ROWS)
        with started(folder, workers=1) as service:
            show("bytes a row of the CSV file", file.stat().st_size / ROWS)
            seconds = rows(service, file)
            errors(service, write_file(folder / "half_bad.csv", ROWS, bad_every=2))
            changes(service, file)
            jobs(service, folder)
            processes()
            show("rows/s of one worker, one job", ROWS / seconds)
            show("status requests/s of one web process", status_rate(service))


def rows(service: Service, file: Path) -> float:
    """What imported rows leave behind; how many seconds they took."""
    forget_everything(service)
    measured = Measured()
    with wal(service, measured):
        started_at = time.monotonic()
        wait_for(service, client(service).upload(file))
        seconds = time.monotonic() - started_at
    show("bytes an asset, table", size(service, "pg_table_size", "assets") / ROWS)
    show("bytes an asset, its three indexes", size(service, "pg_indexes_size", "assets") / ROWS)
    show("bytes of WAL an imported row", measured.wal / ROWS)
    return seconds


def errors(service: Service, file: Path) -> None:
    """What failed rows leave behind until they are purged."""
    forget_everything(service)
    wait_for(service, client(service).upload(file))
    found = int(psql(service, "SELECT count(*) FROM trakrf.bulk_import_errors"))
    show("bytes a row error", size(service, "pg_total_relation_size", "bulk_import_errors") / found)


def changes(service: Service, file: Path) -> None:
    """What updated rows leave behind until they are purged."""
    forget_everything(service)
    wait_for(service, client(service).upload(file))
    measured = Measured()
    with wal(service, measured):
        wait_for(service, client(service).upload(file, {"on_conflict": "update"}))
    show("bytes of WAL an updated row", measured.wal / ROWS)
    show("bytes a change kept", size(service, "pg_total_relation_size", "bulk_import_changes") / ROWS)


def jobs(service: Service, folder: Path) -> None:
    """What small jobs leave behind until they are purged."""
    forget_everything(service)
    measured = Measured()
    with wal(service, measured):
        for number in range(JOBS):
            file = write_file(folder / "tiny.csv", 10, prefix=f"JOB{number}")
            wait_for(service, client(service).upload(file))
    kept = sum(size(service, "pg_total_relation_size", table) for table in TABLES_OF_JOBS)
    show("bytes a finished job", kept / JOBS)
    show("bytes of WAL a job of 10 rows", measured.wal / JOBS)


def processes() -> None:
    """Memory at its peak, after all of the above."""
    show("MiB of a web process at its peak", peak_memory("gunicorn") / MIB)
    show("MiB of a worker at its peak", peak_memory("worker --single") / MIB)


def status_rate(service: Service) -> float:
    job = psql(service, "SELECT id FROM trakrf.bulk_import_jobs LIMIT 1")
    url = f"{service.url}/api/v1/assets/bulk/{job}"
    return rate(url, {"Authorization": f"Bearer {service.token(1)}"}, b"200")


@dataclass
class Measured:
    """Bytes of WAL, once the block is left."""

    wal: int = 0


@contextmanager
def wal(service: Service, measured: Measured) -> Iterator[None]:
    """Write-ahead log that is written while the block runs, by whomever."""
    before = int(psql(service, WAL))
    yield
    measured.wal = int(psql(service, WAL)) - before


def size(service: Service, function: str, table: str) -> int:
    return int(psql(service, f"SELECT {function}('trakrf.{table}')"))


def show(what: str, value: float) -> None:
    click.echo(f"{what:44} {value:12,.0f}")


if __name__ == "__main__":
    main()
