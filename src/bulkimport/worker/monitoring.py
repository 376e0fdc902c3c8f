"""The supervisor's HTTP port: whether its workers are alive, whether they can work, and their metrics."""

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bulkimport.database import migrations
from bulkimport.database.connections import Database
from bulkimport.database.readiness import NotReadyError, Readiness
from bulkimport.errors import OperatorError
from bulkimport.telemetry import metrics
from bulkimport.telemetry.build import BuildInfo
from bulkimport.worker.queue_monitor import QueueMonitor
from bulkimport.worker.registry import WorkerRegistry

log = logging.getLogger(__name__)


@contextmanager
def monitored(url: str, desired: int, *, host: str, port: int | None) -> Iterator[WorkerRegistry]:
    """A registry of `desired` workers, whose state is served on `port` (unless None) until the context ends.

    Raises OperatorError if it cannot listen on the port.
    """
    if port is None:
        yield WorkerRegistry(desired, None)
        return
    with tempfile.TemporaryDirectory(prefix="bulkimport-worker-") as name:
        workers = WorkerRegistry(desired, Path(name))
        database = Database(url, size=2, application_name="bulkimport-monitor")
        queue = QueueMonitor(database)
        readiness = Readiness(database, needed_version=migrations.latest_version())
        collectors = CollectorRegistry()
        collectors.register(BuildInfo())
        collectors.register(metrics.Summed(metrics.OF_WORKER, Path(name)))
        collectors.register(Supervised(workers, queue))
        with _serving(host, port, application(workers, readiness, collectors)):
            queue.start()
            yield workers


def application(
    workers: WorkerRegistry, readiness: Readiness, collectors: CollectorRegistry
) -> WSGIApplication:
    """A WSGI application that answers GET /livez, /readyz and /metrics."""
    exposition: WSGIApplication = make_wsgi_app(collectors)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", "/metrics":
                return exposition(environ, start_response)
            case "GET", "/livez":
                return _verdict(start_response, _describe_hung(workers))
            case "GET", "/readyz":
                return _verdict(start_response, _describe_unready(readiness))
            case "GET", _:
                return _answer(
                    start_response, "404 Not Found", "Only /livez, /readyz and /metrics exist here."
                )
            case _:
                return _answer(
                    start_response, "405 Method Not Allowed", "Only GET is allowed.", ("Allow", "GET")
                )

    return answer


class Supervised(Collector):
    """The metrics that no worker process knows: how many workers are running, and how long the queue is."""

    def __init__(self, workers: WorkerRegistry, queue: QueueMonitor) -> None:
        self._workers = workers
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """The metric families; without a sample, bulkimport_queue_up is the only one of the queue."""
        yield GaugeMetricFamily(
            "bulkimport_worker_processes", "Worker processes that are running.", value=self._workers.running
        )
        yield GaugeMetricFamily(
            "bulkimport_worker_processes_desired",
            "Worker processes that should be running (WORKER_CONCURRENCY).",
            value=self._workers.desired,
        )
        yield CounterMetricFamily(
            "bulkimport_worker_processes_exited",
            "Worker processes that exited and were restarted.",
            value=self._workers.exited_processes,
        )
        sample = self._queue.latest()
        yield GaugeMetricFamily(
            "bulkimport_queue_up",
            "1 if the queue could be sampled, 0 if not.",
            value=sample is not None,
        )
        if sample is None:
            return
        jobs = GaugeMetricFamily(
            "bulkimport_queue_jobs",
            "Unfinished jobs of all accounts, by state: pending (not started yet) or processing.",
            labels=("state",),
        )
        jobs.add_metric(("pending",), sample.pending)
        jobs.add_metric(("processing",), sample.processing)
        yield jobs
        yield GaugeMetricFamily(
            "bulkimport_queue_chunks", "Chunks that have not been imported yet.", value=sample.chunks
        )
        yield GaugeMetricFamily(
            "bulkimport_queue_oldest_pending_seconds",
            "How long the oldest pending job has been waiting; 0 if no job is pending.",
            value=sample.oldest_pending_s,
        )


def _describe_hung(workers: WorkerRegistry) -> str:
    return " ".join(
        f"Worker process {pid} has shown no sign of life for {silence_s:.0f} s."
        for pid, silence_s in workers.hung().items()
    )


def _describe_unready(readiness: Readiness) -> str:
    try:
        readiness.require()
    except NotReadyError as error:
        return str(error)
    return ""


def _verdict(start_response: StartResponse, fault: str) -> Iterable[bytes]:
    if fault:
        return _answer(start_response, "503 Service Unavailable", fault)
    return _answer(start_response, "200 OK", "ok")


def _answer(
    start_response: StartResponse, status: str, text: str, *headers: tuple[str, str]
) -> Iterable[bytes]:
    """Answer as web does at these paths: {"status": "ok"}, or a sentence that says what is wrong."""
    start_response(status, [("Content-Type", "application/json"), *headers])
    return [json.dumps({"status": text}).encode()]


@contextmanager
def _serving(host: str, port: int, answer: WSGIApplication) -> Iterator[None]:
    try:
        server = make_server(host, port, answer, server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise OperatorError(
            f"cannot listen on port {port} of {host}: {error.strerror}; set HOST or WORKER_HTTP_PORT"
        ) from error
    Thread(target=server.serve_forever, name="monitoring", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.warning("a request on the monitoring port failed", exc_info=True)


class _Handler(WSGIRequestHandler):
    timeout = 5  # seconds, after which a client that sends nothing is disconnected

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)
