"""How long a chunk takes that changes assets of a large account, compared with one that creates as many."""

from pathlib import Path

from bench import report
from bench.files import write_file
from bench.imports import ratios, timed_upload
from bench.report import Measure
from bench.service import forget_everything, psql
from bulkimport.devserver.run import Service

ASSETS, ROWS = 1_000_000, 5_000
# As write_file writes them, with other names.
FILL = f"""
    INSERT INTO trakrf.assets (account_id, identifier, name, type, description, valid_from, valid_to)
    SELECT 1, 'AST-' || to_char(n, 'FM0000000'), 'Laptop, no. ' || n, 'device', 'Desk ' || n % 500,
           date '2024-01-01' + n % 28, date '2027-01-01' + n % 28
    FROM generate_series(0, {ASSETS - 1}) AS n
"""


def measure(service: Service, folder: Path, runs: int) -> list[Measure]:
    """Measure one chunk of rows, from the 202 until its job is `completed`."""
    forget_everything(service)
    psql(service, FILL, "VACUUM ANALYZE trakrf.assets", "CHECKPOINT")
    inserts, updates = [], []
    for run in range(runs + 1):
        # Other assets each time, far from those of the last run.
        existing = write_file(folder / "existing.csv", ROWS, first=run * ASSETS // (runs + 1))
        new = write_file(folder / "new.csv", ROWS, prefix=f"NEW{run}")
        inserts.append(_timed(service, new, {}))
        updates.append(_timed(service, existing, {"on_conflict": "update"}))
    name = "chunk with on_conflict=update, 1,000,000 assets / inserted"
    return [report.median(name, ratios(updates[1:], inserts[1:]), most=2.5)]


def _timed(service: Service, file: Path, options: dict[str, str]) -> float:
    upload, job = timed_upload(service, file, options)
    return job - upload
