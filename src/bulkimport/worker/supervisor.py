"""The supervisor: keeps worker processes running, and watches over them."""

import signal
import sys
import threading
from collections.abc import Mapping

from bulkimport.database.connections import refuse_privileged
from bulkimport.worker import monitoring, processes


def supervise(url: str, count: int, environ: Mapping[str, str], *, host: str, port: int | None) -> None:
    """Keep `count` workers running, each a process of its own, until SIGTERM or SIGINT.

    They are watched over on the port, if there is one. Raises PrivilegedRoleError at once, and OperatorError
    for a port that is taken; a database that cannot be reached yet is waited for.
    """
    refuse_privileged(url, "bulkimport-worker")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    single = (sys.executable, "-m", "bulkimport", "worker", "--single")
    with monitoring.monitored(url, count, host=host, port=port) as crew:
        environment = {**environ, **crew.environment}
        commands = [
            processes.Command(
                f"worker {number}", single, environment, on_start=crew.started, on_end=crew.ended
            )
            for number in range(1, count + 1)
        ]
        processes.keep_running(commands, stopping=stopping)
