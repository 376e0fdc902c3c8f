"""The alerts and the page of metrics name what is told, and nothing else."""

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
from bulkimport.worker.monitoring import Supervised
from bulkimport.worker.queue_monitor import QueueMonitor
from bulkimport.worker.registry import Crew

ROOT = Path(__file__).parents[2]
ALERTS = (ROOT / "deploy/alerts.yml").read_text()
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


class SampledQueue(QueueMonitor):
    """A queue as it was once."""

    def latest(self) -> Sample | None:
        return Sample(pending=1, processing=1, chunks=2, oldest_pending_s=3.0)


def families() -> dict[str, Metric]:
    """What web and workers tell, by name."""
    database = Database("postgresql://nobody@127.0.0.1:1/nowhere", size=1, application_name="test")
    supervised = Supervised(Crew(1, None), SampledQueue(database))
    told = metrics.Summed((*metrics.OF_WEB, *metrics.OF_WORKER), None)
    return {family.name: family for family in (*told.collect(), *supervised.collect())}


def label_names() -> dict[str, set[str]]:
    """Those of each sample name."""
    by_name = {"up": {"job", "instance"}}
    labelled = {metric._name: set(metric._labelnames) for metric in (*metrics.OF_WEB, *metrics.OF_WORKER)}
    for name, family in families().items():
        found = {label for sample in family.samples for label in sample.labels} | labelled.get(name, set())
        for suffix in SUFFIXES[family.type]:
            by_name[name + suffix] = found | {"job", "instance"}
    return by_name


def test_no_metric_is_forgotten() -> None:
    constants = {value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)}
    assert constants == {*metrics.OF_WEB, *metrics.OF_WORKER}


def test_alerts_name_only_metrics_that_are_told_with_labels_that_they_have() -> None:
    known = label_names()
    used = re.findall(r"\b(bulkimport_\w+|up)\b(?:\{([^}]*)\})?", "\n".join(expressions()))
    assert len(used) > 20
    for name, matchers in used:
        assert name in known, name
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= known[name], name


def test_alerts_ask_for_values_that_a_label_can_have() -> None:
    closed = {metric._name: set(values) for metric, values in metrics.CLOSED_LABELS}
    asked = re.findall(r'(bulkimport_worker_\w+)_total\{\w+="(\w+)"\}', "\n".join(expressions()))
    assert len(asked) > 3
    for name, value in asked:
        assert value in closed[name], (name, value)


def test_each_alert_waits_weighs_and_tells_what_to_do() -> None:
    for rule in ALERTS.split("- alert: ")[1:]:
        name = rule.split()[0]
        assert re.search(r"^ +for: \d+m$", rule, re.MULTILINE), name
        assert re.search(r"severity: (critical|warning)", rule), name
        assert re.search(r"^ +summary: \S", rule, re.MULTILINE), name
        assert f"runbook: docs/operations.md#{name.lower()}\n" in rule, name


def test_the_page_of_metrics_lists_those_that_are_told_with_their_labels() -> None:
    rows = re.findall(
        r"^\| `(bulkimport_\w+)` \|([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
    )
    listed = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    told = {name + ("_total" if family.type == "counter" else "") for name, family in families().items()}
    labels = label_names()
    assert set(listed) == told
    for name, found in listed.items():
        of_samples = labels.get(name) or labels[f"{name}_count"]
        heartbeat = {"pid"} if name == "bulkimport_worker_heartbeat_timestamp_seconds" else set()
        assert found == (of_samples - {"job", "instance", "le"}) | heartbeat, name


@needs_promtool
@pytest.mark.parametrize(
    "command", ["check rules deploy/alerts.yml", "test rules tests/unit/alerts_test.yml"]
)
def test_promtool_is_content(command: str) -> None:
    done = subprocess.run(
        ["promtool", *command.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_fired_by_the_rules_test() -> None:
    fired = re.findall(r'alertname="(\w+)"', (ROOT / "tests/unit/alerts_test.yml").read_text())
    assert fired == re.findall(r"- alert: (\w+)", ALERTS)


def expressions() -> list[str]:
    return re.findall(r"expr: (.*?)\n +for:", ALERTS, re.DOTALL)
