"""What it costs web that many clients follow their jobs with Prefer: wait."""

import http.client
import json
import threading
import time

from bench import report
from bench.report import Measure
from bench.service import cpu_seconds, forget_everything, psql
from bulkimport.devserver.run import Service
from bulkimport.store.jobs import FINAL_STATUSES

CLIENTS, ACCOUNTS = 100, 5  # an account may have 20 unfinished jobs
FOLLOWED_S = 60
WEB = "bulkimport.app:create_app"
JOBS = f"""
    INSERT INTO trakrf.accounts (id, name)
    SELECT 1000 + n, 'followed' FROM generate_series(1, {ACCOUNTS}) AS n
    ON CONFLICT DO NOTHING;
    INSERT INTO trakrf.bulk_import_jobs (account_id, status, total_rows)
    SELECT 1001 + n % {ACCOUNTS}, 'processing', 100 FROM generate_series(1, {CLIENTS}) AS n
    RETURNING account_id, id
"""
FINISH = """
    UPDATE trakrf.bulk_import_jobs
    SET status = 'completed', processed_rows = 100, completed_at = now()
"""


def measure(service: Service) -> list[Measure]:
    """Measure how many clients wait at the same time, and web's processor time per job."""
    forget_everything(service)
    jobs = [line.split("|") for line in psql(service, JOBS).splitlines()]
    refused: list[str] = []
    clients = [
        threading.Thread(
            target=_follow, args=(service.settings.port, service.token(int(account_id)), job_id, refused)
        )
        for account_id, job_id in jobs
    ]
    before_s = cpu_seconds(WEB)
    for client in clients:
        client.start()
    time.sleep(FOLLOWED_S)
    psql(service, FINISH)
    for client in clients:
        client.join()
    milliseconds = 1000 * (cpu_seconds(WEB) - before_s) / CLIENTS
    waiting = len(jobs) - len(set(refused))
    return [
        report.median(f"of {CLIENTS} clients of one web process, waiting", [waiting], least=CLIENTS),
        report.median(f"web CPU per followed job of {FOLLOWED_S} s, milliseconds", [milliseconds], most=5),
    ]


def _follow(service: Service, account_id: int, job_id: str, refused: list[str]) -> None:
    """Wait until the job has finished; add its id to `refused` whenever a request was not allowed to wait."""
    headers = {"Authorization": f"Bearer {service.token(account_id)}", "Prefer": "wait=30"}
    connection = http.client.HTTPConnection("127.0.0.1", service.settings.port)
    status = ""
    while status not in FINAL_STATUSES:
        connection.request("GET", f"/api/v1/assets/bulk/{job_id}", headers=headers)
        with connection.getresponse() as answer:
            status = json.load(answer)["status"]
            if "Preference-Applied" not in answer.headers:
                refused.append(job_id)
    connection.close()
