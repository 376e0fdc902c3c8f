"""How long a claim takes when the tables are full of finished jobs."""

import statistics
import time
from pathlib import Path

from bench import report
from bench.report import Measure
from bulkimport.database import migrations
from bulkimport.database.connections import Database
from bulkimport.devserver import environment, postgres
from bulkimport.store import queue

CLAIMS = 1_000
JOB = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
ONE_JOB = (
    f"INSERT INTO trakrf.bulk_import_jobs (account_id, id, total_rows) VALUES (1, '{JOB}', 1)",
    f"INSERT INTO trakrf.bulk_import_queue (account_id, job_id, chunks) VALUES (1, '{JOB}', 1)",
)
THE_PAST = (
    "INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows, processed_rows, completed_at)"
    " SELECT 1, 'completed', 1, 1, now() FROM generate_series(1, 1000000)",
    "ALTER TABLE trakrf.bulk_import_queue SET (autovacuum_enabled = false)",
    "INSERT INTO trakrf.bulk_import_queue (account_id, job_id, chunks)"
    " SELECT 1, id, 1 FROM trakrf.bulk_import_jobs LIMIT 10000",
    "DELETE FROM trakrf.bulk_import_queue",
)


def measure(folder: Path, runs: int) -> list[Measure]:
    """p99 of a claim with 1,000,000 finished jobs and 10,000 dead queue rows / in an empty database."""
    with postgres.running(folder / "claims") as server:
        environment.create_roles(server)
        ratios = [p99(server, f"past_{run}", *THE_PAST) / p99(server, f"empty_{run}") for run in range(runs)]
    return [report.median("claim p99, 1,000,000 old jobs, 10,000 dead rows / empty", ratios, most=3)]


def p99(server: postgres.Server, name: str, *fill: str) -> float:
    """The seconds within which 99 of 100 claims are committed, measured in a database of their own."""
    environment.create_database(server, name)
    migrations.up(server.url(environment.OWNER, name))
    environment.grant_roles(server)
    for statement in ("INSERT INTO trakrf.accounts (id, name) VALUES (1, 'one')", *fill, *ONE_JOB):
        environment.execute(server.url(postgres.ADMIN, name), statement)
    database = Database(server.url(environment.WORKER_LOGIN, name), size=1, application_name="bench")
    seconds = []
    for _ in range(CLAIMS):
        started = time.perf_counter()
        with database.transaction() as cursor:
            claim = queue.claim(cursor)
        seconds.append(time.perf_counter() - started)
        if claim is None:
            raise RuntimeError("there was nothing to claim")
        with database.transaction() as cursor:
            queue.release(cursor, claim, delay_s=0)
    database.close()
    return statistics.quantiles(seconds, n=100)[98]
