"""A synchronous standby takes over in the middle of an import."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2.extensions import parse_dsn

from bulkimport.devserver import environment, postgres
from tests.conftest import TestDatabase
from tests.e2e.chaos.own_server import DATABASE, own_server
from tests.e2e.chaos.workload import has_progressed, require_all, uploading
from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until

WRITES_WITHIN_S = 15.0


def test_a_standby_is_promoted(
    service: Service, tmp_path: Path, record: Callable[[str, int, str], None]
) -> None:
    with own_server(tmp_path / "primary", fsync="off") as first, standby(first, tmp_path) as second:
        pair = Service(both(first, second), first, service.port, service.log, service.environment)
        try:
            pair.start_web(CHUNK_ROWS="200")
            pair.start_worker(single=False, WORKER_CONCURRENCY="2")
            csv = csv_file(20_000)
            job_id = pair.upload(csv)
            with uploading(pair, rows=300) as uploads:
                wait_until(lambda: has_progressed(pair, job_id, 2_000), "the import is in the middle")
                wait_until(lambda: uploads.has_more_than(2), "files are uploaded")
                accepted = len(uploads.accepted)
                first.stop("immediate")
                started = time.monotonic()
                environment.execute(second.url(postgres.ADMIN, DATABASE), "SELECT pg_promote(false)")
                wait_until(lambda: uploads.has_more_than(accepted), "it writes again", WRITES_WITHIN_S)
                seconds = time.monotonic() - started
                wait_until(lambda: uploads.has_more_than(accepted + 5), "it goes on writing")
            pair.wait_for(job_id, timeout_s=120)
            require_every_row_once(pair.db, job_id, csv)
            require_all(pair, uploads)
        finally:
            pair.stop()
    record("a synchronous standby promoted", 1, f"writes again after {seconds:.1f} s, nothing lost")


@contextmanager
def standby(first: postgres.Server, folder: Path) -> Iterator[postgres.Server]:
    """A standby of the primary, which from now on waits for it at each commit."""
    admin_url = first.url(postgres.ADMIN, DATABASE)
    dsn = parse_dsn(admin_url)
    cluster = folder / "standby"
    backup = [
        str(postgres.wheel_psql().with_name("pg_basebackup")),
        "-D",
        str(cluster),
        "--write-recovery-conf",
    ]
    subprocess.run(
        [*backup, "--host", dsn["host"], "--username", postgres.ADMIN, "--no-sync", "--checkpoint=fast"],
        check=True,
    )
    for path in (cluster, *cluster.rglob("*")):
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(path, postgres.UNPRIVILEGED_USER)
    with postgres.running(cluster, options={"fsync": "off"}) as server:
        environment.execute(admin_url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        environment.execute(admin_url, "SELECT pg_reload_conf()")
        wait_until(lambda: _is_synchronous(admin_url), "the standby is synchronous")
        yield server


def both(first: postgres.Server, second: postgres.Server) -> TestDatabase:
    """URLs that reach whichever of the two accepts writes."""
    hosts = ",".join(parse_dsn(server.url("x", DATABASE))["host"] for server in (first, second))

    def url(user: str) -> str:
        return f"host={hosts} user={user} dbname={DATABASE} target_session_attrs=read-write"

    return TestDatabase(
        url(postgres.ADMIN), url(environment.OWNER), url(environment.WEB_LOGIN), url(environment.WORKER_LOGIN)
    )


def _is_synchronous(url: str) -> bool:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT bool_or(sync_state = 'sync') FROM pg_stat_replication")
            return cursor.fetchone() == (True,)
    finally:
        connection.close()
