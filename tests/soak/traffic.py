"""What twenty accounts do all day: upload, follow, plan, apply, export, cancel, retry, revert, delete."""

import gzip
import http.client
import io
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from openpyxl import Workbook

from tests.e2e.conftest import FINAL_STATUSES, Service, csv_file

ACCOUNTS = range(101, 121)
CLIENTS = 5  # threads; an account belongs to one of them
JOBS = "/api/v1/assets/bulk"
ANSWERS_WITHIN_S = 60.0
PAUSE_S = 0.05  # between two requests of a client that is refused or has nothing to do
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass
class Account:
    """An account's jobs as the client knows them: accepted and not deleted."""

    number: int
    jobs: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    files: int = 0


@dataclass
class Traffic:
    """What was asked and answered so far: statuses by kind of request, and answers that nobody expects."""

    accounts: Sequence[Account]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    repeated: int = 0


@contextmanager
def running(service: Service, seed: int) -> Iterator[Traffic]:
    """Keep CLIENTS clients busy for as long as the context lasts."""
    traffic, stopping = Traffic([Account(number) for number in ACCOUNTS]), threading.Event()
    clients = [
        Client(service, traffic, traffic.accounts[number::CLIENTS], random.Random(seed + number), stopping)
        for number in range(CLIENTS)
    ]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


class Client:
    """One thread, which does one thing after another for its accounts."""

    def __init__(
        self,
        service: Service,
        traffic: Traffic,
        accounts: Sequence[Account],
        chance: random.Random,
        stopping: threading.Event,
    ) -> None:
        self._service = service
        self._traffic = traffic
        self._accounts = accounts
        self._chance = chance
        self._stopping = stopping
        self._actions: Mapping[Callable[[Account], object], int] = {
            self._upload: 6,
            self._plan_and_apply: 2,
            self._follow: 10,
            self._read: 8,
            self._cancel: 2,
            self._begin: 3,
            self._delete: 2,
        }

    def run(self) -> None:
        """Act until the traffic is to stop."""
        actions, weights = list(self._actions), list(self._actions.values())
        while not self._stopping.is_set():
            (action,) = self._chance.choices(actions, weights)
            action(self._chance.choice(self._accounts))

    def _upload(self, account: Account, options: str = "") -> str | None:
        """A small or a larger file, in one of three forms; the job, unless there are too many."""
        account.files += 1
        rows = self._chance.choice((5, 50, 500, 5_000))
        bad_every = self._chance.choice((0, 7, 50))
        csv = csv_file(rows, bad_every=bad_every, prefix=f"{account.number}-{account.files}")
        body, headers = self._chance.choice((_plain, _compressed, _workbook))(csv)
        return self._new_job(account, "upload", f"{JOBS}{options}", body, headers)

    def _plan_and_apply(self, account: Account) -> None:
        if (job_id := self._upload(account, "?dry_run=true")) and self._is_finished(account, job_id):
            self._call("changes", "GET", f"{JOBS}/{job_id}/changes", account)
            self._new_job(account, "apply", f"{JOBS}/{job_id}/apply", b"", {})

    def _follow(self, account: Account) -> None:
        if account.jobs:
            self._is_finished(account, self._chance.choice(account.jobs[-5:]))

    def _read(self, account: Account) -> None:
        paths = [
            JOBS,
            "/api/v1/assets",
            "/api/v1/assets.csv?import_job_id={}",
            "/api/v1/assets.xlsx?import_job_id={}",
        ]
        paths += [f"{JOBS}/{{}}/errors", f"{JOBS}/{{}}/failed-rows.csv", f"{JOBS}/{{}}/failed-rows.xlsx"]
        path = self._chance.choice(paths[:2] if not account.jobs else paths)
        job_id = self._chance.choice(account.jobs) if account.jobs else ""
        self._call("read", "GET", path.format(job_id), account)

    def _cancel(self, account: Account) -> None:
        if account.jobs:
            self._call("cancel", "POST", f"{JOBS}/{account.jobs[-1]}/cancel", account, b"")

    def _begin(self, account: Account) -> None:
        """Retry or revert."""
        if account.jobs:
            action = self._chance.choice(("retry", "revert"))
            job_id = self._chance.choice(account.jobs)
            self._new_job(account, action, f"{JOBS}/{job_id}/{action}", b"", {})

    def _delete(self, account: Account) -> None:
        if len(account.jobs) > 20:
            job_id = account.jobs[0]
            status, _ = self._call("delete", "DELETE", f"{JOBS}/{job_id}", account)
            if status in (204, 404):  # 404: deleted by the request whose answer was lost
                account.jobs.remove(job_id)
                account.deleted.add(job_id)

    def _new_job(
        self, account: Account, kind: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> str | None:
        headers = {**headers, "Idempotency-Key": str(uuid.uuid4())}
        status, answer = self._call(kind, "POST", path, account, body, headers)
        if status != 202:
            return None
        account.jobs.append(str(answer["job_id"]))
        return account.jobs[-1]

    def _is_finished(self, account: Account, job_id: str) -> bool:
        """Whether the job has finished, after waiting a little for it."""
        status, job = self._call("follow", "GET", f"{JOBS}/{job_id}", account, headers={"Prefer": "wait=2"})
        return status == 200 and job["status"] in FINAL_STATUSES

    def _call(
        self,
        kind: str,
        method: str,
        path: str,
        account: Account,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Repeat the request until it is answered; note an answer that no client should get."""
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while True:
            try:
                status, answer = self._service.request_bytes(
                    method, path, body, account.number, **(headers or {})
                )
            except (OSError, http.client.HTTPException):
                status, answer = 503, b""
            if status != 503 or time.monotonic() > deadline:
                break
            self._traffic.repeated += 1
            self._stopping.wait(PAUSE_S)
        self._traffic.answers[kind, status] += 1
        if status >= 500 or status in (400, 401, 415):
            self._traffic.unexpected.append(f"{method} {path}: {status} {answer[:300]!r}")
        return status, _document(answer)


def _document(answer: bytes) -> Any:
    return json.loads(answer) if answer.startswith(b"{") else {}


def _plain(csv: bytes) -> tuple[bytes, Mapping[str, str]]:
    return csv, {"Content-Type": "text/csv"}


def _compressed(csv: bytes) -> tuple[bytes, Mapping[str, str]]:
    return gzip.compress(csv, 1), {"Content-Type": "text/csv", "Content-Encoding": "gzip"}


def _workbook(csv: bytes) -> tuple[bytes, Mapping[str, str]]:
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet()
    for line in csv.decode().splitlines()[:500]:
        sheet.append(line.replace('"Laptop, ', "Laptop ").replace('"', "").split(","))
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue(), {"Content-Type": XLSX}
