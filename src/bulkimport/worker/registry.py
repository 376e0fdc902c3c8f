"""The worker processes of one supervisor: which run, since when, and which of them hang."""

import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from bulkimport.telemetry import metrics

# Between two signs of life lies one chunk at most: a dozen statements, each of 10 s at most.
HUNG_AFTER_S = 120.0


class Crew:
    """`wanted` worker processes, which keep their metrics in `folder`, if anywhere."""

    def __init__(self, wanted: int, folder: Path | None) -> None:
        self.wanted = wanted
        self.ended_processes = 0
        self._folder = folder
        self._began: dict[int, float] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """What a worker process needs beside its settings."""
        return {"PROMETHEUS_MULTIPROC_DIR": str(self._folder)} if self._folder else {}

    @property
    def running(self) -> int:
        """How many processes run now."""
        return len(self._began)

    def started(self, pid: int) -> None:
        """To be called when a process begins."""
        self._began[pid] = time.time()

    def ended(self, pid: int) -> None:
        """To be called when a process is gone: what it counted stays, what it has in use does not."""
        del self._began[pid]
        self.ended_processes += 1
        if self._folder:
            mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]

    def hung(self, limit_s: float = HUNG_AFTER_S) -> Mapping[int, float]:
        """Processes that have shown no sign of life for so long, and for how many seconds."""
        now, beats = time.time(), self._heartbeats()
        silence = {pid: now - beats.get(pid, began) for pid, began in dict(self._began).items()}
        return {pid: seconds for pid, seconds in silence.items() if seconds > limit_s}

    def _heartbeats(self) -> Mapping[int, float]:
        wanted = (metrics.WORKER_HEARTBEAT_TIMESTAMP_SECONDS,)
        families = metrics.Summed(wanted, self._folder).collect()
        return {int(sample.labels["pid"]): sample.value for family in families for sample in family.samples}
