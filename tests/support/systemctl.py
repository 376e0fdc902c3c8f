"""A stand-in for `systemctl`: starts units as systemd would, on a machine where systemd is not running.

Reads the units in $UNITS and runs their commands as nobody, with nothing of the caller's environment except
PYTHONPATH. It does not isolate them as systemd does. The process ids are appended to $PIDS.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

from bulkimport.devserver import postgres

UNITS, PIDS, LOGS, NGINX_CONF = (Path(os.environ[name]) for name in ("UNITS", "PIDS", "LOGS", "NGINX_CONF"))
NOTIFY_TIMEOUT_S = 30


def main() -> None:
    verb, *names = [argument for argument in sys.argv[1:] if argument != "--now"]
    if verb == "daemon-reload":
        return
    for name in names:
        if name == "nginx":
            with (LOGS / "nginx.log").open("ab") as output:  # the daemon keeps its standard error
                subprocess.run(["nginx", "-c", str(NGINX_CONF / "nginx.conf")], stderr=output, check=True)
        elif verb in ("start", "enable"):
            _start(name)
        elif verb in ("restart", "reload"):
            for pid, running in _matching(name):
                os.kill(pid, signal.SIGHUP if verb == "reload" else signal.SIGTERM)
                if verb == "restart":
                    _start(running)
        else:
            raise SystemExit(f"this stand-in does not support {verb}")


def _matching(pattern: str) -> list[tuple[int, str]]:
    """Process id and name of the last process started for each matching unit."""
    started = {name: int(pid) for pid, name in map(str.split, PIDS.read_text().splitlines())}
    matching = [(pid, name) for name, pid in started.items() if fnmatch(name, pattern)]
    return matching or sys.exit(f"no unit matches {pattern}")


def _start(name: str) -> None:
    settings = _settings(name)
    command = shlex.split(settings["ExecStart"][-1])
    environment = _environment(settings)
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if "notify" in settings.get("Type", []):
        path = LOGS / f"{name}.notify"
        path.unlink(missing_ok=True)
        notified.bind(str(path))
        path.chmod(0o777)
        environment["NOTIFY_SOCKET"] = str(path)
    log = LOGS / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*postgres._as_unprivileged(Path(command[0]), Path(environment["PYTHONPATH"])), *command],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    if "oneshot" in settings.get("Type", []):
        if status := process.wait():
            raise SystemExit(f"{name} ended with {status}:\n{log.read_text()}")
        return
    with PIDS.open("a") as pids:
        pids.write(f"{process.pid} {name}\n")
    if "notify" in settings.get("Type", []):
        notified.settimeout(NOTIFY_TIMEOUT_S)
        if not notified.recv(1024).startswith(b"READY=1"):
            raise SystemExit(f"{name} sent a notification other than that it is ready")


def _settings(name: str) -> dict[str, list[str]]:
    """The values of each setting, in the order of the unit."""
    template, at, instance = name.partition("@")
    settings: dict[str, list[str]] = {}
    for line in (UNITS / f"{template}{at}.service").read_text().replace("%i", instance).splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(key, []).append(value)
    return settings


def _environment(settings: dict[str, list[str]]) -> dict[str, str]:
    """The environment of a unit; values from a file override the unit's own (systemd.exec(5))."""
    lines = [pair for value in settings.get("Environment", []) for pair in shlex.split(value)]
    for path in settings["EnvironmentFile"]:
        lines += Path(path).read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ["PYTHONPATH"], **variables}


main()
