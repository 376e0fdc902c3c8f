"""How a worker process learns that it must exit: by a signal, or because its parent process has ended."""

import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Callable

GRACE_S = 7.0  # for the current chunk; then its statement is cancelled, so that the process exits within 10 s


def watch(stopping: threading.Event, wake: threading.Event, on_overdue: Callable[[], None]) -> None:
    """Set both events at SIGTERM, SIGINT or the end of a piped standard input; `on_overdue` GRACE_S later.

    A thread receives the signals: the main thread may be inside libpq, where no Python handler runs.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer)

    def wait() -> None:
        select.select([reader, *_parent_pipe()], [], [])
        stopping.set()
        wake.set()
        threading.Event().wait(GRACE_S)
        on_overdue()

    threading.Thread(target=wait, name="shutdown", daemon=True).start()


def _parent_pipe() -> list[int]:
    """Standard input if it is a pipe from the parent. systemd's is /dev/null, which is at its end already."""
    if sys.stdin is None or not stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        return []
    return [sys.stdin.fileno()]
