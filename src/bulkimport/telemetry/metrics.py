"""What the processes count and time, and how it is read, summed over them.

Every process keeps its own values. Where PROMETHEUS_MULTIPROC_DIR is set before this module is imported, it
keeps them in files of that folder, so that any process can sum up those of all, the dead included.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.context_managers import Timer
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# Reads take milliseconds; uploads, and callers who wait, up to half a minute.
REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CONNECTION_BUCKETS_S = (0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5)
CHUNK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OWN = CollectorRegistry()  # this process's values

HTTP_REQUEST_SECONDS = Histogram(
    "bulkimport_http_request_seconds",
    "From a request's arrival to the beginning of its answer; waited: whether the caller asked to wait.",
    ("method", "route", "status", "waited"),
    buckets=REQUEST_BUCKETS_S,
    registry=OWN,
)
UPLOADED_ROWS = Counter("bulkimport_uploaded_rows", "Rows of files that were taken in.", registry=OWN)
UPLOADED_BYTES = Counter("bulkimport_uploaded_bytes", "Bytes of files that were taken in.", registry=OWN)
UPLOADS_REFUSED = Counter(
    "bulkimport_uploads_refused", "Uploads that were answered by a problem.", ("problem",), registry=OWN
)

DATABASE_POOL_SIZE = Gauge(
    "bulkimport_database_pool_size",
    "Connections that the pools of all processes may have.",
    multiprocess_mode="livesum",
    registry=OWN,
)
DATABASE_POOL_IN_USE = Gauge(
    "bulkimport_database_pool_in_use",
    "Connections that are in somebody's hands.",
    multiprocess_mode="livesum",
    registry=OWN,
)
DATABASE_POOL_WAIT_SECONDS = Histogram(
    "bulkimport_database_pool_wait_seconds",
    "Waits for a place in the pool where none was free at once, those in vain included.",
    buckets=CONNECTION_BUCKETS_S,
    registry=OWN,
)
DATABASE_POOL_TIMEOUTS = Counter(
    "bulkimport_database_pool_timeouts", "Waits for a place in the pool that were in vain.", registry=OWN
)
DATABASE_CONNECT_SECONDS = Histogram(
    "bulkimport_database_connect_seconds",
    "Opening a connection, where that succeeded.",
    buckets=CONNECTION_BUCKETS_S,
    registry=OWN,
)
DATABASE_CONNECTIONS_DISCARDED = Counter(
    "bulkimport_database_connections_discarded",
    "Connections that were closed because they were broken, or might be.",
    registry=OWN,
)
DATABASE_SESSIONS_ENDED = Counter(
    "bulkimport_database_sessions_ended",
    "Sessions of any process that this one ended because their client had stopped reading.",
    registry=OWN,
)

WORKER_HEARTBEAT_TIMESTAMP_SECONDS = Gauge(
    "bulkimport_worker_heartbeat_timestamp_seconds",
    "When a worker process last went round its loop, or on to the next chunk; Unix time.",
    multiprocess_mode="liveall",
    registry=OWN,
)
WORKER_CLAIMS = Counter(
    "bulkimport_worker_claims", "Claims of chunks; attempt: first or repeated.", ("attempt",), registry=OWN
)
WORKER_CLAIMS_RELEASED = Counter(
    "bulkimport_worker_claims_released", "Claims that were given back uncharged.", ("reason",), registry=OWN
)
WORKER_CHUNKS = Counter(
    "bulkimport_worker_chunks",
    "Chunks that workers had in hand, by what came of it.",
    ("outcome",),
    registry=OWN,
)
WORKER_CHUNK_SECONDS = Histogram(
    "bulkimport_worker_chunk_seconds",
    "A chunk that was imported, or all of an all-or-nothing job, from its lock to its commit.",
    buckets=CHUNK_BUCKETS_S,
    registry=OWN,
)
WORKER_CHUNK_STAGE_SECONDS = Histogram(
    "bulkimport_worker_chunk_stage_seconds",
    "The stages of a chunk; check runs beside the others.",
    ("stage",),
    buckets=CHUNK_BUCKETS_S,
    registry=OWN,
)
WORKER_ROWS = Counter("bulkimport_worker_rows", "Rows, by what became of them.", ("outcome",), registry=OWN)
WORKER_JOBS_ENDED = Counter(
    "bulkimport_worker_jobs_ended", "Jobs that workers brought to an end.", ("status",), registry=OWN
)
WORKER_JOBS_PURGED = Counter(
    "bulkimport_worker_jobs_purged",
    "Finished jobs whose retention was over, or that were deleted.",
    registry=OWN,
)

# To Prometheus the first step from nothing is no increase; so these series begin at 0.
CLOSED_LABELS = (
    (WORKER_CLAIMS, ("first", "repeated")),
    (WORKER_CLAIMS_RELEASED, ("database", "interference", "stopping")),
    (WORKER_CHUNKS, ("imported", "copied", "rolled_back", "lost", "interrupted", "failed")),
    (WORKER_ROWS, ("created", "updated", "skipped", "failed", "removed")),
    (WORKER_JOBS_ENDED, ("completed", "failed", "cancelled")),
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
    *(WORKER_CHUNKS, WORKER_CHUNK_SECONDS, WORKER_CHUNK_STAGE_SECONDS, WORKER_ROWS, WORKER_JOBS_ENDED),
    WORKER_JOBS_PURGED,
)


def stage(name: str) -> Timer:
    """Times what it stands above as a stage of a chunk."""
    return WORKER_CHUNK_STAGE_SECONDS.labels(name).time()


class Summed(Collector):
    """Some of the metrics: of all processes that keep them in `folder`, or without one of this process."""

    def __init__(self, wanted: Sequence[MetricWrapperBase], folder: Path | None) -> None:
        self._names = {family.name for metric in wanted for family in metric.describe()}
        self._source: Collector = OWN
        if folder:
            self._source = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterable[Metric]:
        """The families, each with the values of all processes."""
        return [family for family in self._source.collect() if family.name in self._names]
