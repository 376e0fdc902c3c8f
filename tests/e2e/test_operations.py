"""docs/operations.md, pasted into a shell exactly as it is, on a Debian machine.

These differ from a real server: paths and ports; the PostgreSQL, which is one for this test, with passwords,
of the oldest and of the newest version that is installed; `systemctl`, which runs the units' commands without
systemd; `apt-get`, which finds its packages installed; and pip, which finds the packages of the lock in this
environment, where `make setup` put them by the same hashes.
"""

import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bulkimport.database.connections import Database, DatabaseUnavailableError
from bulkimport.devserver import environment, postgres
from tests.e2e.conftest import PORTS, Service, free_port, wait_until
from tests.support import postgres_versions
from tests.support.edited import edited

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
DEBIAN_PYTHON = "/usr/bin/python3"
WORKER_TENS = range(PORTS.stop // 10, PORTS.stop // 10 + 76)  # ports beyond those of the other tests
VERSIONS = postgres_versions.installed()
RELEASED = ("deploy", "examples", "sql", "src", "setup.cfg", "pyproject.toml", "README.md")


def blocks(info: str, page: str) -> list[str]:
    """The contents of the page's blocks with this info string."""
    return re.findall(rf"^```{info}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def missing() -> str | None:
    """Why the page cannot be pasted here."""
    if not Path("/etc/debian_version").exists():
        return "the page is for Debian"
    if os.geteuid() != 0:
        return "the page is pasted as root"
    (packages,) = re.findall(r"^apt-get install -y --no-install-recommends (.*)$", PAGE, re.MULTILINE)
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}, ${Provides}\n"]
    known = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    installed = set(re.findall(r"[\w.+-]+", "\n".join(re.findall(r"(?m)^installed (.*)$", known))))
    if lacking := set(packages.split()) - installed:
        return f"Debian packages are not installed: {' '.join(sorted(lacking))}"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if (
        version
        not in subprocess.run([DEBIAN_PYTHON, "-V"], capture_output=True, text=True, check=True).stdout
    ):
        return f"Debian's Python is not the {version} for which the packages are installed here"
    return None


reason = missing()
pytestmark = pytest.mark.skipif(reason is not None, reason=reason or "")


@dataclass(frozen=True)
class Machine:
    """A machine for the page: a copy of the release, and everything that the page writes."""

    folder: Path
    pgport: str
    beginning: str
    environ: dict[str, str]

    def paste(self, script: str) -> str:
        """Run a script after the page's first block; return what it prints."""
        pasted = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.beginning + script],
            cwd=self.folder / "release",
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert pasted.returncode == 0, pasted.stdout + pasted.stderr + self._logs()
        return pasted.stdout

    def _logs(self) -> str:
        return "".join(f"{path.name}:\n{path.read_text()}" for path in self.folder.glob("logs/*.log"))


