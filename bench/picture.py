"""The measures as a picture: where each line is between its yardstick and its target."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import pygal
from pygal.style import Style

from bench.report import Measure

GREY, GREEN, RED, BLUE = "#7d8590", "#2da44e", "#cf222e", "#388bfd"  # readable on white and on black
TICKS = (0.5, 1, 2, 4, 8)
LOWEST, HIGHEST = -1.5, 3.5  # what is beyond them is drawn at the edge
ROW_HEIGHT, MARGINS = 26, 130
STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground=GREY,
    foreground_strong=GREY,
    foreground_subtle=GREY,
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=13,
    colors=(GREY, GREEN, RED, BLUE),
)


def write(measures: Sequence[Measure], path: Path) -> None:
    """Write an SVG that is the same for the same measures.

    It shows values relative to their targets on a logarithmic scale; further right is better.
    """
    rows = list(enumerate(reversed(measures)))
    chart = pygal.XY(
        style=STYLE,
        width=1000,
        height=len(rows) * ROW_HEIGHT + MARGINS,
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        truncate_legend=-1,
        truncate_label=-1,
        x_title="times as good as the target",
        no_prefix=True,
        explicit_size=True,
        show_y_guides=False,
        allow_interruptions=True,
        range=(-0.5, len(rows) - 0.5),
        xrange=(LOWEST, HIGHEST),
        x_labels=[{"label": f"{tick:g}", "value": math.log2(tick)} for tick in TICKS],
        y_labels=[{"label": _label(measure), "value": row} for row, measure in rows],
    )
    chart.add("all runs", [point for row, measure in rows for point in _range(row, measure)], show_dots=False)
    for name, is_met in (("met", True), ("missed", False)):
        medians = [(_place(measure, measure.value), row) for row, measure in rows if measure.is_met is is_met]
        chart.add(name, medians, stroke=False, dots_size=5)
    yardsticks = [(_place(measure, 1), row) for row, measure in rows if " / " in measure.name]
    chart.add("yardstick", yardsticks, stroke=False, dots_size=3)
    chart.add_xml_filter(_without_scripts)
    path.write_bytes(chart.render())


def _without_scripts(root: Element) -> Element:
    """A picture in a page runs none."""
    for parent in root.iter("defs"):
        for script in parent.findall("script"):
            parent.remove(script)
    return root


def _place(measure: Measure, value: float) -> float:
    """Where a value is: 0 at the target, and 1 where it is twice as good."""
    place = math.log2(max(value, 0.01) / measure.bar)
    return min(max(-place if measure.at_most else place, LOWEST), HIGHEST)


def _range(row: int, measure: Measure) -> list[tuple[float, int] | None]:
    """A line over all runs; None ends it."""
    return [(_place(measure, min(measure.runs)), row), (_place(measure, max(measure.runs)), row), None]


def _label(measure: Measure) -> str:
    return f"{measure.name}: {measure.value:.3g} ({'≤' if measure.at_most else '≥'} {measure.bar:g})"
