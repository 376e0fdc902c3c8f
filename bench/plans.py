"""What part of a dry run's time is spent on its plan."""

import re
import urllib.request
from pathlib import Path

from bench import report
from bench.files import write_file
from bench.report import Measure
from bench.service import client, forget_everything, started, wait_for
from bulkimport.devserver import run

ROWS = 100_000
SECONDS = {
    "plan": re.compile(r'^bulkimport_worker_chunk_stage_seconds_sum\{stage="plan"\} (\S+)', re.MULTILINE),
    "all": re.compile(r"^bulkimport_worker_chunk_seconds_sum(?:\{[^}]*\})? (\S+)", re.MULTILINE),
}


def measure(folder: Path, runs: int) -> list[Measure]:
    """Measure dry runs of new rows, and of rows of which each would change a field of its asset."""
    file, port = write_file(folder / "small.csv", ROWS), run.free_port()
    changed = folder / "changed.csv"
    changed.write_text(file.read_text().replace("Desk ", "Table "))
    data = folder / "plans"
    data.mkdir()
    with started(data, workers=1, WORKER_HTTP_PORT=str(port)) as service:

        def shares(path: Path, **options: str) -> list[float]:
            """In each run, the part of the worker's time."""
            parts = []
            for _ in range(runs):
                before = _seconds(port)
                job_id = client(service).upload(path, {"dry_run": "true", **options})
                wait_for(service, job_id)
                spent = {name: after - before[name] for name, after in _seconds(port).items()}
                parts.append(spent["plan"] / spent["all"])
            return parts

        forget_everything(service)
        new = shares(file)
        wait_for(service, client(service).upload(file))
        updated = shares(changed, on_conflict="update")
    return [
        report.median("part of a dry run's time that its plan takes, new rows", new, most=0.3),
        report.median("part of a dry run's time that its plan takes, updates", updated, most=0.3),
    ]


def _seconds(port: int) -> dict[str, float]:
    """The worker's time so far, by its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        exposition = response.read().decode()
    return {name: sum(map(float, pattern.findall(exposition))) for name, pattern in SECONDS.items()}