@pytest.fixture(scope="module", params=sorted({min(VERSIONS), max(VERSIONS)}), ids="PostgreSQL {}".format)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine that is ready for the page to be pasted."""
    binaries = VERSIONS[request.param]
    folder = Path(tempfile.mkdtemp(prefix="bulkimport-operations-"))
    folder.chmod(0o755)
    pgport = str(free_port())
    options = {"listen_addresses": "127.0.0.1", "port": pgport, "fsync": "off"}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGPORT", pgport)  # the server's socket is named after its port
            server = stack.enter_context(
                postgres.running(folder / "cluster", binaries=binaries, options=options)
            )
            _require_passwords(server)
        stack.callback(_end_processes, folder)
        yield _prepare(folder, server, pgport)


@pytest.fixture(scope="module")
def set_up(machine: Machine) -> str:
    """Paste the blocks of the set-up; return what they print."""
    return machine.paste("".join(blocks("sh", PAGE)[1:]))


def test_the_set_up_can_be_pasted(set_up: str) -> None:
    assert "240 of 240 rows imported" in set_up


@pytest.mark.usefixtures("set_up")
def test_each_kind_of_process_has_its_own_login(machine: Machine) -> None:
    shown = machine.paste(
        "curl -sS --fail http://127.0.0.1:$HTTP_PORT/readyz > /dev/null\n"  # web connects when it is asked
        "admin psql -XAt -d bulkimport -c 'SELECT DISTINCT usename, application_name FROM pg_stat_activity'"
    )
    assert "bulkimport_web_login|bulkimport-web" in shown
    assert "bulkimport_worker_login|bulkimport-listener" in shown
    assert "bulkimport_owner" not in shown


@pytest.mark.usefixtures("set_up")
def test_every_query_can_be_run(machine: Machine) -> None:
    queries = blocks("sql", PAGE)
    assert len(queries) >= 8
    for query in queries:
        machine.paste(f"admin psql -qX -v ON_ERROR_STOP=1 -d bulkimport <<'SQL'\n{query}\nSQL\n")


@pytest.mark.usefixtures("set_up")
def test_a_backup_can_be_made_and_restored(machine: Machine) -> None:
    (backup,), (restore,) = blocks("sh backup", PAGE), blocks("sh restore", PAGE)
    machine.paste((backup + restore).replace("/var/backups", str(machine.folder)))
    applied = "admin psql -XAt -c 'SELECT version FROM public.schema_migrations'"
    assert (
        machine.paste(f"{applied} -d bulkimport_restored") == machine.paste(f"{applied} -d bulkimport") != ""
    )


@pytest.mark.usefixtures("set_up")
def test_the_accounts_table_of_a_platform_can_be_used(machine: Machine) -> None:
    (grants,) = blocks("sql accounts", PAGE)
    machine.paste(
        "admin psql -qX -v ON_ERROR_STOP=1 -c 'CREATE DATABASE platform OWNER bulkimport_owner'\n"
        "admin psql -qX -v ON_ERROR_STOP=1 -d platform <<'SQL'\n"
        "CREATE SCHEMA trakrf;\n"
        "CREATE TABLE trakrf.accounts (id int PRIMARY KEY, name text, is_active boolean, more text);\n"
        f"{grants.replace('DATABASE bulkimport ', 'DATABASE platform ')}\n"
        "SQL\n"
        "set -a; . $CONF/release.env\n"
        "MIGRATION_DATABASE_URL=${MIGRATION_DATABASE_URL%bulkimport}platform\n"
        "$PREFIX/current/venv/bin/bulkimport migrate force 2\n"
        "$PREFIX/current/venv/bin/bulkimport migrate up\n"
    )


@pytest.mark.usefixtures("set_up")
def test_an_unreachable_server_is_skipped(machine: Machine) -> None:
    (url,) = re.findall(r"^postgresql://\S+:5432,\S+$", PAGE, re.MULTILINE)
    here = {
        "login:…": f"login:{_password(machine)}",
        "db1:5432": f"127.0.0.1:{free_port()}",
        "db2:5432": f"127.0.0.1:{machine.pgport}",
    }
    assert _accepts(edited(url, here))


@pytest.mark.skipif(
    shutil.which("pgbouncer") is None, reason="pgbouncer is not installed (Debian: pgbouncer)"
)
@pytest.mark.usefixtures("set_up")
def test_web_can_connect_through_pgbouncer(machine: Machine) -> None:
    (ini,), (query,) = blocks("ini pgbouncer.ini", PAGE), blocks("sql userlist", PAGE)
    users = machine.paste(f"admin psql -XAt -d bulkimport <<'SQL'\n{query}\nSQL\n")
    (machine.folder / "userlist.txt").write_text(users)
    port = str(free_port())
    here = {
        "port=5432": f"port={machine.pgport}",
        "listen_port = 6432": f"listen_port = {port}",
        "/etc/pgbouncer/": f"{machine.folder}/",
    }
    path = machine.folder / "pgbouncer.ini"
    path.write_text(edited(ini, here))
    with (machine.folder / "logs" / "pgbouncer.log").open("wb") as log:
        pooler = subprocess.Popen(
            [*postgres._as_unprivileged(machine.folder), "pgbouncer", str(path)], stdout=log, stderr=log
        )
    try:
        url = f"postgresql://bulkimport_web_login:{_password(machine)}@127.0.0.1:{port}/bulkimport"
        wait_until(lambda: _accepts(url), "web can connect through PgBouncer")
    finally:
        pooler.terminate()
        pooler.wait(10)


@pytest.mark.parametrize("machine", [max(VERSIONS)], indirect=True, ids="PostgreSQL {}".format)
@pytest.mark.usefixtures("set_up")
def test_an_upgrade_replaces_the_running_release(machine: Machine) -> None:
    health = machine.folder / "release" / "src" / "bulkimport" / "web" / "health.py"
    _edit(health, '"ok"', '"of another release"')
    install = blocks("sh", PAGE.partition("## 3. ")[0])[1:]
    units = blocks("sh", PAGE.partition("## 5. ")[2])[0]
    machine.paste("".join([*install, units, *blocks("sh upgrade", PAGE)]))

    def new_answers() -> bool:
        return "of another release" in machine.paste("curl -sS http://127.0.0.1:$HTTP_PORT/livez")

    wait_until(new_answers, "the new release answers")
    assert len(list((machine.folder / "opt" / "releases").iterdir())) == 2


def test_a_worker_without_a_pipe_as_standard_input_keeps_running(service: Service) -> None:
    """systemd's standard input is /dev/null, which is at its end already."""
    environment = {**service.environment, "DATABASE_URL": service.db.worker_url}
    command = [sys.executable, "-m", "bulkimport", "worker", "--single"]
    with service.log.open("ab") as log:
        worker = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: worker.poll() is not None or service.worker_pids(), "it is working, or has exited")
        assert worker.poll() is None
    finally:
        worker.terminate()
        assert worker.wait(10) == 0


