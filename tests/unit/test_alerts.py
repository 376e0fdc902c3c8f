"""The alerts, the dashboard and the metrics page name the metrics that exist, and no others."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from bulkimport.database.connections import Database
from bulkimport.store.queue import Sample
from bulkimport.telemetry import metrics
from bulkimport.telemetry.build import BuildInfo
from bulkimport.worker.monitoring import Supervised
from bulkimport.worker.queue_monitor import QueueMonitor
from bulkimport.worker.registry import WorkerRegistry

ROOT = Path(__file__).parents[2]
ALERTS = (ROOT / "deploy/alerts.yml").read_text()
DASHBOARD = json.loads((ROOT / "deploy/grafana.json").read_text())
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


class SampledQueue(QueueMonitor):
    """A monitor with a fixed sample."""

    def latest(self) -> Sample | None:
        return Sample(pending=1, processing=1, chunks=2, oldest_pending_s=3.0)


def families() -> dict[str, Metric]:
    """The metric families of web and workers, by name."""
    database = Database("postgresql://nobody@127.0.0.1:1/nowhere", size=1, application_name="test")
    supervised = Supervised(WorkerRegistry(1, None), SampledQueue(database))
    counted = metrics.Summed((*metrics.OF_WEB, *metrics.OF_WORKER), None)
    return {
        family.name: family for family in (*counted.collect(), *supervised.collect(), *BuildInfo().collect())
    }


def label_names() -> dict[str, set[str]]:
    """The label names of each sample, by the sample's name."""
    by_name = {"up": {"job", "instance"}}
    labelled = {metric._name: set(metric._labelnames) for metric in (*metrics.OF_WEB, *metrics.OF_WORKER)}
    for name, family in families().items():
        labels = {label for sample in family.samples for label in sample.labels} | labelled.get(name, set())
        for suffix in SUFFIXES[family.type]:
            by_name[name + suffix] = labels | {"job", "instance"}
    return by_name


def test_every_metric_is_exposed() -> None:
    constants = {value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)}
    assert constants == {*metrics.OF_WEB, *metrics.OF_WORKER}


@pytest.mark.parametrize("source", ["alerts", "dashboard"])
def test_expressions_use_only_existing_metrics_and_labels(source: str) -> None:
    known = label_names()
    assert len(expressions(source)) > 10
    for expression in expressions(source):
        used = re.findall(r"\b(bulkimport_\w+|up)\b(?:\{([^}]*)\})?", expression)
        assert used, expression
        for name, matchers in used:
            assert name in known, name
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= known[name], name
        labels = set.union(*(known[name] for name, _ in used))
        for summed_by in re.findall(r"\bby \(([^)]*)\)", expression):
            assert set(summed_by.split(", ")) <= labels | {"le"}, expression


@pytest.mark.parametrize("source", ["alerts", "dashboard"])
def test_expressions_compare_labels_with_values_that_they_can_have(source: str) -> None:
    closed = {metric._name: set(values) for metric, values in metrics.CLOSED_LABELS}
    asked = re.findall(
        r'(bulkimport_worker_\w+)_total\{\w+(?:=|!~)"([\w|]+)"\}', "\n".join(expressions(source))
    )
    assert len(asked) >= 2
    for name, values in asked:
        assert set(values.split("|")) <= closed[name], (name, values)


def test_the_legend_of_a_panel_names_the_labels_that_its_expression_keeps() -> None:
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            kept = re.search(r"\bby \(([^)]*)\)", target["expr"])
            assert shown == (set(kept[1].split(", ")) - {"le"} if kept else set()), target


@needs_promtool
def test_promtool_accepts_the_expressions_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions("dashboard"))
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert promtool.returncode == 0, promtool.stdout + promtool.stderr


def test_each_alert_has_a_delay_a_severity_a_summary_and_a_runbook() -> None:
    for rule in ALERTS.split("- alert: ")[1:]:
        name = rule.split()[0]
        assert re.search(r"^ +for: \d+m$", rule, re.MULTILINE), name
        assert re.search(r"severity: (critical|warning)", rule), name
        assert re.search(r"^ +summary: \S", rule, re.MULTILINE), name
        assert f"runbook: docs/operations.md#{name.lower()}\n" in rule, name


def test_the_metrics_page_lists_every_metric_with_its_labels() -> None:
    rows = re.findall(
        r"^\| `(bulkimport_\w+)` \|([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    listed = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    exposed = {name + ("_total" if family.type == "counter" else "") for name, family in families().items()}
    labels = label_names()
    assert set(listed) == exposed
    for name, listed_labels in listed.items():
        of_samples = labels.get(name) or labels[f"{name}_count"]
        heartbeat = {"pid"} if name == "bulkimport_worker_heartbeat_timestamp_seconds" else set()
        assert listed_labels == (of_samples - {"job", "instance", "le"}) | heartbeat, name


@needs_promtool
@pytest.mark.parametrize(
    "command", ["check rules deploy/alerts.yml", "test rules tests/unit/alerts_test.yml"]
)
def test_promtool_accepts_the_rules(command: str) -> None:
    promtool = subprocess.run(
        ["promtool", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert promtool.returncode == 0, promtool.stdout + promtool.stderr


def test_each_alert_fires_in_the_rules_test() -> None:
    fired = re.findall(r'alertname="(\w+)"', (ROOT / "tests/unit/alerts_test.yml").read_text())
    assert fired == re.findall(r"- alert: (\w+)", ALERTS)


def expressions(source: str) -> list[str]:
    """The queries of the "alerts" or of the "dashboard"."""
    if source == "alerts":
        return re.findall(r"expr: (.*?)\n +for:", ALERTS, re.DOTALL)
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
