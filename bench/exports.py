"""How fast all assets of an account are exported, compared with psql's \\copy, and in how much memory."""

import shutil
import time
from pathlib import Path
from urllib.request import Request, urlopen

from bench import imports, report
from bench.files import COLUMNS, write_file
from bench.memory import MIB, WEB
from bench.report import Measure
from bench.service import peak_memory, psql, started
from bulkimport.devserver.run import Service

ROWS = 1_000_000
BLOCK_BYTES = 1024**2


def measure(folder: Path, runs: int) -> list[Measure]:
    """The speed of an export as a ratio, and the additional MiB at the peak of a web process for it."""
    data = folder / "exports"
    data.mkdir()
    with started(data, workers=1) as service:
        imports.timed_copy(service, write_file(folder / "exported.csv", ROWS))
        psql(service, "VACUUM ANALYZE trakrf.assets")
        timed_export(service, data / "one.csv", "?identifier=AST-0000001")
        few = peak_memory(WEB)
        ratios = [
            timed_copy(service, data / "copied.csv") / timed_export(service, data / "exported.csv")
            for _ in range(runs)
        ]
        many = peak_memory(WEB)
    return [
        report.median("export of 1,000,000 assets / \\copy (SELECT …) TO", ratios, least=0.5),
        report.median("peak memory of web, 1,000,000 assets - 1, MiB", [(many - few) / MIB], most=16),
    ]


def timed_copy(service: Service, file: Path) -> float:
    """How many seconds \\copy takes as a role that is bound by row-level security."""
    select = f"SELECT {COLUMNS}, version FROM trakrf.assets WHERE account_id = 1 AND deleted_at IS NULL"
    started_at = time.monotonic()
    psql(
        service,
        "SET ROLE bulkimport_web",
        "SELECT set_config('app.current_account_id', '1', false)",
        f"\\copy ({select} ORDER BY id) TO '{file}' CSV HEADER",
    )
    return time.monotonic() - started_at


def timed_export(service: Service, file: Path, query: str = "") -> float:
    """How many seconds a client takes to download the assets."""
    request = Request(f"{service.url}/api/v1/assets.csv{query}")
    request.add_header("Authorization", f"Bearer {service.token(1)}")
    started_at = time.monotonic()
    with urlopen(request) as response, file.open("wb") as output:
        shutil.copyfileobj(response, output, BLOCK_BYTES)
    return time.monotonic() - started_at
