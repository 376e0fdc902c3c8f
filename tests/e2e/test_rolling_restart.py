"""HUP under load, each time with the code of another release: every request is answered."""

import http.client
import json
import re
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import bulkimport
from tests.conftest import bearer, csv_of
from tests.e2e.conftest import Service, wait_until
from tests.support.nginx import needs_nginx, running_nginx

BULK = "/api/v1/assets/bulk"
READERS, UPLOADERS, RESTARTS = 4, 4, 3
REQUESTS_BETWEEN = 150  # answers from each generation before the next one


ANSWER_ENDS = 'headers += (NO_SNIFFING, ("X-Request-ID", begun.request_id))'


@needs_nginx
def test_no_request_through_nginx_is_lost(service: Service, tmp_path: Path) -> None:
    source = start_from_a_copy(service, tmp_path)
    with running_nginx(service, tmp_path / "nginx") as nginx:
        require_nothing_lost(service, source, nginx.port)


def test_no_request_to_gunicorn_is_lost(service: Service, tmp_path: Path) -> None:
    source = start_from_a_copy(service, tmp_path)
    require_nothing_lost(service, source, service.port)


def start_from_a_copy(service: Service, tmp_path: Path) -> Path:
    """Start web from a copy of the source, which stands for the folder of the installed release."""
    source = tmp_path / "release" / "bulkimport"
    shutil.copytree(Path(bulkimport.__file__).parent, source)
    service.start_web(PYTHONPATH=str(source.parent), WEB_CONCURRENCY="2")
    return source


def install(source: Path, release: int) -> None:
    """Install a release whose answers name it."""
    module = source / "web" / "request_log.py"
    text = re.sub(r"\n *headers.append.*X-Release.*", "", module.read_text("utf-8"))
    assert text.count(ANSWER_ENDS) == 1
    # Python distinguishes files that were written within one second only by their size.
    named = f"{ANSWER_ENDS}\n            headers.append(('X-Release', '{release}'))  # {'.' * release}"
    module.write_text(text.replace(ANSWER_ENDS, named), "utf-8")


def require_nothing_lost(service: Service, source: Path, port: int) -> None:
    (web,) = service.processes
    load = Load(port, service.upload(csv_of("A")))
    threads = [
        *(threading.Thread(target=load.read, args=(number,)) for number in range(READERS)),
        threading.Thread(target=load.wait, args=(0,)),
        *(threading.Thread(target=load.upload, args=(number,)) for number in range(UPLOADERS)),
    ]
    for thread in threads:
        thread.start()
    try:
        for release in range(1, RESTARTS + 1):
            answered = load.answered
            install(source, release)
            web.send_signal(signal.SIGHUP)
            wait_until(lambda: str(release) in load.releases, "the new release answers")  # noqa: B023
            wait_until(lambda: load.answered > answered + REQUESTS_BETWEEN, "the load goes on")  # noqa: B023
        load.releases.clear()
        wait_until(lambda: load.seen_alone(str(RESTARTS)), "only the last release answers")
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join()
    assert load.lost == []
    stored = service.db.rows("SELECT id::text FROM trakrf.bulk_import_jobs")
    assert {job_id for (job_id,) in stored} == {load.job_id, *load.jobs}, "each upload once"


@dataclass
class Load:
    """Sends requests one after the other on several persistent connections until it is stopped."""

    port: int
    job_id: str
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    releases: set[str] = field(default_factory=set)
    jobs: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, number: int) -> None:
        self._repeat(number, "GET", f"{BULK}/{self.job_id}", lambda _: None, 200)

    def wait(self, number: int) -> None:
        """Requests that take long: no worker finishes the job that they wait for."""
        self._repeat(number, "GET", f"{BULK}/{self.job_id}", lambda _: None, 200, Prefer="wait=1")

    def upload(self, number: int) -> None:
        self._repeat(number, "POST", BULK, lambda turn: csv_of(f"U{number}-{turn}"), 202)

    def _repeat(
        self,
        number: int,
        method: str,
        path: str,
        body: Callable[[int], bytes | None],
        expected: int,
        **headers: str,
    ) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        turn = 0
        while not self.stopping.is_set():
            turn += 1
            try:
                connection.request(
                    method, path, body(turn), {**bearer(), "Content-Type": "text/csv", **headers}
                )
                response = connection.getresponse()
                document = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._lose(f"{method} {number}-{turn}: {error!r}")
                connection.close()
                continue
            with self.lock:
                self.answered += 1
                if response.status != expected:
                    self.lost.append(f"{method} {number}-{turn}: {response.status} {document[:200]!r}")
                elif method == "POST":
                    self.jobs.append(json.loads(document)["job_id"])
                self.releases.add(response.headers.get("X-Release", "old"))
        connection.close()

    def _lose(self, request: str) -> None:
        with self.lock:
            self.lost.append(request)

    def seen_alone(self, release: str) -> bool:
        """Whether only this release has answered since the last call."""
        with self.lock:
            alone = self.releases == {release}
            self.releases.clear()
        return alone
