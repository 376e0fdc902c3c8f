"""The service as `make run` starts it, in a folder of its own, to be measured."""

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

LOOK_INTERVAL_S = 0.01


@contextmanager
def started(folder: Path, *, workers: int, web: int = 1) -> Iterator[Service]:
    """The whole service, with so many processes of each kind."""
    concurrency = {"WORKER_CONCURRENCY": str(workers), "WEB_CONCURRENCY": str(web), "LOG_LEVEL": "WARNING"}
    given = settings.load({"DATA_DIR": str(folder), "PORT": str(run.free_port()), **concurrency})
    environ = {**os.environ, **concurrency}
    with (
        (folder / "service.log").open("ab") as output,
        run.service(given, environ, threading.Event(), output=output) as service,
    ):
        yield service


def client(service: Service, account_id: int = 1) -> Client:
    return Client(service.url, service.token(account_id))


def wait_for(service: Service, job_id: str, account_id: int = 1) -> dict[str, object]:
    """The finished job. Looks past the service, whose answers would cost a tenth of what is measured."""
    connection = psycopg2.connect(service.admin_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            while status(cursor, job_id) not in jobs.FINAL_STATUSES:
                time.sleep(LOOK_INTERVAL_S)
    finally:
        connection.close()
    return client(service, account_id).job(job_id)


def status(cursor: Cursor, job_id: str) -> str:
    cursor.execute("SELECT status FROM trakrf.bulk_import_jobs WHERE id = %s", (job_id,))
    ((found,),) = cursor.fetchall()
    return str(found)


def psql(service: Service, *commands: str) -> str:
    """Run commands as the superuser; what they print."""
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
    """No assets and no jobs, and nothing for autovacuum to do in the middle of the next measure."""
    psql(service, "TRUNCATE trakrf.assets", "TRUNCATE trakrf.bulk_import_jobs CASCADE", "CHECKPOINT")


def peak_memory(word: str) -> int:
    """The most bytes that any process of the service with this word in its command line ever had."""
    peaks = [0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            status = (process / "status").read_text()
        except OSError:
            continue
        if word in command and "VmHWM" in status:
            peaks.append(int(status.partition("VmHWM:")[2].split()[0]) * 1024)
    return max(peaks)
