"""A worker that kills itself at a named point: python -m tests.e2e.chaos.dying_worker POINT NTH."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bulkimport import settings
from bulkimport.database import connections
from bulkimport.importing import chunk
from bulkimport.store import chunks, plans, progress, queue, staged_assets
from bulkimport.worker import loop

# Point → the function before or after whose call the process dies.
POINTS: dict[str, tuple[Any, str, bool]] = {
    "before claim": (queue, "claim", False),
    "after claim": (queue, "relock", False),
    "before stage": (chunk, "_resolve", False),
    "before insert": (staged_assets, "insert_all", False),
    "after insert": (staged_assets, "insert_all", True),
    "before checkpoint": (queue, "checkpoint", False),
    "after checkpoint": (queue, "checkpoint", True),
    "before commit": (connections, "_commit", False),
    "after commit": (connections, "_commit", True),
    "before finish": (progress, "finish", False),
    "after finish": (progress, "finish", True),
}
POINTS_OF_A_PLAN: dict[str, tuple[Any, str, bool]] = {
    "before lock": (plans, "lock_planned", False),
    "after lock": (plans, "lock_planned", True),
    "after update": (staged_assets, "update_staged", True),
    "after create": (staged_assets, "insert_staged", True),
}
POINTS_OF_A_RETRY: dict[str, tuple[Any, str, bool]] = {
    "before copy": (chunks, "copy_undone", False),
    "after copy": (chunks, "copy_undone", True),
}


def main(point: str, nth: int) -> None:
    """Run a worker until the point is reached for the nth time."""
    module, name, after = (POINTS | POINTS_OF_A_PLAN | POINTS_OF_A_RETRY)[point]
    setattr(module, name, dying(getattr(module, name), nth, after=after))
    worker_settings = settings.load()
    loop.serve(worker_settings.require_database_url(), retention_days=worker_settings.retention_days)


def dying(function: Callable[..., Any], nth: int, *, after: bool) -> Callable[..., Any]:
    """The function, which kills the process at its nth call."""
    calls = 0

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **keywords)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
