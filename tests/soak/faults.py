"""What happens to the service now and then, while it is used."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.e2e.conftest import Service

KILL_EVERY_S = (10.0, 20.0)
RESTART_EVERY = 6  # kills
MODES = ("fast", "immediate")


@dataclass
class Faults:
    """How many there were."""

    kills: int = 0
    restarts: int = 0


@contextmanager
def striking(service: Service, seed: int) -> Iterator[Faults]:
    """Kill a worker every few seconds and restart PostgreSQL every minute or two, until the context ends."""
    faults, stopping, chance = Faults(), threading.Event(), random.Random(seed)

    def run() -> None:
        while not stopping.wait(chance.uniform(*KILL_EVERY_S)):
            if faults.kills % RESTART_EVERY == RESTART_EVERY - 1:
                service.server.restart(MODES[faults.restarts % len(MODES)])
                faults.restarts += 1
            _kill_youngest_worker(service)
            faults.kills += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield faults
    finally:
        stopping.set()
        thread.join()


def _kill_youngest_worker(service: Service) -> None:
    """The oldest lives through it all, so that its memory can be watched."""
    pids = sorted(service.worker_pids())
    if len(pids) > 1:
        with suppress(ProcessLookupError):
            os.kill(pids[-1], signal.SIGKILL)
