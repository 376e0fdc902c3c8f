"""The counts of several processes are added up, and survive these processes."""

import http.client
import os
import platform
import signal
import socket
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Service, csv_file, free_port, wait_until

REQUESTS = "bulkimport_http_request_seconds_count"
STATUS = {"method": "GET", "route": "/api/v1/assets/bulk/<job:job_id>", "status": "404", "waited": "no"}
ABSENT = "/api/v1/assets/bulk/a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
HEARTBEAT = "bulkimport_worker_heartbeat_timestamp_seconds"

Samples = list[tuple[str, Mapping[str, str], float]]


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def scrape(port: int) -> Samples:
    status, text = get(port, "/metrics")
    assert status == 200
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def total(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for sample_name, sample_labels, value in samples
        if sample_name == name and labels.items() <= sample_labels.items()
    )


@pytest.fixture
def worker_port() -> int:
    return free_port()


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The folder in which the processes create their own folders, which they delete at the end."""
    (tmp_path / "folders").mkdir()
    return tmp_path / "folders"


def web_pids(web_pid: int) -> set[int]:
    """The processes that the master has forked."""
    children = Path(f"/proc/{web_pid}/task/{web_pid}/children").read_text()
    return {int(pid) for pid in children.split()}


def test_requests_are_summed_over_processes_and_survive_hup_and_a_kill(
    service: Service, folders: Path
) -> None:
    web = service.start_web(WEB_CONCURRENCY="2", TMPDIR=str(folders))
    wait_until(lambda: len(web_pids(web.pid)) == 2, "two processes")

    def ask(times: int) -> None:
        for _ in range(times):
            assert service.request("GET", ABSENT)[0] == 404

    ask(20)
    assert total(scrape(service.port), REQUESTS, **STATUS) == 20
    wait_until(lambda: total(scrape(service.port), "bulkimport_database_pool_size") == 16, "two pools")

    victim = min(web_pids(web.pid))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(pids := web_pids(web.pid)) == 2 and victim not in pids, "a replacement")
    ask(10)
    assert total(scrape(service.port), REQUESTS, **STATUS) == 30

    before = web_pids(web.pid)
    web.send_signal(signal.SIGHUP)
    wait_until(lambda: len(pids := web_pids(web.pid)) == 2 and not pids & before, "two new processes")
    ask(10)
    assert total(scrape(service.port), REQUESTS, **STATUS) == 40
    wait_until(lambda: total(scrape(service.port), "bulkimport_database_pool_in_use") == 0, "idle pools")
    # The pools of the old processes are gone, and the new processes may not have opened theirs yet.
    wait_until(lambda: total(scrape(service.port), "bulkimport_database_pool_size") == 16, "two pools")
    assert not [name for name, _, _ in scrape(service.port) if name.startswith("bulkimport_worker_")]

    web.terminate()
    web.wait(20)
    assert list(folders.iterdir()) == []


def test_workers_report_what_they_did(service: Service, worker_port: int, folders: Path) -> None:
    service.start_web(CHUNK_ROWS="500")
    supervisor = service.start_worker(
        single=False, WORKER_CONCURRENCY="2", WORKER_HTTP_PORT=str(worker_port), TMPDIR=str(folders)
    )
    first = wait_until(lambda: len(pids := service.worker_pids()) == 2 and pids, "two workers")
    for port in (service.port, worker_port):
        release = {"version": version("bulkimport"), "python": platform.python_version()}
        assert total(scrape(port), "bulkimport_build_info", **release) == 1
    jobs = [service.upload(csv_file(2_000, bad_every=10, prefix=prefix)) for prefix in "AB"]
    for job in jobs:
        service.wait_for(job)
    wait_until(
        lambda: total(scrape(worker_port), "bulkimport_worker_jobs_finished_total", status="completed") == 2,
        "both are counted",
    )
    os.kill(first[0], signal.SIGKILL)
    wait_until(
        lambda: len(pids := service.worker_pids()) == 2 and first[0] not in pids, "a worker in its place"
    )
    service.wait_for(service.upload(csv_file(100, prefix="C")))
    samples = wait_until(
        lambda: total(now := scrape(worker_port), "bulkimport_worker_jobs_finished_total") == 3 and now,
        "all are counted",
    )

    assert total(samples, "bulkimport_worker_rows_total", outcome="created") == 3_700
    assert total(samples, "bulkimport_worker_rows_total", outcome="failed") == 400
    assert total(samples, "bulkimport_worker_chunks_total", outcome="imported") == 9
    assert total(samples, "bulkimport_worker_chunk_stage_seconds_count", stage="insert") == 9
    assert total(samples, "bulkimport_worker_processes_exited_total") == 1
    assert total(samples, "bulkimport_worker_processes_desired") == 2
    assert not [name for name, _, _ in samples if name.startswith("bulkimport_http_")]
    alive = {int(labels["pid"]) for name, labels, _ in samples if name == HEARTBEAT}
    assert alive == set(service.worker_pids())
    assert (get(worker_port, "/livez")[0], get(worker_port, "/readyz")[0]) == (200, 200)
    assert get(worker_port, "/x")[0] == 404

    supervisor.terminate()
    supervisor.wait(20)
    assert list(folders.iterdir()) == []


def test_a_stopped_worker_shows_in_the_heartbeat_and_the_queue(service: Service, worker_port: int) -> None:
    service.start_web()
    service.start_worker(single=False, WORKER_CONCURRENCY="1", WORKER_HTTP_PORT=str(worker_port))
    (pid,) = wait_until(service.worker_pids, "a worker")

    def heartbeat() -> float:
        return total(scrape(worker_port), HEARTBEAT, pid=str(pid))

    beat = wait_until(heartbeat, "it beats")
    beat = wait_until(lambda: heartbeat() > beat and heartbeat(), "it beats again, with nothing to do")
    os.kill(pid, signal.SIGSTOP)
    try:
        service.upload(csv_file(10))
        last = heartbeat()
        samples = wait_until(
            lambda: total(now := scrape(worker_port), "bulkimport_queue_jobs", state="pending") and now,
            "the job shows as pending",
        )
        assert total(samples, "bulkimport_queue_up") == 1
        assert total(samples, "bulkimport_queue_chunks") == 1
        assert 0 < total(samples, "bulkimport_queue_oldest_pending_seconds") < 30
        assert heartbeat() == last
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: heartbeat() > last, "it beats again")


def test_metrics_are_served_and_workers_stay_alive_without_a_database(
    service: Service, worker_port: int
) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
    service._start(
        ["-m", "bulkimport", "worker"],
        **{**nowhere, "WORKER_CONCURRENCY": "1", "WORKER_HTTP_PORT": str(worker_port)},
    )

    def is_live() -> bool:
        try:
            return get(worker_port, "/livez")[0] == 200 and bool(total(scrape(worker_port), HEARTBEAT))
        except OSError:
            return False

    wait_until(is_live, "the supervisor answers and the worker beats")
    samples = scrape(worker_port)
    assert [value for name, _, value in samples if name == "bulkimport_queue_up"] == [0]
    assert not [name for name, _, _ in samples if name.startswith("bulkimport_queue_") and name[17:] != "up"]
    status, document = get(worker_port, "/readyz")
    assert (status, "The database cannot be reached." in document) == (503, True)


def test_a_port_that_is_in_use_is_reported(service: Service, worker_port: int) -> None:
    with socket.create_server(("127.0.0.1", worker_port)):
        supervisor = service.start_worker(single=False, WORKER_HTTP_PORT=str(worker_port))
        assert supervisor.wait(20) == 1
    refusal = f"bulkimport: cannot listen on port {worker_port} of 127.0.0.1: Address already in use"
    assert refusal in service.log.read_text()
