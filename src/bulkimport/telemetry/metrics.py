"""What the processes count and time, and how it is read as a sum over all of them.

Every process keeps its own values. If PROMETHEUS_MULTIPROC_DIR is set before this module is imported, it
keeps them in files in that folder, so that any process can add up the values of all, including those that
have exited.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.context_managers import Timer
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# Reads take milliseconds; uploads, and requests with `Prefer: wait`, up to half a minute.
REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CONNECTION_BUCKETS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5)
CHUNK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OWN = CollectorRegistry()  # this process's values

HTTP_REQUEST_SECONDS = Histogram(
    "bulkimport_http_request_seconds",
    "Time from the arrival of a request to the start of its response; waited: whether it had Prefer: wait.",
    ("method", "route", "status", "waited"),
    buckets=REQUEST_BUCKETS_S,
    registry=OWN,
)
UPLOADED_ROWS = Counter("bulkimport_uploaded_rows", "Rows of accepted files.", registry=OWN)
UPLOADED_BYTES = Counter("bulkimport_uploaded_bytes", "Bytes of accepted files.", registry=OWN)
UPLOADS_REFUSED = Counter(
    "bulkimport_uploads_refused", "Uploads answered with a problem, by its type.", ("problem",), registry=OWN
)

DATABASE_POOL_SIZE = Gauge(
    "bulkimport_database_pool_size",
    "Most connections that the pools of all live processes may open.",
    multiprocess_mode="livesum",
    registry=OWN,
)
DATABASE_POOL_IN_USE = Gauge(
    "bulkimport_database_pool_in_use",
    "Connections that are checked out of the pools.",
    multiprocess_mode="livesum",
    registry=OWN,
)
DATABASE_POOL_WAIT_SECONDS = Histogram(
    "bulkimport_database_pool_wait_seconds",
    "Time spent waiting for a connection when none was free, including waits that timed out.",
    buckets=CONNECTION_BUCKETS_S,
    registry=OWN,
)
DATABASE_POOL_TIMEOUTS = Counter(
    "bulkimport_database_pool_timeouts", "Waits for a connection that timed out.", registry=OWN
)
DATABASE_CONNECT_SECONDS = Histogram(
    "bulkimport_database_connect_seconds",
    "Time to open a connection; failures are not counted.",
    buckets=CONNECTION_BUCKETS_S,
    registry=OWN,
)
DATABASE_CONNECTIONS_DISCARDED = Counter(
    "bulkimport_database_connections_discarded",
    "Connections closed because they were broken or might have been.",
    registry=OWN,
)
DATABASE_SESSIONS_ENDED = Counter(
    "bulkimport_database_sessions_ended",
    "Sessions, of any process, that this one ended because their client had stopped reading.",
    registry=OWN,
)

WORKER_HEARTBEAT_TIMESTAMP_SECONDS = Gauge(
    "bulkimport_worker_heartbeat_timestamp_seconds",
    "When a worker process last began a round of its loop or went on to another chunk, as Unix time.",
    multiprocess_mode="liveall",
    registry=OWN,
)
WORKER_CLAIMS = Counter(
    "bulkimport_worker_claims", "Claims of chunks, by attempt: first or repeated.", ("attempt",), registry=OWN
)
WORKER_CLAIMS_RELEASED = Counter(
    "bulkimport_worker_claims_released",
    "Claims given back without counting the attempt, by reason.",
    ("reason",),
    registry=OWN,
)
WORKER_CHUNKS = Counter(
    "bulkimport_worker_chunks",
    "Chunks that workers processed, by outcome.",
    ("outcome",),
    registry=OWN,
)
WORKER_CHUNK_SECONDS = Histogram(
    "bulkimport_worker_chunk_seconds",
    "Time to import a chunk, or all of an all-or-nothing job, from its lock to its commit.",
    buckets=CHUNK_BUCKETS_S,
    registry=OWN,
)
WORKER_CHUNK_STAGE_SECONDS = Histogram(
    "bulkimport_worker_chunk_stage_seconds",
    "Time that the stages of a chunk took; check overlaps with the others, and plan is a part of insert.",
    ("stage",),
    buckets=CHUNK_BUCKETS_S,
    registry=OWN,
)
WORKER_ROWS = Counter("bulkimport_worker_rows", "Processed rows, by outcome.", ("outcome",), registry=OWN)
WORKER_JOBS_FINISHED = Counter(
    "bulkimport_worker_jobs_finished",
    "Jobs that workers finished, by final status.",
    ("status",),
    registry=OWN,
)
WORKER_JOBS_PURGED = Counter(
    "bulkimport_worker_jobs_purged",
    "Finished jobs purged after their retention, or because they were deleted.",
    registry=OWN,
)

# Prometheus sees no increase when a series appears with its first value, so these series start at 0.
CLOSED_LABELS = (
    (WORKER_CLAIMS, ("first", "repeated")),
    (WORKER_CLAIMS_RELEASED, ("database", "interference", "stopping")),
    (WORKER_CHUNKS, ("imported", "copied", "rolled_back", "lost", "interrupted", "failed")),
    (WORKER_ROWS, ("created", "updated", "unchanged", "skipped", "failed", "removed")),
    (WORKER_JOBS_FINISHED, ("completed", "failed", "cancelled")),
)
for _metric, _values in CLOSED_LABELS:
    for _value in _values:
        _metric.labels(_value)

OF_DATABASE = (
    *(DATABASE_POOL_SIZE, DATABASE_POOL_IN_USE, DATABASE_POOL_WAIT_SECONDS, DATABASE_POOL_TIMEOUTS),
    *(DATABASE_CONNECT_SECONDS, DATABASE_CONNECTIONS_DISCARDED, DATABASE_SESSIONS_ENDED),
)
OF_WEB = (*OF_DATABASE, HTTP_REQUEST_SECONDS, UPLOADED_ROWS, UPLOADED_BYTES, UPLOADS_REFUSED)
OF_WORKER = (
    *(*OF_DATABASE, WORKER_HEARTBEAT_TIMESTAMP_SECONDS, WORKER_CLAIMS, WORKER_CLAIMS_RELEASED),
    *(WORKER_CHUNKS, WORKER_CHUNK_SECONDS, WORKER_CHUNK_STAGE_SECONDS, WORKER_ROWS, WORKER_JOBS_FINISHED),
    WORKER_JOBS_PURGED,
)


def stage(name: str) -> Timer:
    """A decorator that times a function as this stage of a chunk."""
    return WORKER_CHUNK_STAGE_SECONDS.labels(name).time()


class Summed(Collector):
    """Collects `selected` metrics, summed over the processes that keep them in `folder`.

    Without a folder, collects the values of this process.
    """

    def __init__(self, selected: Sequence[MetricWrapperBase], folder: Path | None) -> None:
        self._names = {family.name for metric in selected for family in metric.describe()}
        self._source: Collector = OWN
        if folder:
            self._source = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        """The selected metric families."""
        return [family for family in self._source.collect() if family.name in self._names]
