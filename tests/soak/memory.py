"""How the memory of the service's processes develops."""

import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

LOOK_EVERY_S = 2.0
WARM_UP_S = 60.0
MIB = 1024**2


@dataclass
class Memory:
    """The resident memory of each process: (seconds since the start, bytes) by (kind, process id)."""

    samples: dict[tuple[str, int], list[tuple[float, int]]] = field(default_factory=dict)

    def slopes(self) -> Mapping[tuple[str, int], float]:
        """MiB per minute after the warm-up, of each process that was there all the time."""
        longest = max(len(samples) for samples in self.samples.values())
        return {
            process: _slope(settled)
            for process, samples in self.samples.items()
            if len(samples) >= 0.95 * longest
            and len(settled := [sample for sample in samples if sample[0] > WARM_UP_S]) > 1
        }

    def peaks(self) -> Mapping[str, float]:
        """The highest memory of a process of each kind, in MiB."""
        peaks: dict[str, float] = {}
        for (kind, _), samples in self.samples.items():
            peaks[kind] = max(peaks.get(kind, 0), *(size / MIB for _, size in samples))
        return peaks


@contextmanager
def watching(parents: Mapping[str, int]) -> Iterator[Memory]:
    """Watch the children of these processes, by kind, for as long as the context lasts."""
    memory, stopping, started = Memory(), threading.Event(), time.monotonic()

    def run() -> None:
        while not stopping.wait(LOOK_EVERY_S):
            for kind, parent in parents.items():
                for pid in _children(parent):
                    with suppress(OSError):
                        sample = time.monotonic() - started, _resident_bytes(pid)
                        memory.samples.setdefault((kind, pid), []).append(sample)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield memory
    finally:
        stopping.set()
        thread.join()


def _slope(samples: list[tuple[float, int]]) -> float:
    seconds, sizes = zip(*samples, strict=True)
    return statistics.linear_regression(seconds, sizes).slope * 60 / MIB


def _children(parent: int) -> list[int]:
    """The processes that any thread of this one has started."""
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for children in lists for pid in children.read_text().split()]


def _resident_bytes(pid: int) -> int:
    """VmRSS of /proc/PID/status; see proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