def test_every_alert_has_its_section() -> None:
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "deploy" / "alerts.yml").read_text())
    assert alerts == re.findall(r"^## (Bulkimport\w+)$", PAGE, re.MULTILINE)


def _password(machine: Machine) -> str:
    """The password of web's login."""
    text = (machine.folder / "etc" / "bulkimport" / "web.env").read_text()
    (password,) = re.findall(r"bulkimport_web_login:(\w+)@", text)
    return str(password)


def _accepts(url: str) -> bool:
    """Whether the service can connect to this URL, and sees no rows of a tenant that has none."""
    try:
        database = Database(url, size=1, application_name="bulkimport-web")
        with database.tenant_transaction(1) as cursor:
            cursor.execute("SELECT count(*) FROM trakrf.assets")
            return cursor.fetchone() == (0,)
    except DatabaseUnavailableError:
        return False


def _prepare(folder: Path, server: postgres.Server, pgport: str) -> Machine:
    for name in ("bin", "etc", "units", "logs", "release"):
        (folder / name).mkdir()
    _copy_release(folder)
    _copy_nginx(folder)
    _add_command(folder, "apt-get", "exit 0")
    stand_in = shlex.join([sys.executable, str(ROOT / "tests" / "support" / "systemctl.py")])
    _add_command(folder, "systemctl", f'exec {stand_in} "$@"')
    environ = {
        # pg_dump must be as new as the server.
        "PATH": f"{folder}/bin:{server.binaries}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(Path(pytest.__file__).parents[1]),
        "PIDS": str(folder / "pids"),
        "LOGS": str(folder / "logs"),
    }
    return Machine(folder, pgport, _beginning(folder, server, pgport), environ)


def _beginning(folder: Path, server: postgres.Server, pgport: str) -> str:
    """The page's first block, with paths, ports and the administrator replaced by the test's."""
    here = {
        "PREFIX=/opt/bulkimport ": f"PREFIX={folder}/opt ",
        "CONF=/etc/bulkimport\n": f"CONF={folder}/etc/bulkimport\n",
        "UNITS=/etc/systemd/system NGINX_CONF=/etc/nginx\n": (
            f"export UNITS={folder}/units NGINX_CONF={folder}/nginx\n"
        ),
        "WEB_PORT=8000 HTTP_PORT=80\n": f"WEB_PORT={free_port()} HTTP_PORT={free_port()}\n",
        "PGPORT=5432": f"PGPORT={pgport}",
        'runuser -u postgres -- env -u PGHOST "$@"': (
            f'PGHOST="{postgres.socket_dir_of(server.cluster)}" PGUSER=postgres "$@"'
        ),
    }
    return edited(blocks("sh", PAGE)[0], here)


def _copy_release(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in RELEASED:
        source, target = ROOT / name, folder / "release" / name
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    deploy = folder / "release" / "deploy"
    _edit(deploy / "nginx.conf", "/var/log/nginx/", f"{folder}/logs/")
    _edit(deploy / "systemd" / "bulkimport-worker@.service", "910%i", f"{_free_tens()}%i")


def _free_tens() -> int:
    """The digits before the last of two ports, …1 and …2, that nothing uses."""
    while True:
        tens = random.choice(WORKER_TENS)
        with suppress(OSError), ExitStack() as stack:
            for last in (1, 2):
                stack.enter_context(socket.create_server(("127.0.0.1", tens * 10 + last)))
            return tens


def _copy_nginx(folder: Path) -> None:
    """Copy Debian's configuration, changed to write into the test's folder."""
    shutil.copytree("/etc/nginx", folder / "nginx", symlinks=True)
    path = folder / "nginx" / "nginx.conf"
    _edit(path, "/etc/nginx/", f"{folder}/nginx/")
    _edit(path, "/var/log/nginx/", f"{folder}/logs/")
    _edit(path, "/run/nginx.pid", f"{folder}/nginx.pid")


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text, f"{old} is not in {path}"
    path.write_text(text.replace(old, new), "utf-8")


def _add_command(folder: Path, name: str, line: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _require_passwords(server: postgres.Server) -> None:
    """Let the administrator in by the socket, as on Debian, and everybody else by TCP with a password."""
    hba = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (server.cluster / "pg_hba.conf").write_text(hba)
    environment.execute(server.url("postgres", "postgres"), "SELECT pg_reload_conf()")


def _end_processes(folder: Path) -> None:
    pids = [int(line.split()[0]) for line in _lines(folder / "pids") + _lines(folder / "nginx.pid")]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    for pid in pids:
        wait_until(lambda pid=pid: _is_gone(pid), f"{pid} ends")  # type: ignore[misc]


def _is_gone(pid: int) -> bool:
    """Whether the process has exited; it stays a zombie if nothing reaps the orphans of this machine."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
