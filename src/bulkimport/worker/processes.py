"""Keeps commands running: one that exits is started again, and all are stopped together."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

RESTART_INTERVAL_S = 1.0  # between two starts of a command that exits immediately
LOOK_INTERVAL_S = 0.1
STOP_TIMEOUT_S = 12.0  # above the 10 s within which a worker exits by itself

log = logging.getLogger(__name__)


def _ignore(_pid: int) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Command:
    """What to run. Its standard input is a pipe that closes when this process ends, even by SIGKILL.

    `on_start` and `on_exit` are called with the id of each process that has started, and exited.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] | None = None
    output: IO[bytes] | None = None
    on_start: Callable[[int], None] = _ignore
    on_exit: Callable[[int], None] = _ignore


def keep_running(commands: Sequence[Command], *, stopping: threading.Event) -> None:
    """Run the commands until `stopping` is set; returns when all of them have exited."""
    keepers = [threading.Thread(target=_keep, args=(command, stopping)) for command in commands]
    for keeper in keepers:
        keeper.start()
    for keeper in keepers:
        keeper.join()


def _keep(command: Command, stopping: threading.Event) -> None:
    while not stopping.is_set():
        started = time.monotonic()
        child = subprocess.Popen(
            command.arguments,
            env=command.environment,
            stdin=subprocess.PIPE,
            stdout=command.output,
            stderr=command.output,
            start_new_session=True,  # a terminal's Ctrl-C is for this process, which stops its children
        )
        command.on_start(child.pid)
        while child.poll() is None and not stopping.wait(LOOK_INTERVAL_S):
            pass
        running = child.returncode is None
        if running:
            _stop(child)
        command.on_exit(child.pid)
        if not running:
            log.warning("%s exited with status %d; restarting it", command.name, child.returncode)
            stopping.wait(started + RESTART_INTERVAL_S - time.monotonic())
        if child.stdin:
            child.stdin.close()


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
