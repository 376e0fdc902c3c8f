"""The service to measure, as `make run` starts it, in a folder of its own."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2.extensions import cursor as Cursor

from bulkimport import settings
from bulkimport.client import Client
from bulkimport.devserver import postgres, run
from bulkimport.devserver.run import Service
from bulkimport.store import jobs

# Between two looks for the end of a job: a fiftieth of the time so far, within these limits.
MIN_LOOK_INTERVAL_S, MAX_LOOK_INTERVAL_S = 0.001, 0.01


@contextmanager
def started(folder: Path, *, workers: int, web: int = 1, **variables: str) -> Iterator[Service]:
    """The whole service, with `workers` worker processes and `web` web processes."""
    variables |= {"WORKER_CONCURRENCY": str(workers), "WEB_CONCURRENCY": str(web), "LOG_LEVEL": "WARNING"}
    config = settings.load({"DATA_DIR": str(folder), "PORT": str(run.free_port()), **variables})
    environ = {**os.environ, **variables}
    with (
        (folder / "service.log").open("ab") as output,
        run.service(config, environ, threading.Event(), output=output) as service,
    ):
        yield service


def client(service: Service, account_id: int = 1) -> Client:
    return Client(service.url, service.token(account_id))


def wait_for(service: Service, job_id: str, account_id: int = 1) -> dict[str, object]:
    """The finished job."""
    wait_until_finished(service, job_id)
    return client(service, account_id).job(job_id)


def wait_until_finished(service: Service, job_id: str) -> None:
    """Wait by asking PostgreSQL, since asking the service costs a tenth of the CPU."""
    started = time.monotonic()
    connection = psycopg2.connect(service.admin_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            while status(cursor, job_id) not in jobs.FINAL_STATUSES:
                elapsed = time.monotonic() - started
                time.sleep(min(max(elapsed / 50, MIN_LOOK_INTERVAL_S), MAX_LOOK_INTERVAL_S))
    finally:
        connection.close()


def status(cursor: Cursor, job_id: str) -> str:
    cursor.execute("SELECT status FROM trakrf.bulk_import_jobs WHERE id = %s", (job_id,))
    ((job_status,),) = cursor.fetchall()
    return str(job_status)


def psql(service: Service, *commands: str) -> str:
    """Run commands as the superuser; return what they print."""
    arguments = [argument for command in commands for argument in ("-c", command)]
    command = [
        str(postgres.wheel_psql()),
        "-qXAt",
        "-v",
        "ON_ERROR_STOP=1",
        str(service.admin_url),
        *arguments,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def forget_everything(service: Service) -> None:
    """Delete all assets and jobs, and leave nothing for autovacuum to do during the next measurement."""
    psql(
        service,
        "TRUNCATE trakrf.assets, trakrf.bulk_import_identifiers, trakrf.bulk_import_changes",
        "TRUNCATE trakrf.bulk_import_jobs CASCADE",
        "CHECKPOINT",
    )


def peak_memory(word: str) -> int:
    """The highest peak memory, in bytes, of the service's processes with this word in their command line."""
    statuses = [text for text in _of_processes(word, "status") if "VmHWM" in text]
    return max((int(text.partition("VmHWM:")[2].split()[0]) * 1024 for text in statuses), default=0)


def cpu_seconds(word: str) -> float:
    """The processor time so far of the service's processes with this word in their command line."""
    ticks = [_fields(stat)[11:13] for stat in _of_processes(word, "stat")]
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def _of_processes(word: str, file: str) -> Iterator[str]:
    """A file of /proc of each process below this one that has the word in its command line."""
    parents, texts = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parents[process.name] = _fields((process / "stat").read_text())[1]
            if word in command:
                texts[process.name] = (process / file).read_text()
        except OSError:
            continue
    for pid, text in texts.items():
        while pid in parents and pid != str(os.getpid()):
            pid = parents[pid]
        if pid == str(os.getpid()):
            yield text


def _fields(stat: str) -> list[str]:
    """The fields of /proc/PID/stat behind the command, which may contain spaces; see proc(5)."""
    return stat.rpartition(")")[2].split()
