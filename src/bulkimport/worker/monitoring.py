"""The port of the workers' supervisor: whether they live and could work, and what they counted."""

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
from bulkimport.worker.queue_monitor import QueueMonitor
from bulkimport.worker.registry import Crew

log = logging.getLogger(__name__)


@contextmanager
def monitored(url: str, workers: int, *, host: str, port: int | None) -> Iterator[Crew]:
    """A crew of so many workers that is watched over on a port, if there is one, until the context ends.

    Raises OperatorError where the port cannot be had.
    """
    if port is None:
        yield Crew(workers, None)
        return
    with tempfile.TemporaryDirectory(prefix="bulkimport-worker-") as name:
        crew, database = (
            Crew(workers, Path(name)),
            Database(url, size=2, application_name="bulkimport-monitor"),
        )
        queue = QueueMonitor(database)
        readiness = Readiness(database, needed_version=migrations.latest_version())
        registry = CollectorRegistry()
        registry.register(metrics.Summed(metrics.OF_WORKER, Path(name)))
        registry.register(Supervised(crew, queue))
        with _serving(host, port, application(crew, readiness, registry)):
            queue.start()
            yield crew


def application(crew: Crew, readiness: Readiness, registry: CollectorRegistry) -> WSGIApplication:
    """/livez, /readyz and /metrics."""
    exposition: WSGIApplication = make_wsgi_app(registry)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", "/metrics":
                return exposition(environ, start_response)
            case "GET", "/livez":
                return _verdict(start_response, _find_hung(crew))
            case "GET", "/readyz":
                return _verdict(start_response, _find_unready(readiness))
            case "GET", _:
                return _answer(start_response, "404 Not Found", "There are /livez, /readyz and /metrics.")
            case _:
                return _answer(
                    start_response, "405 Method Not Allowed", "Only GET is allowed.", ("Allow", "GET")
                )

    return answer


class Supervised(Collector):
    """What no worker process can tell: how many there are, and what waits for them."""

    def __init__(self, crew: Crew, queue: QueueMonitor) -> None:
        self._crew = crew
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """Without a sample of the queue its families are missing, but for the one that says so."""
        yield GaugeMetricFamily(
            "bulkimport_worker_processes", "Worker processes that run.", value=self._crew.running
        )
        yield GaugeMetricFamily(
            "bulkimport_worker_processes_wanted", "WORKER_CONCURRENCY.", value=self._crew.wanted
        )
        yield CounterMetricFamily(
            "bulkimport_worker_processes_ended",
            "Worker processes that ended, and were started again.",
            value=self._crew.ended_processes,
        )
        sample = self._queue.latest()
        yield GaugeMetricFamily(
            "bulkimport_queue_up",
            "1 where the queue could be looked at, 0 where not.",
            value=sample is not None,
        )
        if sample is None:
            return
        jobs = GaugeMetricFamily(
            "bulkimport_queue_jobs",
            "Unfinished jobs of all accounts; state: pending (nothing of it was begun) or processing.",
            labels=("state",),
        )
        jobs.add_metric(("pending",), sample.pending)
        jobs.add_metric(("processing",), sample.processing)
        yield jobs
        yield GaugeMetricFamily(
            "bulkimport_queue_chunks", "Chunks that are still to be imported.", value=sample.chunks
        )
        yield GaugeMetricFamily(
            "bulkimport_queue_oldest_pending_seconds",
            "For how long the oldest pending job has waited; 0 where there is none.",
            value=sample.oldest_pending_s,
        )


def _find_hung(crew: Crew) -> str:
    return " ".join(
        f"Worker process {pid} has shown no sign of life for {silence_s:.0f} s."
        for pid, silence_s in crew.hung().items()
    )


def _find_unready(readiness: Readiness) -> str:
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
    """JSON as web answers it at these paths: the one word "ok", or what is wrong."""
    start_response(status, [("Content-Type", "application/json"), *headers])
    return [json.dumps({"status": text}).encode()]


@contextmanager
def _serving(host: str, port: int, answer: WSGIApplication) -> Iterator[None]:
    try:
        server = make_server(host, port, answer, server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise OperatorError(
            f"port {port} of {host} cannot be had: {error.strerror}; set HOST and WORKER_HTTP_PORT"
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
    timeout = 5  # seconds; for a client that says nothing

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)
