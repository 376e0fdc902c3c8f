"""The supervisor: keeps worker processes running and monitors them."""

import signal
import sys
import threading
from collections.abc import Mapping

from bulkimport.database import startup
from bulkimport.worker import monitoring, processes


def supervise(url: str, count: int, environ: Mapping[str, str], *, host: str, port: int | None) -> None:
    """Keep `count` workers running, each in its own process, until SIGTERM or SIGINT.

    Their health and metrics are served on `port`, unless that is None. Raises PrivilegedRoleError before any
    worker starts, and OperatorError if the port is in use; waits for a database that cannot be reached yet.
    """
    startup.begin(url, "worker", processes=count)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    single = (sys.executable, "-m", "bulkimport", "worker", "--single")
    with monitoring.monitored(url, count, host=host, port=port) as workers:
        environment = {**environ, **workers.environment}
        commands = [
            processes.Command(
                f"worker {number}", single, environment, on_start=workers.started, on_exit=workers.exited
            )
            for number in range(1, count + 1)
        ]
        processes.keep_running(commands, stopping=stopping)
