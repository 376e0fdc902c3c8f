"""The embedded PostgreSQL and the processes around it."""

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from bulkimport.devserver import environment, guard, postgres
from bulkimport.devserver.postgres import ADMIN, PostgresError
from bulkimport.worker.processes import Command, keep_running

HOLD_A_SERVER = """
import sys, time
from pathlib import Path
from bulkimport.devserver import postgres
with postgres.running(Path(sys.argv[1])) as server:
    print(server.url(postgres.ADMIN, "postgres"), flush=True)
    time.sleep(600)
"""


def wait_until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path contains a space."""
    return tmp_path_factory.mktemp("a place") / "cluster"


def test_a_cluster_is_created_and_kept(cluster: Path) -> None:
    for expected in (True, False):
        with postgres.running(cluster) as server:
            url = server.url(ADMIN, "postgres")
            assert postgres.attached_url(cluster, ADMIN, "postgres") == url
            environment.create_roles(server)
            assert environment.create_database(server, "kept") is expected
        assert not answers(url)
        assert postgres.attached_url(cluster, ADMIN, "postgres") is None


def test_a_fresh_cluster_is_empty(tmp_path: Path) -> None:
    for _ in range(2):
        with postgres.running(tmp_path / "cluster", fresh=True) as server:
            environment.create_roles(server)
            assert environment.create_database(server, "forgotten")


def test_directories_keep_their_modes_and_the_socket_is_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with postgres.running(tmp_path / "cluster") as server:
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "cluster").stat().st_mode) == 0o700
        socket = postgres.socket_dir_of(server.cluster)
        assert socket is not None
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert not socket.exists()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_keeps_the_address(cluster: Path, mode: str) -> None:
    with postgres.running(cluster) as server:
        url = server.url(ADMIN, "postgres")
        server.restart(mode)
        assert answers(url)


def test_a_second_process_waits_and_then_names_the_first(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_S", 0.1)
    with (
        postgres.running(cluster),
        pytest.raises(PostgresError, match=f"process {os.getpid()} is using"),
        postgres.running(cluster),
    ):
        pass


def test_the_server_ends_with_its_parent_even_by_sigkill(cluster: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_SERVER, str(cluster)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.kill()
    wait_until(lambda: not answers(url))
    with postgres.running(cluster) as server:
        assert answers(server.url(ADMIN, "postgres"))


def test_an_orphaned_server_is_stopped_first(cluster: Path) -> None:
    """The parent and the guard are killed, and PostgreSQL keeps running."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_SERVER, str(cluster)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        postmaster = int((cluster / "postmaster.pid").read_text().split()[0])
        os.kill(parent_of(postmaster), signal.SIGKILL)
        parent.kill()
    assert answers(url)
    with postgres.running(cluster) as server:
        assert answers(server.url(ADMIN, "postgres"))
        assert is_gone(postmaster)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_unfinished_cluster_is_created_anew(tmp_path: Path) -> None:
    (tmp_path / "cluster.unfinished").mkdir()
    (tmp_path / "cluster.unfinished" / "PG_VERSION").write_text("18")
    with postgres.running(tmp_path / "cluster") as server:
        assert answers(server.url(ADMIN, "postgres"))


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(PostgresError, match="no_such_option"),
        postgres.running(tmp_path / "cluster", options={"no_such_option": "1"}),
    ):
        pass


def test_the_secret_is_generated_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    secret = environment.secret(tmp_path / "new")
    assert len(secret) == 64
    assert environment.secret(tmp_path / "new") == secret
    assert stat.S_IMODE((tmp_path / "new" / "jwt_secret").stat().st_mode) == 0o600


def test_a_guard_exits_with_the_status_of_its_command() -> None:
    command = [sys.executable, "-I", guard.__file__, "SIGTERM", "/bin/sh", "-c", "exit 7"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guarded:
        assert guarded.wait(10) == 7


def test_a_guard_stops_its_command_when_its_input_ends(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"trap 'exit 3' TERM; echo $$ > '{pid}'; while :; do sleep 0.05; done"
    command = [sys.executable, "-I", guard.__file__, "SIGTERM", "/bin/sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guarded:
        wait_until(lambda: pid.exists() and pid.read_text())
        assert guarded.stdin
        guarded.stdin.close()
        assert guarded.wait(10) == 3


def test_a_command_that_dies_is_restarted_and_all_are_stopped_together(tmp_path: Path) -> None:
    script = f"echo $$ >> '{tmp_path}/'$0; exec sleep 600"
    commands = [Command(name, ["/bin/sh", "-c", script, name]) for name in ("a", "b")]
    stopping = threading.Event()
    keeper = threading.Thread(target=keep_running, args=(commands,), kwargs={"stopping": stopping})
    keeper.start()

    def pids(name: str) -> list[int]:
        path = tmp_path / name
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    wait_until(lambda: pids("a") and pids("b"))
    os.kill(pids("a")[0], signal.SIGKILL)
    wait_until(lambda: len(pids("a")) == 2)
    assert len(pids("b")) == 1
    stopping.set()
    keeper.join(20)
    assert not keeper.is_alive()
    assert all(is_gone(pid) for pid in pids("a") + pids("b"))
