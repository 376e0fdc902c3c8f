"""The picture of the benchmarks."""

from pathlib import Path

from bench import picture
from bench.report import Measure

MEASURES = [
    Measure("rows/s / \\copy", 0.8, 0.6, at_most=False, runs=[0.7, 0.8, 0.9]),
    Measure("status p99 / p50", 5.2, 3, at_most=True, runs=[4.7, 5.2, 8.7]),
    Measure("peak memory, MiB", 6.3, 64, at_most=True, runs=[6.3]),
]


def test_it_is_the_same_for_the_same_measures_and_runs_no_script(tmp_path: Path) -> None:
    for name in ("one.svg", "other.svg"):
        picture.write(MEASURES, tmp_path / name)
    svg = (tmp_path / "one.svg").read_text("utf-8")
    assert svg == (tmp_path / "other.svg").read_text("utf-8")
    assert "<script" not in svg


def test_it_names_each_value_and_its_target(tmp_path: Path) -> None:
    picture.write(MEASURES, tmp_path / "picture.svg")
    svg = (tmp_path / "picture.svg").read_text("utf-8")
    assert "rows/s / \\copy: 0.8 (≥ 0.6)" in svg
    assert "status p99 / p50: 5.2 (≤ 3)" in svg
    assert "peak memory, MiB: 6.3 (≤ 64)" in svg
