"""Measurements and their targets."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click


@dataclass(frozen=True)
class Measure:
    """One line of the table. `bar` is the target: the minimum of `value`, or its maximum if `at_most`."""

    name: str
    value: float
    bar: float
    at_most: bool
    runs: Sequence[float]

    @property
    def is_met(self) -> bool:
        return self.value <= self.bar if self.at_most else self.value >= self.bar


def median(name: str, runs: Sequence[float], *, least: float = 0, most: float = 0) -> Measure:
    """Make a measure of the median of its runs, and print its line."""
    measure = Measure(
        name, statistics.median(runs), most or least, bool(most), [round(run, 3) for run in runs]
    )
    sign, verdict = ("<=" if most else ">="), ("met" if measure.is_met else "NOT MET")
    spread = f"{min(runs):.2f}-{max(runs):.2f}"
    click.echo(f"{name:64} {measure.value:9.2f}  {sign} {measure.bar:<6g} {verdict:8} {spread}")
    return measure


def write(measures: Sequence[Measure], path: Path) -> None:
    """Write the measures as JSON, with the machine they were taken on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": len(os.sched_getaffinity(0)), "platform": platform.platform()}
    document = {"machine": machine, "measures": [{**asdict(m), "met": m.is_met} for m in measures]}
    path.write_text(json.dumps(document, indent=2) + "\n")
