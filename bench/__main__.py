"""make bench: takes all measurements, and shows them as a table and as JSON."""

import tempfile
from pathlib import Path

import click

from bench import claims, imports, memory, report, requests
from bench.service import started


@click.command()
@click.option("--runs", default=5, show_default=True, help="Runs per measure; the median counts.")
@click.option(
    "--output",
    default="var/bench.json",
    type=click.Path(path_type=Path),
    show_default=True,
    help="JSON file to write.",
)
def main(runs: int, output: Path) -> None:
    """Measure the service on this machine; exit with 1 if a target is missed."""
    measures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder, workers=1) as service:
            measures += imports.one_worker(service, folder, runs)
            measures += requests.measure(service, folder, runs)
            measures += imports.large_files(service, folder, runs)
            measures += imports.small_behind_large(service, folder, runs)
        with started(folder, workers=2) as service:
            measures += imports.two_workers(service, folder, runs)
        measures += claims.measure(folder, runs)
        measures += memory.measure(folder)
    report.write(measures, output)
    raise SystemExit(0 if all(measure.is_met for measure in measures) else 1)


if __name__ == "__main__":
    main()
