"""The worker processes of one supervisor: which of them are running, since when, and which hang."""

import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from bulkimport.telemetry import metrics

# Between two heartbeats lies at most one chunk: a dozen statements, each of which may take 10 s.
HUNG_AFTER_S = 120.0


class WorkerRegistry:
    """The running ones of `desired` worker processes, which keep their metrics in `folder`, if it is set."""

    def __init__(self, desired: int, folder: Path | None) -> None:
        self.desired = desired
        self.exited_processes = 0
        self._folder = folder
        self._started_at: dict[int, float] = {}

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that a worker process needs in addition to its settings."""
        return {"PROMETHEUS_MULTIPROC_DIR": str(self._folder)} if self._folder else {}

    @property
    def running(self) -> int:
        """How many processes are running now."""
        return len(self._started_at)

    def started(self, pid: int) -> None:
        """Record a process that has just started."""
        self._started_at[pid] = time.time()

    def exited(self, pid: int) -> None:
        """Record that a process has exited: its counters stay, its gauges of what is in use now do not."""
        del self._started_at[pid]
        self.exited_processes += 1
        if self._folder:
            mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]

    def hung(self, limit_s: float = HUNG_AFTER_S) -> Mapping[int, float]:
        """Processes without a heartbeat for more than `limit_s`, and the seconds since each one's last."""
        now, beats = time.time(), self._heartbeats()
        silence = {pid: now - beats.get(pid, started) for pid, started in dict(self._started_at).items()}
        return {pid: seconds for pid, seconds in silence.items() if seconds > limit_s}

    def _heartbeats(self) -> Mapping[int, float]:
        families = metrics.Summed((metrics.WORKER_HEARTBEAT_TIMESTAMP_SECONDS,), self._folder).collect()
        return {int(sample.labels["pid"]): sample.value for family in families for sample in family.samples}
