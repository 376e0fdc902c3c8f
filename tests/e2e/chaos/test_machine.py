"""Faults below PostgreSQL: the network and the disk. Both tests need root to create one."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bulkimport.devserver import environment, postgres
from tests.e2e.chaos.own_server import DATABASE, database_of, own_server
from tests.e2e.chaos.workload import has_progressed
from tests.e2e.conftest import Service, csv_file, require_every_row_once, wait_until

# Named after this process: another run of the tests may have a network, or have been killed and left one.
NAMESPACE, OUTSIDE, INSIDE = (f"bulk{os.getpid()}{end}" for end in ("", "out", "in"))
ADDRESS, PEER = (f"10.213.{os.getpid() % 256}.{end}" for end in (1, 2))
NOTICED_WITHIN_S = 20.0
DISK_MIB = 160
INTERRUPTED = re.compile("a chunk was interrupted|the database cannot be reached")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network or a file system")


@needs_root
@pytest.mark.skipif(shutil.which("ip") is None, reason="ip is not installed (Debian: iproute2)")
def test_packets_vanish(
    service: Service,
    tmp_path: Path,
    times: Callable[[int, int], int],
    record: Callable[[str, int, str], None],
) -> None:
    count, slowest = times(1, 10), 0.0
    with (
        network() as prefix,
        own_server(tmp_path / "cluster", fsync="off", listen_addresses=ADDRESS) as server,
    ):
        with (tmp_path / "cluster" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {PEER}/32 trust\n")
        environment.execute(server.url(postgres.ADMIN, DATABASE), "SELECT pg_reload_conf()")
        near = Service(database_of(server), server, service.port, service.log, service.environment)
        try:
            near.start_web(CHUNK_ROWS="500")
            for number in range(count):
                run("ip", "link", "set", OUTSIDE, "up")
                csv = csv_file(20_000, prefix=f"H{number}")
                job_id = near.upload(csv)
                far = far_worker(near, prefix)
                wait_until(partial(has_progressed, near, job_id), "the far worker imports")
                noticed = len(INTERRUPTED.findall(near.log.read_text()))
                run("ip", "link", "set", OUTSIDE, "down")
                started = time.monotonic()
                other = near.start_worker()
                wait_until(partial(interrupted, near, noticed), "noticed", NOTICED_WITHIN_S)
                slowest = max(slowest, time.monotonic() - started)
                near.wait_for(job_id)
                require_every_row_once(near.db, job_id, csv)
                for worker in (far, other):
                    worker.terminate()
                    worker.wait(15)
        finally:
            near.stop()
    record("half-open connection", count, f"noticed within {slowest:.1f} s")


def interrupted(service: Service, times: int) -> bool:
    """Whether workers lost their connection more than `times` times."""
    return len(INTERRUPTED.findall(service.log.read_text())) > times


@needs_root
def test_the_disk_is_full(service: Service, tmp_path: Path, record: Callable[[str, int, str], None]) -> None:
    with disk(tmp_path / "disk") as folder:
        with postgres.running(folder / "cluster"):
            pass
        # The write-ahead log has a disk of its own, as it should: without space for it the server stops.
        log, place = tmp_path / "wal", folder / "cluster" / "pg_wal"
        shutil.copytree(place, log, copy_function=shutil.copy2)
        for path in (tmp_path, log, *log.rglob("*")):
            shutil.chown(path, postgres.UNPRIVILEGED_USER)
        shutil.rmtree(place)
        place.symlink_to(log)
        with own_server(folder / "cluster", fsync="off") as server:
            full = Service(database_of(server), server, service.port, service.log, service.environment)
            try:
                fill_and_import(full, folder / "filler")
            finally:
                full.stop()
    record("the disk of PostgreSQL full", 1, "503; the job went on when there was room")


def fill_and_import(service: Service, filler: Path) -> None:
    service.start_web(CHUNK_ROWS="500")
    csv = csv_file(30_000)
    job_id = service.upload(csv)
    free = shutil.disk_usage(filler.parent).free
    filler.write_bytes(b"\0" * (free - 2 * 1024**2))
    service.start_worker()
    wait_until(lambda: "No space left" in service.log.read_text(), "the disk is full")
    status, problem = service.request(
        "POST",
        "/api/v1/assets/bulk",
        csv_file(100_000, prefix="B"),
        **{"Content-Type": "text/csv"},  # type: ignore[arg-type]
    )
    assert (status, problem["type"]) == (503, "/problems/unavailable")
    assert service.job(job_id)["status"] == "processing"
    filler.unlink()
    service.wait_for(job_id)
    require_every_row_once(service.db, job_id, csv)


@contextmanager
def network() -> Iterator[list[str]]:
    """A second network on this machine; yields the prefix of a command that runs there."""
    inside = ["ip", "netns", "exec", NAMESPACE]
    run("ip", "netns", "add", NAMESPACE)
    try:
        run("ip", "link", "add", OUTSIDE, "type", "veth", "peer", "name", INSIDE, "netns", NAMESPACE)
        run("ip", "addr", "add", f"{ADDRESS}/30", "dev", OUTSIDE)
        run("ip", "link", "set", OUTSIDE, "up")
        run(*inside, "ip", "addr", "add", f"{PEER}/30", "dev", INSIDE)
        run(*inside, "ip", "link", "set", INSIDE, "up")
        yield inside
    finally:
        run("ip", "netns", "del", NAMESPACE)


def far_worker(service: Service, prefix: list[str]) -> "subprocess.Popen[bytes]":
    """A worker that reaches PostgreSQL over the second network."""
    url = f"host={ADDRESS} user={environment.WORKER_LOGIN} dbname={DATABASE}"
    with service.log.open("ab") as log:
        worker = subprocess.Popen(
            [*prefix, sys.executable, "-m", "bulkimport", "worker", "--single"],
            env={**service.environment, "DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    service.processes.append(worker)
    return worker


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        run("umount", str(folder))


def run(*command: str) -> None:
    subprocess.run(command, check=True)
