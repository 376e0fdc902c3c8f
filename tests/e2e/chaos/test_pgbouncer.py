"""Web through PgBouncer in transaction mode: sessions are shared by all tenants, and nothing leaks."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from bulkimport.devserver import environment, postgres
from tests.conftest import FOREIGN, OWN
from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until

CLIENTS = 50
PORT = 6432
CONFIGURATION = """
[databases]
* = host={server_folder}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
pool_mode = transaction
default_pool_size = 2
max_client_conn = 100
auth_type = trust
auth_file = {folder}/users
ignore_startup_parameters = extra_float_digits
"""


@pytest.mark.skipif(
    shutil.which("pgbouncer") is None, reason="pgbouncer is not installed (Debian: pgbouncer)"
)
def test_tenants_stay_apart_in_shared_sessions(
    service: Service, times: Callable[[int, int], int], record: Callable[[str, int, str], None]
) -> None:
    rounds = times(2, 20)
    with tempfile.TemporaryDirectory() as folder, pgbouncer(service, Path(folder)) as web_url:
        pooled = replace(service, db=replace(service.db, web_url=web_url))
        pooled.start_web()
        pooled.start_worker()
        faults: list[str] = []
        jobs: list[tuple[str, bytes, int]] = []
        clients = [
            threading.Thread(target=be_a_tenant, args=(pooled, number, rounds, jobs, faults))
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert faults == []
        assert len(jobs) == CLIENTS * rounds
        for job_id, csv, account_id in jobs:
            pooled.wait_for(job_id, 120, account_id)
            require_every_row_once(service.db, job_id, csv)
    record("PgBouncer, transaction mode, pool of 2, 50 clients", rounds, f"{len(jobs)} jobs, none mixed up")


def be_a_tenant(
    service: Service, number: int, rounds: int, jobs: list[tuple[str, bytes, int]], faults: list[str]
) -> None:
    """Upload files and read assets, and note every asset of another tenant."""
    account_id, name, other = ((OWN, "OWN", "FOREIGN"), (FOREIGN, "FOREIGN", "OWN"))[number % 2]
    for turn in range(rounds):
        csv = csv_file(3, prefix=f"{name}-{number}-{turn}")
        jobs.append((service.upload(csv, account_id), csv, account_id))
        status, page = service.request("GET", "/api/v1/assets?limit=100", account_id=account_id)
        if status != 200 or any(asset["identifier"].startswith(other) for asset in page["assets"]):
            faults.append(f"{name} got {status}: {page}")


@contextmanager
def pgbouncer(service: Service, folder: Path) -> Iterator[str]:
    """The URL of the web login, through a pooler."""
    dsn = parse_dsn(service.db.web_url)
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(server_folder=dsn["host"], folder=folder, port=PORT), encoding="utf-8"
    )
    (folder / "users").write_text(f'"{environment.WEB_LOGIN}" ""\n')
    command = ["pgbouncer", str(configuration)]
    if os.geteuid() == 0:  # PgBouncer refuses to run as root
        shutil.chown(folder, postgres.UNPRIVILEGED_USER)
        command[1:1] = ["-u", postgres.UNPRIVILEGED_USER]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until((folder / f".s.PGSQL.{PORT}").exists, "PgBouncer listens")
        yield f"host={folder} port={PORT} user={dsn['user']} dbname={dsn['dbname']}"
    finally:
        process.terminate()
        process.wait(10)
