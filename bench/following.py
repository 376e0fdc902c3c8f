"""What it costs web that many clients follow their jobs with Prefer: wait."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor

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
    before_s = cpu_seconds(WEB)
    with ThreadPoolExecutor(CLIENTS) as pool:
        followed = [
            pool.submit(_follow, service.settings.port, service.token(int(account_id)), job_id)
            for account_id, job_id in jobs
        ]
        time.sleep(FOLLOWED_S)
        psql(service, FINISH)
        waiting = sum(client.result() for client in followed)
    milliseconds = 1000 * (cpu_seconds(WEB) - before_s) / CLIENTS
    return [
        report.median(f"of {CLIENTS} clients of one web process, waiting", [waiting], least=CLIENTS),
        report.median(f"web CPU per followed job of {FOLLOWED_S} s, milliseconds", [milliseconds], most=5),
    ]


def _follow(port: int, token: str, job_id: str) -> bool:
    """Wait until the job has finished; whether each request was allowed to wait."""
    headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=30"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    status, may_wait = "", True
    while status not in FINAL_STATUSES:
        connection.request("GET", f"/api/v1/assets/bulk/{job_id}", headers=headers)
        with connection.getresponse() as answer:
            status = json.load(answer)["status"]
            may_wait = may_wait and "Preference-Applied" in answer.headers
    connection.close()
    return may_wait
