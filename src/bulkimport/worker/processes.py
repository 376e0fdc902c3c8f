"""Keeps commands running: one that dies is started again, and all end together."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

RESTART_INTERVAL_S = 1.0  # a command that dies at once is started once in this time
LOOK_INTERVAL_S = 0.1
STOP_TIMEOUT_S = 12.0  # above the 10 s in which a worker ends by itself

log = logging.getLogger(__name__)


def _ignore(_pid: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Command:
    """What to run. Its standard input is a pipe that ends with this process, even by SIGKILL.

    The two calls are given the process id of each process that begins, and ends.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] | None = None
    output: IO[bytes] | None = None
    on_start: Callable[[int], None] = _ignore
    on_end: Callable[[int], None] = _ignore


def keep_running(commands: Sequence[Command], *, stopping: threading.Event) -> None:
    """Run the commands until `stopping` is set; returns when all of them have ended."""
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
            start_new_session=True,  # a terminal's Ctrl-C is for us; we tell the children
        )
        command.on_start(child.pid)
        while child.poll() is None and not stopping.wait(LOOK_INTERVAL_S):
            pass
        running = child.returncode is None
        if running:
            _stop(child)
        command.on_end(child.pid)
        if not running:
            log.warning("%s ended with %d; starting it again", command.name, child.returncode)
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
