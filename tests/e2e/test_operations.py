"""docs/operations.md, pasted into a shell as it stands, on a Debian machine.

What is not as on a server: paths and ports; the PostgreSQL is one for this test, with passwords; `systemctl` runs the
units' commands without systemd; `apt-get` finds its packages installed; and pip finds the packages of the lock in
this environment, where `make setup` put them with the same hashes.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from bulkimport.devserver import environment, postgres
from bulkimport.devserver.run import free_port
from tests.e2e.conftest import wait_until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
DEBIAN_PYTHON = "/usr/bin/python3"
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
    """A place for the page: a copy of the release, and everything that the page writes."""

    folder: Path
    server: postgres.Server
    environ: dict[str, str]

    def paste(self, script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder / "release",
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def logs(self) -> str:
        return "".join(f"{path.name}:\n{path.read_text()}" for path in self.folder.glob("logs/*.log"))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="bulkimport-operations-"))
    folder.chmod(0o755)
    pgport = str(free_port())
    monkeypatch.setenv("PGPORT", pgport)  # the server's socket is named after its port
    options = {"listen_addresses": "127.0.0.1", "port": pgport, "fsync": "off"}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        server = stack.enter_context(
            postgres.running(folder / "cluster", binaries=_debian_binaries(), options=options)
        )
        stack.callback(_end_processes, folder)
        yield _prepare(folder, server, pgport)


def test_the_page_sets_the_service_up(machine: Machine) -> None:
    done = machine.paste(_adapted(machine, "".join(blocks("sh", SET_UP))))
    assert done.returncode == 0, done.stdout + done.stderr + machine.logs()
    assert "240 of 240 rows imported" in done.stdout


SET_UP = PAGE


def _prepare(folder: Path, server: postgres.Server, pgport: str) -> Machine:
    for name in ("bin", "etc", "units", "logs", "release"):
        (folder / name).mkdir()
    _copy_release(folder)
    _copy_nginx(folder)
    _add_command(folder, "apt-get", "exit 0")
    _add_command(folder, "systemctl", f'exec {sys.executable} {ROOT}/tests/e2e/systemctl.py "$@"')
    _require_passwords(server)
    (site_packages,) = {str(Path(pytest.__file__).parents[1])}
    environ = {
        "PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": site_packages,
        "PIDS": str(folder / "pids"),
        "LOGS": str(folder / "logs"),
        "TEST_PGPORT": pgport,
    }
    return Machine(folder, server, environ)


def _adapted(machine: Machine, script: str) -> str:
    """The page's paths, ports and administrator, replaced by the test's."""
    folder = machine.folder
    for old, new in {
        "PREFIX=/opt/bulkimport CONF=/etc/bulkimport UNITS=/etc/systemd/system NGINX_CONF=/etc/nginx\n": (
            f"PREFIX={folder}/opt CONF={folder}/etc/bulkimport; export UNITS={folder}/units NGINX_CONF={folder}/nginx\n"
        ),
        "WEB_PORT=8000 HTTP_PORT=80\n": f"WEB_PORT={free_port()} HTTP_PORT={free_port()}\n",
        "PGPORT=5432": f"PGPORT={machine.environ['TEST_PGPORT']}",
        'admin() { runuser -u postgres -- env -u PGHOST "$@"; }': (
            f'admin() {{ PGHOST="{_socket_dir(machine.server)}" PGUSER=postgres "$@"; }}'
        ),
    }.items():
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return script


def _copy_release(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in RELEASED:
        source, target = ROOT / name, folder / "release" / name
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    nginx = folder / "release" / "deploy" / "nginx.conf"
    nginx.write_text(nginx.read_text().replace("/var/log/nginx/", f"{folder}/logs/"))


def _copy_nginx(folder: Path) -> None:
    """Debian's configuration, with what it writes in our folder."""
    shutil.copytree("/etc/nginx", folder / "nginx", symlinks=True)
    path = folder / "nginx" / "nginx.conf"
    text = path.read_text()
    for old, new in {
        "/etc/nginx/": f"{folder}/nginx/",
        "/var/log/nginx/": f"{folder}/logs/",
        "/run/nginx.pid": f"{folder}/nginx.pid",
    }.items():
        text = text.replace(old, new)
    path.write_text(text)


def _add_command(folder: Path, name: str, line: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _require_passwords(server: postgres.Server) -> None:
    """The administrator by the socket, as on Debian; everybody else by TCP and with a password."""
    hba = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (server.cluster / "pg_hba.conf").write_text(hba)
    environment.execute(server.url("postgres", "postgres"), "SELECT pg_reload_conf()")


def _socket_dir(server: postgres.Server) -> Path:
    found = postgres.socket_dir_of(server.cluster)
    assert found
    return found


def _debian_binaries() -> Path | None:
    """Debian's newest PostgreSQL; None, for the wheel's, where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def _end_processes(folder: Path) -> None:
    pids = [int(line.split()[0]) for line in _lines(folder / "pids") + _lines(folder / "nginx.pid")]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    for pid in pids:
        wait_until(lambda pid=pid: _is_gone(pid), f"{pid} ends")  # type: ignore[misc]


def _is_gone(pid: int) -> bool:
    """Nobody may be there to take note of the end of one whose starter has ended."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
