"""make bench: takes all measurements, and shows them as a table, as JSON and as a picture."""

import tempfile
from pathlib import Path

import click

from bench import claims, exports, following, imports, memory, picture, plans, report, requests, updates
from bench.service import started

GROUPS = ("imports", "updates", "requests", "following", "claims", "plans", "exports", "memory")
PICTURE = Path("docs/images/performance.svg")


@click.command()
@click.argument("groups", nargs=-1, type=click.Choice(GROUPS))
@click.option("--runs", default=5, show_default=True, help="Runs per measure; the median counts.")
@click.option(
    "--output",
    default="var/bench.json",
    type=click.Path(path_type=Path),
    show_default=True,
    help="JSON file to write.",
)
def main(groups: tuple[str, ...], runs: int, output: Path) -> None:
    """Measure the service on this machine, or only GROUPS of it; exit with 1 if a target is missed."""
    groups, measures = groups or GROUPS, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(folder, workers=1) as service:
            if "imports" in groups:
                measures += imports.one_worker(service, folder, runs)
                measures += imports.large_files(service, folder, runs)
                measures += imports.small_behind_large(service, folder, runs)
                measures += imports.small_file(service, folder, runs)
            if "updates" in groups:
                measures += updates.measure(service, folder, runs)
            if "requests" in groups:
                measures += requests.measure(service, folder, runs)
            if "following" in groups:
                measures += following.measure(service)
        if "imports" in groups:
            with started(folder, workers=2) as service:
                measures += imports.two_workers(service, folder, runs)
        if "claims" in groups:
            measures += claims.measure(folder, runs)
        if "plans" in groups:
            measures += plans.measure(folder, runs)
        if "exports" in groups:
            measures += exports.measure(folder, runs)
        if "memory" in groups:
            measures += memory.measure(folder)
    report.write(measures, output)
    if groups == GROUPS:
        picture.write(measures, PICTURE)
    raise SystemExit(0 if all(measure.is_met for measure in measures) else 1)


if __name__ == "__main__":
    main()
