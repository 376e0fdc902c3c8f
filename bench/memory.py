"""How much memory web and worker need for a large file, against a small one."""

from pathlib import Path

from bench import report
from bench.files import write_file
from bench.report import Measure
from bench.service import client, peak_memory, started, wait_for

MIB = 1024**2
WEB, WORKER = "gunicorn", "worker --single"


def measure(folder: Path) -> list[Measure]:
    """The additional MiB at the peak, in processes that did nothing else."""
    small = peaks(folder, write_file(folder / "tiny.csv", 1_000))
    large = peaks(folder, write_file(folder / "large.csv", 1_000_000))
    return [
        report.median(f"peak memory of {name}, 1,000,000 rows - 1,000, MiB", [(many - few) / MIB], most=most)
        for name, few, many, most in zip(("web", "worker"), small, large, (16, 32), strict=True)
    ]


def peaks(folder: Path, file: Path) -> tuple[int, int]:
    """Peak memory of web and of the worker, in bytes."""
    data = folder / file.stem
    data.mkdir()
    with started(data, workers=1) as service:
        wait_for(service, client(service).upload(file))
        return peak_memory(WEB), peak_memory(WORKER)
